/* SPDX-License-Identifier: Apache-2.0
 * ADD, SUB, MUL of two tensors that broadcast as in NumPy, and the standalone ReLUs. Dense operands
 * of one shape (or one element) go to the kernel in long runs; everything else pixel by pixel. A
 * single value is first repeated in scratch memory, so that kernels see vectors only. */
#include <math.h>
#include <string.h>

#include "base/alloc.h"
#include "kernels/ref/ref.h"
#include "kernels/ref/requant.h"
#include "ops/real_codes.h"
#include "ops/requantize.h"
#include "ops/unary.h"

enum { GROUP_ELEMENTS = 1024, RUN_ELEMENTS = 4096 /* in one call of a kernel */ };

typedef struct eltwise eltwise;
typedef void eltwise_fn(const eltwise *op, const void *a, const void *b, void *out, size_t count);

struct eltwise {
  eltwise_fn *apply;
  mn_any_fn *kernel;
  union { /* templates: pointers and count are filled in a run */
    mn_binary_f32_args f32;
    mn_add_q8_args sum;
    mn_mul_q8_args product;
    mn_add_real_q8_args real_sum;
    mn_mul_real_q8_args real_product;
  };
  bool flat;
  size_t group; /* > 0: `still` is one pixel all over an image; pixels of the other go in groups */
  int still;
  bool repeat[2];                     /* the operand's last dim is 1 and the output's is not */
  size_t row_bytes;                   /* of one that is repeated, in scratch */
  size_t step_of[2][MN_MAX_RANK - 1]; /* pixels that the operand advances per output dim; 0 where
                                         it is repeated */
  size_t dims[MN_MAX_RANK - 1];       /* of the output without its last, right-aligned */
};

static void apply_f32(const eltwise *op, const void *a, const void *b, void *out, size_t count) {
  mn_binary_f32_args args = op->f32;
  args.a = a;
  args.b = b;
  args.out = out;
  args.count = count;
  ((mn_add_f32_fn *)op->kernel)(&args); /* add, sub and mul share the type */
}

static void apply_sum(const eltwise *op, const void *a, const void *b, void *out, size_t count) {
  mn_add_q8_args args = op->sum;
  args.a = a;
  args.b = b;
  args.out = out;
  args.count = count;
  ((mn_add_q8_fn *)op->kernel)(&args);
}

static void apply_product(const eltwise *op, const void *a, const void *b, void *out,
                          size_t count) {
  mn_mul_q8_args args = op->product;
  args.a = a;
  args.b = b;
  args.out = out;
  args.count = count;
  ((mn_mul_q8_fn *)op->kernel)(&args);
}

static void apply_real_sum(const eltwise *op, const void *a, const void *b, void *out,
                           size_t count) {
  mn_add_real_q8_args args = op->real_sum;
  args.a = a;
  args.b = b;
  args.out = out;
  args.count = count;
  ((mn_add_real_q8_fn *)op->kernel)(&args);
}

static void apply_real_product(const eltwise *op, const void *a, const void *b, void *out,
                               size_t count) {
  mn_mul_real_q8_args args = op->real_product;
  args.a = a;
  args.b = b;
  args.out = out;
  args.count = count;
  ((mn_mul_real_q8_fn *)op->kernel)(&args);
}

/* ---- Planning ----------------------------------------------------------------------------- */

/* LiteRT, add.cc and sub.cc: twice the larger scale is formed in float, ratios in double. */
MN_PLANNING void prepare_sum(const mn_step *step, mn_add_q8_args *args) {
  const mn_operand *a = &step->in[0], *b = &step->in[1], *out = &step->out;
  float sa = mn_operand_scale(a), sb = mn_operand_scale(b);
  double twice_max = 2.0f * (sa > sb ? sa : sb);
  args->flip = mn_code_flip(out->type);
  args->a_zero = mn_operand_unsigned_zero(a);
  args->b_zero = mn_operand_unsigned_zero(b);
  args->left_shift = 20;
  mn_quantize_multiplier((double)sa / twice_max, &args->a_multiplier, &args->a_shift);
  mn_quantize_multiplier((double)sb / twice_max, &args->b_multiplier, &args->b_shift);
  double common = (double)((float)(1 << 20) * mn_operand_scale(out));
  mn_quantize_multiplier(twice_max / common, &args->out_multiplier, &args->out_shift);
  args->out_zero = mn_operand_zero(out);
  mn_activation_codes(step, step->node->attr.eltwise.act, &args->out_min, &args->out_max);
}

