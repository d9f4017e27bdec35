/* SPDX-License-Identifier: Apache-2.0
 * Training for a class of every pixel. Masks hold indices without names: how many classes there are
 * is said by labels, or by the masks. */
#include <stdio.h>
#include <string.h>

#include "api/training.h"
#include "base/alloc.h"
#include "mobilenet/eval.h"
#include "run/session.h"
#include "train/head.h"

static uint64_t pixels_of(const mn_training *t, int32_t class_index) {
  return t->parts.surveys[0].mask_pixels[class_index] +
         t->parts.surveys[1].mask_pixels[class_index];
}

static int32_t ignored(const mn_training *t) { return t->options.ignore ? t->options.ignore : -1; }

/* One more than the highest class of the masks that says something. */
static int32_t mask_classes(const mn_training *t) {
  int32_t classes = MN_MASK_IGNORED;
  while (classes > 0 && (!pixels_of(t, classes - 1) || classes - 1 == ignored(t))) classes--;
  return classes;
}

/* Names from the caller, from the model when it has as many, or those that the number tells. */
static mn_status name_classes(mn_training *t, int32_t met, int32_t *classes, mn_error *err) {
  mn_contract *contract = &t->graph.contract;
  const char *labels = t->options.labels;
  if (labels) {
    mn_status status =
        mn_contract_set_labels(contract, labels, strlen(labels), &t->graph.arena, err);
    *classes = contract->labels.count;
    return status;
  }
  *classes = met;
  if (contract->labels.count == met) return MN_OK;
  contract->labels.names = mn_mask_names(met);
  contract->labels.count = met;
  if (contract->labels.names) return MN_OK;
  const char **names = mn_arena_array(&t->graph.arena, (size_t)met, sizeof *names);
  for (int32_t i = 0; names && i < met; i++) {
    char number[16];
    snprintf(number, sizeof number, "%d", i);
    names[i] = mn_arena_string(&t->graph.arena, number, strlen(number));
    if (!names[i]) return mn_fail_memory(err, sizeof number);
  }
  contract->labels.names = names;
  return names ? MN_OK : mn_fail_memory(err, (size_t)met * sizeof *names);
}

static mn_status check_classes(const mn_training *t, int32_t met, int32_t classes, mn_error *err) {
  if (met > classes) {
    return mn_fail(err, MN_ERR_FORMAT, "masks",
                   "%llu pixels are of class %d, but names are given for classes 0 to %d; where it "
                   "says nothing, --ignore %d",
                   (unsigned long long)pixels_of(t, met - 1), met - 1, classes - 1, met - 1);
  }
  if (classes >= 2) return MN_OK;
  return mn_fail(err, MN_ERR_FORMAT, "masks", "all pixels are of class 0, expected two or more");
}

static bool aligns_corners(const mn_graph *graph) {
  for (int32_t n = graph->node_count - 1; n >= 0; n--) {
    const mn_node *node = &graph->nodes[n];
    if (node->op == MN_OP_RESIZE_BILINEAR) return node->attr.resize.align_corners;
  }
  return false;
}

/* How many columns the head gets has to be known before there is a graph to keep names in: they are
 * counted first. */
static int32_t count_labels(const char *labels) {
  int32_t lines = 0;
  size_t length = strlen(labels);
  while (length && (labels[length - 1] == '\n' || labels[length - 1] == '\r')) length--;
  for (size_t i = 0; i < length; i++) lines += labels[i] == '\n';
  return lines + 1;
}

static mn_status make_graph(mn_training *t, const mn_model *start, mn_error *err) {
  const int32_t met = mask_classes(t);
  int32_t classes = t->options.labels ? count_labels(t->options.labels) : met;
  mn_status status = check_classes(t, met, classes, err);
  if (!status) status = mn_training_make_head(t, start, classes, err);
  if (!status) status = name_classes(t, met, &classes, err);
  if (status) return status;
  mn_contract *contract = &t->graph.contract;
  contract->task = MN_TASK_SEGMENT;
  contract->labels.background = -1;
  contract->score = classes == 2 ? MN_SCORE_SOFTMAX : MN_SCORE_NONE; /* of a soft mask */
  contract->segment.ignore = ignored(t);
  contract->segment.sampling =
      aligns_corners(&t->graph) ? MN_SAMPLING_ALIGN_CORNERS : MN_SAMPLING_HALF_PIXEL;
  if (contract->input.fit != MN_FIT_LETTERBOX) contract->input.fit = MN_FIT_STRETCH;
  contract->assumed = 0;
  return MN_OK;
}

