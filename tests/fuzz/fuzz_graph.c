/* SPDX-License-Identifier: Apache-2.0
 * Any bytes as a recipe for a small graph whose attributes, shapes, types and scales are partly
 * absurd. What verifies must plan or be refused with a sentence, must run (meant for asan and
 * ubsan), and must give the same bytes whether or not values share memory or exist as a whole. */
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/cpu.h"
#include "passes/passes.h"
#include "plan/plan.h"
#include "run/session.h"

enum { MOST_NODES = 12, MOST_LIVE = 64, MOST_BYTES = 1 << 20, MOST_WORK = 1 << 20 };

typedef struct recipe {
  const uint8_t *bytes;
  size_t size, at;
  mn_graph g;
  mn_id live[MOST_LIVE]; /* inputs, temps and constants that nodes may read */
  int count;
} recipe;

static int take(recipe *r, int below) { return r->at < r->size ? r->bytes[r->at++] % below : 0; }

static bool seldom(recipe *r) { return take(r, 16) == 15; }

static int32_t small(recipe *r) { return 1 + take(r, 5); }

static int32_t number(recipe *r) {
  static const int32_t odd[] = {0,       -1,      64,      255,     32767,   32768,  65536,
                                1 << 24, 1 << 30, INT_MAX, INT_MIN, INT_MAX, -32768, -INT_MAX};
  return seldom(r) ? odd[take(r, (int)(sizeof odd / sizeof odd[0]))] : small(r);
}

static mn_shape shape(recipe *r, int32_t rank) {
  mn_shape s = {seldom(r) ? take(r, 6) : rank, {0}};
  for (int i = 0; i < MN_MAX_RANK; i++) s.dim[i] = number(r);
  return s;
}

static void quantize(recipe *r, mn_id id) {
  static const float scales[] = {1.0f,   1 / 256.0f, 0.02f,  0.0235f, 0.1f, 1 / 127.5f,
                                 3e-45f, 1e-38f,     1e-30f, 1e30f,   3e38f};
  float scale = scales[take(r, seldom(r) ? 11 : 6)];
  mn_type type = r->g.values[id].type;
  if ((type != MN_U8 && type != MN_I8) || seldom(r)) return;
  int32_t zero = type == MN_U8 ? take(r, 256) : take(r, 256) - 128;
  if (take(r, 2)) zero = type == MN_U8 ? 0 : -128;
  mn_graph_set_quant(&r->g, id, 1, 0, &scale, &zero);
}

static mn_id keep(recipe *r, mn_id id) {
  if (id != MN_NONE && r->count < MOST_LIVE) r->live[r->count++] = id;
  return id;
}

static mn_id value(recipe *r, mn_type type, mn_shape s, mn_kind kind) {
  char name[16];
  snprintf(name, sizeof name, "v%d", r->g.value_count);
  mn_id id = mn_graph_add_value(&r->g, name, type, &s);
  if (id == MN_NONE) return id;
  r->g.values[id].kind = kind;
  quantize(r, id);
  return id;
}

/* Small numbers, now and then any bits. */
static mn_id constant(recipe *r, mn_type type, mn_shape s) {
  int32_t elements;
  if (!mn_shape_elements(&s, &elements) || elements > 4096) return MN_NONE;
  mn_id id = value(r, type, s, MN_KIND_CONST);
  size_t bytes = (size_t)elements * mn_type_bytes(type);
  uint8_t *data = mn_arena_take(&r->g.arena, bytes);
  if (id == MN_NONE || !data) return MN_NONE;
  bool wild = seldom(r);
  uint32_t seed = (uint32_t)take(r, 256) * 2654435761u;
  for (size_t i = 0; i < bytes; i++) data[i] = (uint8_t)((seed = seed * 1664525u + 1u) >> 24);
  for (int32_t i = 0; i < elements && !wild; i++) {
    if (type == MN_F32) ((float *)(void *)data)[i] = (float)(data[4 * i] - 128) / 64;
    if (type == MN_I32) ((int32_t *)(void *)data)[i] = data[4 * i] * 8 - 1000;
  }
  r->g.values[id].data = data;
  r->g.values[id].bytes = bytes;
  return id;
}

static mn_id pick(recipe *r) {
  return seldom(r) ? MN_NONE : r->live[r->count - 1 - take(r, r->count < 4 ? r->count : 4)];
}

