/* SPDX-License-Identifier: Apache-2.0
 * `mobilenet classify`: pictures in, the best classes of each out, for people or as JSON lines. */
#include <stdlib.h>
#include <string.h>

#include "interrupt.h"
#include "json_writer.h"
#include "message.h"
#include "mobilenet/io.h"
#include "picture_list.h"
#include "runner.h"
#include "stopwatch.h"
#include "terminal.h"

verb_fn cmd_classify;

enum { DEFAULT_TOP = 5, LABEL_COLUMNS = 34, BAR_COLUMNS = 40 };

typedef struct picture_answer {
  const char *image;
  mn_class *classes; /* [count], best first */
  int count;
  double decode, preprocess, infer, post; /* milliseconds */
} picture_answer;

typedef struct classify_job {
  cli_runner runner;
  mn_class *classes; /* [top] */
  int top, label_columns;
  bool as_json;
} classify_job;

static void print_json(const picture_answer *answer) {
  json_writer line = {stdout, false};
  json_open_object(&line, NULL);
  json_text(&line, "image", answer->image);
  json_open_array(&line, "top");
  for (int i = 0; i < answer->count; i++) {
    json_open_object(&line, NULL);
    json_integer(&line, "class", answer->classes[i].index);
    json_text(&line, "label", answer->classes[i].label);
    json_float(&line, "score", (double)answer->classes[i].score);
    json_close_object(&line);
  }
  json_close_array(&line);
  json_open_object(&line, "ms");
  json_ms(&line, "decode", answer->decode);
  json_ms(&line, "preprocess", answer->preprocess);
  json_ms(&line, "infer", answer->infer);
  json_ms(&line, "post", answer->post);
  json_close_object(&line);
  json_close_object(&line);
  json_end_line(&line);
}

/* The label, or "class 7" when the model has none; returns text that lives as long as `buffer`. */
static const char *class_name(const char *label, int index, char *buffer, size_t size) {
  if (label) return label;
  snprintf(buffer, size, "class %d", index);
  return buffer;
}

/* Columns that the model's longest label takes, within reason: the same for every picture. */
static int label_columns(const mn_model *model) {
  int widest = 0;
  char buffer[32];
  for (int i = 0; i < mn_model_class_count(model) && widest < LABEL_COLUMNS; i++) {
    const char *label = mn_model_class_label(model, i);
    int columns = text_columns(class_name(label, i, buffer, sizeof buffer));
    if (columns > widest) widest = columns;
  }
  return widest < LABEL_COLUMNS ? widest : LABEL_COLUMNS;
}

static void print_answer(const picture_answer *answer, int label) {
  int bar = terminal_width(stdout) - label - 14;
  char buffer[32];
  if (bar > BAR_COLUMNS) bar = BAR_COLUMNS;
  putchar('\n');
  print_safe(stdout, answer->image);
  putchar('\n');
  for (int i = 0; i < answer->count; i++) {
    const mn_class *class = &answer->classes[i];
    fputs("  ", stdout);
    print_column(stdout, class_name(class->label, class->index, buffer, sizeof buffer), label);
    printf("  %5.1f %%  ", (double)class->score * 100);
    if (bar > 0) print_bar(stdout, (double)class->score, bar);
    putchar('\n');
  }
  printf("  %.1f ms: decode %.1f, preprocess %.1f, infer %.1f, post %.1f\n",
         answer->decode + answer->preprocess + answer->infer + answer->post, answer->decode,
         answer->preprocess, answer->infer, answer->post);
  flush_output();
}

/* Runs the network on the decoded picture and ranks its classes. */
static mn_status infer(classify_job *classifier, const mn_picture *picture, picture_answer *answer,
                       mn_error *err) {
  mn_session *session = classifier->runner.session;
  double start = now_ms();
  mn_status status = mn_session_set_image(session, 0, mn_picture_image(picture), err);
  double prepared = now_ms();
  if (status == MN_OK) status = mn_session_run(session, err);
  double done = now_ms();
  if (status == MN_OK) {
    status = mn_session_top(session, 0, classifier->top, answer->classes, &answer->count, err);
  }
  answer->preprocess = prepared - start;
  answer->infer = done - prepared;
  answer->post = now_ms() - done;
  return status;
}

