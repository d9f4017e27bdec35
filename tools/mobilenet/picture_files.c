/* SPDX-License-Identifier: Apache-2.0
 * See picture_files.h. */
#include "picture_files.h"

#include <stdlib.h>

#include "message.h"
#include "new_file.h"
#include "terminal.h"

int picture_files_begin(picture_files *files, const picture_job *job) {
  const char *folder = job->options->text[OPTION_OUT];
  if (!folder && job->options->text[OPTION_OVER]) {
    say("--over says what to draw on: say where the pictures go, -o FOLDER");
    return EXIT_USAGE;
  }
  if (!folder) return EXIT_DONE;
  if (!output_names_make(&files->names, &job->pictures)) return say_out_of_memory();
  return folder_make(folder, "-o") ? EXIT_DONE : EXIT_UNUSABLE;
}

void picture_files_free(picture_files *files) {
  output_names_free(&files->names);
  free(files->last);
}

/* What is drawn beneath a photo makes it higher, never wider. */
static draw_canvas *canvas_on(const picture_job *job, const char *path, const mn_image *drawn) {
  if (drawn->width == job->image->width && drawn->height >= job->image->height) {
    return draw_canvas_new(drawn, path);
  }
  say("%s: it is %d x %d, no drawing of %s, which is %d x %d (small photos are drawn enlarged)",
      path, drawn->width, drawn->height, job->path, job->image->width, job->image->height);
  return NULL;
}

static draw_canvas *canvas_over(const picture_files *files, const picture_job *job,
                                const char *folder) {
  mn_picture *picture = NULL;
  mn_error err;
  draw_canvas *canvas = NULL;
  char *path = output_path(&files->names, job->index, folder);
  if (!path) {
    say_out_of_memory();
  } else if (mn_picture_read(&picture, path, NULL, &err)) {
    say_error(&err);
  } else {
    canvas = canvas_on(job, path, mn_picture_image(picture));
  }
  mn_picture_free(picture);
  free(path);
  return canvas;
}

int picture_files_draw(picture_files *files, const picture_job *job, picture_files_fn *add) {
  const char *over = job->options->text[OPTION_OVER];
  free(files->last);
  files->last = output_path(&files->names, job->index, job->options->text[OPTION_OUT]);
  if (!files->last) return say_out_of_memory();
  draw_canvas *canvas =
      over ? canvas_over(files, job, over) : draw_canvas_new(job->image, job->path);
  const bool done = canvas && add(job, canvas) && draw_canvas_write(canvas, files->last);
  draw_canvas_free(canvas);
  if (done) return EXIT_DONE;
  free(files->last);
  files->last = NULL;
  return EXIT_SOME_FAILED;
}

void picture_files_print(const picture_files *files) {
  if (!files->last) return;
  fputs("  drawn: ", stdout);
  print_safe(stdout, files->last);
  putchar('\n');
}