/* LiteRT, mul.cc: the whole ratio is formed in float. */
MN_PLANNING void prepare_product(const mn_step *step, mn_mul_q8_args *args) {
  const mn_operand *a = &step->in[0], *b = &step->in[1], *out = &step->out;
  float product = mn_operand_scale(a) * mn_operand_scale(b);
  float ratio = product / mn_operand_scale(out);
  args->flip = mn_code_flip(out->type);
  args->a_zero = mn_operand_unsigned_zero(a);
  args->b_zero = mn_operand_unsigned_zero(b);
  mn_quantize_multiplier((double)ratio, &args->multiplier, &args->shift);
  args->out_zero = mn_operand_zero(out);
  mn_activation_codes(step, step->node->attr.eltwise.act, &args->out_min, &args->out_max);
  const mn_requant codes = {.base = args->out_min < 0 ? 0 : 128,
                            .out_zero = args->out_zero,
                            .out_min = args->out_min,
                            .out_max = args->out_max};
  const mn_sum_range range = {-255 * 255, 255 * 255};
  mn_requant_float found = {0};
  args->proven = mn_requant_prove(&codes, &range, args->multiplier, args->shift, &found);
  args->scale = found.scale, args->above = found.above, args->below = found.below;
}

/* The output interval in unsigned codes. */
MN_PLANNING void unsigned_limits(const mn_step *step, int32_t *min, int32_t *max) {
  int32_t offset = mn_code_min(step->out.type);
  mn_activation_codes(step, step->node->attr.eltwise.act, min, max);
  *min -= offset;
  *max -= offset;
}

/* onnxruntime, qladd_avx2.cpp; `sign` is that of b. */
MN_PLANNING void prepare_real_sum(const mn_step *step, mn_add_real_q8_args *args, float sign) {
  const mn_operand *a = &step->in[0], *b = &step->in[1], *out = &step->out;
  args->flip = mn_code_flip(out->type);
  args->a_scale = mn_operand_scale(a) / mn_operand_scale(out);
  args->b_scale = sign * mn_operand_scale(b) / mn_operand_scale(out);
  float zeros = fmaf(args->a_scale, (float)mn_operand_unsigned_zero(a),
                     args->b_scale * (float)mn_operand_unsigned_zero(b));
  args->constant = (float)mn_operand_unsigned_zero(out) - zeros;
  unsigned_limits(step, &args->out_min, &args->out_max);
}

/* onnxruntime, qlmul.cpp. */
MN_PLANNING void prepare_real_product(const mn_step *step, mn_mul_real_q8_args *args) {
  const mn_operand *a = &step->in[0], *b = &step->in[1], *out = &step->out;
  args->flip = mn_code_flip(out->type);
  args->scale = mn_operand_scale(a) * mn_operand_scale(b) / mn_operand_scale(out);
  args->a_zero = mn_operand_unsigned_zero(a);
  args->b_zero = mn_operand_unsigned_zero(b);
  args->out_zero = mn_operand_unsigned_zero(out);
  unsigned_limits(step, &args->out_min, &args->out_max);
}

/* A gate (SE): dense maps times one vector an image, which is repeated in scratch memory. */
MN_PLANNING void plan_group(const mn_step *step, eltwise *op) {
  const size_t channels = mn_operand_channels(&step->out);
  for (int side = 0; side < 2; side++) {
    const mn_operand *in = &step->in[side], *other = &step->in[1 - side];
    const size_t *step_of = op->step_of[side];
    bool still = step_of[MN_MAX_RANK - 2] == 0 && step_of[MN_MAX_RANK - 3] == 0;
    bool follows = mn_operand_dense(other) && mn_shape_equal(&other->shape, &step->out.shape);
    if (op->flat || !still || !follows || !mn_operand_dense(&step->out)) continue;
    if (mn_operand_channels(in) != channels) continue;
    op->still = side;
    op->group = channels < GROUP_ELEMENTS ? GROUP_ELEMENTS / channels : 1;
  }
}

