/* SPDX-License-Identifier: Apache-2.0
 * The steps of `bench --profile`: the time of each, and how near it comes to what this machine can
 * do. A step's ceiling is the longer of two times: its multiply-adds at the peak of registers
 * alone, and its bytes at the speed they can be read, activations from a block that stays near the
 * core and weights from one as large as everything that a run touches. */
#ifndef MN_TOOL_BENCH_PROFILE_H
#define MN_TOOL_BENCH_PROFILE_H

#include <stdbool.h>

#include "json_writer.h"
#include "mobilenet/mobilenet.h"

/* Of all threads together, a second. */
typedef struct machine_ceiling {
  double f32_macs, bf16_macs, q8_macs, near_bytes, far_bytes;
} machine_ceiling;

typedef struct bench_profile {
  const mn_plan *plan;
  double *times;   /* [step_count][kept]: of the last runs */
  double *step_ms; /* [step_count]: medians, which no single interruption can move */
  int step_count, kept, run;
  double since; /* when the current step began */
  machine_ceiling ceiling;
} bench_profile;

/* Measures the machine, and from now on every step of the session. False: out of memory. */
bool profile_begin(bench_profile *profile, const mn_plan *plan, mn_session *session, int runs);
void profile_measure_machine(bench_profile *profile, const char *isa, int threads);
/* Forgets what was measured so far. */
void profile_restart(bench_profile *profile);
/* Medians over `runs` runs. */
void profile_settle(bench_profile *profile, int runs);
void profile_end(bench_profile *profile);

/* After settling. `model` tells what is left out of its layers' names. */
void profile_print(const bench_profile *profile, const mn_model *model);
void profile_json(json_writer *line, const bench_profile *profile);

#endif
