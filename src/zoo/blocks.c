/* SPDX-License-Identifier: Apache-2.0
 * Layers and blocks appended to a graph; see blocks.h. */
#include "zoo/blocks.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#include "base/rng.h"

const char *mn_net_name(mn_net *net, const char *name, const char *part) {
  size_t a = strlen(name), b = strlen(part);
  char *text = mn_arena_take(&net->graph->arena, a + b + 2);
  if (!text) {
    net->failed = true;
    return "";
  }
  memcpy(text, name, a);
  text[a] = '.';
  memcpy(text + a + 1, part, b + 1);
  return text;
}

const char *mn_net_numbered(mn_net *net, const char *prefix, int32_t index) {
  char text[48];
  int length = snprintf(text, sizeof text, "%s%d", prefix, index);
  char *kept = mn_arena_string(&net->graph->arena, text, length > 0 ? (size_t)length : 0);
  if (!kept) net->failed = true;
  return kept ? kept : "";
}

/* ---- Constants ------------------------------------------------------------------------------- */

/* A number in (0, 1) that depends on its arguments only (splitmix64's finisher). */
static double uniform(uint64_t seed, uint64_t stream, uint64_t index) {
  uint64_t z = seed + stream * 0x9e3779b97f4a7c15u + index * 0xd1b54a32d192ed03u;
  z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9u;
  z = (z ^ (z >> 27)) * 0x94d049bb133111ebu;
  z ^= z >> 31;
  return ((double)(z >> 11) + 0.5) / 9007199254740992.0;
}

static double normal(uint64_t seed, uint64_t stream, uint64_t index) {
  return mn_normal_of(uniform(seed, stream, 2 * index), uniform(seed, stream, 2 * index + 1));
}

/* How a constant begins: N(mean, deviation), or the mean everywhere when deviation is 0. */
typedef struct filling {
  double mean, deviation;
} filling;

static const float *fill(mn_net *net, size_t count, filling how) {
  if (net->weights == MN_ZOO_ZEROS) {
    if (count > net->zero_count) {
      net->zeros = mn_arena_array(&net->graph->arena, count, sizeof(float));
      net->zero_count = net->zeros ? count : 0;
    }
    return net->zeros;
  }
  float *data = mn_arena_array(&net->graph->arena, count, sizeof *data);
  uint64_t stream = (uint64_t)net->graph->value_count;
  for (size_t i = 0; data && i < count; i++) {
    double value = how.mean;
    if (how.deviation > 0) value += how.deviation * normal(net->seed, stream, i);
    data[i] = (float)value;
  }
  return data;
}

static mn_id constant(mn_net *net, const char *name, mn_shape shape, filling how) {
  int32_t count;
  if (net->failed || !mn_shape_elements(&shape, &count)) {
    net->failed = true;
    return MN_NONE;
  }
  const float *data = fill(net, (size_t)count, how);
  mn_id id = data ? mn_graph_add_const(net->graph, name, MN_F32, &shape, data) : MN_NONE;
  if (id == MN_NONE) net->failed = true;
  return id;
}

static mn_id per_channel(mn_net *net, const char *name, const char *part, double value) {
  return constant(net, mn_net_name(net, name, part), (mn_shape){1, {net->channels}},
                  (filling){value, 0});
}

/* ---- Nodes ----------------------------------------------------------------------------------- */

/* Appends a node from `in` to a new value of `shape`, which becomes the current one. */
static mn_node *append(mn_net *net, mn_op op, const char *name, const mn_id *in, int32_t in_count) {
  if (net->failed) return &net->nothing;
  mn_shape unknown = {0, {0}};
  mn_id out = mn_graph_add_value(net->graph, name, MN_F32, &unknown);
  mn_id node =
      out == MN_NONE ? MN_NONE : mn_graph_add_node(net->graph, op, name, in, in_count, &out, 1);
  if (node == MN_NONE) {
    net->failed = true;
    return &net->nothing;
  }
  net->value = out;
  return &net->graph->nodes[node];
}

static void nonlinearity(mn_net *net, const char *name, mn_nonlinearity act) {
  mn_id in = net->value;
  if (act == MN_LINEAR) return;
  if (act == MN_HARD_SWISH) {
    append(net, MN_OP_HARD_SWISH, mn_net_name(net, name, "hard_swish"), &in, 1);
    return;
  }
  const char *part = act == MN_RELU6 ? "relu6" : "relu";
  append(net, MN_OP_RELU, mn_net_name(net, name, part), &in, 1)->attr.eltwise.act =
      act == MN_RELU6 ? MN_ACT_RELU6 : MN_ACT_RELU;
}

static void batch_norm(mn_net *net, const char *name) {
  const char *bn = mn_net_name(net, name, "bn");
  mn_id in[5] = {net->value, per_channel(net, bn, "gamma", 1), per_channel(net, bn, "beta", 0),
                 per_channel(net, bn, "mean", 0), per_channel(net, bn, "variance", 1)};
  append(net, MN_OP_BATCH_NORM, bn, in, 5)->attr.batch_norm.epsilon = net->epsilon;
}

