/* SPDX-License-Identifier: Apache-2.0
 * The gradient of each operator: from how the loss changes with its output, how it changes with its
 * inputs. */
#include <string.h>

#include "ops/operand.h"
#include "train/tape.h"

typedef struct rule {
  mn_tape *tape;
  const mn_node *node; /* a copy: the graph's moves as it grows */
  mn_id gradient;      /* of output 0 */
} rule;

static size_t elements(const rule *r, mn_id id) {
  int32_t count = 0;
  mn_shape_elements(mn_tape_shape(r->tape, id), &count);
  return (size_t)count;
}

static size_t pixels(const rule *r, mn_id id) {
  const mn_shape *shape = mn_tape_shape(r->tape, id);
  return shape->rank ? elements(r, id) / (size_t)shape->dim[shape->rank - 1] : 1;
}

static mn_id emit1(const rule *r, int32_t op, mn_id a, mn_id b, mn_shape out, const mn_attr *attr) {
  const mn_emission what = {.op = op,
                            .name = r->node->name,
                            .in = {a, b},
                            .in_count = b == MN_NONE ? 1 : 2,
                            .out = {out}};
  return mn_tape_emit(r->tape, &what, attr);
}

/* ---- Layers --------------------------------------------------------------------------------- */

/* parts [n, ...] summed to the shape of `like`. */
static mn_id sum_parts(const rule *r, mn_id parts, mn_id like) {
  const mn_shape shape = *mn_tape_shape(r->tape, like);
  if (parts == MN_NONE) return MN_NONE;
  if (mn_tape_shape(r->tape, parts)->dim[0] > 1) {
    return emit1(r, MN_TRAIN_SUM_PARTS, parts, MN_NONE, shape, NULL);
  }
  return emit1(r, MN_OP_RESHAPE, parts, MN_NONE, shape, &(mn_attr){.reshape = {shape}});
}

static void bias(const rule *r, mn_id id) {
  if (!mn_tape_wants(r->tape, id)) return;
  const mn_shape out = {
      2, {mn_train_parts(pixels(r, r->gradient)), mn_tape_shape(r->tape, id)->dim[0]}};
  mn_id parts = emit1(r, MN_TRAIN_COLUMN_SUMS, r->gradient, MN_NONE, out, NULL);
  mn_tape_add(r->tape, id, sum_parts(r, parts, id));
}

static void layer(const rule *r, const mn_window *window, bool depthwise) {
  mn_tape *tape = r->tape;
  const mn_id x = r->node->in[0], weights = r->node->in[1];
  const mn_attr attr = {.train = {.window = *window}};
  if (mn_tape_wants(tape, weights)) {
    const size_t count = elements(r, weights);
    const int32_t split = mn_train_weight_parts(pixels(r, r->gradient), count);
    mn_shape out = {2, {split, (int32_t)count}};
    if (!depthwise) {
      const int32_t rows = mn_tape_shape(tape, weights)->dim[0];
      out = (mn_shape){3, {split, rows, (int32_t)count / rows}};
    }
    const int32_t op = depthwise ? MN_TRAIN_DW_WEIGHTS : MN_TRAIN_CONV_WEIGHTS;
    mn_tape_add(tape, weights, sum_parts(r, emit1(r, op, x, r->gradient, out, &attr), weights));
  }
  if (r->node->in_count > 2) bias(r, r->node->in[2]);
  if (!mn_tape_wants(tape, x)) return;
  const int32_t op = depthwise ? MN_TRAIN_DW_GRADIENT : MN_TRAIN_CONV_GRADIENT;
  mn_tape_add(tape, x, emit1(r, op, r->gradient, weights, *mn_tape_shape(tape, x), &attr));
}

static void conv(const rule *r) { layer(r, &r->node->attr.conv.window, false); }

static void dense(const rule *r) { layer(r, &(mn_window){.kernel_h = 1, .kernel_w = 1}, false); }

static void dwconv(const rule *r) { layer(r, &r->node->attr.conv.window, true); }