static mn_window window(recipe *r) {
  mn_window w = {1, 1, 1, 1, 1, 1, take(r, 2) ? MN_PAD_SAME : MN_PAD_EXPLICIT, 0, 0, 0, 0};
  int32_t *field[] = {&w.kernel_h,   &w.kernel_w, &w.stride_h,   &w.stride_w, &w.dilation_h,
                      &w.dilation_w, &w.pad_top,  &w.pad_bottom, &w.pad_left, &w.pad_right};
  for (int i = 0; i < 10; i++) {
    if (i < 4 ? take(r, 2) : take(r, 8) == 7) *field[i] = number(r);
  }
  return w;
}

static int32_t last_dim(const mn_shape *s) {
  return s->rank >= 1 && s->rank <= MN_MAX_RANK ? s->dim[s->rank - 1] : 1;
}

/* Weights (and a bias) that fit the input, most of the time. */
static int32_t layer(recipe *r, mn_op op, mn_attr *attr, mn_id *in) {
  if (in[0] == MN_NONE) return 2;
  const mn_value x = r->g.values[in[0]];
  int32_t channels = last_dim(&x.shape), out = number(r);
  mn_shape s = {4, {out, 1, 1, channels}};
  if (op != MN_OP_DENSE) {
    attr->conv.window = window(r);
    attr->conv.act = (mn_act)take(r, 4);
    attr->conv.multiplier = op == MN_OP_DWCONV2D ? (take(r, 2) ? number(r) : 1) : 0;
    s.dim[1] = attr->conv.window.kernel_h;
    s.dim[2] = attr->conv.window.kernel_w;
  }
  if (op == MN_OP_DWCONV2D) {
    int64_t product = (int64_t)channels * attr->conv.multiplier;
    out = product > 0 && product < 4096 ? (int32_t)product : 1;
    s = (mn_shape){3, {s.dim[1], s.dim[2], out}};
  }
  if (op == MN_OP_DENSE) s = (mn_shape){2, {out, take(r, 4) ? channels : number(r)}};
  if (op == MN_OP_DENSE) attr->dense.act = (mn_act)take(r, 4);
  if (op == MN_OP_DENSE) attr->dense.keep_dims = take(r, 2);
  in[1] = constant(r, x.type, s);
  if (in[1] != MN_NONE && x.type == MN_I8 && r->g.values[in[1]].quant.count && !seldom(r)) {
    float scale = r->g.values[in[1]].quant.scale[0];
    mn_graph_set_quant(&r->g, in[1], 1, 0, &scale, NULL);
  }
  in[2] =
      take(r, 2) ? MN_NONE : constant(r, x.type == MN_F32 ? MN_F32 : MN_I32, (mn_shape){1, {out}});
  return 3;
}

static void space_batch(recipe *r, mn_attr *attr) {
  int32_t *field[] = {&attr->space_batch.block_h, &attr->space_batch.block_w,
                      &attr->space_batch.top,     &attr->space_batch.bottom,
                      &attr->space_batch.left,    &attr->space_batch.right};
  for (int i = 0; i < 6; i++) *field[i] = take(r, 3) == 2 ? number(r) : i < 2;
}

/* Detections from constants of one size, most of the time. */
static void detect(recipe *r, mn_attr *attr, mn_id *in) {
  int32_t anchors = number(r), columns = number(r);
  if (take(r, 4)) in[0] = constant(r, MN_F32, (mn_shape){3, {1, anchors, 3 + small(r)}});
  if (take(r, 4)) in[1] = constant(r, MN_F32, (mn_shape){3, {1, anchors, columns}});
  in[2] = constant(r, MN_F32, (mn_shape){2, {anchors, 4}});
  attr->ssd_detect.detections = number(r);
  attr->ssd_detect.classes = columns > 0 && take(r, 4) ? columns - take(r, 2) : number(r);
  attr->ssd_detect.per_anchor = number(r);
  attr->ssd_detect.per_class = number(r);
  attr->ssd_detect.regular = take(r, 2);
  attr->ssd_detect.torch_boxes = take(r, 2);
  attr->ssd_detect.candidates = take(r, 8);
  attr->ssd_detect.score_threshold = (float)take(r, 8) / 8 - 0.25f;
  attr->ssd_detect.iou_threshold = (float)take(r, 8) / 8;
  for (int i = 0; i < 4; i++) attr->ssd_detect.scale[i] = (float)number(r);
}

