/* SPDX-License-Identifier: Apache-2.0
 * Stable text of a graph, for golden files and for people:
 *
 *     input x u8[1,224,224,3] q(0.0078125,128)
 *     const w u8[32,3,3,3] q(0.02,151)
 *     y u8[1,112,112,32] q(0.023,0) = conv2d(x, w, b) 3x3 stride 2x2 same act relu6
 *     output y
 *
 * A first line "arithmetic onnx" says so when it is not LiteRT's. */
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "base/alloc.h"
#include "graph/graph.h"

typedef struct text {
  char *bytes;
  size_t used, capacity;
  bool failed;
} text;

#if defined(__GNUC__)
__attribute__((format(printf, 2, 3)))
#endif
static void
put(text *t, const char *format, ...) {
  va_list args;
  va_start(args, format);
  int needed = vsnprintf(NULL, 0, format, args);
  va_end(args);
  if (needed < 0 || t->failed) return;
  if (t->used + (size_t)needed + 1 > t->capacity) {
    size_t capacity = (t->used + (size_t)needed + 1) * 2;
    char *grown = mn_realloc(t->bytes, capacity);
    if (!grown) {
      t->failed = true;
      return;
    }
    t->bytes = grown;
    t->capacity = capacity;
  }
  va_start(args, format);
  vsnprintf(t->bytes + t->used, t->capacity - t->used, format, args);
  va_end(args);
  t->used += (size_t)needed;
}

static void put_value(text *t, const mn_value *value) {
  char shape[64];
  put(t, "%s %s%s", value->name, mn_type_name(value->type),
      mn_shape_text(&value->shape, shape, sizeof shape));
  const mn_quant *quant = &value->quant;
  if (quant->count == 1) put(t, " q(%.9g,%d)", (double)quant->scale[0], quant->zero[0]);
  if (quant->count > 1) put(t, " q(%d along %d)", quant->count, quant->axis);
}

static void put_window(text *t, const mn_window *w) {
  put(t, " %dx%d stride %dx%d", w->kernel_h, w->kernel_w, w->stride_h, w->stride_w);
  if (w->dilation_h != 1 || w->dilation_w != 1) {
    put(t, " dilation %dx%d", w->dilation_h, w->dilation_w);
  }
  if (w->pad_rule == MN_PAD_SAME) {
    put(t, " same");
  } else if (w->pad_top || w->pad_bottom || w->pad_left || w->pad_right) {
    put(t, " pad %d,%d,%d,%d", w->pad_top, w->pad_bottom, w->pad_left, w->pad_right);
  } else {
    put(t, " valid");
  }
}

static void put_act(text *t, mn_act act) {
  if (act != MN_ACT_NONE) put(t, " act %s", mn_act_name(act));
}

static void put_pads(text *t, const mn_node *node, const mn_graph *graph) {
  int32_t rank = graph->values[node->in[0]].shape.rank;
  for (int32_t i = 0; i < rank; i++) {
    put(t, " %d+%d", node->attr.pad.before[i], node->attr.pad.after[i]);
  }
}

static void put_resize(text *t, const mn_attr *attr) {
  if (attr->resize.like) {
    put(t, " like");
  } else {
    put(t, " to %dx%d", attr->resize.height, attr->resize.width);
  }
  if (attr->resize.align_corners) put(t, " align_corners");
  if (attr->resize.half_pixel) put(t, " half_pixel");
}

static void put_space_batch(text *t, const mn_attr *a) {
  put(t, " block %dx%d pad %d,%d,%d,%d", a->space_batch.block_h, a->space_batch.block_w,
      a->space_batch.top, a->space_batch.bottom, a->space_batch.left, a->space_batch.right);
}

static void put_ssd_detect(text *t, const mn_attr *attr) {
  put(t, " %d of %d classes %s score %.9g iou %.9g", attr->ssd_detect.detections,
      attr->ssd_detect.classes, attr->ssd_detect.regular ? "regular" : "fast",
      (double)attr->ssd_detect.score_threshold, (double)attr->ssd_detect.iou_threshold);
  if (attr->ssd_detect.torch_boxes) put(t, " torch_boxes");
  if (attr->ssd_detect.candidates) put(t, " candidates %d", attr->ssd_detect.candidates);
  put(t, " per_anchor %d per_class %d scale %.9g,%.9g,%.9g,%.9g", attr->ssd_detect.per_anchor,
      attr->ssd_detect.per_class, (double)attr->ssd_detect.scale[0],
      (double)attr->ssd_detect.scale[1], (double)attr->ssd_detect.scale[2],
      (double)attr->ssd_detect.scale[3]);
}

