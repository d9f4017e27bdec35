/* SPDX-License-Identifier: Apache-2.0
 * Which implementation runs an op, and what all implementations need when they plan. */
#include "ops/ops.h"

#include "base/arena.h"
#include "ops/operand.h"

const mn_op_impl *mn_op_impl_of(mn_op op) {
  static const mn_op_impl *const impls[MN_OP_COUNT] = {
      [MN_OP_CONV2D] = &mn_conv2d_impl,
      [MN_OP_DWCONV2D] = &mn_dwconv2d_impl,
      [MN_OP_TRANSPOSE_CONV] = &mn_transpose_conv_impl,
      [MN_OP_DENSE] = &mn_dense_impl,
      [MN_OP_ADD] = &mn_add_impl,
      [MN_OP_SUB] = &mn_sub_impl,
      [MN_OP_MUL] = &mn_mul_impl,
      [MN_OP_AVG_POOL] = &mn_avg_pool_impl,
      [MN_OP_MAX_POOL] = &mn_max_pool_impl,
      [MN_OP_MEAN] = &mn_mean_impl,
      [MN_OP_PAD] = &mn_pad_impl,
      [MN_OP_SPACE_TO_BATCH] = &mn_space_to_batch_impl,
      [MN_OP_BATCH_TO_SPACE] = &mn_batch_to_space_impl,
      [MN_OP_CONCAT] = &mn_concat_impl,
      [MN_OP_RESHAPE] = &mn_reshape_impl,
      [MN_OP_SOFTMAX] = &mn_softmax_impl,
      [MN_OP_LOGISTIC] = &mn_logistic_impl,
      [MN_OP_HARD_SWISH] = &mn_hard_swish_impl,
      [MN_OP_HARD_SIGMOID] = &mn_hard_sigmoid_impl,
      [MN_OP_RELU] = &mn_relu_impl,
      [MN_OP_QUANTIZE] = &mn_quantize_impl,
      [MN_OP_DEQUANTIZE] = &mn_dequantize_impl,
      [MN_OP_RESIZE_BILINEAR] = &mn_resize_bilinear_impl,
      [MN_OP_RESIZE_NEAREST] = &mn_resize_nearest_impl,
      [MN_OP_ARG_MAX] = &mn_arg_max_impl,
      [MN_OP_BATCH_NORM] = &mn_batch_norm_impl,
      [MN_OP_GATED_CONV2D] = &mn_gated_conv2d_impl,
      [MN_OP_SSD_DETECT] = &mn_ssd_detect_impl,
  };
  return (unsigned)op < MN_OP_COUNT ? impls[op] : NULL;
}

mn_status mn_op_refuse(const mn_step *step, const char *expected, mn_error *err) {
  return mn_fail(err, MN_ERR_UNSUPPORTED, step->node->name,
                 "%s of %s to %s cannot be run, expected %s", mn_op_name(step->node->op),
                 mn_type_name(step->in[0].type), mn_type_name(step->out.type), expected);
}

mn_status mn_op_params(mn_step *step, const mn_op_request *request, size_t bytes, mn_error *err) {
  step->params = mn_arena_take(request->arena, bytes);
  return step->params ? MN_OK : mn_fail_memory(err, bytes);
}
