/* SPDX-License-Identifier: Apache-2.0
 * Opening, planning and allocating, with one place for their errors. */
#include "runner.h"

#include <string.h>

#include "message.h"
#include "mobilenet/image.h"
#include "stopwatch.h"

int runner_plan(mn_plan **plan, const cli_runner *runner, const cli_options *options,
                const runner_sizes *sizes, mn_plan_goal goal) {
  mn_error err = {0};
  int threads = options_threads(options);
  *plan = NULL;
  if (threads == 0) return EXIT_USAGE;
  mn_plan_options request = {.struct_size = sizeof request,
                             .batch = sizes->batch,
                             .height = sizes->height ? sizes->height : options->height,
                             .width = sizes->width ? sizes->width : options->width,
                             .threads = threads,
                             .isa = options->text[OPTION_ISA],
                             .keep_all = sizes->keep_all,
                             .goal = goal,
                             /* a batch is the caller's own wish, not the file's */
                             .memory_cap = sizes->batch > 1 ? UINT64_MAX : 0};
  if (!options_precision(options, &request.precision)) return EXIT_USAGE;
  return mn_plan_new(plan, runner->opened.model, &request, &err) ? say_error(&err) : EXIT_DONE;
}

int runner_prepare(cli_runner *runner, const cli_options *options, const runner_sizes *sizes) {
  mn_error err = {0};
  mn_plan_goal goal;
  int threads = options_threads(options);
  if (threads == 0 || !options_goal(options, &goal)) return EXIT_USAGE;
  double start = now_ms();
  if (threads > 1 && mn_threads_new(&runner->threads, threads, &err)) return say_error(&err);
  int code = runner_plan(&runner->plan, runner, options, sizes, goal);
  if (code != EXIT_DONE) return code;
  mn_session_options session = {.struct_size = sizeof session, .threads = runner->threads};
  if (mn_session_new(&runner->session, runner->plan, &session, &err)) return say_error(&err);
  runner->ready_ms = runner->opened.open_ms + now_ms() - start;
  return EXIT_DONE;
}

int runner_open(cli_runner *runner, const cli_options *options, const char *spec,
                const runner_sizes *sizes) {
  memset(runner, 0, sizeof *runner);
  int code = model_open(&runner->opened, options, spec);
  return code == EXIT_DONE ? runner_prepare(runner, options, sizes) : code;
}

int runner_check_pictures(const cli_runner *runner) {
  mn_error err = {0};
  const uint8_t pixel[3] = {0, 0, 0};
  const mn_image image = {pixel, 1, 1, sizeof pixel};
  if (mn_session_set_image(runner->session, 0, &image, &err) == MN_OK) return EXIT_DONE;
  say("%s: %s", runner->opened.path, err.text);
  return EXIT_UNUSABLE;
}

void runner_close(cli_runner *runner) {
  mn_session_free(runner->session);
  mn_plan_free(runner->plan);
  mn_threads_free(runner->threads);
  model_close(&runner->opened);
}