static mn_window window_of(const mn_net *net, int32_t kernel, int32_t stride, int32_t rate) {
  int32_t pad = net->arch->flavour.symmetric_pad ? (kernel - 1) / 2 * rate : 0;
  mn_pad_rule rule = net->arch->flavour.symmetric_pad ? MN_PAD_EXPLICIT : MN_PAD_SAME;
  return (mn_window){kernel, kernel, stride, stride, rate, rate, rule, pad, pad, pad, pad};
}

/* He-normal over a filter's inputs; torchvision's over its outputs, of which a depthwise layer has
 * as many as channels: its weights begin small, and move the faster for it where a batch norm
 * follows. PyTorch's own are uniform, within the root of one over the inputs. */
static filling he(const mn_net *net, int32_t window, int32_t in, int32_t out) {
  if (net->torch_weights) return (filling){0, sqrt(1.0 / (3.0 * window * in))};
  return (filling){0, sqrt(2.0 / (window * (net->arch->flavour.fan_out ? out : in)))};
}

static mn_node *convolution(mn_net *net, const char *name, int32_t kernel, int32_t out, bool bias) {
  mn_shape shape = {4, {out, kernel, kernel, net->channels}};
  mn_id in[3] = {net->value, constant(net, mn_net_name(net, name, "weight"), shape,
                                      he(net, kernel * kernel, net->channels, out))};
  net->channels = out;
  if (bias) in[2] = per_channel(net, name, "bias", 0);
  mn_node *node = append(net, MN_OP_CONV2D, name, in, bias ? 3 : 2);
  node->attr.conv.window = window_of(net, kernel, 1, 1);
  return node;
}

void mn_net_conv(mn_net *net, const char *name, int32_t kernel, int32_t stride, int32_t out,
                 mn_nonlinearity act) {
  convolution(net, name, kernel, out, false)->attr.conv.window = window_of(net, kernel, stride, 1);
  net->stride *= stride;
  net->nominal *= stride;
  batch_norm(net, name);
  nonlinearity(net, name, act);
}

void mn_net_pointwise_bias(mn_net *net, const char *name, int32_t out, mn_nonlinearity act) {
  convolution(net, name, 1, out, true);
  nonlinearity(net, name, act);
}

void mn_net_conv_bias(mn_net *net, const char *name, int32_t kernel, int32_t out) {
  convolution(net, name, kernel, out, true);
}

void mn_net_gate(mn_net *net, const char *name, int32_t out) {
  convolution(net, name, 1, out, false);
  mn_id in = net->value;
  append(net, MN_OP_LOGISTIC, mn_net_name(net, name, "logistic"), &in, 1);
}

void mn_net_atrous(mn_net *net, const char *name, int32_t rate, int32_t out) {
  convolution(net, name, 3, out, false)->attr.conv.window = window_of(net, 3, 1, rate);
  batch_norm(net, name);
  nonlinearity(net, name, MN_RELU);
}

void mn_net_depthwise(mn_net *net, const char *name, int32_t kernel, int32_t stride,
                      mn_nonlinearity act) {
  /* Atrous: a stride that would pass output_stride is not taken; the layers after it see the same
   * field by dilation. TensorFlow dilates from the next layer on, torchvision from this one. */
  bool atrous = stride > 1 && net->stride >= net->output_stride;
  int32_t rate = net->rate;
  net->nominal *= stride;
  if (atrous) {
    net->rate *= stride;
    if (net->arch->flavour.symmetric_pad) rate = net->rate;
    stride = 1;
  }
  net->stride *= stride;
  mn_shape shape = {3, {kernel, kernel, net->channels, 0}};
  mn_id in[2] = {net->value, constant(net, mn_net_name(net, name, "weight"), shape,
                                      he(net, kernel * kernel, 1, net->channels))};
  mn_node *node = append(net, MN_OP_DWCONV2D, name, in, 2);
  node->attr.conv.window = window_of(net, kernel, stride, rate);
  node->attr.conv.multiplier = 1;
  batch_norm(net, name);
  nonlinearity(net, name, act);
}

void mn_net_global_pool(mn_net *net, const char *name) {
  mn_id in = net->value;
  append(net, MN_OP_AVG_POOL, name, &in, 1)->attr.pool.global = true;
}

void mn_net_squeeze_excite(mn_net *net, const char *name, int32_t squeeze) {
  mn_id scaled[2] = {net->value, MN_NONE};
  int32_t channels = net->channels;
  mn_net_global_pool(net, mn_net_name(net, name, "pool"));
  mn_net_pointwise_bias(net, mn_net_name(net, name, "reduce"), squeeze, MN_RELU);
  mn_net_pointwise_bias(net, mn_net_name(net, name, "expand"), channels, MN_LINEAR);
  mn_id in = net->value;
  append(net, MN_OP_HARD_SIGMOID, mn_net_name(net, name, "gate"), &in, 1);
  scaled[1] = net->value;
  append(net, MN_OP_MUL, mn_net_name(net, name, "scale"), scaled, 2);
}

