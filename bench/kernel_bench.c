/* SPDX-License-Identifier: Apache-2.0
 * Times every kernel of list.def that this CPU can run on layers of MobileNets: median and best
 * time, operations per second, and the share of what a loop of nothing but multiply-adds in
 * registers reaches on this core in the same minute (both taken from the best time, which is the
 * one that other work on the machine disturbs least).
 *
 *   kernel_bench [PART OF A KERNEL'S NAME]
 *
 * Unlike the other benchmarks it looks inside the library. Pin it to one core. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "kernels/kernels.h"
#include "machine_peak.h"

enum { SAMPLES = 21, OPERAND_BYTES = 16 << 20 };

/* One layer. Depthwise: a `side` x `side` map, k taps. Elementwise: side * side * n values. */
typedef struct layer {
  const char *name;
  mn_slot slot;
  size_t side, n, k;
} layer;

static const layer layers[] = {
    {"stem 3x3x3 s2 112", MN_SLOT_gemm_f32, 112, 32, 27},
    {"pointwise 112 32->64", MN_SLOT_gemm_f32, 112, 64, 32},
    {"pointwise 112 32->16", MN_SLOT_gemm_f32, 112, 16, 32},
    {"pointwise 56 24->144", MN_SLOT_gemm_f32, 56, 144, 24},
    {"pointwise 56 128->128", MN_SLOT_gemm_f32, 56, 128, 128},
    {"pointwise 28 256->256", MN_SLOT_gemm_f32, 28, 256, 256},
    {"pointwise 14 512->512", MN_SLOT_gemm_f32, 14, 512, 512},
    {"pointwise 7 1024->1024", MN_SLOT_gemm_f32, 7, 1024, 1024},
    {"pointwise 7 960->160", MN_SLOT_gemm_f32, 7, 160, 960},
    {"dense 1280->1000", MN_SLOT_gemm_f32, 1, 1000, 1280},
    {"depthwise 3x3 112 c32", MN_SLOT_dw_f32, 112, 32, 9},
    {"depthwise 3x3 56 c144", MN_SLOT_dw_f32, 56, 144, 9},
    {"depthwise 3x3 14 c512", MN_SLOT_dw_f32, 14, 512, 9},
    {"depthwise 5x5 28 c120", MN_SLOT_dw_f32, 28, 120, 25},
    {"depthwise 5x5 7 c960", MN_SLOT_dw_f32, 7, 960, 25},
    {"elementwise 28x28x96", MN_SLOT_COUNT, 28, 96, 1},
};

/* Operands shared by all layers; every float is 0.5-ish, every code and shift harmless. */
typedef struct operands {
  void *a, *b, *c;
  const void **taps;
  float *zeros;
  int32_t *bias, *multiplier, *shift;
  float *scale; /* 2^-10: the same numbers in float form */
} operands;

static operands operands_make(void) {
  operands o = {aligned_alloc(64, OPERAND_BYTES), aligned_alloc(64, OPERAND_BYTES),
                aligned_alloc(64, OPERAND_BYTES), aligned_alloc(64, OPERAND_BYTES),
                calloc(1024, sizeof(float)),      aligned_alloc(64, 65536),
                aligned_alloc(64, 65536),         aligned_alloc(64, 65536),
                aligned_alloc(64, 65536)};
  if (!o.a || !o.b || !o.c || !o.taps || !o.zeros || !o.bias || !o.multiplier || !o.shift ||
      !o.scale) {
    exit(1);
  }
  for (size_t i = 0; i < OPERAND_BYTES / 4; i++) {
    ((float *)o.a)[i] = ((float *)o.b)[i] = ((float *)o.c)[i] = 0.5f;
  }
  for (size_t i = 0; i < 65536 / 4; i++) {
    o.bias[i] = 0, o.multiplier[i] = 1 << 30, o.shift[i] = -9, o.scale[i] = 0x1p-10f;
  }
  return o;
}