/* Inputs: x, mean, inverse, gamma, beta. */
static void norm(const rule *r) {
  mn_tape *tape = r->tape;
  const mn_id *in = r->node->in, gamma = in[3], beta = in[4];
  const mn_shape channels = *mn_tape_shape(tape, gamma);
  mn_attr attr = {.train = r->node->attr.train};
  attr.train.parts = mn_train_parts(pixels(r, in[0]));
  mn_emission what = {.op = MN_TRAIN_NORM_SUMS,
                      .name = r->node->name,
                      .in = {in[0], r->gradient, in[1], in[2], gamma, beta},
                      .in_count = 6,
                      .out = {{3, {attr.train.parts, 2, channels.dim[0]}}}};
  const mn_id parts = mn_tape_emit(tape, &what, &attr);
  const mn_id of_gamma = mn_tape_emit(tape,
                                      &(mn_emission){.op = MN_TRAIN_SUM_PARTS,
                                                     .name = r->node->name,
                                                     .in = {parts},
                                                     .in_count = 1,
                                                     .out = {channels, channels},
                                                     .out_count = 2},
                                      NULL);
  if (of_gamma == MN_NONE) return;
  const mn_id of_beta = tape->graph->nodes[tape->graph->node_count - 1].out[1];
  mn_tape_add(tape, gamma, of_gamma);
  mn_tape_add(tape, beta, of_beta);
  if (!mn_tape_wants(tape, in[0])) return;
  what.op = MN_TRAIN_NORM_GRADIENT;
  what.in[6] = of_gamma;
  what.in[7] = of_beta;
  what.in_count = 8;
  what.out[0] = *mn_tape_shape(tape, in[0]);
  attr.train.parts = tape->options->frozen_norm ? 0 : 1;
  mn_tape_add(tape, in[0], mn_tape_emit(tape, &what, &attr));
}

/* ---- Elementwise ---------------------------------------------------------------------------- */

static void refuse(const rule *r, const char *what) {
  if (r->tape->status) return;
  r->tape->status =
      mn_fail(r->tape->err, MN_ERR_UNSUPPORTED, r->node->name, "%s has no gradient here", what);
}

static bool same_shape(const rule *r, mn_id a, mn_id b) {
  return mn_shape_equal(mn_tape_shape(r->tape, a), mn_tape_shape(r->tape, b));
}

static void add(const rule *r) {
  for (int i = 0; i < 2; i++) {
    const mn_id in = r->node->in[i];
    if (!mn_tape_wants(r->tape, in)) continue;
    if (!same_shape(r, in, r->gradient)) {
      refuse(r, "a sum that repeats what training changes");
      return;
    }
    mn_tape_add(r->tape, in, r->gradient);
  }
}

/* One vector an image. */
static bool is_gate(const rule *r, mn_id id) {
  const mn_shape *gate = mn_tape_shape(r->tape, id), *map = mn_tape_shape(r->tape, r->gradient);
  return gate->rank == 4 && map->rank == 4 && gate->dim[0] == map->dim[0] && gate->dim[1] == 1 &&
         gate->dim[2] == 1 && gate->dim[3] == map->dim[3];
}

static void mul(const rule *r) {
  const mn_attr attr = {.eltwise = {MN_ACT_NONE}};
  for (int i = 0; i < 2; i++) {
    const mn_id in = r->node->in[i], other = r->node->in[1 - i];
    if (!mn_tape_wants(r->tape, in)) continue;
    const mn_shape shape = *mn_tape_shape(r->tape, in);
    if (same_shape(r, in, r->gradient)) {
      mn_tape_add(r->tape, in, emit1(r, MN_OP_MUL, r->gradient, other, shape, &attr));
    } else if (is_gate(r, in) && same_shape(r, other, r->gradient)) {
      mn_tape_add(r->tape, in, emit1(r, MN_TRAIN_GATE_GRADIENT, r->gradient, other, shape, NULL));
    } else {
      refuse(r, "a product that repeats what training changes");
    }
  }
}

static void act(const rule *r, mn_act kind) {
  const mn_id x = r->node->in[0];
  const mn_attr attr = {.train = {.act = kind}};
  mn_tape_add(r->tape, x,
              emit1(r, MN_TRAIN_ACT_GRADIENT, x, r->gradient, *mn_tape_shape(r->tape, x), &attr));
}

static void logistic(const rule *r) {
  const mn_shape shape = *mn_tape_shape(r->tape, r->node->in[0]);
  mn_tape_add(r->tape, r->node->in[0],
              emit1(r, MN_TRAIN_LOGISTIC_GRADIENT, r->node->out[0], r->gradient, shape, NULL));
}

