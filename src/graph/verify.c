/* SPDX-License-Identifier: Apache-2.0
 * What a graph must be before anything runs it. The only gate: loaders copy structure out of
 * files, this decides, and later code relies on it without checking again. */
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "base/alloc.h"
#include "base/checked.h"
#include "graph/graph.h"

/* Far beyond any network; what planning does for each pair of nodes still takes no time. */
enum { MAX_VALUES = 1 << 16, MAX_NODES = 1 << 14 };

typedef struct op_rule {
  int32_t min_in, max_in;
} op_rule;

static const op_rule op_rules[] = {
#define MN_OP(id, name, min_in, max_in, attr, shape_fn, cost_fn) {min_in, max_in},
#include "graph/ops.def"
#undef MN_OP
};

static bool id_valid(const mn_graph *graph, mn_id id) { return id >= 0 && id < graph->value_count; }

static bool is_code(mn_type type) { return type == MN_U8 || type == MN_I8; }

/* ---- Values --------------------------------------------------------------------------------- */

/* Merges the runs [from, middle) and [middle, end) of ids, which are in order of their names. */
static void merge_names(const mn_value *values, const mn_id *from, mn_id *to, const int32_t at[3]) {
  int32_t a = at[0], b = at[1];
  for (int32_t i = at[0]; i < at[2]; i++) {
    bool left =
        a < at[1] && (b == at[2] || strcmp(values[from[a]].name, values[from[b]].name) <= 0);
    to[i] = from[left ? a++ : b++];
  }
}

/* Ids in order of their names: a merge sort, whose time no choice of names can stretch, as it could
 * a hash table's. `ids` and `spare` have value_count entries; the result is in one of them. */
static const mn_id *sort_names(const mn_graph *graph, mn_id *ids, mn_id *spare) {
  int32_t count = graph->value_count;
  for (int32_t run = 1; run < count; run *= 2) {
    for (int32_t from = 0; from < count; from += 2 * run) {
      int32_t middle = from + run < count ? from + run : count;
      int32_t end = middle + run < count ? middle + run : count;
      merge_names(graph->values, ids, spare, (const int32_t[]){from, middle, end});
    }
    mn_id *swap = ids;
    ids = spare;
    spare = swap;
  }
  return ids;
}

static mn_status verify_names(const mn_graph *graph, mn_error *err) {
  size_t count = (size_t)graph->value_count, bytes = 2 * count * sizeof(mn_id);
  for (size_t i = 0; i < count; i++) {
    const char *name = graph->values[i].name;
    if (!name || !name[0]) {
      return mn_fail(err, MN_ERR_FORMAT, "graph", "value %zu has no name", i);
    }
  }
  mn_id *ids = mn_alloc(bytes);
  if (!ids) return mn_fail_memory(err, bytes);
  for (size_t i = 0; i < count; i++) ids[i] = (mn_id)i;
  const mn_id *sorted = sort_names(graph, ids, ids + count);
  mn_status status = MN_OK;
  for (size_t i = 1; i < count && !status; i++) {
    const char *name = graph->values[sorted[i]].name;
    if (strcmp(graph->values[sorted[i - 1]].name, name) == 0) {
      status = mn_fail(err, MN_ERR_FORMAT, name, "two values have this name");
    }
  }
  mn_free(ids);
  return status;
}

static mn_status verify_quant(const mn_value *value, mn_error *err) {
  const mn_quant *quant = &value->quant;
  if (quant->count == 0) return MN_OK;
  if (quant->count < 0 || !quant->scale || !quant->zero) {
    return mn_fail(err, MN_ERR_FORMAT, value->name, "its quantization is incomplete");
  }
  if (quant->count > 1 && (quant->axis < 0 || quant->axis >= value->shape.rank ||
                           value->shape.dim[quant->axis] != quant->count)) {
    return mn_fail(err, MN_ERR_FORMAT, value->name,
                   "it has %d scales, expected 1 or one for each index of axis %d", quant->count,
                   quant->axis);
  }
  int32_t lo = value->type == MN_U8 ? 0 : value->type == MN_I8 ? -128 : 0;
  int32_t hi = value->type == MN_U8 ? 255 : value->type == MN_I8 ? 127 : 0;
  for (int32_t i = 0; i < quant->count; i++) {
    if (!isfinite(quant->scale[i]) || quant->scale[i] <= 0) {
      return mn_fail(err, MN_ERR_FORMAT, value->name,
                     "scale %d is %g, expected finite and positive", i, (double)quant->scale[i]);
    }
    if (quant->zero[i] < lo || quant->zero[i] > hi) {
      return mn_fail(err, MN_ERR_FORMAT, value->name, "zero point %d is %d, outside %d..%d", i,
                     quant->zero[i], lo, hi);
    }
  }
  return MN_OK;
}

