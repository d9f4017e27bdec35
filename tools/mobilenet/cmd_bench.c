/* SPDX-License-Identifier: Apache-2.0
 * `mobilenet bench`: latency of single runs on this machine, and with --profile of every step. */
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "interrupt.h"
#include "json_writer.h"
#include "layer_name.h"
#include "message.h"
#include "progress.h"
#include "runner.h"
#include "stopwatch.h"
#include "terminal.h"

verb_fn cmd_bench;

enum { DEFAULT_RUNS = 50, WARM_UP_RUNS = 5 };

/* Times of every step in the last `kept` runs; the median of each is shown, which one interruption
 * by another process cannot move. */
typedef struct step_profile {
  double *times;   /* [step_count][kept] */
  double *step_ms; /* [step_count], medians once all is done */
  int step_count, kept, run;
  double since; /* when the current step began */
} step_profile;

typedef struct bench_run {
  const cli_options *options;
  cli_runner runner;
  mn_model_summary summary;
  step_profile profile;
  int threads, batch, runs;
  double *times; /* [runs], ascending once all are done */
  double first_ms;
} bench_run;

static void on_step(void *user, int step) {
  step_profile *profile = user;
  double now = now_ms();
  if (step > 0) {
    profile->times[(step - 1) * profile->kept + profile->run % profile->kept] =
        now - profile->since;
  }
  if (step == profile->step_count) profile->run++;
  profile->since = now_ms();
}

/* Bytes that look like anything: speed must not depend on them, but zeros could flatter it. */
static void fill_bytes(uint8_t *bytes, size_t count, uint32_t *state) {
  for (size_t i = 0; i < count; i++) {
    *state = *state * 1664525u + 1013904223u;
    bytes[i] = (uint8_t)(*state >> 24);
  }
}

static void fill_floats(float *values, size_t count, uint32_t *state) {
  for (size_t i = 0; i < count; i++) {
    *state = *state * 1664525u + 1013904223u;
    values[i] = (float)(*state >> 8) / 8388608.0f - 1.0f;
  }
}

static void fill_inputs(const cli_runner *runner) {
  uint32_t state = 1;
  mn_tensor_info info;
  for (int i = 0; mn_plan_input_info(runner->plan, i, &info) == MN_OK; i++) {
    void *input = mn_session_input(runner->session, i);
    if (info.type == MN_F32) {
      fill_floats(input, info.bytes / sizeof(float), &state);
    } else if (info.type == MN_U8 || info.type == MN_I8) {
      fill_bytes(input, info.bytes, &state);
    } else {
      memset(input, 0, info.bytes);
    }
  }
}

static int time_run(const cli_runner *runner, double *ms) {
  mn_error err = {0};
  fill_inputs(runner);
  double start = now_ms();
  if (mn_session_run(runner->session, &err)) return say_error(&err);
  *ms = now_ms() - start;
  return EXIT_DONE;
}

static int ascending(const void *a, const void *b) {
  double x = *(const double *)a, y = *(const double *)b;
  return (x > y) - (x < y);
}

/* Value of the sorted times that a share of them does not exceed (nearest rank). */
static double percentile(const bench_run *bench, double share) {
  int rank = (int)(share * bench->runs + 0.999999);
  return bench->times[rank < 1 ? 0 : rank - 1];
}

static double median(const double *sorted, int count) {
  int half = count / 2;
  return count % 2 ? sorted[half] : (sorted[half - 1] + sorted[half]) / 2;
}

static void settle_profile(step_profile *profile, int runs) {
  int count = runs < profile->kept ? runs : profile->kept;
  for (int i = 0; i < profile->step_count; i++) {
    double *times = profile->times + (ptrdiff_t)i * profile->kept;
    qsort(times, (size_t)count, sizeof *times, ascending);
    profile->step_ms[i] = median(times, count);
  }
}