/* Attributes and inputs of a node; how many inputs. */
static int32_t fill(recipe *r, mn_op op, mn_attr *attr, mn_id *in) {
  const mn_shape first = in[0] == MN_NONE ? (mn_shape){0, {0}} : r->g.values[in[0]].shape;
  int32_t last = last_dim(&first);
  switch (op) {
    case MN_OP_CONV2D:
    case MN_OP_DWCONV2D:
    case MN_OP_TRANSPOSE_CONV:
    case MN_OP_DENSE: return layer(r, op, attr, in);
    case MN_OP_GATED_CONV2D:
      layer(r, MN_OP_CONV2D, attr, in);
      if (in[1] == MN_NONE || seldom(r)) return 4;
      in[2] = constant(r, MN_F32, (mn_shape){1, {r->g.values[in[1]].shape.dim[0]}});
      in[3] = constant(r, MN_F32, (mn_shape){4, {first.dim[0], 1, 1 + seldom(r), last}});
      return 4;
    case MN_OP_ADD:
    case MN_OP_SUB:
    case MN_OP_MUL: attr->eltwise.act = (mn_act)take(r, 4); return 2;
    case MN_OP_RELU: attr->eltwise.act = (mn_act)take(r, 5); return 1;
    case MN_OP_AVG_POOL:
    case MN_OP_MAX_POOL:
      attr->pool.window = window(r);
      attr->pool.act = (mn_act)take(r, 4);
      attr->pool.global = take(r, 4) == 3;
      return 1;
    case MN_OP_MEAN:
      attr->reduce.axes = (unsigned)take(r, 20);
      attr->reduce.keep_dims = take(r, 2);
      return 1;
    case MN_OP_PAD:
      for (int i = 0; i < MN_MAX_RANK; i++) {
        attr->pad.before[i] = take(r, 2) ? number(r) : 0;
        attr->pad.after[i] = take(r, 2) ? number(r) : 0;
      }
      return 1;
    case MN_OP_SPACE_TO_BATCH:
    case MN_OP_BATCH_TO_SPACE: space_batch(r, attr); return 1;
    case MN_OP_CONCAT: attr->concat.axis = seldom(r) ? number(r) : take(r, 4); return small(r);
    case MN_OP_RESHAPE:
      attr->reshape.shape = shape(r, small(r));
      attr->reshape.shape.dim[take(r, 4)] = -1;
      if (take(r, 2)) attr->reshape.shape = (mn_shape){2, {take(r, 2) - 1, last}};
      if (take(r, 4) == 3) attr->reshape.shape = (mn_shape){1, {-1}};
      return 1;
    case MN_OP_SOFTMAX: attr->softmax.beta = (float)number(r); return 1;
    case MN_OP_RESIZE_BILINEAR:
    case MN_OP_RESIZE_NEAREST:
      attr->resize.align_corners = take(r, 2);
      attr->resize.half_pixel = take(r, 2);
      attr->resize.like = take(r, 2);
      attr->resize.height = number(r);
      attr->resize.width = number(r);
      return attr->resize.like ? 2 : 1;
    case MN_OP_ARG_MAX: attr->arg_max.axis = seldom(r) ? number(r) : take(r, 4); return 1;
    case MN_OP_BATCH_NORM:
      attr->batch_norm.epsilon = 0.001f;
      attr->batch_norm.act = (mn_act)take(r, 4);
      for (int i = 1; i < 5; i++) in[i] = constant(r, MN_F32, (mn_shape){1, {last}});
      return 5;
    case MN_OP_SSD_DETECT: detect(r, attr, in); return 3;
    default: return 1;
  }
}

static mn_type out_type(recipe *r, mn_op op, mn_type in) {
  static const mn_type types[] = {MN_F32, MN_I8, MN_U8, MN_I32, MN_I64, MN_F16, MN_BOOL};
  if (seldom(r)) return types[take(r, 7)];
  if (op == MN_OP_QUANTIZE) return take(r, 2) ? MN_I8 : MN_U8;
  if (op == MN_OP_DEQUANTIZE || op == MN_OP_SSD_DETECT) return MN_F32;
  return op == MN_OP_ARG_MAX ? MN_I32 : in;
}

