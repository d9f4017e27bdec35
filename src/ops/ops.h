/* SPDX-License-Identifier: Apache-2.0
 * Ops: between plan and kernels. For each node an op chooses the kernel and computes, once and in
 * one place, its parameters, packed and scratch sizes and the number of slices; later it packs
 * constants and runs slices. Ops know operands and kernels; not the graph's other nodes, not
 * threads, not where memory comes from. */
#ifndef MN_OPS_OPS_H
#define MN_OPS_OPS_H

#include "graph/graph.h"
#include "kernels/kernels.h"

/* A tensor as a step sees it. An element of the last dim is `1` apart from the next; consecutive
 * vectors of the last dim ("pixels") are pixel_stride apart, so that a channel concat is a matter
 * of where producers write. Every op must honour pixel_stride on every input and output. */
typedef struct mn_operand {
  mn_id value; /* MN_NONE: an absent optional input */
  mn_type type;
  mn_shape shape;
  const mn_quant *quant;
  const void *data;    /* CONST; NULL: in the session's arena */
  size_t offset;       /* bytes from the arena's start */
  size_t pixel_stride; /* in elements; dense = the last dim */
} mn_operand;

typedef struct mn_step mn_step;

/* What an op may depend on beyond its operands. */
typedef struct mn_op_request {
  uint32_t features; /* mn_cpu_features that kernels may use */
  int32_t threads;   /* most workers; a hint for slice counts, never for results */
  mn_plan_goal goal; /* whether scratch is to be small; likewise */
  mn_type precision; /* MN_BF16: of products of floats */
  mn_arena *arena;   /* for params; lives as long as the plan */
} mn_op_request;

/* One worker's view of a run. */
typedef struct mn_run {
  unsigned char *arena;
  void *scratch; /* this worker's, MN_ALIGN-aligned, step->scratch_bytes long */
  size_t worker;
} mn_run;

/* Rows of one image: all of them, or the newest few in a ring. Row y lies at data + y % count *
 * row_bytes. */
typedef struct mn_rows {
  unsigned char *data;
  size_t row_bytes;
  int32_t count;
} mn_rows;

static inline unsigned char *mn_row(const mn_rows *rows, int32_t y) {
  return rows->data + (size_t)(y % rows->count) * rows->row_bytes;
}

/* The end of the rows from y on that follow one another in memory, at most `last`. */
static inline int32_t mn_rows_together(const mn_rows *rows, int32_t y, int32_t last) {
  const int32_t left = rows->count - y % rows->count;
  return last - y < left ? last : y + left;
}

/* How far a step looks up and down: output row y is made of input rows y * stride - before and the
 * span - 1 after it, of those that there are. */
typedef struct mn_reach {
  int32_t stride, span, before;
} mn_reach;

/* Output rows [first, last) of one image, and where rows are. Pixels within a row are as the step's
 * operands say. */
typedef struct mn_band {
  mn_rows in[2], out;
  void *scratch; /* as mn_run's */
  int32_t first, last;
} mn_band;

/* A function that runs once a plan: compiled for size, not for speed, beside those that run. */
#if defined(__GNUC__)
#define MN_PLANNING static __attribute__((cold))
#else
#define MN_PLANNING static
#endif

typedef struct mn_op_impl {
  /* Fills kernel, params, packed_bytes, scratch_bytes and slices. UNSUPPORTED with one sentence
   * when the types or shapes cannot be run. */
  mn_status (*plan)(mn_step *step, const mn_op_request *request, mn_error *err);
  /* Writes step->packed_bytes of packed constants; NULL when there are none. */
  void (*pack)(const mn_step *step, void *packed);
  /* Does slices [begin, end) of step->slices. Slices are independent: any grouping gives the same
   * bytes. */
  void (*run)(const mn_step *step, const mn_run *run, size_t begin, size_t end);
  /* For steps whose slices leave something to do, else NULL: that, once all are done; `run` is the
   * first worker's. */
  void (*finish)(const mn_step *step, const mn_run *run);
  /* For steps that can also be done a few rows at a time, else NULL: false when this one cannot;
   * and doing so. Rows may be grouped in any way. */
  bool (*reach)(const mn_step *step, mn_reach *reach);
  void (*run_band)(const mn_step *step, const mn_band *band);
  /* Bit i: the output may take the memory of input i (same shape and element size, each element
   * read before the same element is written). */
  unsigned in_place;
} mn_op_impl;

/* Constants of later steps, to be fetched into caches: every worker has its own part of them. */
typedef struct mn_ahead {
  const unsigned char *from; /* [bytes], of the first worker */
  size_t bytes, apart;       /* from one worker's to the next */
} mn_ahead;

