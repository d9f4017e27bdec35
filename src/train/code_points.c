/* SPDX-License-Identifier: Apache-2.0
 * See code_points.h. Groups are the sets of a union-find over values: a value that is moved, cut or
 * averaged without rescaling is in its input's. */
#include "train/code_points.h"

#include <string.h>

#include "train/deploy.h"

typedef struct search {
  const mn_graph *graph;
  mn_code_points *points;
  mn_id *parent;        /* [values] of the union-find; MN_NONE: no codes */
  mn_code_range *range; /* [values] of constants, fixed results and the input */
  mn_error *err;
} search;

/* ---- Groups ---------------------------------------------------------------------------------- */

static mn_id root(const search *s, mn_id id) {
  while (s->parent[id] != id) id = s->parent[id];
  return id;
}

static void begin_group(search *s, mn_id id, unsigned role) {
  s->parent[id] = id;
  s->points->role[id] = (uint8_t)role;
}

/* The earlier value is the root, so that groups are numbered in the order of values. */
static void join(search *s, mn_id a, mn_id b) {
  a = root(s, a);
  b = root(s, b);
  if (a < b) {
    s->parent[b] = a;
  } else {
    s->parent[a] = b;
  }
}

static mn_status refuse(const search *s, const mn_node *node, const char *why) {
  return mn_fail(s->err, MN_ERR_UNSUPPORTED, node->name, "%s cannot be done in int8: %s",
                 mn_op_name(node->op), why);
}

/* ---- Operators ------------------------------------------------------------------------------- */

static void constant_range(search *s, mn_id id) {
  const mn_value *value = &s->graph->values[id];
  const float *data = value->data;
  mn_code_range range = {0, 0};
  for (size_t i = 0; i < value->bytes / sizeof *data; i++) {
    range.low = data[i] < range.low ? data[i] : range.low;
    range.high = data[i] > range.high ? data[i] : range.high;
  }
  begin_group(s, id, 0);
  s->range[id] = range;
}

/* An output with a scale of its own; constants beside maps become codes, too. */
static mn_status own_scale(search *s, const mn_node *node, int32_t operands) {
  for (int32_t i = 0; i < operands && i < node->in_count; i++) {
    const mn_id in = node->in[i];
    if (s->graph->values[in].kind == MN_KIND_CONST && s->parent[in] == MN_NONE) {
      constant_range(s, in);
    }
    if (s->parent[in] == MN_NONE) return refuse(s, node, "an input of it is no activation");
  }
  begin_group(s, node->out[0], MN_CODES_OBSERVE | MN_CODES_ROUND);
  return MN_OK;
}

static void fixed_scale(search *s, const mn_node *node) {
  begin_group(s, node->out[0], MN_CODES_ROUND);
  s->range[node->out[0]] = (mn_code_range){0, 255.0f / 256};
}

/* The output has the inputs' scale. */
static mn_status same_scale(search *s, const mn_node *node, int32_t operands, unsigned role) {
  const mn_id out = node->out[0];
  begin_group(s, out, role);
  for (int32_t i = 0; i < operands && i < node->in_count; i++) {
    if (s->parent[node->in[i]] == MN_NONE) {
      return refuse(s, node, "an input of it is no activation");
    }
    join(s, node->in[i], out);
  }
  return MN_OK;
}

/* In its first input's group; number_groups joins the others' scales to that. */
static mn_status concat(search *s, const mn_node *node) {
  if (node->attr.concat.act != MN_ACT_NONE) return refuse(s, node, "it has an activation");
  for (int32_t i = 0; i < node->in_count; i++) {
    if (s->parent[node->in[i]] == MN_NONE)
      return refuse(s, node, "an input of it is no activation");
  }
  return same_scale(s, node, 1, 0);
}

