/* SPDX-License-Identifier: Apache-2.0
 * Mean intersection over union of a segmenter (mobilenet/eval.h), in all and class by class. Mask
 * and prediction are compared at the photo's size. */
#include "mobilenet/eval.h"

#include <inttypes.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include "class_name.h"
#include "eval_workers.h"
#include "message.h"
#include "terminal.h"

typedef struct mask_results {
  pthread_mutex_t lock; /* of the confusion */
  mn_confusion *confusion;
  int class_count;
} mask_results;

typedef struct class_row {
  int class;
  mn_miou_class score;
} class_row;

/* Masks hold the model's outputs, the background among them. */
static int output_count(const mn_model *model) {
  const int labels = mn_model_label_count(model), classes = mn_model_class_count(model) + 1;
  const int outputs = labels > 1 ? labels : classes;
  return outputs < MN_MASK_IGNORED ? outputs : MN_MASK_IGNORED;
}

static int prepare(evaluation *eval) {
  mn_error err = {0};
  mask_results *results = calloc(1, sizeof *results);
  if (!results) return say_out_of_memory();
  eval->results = results;
  results->class_count = output_count(eval->runner.opened.model);
  pthread_mutex_init(&results->lock, NULL);
  if (mn_confusion_new(&results->confusion, results->class_count, &err)) return say_error(&err);
  return EXIT_DONE;
}

static void free_masks(evaluation *eval) {
  mask_results *results = eval->results;
  mn_confusion_free(results->confusion);
  pthread_mutex_destroy(&results->lock);
  free(results);
}

static void complain(evaluation *eval, int64_t index, const char *text) {
  char sentence[1024];
  snprintf(sentence, sizeof sentence, "%s: %s", mn_dataset_mask_path(eval->dataset, index), text);
  evaluation_complain(eval, index, sentence);
}

static bool fits(evaluation *eval, int64_t index, const mn_mask *found, int32_t width,
                 int32_t height) {
  char text[128];
  if (found->width == width && found->height == height) return true;
  snprintf(text, sizeof text, "the mask is %d x %d, but the photo %d x %d", (int)width, (int)height,
           (int)found->width, (int)found->height);
  complain(eval, index, text);
  return false;
}

/* The class that says nothing, as 255. */
static void leave_out(uint8_t *classes, size_t pixels, int ignored) {
  for (size_t i = 0; ignored >= 0 && i < pixels; i++) {
    if (classes[i] == ignored) classes[i] = MN_MASK_IGNORED;
  }
}

static void count_pixels(evaluation *eval, int64_t index, const mn_mask_file *truth,
                         const mn_mask *found) {
  mask_results *results = eval->results;
  mn_error err = {0};
  int32_t width, height;
  const uint8_t *classes = mn_mask_file_classes(truth, &width, &height);
  if (!fits(eval, index, found, width, height)) return;
  const size_t pixels = (size_t)width * (size_t)height;
  const int ignored = mn_model_ignored_class(eval->runner.opened.model);
  uint8_t *truth_classes = malloc(pixels);
  if (!truth_classes) {
    complain(eval, index, "out of memory");
    return;
  }
  memcpy(truth_classes, classes, pixels);
  leave_out(truth_classes, pixels, ignored);
  leave_out(found->classes, pixels, ignored); /* what a letterbox does not show */
  pthread_mutex_lock(&results->lock);
  mn_status status =
      mn_confusion_add(results->confusion, truth_classes, found->classes, pixels, &err);
  pthread_mutex_unlock(&results->lock);
  free(truth_classes);
  if (status) complain(eval, index, err.text);
}

static mn_status score_picture(evaluation *eval, const mn_session *session, int slot, int64_t index,
                               mn_error *err) {
  const eval_picture *picture = &eval->pictures[index];
  mn_mask_file *truth;
  if (mn_dataset_read_mask(eval->dataset, index, &truth, err)) {
    evaluation_complain(eval, index, err->text);
    return MN_OK;
  }
  const size_t width = (size_t)picture->width, height = (size_t)picture->height;
  const mn_mask found = {malloc(width * height), picture->width, picture->height, width};
  mn_status status = MN_OK;
  if (!found.classes) {
    complain(eval, index, "out of memory");
  } else {
    status = mn_session_mask(session, slot, &found, err);
    if (status == MN_OK) count_pixels(eval, index, truth, &found);
  }
  free(found.classes);
  mn_mask_file_free(truth);
  return status;
}