static mn_status verify_value(const mn_value *value, mn_error *err) {
  int32_t elements;
  if (mn_type_bytes(value->type) == 0) {
    return mn_fail(err, MN_ERR_FORMAT, value->name, "its type %d is unknown", (int)value->type);
  }
  if (!mn_shape_elements(&value->shape, &elements)) {
    char text[64];
    return mn_fail(err, MN_ERR_SHAPE, value->name,
                   "its shape is %s, expected positive dims and fewer than 2^31 elements",
                   mn_shape_text(&value->shape, text, sizeof text));
  }
  if (value->kind == MN_KIND_CONST) {
    size_t element = mn_type_bytes(value->type), wanted;
    if (!mn_mul_size((size_t)elements, element, &wanted)) wanted = SIZE_MAX;
    if (!value->data || value->bytes != wanted) {
      return mn_fail(err, MN_ERR_FORMAT, value->name, "it holds %zu bytes, expected %zu",
                     value->data ? value->bytes : (size_t)0, wanted);
    }
    if ((uintptr_t)value->data % element != 0) {
      return mn_fail(err, MN_ERR_FORMAT, value->name, "its data is not aligned to %zu bytes",
                     element);
    }
  }
  return verify_quant(value, err);
}

/* ---- Order ---------------------------------------------------------------------------------- */

static mn_status verify_lists(const mn_graph *graph, mn_error *err) {
  if (graph->input_count < 1 || graph->output_count < 1 || graph->node_count < 0) {
    return mn_fail(err, MN_ERR_FORMAT, "graph", "it has %d inputs and %d outputs, expected both",
                   graph->input_count, graph->output_count);
  }
  if (graph->value_count > MAX_VALUES || graph->node_count > MAX_NODES) {
    return mn_fail(err, MN_ERR_LIMIT, "graph", "%d values and %d nodes are more than %d and %d",
                   graph->value_count, graph->node_count, (int)MAX_VALUES, (int)MAX_NODES);
  }
  if (graph->fixed_by < MN_NONE || graph->fixed_by >= graph->node_count) {
    return mn_fail(err, MN_ERR_FORMAT, "graph", "fixed_by names node %d of %d", graph->fixed_by,
                   graph->node_count);
  }
  if (graph->arithmetic != MN_ARITHMETIC_LITERT && graph->arithmetic != MN_ARITHMETIC_ONNX) {
    return mn_fail(err, MN_ERR_FORMAT, "graph", "its arithmetic %d is unknown",
                   (int)graph->arithmetic);
  }
  for (int32_t i = 0; i < graph->input_count; i++) {
    if (!id_valid(graph, graph->inputs[i]) ||
        graph->values[graph->inputs[i]].kind != MN_KIND_INPUT) {
      return mn_fail(err, MN_ERR_FORMAT, "graph", "input %d is not an input value", i);
    }
  }
  for (int32_t i = 0; i < graph->output_count; i++) {
    if (!id_valid(graph, graph->outputs[i])) {
      return mn_fail(err, MN_ERR_FORMAT, "graph", "output %d is not a value", i);
    }
  }
  return MN_OK;
}