static mn_status visit(search *s, const mn_node *node) {
  switch (node->op) {
    case MN_OP_CONV2D:
    case MN_OP_DWCONV2D:
    case MN_OP_DENSE:
    case MN_OP_MEAN:
    case MN_OP_RELU:
    case MN_OP_HARD_SWISH: return own_scale(s, node, 1);
    case MN_OP_ADD:
    case MN_OP_SUB:
    case MN_OP_MUL: return own_scale(s, node, 2);
    case MN_OP_AVG_POOL:
    case MN_OP_RESIZE_BILINEAR: return same_scale(s, node, 1, MN_CODES_ROUND);
    case MN_OP_MAX_POOL:
    case MN_OP_RESIZE_NEAREST:
    case MN_OP_RESHAPE:
    case MN_OP_PAD: return same_scale(s, node, 1, 0);
    case MN_OP_CONCAT: return concat(s, node);
    case MN_OP_LOGISTIC:
    case MN_OP_SOFTMAX: fixed_scale(s, node); return MN_OK;
    case MN_OP_BATCH_NORM: return refuse(s, node, "there is no layer before it to fold it into");
    default: return refuse(s, node, "LiteRT has no such operator, or training has none");
  }
}

/* ---- The input ------------------------------------------------------------------------------- */

bool mn_code_points_levels(const mn_contract *contract, mn_code_range *range) {
  const bool affine = contract->input.map == MN_MAP_AFFINE;
  bool levels = true;
  *range = (mn_code_range){0, 0};
  for (int c = 0; c < 3; c++) {
    const double scale = affine ? contract->input.scale[c] : 1;
    const double offset = affine ? contract->input.offset[c] : 0;
    levels = levels && scale == (affine ? contract->input.scale[0] : 1) && scale > 0;
    levels = levels && (!affine || offset == contract->input.offset[0]);
    const double first = offset, last = offset + 255 * scale;
    range->low = fminf(range->low, (float)fmin(first, last));
    range->high = fmaxf(range->high, (float)fmax(first, last));
  }
  const double scale = ((double)range->high - (double)range->low) / 255;
  const double zero = MN_CODE_LOW - (double)range->low / scale;
  return levels && fabs(zero - nearbyint(zero)) < 1e-3;
}

static mn_status visit_inputs(search *s) {
  if (s->graph->input_count != 1 || !s->graph->has_contract) {
    return mn_fail(s->err, MN_ERR_UNSUPPORTED, "inputs",
                   "expected one picture, with a contract that says which reals its pixels are");
  }
  const mn_id input = s->graph->inputs[0];
  mn_code_range range;
  const bool levels = mn_code_points_levels(&s->graph->contract, &range);
  begin_group(s, input, levels ? 0 : MN_CODES_ROUND);
  s->range[input] = range;
  return MN_OK;
}

/* ---- All of it ------------------------------------------------------------------------------- */

static bool take(mn_code_points *points, int32_t values, mn_arena *arena) {
  const size_t count = (size_t)values;
  points->group = mn_arena_array(arena, count, sizeof *points->group);
  points->role = mn_arena_array(arena, count, sizeof *points->role);
  points->fixed = mn_arena_array(arena, count, sizeof *points->fixed);
  points->first = mn_arena_array(arena, count, sizeof *points->first);
  points->group_count = 0;
  for (size_t i = 0; points->group && i < count; i++) points->group[i] = MN_NONE;
  return points->group && points->role && points->fixed && points->first;
}

static mn_status refuse_two_scales(const search *s, mn_id id) {
  return mn_fail(s->err, MN_ERR_UNSUPPORTED, s->graph->values[id].name,
                 "its int8 scale is fixed, and it is joined with values that have another");
}

static bool same_range(mn_code_range a, mn_code_range b) {
  return a.low == b.low && a.high == b.high;
}

/* Groups a and b lie in one tensor: from now on those with either's scale have one. */
static bool share_scale(mn_code_points *p, int32_t a, int32_t b) {
  const int32_t of_a = p->first[a], of_b = p->first[b];
  const int32_t first = of_a < of_b ? of_a : of_b, other = of_a < of_b ? of_b : of_a;
  for (int32_t g = 0; g < p->group_count; g++) {
    if (p->first[g] == other) p->first[g] = first;
  }
  return same_range(p->fixed[first], p->fixed[other]);
}

