/* SPDX-License-Identifier: Apache-2.0
 * A gate that goes into the weights of the layer after it: the product of the two layers one by
 * one, which a plan that keeps every value has; where it may not, both stay. With every instruction
 * set. */
#include "graph_maker.h"
#include "passes/passes.h"
#include "plan_run.h"

enum { CHANNELS = 70, MOST_THREADS = 3, MOST_ELEMENTS = 1 << 16 };

typedef struct block {
  int32_t batch, height, width, outputs;
  mn_act gate_act, act;
  bool gate_first, read_twice, no_bias;
  int32_t kernel;
  bool fuses;
} block;

static const block blocks[] = {
    {1, 14, 14, 40, MN_ACT_NONE, MN_ACT_NONE, false, false, false, 1, true},
    {3, 14, 14, 70, MN_ACT_NONE, MN_ACT_RELU6, false, false, false, 1, true},
    {2, 9, 15, 33, MN_ACT_NONE, MN_ACT_RELU, false, false, false, 1, true},
    {1, 9, 14, 33, MN_ACT_NONE, MN_ACT_NONE, false, false, false, 1, false},  /* few pixels */
    {1, 14, 14, 40, MN_ACT_RELU, MN_ACT_NONE, false, false, false, 1, false}, /* cannot wait */
    {1, 14, 14, 40, MN_ACT_NONE, MN_ACT_NONE, true, false, false, 1, false},
    {1, 14, 14, 40, MN_ACT_NONE, MN_ACT_NONE, false, true, false, 1, false},
    {1, 14, 14, 40, MN_ACT_NONE, MN_ACT_NONE, false, false, true, 1, false},
    {1, 14, 14, 8, MN_ACT_NONE, MN_ACT_NONE, false, false, false, 3, false},
};

/* A map of numbers, the mean of its channels through a sigmoid, their product, a convolution. */
static void make_block(mn_graph *g, const block *of) {
  const mn_attr none = {0}, mean = {.pool = {.global = true}}, gate = {.eltwise = {of->gate_act}};
  const mn_attr conv = {.conv = {make_window(of->kernel, 1, MN_PAD_SAME), of->act, 0}};
  mn_graph_init(g);
  mn_id x = make_input(g, "input", MN_F32, SHAPE(of->batch, of->height, of->width, CHANNELS));
  mn_id pool = make_node(g, MN_OP_AVG_POOL, "pool", MN_F32, mean, IDS(x));
  mn_id sigmoid = make_node(g, MN_OP_HARD_SIGMOID, "gate", MN_F32, none, IDS(pool));
  mn_id in[2] = {of->gate_first ? sigmoid : x, of->gate_first ? x : sigmoid};
  mn_id scaled = make_node(g, MN_OP_MUL, "scale", MN_F32, gate, 2, in);
  mn_id w = make_const(g, "weights", MN_F32, SHAPE(of->outputs, of->kernel, of->kernel, CHANNELS));
  mn_id b = of->no_bias ? MN_NONE : make_const(g, "bias", MN_F32, SHAPE(of->outputs));
  mn_id out[2] = {make_node(g, MN_OP_CONV2D, "conv", MN_F32, conv, IDS(scaled, w, b)), scaled};
  make_done(g, 1, &x, of->read_twice ? 2 : 1, out);
}

static int32_t gated_steps(const mn_plan *plan) {
  int32_t count = 0;
  for (int32_t s = 0; s < plan->step_count; s++) {
    count += plan->steps[s].node->op == MN_OP_GATED_CONV2D;
  }
  return count;
}

static void fill(const mn_tensor_info *info, void *to) {
  float *input = to;
  for (size_t i = 0; i < info->bytes / sizeof *input; i++) {
    input[i] = (float)(20 * made_number("input", (int32_t)i));
  }
}

static float expected[MOST_ELEMENTS], first[MOST_ELEMENTS], got[MOST_ELEMENTS];

static void expect_same(const mn_graph *g, const block *of, const char *isa) {
  mn_plan *apart = plan_for(g, isa, (mn_plan_request){.keep_all = true});
  if (!apart) return;
  assert_int_equal(gated_steps(apart), 0);
  const size_t bytes = run_plan(apart, 1, fill, expected, sizeof expected);
  mn_plan_free(apart);
  for (int threads = 1; threads <= MOST_THREADS; threads++) {
    mn_plan *plan = plan_for(g, isa, (mn_plan_request){.threads = threads});
    float *to = threads == 1 ? first : got;
    assert_int_equal(gated_steps(plan), of->fuses);
    assert_int_equal(run_plan(plan, threads, fill, to, sizeof got), bytes);
    if (threads > 1) assert_memory_equal(first, got, bytes);
    mn_plan_free(plan);
  }
  for (size_t i = 0; i < bytes / sizeof *first; i++) {
    const float apart_by = fabsf(first[i] - expected[i]);
    if (!(apart_by < 2e-5f)) fail_msg("%zu: %g, not %g", i, (double)first[i], (double)expected[i]);
  }
}

static void gates_go_into_weights(void **state) {
  (void)state;
  for (size_t i = 0; i < sizeof blocks / sizeof *blocks; i++) {
    mn_graph g;
    make_block(&g, &blocks[i]);
    for (int level = 0; mn_cpu_level_at(level); level++) {
      expect_same(&g, &blocks[i], mn_cpu_level_at(level));
    }
    mn_graph_free(&g);
  }
}

/* Files may hold what a plan makes: it is verified as anything else. */
static void other_gates_are_refused(void **state) {
  (void)state;
  mn_graph g;
  mn_error err;
  make_block(&g, &blocks[0]);
  assert_int_equal(mn_pass_fuse_gate(&g, &err), MN_OK);
  assert_int_equal(mn_graph_verify(&g, &err), MN_OK);
  mn_node *node = &g.nodes[g.node_count - 1];
  assert_int_equal(node->op, MN_OP_GATED_CONV2D);
  node->attr.conv.window.stride_w = 2;
  assert_int_not_equal(mn_graph_verify(&g, &err), MN_OK);
  node->attr.conv.window.stride_w = 1;
  mn_value *gate = &g.values[node->in[3]];
  gate->shape.dim[3]--;
  assert_int_not_equal(mn_graph_verify(&g, &err), MN_OK);
  gate->shape.dim[3]++;
  gate->type = MN_I8;
  assert_int_not_equal(mn_graph_verify(&g, &err), MN_OK);
  mn_graph_free(&g);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(gates_go_into_weights),
      cmocka_unit_test(other_gates_are_refused),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