/* One picture. A picture that fails is named; a model that cannot classify ends everything. */
static int classify(classify_job *classifier, const char *path) {
  mn_error err = {0};
  mn_picture *picture;
  picture_answer answer = {.image = path, .classes = classifier->classes};
  double start = now_ms();
  if (mn_picture_read(&picture, path, NULL, &err)) {
    say("%s", err.text);
    return EXIT_SOME_FAILED;
  }
  answer.decode = now_ms() - start;
  mn_status status = infer(classifier, picture, &answer, &err);
  mn_picture_free(picture);
  if (status == MN_ERR_LIMIT) {
    say("%s: %s", path, err.text);
    return EXIT_SOME_FAILED;
  }
  if (status != MN_OK) {
    say("%s: %s", classifier->runner.opened.path, err.text);
    return EXIT_UNUSABLE;
  }
  if (classifier->as_json) {
    print_json(&answer);
  } else {
    print_answer(&answer, classifier->label_columns);
  }
  return EXIT_DONE;
}

static int classify_all(classify_job *classifier, const picture_list *pictures) {
  int code = pictures->failures > 0 ? EXIT_SOME_FAILED : EXIT_DONE;
  for (int i = 0; i < pictures->count; i++) {
    if (interrupted()) return EXIT_INTERRUPTED;
    int one = classify(classifier, pictures->paths[i]);
    if (one == EXIT_UNUSABLE) return one;
    if (one != EXIT_DONE) code = one;
    if (ferror(stdout)) return EXIT_SOME_FAILED;
  }
  return code;
}

/* "tench" of "tench, Tinca tinca". */
static void print_first_name(const char *label) {
  char name[64];
  snprintf(name, sizeof name, "%.*s", (int)strcspn(label, ","), label);
  print_safe(stdout, name);
}

/* The first line: which model this is and what it knows. */
static void introduce(const opened_model *opened) {
  enum { SHOWN = 8 };
  const int count = mn_model_class_count(opened->model);
  print_safe(stdout, opened->name);
  if (opened->is_default) fputs(" (ships with mobilenet)", stdout);
  if (count > 0) printf(" knows %d classes", count);
  for (int i = 0; i < count && i < SHOWN && mn_model_class_label(opened->model, i); i++) {
    fputs(i > 0 ? ", " : ": ", stdout);
    print_first_name(mn_model_class_label(opened->model, i));
  }
  puts(count > SHOWN ? ", ..." : "");
}

static int classify_arguments(classify_job *classifier, const cli_options *options) {
  picture_list pictures = {0};
  bool listed = true;
  for (int i = 0; i < options->arg_count && listed; i++) {
    listed = picture_list_add(&pictures, options->args[i]);
  }
  int code = EXIT_UNUSABLE;
  classifier->classes = calloc((size_t)classifier->top, sizeof *classifier->classes);
  if (listed && classifier->classes) {
    if (!classifier->as_json) introduce(&classifier->runner.opened);
    code = classify_all(classifier, &pictures);
  } else {
    say_out_of_memory();
  }
  free(classifier->classes);
  picture_list_free(&pictures);
  return code;
}

int cmd_classify(const cli_options *options) {
  classify_job classifier = {.top = (int)options_number(options, OPTION_TOP, DEFAULT_TOP),
                             .as_json = options->given[OPTION_JSON]};
  int code = runner_open(&classifier.runner, options, NULL, &(runner_sizes){0});
  if (code == EXIT_DONE) code = runner_check_pictures(&classifier.runner);
  if (code == EXIT_DONE) code = model_check_classifier(&classifier.runner.opened);
  if (code == EXIT_DONE) {
    model_say_assumptions(&classifier.runner.opened);
    classifier.label_columns = label_columns(classifier.runner.opened.model);
    code = classify_arguments(&classifier, options);
  }
  runner_close(&classifier.runner);
  return code;
}
