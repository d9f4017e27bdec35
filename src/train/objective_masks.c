/* SPDX-License-Identifier: Apache-2.0
 * A segmenter's objective: the cross entropy of every pixel's scores, but for pixels that say
 * nothing. Scores are of the input's size, as masks are. */
#include <string.h>

#include "base/alloc.h"
#include "train/class_tally.h"
#include "train/loss_parts.h"
#include "train/objective.h"

typedef struct mask_objective {
  mn_objective base;
  int32_t height, width;
  int32_t ignored; /* besides MN_IGNORED_CLASS; -1: no class */
  int32_t columns; /* classes */
  size_t pixels;   /* of a batch */
  uint8_t *labels; /* [pixels] */
} mask_objective;

static mn_status open_masks(mn_objective *base, const mn_shape *outputs, int32_t count,
                            mn_error *err) {
  mask_objective *o = (mask_objective *)base;
  const mn_shape *map = &outputs[0];
  if (count != 1 || map->rank != 4 || map->dim[1] != o->height || map->dim[2] != o->width) {
    char text[64];
    return mn_fail(err, MN_ERR_SHAPE, "outputs",
                   "%s, expected scores of every pixel of the input, [batch,%d,%d,classes]",
                   mn_shape_text(map, text, sizeof text), o->height, o->width);
  }
  base->batch = map->dim[0];
  o->columns = map->dim[3];
  o->pixels = (size_t)map->dim[0] * (size_t)map->dim[1] * (size_t)map->dim[2];
  o->labels = mn_arena_take(&base->arena, o->pixels);
  return o->labels ? MN_OK : mn_fail_memory(err, o->pixels);
}

static void take_masks(mn_objective *base, const mn_feed_batch *batch) {
  mask_objective *o = (mask_objective *)base;
  memcpy(o->labels, batch->masks, o->pixels);
  for (size_t i = 0; o->ignored >= 0 && i < o->pixels; i++) {
    if (o->labels[i] == o->ignored) o->labels[i] = MN_IGNORED_CLASS;
  }
}

typedef struct right_pixels {
  const float *scores;
  const uint8_t *labels;
  int32_t classes;
} right_pixels;

static double count_right(const void *context, size_t begin, size_t end) {
  const right_pixels *p = context;
  size_t right = 0;
  for (size_t i = begin; i < end; i++) {
    if (p->labels[i] == MN_IGNORED_CLASS) continue;
    right += mn_class_best(p->scores + i * (size_t)p->classes, p->classes) == p->labels[i];
  }
  return (double)right;
}

static mn_verdict judge_masks(mn_objective *base, const mn_said *said) {
  const mask_objective *o = (const mask_objective *)base;
  const mn_label_loss_args args = {.logits = said->outputs[0],
                                   .labels = o->labels,
                                   .gradient = said->gradients[0],
                                   .rows = o->pixels,
                                   .classes = (size_t)o->columns,
                                   .ignored = MN_IGNORED_CLASS,
                                   .divisor = said->divisor};
  const right_pixels pixels = {said->outputs[0], o->labels, o->columns};
  const mn_loss loss = mn_label_loss(&args, &said->means);
  const double right = mn_sum_rows(o->pixels, count_right, &pixels, &said->means);
  return (mn_verdict){mn_loss_value(loss), loss.divisor > 0 ? right / loss.divisor : 0};
}

mn_status mn_objective_masks(mn_objective **out, const mn_mask_terms *terms, mn_error *err) {
  mask_objective *o = mn_alloc_zero(sizeof *o);
  *out = (mn_objective *)o;
  if (!o) return mn_fail_memory(err, sizeof *o);
  *o = (mask_objective){.base = {.open = open_masks, .take = take_masks, .judge = judge_masks},
                        .height = terms->height,
                        .width = terms->width,
                        .ignored = terms->ignored};
  return MN_OK;
}
