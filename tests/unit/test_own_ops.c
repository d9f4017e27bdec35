/* SPDX-License-Identifier: Apache-2.0
 * What LiteRT cannot show of ops: those that it lacks, inputs on which its kernels end the process
 * or are undefined, results that take their input's memory, and refusals. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "base/alloc.h"
#include "ops/ops.h"

enum { ARENA_BYTES = 1 << 16, OUT_AT = ARENA_BYTES / 2 };

/* One step over a fixed arena; inputs from its start, the output from OUT_AT. */
typedef struct bench {
  mn_node node;
  mn_operand in[5];
  mn_step step;
  mn_quant quant[6];
  float scale[6];
  int32_t zero[6];
  mn_arena params;
  size_t used;
  unsigned char *memory;
} bench;

static mn_operand operand(bench *b, int index, mn_type type, mn_shape shape) {
  size_t channels = shape.rank ? (size_t)shape.dim[shape.rank - 1] : 1;
  return (mn_operand){
      .type = type, .shape = shape, .quant = &b->quant[index], .pixel_stride = channels};
}

static void setup(bench *b, mn_op op, mn_type out_type, mn_shape out_shape) {
  memset(b, 0, sizeof *b);
  b->node.op = op;
  b->node.name = "node";
  b->node.out_count = 1;
  b->step.node = &b->node;
  b->step.impl = mn_op_impl_of(op);
  b->step.in = b->in;
  b->step.out = operand(b, 5, out_type, out_shape);
  b->step.out.offset = OUT_AT;
  b->memory = mn_alloc_aligned(ARENA_BYTES);
}

static void add_input(bench *b, mn_type type, mn_shape shape, const void *data) {
  int index = b->node.in_count++;
  mn_operand *in = &b->in[index];
  *in = operand(b, index, type, shape);
  in->offset = b->used;
  size_t bytes = mn_operand_pixels(in) * mn_operand_channels(in) * mn_type_bytes(type);
  if (data) memcpy(b->memory + b->used, data, bytes);
  b->used += (bytes + 63) / 64 * 64;
}

/* Index 5 is the output. */
static void set_quant(bench *b, int index, float scale, int32_t zero) {
  b->scale[index] = scale;
  b->zero[index] = zero;
  b->quant[index] = (mn_quant){1, 0, &b->scale[index], &b->zero[index]};
}

static mn_status plan(bench *b, mn_error *err) {
  mn_op_request request = {.threads = 1, .arena = &b->params};
  return b->step.impl->plan(&b->step, &request, err);
}

static void finish(bench *b) {
  mn_arena_free(&b->params);
  mn_free(b->memory);
}

static void *run(bench *b) {
  mn_error err;
  if (plan(b, &err)) fail_msg("%s", err.text);
  assert_non_null(b->step.kernel_name);
  void *packed = mn_alloc_aligned(b->step.packed_bytes);
  if (b->step.impl->pack) b->step.impl->pack(&b->step, packed);
  b->step.packed = packed;
  mn_run worker = {b->memory, mn_alloc_aligned(b->step.scratch_bytes), 0};
  b->step.impl->run(&b->step, &worker, 0, b->step.slices);
  mn_free(worker.scratch);
  mn_free(packed);
  return b->memory + b->step.out.offset;
}

static void batch_norm_is_its_formula(void **state) {
  (void)state;
  static const float x[6] = {1, -2, 3, 0.5f, 100, -7}, gamma[2] = {0.5f, 2}, beta[2] = {1, -1};
  static const float mean[2] = {0.25f, -3}, variance[2] = {4, 0.01f};
  const mn_shape map = {4, {1, 1, 3, 2}}, vector = {1, {2}};
  bench b;
  setup(&b, MN_OP_BATCH_NORM, MN_F32, map);
  b.node.attr.batch_norm.epsilon = 1e-3f;
  b.node.attr.batch_norm.act = MN_ACT_RELU;
  add_input(&b, MN_F32, map, x);
  const float *const constants[4] = {gamma, beta, mean, variance};
  for (int i = 0; i < 4; i++) {
    add_input(&b, MN_F32, vector, NULL);
    b.in[i + 1].data = constants[i];
  }
  const float *y = run(&b);
  for (int i = 0; i < 6; i++) {
    int c = i % 2;
    double root = sqrt((double)variance[c] + 1e-3);
    double expected = ((double)x[i] - (double)mean[c]) / root * (double)gamma[c] + (double)beta[c];
    if (expected < 0) expected = 0;
    assert_true(fabs((double)y[i] - expected) <= 2e-6 * (1 + fabs(expected)));
  }
  finish(&b);
}

