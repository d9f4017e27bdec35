/* SPDX-License-Identifier: Apache-2.0
 * Chains of layers in strips give the bytes of the same layers one by one, over random blocks
 * (strides, dilation, pads, odd sizes, residuals, float, bf16 and both 8-bit types, batches), for
 * any number of threads and in whatever order slices are done; and the memory that they promise. */
#include "../golden/random_net.h"
#include "base/alloc.h"
#include "ops/strips.h"
#include "passes/passes.h"
#include "plan_run.h"
#include "zoo_maker.h"

enum { NETWORKS = 150, MOST_BYTES = 1 << 18 };

/* ---- Random blocks --------------------------------------------------------------------------- */

static void add_pointwise(random_net *r, int32_t channels) {
  mn_attr attr = {.conv = {make_window(1, 1, MN_PAD_SAME), pick_act(r), 0}};
  int32_t ic = value_now(r)->shape.dim[3];
  add_layer(r, MN_OP_CONV2D, (mn_shape){4, {channels, 1, 1, ic}}, channels, 0, ic, attr);
}

static void add_residual(random_net *r, mn_id block_input) {
  const mn_value *x = &r->g->values[block_input];
  if (x->type != r->type || !mn_shape_equal(&x->shape, &value_now(r)->shape)) return;
  mn_attr attr = {.eltwise = {pick_act(r)}};
  mn_id in[2] = {r->now, block_input};
  int32_t zero = pick_zero(r, r->type);
  float scale = pick_scale(r, scale_now(r) * 2);
  add_node(r, MN_OP_ADD, r->type, attr, 2, in, scale, zero);
}

/* A depthwise layer that keeps the size, any kernel and dilation. */
static void add_same_depthwise(random_net *r) {
  mn_attr attr = {.conv = {make_window(1 + 2 * pick(r, 0, 2), 1, MN_PAD_SAME), pick_act(r), 1}};
  mn_window *w = &attr.conv.window;
  w->dilation_h = pick(r, 1, 3);
  w->dilation_w = pick(r, 1, 3);
  int32_t channels = value_now(r)->shape.dim[3];
  add_layer(r, MN_OP_DWCONV2D, (mn_shape){3, {w->kernel_h, w->kernel_w, channels}}, channels, 2,
            w->kernel_h * w->kernel_w, attr);
}

static void add_block(random_net *r) {
  mn_id input = r->now;
  int32_t channels = value_now(r)->shape.dim[3];
  switch (pick(r, 0, 4)) {
    case 0: add_conv(r); break;
    case 1: add_unary(r); break;
    case 2:
      add_depthwise(r);
      add_pointwise(r, pick(r, 1, 40));
      break;
    default:
      add_pointwise(r, channels * pick(r, 1, 6) > 90 ? 90 : channels * pick(r, 1, 6));
      if (pick(r, 0, 1)) {
        add_same_depthwise(r);
        add_pointwise(r, channels);
      } else {
        add_depthwise(r);
        add_pointwise(r, pick(r, 1, 40));
      }
      add_residual(r, input);
      break;
  }
}

static void make_blocks(mn_graph *g, uint32_t seed) {
  random_net r = {
      .g = g, .state = seed, .type = (mn_type[]){MN_U8, MN_I8, MN_F32}[seed % 3], .magnitude = 1};
  mn_error err = {0};
  mn_graph_init(g);
  mn_shape shape = SHAPE(1, pick(&r, 1, 40), pick(&r, 1, 20), pick(&r, 1, 9));
  r.now = make_input(g, "input", r.type, shape);
  if (!is_float(&r)) quantize_random(&r, r.now);
  assert_true(mn_graph_set_inputs(g, &r.now, 1));
  for (int32_t blocks = pick(&r, 1, 6); blocks > 0; blocks--) add_block(&r);
  assert_true(mn_graph_set_outputs(g, &r.now, 1));
  if (mn_graph_verify(g, &err)) fail_msg("seed %u: %s", seed, err.text);
}

/* ---- Running --------------------------------------------------------------------------------- */

/* What plans of a test have in common. */
typedef struct common {
  int batch;
  mn_type precision;
} common;

static mn_plan *plan_of(const mn_graph *g, mn_plan_goal goal, int threads, common of) {
  const mn_plan_request request = {
      .goal = goal, .threads = threads, .batch = of.batch, .precision = of.precision};
  return plan_for(g, NULL, request);
}

