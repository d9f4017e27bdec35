/* SPDX-License-Identifier: Apache-2.0
 * `mobilenet classify`: pictures in, the best classes of each out, for people, as JSON lines, or
 * drawn. */
#include <stdlib.h>

#include "class_name.h"
#include "message.h"
#include "picture_files.h"

verb_fn cmd_classify;

enum { DEFAULT_TOP = 5 };

typedef struct ranking {
  mn_class *classes; /* [top], of which `count` are the answer, best first */
  int top, count, label_columns;
  picture_files files;
} ranking;

static int begin(picture_job *job) {
  ranking *ranked = job->own;
  ranked->top = (int)options_number(job->options, OPTION_TOP, DEFAULT_TOP);
  ranked->classes = calloc((size_t)ranked->top, sizeof *ranked->classes);
  ranked->label_columns = class_columns(job->runner.opened.model);
  return ranked->classes ? picture_files_begin(&ranked->files, job) : say_out_of_memory();
}

static mn_status answer(picture_job *job, mn_error *err) {
  ranking *ranked = job->own;
  return mn_session_top(job->runner.session, 0, ranked->top, ranked->classes, &ranked->count, err);
}

/* The best classes beneath the picture, those that are more than a trifle. */
static bool draw_best(const picture_job *job, draw_canvas *canvas) {
  enum { MOST = 3, TEXT = 160 };
  const float least = 0.05f;
  const ranking *ranked = job->own;
  draw_legend_entry entries[MOST];
  char texts[MOST][TEXT], buffer[32];
  int count = 0;
  for (int i = 0; i < ranked->count && count < MOST; i++) {
    const mn_class *class = &ranked->classes[i];
    if (i > 0 && class->score < least) break;
    snprintf(texts[count], TEXT, "%.120s %.0f%%",
             class_name(class->label, class->index, buffer, sizeof buffer),
             (double)class->score * 100);
    entries[count] = (draw_legend_entry){palette_class_color(class->index), texts[count]};
    count++;
  }
  return count == 0 || draw_legend(canvas, entries, count);
}

static int draw(picture_job *job) {
  ranking *ranked = job->own;
  return picture_files_draw(&ranked->files, job, draw_best);
}

static void print_json(const picture_job *job) {
  const ranking *ranked = job->own;
  json_writer line = json_picture_begin(job);
  json_open_array(&line, "top");
  for (int i = 0; i < ranked->count; i++) {
    json_open_class(&line, ranked->classes[i].label, ranked->classes[i].index);
    json_float(&line, "score", (double)ranked->classes[i].score);
    json_close_object(&line);
  }
  json_close_array(&line);
  json_picture_end(&line, job);
}

static void print_text(const picture_job *job) {
  const ranking *ranked = job->own;
  for (int i = 0; i < ranked->count; i++) {
    const mn_class *class = &ranked->classes[i];
    print_class_share(class->label, class->index, ranked->label_columns, (double)class->score);
  }
  picture_files_print(&ranked->files);
}

int cmd_classify(const cli_options *options) {
  const picture_verb verb = {.task = MN_TASK_CLASSIFY,
                             .begin = begin,
                             .answer = answer,
                             .draw = options->text[OPTION_OUT] ? draw : NULL,
                             .print_json = print_json,
                             .print_text = print_text};
  ranking ranked = {0};
  int code = picture_job_run(&verb, options, &ranked);
  free(ranked.classes);
  picture_files_free(&ranked.files);
  return code;
}