static void hard_sigmoid_is_its_formula(void **state) {
  (void)state;
  static const float x[8] = {-4, -3, -1.5f, 0, 1.5f, 3, 4, -0.0f};
  static const float expected[8] = {0, 0, 0.25f, 0.5f, 0.75f, 1, 1, 0.5f};
  bench b;
  setup(&b, MN_OP_HARD_SIGMOID, MN_F32, (mn_shape){1, {8}});
  add_input(&b, MN_F32, (mn_shape){1, {8}}, x);
  const float *y = run(&b);
  for (int i = 0; i < 8; i++) assert_true(y[i] == expected[i]);
  finish(&b);
}

static void bf16_is_the_upper_half_of_a_float(void **state) {
  (void)state;
  static const uint16_t x[4] = {0x3f80, 0xc040, 0x0001, 0x7f80};
  bench b;
  setup(&b, MN_OP_DEQUANTIZE, MN_F32, (mn_shape){1, {4}});
  add_input(&b, MN_BF16, (mn_shape){1, {4}}, x);
  const float *y = run(&b);
  assert_true(y[0] == 1.0f && y[1] == -3.0f && y[2] == 0x1p-133f && y[3] == INFINITY);
  finish(&b);
}

/* LiteRT is undefined beyond int32 and for NaN. */
static void quantize_saturates(void **state) {
  (void)state;
  static const float x[5] = {3e38f, -3e38f, INFINITY, -INFINITY, NAN};
  static const int8_t expected[5] = {127, -128, 127, -128, 5};
  bench b;
  setup(&b, MN_OP_QUANTIZE, MN_I8, (mn_shape){1, {5}});
  set_quant(&b, 5, 1e-6f, 5);
  add_input(&b, MN_F32, (mn_shape){1, {5}}, x);
  assert_memory_equal(run(&b), expected, 5);
  finish(&b);
}

/* 512 equal logits and more: LiteRT's kernel checks its exponent and aborts; ours gives 0. */
static void softmax_of_many_equals(void **state) {
  (void)state;
  static uint8_t x[5000];
  const int32_t counts[3] = {511, 512, 5000};
  memset(x, 200, sizeof x);
  for (int i = 0; i < 3; i++) {
    bench b;
    setup(&b, MN_OP_SOFTMAX, MN_U8, (mn_shape){1, {counts[i]}});
    b.node.attr.softmax.beta = 1.0f;
    set_quant(&b, 0, 0.1f, 0);
    set_quant(&b, 5, 1.0f / 256, 0);
    add_input(&b, MN_U8, (mn_shape){1, {counts[i]}}, x);
    const uint8_t *y = run(&b);
    for (int32_t c = 1; c < counts[i]; c++) assert_int_equal(y[c], y[0]);
    assert_int_equal(y[0], i == 0 ? 1 : 0);
    finish(&b);
  }
}

/* i8 with other scales, which LiteRT refuses: the nearest code of each real value. */
static void concat_rescales_i8(void **state) {
  (void)state;
  static const int8_t x[4] = {-128, -1, 0, 127}, y[2] = {-100, 100};
  bench b;
  setup(&b, MN_OP_CONCAT, MN_I8, (mn_shape){1, {6}});
  set_quant(&b, 0, 0.5f, -1);
  set_quant(&b, 1, 1.0f, 2);
  set_quant(&b, 5, 1.0f, 2);
  add_input(&b, MN_I8, (mn_shape){1, {4}}, x);
  add_input(&b, MN_I8, (mn_shape){1, {2}}, y);
  const int8_t *out = run(&b);
  static const int8_t expected[6] = {-62, 2, 3, 66, -100, 100}; /* halves away from zero */
  assert_memory_equal(out, expected, 6);
  finish(&b);
}

