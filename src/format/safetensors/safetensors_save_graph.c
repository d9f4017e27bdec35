/* SPDX-License-Identifier: Apache-2.0
 * Graph -> mobilenet.graph, canonical: keys sorted, every attribute written. */
#include <string.h>

#include "format/safetensors/safetensors.h"

static void put_text(mn_json_writer *out, const char *key, const char *text) {
  mn_json_key(out, key);
  mn_json_string(out, text, strlen(text));
}

static void put_float(mn_json_writer *out, const char *key, float value) {
  mn_json_key(out, key);
  mn_json_float(out, value);
}

static void put_bool(mn_json_writer *out, const char *key, bool boolean) {
  mn_json_key(out, key);
  mn_json_bool(out, boolean);
}

static void put_int(mn_json_writer *out, const char *key, int32_t number) {
  mn_json_key(out, key);
  mn_json_int(out, number);
}

static void put_ints(mn_json_writer *out, const char *key, const int32_t *numbers, int32_t count) {
  mn_json_key(out, key);
  mn_json_begin(out, '[');
  for (int32_t i = 0; i < count; i++) mn_json_int(out, numbers[i]);
  mn_json_end(out, ']');
}

/* ---- Attributes: one writer per attribute member of ops.def ---------------------------------- */

static void write_window(mn_json_writer *out, const mn_window *w) {
  mn_json_key(out, "window");
  mn_json_begin(out, '{');
  put_ints(out, "dilation", (const int32_t[]){w->dilation_h, w->dilation_w}, 2);
  put_ints(out, "kernel", (const int32_t[]){w->kernel_h, w->kernel_w}, 2);
  if (w->pad_rule == MN_PAD_SAME) {
    put_text(out, "pad", "same");
  } else {
    put_ints(out, "pad", (const int32_t[]){w->pad_top, w->pad_bottom, w->pad_left, w->pad_right},
             4);
  }
  put_ints(out, "stride", (const int32_t[]){w->stride_h, w->stride_w}, 2);
  mn_json_end(out, '}');
}

static void write_none(mn_json_writer *out, const mn_node *node) {
  (void)out;
  (void)node;
}

static void write_conv(mn_json_writer *out, const mn_node *node) {
  put_text(out, "act", mn_act_name(node->attr.conv.act));
  if (node->op == MN_OP_DWCONV2D) put_int(out, "multiplier", node->attr.conv.multiplier);
  write_window(out, &node->attr.conv.window);
}

static void write_dense(mn_json_writer *out, const mn_node *node) {
  put_text(out, "act", mn_act_name(node->attr.dense.act));
  put_bool(out, "keep_dims", node->attr.dense.keep_dims);
}

static void write_pool(mn_json_writer *out, const mn_node *node) {
  put_text(out, "act", mn_act_name(node->attr.pool.act));
  put_bool(out, "global", node->attr.pool.global);
  if (!node->attr.pool.global) write_window(out, &node->attr.pool.window);
}

static void write_eltwise(mn_json_writer *out, const mn_node *node) {
  put_text(out, "act", mn_act_name(node->attr.eltwise.act));
}

static void write_reduce(mn_json_writer *out, const mn_node *node) {
  mn_json_key(out, "axes");
  mn_json_begin(out, '[');
  for (int32_t i = 0; i < MN_MAX_RANK; i++) {
    if (node->attr.reduce.axes >> i & 1) mn_json_int(out, i);
  }
  mn_json_end(out, ']');
  put_bool(out, "keep_dims", node->attr.reduce.keep_dims);
}

static void write_pad(mn_json_writer *out, const mn_node *node) {
  put_ints(out, "after", node->attr.pad.after, MN_MAX_RANK);
  put_ints(out, "before", node->attr.pad.before, MN_MAX_RANK);
}

static void write_space_batch(mn_json_writer *out, const mn_node *node) {
  const mn_attr *a = &node->attr;
  put_ints(out, "block", (const int32_t[]){a->space_batch.block_h, a->space_batch.block_w}, 2);
  put_ints(out, "pad",
           (const int32_t[]){a->space_batch.top, a->space_batch.bottom, a->space_batch.left,
                             a->space_batch.right},
           4);
}

static void write_concat(mn_json_writer *out, const mn_node *node) {
  put_text(out, "act", mn_act_name(node->attr.concat.act));
  put_int(out, "axis", node->attr.concat.axis);
}

static void write_reshape(mn_json_writer *out, const mn_node *node) {
  put_ints(out, "shape", node->attr.reshape.shape.dim, node->attr.reshape.shape.rank);
}

static void write_softmax(mn_json_writer *out, const mn_node *node) {
  put_float(out, "beta", node->attr.softmax.beta);
}

static void write_resize(mn_json_writer *out, const mn_node *node) {
  put_bool(out, "align_corners", node->attr.resize.align_corners);
  put_bool(out, "half_pixel", node->attr.resize.half_pixel);
  put_bool(out, "like", node->attr.resize.like);
  if (node->attr.resize.like) return;
  put_ints(out, "size", (const int32_t[]){node->attr.resize.height, node->attr.resize.width}, 2);
}

static void write_arg_max(mn_json_writer *out, const mn_node *node) {
  put_int(out, "axis", node->attr.arg_max.axis);
  put_text(out, "type", mn_type_name(node->attr.arg_max.output_type));
}

