/* SPDX-License-Identifier: Apache-2.0
 * TFLite operators that enlarge or rearrange maps: transposed convolutions (TensorFlow's, and
 * MediaPipe's custom one with a bias), space-to-batch and batch-to-space. */
#include "format/tflite/tflite_load.h"

typedef struct axis_pads {
  int32_t before, after;
} axis_pads;

/* Weights are OHWI in both operators. */
static mn_status start_window(const mn_tflite_op *op, const mn_id *in, mn_window *window) {
  const mn_shape *x = &op->loader->graph->values[in[0]].shape;
  const mn_shape *w = &op->loader->graph->values[in[1]].shape;
  if (w->rank != 4 || x->rank != 4) {
    return mn_tflite_fail(op, MN_ERR_FORMAT, "its input or weights are not of rank 4");
  }
  if (window->stride_w < 1 || window->stride_h < 1) {
    return mn_tflite_fail(op, MN_ERR_FORMAT, "its stride is %d x %d, expected at least 1",
                          window->stride_h, window->stride_w);
  }
  window->kernel_h = w->dim[1];
  window->kernel_w = w->dim[2];
  window->dilation_h = window->dilation_w = 1;
  window->pad_rule = MN_PAD_EXPLICIT;
  return MN_OK;
}

static mn_status check_pads(const mn_tflite_op *op, const axis_pads *pads) {
  if (pads->before >= 0 && pads->before <= INT16_MAX && pads->after <= INT16_MAX &&
      pads->after >= -INT16_MAX) {
    return MN_OK;
  }
  return mn_tflite_fail(op, MN_ERR_UNSUPPORTED, "its output does not go with its input and stride");
}

/* ---- TRANSPOSE_CONV ------------------------------------------------------------------------- */

/* LiteRT's rule: with SAME, pads are those of a convolution from the output to the input. */
static axis_pads pads_of_output(int32_t in, int32_t out, int32_t kernel, int32_t stride,
                                bool same) {
  int64_t windows =
      same ? ((int64_t)out + stride - 1) / stride : ((int64_t)out + stride - kernel) / stride;
  int64_t total = (windows - 1) * stride + kernel - out;
  int64_t full = (int64_t)(in - 1) * stride + kernel;
  int64_t before = total > 0 ? total / 2 : 0, after = full - before - out;
  if (before > INT16_MAX || after > INT16_MAX || after < INT16_MIN) return (axis_pads){-1, -1};
  return (axis_pads){(int32_t)before, (int32_t)after};
}

static mn_status transpose_pads(const mn_tflite_op *op, const mn_id *in, mn_window *window) {
  const mn_shape *x = &op->loader->graph->values[in[0]].shape;
  int32_t out[4], count;
  int8_t padding = mn_fb_i8(&op->loader->fb, &op->options, TFL_CONV_PADDING, TFL_PADDING_SAME);
  if (padding != TFL_PADDING_SAME && padding != TFL_PADDING_VALID) {
    return mn_tflite_fail(op, MN_ERR_FORMAT, "its padding is %d, expected SAME or VALID", padding);
  }
  mn_status status = mn_tflite_integers(op, 0, out, 4, &count);
  if (status) return status;
  if (count != 4 || out[1] < 1 || out[2] < 1 || x->dim[1] < 1 || x->dim[2] < 1) {
    return mn_tflite_fail(op, MN_ERR_FORMAT, "the shape of its output is not [n,h,w,c]");
  }
  bool same = padding == TFL_PADDING_SAME;
  axis_pads rows = pads_of_output(x->dim[1], out[1], window->kernel_h, window->stride_h, same);
  axis_pads columns = pads_of_output(x->dim[2], out[2], window->kernel_w, window->stride_w, same);
  window->pad_top = rows.before;
  window->pad_bottom = rows.after;
  window->pad_left = columns.before;
  window->pad_right = columns.after;
  status = check_pads(op, &rows);
  return status ? status : check_pads(op, &columns);
}

mn_status mn_tflite_load_transpose_conv(const mn_tflite_op *op) {
  mn_attr attr = {.conv = {.multiplier = 0}};
  mn_window *window = &attr.conv.window;
  mn_id in[3];
  window->stride_w = mn_fb_i32(&op->loader->fb, &op->options, TFL_CONV_STRIDE_W, 0);
  window->stride_h = mn_fb_i32(&op->loader->fb, &op->options, TFL_CONV_STRIDE_H, 0);
  mn_status status = mn_tflite_operand(op, 2, &in[0]);
  if (!status) status = mn_tflite_operand(op, 1, &in[1]);
  if (!status) status = mn_tflite_optional(op, 3, &in[2]);
  if (!status) status = mn_tflite_activation(op, TFL_CONV_ACT, &attr.conv.act);
  if (!status) status = start_window(op, in, window);
  if (!status) status = transpose_pads(op, in, window);
  if (status) return status;
  int32_t count = in[2] == MN_NONE ? 2 : 3;
  return mn_tflite_emit(op, MN_OP_TRANSPOSE_CONV, in, count, &attr);
}

