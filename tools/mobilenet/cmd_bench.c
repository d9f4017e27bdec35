/* SPDX-License-Identifier: Apache-2.0
 * `mobilenet bench`: latency of single runs on this machine, and with --profile of every step. */
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "bench_profile.h"
#include "interrupt.h"
#include "json_writer.h"
#include "message.h"
#include "progress.h"
#include "runner.h"
#include "stopwatch.h"
#include "terminal.h"

verb_fn cmd_bench;

enum { DEFAULT_RUNS = 50, WARM_UP_RUNS = 5 };

typedef struct bench_run {
  const cli_options *options;
  cli_runner runner;
  mn_model_summary summary;
  bench_profile profile;
  int threads, batch, runs;
  double *times; /* [runs], ascending once all are done */
  double first_ms;
} bench_run;

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

static int time_all(bench_run *bench) {
  double ignored;
  int code = time_run(&bench->runner, &bench->first_ms), done = 0;
  for (int i = 0; code == EXIT_DONE && i < WARM_UP_RUNS; i++) {
    code = time_run(&bench->runner, &ignored);
  }
  profile_restart(&bench->profile);
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
    if (bench->profile.times) profile_settle(&bench->profile, done);
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
  if (bench->profile.times) profile_json(&line, &bench->profile);
  json_close_object(&line);
  json_end_line(&line);
}

static void print_times(const bench_run *bench) {
  char text[32];
  const mn_plan *plan = bench->runner.plan;
  double half = median(bench->times, bench->runs);
  print_safe(stdout, bench->runner.opened.name);
  const char *precision = bench->options->text[OPTION_PRECISION];
  printf(": batch %d, %d thread%s, %s%s%s, %d runs\n", bench->batch, bench->threads,
         bench->threads == 1 ? "" : "s", isa_name(bench), precision ? ", " : "",
         precision ? precision : "", bench->runs);
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
  if (bench->profile.times) profile_print(&bench->profile, bench->runner.opened.model);
}

static bool begin_profile(bench_run *bench) {
  const cli_runner *runner = &bench->runner;
  if (!profile_begin(&bench->profile, runner->plan, runner->session, bench->runs)) return false;
  profile_measure_machine(&bench->profile, isa_name(bench), bench->threads);
  return true;
}

/* Of one picture at the size that is run, which --size may have changed. */
static uint64_t bound_macs(const bench_run *bench) {
  mn_step_info step;
  uint64_t macs = 0;
  for (int i = 0; mn_plan_step(bench->runner.plan, i, &step) == MN_OK; i++) macs += step.macs;
  return macs / (uint64_t)bench->batch;
}

static int measure(bench_run *bench) {
  mn_error err = {0};
  if (mn_model_summarize(bench->runner.opened.model, &bench->summary, &err)) {
    return say_error(&err);
  }
  if (bench->options->given[OPTION_SIZE]) bench->summary.macs = bound_macs(bench);
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
  profile_end(&bench.profile);
  runner_close(&bench.runner);
  return code;
}
