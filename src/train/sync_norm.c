/* SPDX-License-Identifier: Apache-2.0
 * See sync_norm.h, and the operator that it inserts: parts [parts,...] of this rank to those of all
 * [ranks * parts,...]. */
#include "train/sync_norm.h"

#include <stdio.h>
#include <string.h>

#include "base/alloc.h"
#include "train/fused.h"

/* ---- across: a step that waits for other ranks ---------------------------------------------- */

static mn_status plan_across(mn_step *step, const mn_op_request *request, mn_error *err) {
  (void)request, (void)err;
  step->slices = 1;
  step->kernel_name = "across";
  return MN_OK;
}

/* When a rank is gone the sums are of no use, and the step's end says so. */
static void run_across(const mn_step *step, const mn_run *run, size_t begin, size_t end) {
  (void)begin, (void)end;
  const mn_ranks *ranks = step->node->attr.train.ranks;
  const size_t bytes = mn_operand_elements(&step->in[0]) * sizeof(float);
  float *out = mn_train_write(run, step);
  if (ranks->gather(ranks->user, mn_train_read(run, step, 0), out, bytes)) {
    memset(out, 0, (size_t)ranks->count * bytes);
  }
}

const mn_op_impl mn_across_impl = {.plan = plan_across, .run = run_across};

/* ---- The graph ------------------------------------------------------------------------------ */

typedef struct rewrite {
  mn_graph *graph;
  const mn_ranks *ranks;
  mn_node *nodes; /* the new ones */
  int32_t count;
  mn_id *instead; /* [values of the old graph] sums over all ranks of what is of this one */
} rewrite;

static mn_id add_value(rewrite *r, mn_id like, const char *suffix, int32_t times) {
  char name[200];
  mn_shape shape = r->graph->values[like].shape;
  shape.dim[0] *= times;
  snprintf(name, sizeof name, "%.160s%s", r->graph->values[like].name, suffix);
  return mn_graph_add_value(r->graph, name, MN_F32, &shape);
}

static mn_node *add_node(rewrite *r, mn_node node, const mn_id *in) {
  node.in = mn_arena_copy(&r->graph->arena, in, (size_t)node.in_count * sizeof *in);
  if (!node.in) return NULL;
  r->nodes[r->count] = node;
  return &r->nodes[r->count++];
}

/* Everybody's `parts`; MN_NONE: out of memory. */
static mn_id gather(rewrite *r, const mn_node *before, mn_id parts) {
  const mn_id all = add_value(r, parts, ".across", r->ranks->count);
  mn_node node = {.op = (mn_op)MN_TRAIN_ACROSS, .in_count = 1, .out = {all}, .out_count = 1};
  node.name = before->name;
  node.attr.train.ranks = r->ranks;
  return all != MN_NONE && add_node(r, node, &parts) ? all : MN_NONE;
}

static bool copy_finish(rewrite *r, const mn_node *old) {
  mn_id in[3] = {old->in[0], old->in[1], gather(r, old, old->in[2])};
  mn_node node = *old;
  node.attr.train.parts *= r->ranks->count; /* the pixels; parts divide them as they did */
  return in[2] != MN_NONE && add_node(r, node, in);
}

static bool copy_sums(rewrite *r, const mn_node *old) {
  if (!add_node(r, *old, old->in)) return false;
  const mn_id all = gather(r, old, old->in[0]);
  mn_node node = *old;
  for (int i = 0; i < 2 && all != MN_NONE; i++) {
    node.out[i] = r->instead[old->out[i]] = add_value(r, old->out[i], ".across", 1);
    if (node.out[i] == MN_NONE) return false;
  }
  return all != MN_NONE && add_node(r, node, &all);
}

static bool copy_gradient(rewrite *r, const mn_node *old) {
  mn_id in[16];
  mn_node node = *old;
  memcpy(in, old->in, (size_t)old->in_count * sizeof *in);
  in[MN_BACK_GAMMA_GRADIENT] = r->instead[in[MN_BACK_GAMMA_GRADIENT]];
  in[MN_BACK_BETA_GRADIENT] = r->instead[in[MN_BACK_BETA_GRADIENT]];
  node.attr.train.ranks = r->ranks;
  return add_node(r, node, in) != NULL;
}

static bool copy_node(rewrite *r, const mn_node *old) {
  switch ((int32_t)old->op) {
    case MN_TRAIN_NORM_FINISH: return copy_finish(r, old);
    case MN_TRAIN_SUM_PARTS:
      return old->out_count == 2 ? copy_sums(r, old) : add_node(r, *old, old->in) != NULL;
    case MN_TRAIN_NORM_GRADIENT:
    case MN_TRAIN_FUSED_CONV_BACK:
    case MN_TRAIN_FUSED_DW_BACK: return copy_gradient(r, old);
    default: return add_node(r, *old, old->in) != NULL;
  }
}

mn_status mn_sync_norms(mn_training_graph *training, const mn_ranks *ranks, mn_error *err) {
  mn_graph *graph = &training->graph;
  const int32_t nodes = graph->node_count, forward = training->forward_nodes;
  const size_t most = 3 * (size_t)nodes, values = (size_t)graph->value_count;
  rewrite r = {.graph = graph, .ranks = ranks};
  r.nodes = mn_arena_array(&graph->arena, most, sizeof *r.nodes);
  r.instead = mn_arena_array(&graph->arena, values, sizeof *r.instead);
  bool done = r.nodes && r.instead;
  for (int32_t n = 0; n < nodes && done; n++) {
    if (n == forward) training->forward_nodes = r.count;
    done = copy_node(&r, &graph->nodes[n]);
  }
  if (!done) return mn_fail_memory(err, most * sizeof *r.nodes);
  graph->nodes = r.nodes;
  graph->node_count = graph->node_capacity = r.count;
  return MN_OK;
}
