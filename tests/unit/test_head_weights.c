/* SPDX-License-Identifier: Apache-2.0
 * How layers of a segmenter's head begin: torchvision's as PyTorch's layers do, by the root of one
 * over three times the inputs, others by He; biases of zero, and a backbone as it was. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
/* after those three */
#include <cmocka.h>
#include <math.h>
#include <string.h>

#include "train/head.h"
#include "zoo_maker.h"

typedef double rule(double window, double in, double out);

static double by_inputs(double window, double in, double out) {
  (void)out;
  return sqrt(1 / (3 * window * in));
}
static double he_in(double window, double in, double out) {
  (void)out;
  return sqrt(2 / (window * in));
}
static double he_out(double window, double in, double out) {
  (void)in;
  return sqrt(2 / (window * out));
}

/* Weights normal about 0 with the rule's deviation, as nearly as so many tell; a bias of zeros. */
static void expect_layer(const mn_graph *graph, const mn_node *node, rule *deviation) {
  const mn_value *weights = &graph->values[node->in[1]];
  const float *w = weights->data;
  const int32_t *dim = weights->shape.dim;
  const size_t count = weights->bytes / sizeof *w;
  double sum = 0, squares = 0;
  for (size_t i = 0; i < count; i++) sum += (double)w[i], squares += (double)w[i] * (double)w[i];
  const double expected = deviation(dim[1] * dim[2], dim[3], dim[0]), n = (double)count;
  const double found = sqrt(squares / n), error = 4 * expected / sqrt(n);
  if (fabs(found - expected) > error || fabs(sum / n) > error) {
    fail_msg("%s: deviation %g, mean %g; expected %g", node->name, found, sum / n, expected);
  }
  if (node->in_count < 3) return;
  const float *bias = graph->values[node->in[2]].data;
  for (int32_t c = 0; c < dim[0]; c++) assert_float_equal(bias[c], 0, 0);
}

/* Layers whose names begin with `head` by one rule, all others by another; how many of the head. */
static int expect_network(const mn_graph *graph, const char *head, rule *of_head, rule *of_rest) {
  int met = 0;
  for (int32_t n = 0; n < graph->node_count; n++) {
    const mn_node *node = &graph->nodes[n];
    if (node->op != MN_OP_CONV2D) continue;
    const bool in_head = strncmp(node->name, head, strlen(head)) == 0;
    expect_layer(graph, node, in_head ? of_head : of_rest);
    met += in_head;
  }
  return met;
}

static void test_new_networks(void **state) {
  (void)state;
  static const struct {
    const char *name, *head;
    rule *of_head, *of_rest;
    int layers;
  } cases[] = {
      {"v3-small-0.35-64+lraspp@torchvision", "lraspp.", by_inputs, he_out, 4},
      {"v3-large-0.35-64+lraspp@torchvision", "lraspp.", by_inputs, he_out, 4},
      {"v3-small-0.35-64+deeplab@torchvision", "aspp.", by_inputs, he_out, 8},
      {"v3-small-0.35-64+lraspp", "lraspp.", he_in, he_in, 4},
      {"v2-0.35-64+deeplab", "aspp.", he_in, he_in, 4},
  };
  for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
    mn_graph graph;
    make_network(&graph, cases[i].name, 5);
    const int met = expect_network(&graph, cases[i].head, cases[i].of_head, cases[i].of_rest);
    assert_int_equal(met, cases[i].layers);
    mn_graph_free(&graph);
  }
}

/* What training from nothing makes of a new network: layers of scores begin by their inputs, and
 * nothing else is touched. */
static void test_scores(void **state) {
  (void)state;
  static const char *const names[] = {"v3-small-0.35-64+lraspp@torchvision",
                                      "v3-small-0.35-64+lraspp", "v2-0.35-64+deeplab"};
  static const int layers[] = {2, 2, 1};
  for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
    mn_graph model, out;
    mn_error err;
    int32_t first;
    int anew = 0;
    make_network(&model, names[i], 10);
    if (mn_head_rename(&out, &model, 10, 7, true, &first, &err) ||
        mn_head_begin(&out, MN_HEAD_BY_INPUTS, 7, &err)) {
      fail_msg("%s", err.text);
    }
    for (int32_t n = 0; n < out.node_count; n++) {
      const mn_node *node = &out.nodes[n];
      if (node->op != MN_OP_CONV2D) continue;
      if (out.values[node->in[1]].data == model.values[node->in[1]].data) continue;
      expect_layer(&out, node, by_inputs);
      anew++;
    }
    assert_int_equal(anew, layers[i]);
    mn_graph_free(&out);
    mn_graph_free(&model);
  }
}

int main(void) {
  const struct CMUnitTest tests[] = {cmocka_unit_test(test_new_networks),
                                     cmocka_unit_test(test_scores)};
  return cmocka_run_group_tests(tests, NULL, NULL);
}
