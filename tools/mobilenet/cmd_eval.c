/* SPDX-License-Identifier: Apache-2.0
 * `mobilenet eval`: scores of a model on labelled pictures. What is scored is the model's task's
 * (eval_classes.c, eval_boxes.c, eval_masks.c); how the pictures are spread over threads is in
 * eval_workers.c. */
#include "eval_workers.h"
#include "interrupt.h"
#include "message.h"
#include "stopwatch.h"

verb_fn cmd_eval;

static int choose_task(evaluation *eval) {
  switch (mn_model_task(eval->runner.opened.model)) {
    case MN_TASK_CLASSIFY: eval->task = &eval_classes; break;
    case MN_TASK_DETECT: eval->task = &eval_boxes; break;
    case MN_TASK_SEGMENT: eval->task = &eval_masks; break;
    default:
      say("%s: is a model without a task; 'mobilenet run' gives its outputs",
          eval->runner.opened.path);
      return EXIT_UNUSABLE;
  }
  return EXIT_DONE;
}

/* What the data set left out; many notes are of one kind. */
static void say_notes(const mn_dataset *dataset) {
  enum { MOST = 10 };
  const int count = mn_dataset_note_count(dataset);
  for (int i = 0; i < count && i < MOST; i++) say("%s", mn_dataset_note(dataset, i));
  if (count > MOST) say("and %d more like these", count - MOST);
}

static int open_data(evaluation *eval, const cli_options *options) {
  mn_error err = {0};
  mn_dataset_options data = {.struct_size = sizeof data,
                             .split = options->text[OPTION_SPLIT],
                             .limit = options_number(options, OPTION_LIMIT, 0),
                             .model = eval->runner.opened.model};
  eval->data = options->args[0];
  if (mn_dataset_open(&eval->dataset, eval->data, &data, &err)) {
    say_error(&err);
    return EXIT_UNUSABLE;
  }
  eval->count = mn_dataset_count(eval->dataset);
  say_notes(eval->dataset);
  return EXIT_DONE;
}

int cmd_eval(const cli_options *options) {
  evaluation eval = {.batch = (int)options_number(options, OPTION_BATCH, 1),
                     .workers = options_threads(options)};
  if (eval.workers == 0) return EXIT_USAGE;
  int code = evaluation_prepare(&eval, options);
  if (code == EXIT_DONE) code = choose_task(&eval);
  if (code == EXIT_DONE) code = open_data(&eval, options);
  if (code == EXIT_DONE) {
    model_say_assumptions(&eval.runner.opened);
    double start = now_ms();
    code = evaluation_run(&eval);
    if (code == EXIT_DONE) code = eval.task->report(&eval, options, now_ms() - start);
  }
  if (code == EXIT_DONE && eval.failed > 0) code = EXIT_SOME_FAILED;
  if (code <= EXIT_SOME_FAILED && interrupted()) code = EXIT_INTERRUPTED;
  evaluation_free(&eval);
  return code;
}