MN_PLANNING void plan_broadcast(mn_step *step, eltwise *op) {
  const mn_operand *out = &step->out;
  bool dense = mn_operand_dense(out);
  for (int i = 0; i < MN_MAX_RANK - 1; i++) {
    int32_t at = out->shape.rank - MN_MAX_RANK + i;
    op->dims[i] = at < 0 ? 1 : (size_t)out->shape.dim[at];
  }
  for (int side = 0; side < 2; side++) {
    const mn_operand *in = &step->in[side];
    size_t pixels = 1;
    for (int i = MN_MAX_RANK - 2; i >= 0; i--) {
      int32_t at = in->shape.rank - MN_MAX_RANK + i;
      size_t dim = at < 0 ? 1 : (size_t)in->shape.dim[at];
      op->step_of[side][i] = dim == 1 ? 0 : pixels;
      pixels *= dim;
    }
    size_t channels = mn_operand_channels(in);
    op->repeat[side] = channels == 1 && mn_operand_channels(out) > 1;
    bool same = mn_operand_dense(in) && mn_operand_elements(in) == mn_operand_elements(out);
    bool one = pixels * channels == 1;
    dense = dense && (same || one);
    if (one) op->repeat[side] = true;
  }
  op->flat = dense;
  plan_group(step, op);
  size_t run_length = dense ? RUN_ELEMENTS : mn_operand_channels(out);
  op->row_bytes = mn_aligned(run_length * mn_type_bytes(out->type));
  if (op->repeat[0] || op->repeat[1]) step->scratch_bytes = 2 * op->row_bytes;
  if (op->group) step->scratch_bytes = op->group * op->row_bytes;
  step->slices = dense ? mn_slices_of(mn_operand_elements(out)) : mn_operand_pixels(out);
}

MN_PLANNING void use_slot(mn_step *step, const mn_op_request *request, mn_slot slot) {
  eltwise *op = step->params;
  step->kernel = mn_kernel_select(slot, request->features);
  step->kernel_name = step->kernel->name;
  op->kernel = step->kernel->function;
}

MN_PLANNING void plan_f32(mn_step *step, const mn_op_request *request) {
  eltwise *op = step->params;
  mn_op kind = step->node->op;
  use_slot(step, request,
           kind == MN_OP_ADD   ? MN_SLOT_add_f32
           : kind == MN_OP_SUB ? MN_SLOT_sub_f32
                               : MN_SLOT_mul_f32);
  mn_act_range(step->node->attr.eltwise.act, &op->f32.lo, &op->f32.hi);
  op->apply = apply_f32;
}

/* Sums and products of codes as ONNX has them. */
MN_PLANNING void plan_real(mn_step *step, const mn_op_request *request) {
  eltwise *op = step->params;
  bool is_product = step->node->op == MN_OP_MUL;
  use_slot(step, request, is_product ? MN_SLOT_mul_real_q8 : MN_SLOT_add_real_q8);
  op->apply = is_product ? apply_real_product : apply_real_sum;
  if (is_product) {
    prepare_real_product(step, &op->real_product);
  } else {
    prepare_real_sum(step, &op->real_sum, step->node->op == MN_OP_SUB ? -1.0f : 1.0f);
  }
}

MN_PLANNING void plan_codes(mn_step *step, const mn_op_request *request) {
  eltwise *op = step->params;
  if (step->node->op == MN_OP_MUL) {
    use_slot(step, request, MN_SLOT_mul_q8);
    prepare_product(step, &op->product);
    op->apply = apply_product;
    return;
  }
  mn_add_q8_args sum = {0};
  prepare_sum(step, &sum);
  if (step->node->op == MN_OP_ADD && request->features && mn_certify_sum(&sum, &op->real_sum)) {
    use_slot(step, request, MN_SLOT_add_real_q8);
    op->apply = apply_real_sum;
    return;
  }
  op->sum = sum;
  op->apply = apply_sum;
  if (step->node->op == MN_OP_ADD) {
    use_slot(step, request, MN_SLOT_add_q8);
  } else {
    op->kernel = (mn_any_fn *)mn_sub_q8_ref;
    step->kernel_name = "sub_q8_ref";
  }
}

MN_PLANNING mn_status binary_plan(mn_step *step, const mn_op_request *request, mn_error *err) {
  const mn_operand *a = &step->in[0], *b = &step->in[1], *out = &step->out;
  bool coded = mn_operand_is_coded(a) && mn_operand_is_coded(b) && mn_operand_is_coded(out);
  if (a->type != out->type || b->type != out->type || (out->type != MN_F32 && !coded)) {
    return mn_op_refuse(step, "three tensors of f32, or of u8 or i8 with one scale each", err);
  }
  mn_status status = mn_op_params(step, request, sizeof(eltwise), err);
  if (status) return status;
  plan_broadcast(step, step->params);
  if (!coded) {
    plan_f32(step, request);
  } else if (step->arithmetic == MN_ARITHMETIC_ONNX) {
    plan_real(step, request);
  } else {
    plan_codes(step, request);
  }
  return MN_OK;
}