static void write_batch_norm(mn_json_writer *out, const mn_node *node) {
  put_text(out, "act", mn_act_name(node->attr.batch_norm.act));
  put_float(out, "epsilon", node->attr.batch_norm.epsilon);
}

static void write_ssd_detect(mn_json_writer *out, const mn_node *node) {
  const mn_attr *attr = &node->attr;
  put_int(out, "candidates", attr->ssd_detect.candidates);
  put_int(out, "classes", attr->ssd_detect.classes);
  put_int(out, "detections", attr->ssd_detect.detections);
  put_float(out, "iou_threshold", attr->ssd_detect.iou_threshold);
  put_int(out, "per_anchor", attr->ssd_detect.per_anchor);
  put_int(out, "per_class", attr->ssd_detect.per_class);
  put_bool(out, "regular", attr->ssd_detect.regular);
  put_float(out, "scale_h", attr->ssd_detect.scale[2]);
  put_float(out, "scale_w", attr->ssd_detect.scale[3]);
  put_float(out, "scale_x", attr->ssd_detect.scale[1]);
  put_float(out, "scale_y", attr->ssd_detect.scale[0]);
  put_float(out, "score_threshold", attr->ssd_detect.score_threshold);
  put_bool(out, "torch_boxes", attr->ssd_detect.torch_boxes);
}

typedef void attr_rule(mn_json_writer *out, const mn_node *node);
static attr_rule *const rules[] = {
#define MN_OP(id, name, min_in, max_in, attr, shape_fn, cost_fn) write_##attr,
#include "graph/ops.def"
#undef MN_OP
};

void mn_safetensors_save_attr(mn_json_writer *out, const mn_node *node) {
  if (rules[node->op] == write_none) return;
  mn_json_key(out, "attr");
  mn_json_begin(out, '{');
  rules[node->op](out, node);
  mn_json_end(out, '}');
}

/* ---- Nodes, values --------------------------------------------------------------------------- */

static void put_names(mn_json_writer *out, const char *key, const mn_graph *graph, const mn_id *ids,
                      int32_t count) {
  mn_json_key(out, key);
  mn_json_begin(out, '[');
  for (int32_t i = 0; i < count; i++) {
    if (ids[i] == MN_NONE) {
      mn_json_null(out);
    } else {
      mn_json_string(out, graph->values[ids[i]].name, strlen(graph->values[ids[i]].name));
    }
  }
  mn_json_end(out, ']');
}

static void write_node(mn_json_writer *out, const mn_graph *graph, const mn_node *node) {
  mn_json_begin(out, '{');
  mn_safetensors_save_attr(out, node);
  put_names(out, "in", graph, node->in, node->in_count);
  put_text(out, "name", node->name);
  put_text(out, "op", mn_op_name(node->op));
  put_names(out, "out", graph, node->out, node->out_count);
  mn_json_end(out, '}');
}

static bool any(const int32_t *numbers, int32_t count) {
  for (int32_t i = 0; i < count; i++) {
    if (numbers[i]) return true;
  }
  return false;
}

static void write_quant(mn_json_writer *out, const mn_quant *quant) {
  if (quant->count == 0) return;
  mn_json_key(out, "quant");
  mn_json_begin(out, '{');
  if (quant->count > 1) put_int(out, "axis", quant->axis);
  mn_json_key(out, "scale");
  mn_json_begin(out, '[');
  for (int32_t i = 0; i < quant->count; i++) mn_json_float(out, quant->scale[i]);
  mn_json_end(out, ']');
  if (any(quant->zero, quant->count)) put_ints(out, "zero", quant->zero, quant->count);
  mn_json_end(out, '}');
}

static void write_value(mn_json_writer *out, const mn_value *value) {
  static const char *const kinds[] = {[MN_KIND_INPUT] = "input",
                                      [MN_KIND_CONST] = "const",
                                      [MN_KIND_STATE] = "state",
                                      [MN_KIND_TEMP] = "temp"};
  mn_json_begin(out, '{');
  put_text(out, "kind", kinds[value->kind]);
  put_text(out, "name", value->name);
  write_quant(out, &value->quant);
  if (value->kind != MN_KIND_CONST) {
    put_ints(out, "shape", value->shape.dim, value->shape.rank);
    put_text(out, "type", mn_type_name(value->type));
  }
  mn_json_end(out, '}');
}

void mn_safetensors_save_graph(mn_json_writer *out, const mn_graph *graph) {
  mn_json_begin(out, '{');
  if (graph->arithmetic != MN_ARITHMETIC_LITERT) {
    put_text(out, "arithmetic", mn_arithmetic_name(graph->arithmetic));
  }
  if (graph->fixed_by != MN_NONE) put_int(out, "fixed_by", graph->fixed_by);
  put_names(out, "inputs", graph, graph->inputs, graph->input_count);
  mn_json_key(out, "nodes");
  mn_json_begin(out, '[');
  for (int32_t i = 0; i < graph->node_count; i++) write_node(out, graph, &graph->nodes[i]);
  mn_json_end(out, ']');
  put_names(out, "outputs", graph, graph->outputs, graph->output_count);
  mn_json_key(out, "values");
  mn_json_begin(out, '[');
  for (int32_t i = 0; i < graph->value_count; i++) write_value(out, &graph->values[i]);
  mn_json_end(out, ']');
  mn_json_end(out, '}');
}