static const char *class_label(const evaluation *eval, int class) {
  return mn_model_label(eval->runner.opened.model, class);
}

static bool occurs(const mn_miou_class *score) { return score->truth > 0 || score->prediction > 0; }

static void print_json(const evaluation *eval, const mn_miou_scores *scores,
                       const mn_miou_class *classes) {
  const mask_results *results = eval->results;
  json_writer line = {stdout, false};
  json_open_object(&line, NULL);
  json_integer(&line, "images", evaluation_scored(eval));
  json_double(&line, "miou", scores->miou);
  json_double(&line, "miou_truth", scores->miou_truth);
  json_double(&line, "pixel_accuracy", scores->pixel_accuracy);
  if (classes) json_open_array(&line, "classes");
  for (int c = 0; classes && c < results->class_count; c++) {
    if (!occurs(&classes[c])) continue;
    json_open_class(&line, class_label(eval, c), c);
    json_integer(&line, "truth_pixels", (int64_t)classes[c].truth);
    json_integer(&line, "predicted_pixels", (int64_t)classes[c].prediction);
    json_double(&line, "iou", classes[c].iou);
    json_close_object(&line);
  }
  if (classes) json_close_array(&line);
  json_close_object(&line);
  json_end_line(&line);
}

static int worst_first(const void *a, const void *b) {
  const class_row *x = a, *y = b;
  if (x->score.iou != y->score.iou) return x->score.iou < y->score.iou ? -1 : 1;
  return x->class - y->class;
}

static int print_classes(const evaluation *eval, const mn_miou_scores *scores,
                         const mn_miou_class *classes) {
  enum { BAR = 20 };
  const int count = ((const mask_results *)eval->results)->class_count;
  const double pixels = scores->pixels ? (double)scores->pixels : 1;
  class_row *rows = calloc((size_t)count, sizeof *rows);
  if (!rows) return say_out_of_memory();
  for (int c = 0; c < count; c++) rows[c] = (class_row){c, classes[c]};
  qsort(rows, (size_t)count, sizeof *rows, worst_first);
  printf("\n  %-*s%8s%11s%8s\n", CLASS_COLUMNS, "class, worst first", "truth", "predicted", "IoU");
  for (int i = 0; i < count; i++) {
    const mn_miou_class *score = &rows[i].score;
    if (!occurs(score)) continue;
    print_class(class_label(eval, rows[i].class), rows[i].class, CLASS_COLUMNS);
    printf("%6.1f %%%9.1f %%%8.3f  ", (double)score->truth / pixels * 100,
           (double)score->prediction / pixels * 100, score->iou);
    print_bar(stdout, score->iou, BAR);
    putchar('\n');
  }
  free(rows);
  return EXIT_DONE;
}

static int report(const evaluation *eval, const cli_options *options, double ms) {
  const mask_results *results = eval->results;
  const bool each = options->given[OPTION_PER_CLASS];
  mn_miou_scores scores;
  mn_miou_class *classes = calloc((size_t)results->class_count, sizeof *classes);
  if (!classes) return say_out_of_memory();
  mn_confusion_score(results->confusion, &scores, classes);
  int code = EXIT_DONE;
  if (options->given[OPTION_JSON]) {
    print_json(eval, &scores, each ? classes : NULL);
  } else {
    evaluation_print_head(eval, ms);
    printf("  mIoU    %.3f  over the classes of masks or predictions\n", scores.miou);
    printf("          %.3f  over the classes of masks\n", scores.miou_truth);
    printf("  pixels  %.2f %% right\n", scores.pixel_accuracy * 100);
    if (each) code = print_classes(eval, &scores, classes);
  }
  free(classes);
  return code;
}

const eval_task eval_masks = {prepare, score_picture, report, free_masks};