static mn_status make_objective(mn_training *t, mn_error *err) {
  const mn_mask_terms terms = {t->height, t->width, ignored(t)};
  return mn_objective_masks(&t->objective, &terms, err);
}

/* ---- What is held back ----------------------------------------------------------------------- */

typedef struct held_masks {
  const mn_part *part;
  mn_confusion **confusions; /* [workers] */
  int32_t ignored;
} held_masks;

/* The mask as it is scored: the ignored class is 255. *classes is to be freed. */
static mn_status read_truth(const held_masks *h, const mn_held_picture *held, uint8_t **classes,
                            mn_error *err) {
  mn_mask_file *file;
  int32_t width, height;
  const int64_t item = h->part->items[held->index];
  const size_t pixels = (size_t)held->width * (size_t)held->height;
  mn_status status = mn_dataset_read_mask(h->part->set, item, &file, err);
  if (status) return status;
  const uint8_t *truth = mn_mask_file_classes(file, &width, &height);
  *classes = mn_alloc(pixels);
  if (!*classes) {
    status = mn_fail_memory(err, pixels);
  } else if (width != held->width || height != held->height) {
    status = mn_fail(err, MN_ERR_SHAPE, mn_dataset_mask_path(h->part->set, item),
                     "the mask is %d x %d, but the photo %d x %d", width, height, held->width,
                     held->height);
  } else {
    for (size_t i = 0; i < pixels; i++) {
      (*classes)[i] = truth[i] == h->ignored ? MN_MASK_IGNORED : truth[i];
    }
  }
  mn_mask_file_free(file);
  return status;
}

static mn_status take_picture(void *user, const mn_session *session, const mn_held_picture *held,
                              mn_error *err) {
  const held_masks *h = user;
  const size_t pixels = (size_t)held->width * (size_t)held->height;
  uint8_t *truth = NULL;
  mn_status status = read_truth(h, held, &truth, err);
  const mn_mask found = {mn_alloc(pixels), held->width, held->height, (size_t)held->width};
  if (!status && !found.classes) status = mn_fail_memory(err, pixels);
  if (!status) status = mn_session_mask(session, 0, &found, err);
  for (size_t i = 0; !status && i < pixels; i++) { /* what a letterbox does not show */
    if (found.classes[i] == h->ignored) found.classes[i] = MN_MASK_IGNORED;
  }
  if (!status) {
    status = mn_confusion_add(h->confusions[held->worker], truth, found.classes, pixels, err);
  }
  mn_free(found.classes);
  mn_free(truth);
  return status;
}

static void score_pixels(const mn_training *t, const mn_confusion *confusion, mn_held_scores *out) {
  mn_miou_scores scores;
  mn_miou_class each[MN_MASK_IGNORED];
  mn_confusion_score(confusion, &scores, each);
  out->all = scores.miou;
  for (int32_t c = 0; c < t->class_count; c++) out->classes[c] = each[c].truth ? each[c].iou : -1;
}

static mn_status measure(const mn_training *t, bool floats, mn_held_scores *out, mn_error *err) {
  const int workers = mn_threads_count(t->options.threads);
  held_masks held = {&t->parts.held, NULL, ignored(t)};
  held.confusions = mn_alloc_zero((size_t)workers * sizeof(mn_confusion *));
  mn_status status = held.confusions ? MN_OK : mn_fail_memory(err, sizeof(mn_confusion *));
  for (int i = 0; i < workers && !status; i++) {
    status = mn_confusion_new(&held.confusions[i], t->graph.contract.labels.count, err);
  }
  if (!status) status = mn_training_run_held(t, floats, take_picture, &held, err);
  for (int i = 1; i < workers && !status; i++) {
    status = mn_confusion_merge(held.confusions[0], held.confusions[i], err);
  }
  if (!status) score_pixels(t, held.confusions[0], out);
  for (int i = 0; held.confusions && i < workers; i++) mn_confusion_free(held.confusions[i]);
  mn_free(held.confusions);
  return status;
}

static void tell(const mn_training *t, mn_trained_epoch *report) {
  report->eval_miou = t->now.all;
  report->eval_miou_float = t->floats.all;
}

const mn_train_task mn_train_masks = {
    .task = MN_TASK_SEGMENT,
    .make_graph = make_graph,
    .make_objective = make_objective,
    .measure = measure,
    .tell = tell,
};
