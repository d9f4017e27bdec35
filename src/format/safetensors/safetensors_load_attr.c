/* SPDX-License-Identifier: Apache-2.0
 * A node's attributes from JSON: one reader per attribute member that ops.def names. Values are
 * range-checked by mn_graph_verify; here only their kind is. */
#include <float.h>
#include <stdio.h>
#include <string.h>

#include "format/safetensors/safetensors.h"

/* The first thing wrong is kept in `wrong`; readers go on, so that each is a plain list. */
typedef struct attr_reader {
  const mn_json *json;
  mn_op op;
  char wrong[64];
} attr_reader;

static void note(attr_reader *in, const char *key) {
  if (!in->wrong[0]) snprintf(in->wrong, sizeof in->wrong, "%s", key);
}

static bool get_bool(attr_reader *in, const char *key) {
  const mn_json *json = mn_json_get(in->json, key);
  if (json && json->kind != MN_JSON_BOOL) note(in, key);
  return json && json->boolean;
}

static int32_t get_int(attr_reader *in, const char *key, int32_t fallback) {
  const mn_json *json = mn_json_get(in->json, key);
  if (json && !mn_json_i32(json, &fallback)) note(in, key);
  return fallback;
}

static float get_float(attr_reader *in, const char *key, float fallback) {
  const mn_json *json = mn_json_get(in->json, key);
  if (!json) return fallback;
  if (json->kind == MN_JSON_NUMBER && json->number >= -(double)FLT_MAX &&
      json->number <= (double)FLT_MAX) {
    return (float)json->number;
  }
  note(in, key);
  return fallback;
}

/* `count` whole numbers of a list; the fallbacks already in `out` stay when it is absent. */
static void get_ints(attr_reader *in, const mn_json *object, const char *key, int32_t *const *out,
                     size_t count) {
  const mn_json *json = mn_json_get(object, key);
  if (!json) return;
  if (json->kind != MN_JSON_ARRAY || json->count != count) {
    note(in, key);
    return;
  }
  for (const mn_json *item = json->first; item; item = item->next) {
    if (!mn_json_i32(item, *out++)) note(in, key);
  }
}

static mn_act get_act(attr_reader *in) {
  const mn_json *json = mn_json_get(in->json, "act");
  if (!json) return in->op == MN_OP_RELU ? MN_ACT_RELU : MN_ACT_NONE;
  for (int act = MN_ACT_NONE; act <= MN_ACT_RELU_N1_TO_1; act++) {
    if (mn_json_is(json, mn_act_name((mn_act)act))) return (mn_act)act;
  }
  note(in, "act");
  return MN_ACT_NONE;
}

static mn_window get_window(attr_reader *in) {
  mn_window w = {.stride_h = 1, .stride_w = 1, .dilation_h = 1, .dilation_w = 1};
  const mn_json *json = mn_json_get(in->json, "window");
  if (!json || !mn_json_get(json, "kernel")) note(in, "window.kernel");
  get_ints(in, json, "kernel", (int32_t *const[]){&w.kernel_h, &w.kernel_w}, 2);
  get_ints(in, json, "stride", (int32_t *const[]){&w.stride_h, &w.stride_w}, 2);
  get_ints(in, json, "dilation", (int32_t *const[]){&w.dilation_h, &w.dilation_w}, 2);
  if (mn_json_is(mn_json_get(json, "pad"), "same")) {
    w.pad_rule = MN_PAD_SAME;
  } else {
    get_ints(in, json, "pad",
             (int32_t *const[]){&w.pad_top, &w.pad_bottom, &w.pad_left, &w.pad_right}, 4);
  }
  return w;
}

/* Counts a dimension; those that the list lacks stay 0. */
static void get_pads(attr_reader *in, const char *key, int32_t *pads) {
  mn_shape list;
  const mn_json *json = mn_json_get(in->json, key);
  if (!json) return;
  if (!mn_safetensors_load_shape(&list, json, INT32_MIN)) note(in, key);
  memcpy(pads, list.dim, sizeof list.dim);
}

/* ---- One reader per attribute member of ops.def ---------------------------------------------- */

static void read_none(attr_reader *in, mn_attr *attr) {
  (void)in;
  (void)attr;
}

static void read_conv(attr_reader *in, mn_attr *attr) {
  attr->conv.window = get_window(in);
  attr->conv.act = get_act(in);
  attr->conv.multiplier = in->op == MN_OP_DWCONV2D ? get_int(in, "multiplier", 1) : 0;
}

static void read_dense(attr_reader *in, mn_attr *attr) {
  attr->dense.act = get_act(in);
  attr->dense.keep_dims = get_bool(in, "keep_dims");
}

static void read_pool(attr_reader *in, mn_attr *attr) {
  attr->pool.global = get_bool(in, "global");
  if (!attr->pool.global) attr->pool.window = get_window(in);
  attr->pool.act = get_act(in);
}