static mn_status join_scales(search *s) {
  mn_code_points *p = s->points;
  for (int32_t g = 0; g < p->group_count; g++) p->first[g] = g;
  for (int32_t n = 0; n < s->graph->node_count; n++) {
    const mn_node *node = &s->graph->nodes[n];
    for (int32_t i = 1; node->op == MN_OP_CONCAT && i < node->in_count; i++) {
      const mn_id id = node->in[i];
      if (!share_scale(p, p->group[node->in[0]], p->group[id])) return refuse_two_scales(s, id);
    }
  }
  return MN_OK;
}

/* Numbers the groups. One that holds a fixed range and an observed value would be clipped. */
static mn_status number_groups(search *s) {
  mn_code_points *p = s->points;
  for (mn_id id = 0; id < s->graph->value_count; id++) {
    if (s->parent[id] == id) {
      p->group[id] = p->group_count;
      p->fixed[p->group_count++] = s->range[id];
    }
  }
  for (mn_id id = 0; id < s->graph->value_count; id++) {
    if (s->parent[id] == MN_NONE) continue;
    const mn_id first = root(s, id);
    p->group[id] = p->group[first];
    const bool fixed = mn_code_range_known(s->range[id]);
    const bool clipped = mn_code_range_known(s->range[first]) && p->role[id] & MN_CODES_OBSERVE;
    if (id != first && (fixed || clipped)) return refuse_two_scales(s, id);
  }
  return join_scales(s);
}

mn_code_range mn_code_points_range(const mn_code_points *points, const mn_code_range *ranges,
                                   int32_t group) {
  mn_code_range all = points->fixed[group];
  if (mn_code_range_known(all)) return all;
  for (int32_t g = 0; g < points->group_count; g++) {
    if (points->first[g] != points->first[group]) continue;
    all.low = fminf(all.low, ranges[g].low);
    all.high = fmaxf(all.high, ranges[g].high);
  }
  return all;
}

mn_status mn_code_points_find(mn_code_points *out, const mn_graph *folded, mn_arena *arena,
                              mn_error *err) {
  const size_t count = (size_t)folded->value_count;
  search s = {.graph = folded, .points = out, .err = err};
  s.parent = mn_arena_array(arena, count, sizeof *s.parent);
  s.range = mn_arena_array(arena, count, sizeof *s.range);
  if (!take(out, folded->value_count, arena) || !s.parent || !s.range) {
    return mn_fail_memory(err, count * sizeof *s.range);
  }
  for (size_t i = 0; i < count; i++) s.parent[i] = MN_NONE;
  mn_status status = visit_inputs(&s);
  for (int32_t n = 0; n < folded->node_count && !status; n++) status = visit(&s, &folded->nodes[n]);
  return status ? status : number_groups(&s);
}

mn_status mn_code_points_prepared(mn_code_points *out, const mn_graph *prepared, mn_arena *arena,
                                  mn_error *err) {
  mn_graph folded;
  mn_code_points points;
  mn_status status = mn_deploy_fold(&folded, prepared, err);
  if (status) return status;
  status = mn_code_points_find(&points, &folded, arena, err);
  if (!status && !take(out, prepared->value_count, arena)) status = mn_fail_memory(err, 1);
  for (mn_id id = 0; id < folded.value_count && !status; id++) {
    if (points.group[id] == MN_NONE) continue;
    const mn_id here = mn_graph_find_value(prepared, folded.values[id].name);
    if (here == MN_NONE) continue;
    out->group[here] = points.group[id];
    out->role[here] = points.role[id];
  }
  const size_t groups = status ? 0 : (size_t)points.group_count;
  if (groups) memcpy(out->fixed, points.fixed, groups * sizeof *out->fixed);
  if (groups) memcpy(out->first, points.first, groups * sizeof *out->first);
  if (groups) out->group_count = points.group_count;
  mn_graph_free(&folded);
  return status;
}