static int time_all(bench_run *bench) {
  double ignored;
  int code = time_run(&bench->runner, &bench->first_ms), done = 0;
  for (int i = 0; code == EXIT_DONE && i < WARM_UP_RUNS; i++) {
    code = time_run(&bench->runner, &ignored);
  }
  bench->profile.run = 0;
  progress_bar bar;
  progress_begin(&bar, "runs", bench->runs);
  while (code == EXIT_DONE && done < bench->runs && !interrupted()) {
    code = time_run(&bench->runner, &bench->times[done++]);
    progress_update(&bar, done);
  }
  progress_clear(&bar);
  bench->runs = done;
  if (code == EXIT_DONE && done > 0) {
    qsort(bench->times, (size_t)done, sizeof *bench->times, ascending);
    if (bench->profile.times) settle_profile(&bench->profile, done);
  }
  return code;
}

/* Resident bytes of this process; 0 where the system does not tell. */
static int64_t resident_bytes(void) {
  char line[256];
  long long kib = 0;
  FILE *file = fopen("/proc/self/status", "r");
  if (!file) return 0;
  while (fgets(line, sizeof line, file)) {
    if (sscanf(line, "VmRSS: %lld kB", &kib) == 1) break;
  }
  fclose(file);
  return (int64_t)kib * 1024;
}

static const char *isa_name(const bench_run *bench) {
  const char *isa = bench->options->text[OPTION_ISA];
  return isa && strcmp(isa, "native") != 0 ? isa : mn_isa();
}

static void json_steps(json_writer *line, const bench_run *bench) {
  double sum = 0;
  for (int i = 0; i < bench->profile.step_count; i++) sum += bench->profile.step_ms[i];
  json_open_array(line, "steps");
  for (int i = 0; i < bench->profile.step_count; i++) {
    mn_step_info step;
    if (mn_plan_step(bench->runner.plan, i, &step)) break;
    json_open_object(line, NULL);
    json_text(line, "node", step.node);
    json_text(line, "op", step.op);
    json_text(line, "kernel", step.kernel);
    json_integer(line, "macs", (int64_t)step.macs);
    json_float(line, "ms", bench->profile.step_ms[i]);
    json_float(line, "share", bench->profile.step_ms[i] / sum);
    json_close_object(line);
  }
  json_close_array(line);
}

static void print_json(const bench_run *bench) {
  json_writer line = {stdout, false};
  json_open_object(&line, NULL);
  json_integer(&line, "threads", bench->threads);
  json_text(&line, "isa", isa_name(bench));
  json_integer(&line, "runs", bench->runs);
  json_ms(&line, "load_ms", bench->runner.ready_ms);
  json_ms(&line, "first_ms", bench->first_ms);
  json_ms(&line, "min_ms", bench->times[0]);
  json_ms(&line, "median_ms", median(bench->times, bench->runs));
  json_ms(&line, "p95_ms", percentile(bench, 0.95));
  json_integer(&line, "arena_bytes", (int64_t)mn_plan_arena_bytes(bench->runner.plan));
  json_integer(&line, "packed_bytes", (int64_t)mn_plan_packed_bytes(bench->runner.plan));
  json_integer(&line, "weights_bytes", (int64_t)bench->summary.weights_bytes);
  json_integer(&line, "macs", (int64_t)bench->summary.macs);
  json_integer(&line, "rss_bytes", resident_bytes());
  if (bench->profile.step_ms) json_steps(&line, bench);
  json_close_object(&line);
  json_end_line(&line);
}

static void print_steps(const bench_run *bench) {
  enum { NAME = 32 };
  const step_profile *profile = &bench->profile;
  const char *folder;
  const int folder_length = layer_folder(bench->runner.opened.model, &folder);
  double sum = 0;
  for (int i = 0; i < profile->step_count; i++) sum += profile->step_ms[i];
  printf("\n%4s  %-*s  %-16s%9s%8s%9s  %s\n", "step", NAME, "node", "op", "ms", "share", "GMAC/s",
         "kernel");
  for (int i = 0; i < profile->step_count; i++) {
    mn_step_info step;
    if (mn_plan_step(bench->runner.plan, i, &step)) break;
    double ms = profile->step_ms[i];
    printf("%4d  ", i);
    print_layer_name(step.node, folder, folder_length, NAME);
    printf("  %-16s%9.4f%6.1f %%", step.op, ms, profile->step_ms[i] / sum * 100);
    if (step.macs > 0 && ms > 0) {
      printf("%9.2f", (double)step.macs / ms * 1e-6);
    } else {
      printf("%9s", "");
    }
    printf("  %s\n", step.kernel ? step.kernel : "");
  }
}

