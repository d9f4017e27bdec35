/* SPDX-License-Identifier: Apache-2.0
 * What fusing a training graph leaves of it: steps, and memory. That the gradients stay the same is
 * shown by test_gradients, whose networks are fused. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
/* after those three */
#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/cpu.h"
#include "filled_network.h"
#include "train/fuse.h"
#include "train/train_ops.h"

typedef struct measured {
  int32_t norms, layers, fused_layers;
  size_t arena;
} measured;

static measured measure(const char *network, int32_t batch, bool fused) {
  mn_graph model;
  mn_training_graph training;
  mn_plan *plan;
  mn_error err;
  measured m = {0};
  build_network(&model, network, 10);
  const mn_autodiff_options options = {.batch = batch, .norm_momentum = 0.1f};
  check(mn_autodiff(&training, &model, &options, &err), &err);
  if (fused) check(mn_fuse(&training, &err), &err);
  for (int32_t n = 0; n < training.graph.node_count; n++) {
    const int32_t op = (int32_t)training.graph.nodes[n].op;
    m.norms += op == MN_TRAIN_NORM;
    m.layers += op == MN_OP_CONV2D || op == MN_OP_DWCONV2D;
    m.fused_layers += op == MN_TRAIN_FUSED_CONV || op == MN_TRAIN_FUSED_DW;
  }
  const mn_plan_request request = {.threads = 1,
                                   .features = mn_cpu_detect(),
                                   .goal = MN_PLAN_LAYERS,
                                   .impl_of = mn_train_impl_of};
  check(mn_plan_build(&plan, &training.graph, &request, &err), &err);
  m.arena = plan->arena_bytes;
  mn_plan_free(plan);
  mn_training_graph_free(&training);
  mn_graph_free(&model);
  return m;
}

/* V2's 52 layers with a batch norm: all but the first, and the last ones, whose maps are small. */
static void test_inverted_residuals(void **state) {
  (void)state;
  const measured plain = measure("v2-1.0-224", 16, false), fused = measure("v2-1.0-224", 16, true);
  printf("%d of %d layers, %d of %d norms left, %.1f of %.1f MB\n", fused.fused_layers,
         plain.layers, fused.norms, plain.norms, (double)fused.arena * 1e-6,
         (double)plain.arena * 1e-6);
  assert_int_equal(plain.norms, 52);
  assert_int_equal(plain.fused_layers, 0);
  assert_int_equal(fused.layers + fused.fused_layers, plain.layers);
  assert_true(fused.fused_layers >= 30);
  assert_true(fused.norms <= 30); /* after each block's last layer one stays */
  assert_true((double)fused.arena < 0.7 * (double)plain.arena);
}

/* A gate reads the map twice: it is made. */
static void test_gates(void **state) {
  (void)state;
  const measured plain = measure("v3-small-1.0-224", 16, false);
  const measured fused = measure("v3-small-1.0-224", 16, true);
  assert_true(fused.norms > 10 && fused.norms < plain.norms);
  assert_true(fused.fused_layers >= 10);
  assert_true(fused.arena < plain.arena);
}

int main(void) {
  const struct CMUnitTest tests[] = {cmocka_unit_test(test_inverted_residuals),
                                     cmocka_unit_test(test_gates)};
  return cmocka_run_group_tests(tests, NULL, NULL);
}
