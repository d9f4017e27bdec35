/* SPDX-License-Identifier: Apache-2.0
 * Scoring a data set with several threads: each decodes and runs its own pictures in its own
 * session of one shared plan. What is taken from a run, and what is made of it all, is the task's.
 * The result does not depend on how many threads there are. */
#ifndef MOBILENET_TOOL_EVAL_WORKERS_H
#define MOBILENET_TOOL_EVAL_WORKERS_H

#include "mobilenet/io.h"
#include "runner.h"

typedef enum picture_state { PICTURE_OPEN, PICTURE_FAILED, PICTURE_SCORED } picture_state;

typedef struct eval_picture {
  picture_state state;
  int32_t width, height;
  char *complaint; /* why it failed, or NULL */
} eval_picture;

typedef struct evaluation evaluation;

/* What one task does with the outputs. */
typedef struct eval_task {
  /* Makes evaluation.results. An exit code. */
  int (*prepare)(evaluation *eval);
  /* Keeps what a session found in picture `index`; called by several threads. A picture's own
   * fault is told by evaluation_complain, any other error ends the evaluation. */
  mn_status (*score)(evaluation *eval, const mn_session *session, int slot, int64_t index,
                     mn_error *err);
  /* Prints the scores of `ms`. An exit code. */
  int (*report)(const evaluation *eval, const cli_options *options, double ms);
  void (*free)(evaluation *eval);
} eval_task;

extern const eval_task eval_classes, eval_boxes, eval_masks;

struct evaluation {
  cli_runner runner; /* the plan of one thread and `batch` pictures */
  const eval_task *task;
  const char *data; /* what the user calls it */
  mn_dataset *dataset;
  int64_t count;
  int batch, workers;
  eval_picture *pictures; /* [count] */
  void *results;          /* the task's */
  int64_t failed;
};

/* Opens the model, plans it, and sees that it takes pictures. */
int evaluation_prepare(evaluation *eval, const cli_options *options);
/* Runs every picture, with a progress bar; names what failed. Ctrl-C leaves the rest open. */
int evaluation_run(evaluation *eval);
/* Picture `index` cannot be scored. */
void evaluation_complain(evaluation *eval, int64_t index, const char *text);
/* The model, and how many pictures were scored how fast. */
void evaluation_print_head(const evaluation *eval, double ms);
int64_t evaluation_scored(const evaluation *eval);
void evaluation_free(evaluation *eval);

#endif
