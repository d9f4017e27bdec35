/* SPDX-License-Identifier: Apache-2.0
 * A classifier's objective: the cross entropy of scores and soft targets. */
#include "base/alloc.h"
#include "train/class_tally.h"
#include "train/objective.h"

static mn_status open_classes(mn_objective *o, const mn_shape *outputs, int32_t count,
                              mn_error *err) {
  if (count != 1 || outputs[0].rank != 2) {
    return mn_fail(err, MN_ERR_SHAPE, "outputs", "expected scores of classes, [batch, classes]");
  }
  o->batch = outputs[0].dim[0];
  o->classes = outputs[0].dim[1];
  const size_t targets = (size_t)o->batch * (size_t)o->classes;
  o->targets = mn_arena_array(&o->arena, targets, sizeof *o->targets);
  return o->targets ? MN_OK : mn_fail_memory(err, targets * sizeof *o->targets);
}

/* The feed has filled the targets. */
static void take_classes(mn_objective *o, const mn_feed_batch *batch) {
  (void)o;
  (void)batch;
}

static double share_right(const mn_objective *o, const float *scores) {
  int32_t right = 0;
  for (int32_t i = 0; i < o->batch; i++) {
    const size_t row = (size_t)i * (size_t)o->classes;
    right += mn_class_best(scores + row, o->classes) == mn_class_best(o->targets + row, o->classes);
  }
  return (double)right / o->batch;
}

static mn_verdict judge_classes(mn_objective *o, const mn_said *said) {
  const mn_soft_loss_args args = {.logits = said->outputs[0],
                                  .targets = o->targets,
                                  .gradient = said->gradients[0],
                                  .rows = (size_t)o->batch,
                                  .classes = (size_t)o->classes,
                                  .divisor = said->divisor};
  const double loss = mn_loss_value(mn_soft_loss(&args, &said->means));
  return (mn_verdict){loss, share_right(o, said->outputs[0])};
}

void mn_objective_free(mn_objective *objective) {
  if (!objective) return;
  mn_arena_free(&objective->arena);
  mn_free(objective);
}

mn_status mn_objective_classes(mn_objective **out, mn_error *err) {
  mn_objective *o = *out = mn_alloc_zero(sizeof *o);
  if (!o) return mn_fail_memory(err, sizeof *o);
  o->open = open_classes;
  o->take = take_classes;
  o->judge = judge_classes;
  return MN_OK;
}