/* The output may be where an input was, if the implementation says so. */
static void results_can_take_their_inputs_place(void **state) {
  (void)state;
  static const mn_op ops[5] = {MN_OP_ADD, MN_OP_SUB, MN_OP_MUL, MN_OP_LOGISTIC, MN_OP_SOFTMAX};
  uint8_t x[300], apart[300];
  for (int i = 0; i < 300; i++) x[i] = (uint8_t)(i * 7);
  for (int i = 0; i < 5; i++) {
    assert_true(mn_op_impl_of(ops[i])->in_place & 1);
    for (int in_place = 0; in_place < 2; in_place++) {
      bench b;
      setup(&b, ops[i], MN_U8, (mn_shape){2, {3, 100}});
      if (ops[i] == MN_OP_SOFTMAX) b.node.attr.softmax.beta = 1.0f;
      set_quant(&b, 0, 0.05f, 100);
      set_quant(&b, 1, 0.05f, 90);
      set_quant(&b, 5, 1.0f / 256, 0);
      add_input(&b, MN_U8, (mn_shape){2, {3, 100}}, x);
      if (i < 3) add_input(&b, MN_U8, (mn_shape){2, {3, 100}}, x);
      if (in_place) b.step.out.offset = b.in[0].offset;
      const void *out = run(&b);
      if (in_place) assert_memory_equal(out, apart, sizeof apart);
      memcpy(apart, out, sizeof apart);
      finish(&b);
    }
  }
}

static void assert_refused(bench *b) {
  mn_error err;
  assert_int_equal(plan(b, &err), MN_ERR_UNSUPPORTED);
  assert_non_null(strstr(err.text, "expected"));
  finish(b);
}

static void impossible_steps_are_refused(void **state) {
  (void)state;
  const mn_shape map = {4, {1, 2, 2, 1}};
  bench b;
  setup(&b, MN_OP_AVG_POOL, MN_U8, (mn_shape){4, {1, 1, 1, 1}}); /* another scale */
  b.node.attr.pool.global = true;
  set_quant(&b, 0, 0.5f, 0);
  set_quant(&b, 5, 0.6f, 0);
  add_input(&b, MN_U8, map, NULL);
  assert_refused(&b);
  setup(&b, MN_OP_HARD_SWISH, MN_I8, map); /* an output scale that its fixed point cannot reach */
  set_quant(&b, 0, 1.0f, 0);
  set_quant(&b, 5, 0.001f, 0);
  add_input(&b, MN_I8, map, NULL);
  assert_refused(&b);
  setup(&b, MN_OP_CONCAT, MN_F32, map); /* a fused activation */
  b.node.attr.concat.act = MN_ACT_RELU;
  add_input(&b, MN_F32, map, NULL);
  assert_refused(&b);
  setup(&b, MN_OP_SOFTMAX, MN_U8, map); /* an output scale other than 1/256 */
  set_quant(&b, 0, 1.0f, 0);
  set_quant(&b, 5, 0.5f, 0);
  add_input(&b, MN_U8, map, NULL);
  assert_refused(&b);
  setup(&b, MN_OP_ADD, MN_U8, map); /* a type without a scale */
  add_input(&b, MN_U8, map, NULL);
  add_input(&b, MN_U8, map, NULL);
  assert_refused(&b);
  setup(&b, MN_OP_HARD_SIGMOID, MN_I8, map);
  add_input(&b, MN_I8, map, NULL);
  assert_refused(&b);
  setup(&b, MN_OP_ARG_MAX, MN_I32, (mn_shape){3, {1, 2, 2}});
  add_input(&b, MN_I32, map, NULL);
  assert_refused(&b);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(batch_norm_is_its_formula),
      cmocka_unit_test(hard_sigmoid_is_its_formula),
      cmocka_unit_test(bf16_is_the_upper_half_of_a_float),
      cmocka_unit_test(quantize_saturates),
      cmocka_unit_test(softmax_of_many_equals),
      cmocka_unit_test(concat_rescales_i8),
      cmocka_unit_test(results_can_take_their_inputs_place),
      cmocka_unit_test(impossible_steps_are_refused),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