/* Most nodes that move codes about keep their scale. */
static void inherit_quant(recipe *r, mn_id in, mn_id out) {
  const mn_value *from = &r->g.values[in], *to = &r->g.values[out];
  if (from->type != to->type || from->quant.count != 1 || take(r, 3) == 0) return;
  mn_graph_set_quant(&r->g, out, 1, 0, from->quant.scale, from->quant.zero);
}

/* The shapes that inference gives; when it refuses, the node is taken back most of the time. */
static bool settle(recipe *r, mn_id const *inputs, int32_t count) {
  mn_graph *g = &r->g;
  mn_shape shapes[512], in[2];
  mn_error err = {0};
  if (g->value_count > 512) return false;
  /* As loaders do: only what has a rank at all is inferred before it is verified. */
  for (int32_t i = 0; i < g->value_count; i++) {
    if (g->values[i].shape.rank > MN_MAX_RANK) return false;
  }
  for (int32_t i = 0; i < count; i++) in[i] = g->values[inputs[i]].shape;
  g->inputs = NULL;
  if (!mn_graph_set_inputs(g, inputs, count) || mn_graph_infer(g, in, shapes, &err)) return false;
  for (int32_t i = 0; i < g->value_count; i++) g->values[i].shape = shapes[i];
  return true;
}

static bool add_node(recipe *r, const mn_id *inputs, int32_t count) {
  mn_op op = (mn_op)take(r, MN_OP_COUNT);
  mn_attr attr = {0};
  mn_id in[8], out[MN_MAX_OUT];
  for (int i = 0; i < 8; i++) in[i] = pick(r);
  int32_t in_count = fill(r, op, &attr, in);
  bool inferable = in[0] != MN_NONE;
  for (int32_t i = 0; i < in_count; i++) {
    bool bias = i == 2 && (op == MN_OP_CONV2D || op == MN_OP_DWCONV2D || op == MN_OP_DENSE ||
                           op == MN_OP_TRANSPOSE_CONV);
    inferable = inferable && (in[i] != MN_NONE || bias);
  }
  if (!inferable && !seldom(r)) return true; /* mostly: no such node */
  mn_type type = out_type(r, op, in[0] == MN_NONE ? MN_F32 : r->g.values[in[0]].type);
  if (op == MN_OP_ARG_MAX) attr.arg_max.output_type = type;
  for (int32_t i = 0; i < mn_op_outputs(op); i++) {
    out[i] = value(r, type, shape(r, 4), MN_KIND_TEMP);
    if (out[i] == MN_NONE) return false;
    if (in[0] != MN_NONE) inherit_quant(r, in[0], out[i]);
  }
  mn_id node = mn_graph_add_node(&r->g, op, "node", in, in_count, out, mn_op_outputs(op));
  if (node == MN_NONE) return false;
  r->g.nodes[node].attr = attr;
  if (!inferable) return false;
  if (settle(r, inputs, count)) {
    for (int32_t i = 0; i < mn_op_outputs(op); i++) keep(r, out[i]);
  } else if (!seldom(r)) {
    r->g.node_count--;
    r->g.value_count -= mn_op_outputs(op);
  }
  return true;
}

static void build(recipe *r) {
  static const mn_type types[] = {MN_F32, MN_I8, MN_U8, MN_F32};
  mn_id inputs[2], outputs[4];
  mn_type type = types[take(r, 4)];
  int32_t count = 1 + take(r, 2), out_count = 0;
  for (int32_t i = 0; i < count; i++) {
    inputs[i] = keep(r, value(r, type, shape(r, 1 + take(r, 4) % 4), MN_KIND_INPUT));
  }
  if (take(r, 2)) r->g.values[inputs[0]].shape = (mn_shape){4, {1, 4, 5, 3}};
  keep(r, constant(r, type, shape(r, take(r, 5))));
  if (seldom(r)) keep(r, value(r, type, shape(r, 4), (mn_kind)take(r, 4)));
  mn_graph_set_inputs(&r->g, inputs, count);
  for (int i = take(r, MOST_NODES); i >= 0; i--) {
    if (!add_node(r, inputs, count)) break;
  }
  for (int i = 0; i < 1 + take(r, 4); i++)
    outputs[out_count++ % 4] = r->live[r->count - 1 - i % r->count];
  mn_graph_set_outputs(&r->g, outputs, out_count > 4 ? 4 : out_count);
}

