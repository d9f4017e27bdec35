/* SPDX-License-Identifier: Apache-2.0
 * 8-bit convolutions by rows, several of them in one product, against the sums of their definition:
 * pads wider than the map, rows of padding only, dilated in height, batches, outputs that are a
 * part of a concat; with every instruction set, number of threads and goal the same bytes. */
#include "graph_maker.h"
#include "ops/conv2d.h"
#include "plan_run.h"

enum { MOST_BYTES = 1 << 16, MOST_THREADS = 3, ZERO_OUT = 5 };

static const float SCALE = 0.02f, WEIGHT_SCALE = 0.01f, OUT_SCALE = 0.16f;

typedef struct layer {
  mn_type type;
  int32_t batch, height, width, channels, outputs, kernel_h, kernel_w, stride_h, stride_w, dilation;
  int32_t top, bottom, left, right;
} layer;

static const layer layers[] = {
    {MN_I8, 1, 17, 19, 3, 8, 3, 3, 2, 2, 1, 0, 1, 0, 1},  /* a stem */
    {MN_U8, 2, 13, 32, 3, 16, 3, 3, 2, 2, 1, 1, 1, 1, 1}, /* several rows, two images */
    {MN_I8, 3, 7, 9, 1, 5, 3, 5, 1, 1, 1, 1, 1, 2, 2},    /* runs of 5 bytes */
    {MN_U8, 1, 4, 3, 2, 4, 3, 8, 1, 1, 1, 1, 1, 5, 6},    /* a kernel wider than the map */
    {MN_I8, 1, 5, 2, 4, 70, 2, 4, 1, 3, 1, 4, 3, 11, 9},  /* rows and windows of padding only */
    {MN_U8, 2, 11, 12, 5, 9, 3, 3, 1, 2, 3, 2, 3, 1, 0},  /* dilated in height */
    {MN_I8, 1, 30, 40, 1, 3, 7, 1, 3, 1, 1, 3, 3, 0, 0},  /* runs of one byte */
    {MN_U8, 1, 6, 60, 2, 33, 5, 8, 2, 7, 1, 2, 2, 3, 3},  /* runs of 16 bytes, far apart */
    {MN_I8, 1, 1, 1, 3, 2, 1, 2, 1, 1, 1, 0, 0, 1, 0},    /* one pixel */
};

static int32_t zero_of(const layer *of) { return of->type == MN_I8 ? -7 : 121; }

static mn_id convolution(mn_graph *g, const layer *of, mn_id x, const char *name) {
  char text[2][16];
  mn_attr attr = {.conv = {make_window(1, 1, MN_PAD_EXPLICIT), MN_ACT_NONE, 0}};
  mn_window *w = &attr.conv.window;
  w->kernel_h = of->kernel_h, w->kernel_w = of->kernel_w;
  w->stride_h = of->stride_h, w->stride_w = of->stride_w, w->dilation_h = of->dilation;
  w->pad_top = of->top, w->pad_bottom = of->bottom, w->pad_left = of->left;
  w->pad_right = of->right;
  snprintf(text[0], sizeof text[0], "%s.w", name);
  snprintf(text[1], sizeof text[1], "%s.b", name);
  mn_id weights = make_const(g, text[0], of->type,
                             SHAPE(of->outputs, of->kernel_h, of->kernel_w, of->channels));
  make_quant(g, weights, WEIGHT_SCALE, of->type == MN_I8 ? 0 : 119);
  mn_id bias = make_const(g, text[1], MN_I32, SHAPE(of->outputs));
  make_quant(g, bias, SCALE * WEIGHT_SCALE, 0);
  mn_id y = make_node(g, MN_OP_CONV2D, name, of->type, attr, IDS(x, weights, bias));
  make_quant(g, y, OUT_SCALE, ZERO_OUT);
  return y;
}

/* Two of the layer side by side. */
static void make_layers(mn_graph *g, const layer *of) {
  const mn_attr side = {.concat = {3, MN_ACT_NONE}};
  mn_graph_init(g);
  mn_id x = make_input(g, "x", of->type, SHAPE(of->batch, of->height, of->width, of->channels));
  make_quant(g, x, SCALE, zero_of(of));
  mn_id a = convolution(g, of, x, "a"), b = convolution(g, of, x, "b");
  mn_id y = make_node(g, MN_OP_CONCAT, "y", of->type, side, IDS(a, b));
  make_quant(g, y, OUT_SCALE, ZERO_OUT);
  make_done(g, 1, &x, 1, &y);
}

static int32_t code(const layer *of, const void *data, int32_t i) {
  return of->type == MN_I8 ? ((const int8_t *)data)[i] : ((const uint8_t *)data)[i];
}
static uint8_t input_byte(size_t i) {
  return (uint8_t)(256 * (made_number("x", (int32_t)i) + 0.5));
}