/* ---- Convolution2DTransposeBias ------------------------------------------------------------- */

enum { CUSTOM_SAME = 1, CUSTOM_VALID = 2 };

/* MediaPipe's rule, which looks at the input's size; at other sizes ours keeps what the file's own
 * size gave. */
static axis_pads pads_of_input(int32_t in, int32_t kernel, int32_t stride, bool same) {
  int32_t total = same ? kernel - (in - 1) % stride - 1 : 0;
  if (total < 0) total = 0;
  return (axis_pads){total / 2, total - total / 2};
}

/* int32 padding, stride_w, stride_h; the file may have more after them. */
static mn_status read_custom_options(const mn_tflite_op *op, int32_t numbers[3]) {
  const uint8_t *bytes = mn_fb_vector_bytes(&op->loader->fb, &op->custom_options);
  if (!bytes || op->custom_options.count < 12) {
    return mn_tflite_fail(op, MN_ERR_FORMAT,
                          "its options are %u bytes, expected padding and strides",
                          op->custom_options.count);
  }
  mn_flatbuffer options = {.bytes = bytes, .size = op->custom_options.count};
  mn_fb_vector list = {.at = 0, .count = 3, .present = true};
  for (uint32_t i = 0; i < 3; i++) numbers[i] = mn_fb_vector_i32(&options, &list, i);
  if (numbers[0] == CUSTOM_SAME || numbers[0] == CUSTOM_VALID) return MN_OK;
  return mn_tflite_fail(op, MN_ERR_FORMAT, "its padding is %d, expected SAME or VALID", numbers[0]);
}

mn_status mn_tflite_load_transpose_bias(const mn_tflite_op *op) {
  mn_attr attr = {.conv = {.multiplier = 0}};
  mn_window *window = &attr.conv.window;
  mn_id in[3];
  int32_t options[3];
  mn_status status = read_custom_options(op, options);
  for (uint32_t i = 0; i < 3 && !status; i++) status = mn_tflite_operand(op, i, &in[i]);
  if (status) return status;
  window->stride_w = options[1];
  window->stride_h = options[2];
  status = start_window(op, in, window);
  if (status) return status;
  const mn_shape *x = &op->loader->graph->values[in[0]].shape;
  bool same = options[0] == CUSTOM_SAME;
  axis_pads rows = pads_of_input(x->dim[1], window->kernel_h, window->stride_h, same);
  axis_pads columns = pads_of_input(x->dim[2], window->kernel_w, window->stride_w, same);
  window->pad_top = rows.before;
  window->pad_bottom = rows.after;
  window->pad_left = columns.before;
  window->pad_right = columns.after;
  return mn_tflite_emit(op, MN_OP_TRANSPOSE_CONV, in, 3, &attr);
}

/* ---- Space to batch and back ----------------------------------------------------------------- */

mn_status mn_tflite_load_space_batch(const mn_tflite_op *op) {
  mn_attr attr = {.space_batch = {.block_h = 0}};
  int32_t block[2], pads[4], blocks, count;
  mn_id in;
  mn_status status = mn_tflite_operand(op, 0, &in);
  if (!status) status = mn_tflite_integers(op, 1, block, 2, &blocks);
  if (!status) status = mn_tflite_integers(op, 2, pads, 4, &count);
  if (status) return status;
  if (blocks != 2 || count != 4) {
    return mn_tflite_fail(op, MN_ERR_UNSUPPORTED,
                          "it has %d block sizes and %d pads or crops, expected 2 and 4", blocks,
                          count);
  }
  attr.space_batch.block_h = block[0];
  attr.space_batch.block_w = block[1];
  attr.space_batch.top = pads[0];
  attr.space_batch.bottom = pads[1];
  attr.space_batch.left = pads[2];
  attr.space_batch.right = pads[3];
  mn_op kind = op->code == TFL_SPACE_TO_BATCH_ND ? MN_OP_SPACE_TO_BATCH : MN_OP_BATCH_TO_SPACE;
  return mn_tflite_emit(op, kind, &in, 1, &attr);
}
