/* SPDX-License-Identifier: Apache-2.0
 * A gate that goes into the weights of the layer after it: the product of the two layers one by
 * one, which a plan that keeps every value has; where it may not, both stay. With every instruction
 * set. */
#include "base/alloc.h"
#include "base/cpu.h"
#include "graph_maker.h"
#include "passes/passes.h"
#include "plan/plan.h"
#include "run/session.h"

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

/* NULL: this CPU has no such instruction set. */
static mn_plan *plan_of(const mn_graph *g, const char *isa, int threads, bool keep_all) {
  mn_plan *plan;
  mn_error err;
  mn_plan_request request = {.threads = threads, .keep_all = keep_all, .precision = MN_F32};
  if (mn_cpu_level(isa, &request.features, &err)) return NULL;
  if (mn_plan_build(&plan, g, &request, &err)) fail_msg("%s", err.text);
  return plan;
}

static int32_t gated_steps(const mn_plan *plan) {
  int32_t count = 0;
  for (int32_t s = 0; s < plan->step_count; s++) {
    count += plan->steps[s].node->op == MN_OP_GATED_CONV2D;
  }
  return count;
}

/* Output 0; how many floats. */
static size_t run(const mn_plan *plan, int threads, float *to) {
  mn_session *session;
  mn_error err;
  mn_threads *pool = NULL;
  if (threads > 1) assert_int_equal(mn_threads_new(&pool, threads, &err), MN_OK);
  mn_session_options options = {.struct_size = sizeof options, .threads = pool};
  mn_tensor_info info;
  assert_int_equal(mn_session_new(&session, plan, &options, &err), MN_OK);
  mn_plan_value_info(plan, plan->graph.inputs[0], &info);
  float *input = mn_session_input(session, 0);
  for (size_t i = 0; i < info.bytes / sizeof *input; i++) {
    input[i] = (float)(20 * made_number("input", (int32_t)i));
  }
  assert_int_equal(mn_session_run(session, &err), MN_OK);
  mn_plan_value_info(plan, plan->graph.outputs[0], &info);
  assert_true(info.bytes <= MOST_ELEMENTS * sizeof *to);
  memcpy(to, mn_session_output(session, 0), info.bytes);
  mn_session_free(session);
  mn_threads_free(pool);
  return info.bytes / sizeof *to;
}

static float expected[MOST_ELEMENTS], first[MOST_ELEMENTS], got[MOST_ELEMENTS];

static void expect_same(const mn_graph *g, const block *of, const char *isa) {
  mn_plan *apart = plan_of(g, isa, 1, true);
  if (!apart) return;
  assert_int_equal(gated_steps(apart), 0);
  const size_t count = run(apart, 1, expected);
  mn_plan_free(apart);
  for (int threads = 1; threads <= MOST_THREADS; threads++) {
    mn_plan *plan = plan_of(g, isa, threads, false);
    assert_int_equal(gated_steps(plan), of->fuses);
    assert_int_equal(run(plan, threads, threads == 1 ? first : got), count);
    if (threads > 1) assert_memory_equal(first, got, count * sizeof *got);
    mn_plan_free(plan);
  }
  for (size_t i = 0; i < count; i++) {
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