static mn_status verify_arity(const mn_graph *graph, const mn_node *node, mn_error *err) {
  const char *name = node->name ? node->name : "node";
  if ((unsigned)node->op >= MN_OP_COUNT) {
    return mn_fail(err, MN_ERR_FORMAT, name, "its operator %d is unknown", (int)node->op);
  }
  const op_rule *rule = &op_rules[node->op];
  int32_t outputs = mn_op_outputs(node->op);
  if (node->in_count < rule->min_in || node->in_count > rule->max_in ||
      node->out_count != outputs) {
    return mn_fail(
        err, MN_ERR_FORMAT, name, "%s has %d inputs and %d outputs, expected %d to %d and %d",
        mn_op_name(node->op), node->in_count, node->out_count, rule->min_in, rule->max_in, outputs);
  }
  for (int32_t i = 0; i < node->in_count; i++) {
    bool optional = i >= rule->min_in && node->op != MN_OP_CONCAT;
    bool absent = node->in[i] == MN_NONE && optional;
    if (!absent && !id_valid(graph, node->in[i])) {
      return mn_fail(err, MN_ERR_FORMAT, name, "its input %d is not a value", i);
    }
  }
  for (int32_t i = 0; i < outputs; i++) {
    if (!id_valid(graph, node->out[i])) {
      return mn_fail(err, MN_ERR_FORMAT, name, "its output %d is not a value", i);
    }
  }
  return MN_OK;
}

/* Each value is known before it is read, and written once: constants and the graph's inputs are
 * given, nodes write the temps. Nothing else has memory: an input that the graph does not list, or
 * a state, which no op updates yet. known: [value_count]. */
static mn_status verify_order(const mn_graph *graph, bool *known, mn_error *err) {
  for (int32_t i = 0; i < graph->value_count; i++) {
    known[i] = graph->values[i].kind == MN_KIND_CONST;
  }
  for (int32_t i = 0; i < graph->input_count; i++) known[graph->inputs[i]] = true;
  for (int32_t n = 0; n < graph->node_count; n++) {
    const mn_node *node = &graph->nodes[n];
    mn_status status = verify_arity(graph, node, err);
    if (status) return status;
    for (int32_t i = 0; i < node->in_count; i++) {
      if (node->in[i] != MN_NONE && !known[node->in[i]]) {
        return mn_fail(err, MN_ERR_FORMAT, node->name, "it reads %s, which no earlier node writes",
                       graph->values[node->in[i]].name);
      }
    }
    for (int32_t i = 0; i < node->out_count; i++) {
      if (known[node->out[i]] || graph->values[node->out[i]].kind != MN_KIND_TEMP) {
        return mn_fail(err, MN_ERR_FORMAT, node->name,
                       "it writes %s, which is already written or no temp",
                       graph->values[node->out[i]].name);
      }
      known[node->out[i]] = true;
    }
  }
  for (int32_t i = 0; i < graph->value_count; i++) {
    if (!known[i]) {
      return mn_fail(err, MN_ERR_FORMAT, graph->values[i].name, "no node writes it");
    }
  }
  return MN_OK;
}

/* ---- Types ---------------------------------------------------------------------------------- */

static const mn_value *in_value(const mn_graph *graph, const mn_node *node, int32_t index) {
  bool present = index < node->in_count && node->in[index] != MN_NONE;
  return present ? &graph->values[node->in[index]] : NULL;
}

static mn_status refuse_types(const mn_graph *graph, const mn_node *node, mn_error *err) {
  const mn_value *a = in_value(graph, node, 0), *b = in_value(graph, node, 1);
  return mn_fail(err, MN_ERR_UNSUPPORTED, node->name, "%s of %s%s%s to %s is not supported",
                 mn_op_name(node->op), mn_type_name(a->type), b ? " and " : "",
                 b ? mn_type_name(b->type) : "", mn_type_name(graph->values[node->out[0]].type));
}

/* Same type everywhere: f32, or u8 / i8 with one scale. */
static mn_status verify_same_type(const mn_graph *graph, const mn_node *node, int32_t inputs,
                                  mn_error *err) {
  const mn_value *out = &graph->values[node->out[0]];
  for (int32_t i = 0; i < inputs && i < node->in_count; i++) {
    const mn_value *in = in_value(graph, node, i);
    if (in->type != out->type) return refuse_types(graph, node, err);
    if (is_code(in->type) && in->quant.count != 1) {
      return mn_fail(err, MN_ERR_FORMAT, in->name, "it has no scale, which %s needs",
                     mn_op_name(node->op));
    }
  }
  if (out->type != MN_F32 && !is_code(out->type)) return refuse_types(graph, node, err);
  if (is_code(out->type) && out->quant.count != 1) {
    return mn_fail(err, MN_ERR_FORMAT, out->name, "it has no scale, which %s needs",
                   mn_op_name(node->op));
  }
  return MN_OK;
}