struct mn_step {
  const mn_op_impl *impl;
  const mn_node *node;
  mn_arithmetic arithmetic; /* of 8 bits */
  mn_step *parts; /* [part_count] of a chain (strips.h), whose `node` and `out` are its last's */
  int32_t part_count;
  mn_operand *in; /* [node->in_count] */
  mn_operand out;
  mn_operand more_out[MN_MAX_OUT - 1]; /* of ops with several outputs */
  const mn_kernel *kernel; /* the chosen one, for reports; NULL: a function without a slot */
  const char *kernel_name; /* likewise, never NULL after plan */
  void *params;            /* the op's own */
  size_t packed_bytes;
  const void *packed;
  size_t slice_bytes;    /* of packed, that one slice reads and no other; 0: all read all */
  size_t spare;          /* bytes that it could fetch beside its work */
  mn_ahead ahead;        /* what it does fetch */
  size_t scratch_bytes;  /* per worker */
  size_t scratch_offset; /* of the first worker's, bytes from the arena's start */
  size_t slices;
  bool shared;   /* among workers, if there are several: it has work enough */
  uint64_t macs; /* of operators that graph/cost.c does not know */
};

/* What a worker fetches of step->ahead. */
static inline mn_ahead mn_ahead_of(const mn_step *step, size_t worker) {
  mn_ahead ahead = step->ahead;
  if (ahead.apart > 0) {
    ahead.from += worker * ahead.apart;
  } else if (worker > 0) {
    ahead.bytes = 0; /* it is the first one's alone */
  }
  return ahead;
}

/* ---- band.c: steps by rows ------------------------------------------------------------------ */

/* The rows of an image of a map, in the arena or a constant. */
mn_rows mn_operand_rows(const mn_run *run, const mn_operand *operand, int32_t image);
/* A run() for steps whose slices are output rows, of all images: run_band over whole tensors. */
void mn_run_bands(const mn_step *step, const mn_run *run, size_t begin, size_t end);
/* reach() of a step that looks at its own row only, for maps of one size. */
bool mn_reach_same(const mn_step *step, mn_reach *reach);
/* reach() of a convolution's window with pads resolved. */
mn_reach mn_reach_window(const mn_window *window);

/* The implementation of an op; NULL when it cannot be run (only rewritten by passes). */
const mn_op_impl *mn_op_impl_of(mn_op op);

/* Implementations, one file each (or a few kin). */
extern const mn_op_impl mn_conv2d_impl, mn_dwconv2d_impl, mn_dense_impl;
extern const mn_op_impl mn_add_impl, mn_sub_impl, mn_mul_impl, mn_relu_impl;
extern const mn_op_impl mn_avg_pool_impl, mn_max_pool_impl, mn_mean_impl;
extern const mn_op_impl mn_pad_impl, mn_concat_impl, mn_reshape_impl;
extern const mn_op_impl mn_softmax_impl, mn_logistic_impl, mn_hard_swish_impl;
extern const mn_op_impl mn_hard_sigmoid_impl, mn_quantize_impl, mn_dequantize_impl;
extern const mn_op_impl mn_resize_bilinear_impl, mn_resize_nearest_impl, mn_arg_max_impl;
extern const mn_op_impl mn_transpose_conv_impl, mn_space_to_batch_impl, mn_batch_to_space_impl;
extern const mn_op_impl mn_batch_norm_impl, mn_gated_conv2d_impl, mn_ssd_detect_impl;

static inline const void *mn_operand_read(const mn_run *run, const mn_operand *operand) {
  return operand->data ? operand->data : run->arena + operand->offset;
}
static inline void *mn_operand_write(const mn_run *run, const mn_operand *operand) {
  return run->arena + operand->offset;
}
static inline bool mn_operand_present(const mn_step *step, int32_t index) {
  return index < step->node->in_count && step->in[index].value != MN_NONE;
}
/* Vectors of the last dim, and its length; a scalar is one vector of 1. */
static inline size_t mn_operand_pixels(const mn_operand *operand) {
  size_t pixels = 1;
  for (int32_t i = 0; i + 1 < operand->shape.rank; i++) pixels *= (size_t)operand->shape.dim[i];
  return pixels;
}
static inline size_t mn_operand_channels(const mn_operand *operand) {
  return operand->shape.rank ? (size_t)operand->shape.dim[operand->shape.rank - 1] : 1;
}
static inline bool mn_operand_dense(const mn_operand *operand) {
  return operand->pixel_stride == mn_operand_channels(operand);
}

/* ---- quantize_params.c: scales to integers (docs/numerics.md) ------------------------------- */

/* real > 0 as multiplier * 2^(shift - 31), multiplier in [2^30, 2^31). shift > 0 is to the left.
 * Source: TFLite QuantizeMultiplier. 0 gives 0, 0. */
void mn_quantize_multiplier(double real, int32_t *multiplier, int32_t *shift);

/* The output interval of a fused activation in the output's own codes. */
void mn_activation_codes(const mn_step *step, mn_act act, int32_t *lo, int32_t *hi);

/* The multiplier of channel c of a conv or depthwise layer: the product of scales is rounded to
 * float for u8 and not for i8 (docs/numerics.md). Dense layers are requantized otherwise: see
 * kernels/ref/ref.h. */
void mn_layer_multiplier(const mn_step *step, size_t c, int32_t *multiplier, int32_t *shift);

#endif