static void print_times(const bench_run *bench) {
  char text[32];
  const mn_plan *plan = bench->runner.plan;
  double half = median(bench->times, bench->runs);
  print_safe(stdout, bench->runner.opened.name);
  printf(": batch %d, %d thread%s, %s, %d runs\n", bench->batch, bench->threads,
         bench->threads == 1 ? "" : "s", isa_name(bench), bench->runs);
  printf("  median   %9.3f ms   (%.1f images/s, %.2f GMAC/s)\n", half, bench->batch / half * 1e3,
         (double)bench->summary.macs * bench->batch / half * 1e-6);
  printf("  min      %9.3f ms\n  p95      %9.3f ms\n", bench->times[0], percentile(bench, 0.95));
  printf("  first    %9.3f ms\n  load     %9.3f ms   (open %.3f, plan and session %.3f)\n",
         bench->first_ms, bench->runner.ready_ms, bench->runner.opened.open_ms,
         bench->runner.ready_ms - bench->runner.opened.open_ms);
  printf("  weights  %12s\n", bytes_text(text, sizeof text, bench->summary.weights_bytes));
  printf("  packed   %12s\n", bytes_text(text, sizeof text, mn_plan_packed_bytes(plan)));
  printf("  arena    %12s\n", bytes_text(text, sizeof text, mn_plan_arena_bytes(plan)));
  printf("  resident %12s\n", bytes_text(text, sizeof text, (uint64_t)resident_bytes()));
  if (bench->profile.step_ms) print_steps(bench);
}

static bool begin_profile(bench_run *bench) {
  enum { KEPT_MOST = 1000 };
  step_profile *profile = &bench->profile;
  profile->kept = bench->runs < KEPT_MOST ? bench->runs : KEPT_MOST;
  profile->step_count = mn_plan_step_count(bench->runner.plan);
  const size_t steps = (size_t)profile->step_count + 1;
  profile->step_ms = calloc(steps, sizeof *profile->step_ms);
  profile->times = calloc(steps * (size_t)profile->kept, sizeof *profile->times);
  if (!profile->step_ms || !profile->times) return false;
  mn_session_on_step(bench->runner.session, on_step, profile);
  return true;
}

static int measure(bench_run *bench) {
  mn_error err = {0};
  if (mn_model_summarize(bench->runner.opened.model, &bench->summary, &err)) {
    return say_error(&err);
  }
  bench->threads = bench->runner.threads ? mn_threads_count(bench->runner.threads) : 1;
  bench->times = calloc((size_t)bench->runs, sizeof *bench->times);
  if (!bench->times) return say_out_of_memory();
  if (bench->options->given[OPTION_PROFILE] && !begin_profile(bench)) return say_out_of_memory();
  int code = time_all(bench);
  if (code != EXIT_DONE || bench->runs == 0) return interrupted() ? EXIT_INTERRUPTED : code;
  if (bench->options->given[OPTION_JSON]) {
    print_json(bench);
  } else {
    print_times(bench);
  }
  return interrupted() ? EXIT_INTERRUPTED : EXIT_DONE;
}

int cmd_bench(const cli_options *options) {
  bench_run bench = {.options = options,
                     .batch = (int)options_number(options, OPTION_BATCH, 1),
                     .runs = (int)options_number(options, OPTION_RUNS, DEFAULT_RUNS)};
  runner_sizes sizes = {.batch = bench.batch};
  const char *spec;
  int code = model_argument(options, &spec);
  if (code != EXIT_DONE) return code;
  code = runner_open(&bench.runner, options, spec, &sizes);
  if (code == EXIT_DONE) code = measure(&bench);
  free(bench.times);
  free(bench.profile.step_ms);
  free(bench.profile.times);
  runner_close(&bench.runner);
  return code;
}