/* The axis of a layer's output channels in its weights. */
static int32_t channel_axis(mn_op op) { return op == MN_OP_DWCONV2D ? 2 : 0; }

static double largest_bias(const mn_value *bias) {
  double largest = 0;
  if (!bias || bias->kind != MN_KIND_CONST) return bias ? 2147483648.0 : 0;
  const int32_t *data = bias->data;
  for (size_t i = 0; i < bias->bytes / sizeof *data; i++) {
    double magnitude = fabs((double)data[i]);
    if (magnitude > largest) largest = magnitude;
  }
  return largest;
}

/* No weight byte and no input may overflow the accumulator, nor a left shift the product. Kernels
 * fold the input's zero point into the bias, so that partial sums reach twice the sum itself. */
static mn_status verify_accumulator(const mn_graph *graph, const mn_node *node, mn_error *err) {
  const mn_value *in = in_value(graph, node, 0), *weights = in_value(graph, node, 1);
  const mn_value *bias = in_value(graph, node, 2), *out = &graph->values[node->out[0]];
  double taps = node->op == MN_OP_DWCONV2D ? (double)weights->shape.dim[0] * weights->shape.dim[1]
                                           : (double)weights->bytes / weights->shape.dim[0];
  double bound = 2 * taps * 255.0 * 255.0 + largest_bias(bias);
  double largest_scale = 0;
  for (int32_t i = 0; i < weights->quant.count; i++) {
    if (weights->quant.scale[i] > largest_scale) largest_scale = weights->quant.scale[i];
  }
  double real = (double)in->quant.scale[0] * largest_scale / (double)out->quant.scale[0];
  int shift;
  frexp(real, &shift);
  if (bound > INT32_MAX) {
    return mn_fail(err, MN_ERR_UNSUPPORTED, node->name,
                   "its accumulator can reach %.0f, more than 32 bits hold", bound);
  }
  if (shift > 0 && ldexp(bound, shift) > INT32_MAX) {
    return mn_fail(err, MN_ERR_UNSUPPORTED, node->name,
                   "its scales multiply the accumulator by %g, more than 32 bits hold", real);
  }
  return MN_OK;
}

static mn_status verify_layer_quant(const mn_graph *graph, const mn_node *node, mn_error *err) {
  const mn_value *in = in_value(graph, node, 0), *weights = in_value(graph, node, 1);
  const mn_value *bias = in_value(graph, node, 2), *out = &graph->values[node->out[0]];
  if (weights->type != in->type || out->type != in->type || (bias && bias->type != MN_I32)) {
    return refuse_types(graph, node, err);
  }
  if (in->quant.count != 1 || out->quant.count != 1 || weights->quant.count < 1) {
    return mn_fail(err, MN_ERR_FORMAT, node->name, "its input, weights or output have no scale");
  }
  const mn_quant *quant = &weights->quant;
  if (quant->count > 1 && (in->type == MN_U8 || quant->axis != channel_axis(node->op))) {
    return mn_fail(err, MN_ERR_UNSUPPORTED, node->name,
                   "its weights have scales along axis %d, expected its output channels of i8",
                   quant->axis);
  }
  for (int32_t i = 0; i < quant->count && in->type == MN_I8; i++) {
    if (quant->zero[i] != 0) {
      return mn_fail(err, MN_ERR_UNSUPPORTED, node->name,
                     "its i8 weights have zero point %d, expected 0", quant->zero[i]);
    }
  }
  return verify_accumulator(graph, node, err);
}

