/* SPDX-License-Identifier: Apache-2.0
 * First write and last read of every piece of memory, over the steps in order; scratch lives in its
 * step only. */
#include "plan/plan.h"

static void touch_piece(mn_plan *plan, mn_id id, int32_t step) {
  if (id == MN_NONE) return;
  mn_piece *piece = &plan->pieces[id];
  if (step < piece->first) piece->first = step;
  if (step > piece->last) piece->last = step;
}

static void touch(mn_plan *plan, mn_id id, int32_t step) {
  if (id != MN_NONE) touch_piece(plan, plan->places[id].piece, step);
}

static void touch_node(mn_plan *plan, const mn_node *node, int32_t step) {
  for (int32_t i = 0; i < node->in_count; i++) touch(plan, node->in[i], step);
  for (int32_t i = 0; i < node->out_count; i++) touch(plan, node->out[i], step);
}

void mn_plan_lifetimes(mn_plan *plan) {
  for (int32_t i = 0; i < plan->piece_count; i++) {
    plan->pieces[i].first = plan->step_count;
    plan->pieces[i].last = -1;
  }
  for (int32_t i = 0; i < plan->graph.input_count; i++) touch(plan, plan->graph.inputs[i], -1);
  for (int32_t s = 0; s < plan->step_count; s++) {
    int32_t count;
    const mn_step *parts = mn_plan_parts(&plan->steps[s], &count);
    for (int32_t i = 0; i < count; i++) touch_node(plan, parts[i].node, s);
    touch_piece(plan, plan->scratch[s], s);
  }
  for (int32_t i = 0; plan->keep_all && i < plan->graph.value_count; i++) {
    touch(plan, i, -1);
    touch(plan, i, plan->step_count);
  }
  for (int32_t i = 0; i < plan->piece_count; i++) {
    if (plan->pieces[i].first > plan->pieces[i].last) plan->pieces[i].bytes = 0;
  }
  for (int32_t i = 0; i < plan->graph.output_count; i++) {
    touch(plan, plan->graph.outputs[i], plan->step_count);
  }
}