/* The real sum of channel c of a layer at a pixel of an image. */
static double sum_at(const mn_graph *g, const layer *of, const uint8_t *x, const mn_node *node,
                     const int32_t at[4]) {
  const int32_t zero = of->type == MN_I8 ? 0 : 119;
  const void *w = g->values[node->in[1]].data;
  int32_t sum = ((const int32_t *)g->values[node->in[2]].data)[at[3]];
  for (int32_t i = 0; i < of->kernel_h; i++) {
    for (int32_t j = 0; j < of->kernel_w; j++) {
      const int32_t row = at[1] * of->stride_h - of->top + i * of->dilation;
      const int32_t column = at[2] * of->stride_w - of->left + j;
      if (row < 0 || row >= of->height || column < 0 || column >= of->width) continue;
      const int32_t pixel = (at[0] * of->height + row) * of->width + column;
      const int32_t tap = (at[3] * of->kernel_h + i) * of->kernel_w + j;
      for (int32_t c = 0; c < of->channels; c++) {
        sum += (code(of, x, pixel * of->channels + c) - zero_of(of)) *
               (code(of, w, tap * of->channels + c) - zero);
      }
    }
  }
  return sum * ((double)SCALE * (double)WEIGHT_SCALE / (double)OUT_SCALE);
}

/* Within rounding of the definition. */
static void expect_sums(const mn_graph *g, const layer *of, const uint8_t *got) {
  static uint8_t x[MOST_BYTES];
  const mn_shape *out = &g->values[g->outputs[0]].shape;
  const double least = of->type == MN_I8 ? -128 : 0;
  for (size_t i = 0; i < MOST_BYTES; i++) x[i] = input_byte(i);
  int32_t at[4], i = 0, inside = 0;
  for (at[0] = 0; at[0] < out->dim[0]; at[0]++) {
    for (at[1] = 0; at[1] < out->dim[1]; at[1]++) {
      for (at[2] = 0; at[2] < out->dim[2]; at[2]++) {
        for (int32_t c = 0; c < out->dim[3]; c++, i++) {
          at[3] = c % of->outputs;
          double expected = ZERO_OUT + sum_at(g, of, x, &g->nodes[c / of->outputs], at);
          inside += expected > least && expected < least + 255;
          expected = fmin(fmax(expected, least), least + 255);
          if (fabs(code(of, got, i) - expected) < 0.51) continue;
          fail_msg("%d %d %d %d: %d, not %g", at[0], at[1], at[2], c, code(of, got, i), expected);
        }
      }
    }
  }
  assert_true(inside * 3 > i); /* most are no clamped code */
}

static void fill(const mn_tensor_info *info, void *to) {
  uint8_t *input = to;
  for (size_t i = 0; i < info->bytes; i++) input[i] = input_byte(i);
}

static uint8_t first[MOST_BYTES], got[MOST_BYTES];

/* With every plan of a level; how many rows it takes together. */
static int32_t expect_same(const mn_graph *g, const char *isa, size_t bytes) {
  static const mn_plan_goal goals[] = {MN_PLAN_LAYERS, MN_PLAN_SPEED, MN_PLAN_MEMORY};
  int32_t together = 0;
  for (int i = 0; i < 3; i++) {
    for (int threads = 1; threads <= MOST_THREADS; threads++) {
      const mn_plan_request request = {.goal = goals[i], .threads = threads};
      mn_plan *plan = plan_for(g, isa, request);
      if (!plan) return together;
      if (goals[i] == MN_PLAN_LAYERS) {
        const mn_conv *conv = plan->steps[0].params;
        assert_true(conv->by_rows);
        together = conv->rows_together;
      }
      assert_int_equal(run_plan(plan, threads, fill, got, sizeof got), bytes);
      assert_memory_equal(got, first, bytes);
      mn_plan_free(plan);
    }
  }
  return together;
}

static void rows_of_codes(void **state) {
  (void)state;
  for (size_t i = 0; i < sizeof layers / sizeof *layers; i++) {
    mn_graph g;
    make_layers(&g, &layers[i]);
    mn_plan *plan = plan_for(&g, "scalar", (mn_plan_request){.goal = MN_PLAN_MEMORY});
    const size_t bytes = run_plan(plan, 1, fill, first, sizeof first);
    mn_plan_free(plan);
    expect_sums(&g, &layers[i], first);
    for (int level = 0; mn_cpu_level_at(level); level++) {
      const int32_t together = expect_same(&g, mn_cpu_level_at(level), bytes);
      assert_true(together == 0 || together > 1);
    }
    mn_graph_free(&g);
  }
}

int main(void) {
  const struct CMUnitTest tests[] = {cmocka_unit_test(rows_of_codes)};
  return cmocka_run_group_tests(tests, NULL, NULL);
}
