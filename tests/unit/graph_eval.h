/* SPDX-License-Identifier: Apache-2.0
 * A plain evaluation of float graphs in double, for tests: knows no pass, no plan and no kernel.
 * Only the operators that float MobileNets are made of before their head. */
#ifndef MN_TESTS_GRAPH_EVAL_H
#define MN_TESTS_GRAPH_EVAL_H

#include "graph_maker.h"

typedef struct eval {
  const mn_graph *graph;
  const mn_node *node;
  double **data;   /* [value_count] */
  int32_t picture; /* of a layer's input */
} eval;

static inline int32_t elements_of(const mn_graph *graph, mn_id id) {
  int32_t elements = 0;
  assert_true(mn_shape_elements(&graph->values[id].shape, &elements));
  return elements;
}

static inline const mn_shape *in_shape(const eval *at, int i) {
  return &at->graph->values[at->node->in[i]].shape;
}

static inline const double *in_data(const eval *at, int i) {
  return i < at->node->in_count && at->node->in[i] != MN_NONE ? at->data[at->node->in[i]] : NULL;
}

static inline double activate(double x, mn_act act) {
  float lo, hi;
  if (act == MN_ACT_HARD_SWISH) return x * activate(x + 3, MN_ACT_RELU6) / 6;
  mn_act_range(act, &lo, &hi);
  return x < (double)lo ? (double)lo : x > (double)hi ? (double)hi : x;
}

/* Both kinds of convolution at one output element. */
static inline double window_sum(const eval *at, const mn_window *w, int32_t oy, int32_t ox,
                                int32_t oc) {
  const mn_shape *x = in_shape(at, 0), *weights = in_shape(at, 1);
  bool depthwise = at->node->op == MN_OP_DWCONV2D;
  int32_t ic_count = depthwise ? 1 : x->dim[3];
  double sum = in_data(at, 2) ? in_data(at, 2)[oc] : 0;
  for (int32_t k = 0; k < w->kernel_h * w->kernel_w * ic_count; k++) {
    int32_t tap = k / ic_count, ic = k % ic_count;
    int32_t y = oy * w->stride_h - w->pad_top + tap / w->kernel_w * w->dilation_h;
    int32_t z = ox * w->stride_w - w->pad_left + tap % w->kernel_w * w->dilation_w;
    if (y < 0 || y >= x->dim[1] || z < 0 || z >= x->dim[2]) continue;
    int32_t channel = depthwise ? oc / at->node->attr.conv.multiplier : ic;
    double weight = depthwise
                        ? in_data(at, 1)[tap * weights->dim[2] + oc]
                        : in_data(at, 1)[(oc * w->kernel_h * w->kernel_w + tap) * ic_count + ic];
    y += at->picture * x->dim[1];
    sum += weight * in_data(at, 0)[(y * x->dim[2] + z) * x->dim[3] + channel];
  }
  return sum;
}

static inline void eval_conv(const eval *at, double *out, const mn_shape *shape) {
  mn_window w = at->node->attr.conv.window;
  int32_t h, width;
  assert_true(mn_window_resolve(&w, in_shape(at, 0)->dim[1], in_shape(at, 0)->dim[2], &h, &width));
  eval one = *at;
  for (int32_t i = 0; i < shape->dim[0] * h * width * shape->dim[3]; i++) {
    int32_t pixel = i / shape->dim[3];
    one.picture = pixel / width / h;
    double sum = window_sum(&one, &w, pixel / width % h, pixel % width, i % shape->dim[3]);
    out[i] = activate(sum, at->node->attr.conv.act);
  }
}

static inline void eval_dense(const eval *at, double *out) {
  int32_t outs = in_shape(at, 1)->dim[0], ins = in_shape(at, 1)->dim[1];
  for (int32_t o = 0; o < outs; o++) {
    double sum = in_data(at, 2) ? in_data(at, 2)[o] : 0;
    for (int32_t i = 0; i < ins; i++) sum += in_data(at, 1)[o * ins + i] * in_data(at, 0)[i];
    out[o] = activate(sum, at->node->attr.dense.act);
  }
}

static inline void eval_batch_norm(const eval *at, double *out, int32_t count) {
  int32_t channels = in_shape(at, 1)->dim[0];
  for (int32_t i = 0; i < count; i++) {
    int32_t c = i % channels;
    double scale = sqrt(in_data(at, 4)[c] + (double)at->node->attr.batch_norm.epsilon);
    double x = (in_data(at, 0)[i] - in_data(at, 3)[c]) / scale;
    out[i] = activate(x * in_data(at, 1)[c] + in_data(at, 2)[c], at->node->attr.batch_norm.act);
  }
}

