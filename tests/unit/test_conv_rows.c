/* SPDX-License-Identifier: Apache-2.0
 * Float convolutions by rows, in place where rows are long, equal a plain evaluation in double:
 * windows over every edge, over none, over padding only; layer by layer and in strips. */
#include "base/alloc.h"
#include "graph_eval.h"
#include "ops/conv2d.h"
#include "plan_run.h"

enum { OUTPUTS = 8, MOST_ELEMENTS = 1 << 16 };

typedef enum in_place { SOME, NONE, AS_TILES_ARE } in_place;

typedef struct layer {
  int32_t height, width, channels, kernel, stride;
  int32_t top, bottom, left, right;
  in_place windows; /* that are multiplied where they lie */
} layer;

static const layer layers[] = {
    {9, 112, 16, 3, 2, 1, 1, 1, 1, SOME},        /* V4's, as PyTorch pads */
    {8, 112, 16, 3, 2, 0, 1, 0, 1, SOME},        /* as TensorFlow does */
    {9, 112, 16, 3, 1, 1, 1, 1, 1, SOME},        /* both edges at stride 1 */
    {9, 100, 16, 3, 1, 0, 0, 0, 0, SOME},        /* no edge */
    {11, 120, 24, 5, 3, 2, 2, 4, 3, SOME},       /* pads of more than a stride */
    {7, 112, 16, 3, 2, 3, 4, 1, 1, SOME},        /* rows of padding only */
    {5, 60, 32, 3, 1, 1, 1, 40, 1, SOME},        /* windows of padding only */
    {6, 55, 20, 3, 2, 1, 1, 1, 1, AS_TILES_ARE}, /* hardly enough for tiles at both edges */
    {6, 4, 32, 7, 1, 3, 3, 18, 18, NONE},        /* every window looks over an edge */
    {9, 112, 3, 3, 2, 1, 1, 1, 1, NONE},         /* short rows: a stem */
};

/* A pointwise layer, whose map is a ring in strips, and the one of interest. */
static void make_pair(mn_graph *g, const layer *of) {
  const int32_t c = of->channels, k = of->kernel;
  mn_graph_init(g);
  mn_id x = make_input(g, "input", MN_F32, SHAPE(1, of->height, of->width, 4));
  mn_attr first = {.conv = {make_window(1, 1, MN_PAD_SAME), MN_ACT_RELU6, 0}};
  mn_id widen = make_const(g, "widen", MN_F32, SHAPE(c, 1, 1, 4));
  mn_id map = make_node(g, MN_OP_CONV2D, "first", MN_F32, first, IDS(x, widen));
  mn_attr attr = {.conv = {make_window(k, of->stride, MN_PAD_EXPLICIT), MN_ACT_NONE, 0}};
  mn_window *w = &attr.conv.window;
  w->pad_top = of->top, w->pad_bottom = of->bottom, w->pad_left = of->left;
  w->pad_right = of->right;
  mn_id weights = make_const(g, "weights", MN_F32, SHAPE(OUTPUTS, k, k, c));
  mn_id bias = make_const(g, "bias", MN_F32, SHAPE(OUTPUTS));
  mn_id y = make_node(g, MN_OP_CONV2D, "second", MN_F32, attr, IDS(map, weights, bias));
  make_done(g, 1, &x, 1, &y);
}

static void fill(const mn_tensor_info *info, void *to) {
  float *input = to;
  for (size_t i = 0; i < info->bytes / sizeof *input; i++) {
    input[i] = (float)(10 * made_number("input", (int32_t)i));
  }
}

static void expect_equal(const mn_plan *plan, const double *expected, int32_t count) {
  static float got[MOST_ELEMENTS];
  assert_int_equal(run_plan(plan, 1, fill, got, sizeof got), (size_t)count * sizeof *got);
  for (int32_t i = 0; i < count; i++) {
    const double apart = fabs((double)got[i] - expected[i]);
    if (!(apart < 1e-4)) fail_msg("%d: %g, not %g", i, (double)got[i], expected[i]);
  }
}

static void windows_at_edges_and_inside(void **state) {
  (void)state;
  int chains = 0;
  for (size_t i = 0; i < sizeof layers / sizeof *layers; i++) {
    mn_graph g;
    mn_arena arena = {0};
    int32_t count;
    make_pair(&g, &layers[i]);
    const double *expected = evaluate(&g, &arena, &count);
    mn_plan *plan = plan_for(&g, NULL, (mn_plan_request){.goal = MN_PLAN_LAYERS});
    mn_plan *strips = plan_for(&g, NULL, (mn_plan_request){.goal = MN_PLAN_MEMORY});
    assert_int_equal(plan->step_count, 2);
    const mn_conv *conv = plan->steps[1].params;
    assert_true(conv->by_rows);
    const in_place windows = conv->inside.first < conv->inside.end ? SOME : NONE;
    if (layers[i].windows != AS_TILES_ARE) assert_int_equal(windows, layers[i].windows);
    expect_equal(plan, expected, count);
    chains += strips->step_count == 1;
    expect_equal(strips, expected, count);
    mn_plan_free(plan);
    mn_plan_free(strips);
    mn_arena_free(&arena);
    mn_graph_free(&g);
  }
  assert_true(chains >= 4);
}

int main(void) {
  const struct CMUnitTest tests[] = {cmocka_unit_test(windows_at_edges_and_inside)};
  return cmocka_run_group_tests(tests, NULL, NULL);
}