static mn_status verify_layer(const mn_graph *graph, const mn_node *node, mn_error *err) {
  const mn_value *in = in_value(graph, node, 0), *weights = in_value(graph, node, 1);
  const mn_value *bias = in_value(graph, node, 2), *out = &graph->values[node->out[0]];
  if (weights->kind != MN_KIND_CONST || (bias && bias->kind != MN_KIND_CONST)) {
    return mn_fail(err, MN_ERR_UNSUPPORTED, node->name, "its weights are not constants");
  }
  int32_t channels =
      weights->shape.rank > channel_axis(node->op) ? weights->shape.dim[channel_axis(node->op)] : 0;
  if (bias && bias->bytes != (size_t)channels * mn_type_bytes(bias->type)) {
    return mn_fail(err, MN_ERR_FORMAT, bias->name,
                   "it holds %zu bytes, expected one for each of %d channels", bias->bytes,
                   channels);
  }
  if (is_code(in->type)) return verify_layer_quant(graph, node, err);
  if (in->type != MN_F32 || weights->type != MN_F32 || out->type != MN_F32 ||
      (bias && bias->type != MN_F32)) {
    return refuse_types(graph, node, err);
  }
  return MN_OK;
}

/* A plan's passes make it, but a file may say it, too. */
static mn_status verify_gated(const mn_graph *graph, const mn_node *node, mn_error *err) {
  const mn_value *in = in_value(graph, node, 0), *gate = in_value(graph, node, 3);
  if (in->type != MN_F32 || gate->type != MN_F32) return refuse_types(graph, node, err);
  return verify_layer(graph, node, err);
}

static mn_status verify_batch_norm(const mn_graph *graph, const mn_node *node, mn_error *err) {
  const mn_value *in = in_value(graph, node, 0);
  if (in->type != MN_F32 || in->shape.rank < 1) return refuse_types(graph, node, err);
  for (int32_t i = 1; i < 5; i++) {
    const mn_value *value = in_value(graph, node, i);
    if (value->kind != MN_KIND_CONST || value->type != MN_F32 ||
        value->bytes != (size_t)in->shape.dim[in->shape.rank - 1] * sizeof(float)) {
      return mn_fail(err, MN_ERR_FORMAT, value->name,
                     "it is not one f32 constant for each channel of %s", in->name);
    }
  }
  return verify_same_type(graph, node, 1, err);
}

static mn_status verify_conversion(const mn_graph *graph, const mn_node *node, mn_error *err) {
  const mn_value *in = in_value(graph, node, 0), *out = &graph->values[node->out[0]];
  bool in_code = is_code(in->type) && in->quant.count == 1;
  bool out_code = is_code(out->type) && out->quant.count == 1;
  bool fine = node->op == MN_OP_QUANTIZE
                  ? (in->type == MN_F32 || in_code) && out_code
                  : (in_code || in->type == MN_F16 || in->type == MN_BF16 ||
                     (in->kind == MN_KIND_CONST && is_code(in->type) && in->quant.count > 1)) &&
                        out->type == MN_F32;
  return fine ? MN_OK : refuse_types(graph, node, err);
}

static mn_status verify_ssd_detect(const mn_graph *graph, const mn_node *node, mn_error *err) {
  const mn_value *anchors = in_value(graph, node, 2);
  for (int32_t i = 0; i < 3; i++) {
    const mn_value *value = in_value(graph, node, i);
    bool codes = is_code(value->type) && value->quant.count == 1;
    if (value->type != MN_F32 && !codes) return refuse_types(graph, node, err);
  }
  for (int32_t i = 0; i < 4; i++) {
    if (graph->values[node->out[i]].type != MN_F32) return refuse_types(graph, node, err);
  }
  if (anchors->kind != MN_KIND_CONST) {
    return mn_fail(err, MN_ERR_UNSUPPORTED, node->name, "its anchors are not a constant");
  }
  return MN_OK;
}

