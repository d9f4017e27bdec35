/* SPDX-License-Identifier: Apache-2.0
 * The operators of training graphs: train_ops.def. They run in plans as those of graph/ops.def do;
 * a graph with them is made by autodiff.c, at one size, and never read from a file. Attributes are
 * in mn_attr.train. */
#ifndef MN_TRAIN_TRAIN_OPS_H
#define MN_TRAIN_TRAIN_OPS_H

#include "kernels/grad/grad.h"
#include "ops/operand.h"

enum {
  MN_TRAIN_BEFORE_FIRST = MN_OP_COUNT - 1,
#define MN_TRAIN_OP(id, name, impl) MN_TRAIN_##id,
#include "train/train_ops.def"
#undef MN_TRAIN_OP
  MN_TRAIN_OP_END
};

#define MN_TRAIN_OP(id, name, impl) extern const mn_op_impl impl;
#include "train/train_ops.def"
#undef MN_TRAIN_OP

/* Of these operators and of ops.def's; for mn_plan_request. */
const mn_op_impl *mn_train_impl_of(mn_op op);
const char *mn_train_op_name(mn_op op);

/* Into how many parts a sum over `pixels` is split: by their number only, so that sums are the same
 * whatever the number of threads. */
int32_t mn_train_parts(size_t pixels);
/* The same for sums of `weights` floats each: fewer where they are large. */
int32_t mn_train_weight_parts(size_t pixels, size_t weights);
/* Where part i begins. */
static inline size_t mn_part_begin(size_t pixels, size_t parts, size_t i) {
  return pixels * i / parts;
}

static inline const float *mn_train_read(const mn_run *run, const mn_step *step, int32_t index) {
  return mn_operand_read(run, &step->in[index]);
}
static inline float *mn_train_write(const mn_run *run, const mn_step *step) {
  return mn_operand_write(run, &step->out);
}

#endif