static void read_eltwise(attr_reader *in, mn_attr *attr) { attr->eltwise.act = get_act(in); }

static void read_reduce(attr_reader *in, mn_attr *attr) {
  mn_shape axes;
  if (!mn_safetensors_load_shape(&axes, mn_json_get(in->json, "axes"), 0)) note(in, "axes");
  for (int32_t i = 0; i < axes.rank; i++) {
    if (axes.dim[i] >= MN_MAX_RANK) {
      note(in, "axes");
    } else {
      attr->reduce.axes |= 1u << axes.dim[i];
    }
  }
  attr->reduce.keep_dims = get_bool(in, "keep_dims");
}

static void read_pad(attr_reader *in, mn_attr *attr) {
  get_pads(in, "before", attr->pad.before);
  get_pads(in, "after", attr->pad.after);
}

static void read_space_batch(attr_reader *in, mn_attr *attr) {
  if (!mn_json_get(in->json, "block")) note(in, "block");
  get_ints(in, in->json, "block",
           (int32_t *const[]){&attr->space_batch.block_h, &attr->space_batch.block_w}, 2);
  get_ints(in, in->json, "pad",
           (int32_t *const[]){&attr->space_batch.top, &attr->space_batch.bottom,
                              &attr->space_batch.left, &attr->space_batch.right},
           4);
}

static void read_concat(attr_reader *in, mn_attr *attr) {
  attr->concat.axis = get_int(in, "axis", -1);
  attr->concat.act = get_act(in);
}

static void read_reshape(attr_reader *in, mn_attr *attr) {
  const mn_json *json = mn_json_get(in->json, "shape");
  if (!mn_safetensors_load_shape(&attr->reshape.shape, json, -1)) note(in, "shape");
}

static void read_softmax(attr_reader *in, mn_attr *attr) {
  attr->softmax.beta = get_float(in, "beta", 1);
}

static void read_resize(attr_reader *in, mn_attr *attr) {
  attr->resize.align_corners = get_bool(in, "align_corners");
  attr->resize.half_pixel = get_bool(in, "half_pixel");
  attr->resize.like = get_bool(in, "like");
  if (attr->resize.like) return;
  if (!mn_json_get(in->json, "size")) note(in, "size");
  get_ints(in, in->json, "size", (int32_t *const[]){&attr->resize.height, &attr->resize.width}, 2);
}

static void read_arg_max(attr_reader *in, mn_attr *attr) {
  const mn_json *type = mn_json_get(in->json, "type");
  attr->arg_max.axis = get_int(in, "axis", -1);
  attr->arg_max.output_type = mn_json_is(type, "i64") ? MN_I64 : MN_I32;
  if (!mn_json_is(type, "i64") && !mn_json_is(type, "i32")) note(in, "type");
}

static void read_batch_norm(attr_reader *in, mn_attr *attr) {
  if (!mn_json_get(in->json, "epsilon")) note(in, "epsilon");
  attr->batch_norm.epsilon = get_float(in, "epsilon", 0);
  attr->batch_norm.act = get_act(in);
}

static void read_ssd_detect(attr_reader *in, mn_attr *attr) {
  attr->ssd_detect.candidates = get_int(in, "candidates", 0);
  attr->ssd_detect.detections = get_int(in, "detections", 0);
  attr->ssd_detect.classes = get_int(in, "classes", 0);
  attr->ssd_detect.per_anchor = get_int(in, "per_anchor", 1);
  attr->ssd_detect.per_class = get_int(in, "per_class", 100);
  attr->ssd_detect.regular = get_bool(in, "regular");
  attr->ssd_detect.torch_boxes = get_bool(in, "torch_boxes");
  attr->ssd_detect.score_threshold = get_float(in, "score_threshold", 0);
  attr->ssd_detect.iou_threshold = get_float(in, "iou_threshold", 0);
  static const char *const keys[4] = {"scale_y", "scale_x", "scale_h", "scale_w"};
  for (int i = 0; i < 4; i++) attr->ssd_detect.scale[i] = get_float(in, keys[i], 0);
}

typedef void attr_rule(attr_reader *in, mn_attr *attr);
static attr_rule *const rules[] = {
#define MN_OP(id, name, min_in, max_in, attr, shape_fn, cost_fn) read_##attr,
#include "graph/ops.def"
#undef MN_OP
};

mn_status mn_safetensors_load_attr(mn_attr *attr, mn_op op, const mn_json *json, const char *where,
                                   mn_error *err) {
  attr_reader in = {json, op, ""};
  if (json && json->kind != MN_JSON_OBJECT) note(&in, "attr");
  rules[op](&in, attr);
  if (!in.wrong[0]) return MN_OK;
  return mn_fail(err, MN_ERR_FORMAT, where, "%s has no usable %s (docs/file-format.md)",
                 mn_op_name(op), in.wrong);
}
