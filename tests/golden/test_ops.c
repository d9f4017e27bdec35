/* SPDX-License-Identifier: Apache-2.0
 * Every operator alone against LiteRT's reference kernels: integers to the bit, floats within 1e-6
 * of the tensor's largest magnitude. Each case runs with every instruction set of this machine,
 * with dense and with strided operands, as one slice range and as several in reverse. Padding
 * between strided pixels must stay as it was. Goldens: tests/oracle/op_goldens.py. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "base/alloc.h"
#include "base/file.h"
#include "ops/ops.h"

enum { MOST_INPUTS = 8, MOST_SCALES = 64, CANARY = 0xa5, GAP = 3 };

typedef struct tensor {
  mn_type type;
  mn_shape shape;
  bool constant;
  mn_quant quant;
  float scale[MOST_SCALES];
  int32_t zero[MOST_SCALES];
  void *data; /* dense, aligned */
  size_t bytes;
} tensor;

typedef struct golden {
  char name[64], op[32];
  int32_t in_count;
  tensor tensors[MOST_INPUTS + 1]; /* inputs, then the output */
  int32_t attr[20];
  float real;
} golden;

/* ---- Reading ------------------------------------------------------------------------------ */

typedef struct cursor {
  const uint8_t *at, *end;
} cursor;

static void take(cursor *from, void *to, size_t bytes) {
  assert_true((size_t)(from->end - from->at) >= bytes);
  memcpy(to, from->at, bytes);
  from->at += bytes;
}

static uint8_t take_byte(cursor *from) {
  uint8_t byte;
  take(from, &byte, 1);
  return byte;
}

static void take_text(cursor *from, char *text, size_t size) {
  size_t length = take_byte(from);
  assert_true(length < size);
  take(from, text, length);
  text[length] = 0;
}

static void take_tensor(cursor *from, tensor *t) {
  int32_t count, elements;
  memset(t, 0, sizeof *t);
  t->type = (mn_type)take_byte(from);
  t->shape.rank = take_byte(from);
  take(from, t->shape.dim, (size_t)t->shape.rank * sizeof(int32_t));
  t->constant = take_byte(from) != 0;
  take(from, &count, sizeof count);
  assert_true(count <= MOST_SCALES);
  t->quant = (mn_quant){count, 0, t->scale, t->zero};
  take(from, &t->quant.axis, sizeof t->quant.axis);
  for (int32_t i = 0; i < count; i++) {
    take(from, &t->scale[i], sizeof(float));
    take(from, &t->zero[i], sizeof(int32_t));
  }
  assert_true(mn_shape_elements(&t->shape, &elements));
  t->bytes = (size_t)elements * mn_type_bytes(t->type);
  t->data = mn_alloc_aligned(t->bytes);
  take(from, t->data, t->bytes);
}

static void take_golden(cursor *from, golden *g) {
  take_text(from, g->name, sizeof g->name);
  take_text(from, g->op, sizeof g->op);
  g->in_count = take_byte(from);
  assert_true(g->in_count <= MOST_INPUTS);
  for (int32_t i = 0; i <= g->in_count; i++) take_tensor(from, &g->tensors[i]);
  take(from, g->attr, sizeof g->attr);
  take(from, &g->real, sizeof g->real);
}

/* ---- Attributes --------------------------------------------------------------------------- */

static mn_window window_of(const int32_t *a) {
  return (mn_window){.kernel_h = a[0],
                     .kernel_w = a[1],
                     .stride_h = a[2],
                     .stride_w = a[3],
                     .dilation_h = a[4],
                     .dilation_w = a[5],
                     .pad_rule = a[6] ? MN_PAD_SAME : MN_PAD_EXPLICIT,
                     .pad_top = a[7],
                     .pad_bottom = a[8],
                     .pad_left = a[9],
                     .pad_right = a[10]};
}

static void set_pad(mn_attr *attr, const int32_t *a) {
  memcpy(attr->pad.before, a, sizeof attr->pad.before);
  memcpy(attr->pad.after, a + MN_MAX_RANK, sizeof attr->pad.after);
}

static void set_reshape(mn_attr *attr, const int32_t *a) {
  attr->reshape.shape.rank = a[0];
  memcpy(attr->reshape.shape.dim, a + 1, sizeof attr->reshape.shape.dim);
}

static void set_resize(mn_attr *attr, const int32_t *a) {
  attr->resize.align_corners = a[0] != 0;
  attr->resize.half_pixel = a[1] != 0;
  attr->resize.height = a[2];
  attr->resize.width = a[3];
}