static mn_status verify_types(const mn_graph *graph, const mn_node *node, mn_error *err) {
  const mn_value *in = in_value(graph, node, 0), *out = &graph->values[node->out[0]];
  switch (node->op) {
    case MN_OP_CONV2D:
    case MN_OP_DWCONV2D:
    case MN_OP_TRANSPOSE_CONV:
    case MN_OP_DENSE: return verify_layer(graph, node, err);
    case MN_OP_GATED_CONV2D: return verify_gated(graph, node, err);
    case MN_OP_BATCH_NORM: return verify_batch_norm(graph, node, err);
    case MN_OP_SSD_DETECT: return verify_ssd_detect(graph, node, err);
    case MN_OP_QUANTIZE:
    case MN_OP_DEQUANTIZE: return verify_conversion(graph, node, err);
    case MN_OP_RESHAPE: return in->type == out->type ? MN_OK : refuse_types(graph, node, err);
    case MN_OP_ARG_MAX:
      return (in->type == MN_F32 || is_code(in->type)) &&
                     (out->type == MN_I32 || out->type == MN_I64)
                 ? MN_OK
                 : refuse_types(graph, node, err);
    case MN_OP_RESIZE_BILINEAR:
    case MN_OP_RESIZE_NEAREST: return verify_same_type(graph, node, 1, err);
    default: return verify_same_type(graph, node, node->in_count, err);
  }
}

/* ---- Attributes ----------------------------------------------------------------------------- */

static bool act_valid(mn_act act) {
  return act == MN_ACT_NONE || act == MN_ACT_RELU || act == MN_ACT_RELU6 ||
         act == MN_ACT_RELU_N1_TO_1;
}

/* Of layers that hard-swish goes into. */
static bool layer_act_valid(mn_act act) { return act_valid(act) || act == MN_ACT_HARD_SWISH; }

static bool window_valid(const mn_window *w) {
  enum { MOST = 1 << 15 };
  return w->kernel_h >= 1 && w->kernel_h <= MOST && w->kernel_w >= 1 && w->kernel_w <= MOST &&
         w->stride_h >= 1 && w->stride_h <= MOST && w->stride_w >= 1 && w->stride_w <= MOST &&
         w->dilation_h >= 1 && w->dilation_h <= MOST && w->dilation_w >= 1 &&
         w->dilation_w <= MOST && (w->pad_rule == MN_PAD_SAME || w->pad_rule == MN_PAD_EXPLICIT) &&
         w->pad_top >= 0 && w->pad_top <= MOST && w->pad_bottom >= 0 && w->pad_bottom <= MOST &&
         w->pad_left >= 0 && w->pad_left <= MOST && w->pad_right >= 0 && w->pad_right <= MOST;
}

/* Pads cut from the full map less than the kernel, so that every row has a tap; those behind may be
 * negative: rows of bias only, fewer than a stride. */
static bool transposed_valid(const mn_window *w) {
  mn_window cut = *w;
  if (cut.pad_bottom < 0 && cut.pad_bottom > -w->stride_h) cut.pad_bottom = 0;
  if (cut.pad_right < 0 && cut.pad_right > -w->stride_w) cut.pad_right = 0;
  return window_valid(&cut) && w->pad_rule == MN_PAD_EXPLICIT && w->dilation_h == 1 &&
         w->dilation_w == 1;
}

static bool space_batch_valid(const mn_attr *a) {
  enum { MOST = 1 << 15 };
  return a->space_batch.block_h >= 1 && a->space_batch.block_h <= MOST &&
         a->space_batch.block_w >= 1 && a->space_batch.block_w <= MOST && a->space_batch.top >= 0 &&
         a->space_batch.bottom >= 0 && a->space_batch.left >= 0 && a->space_batch.right >= 0;
}

static bool ssd_detect_valid(const mn_attr *attr) {
  enum { MOST = 1 << 16 };
  bool scales = true;
  for (int i = 0; i < 4; i++) {
    scales = scales && isfinite(attr->ssd_detect.scale[i]) && attr->ssd_detect.scale[i] > 0;
  }
  return scales && attr->ssd_detect.detections >= 1 && attr->ssd_detect.detections <= MOST &&
         attr->ssd_detect.classes >= 1 && attr->ssd_detect.classes <= MOST &&
         attr->ssd_detect.per_anchor >= 1 &&
         attr->ssd_detect.per_anchor <= attr->ssd_detect.classes &&
         attr->ssd_detect.candidates >= 0 && attr->ssd_detect.per_class >= 1 &&
         attr->ssd_detect.iou_threshold > 0 && attr->ssd_detect.iou_threshold <= 1 &&
         !isnan(attr->ssd_detect.score_threshold);
}

