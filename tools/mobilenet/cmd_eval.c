/* SPDX-License-Identifier: Apache-2.0
 * `mobilenet eval`: top-1 and top-5 of a model on labelled pictures. What is counted is here; how
 * the pictures are spread over threads is in eval_workers.c. */
#include <inttypes.h>
#include <stdlib.h>

#include "eval_workers.h"
#include "interrupt.h"
#include "json_writer.h"
#include "message.h"
#include "stopwatch.h"
#include "terminal.h"

verb_fn cmd_eval;

typedef struct score_tally {
  int class; /* of a per-class tally */
  int64_t images, top1, top5;
} score_tally;

static double share(int64_t part, int64_t whole) {
  return whole > 0 ? (double)part / (double)whole : 0;
}

static int class_count(const evaluation *eval) {
  return mn_model_class_count(eval->runner.opened.model);
}

static const char *class_label(const evaluation *eval, int class) {
  return mn_model_class_label(eval->runner.opened.model, class);
}

/* Failed and skipped pictures are not scored. */
static void count_rank(score_tally *tally, int rank) {
  if (rank < 0) return;
  tally->images++;
  tally->top1 += rank == 0;
  tally->top5 += rank < 5;
}

static score_tally count_all(const evaluation *eval) {
  score_tally all = {0};
  for (int64_t i = 0; i < eval->count; i++) count_rank(&all, eval->ranks[i]);
  return all;
}

/* One tally per class, in class order; NULL when out of memory. The caller frees it. */
static score_tally *count_classes(const evaluation *eval) {
  const int count = class_count(eval);
  score_tally *tallies = calloc((size_t)count + 1, sizeof *tallies);
  if (!tallies) return NULL;
  for (int c = 0; c < count; c++) tallies[c].class = c;
  for (int64_t i = 0; i < eval->count; i++) {
    int class = mn_dataset_class(eval->dataset, i);
    if (class >= 0 && class < count) count_rank(&tallies[class], eval->ranks[i]);
  }
  return tallies;
}

static void json_tally(json_writer *line, const score_tally *tally) {
  json_integer(line, "images", tally->images);
  json_double(line, "top1", share(tally->top1, tally->images));
  json_double(line, "top5", share(tally->top5, tally->images));
}

static void print_json(const evaluation *eval, const score_tally *all, const score_tally *classes) {
  json_writer line = {stdout, false};
  json_open_object(&line, NULL);
  json_tally(&line, all);
  if (classes) json_open_array(&line, "classes");
  for (int c = 0; classes && c < class_count(eval); c++) {
    if (classes[c].images == 0) continue;
    json_open_object(&line, NULL);
    json_integer(&line, "class", c);
    json_text(&line, "label", class_label(eval, c));
    json_tally(&line, &classes[c]);
    json_close_object(&line);
  }
  if (classes) json_close_array(&line);
  json_close_object(&line);
  json_end_line(&line);
}

static int worst_first(const void *a, const void *b) {
  const score_tally *x = a, *y = b;
  double sx = share(x->top1, x->images), sy = share(y->top1, y->images);
  return sx != sy ? (sx > sy) - (sx < sy) : x->class - y->class;
}

static void print_classes(const evaluation *eval, score_tally *classes) {
  enum { LABEL = 34, BAR = 20 };
  qsort(classes, (size_t)class_count(eval), sizeof *classes, worst_first);
  printf("\n  %-*s%8s%10s%10s\n", LABEL, "class, worst first", "images", "top-1", "top-5");
  for (int i = 0; i < class_count(eval); i++) {
    const score_tally *one = &classes[i];
    const char *label = class_label(eval, one->class);
    char number[32];
    if (one->images == 0) continue;
    snprintf(number, sizeof number, "class %d", one->class);
    fputs("  ", stdout);
    print_column(stdout, label ? label : number, LABEL);
    printf("%8" PRId64 "%8.1f %%%8.1f %%  ", one->images, share(one->top1, one->images) * 100,
           share(one->top5, one->images) * 100);
    print_bar(stdout, share(one->top1, one->images), BAR);
    putchar('\n');
  }
}

static void print_scores(const evaluation *eval, const score_tally *all, score_tally *classes,
                         double ms) {
  print_safe(stdout, eval->runner.opened.name);
  printf("%s\n", eval->runner.opened.is_default ? " (ships with mobilenet)" : "");
  printf("  images  %" PRId64 "  in %.1f s, %.1f images/s\n", all->images, ms / 1e3,
         (double)all->images / ms * 1e3);
  printf("  top-1   %.2f %%\n", share(all->top1, all->images) * 100);
  printf("  top-5   %.2f %%\n", share(all->top5, all->images) * 100);
  if (classes) print_classes(eval, classes);
}

static int report(const evaluation *eval, const cli_options *options, double ms) {
  score_tally all = count_all(eval);
  score_tally *classes = options->given[OPTION_PER_CLASS] ? count_classes(eval) : NULL;
  if (options->given[OPTION_PER_CLASS] && !classes) return say_out_of_memory();
  if (options->given[OPTION_JSON]) {
    print_json(eval, &all, classes);
  } else {
    print_scores(eval, &all, classes, ms);
  }
  free(classes);
  if (interrupted()) return EXIT_INTERRUPTED;
  return eval->failed > 0 ? EXIT_SOME_FAILED : EXIT_DONE;
}

static int open_data(evaluation *eval, const cli_options *options) {
  mn_error err = {0};
  mn_dataset_options data = {.struct_size = sizeof data,
                             .split = options->text[OPTION_SPLIT],
                             .limit = options_number(options, OPTION_LIMIT, 0),
                             .model = eval->runner.opened.model};
  if (mn_dataset_open(&eval->dataset, options->args[0], &data, &err)) {
    say_error(&err);
    return EXIT_UNUSABLE;
  }
  eval->count = mn_dataset_count(eval->dataset);
  const int classes = mn_dataset_class_count(eval->dataset);
  const int known = mn_model_class_count(eval->runner.opened.model);
  if (classes > known) {
    say("%s has %d classes, but the model knows %d", options->args[0], classes, known);
    return EXIT_UNUSABLE;
  }
  if (eval->count > 0) return EXIT_DONE;
  say("%s holds no pictures; expected a folder per class, or a CSV or TSV of path and class",
      options->args[0]);
  return EXIT_UNUSABLE;
}

int cmd_eval(const cli_options *options) {
  evaluation eval = {.batch = (int)options_number(options, OPTION_BATCH, 1),
                     .workers = options_threads(options)};
  if (eval.workers == 0) return EXIT_USAGE;
  int code = evaluation_prepare(&eval, options);
  if (code == EXIT_DONE) code = model_check_task(&eval.runner.opened, MN_TASK_CLASSIFY);
  if (code == EXIT_DONE) code = open_data(&eval, options);
  if (code == EXIT_DONE) {
    model_say_assumptions(&eval.runner.opened);
    double start = now_ms();
    code = evaluation_run(&eval);
    if (code == EXIT_DONE) code = report(&eval, options, now_ms() - start);
  }
  evaluation_free(&eval);
  return code;
}