void mn_net_dense(mn_net *net, const char *name, int32_t out) {
  mn_shape shape = {2, {out, net->channels}};
  mn_id in[3] = {net->value,
                 constant(net, mn_net_name(net, name, "weight"), shape, (filling){0, 0.01})};
  net->channels = out;
  in[2] = per_channel(net, name, "bias", 0);
  append(net, MN_OP_DENSE, name, in, 3);
}

void mn_net_residual(mn_net *net, const char *name, mn_id from) {
  mn_id in[2] = {from, net->value};
  append(net, MN_OP_ADD, name, in, 2);
}

/* Adds what the block began with; by a linear layer where that has other channels. */
static void add_shortcut(mn_net *net, const char *name, mn_tap from) {
  mn_tap made = mn_net_here(net);
  if (from.channels != made.channels) {
    mn_net_return_to(net, from);
    mn_net_conv(net, mn_net_name(net, name, "shortcut"), 1, 1, made.channels, MN_LINEAR);
    from = mn_net_here(net);
    mn_net_return_to(net, made);
  }
  mn_net_residual(net, mn_net_name(net, name, "add"), from.value);
}

void mn_net_inverted_residual(mn_net *net, const char *name, const mn_inverted_residual *block) {
  mn_tap from = mn_net_here(net);
  bool residual = block->stride == 1 && (block->always || net->channels == block->out);
  if (block->always || block->expanded != net->channels) {
    mn_net_conv(net, mn_net_name(net, name, "expand"), 1, 1, block->expanded, block->act);
  }
  if (block->stride > 1 && net->nominal == 16) net->middle = mn_net_here(net);
  mn_net_depthwise(net, mn_net_name(net, name, "depthwise"), block->kernel, block->stride,
                   block->act);
  if (block->squeeze) mn_net_squeeze_excite(net, mn_net_name(net, name, "se"), block->squeeze);
  mn_net_conv(net, mn_net_name(net, name, "project"), 1, 1, block->out, MN_LINEAR);
  if (residual) add_shortcut(net, name, from);
  mn_net_end_block(net);
}

/* ---- What heads need ------------------------------------------------------------------------- */

mn_tap mn_net_here(const mn_net *net) { return (mn_tap){net->value, net->channels}; }

void mn_net_return_to(mn_net *net, mn_tap tap) {
  net->value = tap.value;
  net->channels = tap.channels;
}

void mn_net_end_block(mn_net *net) {
  if (net->nominal == 8 && net->low.value == MN_NONE) net->low = mn_net_here(net);
  if (net->nominal == 16) net->middle = mn_net_here(net);
}

int32_t mn_net_depth(const mn_net *net, double channels) {
  double scaled = channels * net->arch->width;
  int32_t depth = net->divisor == 1 ? (int32_t)(scaled + 0.5) : mn_make_divisible(scaled);
  return depth > net->min_depth ? depth : net->min_depth;
}

void mn_net_multiply(mn_net *net, const char *name, mn_id by) {
  mn_id in[2] = {net->value, by};
  append(net, MN_OP_MUL, name, in, 2);
}

void mn_net_resize_like(mn_net *net, const char *name, mn_id like) {
  mn_id in[2] = {net->value, like};
  mn_node *node = append(net, MN_OP_RESIZE_BILINEAR, name, in, 2);
  node->attr.resize.like = true;
  node->attr.resize.half_pixel = net->arch->flavour.symmetric_pad;
  node->attr.resize.align_corners = !net->arch->flavour.symmetric_pad;
}

void mn_net_concat(mn_net *net, const char *name, const mn_id *parts, int32_t count, int32_t axis) {
  append(net, MN_OP_CONCAT, name, parts, count)->attr.concat.axis = axis;
}

void mn_net_rows(mn_net *net, const char *name, int32_t columns) {
  mn_id in = net->value;
  append(net, MN_OP_RESHAPE, name, &in, 1)->attr.reshape.shape = (mn_shape){3, {0, -1, columns}};
}

/* TensorFlow's detectors keep at least 16 channels; its DeepLab rounds other widths than 1 to whole
 * channels (deeplab/core/feature_extractor.py). */
static void set_rounding(mn_net *net) {
  const mn_arch *arch = net->arch;
  bool whole = mn_head_segments(arch->head) && arch->family == MN_FAMILY_V2 && arch->width != 1 &&
               !arch->flavour.symmetric_pad;
  net->divisor = whole ? 1 : 8;
  net->min_depth = mn_head_detects(arch->head) ? 16 : net->divisor;
}

void mn_net_begin(mn_net *net) {
  mn_shape shape = {4, {1, net->arch->height, net->arch->width_px, 3}};
  net->value = mn_graph_add_value(net->graph, "input", MN_F32, &shape);
  net->channels = 3;
  net->stride = net->nominal = net->rate = 1;
  net->output_stride = net->arch->output_stride;
  net->epsilon = net->arch->flavour.epsilon;
  set_rounding(net);
  net->low = net->middle = (mn_tap){MN_NONE, 0};
  net->failed = net->value == MN_NONE;
  if (!net->failed) net->graph->values[net->value].kind = MN_KIND_INPUT;
}

void mn_net_begin_segmenter(mn_net *net) {
  net->epsilon = 1e-5f;
  net->torch_weights = net->arch->flavour.fan_out;
}