static void set_attr(mn_op op, mn_attr *attr, const golden *g) {
  const int32_t *a = g->attr;
  memset(attr, 0, sizeof *attr);
  switch ((int)op) {
    case MN_OP_CONV2D:
    case MN_OP_DWCONV2D:
    case MN_OP_TRANSPOSE_CONV:
      attr->conv.window = window_of(a);
      attr->conv.act = (mn_act)a[11];
      attr->conv.multiplier = a[12];
      break;
    case MN_OP_AVG_POOL:
    case MN_OP_MAX_POOL:
      attr->pool.window = window_of(a);
      attr->pool.act = (mn_act)a[11];
      attr->pool.global = a[13] != 0;
      break;
    case MN_OP_DENSE:
      attr->dense.act = (mn_act)a[0];
      attr->dense.keep_dims = a[1] != 0;
      break;
    case MN_OP_MEAN:
      attr->reduce.axes = (unsigned)a[0];
      attr->reduce.keep_dims = a[1] != 0;
      break;
    case MN_OP_ARG_MAX:
      attr->arg_max.axis = a[0];
      attr->arg_max.output_type = (mn_type)a[1];
      break;
    case MN_OP_PAD: set_pad(attr, a); break;
    case MN_OP_SPACE_TO_BATCH:
    case MN_OP_BATCH_TO_SPACE: memcpy(&attr->space_batch, a, sizeof attr->space_batch); break;
    case MN_OP_RESHAPE: set_reshape(attr, a); break;
    case MN_OP_RESIZE_BILINEAR:
    case MN_OP_RESIZE_NEAREST: set_resize(attr, a); break;
    case MN_OP_CONCAT: attr->concat.axis = a[0]; break;
    case MN_OP_SOFTMAX: attr->softmax.beta = g->real; break;
    default: attr->eltwise.act = (mn_act)a[0]; break; /* add, sub, mul, relu; others have none */
  }
}

/* ---- Running ------------------------------------------------------------------------------ */

typedef struct variant {
  mn_cpu_features features;
  bool strided, split;
} variant;

static size_t pixels_of(const tensor *t) {
  size_t pixels = 1;
  for (int32_t i = 0; i + 1 < t->shape.rank; i++) pixels *= (size_t)t->shape.dim[i];
  return pixels;
}

/* An operand at `offset` of the arena; returns the bytes it takes there, padding included. */
static size_t place(mn_operand *operand, const tensor *t, size_t offset, bool strided) {
  size_t channels = t->bytes / mn_type_bytes(t->type) / pixels_of(t);
  operand->value = 0;
  operand->type = t->type;
  operand->shape = t->shape;
  operand->quant = &t->quant;
  operand->data = t->constant ? t->data : NULL;
  operand->offset = offset;
  operand->pixel_stride = channels + (strided && !t->constant ? GAP : 0);
  size_t bytes = pixels_of(t) * operand->pixel_stride * mn_type_bytes(t->type);
  return t->constant ? 0 : (bytes + MN_ALIGN - 1) / MN_ALIGN * MN_ALIGN + MN_ALIGN;
}

/* Between a dense tensor and the operand's memory; `out` says which way. */
static void move(unsigned char *arena, const mn_operand *operand, void *dense, bool out) {
  size_t element = mn_type_bytes(operand->type), row = mn_operand_channels(operand) * element;
  for (size_t p = 0; p < mn_operand_pixels(operand); p++) {
    unsigned char *there = arena + operand->offset + p * operand->pixel_stride * element;
    unsigned char *here = (unsigned char *)dense + p * row;
    memcpy(out ? here : there, out ? there : here, row);
  }
}

static void check_gaps(const golden *g, const unsigned char *arena, const mn_operand *operand,
                       size_t room) {
  size_t element = mn_type_bytes(operand->type), row = mn_operand_channels(operand) * element;
  size_t stride = operand->pixel_stride * element, pixels = mn_operand_pixels(operand);
  for (size_t i = 0; i < room; i++) {
    if (i / stride < pixels && i % stride < row) continue;
    if (arena[operand->offset + i] != CANARY) fail_msg("%s %s: wrote outside", g->op, g->name);
  }
}

static void run_slices(const mn_step *step, const mn_run *run, bool split) {
  size_t third = step->slices / 3;
  if (!split) {
    step->impl->run(step, run, 0, step->slices);
    return;
  }
  for (size_t i = step->slices; i > third; i--) step->impl->run(step, run, i - 1, i);
  if (third) step->impl->run(step, run, 0, third);
}

