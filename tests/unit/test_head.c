/* SPDX-License-Identifier: Apache-2.0
 * A head for other classes: shapes, weights that depend on the seed only, what is refused. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
/* after those three */
#include <cmocka.h>
#include <math.h>
#include <string.h>

#include "train/head.h"
#include "zoo/zoo.h"

static void build(mn_graph *graph, const char *name, int32_t classes) {
  mn_arch arch;
  mn_error err;
  if (mn_arch_parse(&arch, name, classes, &err) ||
      mn_zoo_build(graph, &arch, MN_ZOO_RANDOM, 1, &err)) {
    fail_msg("%s: %s", err.where, err.text);
  }
}

static const mn_value *head_weights(const mn_graph *graph) {
  const mn_node *last = NULL;
  for (int32_t n = 0; n < graph->node_count; n++) {
    const mn_node *node = &graph->nodes[n];
    if (node->op == MN_OP_DENSE || node->op == MN_OP_CONV2D) last = node;
  }
  assert_non_null(last);
  return &graph->values[last->in[1]];
}

static void expect_classes(const mn_graph *graph, int32_t classes) {
  const mn_shape *out = &graph->values[graph->outputs[0]].shape;
  assert_int_equal(out->dim[out->rank - 1], classes);
  assert_int_equal(head_weights(graph)->shape.dim[0], classes);
}

static void test_other_classes(void **state) {
  (void)state;
  static const char *const names[] = {"v1-0.25-64", "v2-0.25-64@torchvision", "v3-small-0.35-64",
                                      "v4-small-0.5-64@timm"};
  for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
    mn_graph model, out;
    build(&model, names[i], 10);
    assert_int_equal(mn_head_replace(&out, &model, 3, 7, true, NULL), MN_OK);
    expect_classes(&out, 3);
    mn_graph_free(&out);
    assert_int_equal(mn_head_replace(&out, &model, 10, 7, true, NULL), MN_OK);
    expect_classes(&out, 10);
    assert_ptr_equal(head_weights(&out)->data, head_weights(&model)->data);
    mn_graph_free(&out);
    mn_graph_free(&model);
  }
}

static void test_seed(void **state) {
  (void)state;
  mn_graph model, out[3];
  build(&model, "v2-0.25-64", 10);
  const uint64_t seeds[3] = {1, 1, 2};
  for (int i = 0; i < 3; i++) {
    assert_int_equal(mn_head_replace(&out[i], &model, 10, seeds[i], false, NULL), MN_OK);
  }
  const mn_value *weights = head_weights(&out[0]);
  assert_memory_equal(weights->data, head_weights(&out[1])->data, weights->bytes);
  assert_memory_not_equal(weights->data, head_weights(&out[2])->data, weights->bytes);
  double square = 0;
  const size_t count = weights->bytes / sizeof(float);
  for (size_t i = 0; i < count; i++) square += pow((double)((const float *)weights->data)[i], 2);
  assert_float_equal(sqrt(square / (double)count), 0.01, 0.0003);
  for (int i = 0; i < 3; i++) mn_graph_free(&out[i]);
  mn_graph_free(&model);
}

static void test_no_classifier(void **state) {
  (void)state;
  mn_error err;
  mn_graph model, out;
  build(&model, "v3-small-1.0-64+lraspp", 10);
  assert_int_equal(mn_head_replace(&out, &model, 3, 1, false, &err), MN_ERR_UNSUPPORTED);
  assert_non_null(strstr(err.text, "resize_bilinear"));
  mn_graph_free(&model);
}

int main(void) {
  const struct CMUnitTest tests[] = {cmocka_unit_test(test_other_classes),
                                     cmocka_unit_test(test_seed),
                                     cmocka_unit_test(test_no_classifier)};
  return cmocka_run_group_tests(tests, NULL, NULL);
}