static inline void eval_pad(const eval *at, double *out, const mn_shape *shape, int32_t count) {
  const mn_shape *x = in_shape(at, 0);
  const int32_t *before = at->node->attr.pad.before;
  for (int32_t i = 0; i < count; i++) {
    int32_t c = i % shape->dim[3] - before[3], z = i / shape->dim[3] % shape->dim[2] - before[2];
    int32_t y = i / shape->dim[3] / shape->dim[2] - before[1];
    bool inside = c >= 0 && c < x->dim[3] && z >= 0 && z < x->dim[2] && y >= 0 && y < x->dim[1];
    out[i] = inside ? in_data(at, 0)[(y * x->dim[2] + z) * x->dim[3] + c] : 0;
  }
}

static inline double hard_sigmoid(double x) { return activate(x + 3, MN_ACT_RELU6) / 6; }

/* Broadcasts only a constant of one element, or of one a channel. */
static inline void eval_pointwise(const eval *at, double *out, int32_t count) {
  for (int32_t i = 0; i < count; i++) {
    double x = in_data(at, 0)[i % elements_of(at->graph, at->node->in[0])];
    double y =
        at->node->in_count > 1 ? in_data(at, 1)[i % elements_of(at->graph, at->node->in[1])] : 0;
    switch (at->node->op) {
      case MN_OP_ADD: out[i] = activate(x + y, at->node->attr.eltwise.act); break;
      case MN_OP_MUL: out[i] = activate(x * y, at->node->attr.eltwise.act); break;
      case MN_OP_RELU: out[i] = activate(x, at->node->attr.eltwise.act); break;
      case MN_OP_HARD_SWISH: out[i] = x * hard_sigmoid(x); break;
      case MN_OP_HARD_SIGMOID: out[i] = hard_sigmoid(x); break;
      case MN_OP_RESHAPE: out[i] = x; break;
      default: fail_msg("%s is not evaluated here", mn_op_name(at->node->op));
    }
  }
}

/* Space to batch by its definition; batch to space is its inverse: `back`. */
static inline void eval_space_batch(const eval *at, double *out, bool back) {
  const mn_attr *a = &at->node->attr;
  const mn_shape *map = &at->graph->values[back ? at->node->out[0] : at->node->in[0]].shape;
  const mn_shape *parts = &at->graph->values[back ? at->node->in[0] : at->node->out[0]].shape;
  const double *in = in_data(at, 0);
  int32_t i = 0, channels = map->dim[3];
  for (int32_t n = 0; n < parts->dim[0]; n++) {
    for (int32_t y = 0; y < parts->dim[1]; y++) {
      for (int32_t x = 0; x < parts->dim[2]; x++) {
        int32_t part = n / map->dim[0];
        int32_t row = y * a->space_batch.block_h + part / a->space_batch.block_w;
        int32_t column = x * a->space_batch.block_w + part % a->space_batch.block_w;
        row -= a->space_batch.top;
        column -= a->space_batch.left;
        bool inside = row >= 0 && row < map->dim[1] && column >= 0 && column < map->dim[2];
        int32_t from = ((n % map->dim[0] * map->dim[1] + row) * map->dim[2] + column) * channels;
        for (int32_t c = 0; c < channels; c++, i++, from++) {
          if (back && inside) out[from] = in[i];
          if (!back) out[i] = inside ? in[from] : 0;
        }
      }
    }
  }
}

static inline void eval_node(const eval *at) {
  mn_id id = at->node->out[0];
  const mn_shape *shape = &at->graph->values[id].shape;
  int32_t count = elements_of(at->graph, id);
  double *out = at->data[id];
  switch (at->node->op) {
    case MN_OP_CONV2D:
    case MN_OP_DWCONV2D: eval_conv(at, out, shape); break;
    case MN_OP_DENSE: eval_dense(at, out); break;
    case MN_OP_BATCH_NORM: eval_batch_norm(at, out, count); break;
    case MN_OP_SPACE_TO_BATCH: eval_space_batch(at, out, false); break;
    case MN_OP_BATCH_TO_SPACE: eval_space_batch(at, out, true); break;
    case MN_OP_PAD: eval_pad(at, out, shape, count); break;
    default: eval_pointwise(at, out, count); break;
  }
}

/* Output 0 for an input of made numbers from -5 to 5; in `arena`. */
static inline const double *evaluate(const mn_graph *graph, mn_arena *arena, int32_t *count) {
  eval at = {graph, NULL, mn_arena_array(arena, (size_t)graph->value_count, sizeof(double *)), 0};
  for (mn_id id = 0; id < graph->value_count; id++) {
    int32_t elements = elements_of(graph, id);
    const float *from = graph->values[id].data;
    at.data[id] = mn_arena_array(arena, (size_t)elements, sizeof(double));
    for (int32_t i = 0; i < elements; i++) {
      if (graph->values[id].kind == MN_KIND_INPUT) at.data[id][i] = 10 * made_number("input", i);
      if (graph->values[id].kind == MN_KIND_CONST) at.data[id][i] = (double)from[i];
    }
  }
  for (int32_t n = 0; n < graph->node_count; n++) {
    at.node = &graph->nodes[n];
    eval_node(&at);
  }
  *count = elements_of(graph, graph->outputs[0]);
  return at.data[graph->outputs[0]];
}

#endif
