/* SPDX-License-Identifier: Apache-2.0
 * No silent fallback: every layer of every network of the zoo, in float, in bf16 and in 8 bits,
 * gets a kernel made for this machine at every level of instructions that it has. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdio.h>
#include <string.h>

#include "graph_maker.h"
#include "passes/passes.h"
#include "plan/plan.h"
#include "zoo/zoo.h"

static const char *const names[] = {"v1-1.0-224",
                                    "v1-0.25-128",
                                    "v2-1.0-224",
                                    "v2-0.35-96",
                                    "v3-large-1.0-224",
                                    "v3-small-1.0-224",
                                    "v3-large-min-1.0-224",
                                    "v3-small-min-1.0-224",
                                    "v4-small-1.0-224",
                                    "v4-medium-1.0-224",
                                    "v4-large-1.0-256",
                                    "v1-1.0-300+ssd",
                                    "v2-1.0-300+ssdlite",
                                    "v2-1.0-257+deeplab",
                                    "v2-1.0-257+deeplab-aspp",
                                    "v3-large-1.0-320+ssdlite@torchvision",
                                    "v3-small-1.0-320x256+lraspp@torchvision",
                                    "v3-large-1.0-320+deeplab@torchvision",
                                    "v2-1.0-224@timm",
                                    "v2-0.35-144@mcunet"};

static const float scale = 0.05f, bias_scale = 0.05f * 0.05f;
static const int32_t zero = 0;
static const mn_quant codes = {1, 0, &scale, &zero}, sums = {1, 0, &bias_scale, &zero};

static bool has_weights(mn_op op) {
  return op == MN_OP_CONV2D || op == MN_OP_DWCONV2D || op == MN_OP_DENSE;
}

/* The same network in 8 bits; its weights are zeros, whatever their type. */
static void make_codes(mn_graph *graph) {
  for (int32_t i = 0; i < graph->value_count; i++) {
    mn_value *value = &graph->values[i];
    if (value->type != MN_F32) continue;
    value->type = MN_I8;
    value->quant = codes;
    value->bytes /= sizeof(float);
  }
  for (int32_t i = 0; i < graph->node_count; i++) {
    mn_node *node = &graph->nodes[i];
    if (node->op == MN_OP_HARD_SIGMOID) { /* 8-bit files have it in pieces */
      node->op = MN_OP_RELU;
      node->attr.eltwise.act = MN_ACT_RELU6;
    }
    if (!has_weights(node->op) || node->in_count < 3 || node->in[2] == MN_NONE) continue;
    mn_value *bias = &graph->values[node->in[2]];
    if (bias->type == MN_I32) continue;
    bias->type = MN_I32;
    bias->quant = sums;
    bias->bytes *= sizeof(int32_t);
  }
}

static void make_network(mn_graph *graph, const char *name, bool coded) {
  mn_arch arch;
  mn_error err = {0};
  mn_status status = mn_arch_parse(&arch, name, 0, &err);
  if (!status) status = mn_zoo_build(graph, &arch, MN_ZOO_ZEROS, 1, &err);
  if (!status && coded) {
    status = mn_passes_run(graph, &err);
    if (!status) make_codes(graph);
    if (!status) status = mn_graph_verify(graph, &err);
  }
  if (status) fail_msg("%s: %s", name, err.text);
}

/* Layers with a reference kernel, the first of them said. A step is a layer, or several that run in
 * strips. */
static int fallbacks(const char *name, mn_type type, const mn_plan *plan, int *layers) {
  int found = 0;
  for (int32_t i = 0; i < plan->step_count; i++) {
    int32_t count;
    const mn_step *parts = mn_plan_parts(&plan->steps[i], &count);
    for (int32_t j = 0; j < count; j++) {
      if (!strstr(parts[j].kernel_name, "ref")) continue;
      if (found++ > 0) continue;
      fprintf(stderr, "%s in %s, %s: %s gets %s\n", name, mn_type_name(type),
              mn_cpu_level_name(plan->features), parts[j].node->name, parts[j].kernel_name);
    }
    *layers += count;
  }
  return found;
}