static void fill(const mn_tensor_info *info, void *input) {
  random_net r = {.state = 99, .magnitude = 1};
  fill_random(&r, info->type, input, (int32_t)(info->bytes / mn_type_bytes(info->type)));
}

/* Every slice by itself, the last one first, with scratch that is no byte larger than promised: one
 * worker's, or each slice's where an end joins what they left there. */
static void run_step_backwards(const mn_session *session, const mn_step *step) {
  const size_t kept = step->impl->finish ? step->slices : 1;
  mn_run run = {session->team.arena, mn_alloc_aligned(kept * step->scratch_bytes + 1), 0};
  assert_non_null(run.scratch);
  for (size_t i = step->slices; i-- > 0;) step->impl->run(step, &run, i, i + 1);
  if (step->impl->finish) step->impl->finish(step, &run);
  mn_free(run.scratch);
}

static size_t run_slices_backwards(const mn_plan *plan, unsigned char *to) {
  mn_session *session = session_of(plan, NULL, fill);
  for (int32_t group = 0; group < plan->groups; group++) {
    mn_session_take_group(session, group);
    for (int32_t s = 0; s < plan->step_count; s++) run_step_backwards(session, &plan->steps[s]);
    mn_session_give_group(session, group);
  }
  return take_output(session, to, MOST_BYTES);
}

static int32_t chained(const mn_plan *plan) {
  int32_t layers = 0;
  for (int32_t s = 0; s < plan->step_count; s++) layers += plan->steps[s].part_count;
  return layers;
}

static unsigned char expected[MOST_BYTES], got[MOST_BYTES];

/* How many layers ran in chains. */
static int32_t expect_same(const mn_graph *g, common of) {
  mn_plan *single = plan_of(g, MN_PLAN_LAYERS, 1, of);
  size_t bytes = run_plan(single, 1, fill, expected, sizeof expected);
  int32_t layers = 0;
  for (int threads = 1; threads <= 3; threads++) {
    mn_plan *plan = plan_of(g, MN_PLAN_MEMORY, threads, of);
    layers += chained(plan);
    assert_int_equal(run_plan(plan, threads, fill, got, sizeof got), bytes);
    assert_memory_equal(got, expected, bytes);
    if (threads > 1) {
      assert_int_equal(run_slices_backwards(plan, got), bytes);
      assert_memory_equal(got, expected, bytes);
    } else {
      assert_true(plan->least_bytes <= single->least_bytes);
    }
    mn_plan_free(plan);
  }
  mn_plan_free(single);
  return layers;
}

/* Whether there is something to compute in bf16. */
static bool has_float_product(const mn_graph *g) {
  for (int32_t n = 0; n < g->node_count; n++) {
    const mn_node *node = &g->nodes[n];
    const bool product = node->op == MN_OP_CONV2D || node->op == MN_OP_DENSE;
    if (product && g->values[node->in[0]].type == MN_F32) return true;
  }
  return false;
}

static void strips_give_the_same_bytes(void **state) {
  (void)state;
  int32_t layers = 0;
  for (uint32_t seed = 1; seed <= NETWORKS; seed++) {
    mn_graph g;
    make_blocks(&g, seed);
    const int batch = 1 + (int)(seed / 3 % 2);
    layers += expect_same(&g, (common){batch, MN_F32});
    if (has_float_product(&g)) expect_same(&g, (common){batch, MN_BF16});
    mn_graph_free(&g);
  }
  for (uint32_t seed = 1; seed <= NETWORKS; seed++) { /* every operator, few of them in chains */
    mn_graph g;
    random_net_make(&g, seed);
    layers += expect_same(&g, (common){1, MN_F32});
    if (has_float_product(&g)) expect_same(&g, (common){1, MN_BF16});
    mn_graph_free(&g);
  }
  assert_true(layers > 3 * NETWORKS);
}

/* ---- Layouts --------------------------------------------------------------------------------- */