static bool attr_valid(const mn_node *node) {
  const mn_attr *attr = &node->attr;
  switch (node->op) {
    case MN_OP_CONV2D:
    case MN_OP_DWCONV2D:
      return window_valid(&attr->conv.window) && layer_act_valid(attr->conv.act) &&
             (node->op == MN_OP_CONV2D || attr->conv.multiplier >= 1);
    case MN_OP_GATED_CONV2D:
      return mn_window_is_pointwise(&attr->conv.window) && layer_act_valid(attr->conv.act);
    case MN_OP_TRANSPOSE_CONV:
      return transposed_valid(&attr->conv.window) && act_valid(attr->conv.act);
    case MN_OP_SPACE_TO_BATCH:
    case MN_OP_BATCH_TO_SPACE: return space_batch_valid(attr);
    case MN_OP_DENSE: return layer_act_valid(attr->dense.act);
    case MN_OP_AVG_POOL:
    case MN_OP_MAX_POOL:
      return (attr->pool.global || window_valid(&attr->pool.window)) && act_valid(attr->pool.act);
    case MN_OP_ADD:
    case MN_OP_SUB:
    case MN_OP_MUL:
    case MN_OP_RELU: return act_valid(attr->eltwise.act);
    case MN_OP_CONCAT: return act_valid(attr->concat.act);
    case MN_OP_SOFTMAX: return isfinite(attr->softmax.beta) && attr->softmax.beta > 0;
    case MN_OP_SSD_DETECT: return ssd_detect_valid(attr);
    case MN_OP_BATCH_NORM:
      return isfinite(attr->batch_norm.epsilon) && attr->batch_norm.epsilon >= 0 &&
             act_valid(attr->batch_norm.act);
    default: return true;
  }
}

/* ---- All of it ------------------------------------------------------------------------------ */

static mn_status verify_nodes(const mn_graph *graph, mn_error *err) {
  for (int32_t i = 0; i < graph->node_count; i++) {
    const mn_node *node = &graph->nodes[i];
    if (!attr_valid(node)) {
      return mn_fail(err, MN_ERR_FORMAT, node->name, "an attribute of %s is out of range",
                     mn_op_name(node->op));
    }
    mn_status status = verify_types(graph, node, err);
    if (status) return status;
  }
  return MN_OK;
}

/* The stated shapes are those that inference gives. */
static mn_status verify_shapes(const mn_graph *graph, mn_error *err) {
  size_t bytes = ((size_t)graph->value_count + (size_t)graph->input_count) * sizeof(mn_shape);
  mn_shape *shapes = mn_alloc(bytes);
  if (!shapes) return mn_fail_memory(err, bytes);
  mn_shape *inputs = shapes + graph->value_count;
  for (int32_t i = 0; i < graph->input_count; i++) {
    inputs[i] = graph->values[graph->inputs[i]].shape;
  }
  mn_status status = mn_graph_infer(graph, inputs, shapes, err);
  for (int32_t i = 0; i < graph->value_count && !status; i++) {
    char stated[64], found[64];
    if (mn_shape_equal(&shapes[i], &graph->values[i].shape)) continue;
    status = mn_fail(err, MN_ERR_SHAPE, graph->values[i].name, "it says %s, but its node gives %s",
                     mn_shape_text(&graph->values[i].shape, stated, sizeof stated),
                     mn_shape_text(&shapes[i], found, sizeof found));
  }
  mn_free(shapes);
  return status;
}

mn_status mn_graph_verify(const mn_graph *graph, mn_error *err) {
  mn_status status = verify_lists(graph, err);
  if (!status) status = verify_names(graph, err);
  for (int32_t i = 0; i < graph->value_count && !status; i++) {
    status = verify_value(&graph->values[i], err);
  }
  if (status) return status;
  bool *known = mn_alloc((size_t)graph->value_count * sizeof *known);
  if (!known) return mn_fail_memory(err, (size_t)graph->value_count);
  status = verify_order(graph, known, err);
  mn_free(known);
  /* Shapes first: type checks may then index any dim that the op's shape rule demands. */
  if (!status) status = verify_shapes(graph, err);
  if (!status) status = verify_nodes(graph, err);
  return status;
}
