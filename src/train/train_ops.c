/* SPDX-License-Identifier: Apache-2.0
 * See train_ops.h. */
#include "train/train_ops.h"

enum { PART_PIXELS = 1024, MOST_PARTS = 32 };

static const mn_op_impl *const impls[] = {
#define MN_TRAIN_OP(id, name, impl) &impl,
#include "train/train_ops.def"
#undef MN_TRAIN_OP
};

static const char *const names[] = {
#define MN_TRAIN_OP(id, name, impl) name,
#include "train/train_ops.def"
#undef MN_TRAIN_OP
};

const mn_op_impl *mn_train_impl_of(mn_op op) {
  if (op < MN_OP_COUNT) return mn_op_impl_of(op);
  return (int)op < MN_TRAIN_OP_END ? impls[op - MN_OP_COUNT] : NULL;
}

const char *mn_train_op_name(mn_op op) {
  if (op < MN_OP_COUNT) return mn_op_name(op);
  return (int)op < MN_TRAIN_OP_END ? names[op - MN_OP_COUNT] : "?";
}

int32_t mn_train_parts(size_t pixels) {
  const size_t parts = (pixels + PART_PIXELS - 1) / PART_PIXELS;
  return parts < MOST_PARTS ? (int32_t)parts : MOST_PARTS;
}