/* ---- Running ------------------------------------------------------------------------------ */

/* count copies of one element. */
static void repeat_element(void *to, const void *element, size_t bytes, size_t count) {
  if (bytes == 1) {
    memset(to, *(const unsigned char *)element, count);
    return;
  }
  float value, *out = to; /* the only other type is f32 */
  memcpy(&value, element, sizeof value);
  for (size_t i = 0; i < count; i++) out[i] = value;
}

static void run_flat(const mn_step *step, const mn_run *run, size_t begin, size_t end) {
  const eltwise *op = step->params;
  size_t bytes = mn_type_bytes(step->out.type), elements = mn_operand_elements(&step->out);
  unsigned char *scratch = run->scratch, *out = mn_operand_write(run, &step->out);
  const unsigned char *in[2];
  for (int side = 0; side < 2; side++) {
    in[side] = mn_operand_read(run, &step->in[side]);
    if (!op->repeat[side]) continue;
    unsigned char *row = scratch + (size_t)side * op->row_bytes;
    repeat_element(row, in[side], bytes, RUN_ELEMENTS);
    in[side] = row;
  }
  const size_t last = end * MN_SLICE_ELEMENTS < elements ? end * MN_SLICE_ELEMENTS : elements;
  for (size_t first = begin * MN_SLICE_ELEMENTS; first < last; first += RUN_ELEMENTS) {
    const size_t count = last - first < RUN_ELEMENTS ? last - first : RUN_ELEMENTS;
    size_t at = first * bytes;
    op->apply(op, in[0] + (op->repeat[0] ? 0 : at), in[1] + (op->repeat[1] ? 0 : at), out + at,
              count);
  }
}

/* The operand's pixel that meets an output pixel. */
static size_t operand_pixel(const eltwise *op, int side, size_t pixel) {
  size_t index = 0;
  for (int i = MN_MAX_RANK - 2; i >= 0; i--) {
    index += pixel % op->dims[i] * op->step_of[side][i];
    pixel /= op->dims[i];
  }
  return index;
}

/* Pixels [begin, end) of one image. */
static void run_groups(const mn_step *step, const mn_run *run, size_t begin, size_t end) {
  const eltwise *op = step->params;
  const size_t channels = mn_operand_channels(&step->out);
  const size_t bytes = channels * mn_type_bytes(step->out.type);
  const mn_operand *still = &step->in[op->still], *other = &step->in[1 - op->still];
  const void *vector = mn_operand_pixel(run, still, operand_pixel(op, op->still, begin));
  unsigned char *repeated = run->scratch;
  for (size_t i = 0; i < op->group; i++) memcpy(repeated + i * bytes, vector, bytes);
  for (size_t count; begin < end; begin += count) {
    count = end - begin < op->group ? end - begin : op->group;
    const void *in[2] = {repeated, repeated};
    in[1 - op->still] = mn_operand_pixel(run, other, begin);
    op->apply(op, in[0], in[1], mn_operand_pixel_out(run, &step->out, begin), count * channels);
  }
}

static void binary_run(const mn_step *step, const mn_run *run, size_t begin, size_t end) {
  const eltwise *op = step->params;
  if (op->flat) {
    run_flat(step, run, begin, end);
    return;
  }
  const size_t image = op->dims[MN_MAX_RANK - 2] * op->dims[MN_MAX_RANK - 3];
  while (op->group && begin < end) {
    const size_t last = (begin / image + 1) * image;
    run_groups(step, run, begin, last < end ? last : end);
    begin = last;
  }
  size_t bytes = mn_type_bytes(step->out.type), channels = mn_operand_channels(&step->out);
  for (size_t pixel = begin; pixel < end; pixel++) {
    const void *in[2];
    for (int side = 0; side < 2; side++) {
      in[side] = mn_operand_pixel(run, &step->in[side], operand_pixel(op, side, pixel));
      if (!op->repeat[side]) continue;
      unsigned char *row = (unsigned char *)run->scratch + (size_t)side * op->row_bytes;
      repeat_element(row, in[side], bytes, channels);
      in[side] = row;
    }
    op->apply(op, in[0], in[1], mn_operand_pixel_out(run, &step->out, pixel), channels);
  }
}

