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
#include "zoo_maker.h"

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
    make_network(&model, names[i], 10);
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
  make_network(&model, "v2-0.25-64", 10);
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
  make_network(&model, "v3-small-1.0-64+lraspp", 10);
  assert_int_equal(mn_head_replace(&out, &model, 3, 1, false, &err), MN_ERR_UNSUPPORTED);
  assert_non_null(strstr(err.text, "resize_bilinear"));
  mn_graph_free(&model);
}

/* ---- Heads of other tasks -------------------------------------------------------------------- */

static const mn_node *node_called(const mn_graph *graph, const char *name) {
  for (int32_t n = 0; n < graph->node_count; n++) {
    if (strcmp(graph->nodes[n].name, name) == 0) return &graph->nodes[n];
  }
  fail_msg("no node %s", name);
  return NULL;
}

/* A head on a classifier stands on the same maps as in the zoo's own network of that head. */
static void expect_grafted(const char *classifier, const char *whole, const char *layer) {
  mn_graph model, out, other;
  mn_arch arch;
  mn_error err;
  int32_t first;
  make_network(&model, classifier, 10);
  make_network(&other, whole, 5);
  assert_int_equal(mn_arch_parse(&arch, whole, 5, &err), MN_OK);
  if (mn_head_graft(&out, &model, &arch, 7, &first, &err)) fail_msg("%s", err.text);
  const mn_node *mine = node_called(&out, layer), *theirs = node_called(&other, layer);
  char text[2][64];
  if (strcmp(mn_shape_text(&out.values[mine->in[0]].shape, text[0], 64),
             mn_shape_text(&other.values[theirs->in[0]].shape, text[1], 64)) != 0) {
    fail_msg("%s: on %s, expected %s", whole, text[0], text[1]);
  }
  assert_int_equal(out.output_count, other.output_count);
  for (int32_t i = 0; i < out.output_count; i++) {
    assert_true(
        mn_shape_equal(&out.values[out.outputs[i]].shape, &other.values[other.outputs[i]].shape));
  }
  assert_true(first > 1 && first <= out.node_count);
  assert_ptr_equal(out.values[out.nodes[0].in[1]].data, model.values[model.nodes[0].in[1]].data);
  for (int32_t n = 0; n + 1 < first; n++) { /* what was learned stays */
    assert_non_null(node_called(&model, out.nodes[n].name));
  }
  mn_graph_free(&out);
  mn_graph_free(&other);
  mn_graph_free(&model);
}

static void test_grafts(void **state) {
  (void)state;
  expect_grafted("v1-0.25-128", "v1-0.25-128+ssdlite", "map1.box.depthwise");
  expect_grafted("v1-0.25-96x160", "v1-0.25-96x160+ssd", "map2.class");
  expect_grafted("v2-0.35-128", "v2-0.35-128+ssdlite", "map1.class.depthwise");
  expect_grafted("v3-small-0.35-128", "v3-small-0.35-128+lraspp", "lraspp.low");
  expect_grafted("v3-small-0.35-128@torchvision", "v3-small-0.35-128+lraspp@torchvision",
                 "lraspp.project");
  expect_grafted("v3-large-0.35-128", "v3-large-0.35-128+lraspp-os8", "lraspp.low");
  expect_grafted("v1-0.25-128", "v1-0.25-128+deeplab", "aspp.point");
}

static void test_no_place(void **state) {
  (void)state;
  mn_graph model, out;
  mn_arch arch;
  mn_error err;
  int32_t first;
  make_network(&model, "v1-0.25-32", 10);
  assert_int_equal(mn_arch_parse(&arch, "v1-0.25-32+ssd", 5, &err), MN_OK);
  assert_int_equal(mn_head_graft(&out, &model, &arch, 7, &first, &err), MN_ERR_UNSUPPORTED);
  mn_graph_free(&model);
  make_network(&model, "v1-0.25-64+ssd", 10);
  assert_int_equal(mn_head_graft(&out, &model, &arch, 7, &first, &err), MN_ERR_UNSUPPORTED);
  assert_non_null(strstr(err.text, "no average over maps"));
  mn_graph_free(&model);
}

/* Other classes on a detector and on segmenters: the number alone changes, or nothing at all. */
static void test_renamed(void **state) {
  (void)state;
  static const char *const names[] = {"v1-0.25-64+ssdlite", "v2-0.35-64+ssd@torchvision",
                                      "v3-small-0.35-64+lraspp", "v2-0.35-64+deeplab"};
  for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
    mn_graph model, out, expected;
    mn_error err;
    int32_t first;
    make_network(&model, names[i], 10);
    make_network(&expected, names[i], 3);
    if (mn_head_rename(&out, &model, 3, 7, true, &first, &err)) fail_msg("%s", err.text);
    assert_int_equal(out.value_count, expected.value_count);
    for (int32_t v = 0; v < out.value_count; v++) {
      assert_true(mn_shape_equal(&out.values[v].shape, &expected.values[v].shape));
    }
    assert_true(first <= out.node_count);
    mn_graph_free(&out);
    if (mn_head_rename(&out, &model, 10, 7, true, &first, &err)) fail_msg("%s", err.text);
    assert_int_equal(first, out.node_count + 1);
    for (int32_t v = 0; v < out.value_count; v++) {
      assert_ptr_equal(out.values[v].data, model.values[v].data);
    }
    mn_graph_free(&out);
    mn_graph_free(&model);
    mn_graph_free(&expected);
  }
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(test_grafts),  cmocka_unit_test(test_no_place),
      cmocka_unit_test(test_renamed), cmocka_unit_test(test_other_classes),
      cmocka_unit_test(test_seed),    cmocka_unit_test(test_no_classifier)};
  return cmocka_run_group_tests(tests, NULL, NULL);
}