/* Pointers to the rows under a stride-1 window; NULL above and below the map. */
static void rows_make(const operands *o, const layer *x, size_t element) {
  const size_t reach = x->k == 25 ? 2 : 1;
  for (size_t i = 0; i < x->side + 2 * reach; i++) {
    const bool padded = i < reach || i >= x->side + reach;
    o->taps[i] = padded ? NULL : (const char *)o->a + (i - reach) * x->side * x->n * element;
  }
}

static mn_requant requant_of(const operands *o) {
  return (mn_requant){.multiplier = o->multiplier,
                      .shift = o->shift,
                      .scale = o->scale,
                      .above = (float *)o->bias,
                      .below = (float *)o->bias,
                      .base = 128,
                      .out_zero = 128,
                      .out_max = 255};
}

static void run_product(const mn_kernel *kernel, const layer *x, const operands *o) {
  const size_t m = x->side * x->side;
  const mn_requant requant = requant_of(o);
  if (kernel->slot == MN_SLOT_gemm_f32 || kernel->slot == MN_SLOT_gemm_bf16) {
    const float *rows[1] = {o->a};
    const mn_gemm_bf16_args args = {.f32 = {.a = rows,
                                            .segments = 1,
                                            .segment = x->k,
                                            .a_stride = x->k,
                                            .b = o->b,
                                            .bias = (float *)o->bias,
                                            .c = o->c,
                                            .c_stride = x->n,
                                            .m = m,
                                            .n = x->n,
                                            .k = x->k,
                                            .finish = {0.0f, 6.0f, false}},
                                    .b = o->b,
                                    .scratch = (float *)o->taps,
                                    .scratch_rows = 224};
    if (kernel->slot == MN_SLOT_gemm_f32) {
      ((mn_gemm_f32_fn *)kernel->function)(&args.f32);
    } else {
      ((mn_gemm_bf16_fn *)kernel->function)(&args);
    }
  } else {
    const mn_gemm_q8_args args = {.a = o->a,
                                  .a_stride = x->k,
                                  .flip = 0x80,
                                  .b = o->b,
                                  .bias = o->bias,
                                  .bias_signed = o->bias,
                                  .c = o->c,
                                  .c_stride = x->n,
                                  .m = m,
                                  .n = x->n,
                                  .k = x->k,
                                  .requant = requant};
    ((mn_gemm_q8_fn *)kernel->function)(&args);
  }
}

static void run_dense_q8(const mn_kernel *kernel, const layer *x, const operands *o) {
  const mn_dense_q8_args args = {.a = o->a,
                                 .a_stride = x->k,
                                 .flip = 0x80,
                                 .weights = o->b,
                                 .bias = o->bias,
                                 .scale = (const double *)o->taps,
                                 .c = o->c,
                                 .c_stride = x->n,
                                 .m = x->side * x->side,
                                 .n = x->n,
                                 .k = x->k,
                                 .out_max = 255};
  ((mn_dense_q8_fn *)kernel->function)(&args);
}

static void run_depthwise(const mn_kernel *kernel, const layer *x, const operands *o) {
  const mn_requant requant = requant_of(o);
  const size_t taps = x->k == 25 ? 5 : 3, side = x->side;
  const mn_dw_window window = {taps, taps, 1, 1, 1, 1, taps / 2, side, side, x->n};
  const mn_dw_strip strip = {.window = &window,
                             .rows = o->taps,
                             .pixel_stride = x->n,
                             .zeros = o->zeros,
                             .out = o->c,
                             .out_stride = x->n,
                             .out_row_stride = side * x->n,
                             .height = side};
  if (kernel->slot == MN_SLOT_dw_f32) {
    const mn_dw_f32_args args = {
        .strip = strip, .weights = o->b, .bias = (float *)o->bias, .finish = {0.0f, 6.0f, false}};
    ((mn_dw_f32_fn *)kernel->function)(&args);
  } else {
    const mn_dw_q8s_args args = {.strip = strip,
                                 .flip = 0x80,
                                 .weights = o->b,
                                 .planes = 1,
                                 .bias = o->bias,
                                 .requant = requant};
    ((mn_dw_q8s_fn *)kernel->function)(&args);
  }
}

