/* SPDX-License-Identifier: Apache-2.0
 * See deploy.h. */
#include "train/deploy.h"

#include <math.h>

#include "passes/passes.h"
#include "train/code_scale.h"

/* ---- Hard-sigmoid: relu6(x + 3) / 6, as TensorFlow spells it --------------------------------- */

static mn_id add_number(mn_graph *graph, const char *name, const char *suffix, float number) {
  const char *full = mn_arena_join(&graph->arena, name, suffix);
  const float *data = mn_arena_copy(&graph->arena, &number, sizeof number);
  const mn_shape one = {1, {1}};
  return full && data ? mn_graph_add_const(graph, full, MN_F32, &one, data) : MN_NONE;
}

static bool spell_out(mn_graph *graph, mn_id n) {
  const char *name = graph->nodes[n].name;
  const mn_id x = graph->nodes[n].in[0];
  const char *middle = mn_arena_join(&graph->arena, name, "/clamped");
  const mn_id three = add_number(graph, name, "/three", 3);
  const mn_id sixth = add_number(graph, name, "/sixth", 1.0f / 6);
  if (!middle || three == MN_NONE || sixth == MN_NONE) return false;
  const mn_shape shape = graph->values[x].shape;
  const mn_id clamped = mn_graph_add_value(graph, middle, MN_F32, &shape);
  const mn_id added[2] = {x, three}, scaled[2] = {clamped, sixth};
  if (clamped == MN_NONE) return false;
  const mn_id add = mn_graph_add_node(graph, MN_OP_ADD, middle, added, 2, &clamped, 1);
  mn_id *in = mn_arena_copy(&graph->arena, scaled, sizeof scaled);
  if (add == MN_NONE || !in) return false;
  graph->nodes[add].attr = (mn_attr){.eltwise = {MN_ACT_RELU6}};
  mn_node *gate = &graph->nodes[n];
  gate->op = MN_OP_MUL;
  gate->in = in;
  gate->in_count = 2;
  gate->attr = (mn_attr){.eltwise = {MN_ACT_NONE}};
  mn_graph_move_last_node(graph, n);
  return true;
}

/* ---- A mean for a global pool ---------------------------------------------------------------- */

/* The pool's result would have its input's scale: an average is a fraction of the largest. */
static void average(mn_node *pool) {
  const mn_act act = pool->attr.pool.act;
  if (!pool->attr.pool.global || act != MN_ACT_NONE) return;
  pool->op = MN_OP_MEAN;
  pool->attr = (mn_attr){.reduce = {.axes = 1u << 1 | 1u << 2, .keep_dims = true}};
}

/* ---- Pictures -------------------------------------------------------------------------------- */

/* real = scale * level + offset is scale * (code - zero), with code = level - 128. */
static void align_levels(mn_contract *contract) {
  const double scale = contract->input.scale[0], offset = contract->input.offset[0];
  if (contract->input.map != MN_MAP_AFFINE || !(scale > 0)) return;
  for (int c = 1; c < 3; c++) {
    if (contract->input.scale[c] != scale || contract->input.offset[c] != offset) return;
  }
  const double zero = nearbyint(MN_CODE_LOW - offset / scale);
  if (zero < MN_CODE_LOW || zero > MN_CODE_HIGH) return;
  for (int c = 0; c < 3; c++) contract->input.offset[c] = scale * (MN_CODE_LOW - zero);
}

/* ---- Both steps ------------------------------------------------------------------------------ */

mn_status mn_deploy_prepare(mn_graph *graph, mn_error *err) {
  mn_status status = mn_pass_fold_constants(graph, err);
  if (!status) status = mn_pass_fuse_activation(graph, err);
  if (!status) status = mn_pass_match_hard_swish(graph, err);
  if (!status) status = mn_pass_fold_space_batch(graph, err);
  if (!status) status = mn_pass_fold_pad(graph, err);
  if (!status) status = mn_pass_remove_dead(graph, err);
  for (mn_id n = 0; n < graph->node_count && !status; n++) {
    if (graph->nodes[n].op == MN_OP_AVG_POOL) average(&graph->nodes[n]);
    if (graph->nodes[n].op == MN_OP_HARD_SIGMOID && !spell_out(graph, n)) {
      status = mn_fail_memory(err, graph->arena.used);
    }
  }
  if (!status && graph->has_contract) align_levels(&graph->contract);
  return status ? status : mn_graph_verify(graph, err);
}

mn_status mn_deploy_fold(mn_graph *out, const mn_graph *prepared, mn_error *err) {
  mn_graph_init(out);
  mn_status status = mn_graph_copy(out, prepared, err);
  if (!status) status = mn_pass_fold_batchnorm(out, err);
  if (status) mn_graph_free(out);
  return status;
}
