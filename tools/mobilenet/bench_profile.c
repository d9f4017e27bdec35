/* SPDX-License-Identifier: Apache-2.0
 * Steps of a profile: measured, compared with the machine, shown. */
#include "bench_profile.h"

#include <stdlib.h>

#include "layer_name.h"
#include "machine_peak.h"
#include "stopwatch.h"
#include "terminal.h"

enum { KEPT_MOST = 1000, NEAR_BYTES = 512 << 10, FAR_LEAST = 1 << 20, FAR_MOST = 256 << 20 };

/* ---- Measuring ------------------------------------------------------------------------------ */

static void on_step(void *user, int step) {
  bench_profile *profile = user;
  double now = now_ms();
  if (step > 0) {
    profile->times[(step - 1) * profile->kept + profile->run % profile->kept] =
        now - profile->since;
  }
  if (step == profile->step_count) profile->run++;
  profile->since = now_ms();
}

bool profile_begin(bench_profile *profile, const mn_plan *plan, mn_session *session, int runs) {
  profile->plan = plan;
  profile->kept = runs < KEPT_MOST ? runs : KEPT_MOST;
  profile->step_count = mn_plan_step_count(plan);
  const size_t steps = (size_t)profile->step_count + 1;
  profile->step_ms = calloc(steps, sizeof *profile->step_ms);
  profile->times = calloc(steps * (size_t)profile->kept, sizeof *profile->times);
  if (!profile->step_ms || !profile->times) return false;
  mn_session_on_step(session, on_step, profile);
  return true;
}

void profile_measure_machine(bench_profile *profile, const char *isa, int threads) {
  size_t far = mn_plan_arena_bytes(profile->plan) + mn_plan_packed_bytes(profile->plan);
  if (far < FAR_LEAST) far = FAR_LEAST;
  if (far > FAR_MOST) far = FAR_MOST;
  profile->ceiling = (machine_ceiling){.f32_macs = threads * machine_peak_macs(isa, MN_F32),
                                       .bf16_macs = threads * machine_peak_macs(isa, MN_BF16),
                                       .q8_macs = threads * machine_peak_macs(isa, MN_I8),
                                       .near_bytes = threads * machine_peak_bytes(isa, NEAR_BYTES),
                                       .far_bytes = threads * machine_peak_bytes(isa, far)};
}

void profile_restart(bench_profile *profile) { profile->run = 0; }

static int ascending(const void *a, const void *b) {
  double x = *(const double *)a, y = *(const double *)b;
  return (x > y) - (x < y);
}

void profile_settle(bench_profile *profile, int runs) {
  int count = runs < profile->kept ? runs : profile->kept, half = count / 2;
  for (int i = 0; i < profile->step_count; i++) {
    double *times = profile->times + (ptrdiff_t)i * profile->kept;
    qsort(times, (size_t)count, sizeof *times, ascending);
    profile->step_ms[i] = count % 2 ? times[half] : (times[half - 1] + times[half]) / 2;
  }
}

void profile_end(bench_profile *profile) {
  free(profile->times);
  free(profile->step_ms);
}

/* ---- Comparing ------------------------------------------------------------------------------ */

/* The least milliseconds that a step could take here. */
static double floor_ms(const machine_ceiling *ceiling, const mn_step_info *step) {
  bool q8 = step->type == MN_U8 || step->type == MN_I8, bf16 = step->type == MN_BF16;
  double rate = q8 ? ceiling->q8_macs : bf16 ? ceiling->bf16_macs : ceiling->f32_macs;
  double compute = (double)step->macs / rate;
  double traffic = (double)step->activation_bytes / ceiling->near_bytes +
                   (double)step->weight_bytes / ceiling->far_bytes;
  return 1e3 * (compute > traffic ? compute : traffic);
}

typedef struct profile_sums {
  double ms, floor_ms;
} profile_sums;

static profile_sums sums_of(const bench_profile *profile) {
  profile_sums sums = {0, 0};
  mn_step_info step;
  for (int i = 0; i < profile->step_count && !mn_plan_step(profile->plan, i, &step); i++) {
    sums.ms += profile->step_ms[i];
    sums.floor_ms += floor_ms(&profile->ceiling, &step);
  }
  return sums;
}