static bool affordable(const mn_plan *plan) {
  uint64_t work = 0;
  for (int32_t s = 0; s < plan->step_count; s++) {
    work += mn_plan_step_macs(plan, &plan->steps[s]) + plan->steps[s].slices;
  }
  return work < MOST_WORK && mn_plan_session_bytes(plan) < MOST_BYTES;
}

static void fill_inputs(mn_session *session) {
  const mn_graph *graph = &session->plan->graph;
  for (int i = 0; i < graph->input_count; i++) {
    mn_tensor_info info;
    mn_plan_value_info(session->plan, graph->inputs[i], &info);
    uint8_t *data = mn_session_input(session, i);
    for (size_t k = 0; k < info.bytes; k++) data[k] = (uint8_t)(k * 37 + 11);
    for (size_t k = 0; info.type == MN_F32 && k < info.bytes / 4; k++) {
      ((float *)(void *)data)[k] = (float)(k * 37 % 64) / 16 - 2;
    }
  }
}

/* Runs once; the outputs' bytes behind each other in *out, how many. */
static size_t run(const mn_graph *graph, const mn_plan_request *request, uint8_t **out) {
  mn_plan *plan;
  mn_session *session;
  mn_error err = {0};
  size_t used = 0;
  *out = NULL;
  if (mn_plan_build(&plan, graph, request, &err)) {
    if (err.text[0] == '\0') abort();
    return 0;
  }
  if (affordable(plan)) {
    if (mn_session_new(&session, plan, NULL, &err)) abort();
    fill_inputs(session);
    if (mn_session_run(session, &err)) abort();
    for (int i = 0; i < plan->graph.output_count; i++) {
      mn_tensor_info info;
      mn_plan_value_info(plan, plan->graph.outputs[i], &info);
      uint8_t *grown = realloc(*out, used + info.bytes);
      if (!grown) abort();
      *out = grown;
      memcpy(grown + used, mn_session_output(session, i), info.bytes);
      used += info.bytes;
    }
    mn_session_free(session);
  }
  mn_plan_free(plan);
  return used;
}

static bool is_small(const mn_graph *graph) {
  uint64_t elements = 0;
  for (int32_t i = 0; i < graph->value_count; i++) {
    int32_t each = 0;
    mn_shape_elements(&graph->values[i].shape, &each);
    elements += (uint64_t)each;
  }
  return elements < MOST_BYTES;
}

/* Whether gates may go into weights where values are not kept: other roundings. */
static bool has_gates(const mn_graph *graph) {
  mn_graph fused;
  mn_error err = {0};
  bool found = false;
  mn_graph_init(&fused);
  if (mn_graph_copy(&fused, graph, &err) || mn_passes_run(&fused, &err) ||
      mn_pass_fuse_hard_swish(&fused, &err)) {
    mn_graph_free(&fused);
    return false;
  }
  const int32_t nodes = fused.node_count;
  found = mn_pass_fuse_gate(&fused, &err) == MN_OK && fused.node_count < nodes;
  mn_graph_free(&fused);
  return found;
}

/* Every kind of plan on the same input. */
static void run_all(const mn_graph *graph, mn_plan_request request) {
  uint8_t *expected, *got;
  size_t bytes = run(graph, &request, &expected);
  const bool other_bits = has_gates(graph);
  for (int kind = 0; kind < 2; kind++) {
    request.goal = MN_PLAN_MEMORY;
    request.keep_all = kind == 1;
    size_t other = run(graph, &request, &got);
    if (bytes && other && bytes != other) abort();
    const bool same = !(request.keep_all && other_bits);
    if (bytes && other && same && memcmp(expected, got, bytes) != 0) abort();
    free(got);
  }
  free(expected);
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size) {
  recipe r = {.bytes = bytes, .size = size};
  mn_error err = {0};
  mn_graph_init(&r.g);
  mn_plan_request request = {.threads = 1 + take(&r, 4), .batch = take(&r, 3)};
  if (take(&r, 2)) request.features = mn_cpu_detect();
  build(&r);
  if (mn_graph_verify(&r.g, &err)) {
    if (err.text[0] == '\0') abort(); /* a refusal says why */
  } else if (is_small(&r.g)) {
    run_all(&r.g, request);
  }
  mn_graph_free(&r.g);
  return 0;
}
