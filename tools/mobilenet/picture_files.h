/* SPDX-License-Identifier: Apache-2.0
 * FOLDER/NAME.png of every picture, for verbs that draw what they found: on the photo, or with
 * --over on what another verb drew of it. */
#ifndef MOBILENET_TOOL_PICTURE_FILES_H
#define MOBILENET_TOOL_PICTURE_FILES_H

#include "draw.h"
#include "output_names.h"
#include "picture_job.h"

typedef struct picture_files {
  output_names names;
  char *last; /* the file just drawn, or NULL */
} picture_files;

/* Makes names and the folder that -o names, if it does. An exit code. */
int picture_files_begin(picture_files *files, const picture_job *job);
void picture_files_free(picture_files *files);

/* What a verb adds to the picture; false after saying why not. */
typedef bool picture_files_fn(const picture_job *job, draw_canvas *canvas);

/* Draws the picture in hand. An exit code, after saying what went wrong. */
int picture_files_draw(picture_files *files, const picture_job *job, picture_files_fn *add);
/* "  drawn: FILE", if there is one. */
void picture_files_print(const picture_files *files);

#endif