/* What published files add to a network: probabilities, and the class of each pixel. */
static void make_answers(mn_graph *graph, mn_type type) {
  static const float scales[2] = {0.1f, 1.0f / 256};
  static const int32_t zeros[2] = {0, -128};
  mn_error err;
  mn_graph_init(graph);
  const mn_id x = make_input(graph, "x", type, SHAPE(1, 9, 9, 21));
  const mn_attr beta = {.softmax = {1}}, last = {.arg_max = {3, MN_I32}};
  const mn_id y = make_node(graph, MN_OP_SOFTMAX, "softmax", type, beta, IDS(x));
  const mn_id best = make_node(graph, MN_OP_ARG_MAX, "arg_max", MN_I32, last, IDS(y));
  for (int i = 0; i < 2 && type == MN_I8; i++) {
    graph->values[i ? y : x].quant = (mn_quant){1, 0, &scales[i], &zeros[i]};
  }
  graph->values[y].shape = graph->values[x].shape;
  graph->values[best].shape = (mn_shape){3, {1, 9, 9}};
  assert_true(mn_graph_set_inputs(graph, &x, 1) && mn_graph_set_outputs(graph, &best, 1));
  if (mn_graph_verify(graph, &err)) fail_msg("%s", err.text);
}

static int check_answers(mn_type type, const char *level) {
  mn_graph graph;
  mn_plan *plan;
  mn_error err = {0};
  mn_plan_request request = {.threads = 1, .precision = MN_F32};
  if (mn_cpu_level(level, &request.features, NULL)) return 0;
  make_answers(&graph, type);
  if (mn_plan_build(&plan, &graph, &request, &err)) fail_msg("%s", err.text);
  int layers = 0;
  const int found = fallbacks("answers", type, plan, &layers);
  assert_int_equal(layers, 2);
  mn_plan_free(plan);
  mn_graph_free(&graph);
  return found;
}

static int check_network(const char *name, mn_type type, const char *level) {
  mn_graph graph;
  mn_plan *plan;
  mn_error err = {0};
  mn_plan_request request = {.threads = 1, .precision = type == MN_BF16 ? MN_BF16 : MN_F32};
  if (mn_cpu_level(level, &request.features, NULL)) return 0; /* this CPU lacks it */
  make_network(&graph, name, type == MN_I8);
  if (mn_plan_build(&plan, &graph, &request, &err)) fail_msg("%s: %s", name, err.text);
  int layers = 0;
  const int found = fallbacks(name, type, plan, &layers);
  assert_true(layers > 25);
  mn_plan_free(plan);
  mn_graph_free(&graph);
  return found;
}

static void no_layer_falls_back(void **state) {
  (void)state;
  const char *level;
  int found = 0, levels = 0;
  for (int i = 0; (level = mn_cpu_level_at(i)) != NULL; i++) {
    mn_cpu_features features;
    if (mn_cpu_level(level, &features, NULL) || features == 0) continue;
    for (size_t n = 0; n < sizeof names / sizeof names[0]; n++) {
      found += check_network(names[n], MN_F32, level) + check_network(names[n], MN_BF16, level) +
               check_network(names[n], MN_I8, level);
    }
    /* ARM has none for answers. */
    if (features & MN_AVX2) found += check_answers(MN_F32, level) + check_answers(MN_I8, level);
    levels++;
  }
  if (levels == 0) skip(); /* a build or a machine without SIMD */
  assert_int_equal(found, 0);
}

/* That a fallback would be seen. */
static void scalar_is_reference(void **state) {
  (void)state;
  assert_true(check_network("v2-0.35-96", MN_F32, "scalar") > 50);
  assert_true(check_network("v2-0.35-96", MN_I8, "scalar") > 50);
  assert_int_equal(check_answers(MN_F32, "scalar"), 2);
  assert_int_equal(check_answers(MN_I8, "scalar"), 2);
}

int main(void) {
  const struct CMUnitTest tests[] = {cmocka_unit_test(no_layer_falls_back),
                                     cmocka_unit_test(scalar_is_reference)};
  return cmocka_run_group_tests(tests, NULL, NULL);
}