static void run_eltwise(const mn_kernel *kernel, const layer *x, const operands *o) {
  const size_t count = x->side * x->side * x->n;
  const mn_binary_f32_args binary = {o->a, o->b, o->c, count, 0.0f, 6.0f};
  const mn_unary_f32_args unary = {o->a, o->c, count, 0.0f, 6.0f};
  const mn_add_q8_args add = {o->a, o->b,    o->c, count,   0x80, 100, 90, 20, 1 << 30,
                              -1,   1 << 30, -2,   1 << 30, -18,  3,   0,  255};
  const mn_mul_q8_args mul = {o->a, o->b, o->c, count, 0x80, 100,     90,   1 << 30,
                              -7,   3,    0,    255,   true, 0x1p-8f, -125, -125};
  const mn_add_real_q8_args add_real = {o->a, o->b, o->c, count, 0x80, 0.75f, 0.5f, -30.0f, 0, 255};
  const mn_mul_real_q8_args mul_real = {o->a, o->b, o->c, count, 0x80, 0.01f, 100, 90, 131, 0, 255};
  const mn_lut8_args lut = {o->a, o->c, count, o->b};
  const mn_sum_args sum = {.in = o->a,
                           .rows = x->side,
                           .row_stride = x->side * x->n,
                           .cols = x->side,
                           .pixel_stride = x->n,
                           .channels = x->n,
                           .sums = o->c};
  const mn_softmax_f32_args softmax_f32 = {o->a, o->c, count, 1.0f};
  const mn_softmax_q8_args softmax_q8 = {o->a, o->c, count, 0x80, o->multiplier};
  const size_t element = kernel->slot == MN_SLOT_arg_max_f32 ? sizeof(float) : 1;
  const mn_arg_max_args arg_max = {o->a, x->side * x->side, x->n * element, x->n, 0x80, false,
                                   o->c};
  switch (kernel->slot) {
    case MN_SLOT_softmax_f32: ((mn_softmax_f32_fn *)kernel->function)(&softmax_f32); break;
    case MN_SLOT_softmax_q8: ((mn_softmax_q8_fn *)kernel->function)(&softmax_q8); break;
    case MN_SLOT_arg_max_f32:
    case MN_SLOT_arg_max_q8: ((mn_arg_max_f32_fn *)kernel->function)(&arg_max); break;
    case MN_SLOT_sum_f32:
    case MN_SLOT_sum_q8: ((mn_sum_f32_fn *)kernel->function)(&sum); break;
    case MN_SLOT_add_q8: ((mn_add_q8_fn *)kernel->function)(&add); break;
    case MN_SLOT_mul_q8: ((mn_mul_q8_fn *)kernel->function)(&mul); break;
    case MN_SLOT_add_real_q8: ((mn_add_real_q8_fn *)kernel->function)(&add_real); break;
    case MN_SLOT_mul_real_q8: ((mn_mul_real_q8_fn *)kernel->function)(&mul_real); break;
    case MN_SLOT_lut8: ((mn_lut8_fn *)kernel->function)(&lut); break;
    case MN_SLOT_add_f32:
    case MN_SLOT_sub_f32:
    case MN_SLOT_mul_f32: ((mn_add_f32_fn *)kernel->function)(&binary); break;
    default: ((mn_clamp_f32_fn *)kernel->function)(&unary); break;
  }
}

static void run_layer(const mn_kernel *kernel, const layer *x, const operands *o) {
  switch (x->slot) {
    case MN_SLOT_gemm_f32:
      if (kernel->slot == MN_SLOT_dense_q8) {
        run_dense_q8(kernel, x, o);
      } else {
        run_product(kernel, x, o);
      }
      break;
    case MN_SLOT_dw_f32: run_depthwise(kernel, x, o); break;
    default: run_eltwise(kernel, x, o); break;
  }
}

