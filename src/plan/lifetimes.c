/* SPDX-License-Identifier: Apache-2.0
 * First write and last read of every piece of memory, over the steps in order. */
#include "plan/plan.h"

static void touch(mn_plan *plan, mn_id id, int32_t step) {
  if (id == MN_NONE || plan->places[id].piece == MN_NONE) return;
  mn_piece *piece = &plan->pieces[plan->places[id].piece];
  if (step < piece->first) piece->first = step;
  if (step > piece->last) piece->last = step;
}

void mn_plan_lifetimes(mn_plan *plan) {
  for (int32_t i = 0; i < plan->piece_count; i++) {
    plan->pieces[i].first = plan->keep_all ? -1 : plan->step_count;
    plan->pieces[i].last = plan->keep_all ? plan->step_count : -1;
  }
  for (int32_t i = 0; i < plan->graph.input_count; i++) touch(plan, plan->graph.inputs[i], -1);
  for (int32_t s = 0; s < plan->step_count; s++) {
    const mn_node *node = plan->steps[s].node;
    for (int32_t i = 0; i < node->in_count; i++) touch(plan, node->in[i], s);
    for (int32_t i = 0; i < node->out_count; i++) touch(plan, node->out[i], s);
  }
  for (int32_t i = 0; i < plan->graph.output_count; i++) {
    touch(plan, plan->graph.outputs[i], plan->step_count);
  }
}
