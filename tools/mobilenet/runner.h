/* SPDX-License-Identifier: Apache-2.0
 * A model made ready to run: pool, plan and session by the common options. */
#ifndef MOBILENET_TOOL_RUNNER_H
#define MOBILENET_TOOL_RUNNER_H

#include "open_model.h"

typedef struct cli_runner {
  opened_model opened;
  mn_threads *threads;
  mn_plan *plan;
  mn_session *session;
  double ready_ms; /* open, plan and session together */
} cli_runner;

/* Sizes that a verb binds; 0 = the model's own. */
typedef struct runner_sizes {
  int32_t batch, height, width;
  bool keep_all;
} runner_sizes;

/* A plan of the opened model by --threads and --isa, for another goal than --plan's too. */
int runner_plan(mn_plan **plan, const cli_runner *runner, const cli_options *options,
                const runner_sizes *sizes, mn_plan_goal goal);
/* Makes plan and session of an opened model by --threads, --isa and --plan. */
int runner_prepare(cli_runner *runner, const cli_options *options, const runner_sizes *sizes);
/* Opens the model (`spec` as for model_open) and prepares it. */
int runner_open(cli_runner *runner, const cli_options *options, const char *spec,
                const runner_sizes *sizes);
/* Whether the model says how pictures are fed, before any is read. EXIT_DONE, or another exit code
 * after saying what is missing. */
int runner_check_pictures(const cli_runner *runner);
void runner_close(cli_runner *runner);

#endif