static double gops(uint64_t macs, double ms) { return ms > 0 ? 2e-6 * (double)macs / ms : 0; }

/* ---- Showing -------------------------------------------------------------------------------- */

static void print_step(const bench_profile *profile, const mn_step_info *step, double ms,
                       double sum) {
  printf("  %-16s%9.4f%6.1f %%", step->op, ms, ms / sum * 100);
  if (step->macs > 0) {
    printf("%9.1f", gops(step->macs, ms));
  } else {
    printf("%9s", "");
  }
  printf("%9.1f", (double)(step->activation_bytes + step->weight_bytes) / 1024);
  printf("%7.1f %%  %s\n", ms > 0 ? floor_ms(&profile->ceiling, step) / ms * 100 : 0,
         step->kernel ? step->kernel : "");
}

void profile_print(const bench_profile *profile, const mn_model *model) {
  enum { NAME = 32 };
  const machine_ceiling *ceiling = &profile->ceiling;
  const profile_sums sums = sums_of(profile);
  const char *folder;
  const int folder_length = layer_folder(model, &folder);
  mn_step_info step;
  printf("\n%4s  %-*s  %-16s%9s%8s%9s%9s%9s  %s\n", "step", NAME, "node", "op", "ms", "share",
         "Gop/s", "KiB", "ceiling", "kernel");
  for (int i = 0; i < profile->step_count && !mn_plan_step(profile->plan, i, &step); i++) {
    printf("%4d  ", i);
    print_layer_name(step.node, folder, folder_length, NAME);
    print_step(profile, &step, profile->step_ms[i], sums.ms);
  }
  printf("\n  floor    %9.3f ms   (%.1f %% of the time of the steps)\n", sums.floor_ms,
         sums.floor_ms / sums.ms * 100);
  printf("  machine  %.1f Gop/s f32, %.1f bf16, %.1f 8 bit; %.1f GB/s near, %.1f GB/s far\n",
         2e-9 * ceiling->f32_macs, 2e-9 * ceiling->bf16_macs, 2e-9 * ceiling->q8_macs,
         1e-9 * ceiling->near_bytes, 1e-9 * ceiling->far_bytes);
}

static void json_step(json_writer *line, const bench_profile *profile, const mn_step_info *step,
                      double ms, double sum) {
  json_open_object(line, NULL);
  json_text(line, "node", step->node);
  json_text(line, "op", step->op);
  json_text(line, "kernel", step->kernel);
  json_text(line, "type", mn_type_name(step->type));
  json_integer(line, "macs", (int64_t)step->macs);
  json_integer(line, "activation_bytes", (int64_t)step->activation_bytes);
  json_integer(line, "weight_bytes", (int64_t)step->weight_bytes);
  json_float(line, "ms", ms);
  json_float(line, "share", ms / sum);
  json_float(line, "gops", gops(step->macs, ms));
  json_float(line, "ceiling", floor_ms(&profile->ceiling, step) / ms);
  json_close_object(line);
}

void profile_json(json_writer *line, const bench_profile *profile) {
  const machine_ceiling *ceiling = &profile->ceiling;
  const profile_sums sums = sums_of(profile);
  mn_step_info step;
  json_float(line, "floor_ms", sums.floor_ms);
  json_open_object(line, "machine");
  json_float(line, "f32_gops", 2e-9 * ceiling->f32_macs);
  json_float(line, "bf16_gops", 2e-9 * ceiling->bf16_macs);
  json_float(line, "q8_gops", 2e-9 * ceiling->q8_macs);
  json_float(line, "near_bytes_per_s", ceiling->near_bytes);
  json_float(line, "far_bytes_per_s", ceiling->far_bytes);
  json_close_object(line);
  json_open_array(line, "steps");
  for (int i = 0; i < profile->step_count && !mn_plan_step(profile->plan, i, &step); i++) {
    json_step(line, profile, &step, profile->step_ms[i], sums.ms);
  }
  json_close_array(line);
}