/* Every height of strips, not only those that are chosen. */
static void every_height_gives_the_same_bytes(void **state) {
  (void)state;
  for (uint32_t seed = 1; seed <= 60; seed++) {
    mn_graph g;
    make_blocks(&g, seed);
    mn_plan *plan = plan_of(&g, MN_PLAN_MEMORY, 2, (common){2, MN_F32});
    size_t bytes = run_plan(plan, 1, fill, expected, sizeof expected);
    for (int32_t s = 0; s < plan->step_count; s++) {
      mn_step *step = &plan->steps[s];
      for (size_t pixels = 1; step->part_count && pixels < 900; pixels = pixels * 2 + 5) {
        mn_strips_request request = {pixels, 2, false};
        mn_strips_lay_out(step->params, step->parts, step->part_count, &request);
        mn_strips_become(step, step->params);
        assert_int_equal(run_slices_backwards(plan, got), bytes);
        assert_memory_equal(got, expected, bytes);
      }
    }
    mn_plan_free(plan);
    mn_graph_free(&g);
  }
}

/* ---- Figures --------------------------------------------------------------------------------- */

/* A network of the zoo in 8 bits, every weight 0: memory does not depend on them. */
static void make_int8(mn_graph *g, const char *name) {
  mn_arch arch;
  mn_error err = {0};
  assert_int_equal(mn_arch_parse(&arch, name, 0, &err), MN_OK);
  assert_int_equal(mn_zoo_build(g, &arch, MN_ZOO_ZEROS, 0, &err), MN_OK);
  assert_int_equal(mn_passes_run(g, &err), MN_OK);
  for (mn_id id = 0; id < g->value_count; id++) {
    mn_value *value = &g->values[id];
    value->type = MN_I8;
    make_quant(g, id, 0.05f, 0);
    if (value->kind == MN_KIND_CONST) value->bytes /= sizeof(float);
  }
  for (int32_t n = 0; n < g->node_count; n++) {
    if (g->nodes[n].in_count < 3) continue;
    mn_value *bias = &g->values[g->nodes[n].in[2]];
    *bias = (mn_value){.name = bias->name,
                       .kind = MN_KIND_CONST,
                       .type = MN_I32,
                       .shape = bias->shape,
                       .data = bias->data,
                       .bytes = bias->bytes * 4};
  }
  if (mn_graph_verify(g, &err)) fail_msg("%s: %s", name, err.text);
}

/* Maps of these are large enough for chains in a plan for speed too. */
static void networks_for_speed_give_the_same_bytes(void **state) {
  (void)state;
  static const char *const names[] = {"v1-0.5-224", "v2-0.5-224"};
  for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
    mn_graph g;
    make_network(&g, names[i], 0);
    mn_plan *whole = plan_for(&g, NULL, (mn_plan_request){.keep_all = true});
    size_t bytes = run_plan(whole, 1, fill, expected, sizeof expected);
    assert_int_equal(chained(whole), 0);
    for (int threads = 1; threads <= 2; threads++) {
      mn_plan *plan = plan_of(&g, MN_PLAN_SPEED, threads, (common){1, MN_F32});
      assert_true(chained(plan) >= 3);
      assert_int_equal(run_plan(plan, 2, fill, got, sizeof got), bytes);
      assert_memory_equal(got, expected, bytes);
      mn_plan_free(plan);
    }
    mn_plan_free(whole);
    mn_graph_free(&g);
  }
}

static void networks_fit_their_memory(void **state) {
  (void)state;
  static const struct {
    const char *name;
    size_t layers, memory; /* KiB, one worker's scratch included */
  } nets[] = {{"v1-1.0-224", 1200, 500}, {"v2-1.0-224", 1480, 600}, {"v2-0.35-96", 200, 63}};
  for (size_t i = 0; i < sizeof nets / sizeof nets[0]; i++) {
    mn_graph g;
    make_int8(&g, nets[i].name);
    mn_plan *layers = plan_of(&g, MN_PLAN_LAYERS, 1, (common){1, MN_F32});
    mn_plan *memory = plan_of(&g, MN_PLAN_MEMORY, 1, (common){1, MN_F32});
    print_message("%s: %zu bytes, in strips %zu\n", nets[i].name, layers->arena_bytes,
                  memory->arena_bytes);
    assert_true(layers->arena_bytes <= nets[i].layers * 1024);
    assert_true(memory->arena_bytes <= nets[i].memory * 1024);
    mn_plan_free(layers);
    mn_plan_free(memory);
    mn_graph_free(&g);
  }
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(strips_give_the_same_bytes),
      cmocka_unit_test(every_height_gives_the_same_bytes),
      cmocka_unit_test(networks_for_speed_give_the_same_bytes),
      cmocka_unit_test(networks_fit_their_memory),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
