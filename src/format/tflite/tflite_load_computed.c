/* SPDX-License-Identifier: Apache-2.0
 * Shape arithmetic that Keras leaves in its files: SHAPE, STRIDED_SLICE and PACK over integers
 * known when the file is read. Their results become constants of the reader, not nodes of the
 * graph; the operator that uses one (RESHAPE) sees it as if the file had stored it. */
#include <string.h>

#include "format/tflite/tflite_load.h"

/* The integers of a tensor that the reader computes. */
static mn_status keep(const mn_tflite_op *op, const int32_t *list, int32_t count) {
  mn_tflite_loader *loader = op->loader;
  mn_tflite_tensor out;
  mn_status status = mn_tflite_output_tensor(op, &out);
  if (!status) status = mn_tflite_check(loader, (size_t)count * sizeof *list);
  if (status) return status;
  if (out.type != MN_I32) {
    return mn_tflite_fail(op, MN_ERR_UNSUPPORTED, "it gives %s, expected i32",
                          mn_type_name(out.type));
  }
  if (loader->values[out.index] != MN_NONE || out.data) {
    return mn_tflite_fail(op, MN_ERR_FORMAT, "it writes tensor %u, which already has a value",
                          out.index);
  }
  mn_tflite_computed *computed = &loader->computed[out.index];
  /* In the graph: an operator may make a value of it. */
  computed->list = mn_arena_copy(&loader->graph->arena, list, (size_t)count * sizeof *list);
  if (!computed->list) return mn_fail_memory(loader->err, (size_t)count * sizeof *list);
  computed->bytes = (size_t)count * sizeof *list;
  return MN_OK;
}

mn_status mn_tflite_load_shape(const mn_tflite_op *op) {
  mn_tflite_tensor in;
  mn_status status = mn_tflite_input_tensor(op, 0, &in);
  if (status) return status;
  if (!in.shape_stated) {
    return mn_tflite_fail(op, MN_ERR_UNSUPPORTED, "the file does not state the shape it asks for");
  }
  return keep(op, in.shape.dim, in.shape.rank);
}

/* What a mask and a number say of one end of a slice, as NumPy: negative counts from the end. */
static int64_t slice_end(int32_t stated, bool open, int64_t when_open, int64_t count) {
  if (open) return when_open;
  int64_t end = stated < 0 ? stated + count : stated;
  return end < -1 ? -1 : end > count ? count : end;
}

mn_status mn_tflite_load_strided_slice(const mn_tflite_op *op) {
  mn_flatbuffer *fb = &op->loader->fb;
  int32_t list[MN_TFLITE_COMPUTED], part[3] = {0, 0, 0}, count, one;
  mn_status status = mn_tflite_integers(op, 0, list, MN_TFLITE_COMPUTED, &count);
  for (uint32_t i = 0; i < 3 && !status; i++) {
    status = mn_tflite_integers(op, i + 1, &part[i], 1, &one);
    if (!status && one != 1) {
      status = mn_tflite_fail(op, MN_ERR_UNSUPPORTED, "it slices along %d dims, expected 1", one);
    }
  }
  if (status) return status;
  int32_t begin_mask = mn_fb_i32(fb, &op->options, TFL_SLICE_BEGIN_MASK, 0);
  int32_t end_mask = mn_fb_i32(fb, &op->options, TFL_SLICE_END_MASK, 0);
  int32_t shrink = mn_fb_i32(fb, &op->options, TFL_SLICE_SHRINK_MASK, 0);
  bool other = mn_fb_i32(fb, &op->options, TFL_SLICE_ELLIPSIS_MASK, 0) ||
               mn_fb_i32(fb, &op->options, TFL_SLICE_NEW_AXIS_MASK, 0);
  if (part[2] < 1 || other) {
    return mn_tflite_fail(op, MN_ERR_UNSUPPORTED, "only a forward slice of one dim is supported");
  }
  int64_t from = slice_end(part[0], begin_mask & 1, 0, count);
  int64_t to = slice_end(part[1], end_mask & 1, count, count);
  if (from < 0) from = 0;
  if (shrink & 1) to = from + 1;
  int32_t kept = 0;
  for (int64_t i = from; i < to && i < count; i += part[2]) list[kept++] = list[i];
  if (kept == 0) return mn_tflite_fail(op, MN_ERR_FORMAT, "its slice is empty");
  return keep(op, list, kept);
}

mn_status mn_tflite_load_pack(const mn_tflite_op *op) {
  int32_t list[MN_TFLITE_COMPUTED], one;
  if (op->in.count > MN_TFLITE_COMPUTED) {
    return mn_tflite_fail(op, MN_ERR_UNSUPPORTED, "it packs %u numbers, at most %d are supported",
                          op->in.count, MN_TFLITE_COMPUTED);
  }
  for (uint32_t i = 0; i < op->in.count; i++) {
    mn_status status = mn_tflite_integers(op, i, &list[i], 1, &one);
    if (status) return status;
    if (one != 1)
      return mn_tflite_fail(op, MN_ERR_UNSUPPORTED, "it packs more than single numbers");
  }
  return keep(op, list, (int32_t)op->in.count);
}
