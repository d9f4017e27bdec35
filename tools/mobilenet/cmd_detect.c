/* SPDX-License-Identifier: Apache-2.0
 * `mobilenet detect`: pictures in, the objects of each out, for people, as JSON lines, or drawn. */
#include <stdlib.h>

#include "class_name.h"
#include "message.h"
#include "picture_files.h"

verb_fn cmd_detect;

static const double default_score = 0.4;

typedef struct detections {
  mn_detection *found; /* [capacity], of which `count` are the answer, best first */
  int capacity, count, label_columns;
  double min_score;
  picture_files files;
} detections;

static int begin(picture_job *job) {
  detections *all = job->own;
  all->capacity = mn_plan_detections(job->runner.plan);
  all->found = calloc((size_t)all->capacity + 1, sizeof *all->found);
  all->label_columns = class_columns(job->runner.opened.model);
  return all->found ? picture_files_begin(&all->files, job) : say_out_of_memory();
}

/* Those of at least --min-score; they come best first. */
static mn_status answer(picture_job *job, mn_error *err) {
  detections *all = job->own;
  int count = all->capacity;
  all->count = 0;
  const mn_status status = mn_session_detections(job->runner.session, 0, all->found, &count, err);
  if (status != MN_OK) return status;
  while (all->count < count && (double)all->found[all->count].score >= all->min_score) all->count++;
  return MN_OK;
}

static bool draw_found(const picture_job *job, draw_canvas *canvas) {
  enum { TEXT = 160 };
  const detections *all = job->own;
  const size_t count = (size_t)all->count + 1;
  draw_object *objects = calloc(count, sizeof *objects);
  char(*texts)[TEXT] = calloc(count, sizeof *texts), buffer[32];
  const bool ready = objects && texts;
  for (int i = 0; ready && i < all->count; i++) {
    const mn_detection *one = &all->found[i];
    const char *name = class_name(one->label, one->class_index, buffer, sizeof buffer);
    snprintf(texts[i], TEXT, "%.120s %.0f%%", name, (double)one->score * 100);
    objects[i] = (draw_object){{one->box[0], one->box[1], one->box[2], one->box[3]},
                               palette_class_color(one->class_index),
                               texts[i]};
  }
  if (!ready) say_out_of_memory();
  const bool done = ready && draw_objects(canvas, objects, all->count);
  free(objects);
  free(texts);
  return done;
}

static int draw(picture_job *job) {
  detections *all = job->own;
  return picture_files_draw(&all->files, job, draw_found);
}

static void print_json(const picture_job *job) {
  const detections *all = job->own;
  json_writer line = json_picture_begin(job);
  json_integer(&line, "width", job->image->width);
  json_integer(&line, "height", job->image->height);
  json_open_array(&line, "detections");
  for (int i = 0; i < all->count; i++) {
    json_open_class(&line, all->found[i].label, all->found[i].class_index);
    json_float(&line, "score", (double)all->found[i].score);
    json_open_array(&line, "box");
    for (int k = 0; k < 4; k++) json_float(&line, NULL, (double)all->found[i].box[k]);
    json_close_array(&line);
    json_close_object(&line);
  }
  json_close_array(&line);
  json_picture_end(&line, job);
}

static void print_text(const picture_job *job) {
  const detections *all = job->own;
  for (int i = 0; i < all->count; i++) {
    const mn_detection *one = &all->found[i];
    print_class(one->label, one->class_index, all->label_columns);
    printf("  %5.1f %%  x %.0f..%.0f, y %.0f..%.0f\n", (double)one->score * 100,
           (double)one->box[0], (double)one->box[2], (double)one->box[1], (double)one->box[3]);
  }
  if (all->count == 0) printf("  nothing with a score of %g or more\n", all->min_score);
  picture_files_print(&all->files);
}

int cmd_detect(const cli_options *options) {
  const picture_verb verb = {.task = MN_TASK_DETECT,
                             .begin = begin,
                             .answer = answer,
                             .draw = options->text[OPTION_OUT] ? draw : NULL,
                             .print_json = print_json,
                             .print_text = print_text};
  detections all = {.min_score = options_fraction(options, OPTION_MIN_SCORE, default_score)};
  int code = picture_job_run(&verb, options, &all);
  free(all.found);
  picture_files_free(&all.files);
  return code;
}