static void put_attr(text *t, const mn_graph *graph, const mn_node *node) {
  const mn_attr *attr = &node->attr;
  char shape[64];
  switch (node->op) {
    case MN_OP_CONV2D:
    case MN_OP_DWCONV2D:
    case MN_OP_TRANSPOSE_CONV:
    case MN_OP_GATED_CONV2D:
      put_window(t, &attr->conv.window);
      if (node->op == MN_OP_DWCONV2D && attr->conv.multiplier != 1) {
        put(t, " multiplier %d", attr->conv.multiplier);
      }
      put_act(t, attr->conv.act);
      break;
    case MN_OP_DENSE:
      if (attr->dense.keep_dims) put(t, " keep_dims");
      put_act(t, attr->dense.act);
      break;
    case MN_OP_AVG_POOL:
    case MN_OP_MAX_POOL:
      if (attr->pool.global) put(t, " global");
      if (!attr->pool.global) put_window(t, &attr->pool.window);
      put_act(t, attr->pool.act);
      break;
    case MN_OP_ADD:
    case MN_OP_SUB:
    case MN_OP_MUL:
    case MN_OP_RELU: put_act(t, attr->eltwise.act); break;
    case MN_OP_MEAN:
      put(t, " axes %#x%s", attr->reduce.axes, attr->reduce.keep_dims ? " keep_dims" : "");
      break;
    case MN_OP_PAD: put_pads(t, node, graph); break;
    case MN_OP_SPACE_TO_BATCH:
    case MN_OP_BATCH_TO_SPACE: put_space_batch(t, attr); break;
    case MN_OP_CONCAT:
      put(t, " axis %d", attr->concat.axis);
      put_act(t, attr->concat.act);
      break;
    case MN_OP_RESHAPE:
      put(t, " to %s", mn_shape_text(&attr->reshape.shape, shape, sizeof shape));
      break;
    case MN_OP_SOFTMAX: put(t, " beta %.9g", (double)attr->softmax.beta); break;
    case MN_OP_RESIZE_BILINEAR:
    case MN_OP_RESIZE_NEAREST: put_resize(t, attr); break;
    case MN_OP_SSD_DETECT: put_ssd_detect(t, attr); break;
    case MN_OP_ARG_MAX: put(t, " axis %d", attr->arg_max.axis); break;
    case MN_OP_BATCH_NORM:
      put(t, " epsilon %.9g", (double)attr->batch_norm.epsilon);
      put_act(t, attr->batch_norm.act);
      break;
    default: break;
  }
}

static void put_node(text *t, const mn_graph *graph, const mn_node *node) {
  for (int32_t i = 0; i < node->out_count; i++) {
    if (i) put(t, ", ");
    put_value(t, &graph->values[node->out[i]]);
  }
  put(t, " = %s(", mn_op_name(node->op));
  for (int32_t i = 0; i < node->in_count; i++) {
    put(t, "%s%s", i ? ", " : "", node->in[i] == MN_NONE ? "-" : graph->values[node->in[i]].name);
  }
  put(t, ")");
  put_attr(t, graph, node);
  put(t, "\n");
}

char *mn_graph_print(const mn_graph *graph, mn_arena *arena) {
  text t = {0};
  if (graph->arithmetic != MN_ARITHMETIC_LITERT) {
    put(&t, "arithmetic %s\n", mn_arithmetic_name(graph->arithmetic));
  }
  for (int32_t i = 0; i < graph->value_count; i++) {
    const mn_value *value = &graph->values[i];
    if (value->kind == MN_KIND_TEMP) continue;
    put(&t, "%s ",
        value->kind == MN_KIND_INPUT   ? "input"
        : value->kind == MN_KIND_CONST ? "const"
                                       : "state");
    put_value(&t, value);
    put(&t, "\n");
  }
  for (int32_t i = 0; i < graph->node_count; i++) put_node(&t, graph, &graph->nodes[i]);
  for (int32_t i = 0; i < graph->output_count; i++) {
    put(&t, "output %s\n", graph->values[graph->outputs[i]].name);
  }
  char *result = t.failed ? NULL : mn_arena_string(arena, t.bytes ? t.bytes : "", t.used);
  mn_free(t.bytes);
  return result;
}