/* The float slot whose layers a slot is timed on. */
static mn_slot layers_of(mn_slot slot) {
  switch (slot) {
    case MN_SLOT_gemm_f32:
    case MN_SLOT_gemm_bf16:
    case MN_SLOT_gemm_q8:
    case MN_SLOT_gemm_q8s:
    case MN_SLOT_dense_q8: return MN_SLOT_gemm_f32;
    case MN_SLOT_dw_f32:
    case MN_SLOT_dw_q8s: return MN_SLOT_dw_f32;
    default: return MN_SLOT_COUNT;
  }
}

static double now(void) {
  struct timespec t;
  clock_gettime(CLOCK_MONOTONIC, &t);
  return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

static int ascending(const void *x, const void *y) {
  const double a = *(const double *)x, b = *(const double *)y;
  return (a > b) - (a < b);
}

/* Median seconds of one call, and the best; a sample is at least half a millisecond of calls. */
static double time_layer(const mn_kernel *kernel, const layer *x, const operands *o, double *best) {
  double samples[SAMPLES];
  size_t calls = 1;
  for (int i = -1; i < SAMPLES; i++) {
    const double start = now();
    for (size_t j = 0; j < calls; j++) run_layer(kernel, x, o);
    const double took = now() - start;
    if (i < 0 && took < 5e-4) calls *= 2, i--;
    if (i >= 0) samples[i] = took / (double)calls;
  }
  qsort(samples, SAMPLES, sizeof *samples, ascending);
  *best = samples[0];
  return samples[SAMPLES / 2];
}

/* Of registers alone, with the instructions that the kernel needs. */
static double peak_of(const mn_kernel *kernel) {
  const bool f32 = kernel->slot == MN_SLOT_gemm_f32 || kernel->slot == MN_SLOT_dw_f32;
  const bool bf16 = kernel->slot == MN_SLOT_gemm_bf16;
  return machine_peak_macs(mn_cpu_level_needed(kernel->needs), f32    ? MN_F32
                                                               : bf16 ? MN_BF16
                                                                      : MN_I8);
}

static void report(const mn_kernel *kernel, const layer *x, const operands *o) {
  const size_t pixels = x->side * x->side;
  if (x->slot == MN_SLOT_dw_f32) {
    rows_make(o, x, kernel->slot == MN_SLOT_dw_f32 ? sizeof(float) : 1);
  }
  double best;
  const double median = time_layer(kernel, x, o, &best);
  const double ops = (double)pixels * (double)x->n * (double)x->k;
  printf("%-28s %-24s %9.1f us, best %9.1f us ", kernel->name, x->name, 1e6 * median, 1e6 * best);
  if (x->slot == MN_SLOT_COUNT) {
    printf("%8.2f G values/s\n", 1e-9 * ops / best);
  } else {
    printf("%8.2f G mul-add/s  %5.1f %% of peak\n", 1e-9 * ops / best,
           100.0 * ops / best / peak_of(kernel));
  }
}

int main(int argc, char **argv) {
  const operands o = operands_make();
  size_t count;
  const mn_kernel *kernels = mn_kernel_list(&count);
  for (size_t i = 0; i < count; i++) {
    const mn_slot slot = kernels[i].slot;
    if (slot >= MN_SLOT_resize_f32 && slot <= MN_SLOT_resize_i8) continue; /* of whole rows */
    if (argc > 1 && !strstr(kernels[i].name, argv[1])) continue;
    if ((kernels[i].needs & ~mn_cpu_detect()) != 0) continue;
    for (size_t j = 0; j < sizeof layers / sizeof layers[0]; j++) {
      if (layers[j].slot == layers_of(kernels[i].slot)) report(&kernels[i], &layers[j], &o);
    }
  }
  return 0;
}
