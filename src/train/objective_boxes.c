/* SPDX-License-Identifier: Apache-2.0
 * An SSD head's objective: each anchor's class, with the hardest of the background, and the boxes
 * of those that are some box's (docs/training.md, losses). Outputs are encodings, then logits. */
#include <string.h>

#include "base/alloc.h"
#include "train/objective.h"
#include "train/ssd_match.h"

typedef struct box_objective {
  mn_objective base;
  mn_box_terms terms;
  mn_ssd_matcher matcher;
  size_t columns;   /* classes and the background */
  int32_t *classes; /* [batch][anchors] */
  float *encodings; /* [batch][anchors][4] */
  float *losses;    /* [batch][anchors], of work */
} box_objective;

static mn_status open_boxes(mn_objective *base, const mn_shape *outputs, int32_t count,
                            mn_error *err) {
  box_objective *o = (box_objective *)base;
  const int32_t anchors = (int32_t)o->terms.anchor_count;
  const bool tables = count == 2 && outputs[0].rank == 3 && outputs[1].rank == 3;
  if (!tables || outputs[0].dim[1] != anchors || outputs[0].dim[2] != 4 ||
      outputs[1].dim[1] != anchors) {
    return mn_fail(err, MN_ERR_SHAPE, "outputs",
                   "expected encodings and scores of boxes, [batch,%d,4] and [batch,%d,classes]",
                   anchors, anchors);
  }
  base->batch = outputs[1].dim[0];
  o->columns = (size_t)outputs[1].dim[2];
  const size_t rows = (size_t)base->batch * o->terms.anchor_count;
  o->classes = mn_arena_array(&base->arena, rows, sizeof *o->classes);
  o->encodings = mn_arena_array(&base->arena, 4 * rows, sizeof *o->encodings);
  o->losses = mn_arena_array(&base->arena, rows, sizeof *o->losses);
  if (o->classes && o->encodings && o->losses) return MN_OK;
  return mn_fail_memory(err, 4 * rows * sizeof *o->encodings);
}

/* Boxes of a batch are in pixels of the input. */
static void take_boxes(mn_objective *base, const mn_feed_batch *batch) {
  box_objective *o = (box_objective *)base;
  for (int32_t i = 0; i < base->batch; i++) {
    const size_t row = (size_t)i * o->terms.anchor_count;
    const mn_ssd_truth truth = {.boxes = batch->boxes + batch->begin[i],
                                .box_count = batch->begin[i + 1] - batch->begin[i],
                                .width = o->terms.width,
                                .height = o->terms.height};
    mn_ssd_match(&o->matcher, &truth, o->classes + row, o->encodings + 4 * row);
  }
}

static mn_verdict judge_boxes(mn_objective *base, const mn_said *said) {
  const box_objective *o = (const box_objective *)base;
  const size_t rows = (size_t)base->batch * o->terms.anchor_count;
  const mn_box_loss_args boxes = {.encodings = said->outputs[0],
                                  .targets = o->encodings,
                                  .classes = o->classes,
                                  .gradient = said->gradients[0],
                                  .rows = rows,
                                  .divisor = said->divisor};
  const mn_mined_loss_args classes = {.logits = said->outputs[1],
                                      .classes = o->classes,
                                      .gradient = said->gradients[1],
                                      .losses = o->losses,
                                      .pictures = (size_t)base->batch,
                                      .anchors = o->terms.anchor_count,
                                      .column_count = o->columns,
                                      .negatives = o->terms.negatives,
                                      .least = o->terms.least,
                                      .divisor = said->divisor};
  const double loss = mn_loss_value(mn_box_loss(&boxes, &said->means)) +
                      mn_loss_value(mn_mined_loss(&classes, &said->means));
  return (mn_verdict){loss, -1};
}

mn_status mn_objective_boxes(mn_objective **out, const mn_box_terms *terms, mn_error *err) {
  box_objective *o = mn_alloc_zero(sizeof *o);
  *out = (mn_objective *)o;
  if (!o) return mn_fail_memory(err, sizeof *o);
  *o = (box_objective){.base = {.open = open_boxes, .take = take_boxes, .judge = judge_boxes},
                       .terms = *terms,
                       .matcher = {.anchors = terms->anchors,
                                   .anchor_count = terms->anchor_count,
                                   .threshold = terms->threshold,
                                   .torch_boxes = terms->torch_boxes}};
  memcpy(o->matcher.scale, terms->scale, sizeof o->matcher.scale);
  return MN_OK;
}
