/* SPDX-License-Identifier: Apache-2.0
 * What classify, detect and segment share: the model of a task, every picture that the arguments
 * name through it, the time of each part, and what happens when a picture or the model fails. */
#ifndef MOBILENET_TOOL_PICTURE_JOB_H
#define MOBILENET_TOOL_PICTURE_JOB_H

#include "json_writer.h"
#include "mobilenet/io.h"
#include "picture_list.h"
#include "runner.h"

typedef struct picture_times {
  double decode, preprocess, infer, post, draw; /* milliseconds */
} picture_times;

typedef struct picture_job {
  const cli_options *options;
  cli_runner runner;
  picture_list pictures;
  int index; /* of the picture in hand */
  const char *path;
  const mn_image *image;
  picture_times ms;
  bool as_json;
  void *own; /* the verb's */
} picture_job;

typedef struct picture_verb {
  mn_task task;
  /* Once, with the model open and all pictures listed: memory, folders. An exit code. */
  int (*begin)(picture_job *job);
  /* Takes the answer for position 0 out of the session. */
  mn_status (*answer)(picture_job *job, mn_error *err);
  /* Writes files about the picture in hand, or NULL. An exit code, after saying what went wrong. */
  int (*draw)(picture_job *job);
  /* Prints the answer: a JSON line, or for people, between the picture's name and its times. */
  void (*print_json)(const picture_job *job);
  void (*print_text)(const picture_job *job);
} picture_verb;

/* Opens the model and does every picture; the exit code. `own` stays the caller's. */
int picture_job_run(const picture_verb *verb, const cli_options *options, void *own);

/* The picture's line: its path first; last "ms", with decode, preprocess, infer, post, and draw
 * when files are written. */
json_writer json_picture_begin(const picture_job *job);
void json_picture_end(json_writer *line, const picture_job *job);

#endif