/* Straight through the rounding. */
static void fake_quant(const rule *r) {
  mn_tape *tape = r->tape;
  const mn_id x = r->node->in[0];
  if (!mn_tape_wants(tape, x)) return;
  const mn_emission what = {.op = MN_TRAIN_FAKE_QUANT_GRADIENT,
                            .name = r->node->name,
                            .in = {x, r->node->in[1], r->gradient},
                            .in_count = 3,
                            .out = {*mn_tape_shape(tape, x)}};
  mn_tape_add(tape, x, mn_tape_emit(tape, &what, NULL));
}

/* ---- Moving and averaging ------------------------------------------------------------------- */

static void mean(const rule *r) {
  const mn_id x = r->node->in[0];
  const mn_shape shape = *mn_tape_shape(r->tape, x);
  const size_t kept = (size_t)shape.dim[0] * (size_t)shape.dim[shape.rank - 1];
  if (elements(r, r->gradient) != kept) {
    refuse(r, "an average that is not over whole maps");
    return;
  }
  mn_tape_add(r->tape, x, emit1(r, MN_TRAIN_MEAN_GRADIENT, r->gradient, MN_NONE, shape, NULL));
}

static void reshape(const rule *r) {
  const mn_shape shape = *mn_tape_shape(r->tape, r->node->in[0]);
  const mn_attr attr = {.reshape = {shape}};
  mn_tape_add(r->tape, r->node->in[0], emit1(r, MN_OP_RESHAPE, r->gradient, MN_NONE, shape, &attr));
}

static void resize(const rule *r) {
  const mn_shape shape = *mn_tape_shape(r->tape, r->node->in[0]);
  mn_tape_add(r->tape, r->node->in[0],
              emit1(r, MN_TRAIN_RESIZE_GRADIENT, r->gradient, MN_NONE, shape, &r->node->attr));
}

static void pad(const rule *r) {
  mn_attr attr = r->node->attr;
  for (int i = 0; i < MN_MAX_RANK; i++) {
    attr.pad.before[i] = -attr.pad.before[i];
    attr.pad.after[i] = -attr.pad.after[i];
  }
  const mn_shape shape = *mn_tape_shape(r->tape, r->node->in[0]);
  mn_tape_add(r->tape, r->node->in[0], emit1(r, MN_OP_PAD, r->gradient, MN_NONE, shape, &attr));
}

static void concat(const rule *r) {
  const int32_t axis = r->node->attr.concat.axis;
  const int32_t whole = mn_tape_shape(r->tape, r->gradient)->dim[axis];
  int32_t begin = 0;
  for (int32_t i = 0; i < r->node->in_count; i++) {
    const mn_shape shape = *mn_tape_shape(r->tape, r->node->in[i]);
    mn_attr attr;
    memset(&attr, 0, sizeof attr);
    attr.pad.before[axis] = -begin;
    begin += shape.dim[axis];
    attr.pad.after[axis] = begin - whole;
    if (!mn_tape_wants(r->tape, r->node->in[i])) continue;
    mn_tape_add(r->tape, r->node->in[i], emit1(r, MN_OP_PAD, r->gradient, MN_NONE, shape, &attr));
  }
}

void mn_gradient_of(mn_tape *tape, int32_t index) {
  const mn_node node = tape->graph->nodes[index];
  const rule r = {tape, &node, tape->gradient[node.out[0]]};
  if (r.gradient == MN_NONE) return;
  switch ((int)node.op) {
    case MN_OP_CONV2D: conv(&r); break;
    case MN_OP_DWCONV2D: dwconv(&r); break;
    case MN_OP_DENSE: dense(&r); break;
    case MN_TRAIN_NORM: norm(&r); break;
    case MN_OP_ADD: add(&r); break;
    case MN_OP_MUL: mul(&r); break;
    case MN_OP_RELU: act(&r, node.attr.eltwise.act); break;
    case MN_OP_HARD_SWISH: act(&r, MN_ACT_HARD_SWISH); break;
    case MN_OP_HARD_SIGMOID: act(&r, MN_ACT_NONE); break;
    case MN_OP_LOGISTIC: logistic(&r); break;
    case MN_TRAIN_FAKE_QUANT: fake_quant(&r); break;
    case MN_OP_RESIZE_BILINEAR: resize(&r); break;
    case MN_OP_MEAN:
    case MN_OP_AVG_POOL: mean(&r); break;
    case MN_OP_RESHAPE: reshape(&r); break;
    case MN_OP_PAD: pad(&r); break;
    case MN_OP_CONCAT: concat(&r); break;
    default: refuse(&r, mn_train_op_name(node.op));
  }
}
