/* SPDX-License-Identifier: Apache-2.0
 * Scoring a data set with several threads: each decodes and runs its own pictures in its own
 * session of one shared plan. The result does not depend on how many there are. */
#ifndef MOBILENET_TOOL_EVAL_WORKERS_H
#define MOBILENET_TOOL_EVAL_WORKERS_H

#include "mobilenet/io.h"
#include "runner.h"

enum { RANK_FAILED = -2, RANK_OPEN = -1, RANK_BELOW = 127 };

typedef struct evaluation {
  cli_runner runner; /* the plan of one thread and `batch` pictures */
  mn_dataset *dataset;
  int64_t count;
  int batch, workers;
  int8_t *ranks;     /* [count] 0..4: place of the true class among the best five */
  char **complaints; /* [count] why a picture failed, or NULL */
  int64_t failed;
} evaluation;

/* Opens the model, plans it, and sees that it takes pictures. */
int evaluation_prepare(evaluation *eval, const cli_options *options);
/* Fills ranks and complaints, with a progress bar; names what failed. Ctrl-C
 * leaves the rest open. */
int evaluation_run(evaluation *eval);
void evaluation_free(evaluation *eval);

#endif
