/* SPDX-License-Identifier: Apache-2.0
 * Top-1 and top-5 of a classifier, in all and class by class. */
#include <inttypes.h>
#include <stdlib.h>

#include "class_name.h"
#include "eval_workers.h"
#include "message.h"
#include "terminal.h"

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

enum { TOP = 5 };

/* Where the true class stands among the best five of a picture, TOP below them. */
static mn_status score_picture(evaluation *eval, const mn_session *session, int slot, int64_t index,
                               mn_error *err) {
  int8_t *ranks = eval->results;
  mn_class best[TOP];
  int count;
  if (mn_session_top(session, slot, TOP, best, &count, err)) return err->status;
  ranks[index] = TOP;
  for (int i = count - 1; i >= 0; i--) {
    if (best[i].index == mn_dataset_class(eval->dataset, index)) ranks[index] = (int8_t)i;
  }
  return MN_OK;
}

/* Failed and skipped pictures are not scored. */
static void count_picture(score_tally *tally, const evaluation *eval, int64_t index) {
  const int8_t *ranks = eval->results;
  if (eval->pictures[index].state != PICTURE_SCORED) return;
  const int rank = ranks[index];
  tally->images++;
  tally->top1 += rank == 0;
  tally->top5 += rank < TOP;
}

static score_tally count_all(const evaluation *eval) {
  score_tally all = {0};
  for (int64_t i = 0; i < eval->count; i++) count_picture(&all, eval, i);
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
    if (class >= 0 && class < count) count_picture(&tallies[class], eval, i);
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
    json_open_class(&line, class_label(eval, c), c);
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
  enum { BAR = 20 };
  qsort(classes, (size_t)class_count(eval), sizeof *classes, worst_first);
  printf("\n  %-*s%8s%10s%10s\n", CLASS_COLUMNS, "class, worst first", "images", "top-1", "top-5");
  for (int i = 0; i < class_count(eval); i++) {
    const score_tally *one = &classes[i];
    if (one->images == 0) continue;
    print_class(class_label(eval, one->class), one->class, CLASS_COLUMNS);
    printf("%8" PRId64 "%8.1f %%%8.1f %%  ", one->images, share(one->top1, one->images) * 100,
           share(one->top5, one->images) * 100);
    print_bar(stdout, share(one->top1, one->images), BAR);
    putchar('\n');
  }
}

static void print_scores(const evaluation *eval, const score_tally *all, score_tally *classes,
                         double ms) {
  evaluation_print_head(eval, ms);
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
  return EXIT_DONE;
}

static int prepare(evaluation *eval) {
  const int classes = mn_dataset_class_count(eval->dataset), known = class_count(eval);
  if (classes > known) {
    say("%s has %d classes, but the model knows %d", eval->data, classes, known);
    return EXIT_UNUSABLE;
  }
  eval->results = calloc((size_t)eval->count, sizeof(int8_t));
  return eval->results ? EXIT_DONE : say_out_of_memory();
}

static void free_ranks(evaluation *eval) { free(eval->results); }

const eval_task eval_classes = {prepare, score_picture, report, free_ranks};
