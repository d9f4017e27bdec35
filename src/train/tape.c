/* SPDX-License-Identifier: Apache-2.0
 * See tape.h. */
#include "train/tape.h"

#include <stdio.h>
#include <string.h>

#include "base/alloc.h"

static void fail(mn_tape *tape) {
  if (!tape->status) tape->status = mn_fail_memory(tape->err, sizeof(mn_value));
}

/* Room in the tables for the graph's newest value. */
static bool keep_up(mn_tape *tape) {
  const int32_t count = tape->graph->value_count;
  if (count <= tape->capacity) return true;
  const int32_t capacity = 2 * count;
  mn_id *gradient = mn_arena_array(&tape->graph->arena, (size_t)capacity, sizeof *gradient);
  bool *wanted = mn_arena_array(&tape->graph->arena, (size_t)capacity, sizeof *wanted);
  if (!gradient || !wanted) return false;
  for (int32_t i = 0; i < capacity; i++) {
    gradient[i] = i < tape->capacity ? tape->gradient[i] : MN_NONE;
    wanted[i] = i < tape->capacity && tape->wanted[i];
  }
  tape->gradient = gradient;
  tape->wanted = wanted;
  tape->capacity = capacity;
  return true;
}

void mn_tape_follow(mn_tape *tape) {
  if (!keep_up(tape)) fail(tape);
}

mn_id mn_tape_emit(mn_tape *tape, const mn_emission *what, const mn_attr *attr) {
  if (tape->status) return MN_NONE;
  mn_graph *graph = tape->graph;
  const int32_t outs = what->out_count ? what->out_count : 1;
  mn_id out[2];
  bool wanted = false, done = true;
  char name[160];
  for (int32_t i = 0; i < outs && done; i++) {
    snprintf(name, sizeof name, "%.100s/%d.%s%s", what->name, graph->value_count,
             mn_train_op_name((mn_op)what->op), i ? ".more" : "");
    out[i] = mn_graph_add_value(graph, name, MN_F32, &what->out[i]);
    done = out[i] != MN_NONE && keep_up(tape);
  }
  const mn_id node =
      !done ? MN_NONE
            : mn_graph_add_node(graph, (mn_op)what->op, name, what->in, what->in_count, out, outs);
  if (node == MN_NONE) {
    fail(tape);
    return MN_NONE;
  }
  if (attr) graph->nodes[node].attr = *attr;
  for (int32_t i = 0; i < what->in_count; i++) {
    wanted |= what->in[i] != MN_NONE && tape->wanted[what->in[i]];
  }
  for (int32_t i = 0; i < outs; i++) tape->wanted[out[i]] = wanted;
  return out[0];
}

void mn_tape_add(mn_tape *tape, mn_id value, mn_id gradient) {
  if (!mn_tape_wants(tape, value) || gradient == MN_NONE) return;
  const mn_id known = tape->gradient[value];
  if (known == MN_NONE) {
    tape->gradient[value] = gradient;
    return;
  }
  const mn_attr attr = {.eltwise = {MN_ACT_NONE}};
  const mn_id sum = mn_tape_emit(tape,
                                 &(mn_emission){.op = MN_OP_ADD,
                                                .name = tape->graph->values[value].name,
                                                .in = {known, gradient},
                                                .in_count = 2,
                                                .out = {*mn_tape_shape(tape, value)}},
                                 &attr);
  tape->gradient[value] = sum;
}