/* Runs the case into `result`, dense. */
static void run_golden(const golden *g, const variant *v, void *result) {
  mn_error err;
  mn_operand in[MOST_INPUTS];
  mn_node node = {.op = mn_op_from_name(g->op, strlen(g->op)),
                  .name = g->name,
                  .in_count = g->in_count,
                  .out_count = 1};
  mn_arena arena = {0};
  mn_op_request request = {.features = v->features, .threads = v->split ? 3 : 1, .arena = &arena};
  assert_int_not_equal(node.op, MN_OP_COUNT);
  set_attr(node.op, &node.attr, g);
  mn_step step = {.impl = mn_op_impl_of(node.op), .node = &node, .in = in};
  size_t bytes = 0, room;
  for (int32_t i = 0; i < g->in_count; i++) {
    bytes += place(&in[i], &g->tensors[i], bytes, v->strided);
  }
  room = place(&step.out, &g->tensors[g->in_count], bytes, v->strided);
  if (step.impl->plan(&step, &request, &err)) fail_msg("%s %s: %s", g->op, g->name, err.text);
  unsigned char *memory = mn_alloc_aligned(bytes + room);
  memset(memory, CANARY, bytes + room);
  for (int32_t i = 0; i < g->in_count; i++) {
    if (!in[i].data) move(memory, &in[i], g->tensors[i].data, false);
  }
  void *packed = mn_alloc_aligned(step.packed_bytes);
  if (step.impl->pack) step.impl->pack(&step, packed);
  step.packed = packed;
  mn_run run = {memory, mn_alloc_aligned(step.scratch_bytes), 0};
  run_slices(&step, &run, v->split);
  move(memory, &step.out, result, true);
  check_gaps(g, memory, &step.out, room);
  mn_free(run.scratch);
  mn_free(packed);
  mn_free(memory);
  mn_arena_free(&arena);
}

/* ---- Comparing ---------------------------------------------------------------------------- */

/* Largest difference relative to the tensor's largest magnitude. */
static double float_error(const float *got, const float *expected, size_t count) {
  double worst = 0.0, largest = 1e-30;
  for (size_t i = 0; i < count; i++) {
    if (isfinite(expected[i])) largest = fmax(largest, fabs((double)expected[i]));
  }
  for (size_t i = 0; i < count; i++) {
    double difference = fabs((double)got[i] - (double)expected[i]);
    if (got[i] == expected[i]) difference = 0.0;
    if (isnan(difference)) difference = INFINITY;
    worst = fmax(worst, difference / largest);
  }
  return worst;
}

static void compare(const golden *g, const variant *v, const void *got) {
  const tensor *out = &g->tensors[g->in_count];
  const char *how = v->strided ? "strided" : "dense", *isa = mn_cpu_level_name(v->features);
  if (out->type == MN_F32) {
    double error = float_error(got, out->data, out->bytes / sizeof(float));
    if (error > 1e-6) fail_msg("%s %s (%s, %s): off by %g", g->op, g->name, isa, how, error);
    return;
  }
  for (size_t i = 0; i < out->bytes; i++) {
    int is = ((const uint8_t *)got)[i], expected = ((const uint8_t *)out->data)[i];
    if (is != expected) {
      fail_msg("%s %s (%s, %s): byte %zu is %d, expected %d", g->op, g->name, isa, how, i, is,
               expected);
    }
  }
}

static void check_golden(const golden *g) {
  void *got = mn_alloc_aligned(g->tensors[g->in_count].bytes);
  for (int level = 0; mn_cpu_level_at(level); level++) {
    variant v = {0};
    if (mn_cpu_level(mn_cpu_level_at(level), &v.features, NULL)) continue;
    if (v.features & ~mn_cpu_detect()) continue;
    for (int i = 0; i < 4; i++) {
      v.strided = i & 1;
      v.split = i >> 1;
      run_golden(g, &v, got);
      compare(g, &v, got);
    }
  }
  mn_free(got);
}

static void check_op(void **state) {
  const char *op = *state;
  char path[512];
  mn_file file = {0};
  mn_error err;
  uint32_t count;
  char magic[8];
  static golden g;
  snprintf(path, sizeof path, "%s/golden/ops/%s.bin", MN_TEST_DIR, op);
  if (mn_file_map(&file, path, &err)) fail_msg("%s", err.text);
  cursor from = {file.bytes, file.bytes + file.size};
  take(&from, magic, sizeof magic);
  assert_memory_equal(magic, "MNOPS1\0\0", sizeof magic);
  take(&from, &count, sizeof count);
  assert_true(count > 0);
  for (uint32_t i = 0; i < count; i++) {
    take_golden(&from, &g);
    check_golden(&g);
    for (int32_t t = 0; t <= g.in_count; t++) mn_free(g.tensors[t].data);
  }
  assert_true(from.at == from.end);
  mn_file_close(&file);
}

#define OP(name)                                    \
  {                                                 \
#name, check_op, NULL, NULL, (char[]) { #name } \
  }

int main(void) {
  const struct CMUnitTest tests[] = {
      OP(conv2d),
      OP(dwconv2d),
      OP(transpose_conv),
      OP(space_to_batch),
      OP(batch_to_space),
      OP(dense),
      OP(add),
      OP(sub),
      OP(mul),
      OP(relu),
      OP(avg_pool),
      OP(max_pool),
      OP(mean),
      OP(pad),
      OP(concat),
      OP(reshape),
      OP(softmax),
      OP(logistic),
      OP(hard_swish),
      OP(quantize),
      OP(dequantize),
      OP(arg_max),
      OP(resize_bilinear),
      OP(resize_nearest),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