/* ---- ReLU --------------------------------------------------------------------------------- */

/* Clamping codes comes to the same as clamping what they are quantized from. */
MN_PLANNING void fill_real_relu(const mn_step *step, uint8_t table[256]) {
  int32_t lo, hi;
  mn_real_table(table, &step->in[0], &step->out, NULL);
  mn_activation_codes(step, step->node->attr.eltwise.act, &lo, &hi);
  for (int byte = 0; byte < 256; byte++) {
    int32_t code = mn_code_of_byte(step->out.type, table[byte]);
    table[byte] = (uint8_t)mn_clamp_i32(code, lo, hi);
  }
}

/* LiteRT, activations.cc QuantizedReluX: the ratio of scales is formed in float. */
MN_PLANNING void fill_relu(const mn_step *step, uint8_t table[256]) {
  const mn_operand *in = &step->in[0], *out = &step->out;
  float ratio = mn_operand_scale(in) / mn_operand_scale(out);
  int32_t multiplier, shift, lo, hi;
  mn_quantize_multiplier((double)ratio, &multiplier, &shift);
  mn_activation_codes(step, step->node->attr.eltwise.act, &lo, &hi);
  for (int byte = 0; byte < 256; byte++) {
    int32_t code = mn_code_of_byte(in->type, byte) - mn_operand_zero(in);
    code = mn_multiply_quantized(code, multiplier, shift);
    table[byte] = (uint8_t)mn_clamp_i32(mn_wrapping_add(code, mn_operand_zero(out)), lo, hi);
  }
}

MN_PLANNING mn_status relu_plan(mn_step *step, const mn_op_request *request, mn_error *err) {
  const mn_operand *in = &step->in[0], *out = &step->out;
  mn_act act = step->node->attr.eltwise.act;
  bool coded = mn_operand_is_coded(in) && mn_operand_is_coded(out);
  if (in->type != out->type || (out->type != MN_F32 && !coded)) {
    return mn_op_refuse(step, "f32, or u8 or i8 with one scale", err);
  }
  mn_unary *unary = mn_unary_plan(step, request, err);
  if (!unary) return MN_ERR_MEMORY;
  if (coded) {
    (step->arithmetic == MN_ARITHMETIC_ONNX ? fill_real_relu : fill_relu)(step, unary->table);
    mn_unary_use_table(step, request);
    return MN_OK;
  }
  mn_act_range(act, &unary->lo, &unary->hi);
  mn_unary_use_f32(step, request, MN_SLOT_clamp_f32);
  return MN_OK;
}

/* ---- By rows ------------------------------------------------------------------------------ */

static bool sum_reach(const mn_step *step, mn_reach *reach) {
  return mn_reach_same(step, reach) && mn_shape_equal(&step->in[1].shape, &step->out.shape);
}

static void sum_run_band(const mn_step *step, const mn_band *band) {
  const eltwise *op = step->params;
  const mn_operand *a = &step->in[0], *b = &step->in[1], *out = &step->out;
  const size_t width = (size_t)out->shape.dim[2], channels = mn_operand_channels(out);
  for (int32_t y = band->first; y < band->last; y++) {
    const unsigned char *from[2] = {mn_row(&band->in[0], y), mn_row(&band->in[1], y)};
    unsigned char *to = mn_row(&band->out, y);
    if (op->flat) op->apply(op, from[0], from[1], to, width * channels);
    for (size_t x = 0; x < width && !op->flat; x++) {
      op->apply(op, from[0] + mn_operand_pixel_at(a, x), from[1] + mn_operand_pixel_at(b, x),
                to + mn_operand_pixel_at(out, x), channels);
    }
  }
}

const mn_op_impl mn_add_impl = {.plan = binary_plan,
                                .run = binary_run,
                                .reach = sum_reach,
                                .run_band = sum_run_band,
                                .in_place = 3};
const mn_op_impl mn_sub_impl = {.plan = binary_plan, .run = binary_run, .in_place = 3};
const mn_op_impl mn_mul_impl = {.plan = binary_plan, .run = binary_run, .in_place = 3};
const mn_op_impl mn_relu_impl = {.plan = relu_plan,
                                 .run = mn_unary_run,
                                 .reach = mn_reach_same,
                                 .run_band = mn_unary_run_band,
                                 .in_place = 1};
