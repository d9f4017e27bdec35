/* SPDX-License-Identifier: Apache-2.0
 * From float networks to int8 ones: what LiteRT's reference kernels make of the file that we write
 * of them (tests/oracle/int8_graph.py, which calls this program as `test_int8_graph write NETWORK
 * FILE`), how far the rounded floats of training are from them, and what has no int8 form. */
#define _POSIX_C_SOURCE 200809L
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
/* after those three */
#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>

#include "../grad/filled_network.h"
#include "base/alloc.h"
#include "base/file.h"
#include "format/format.h"
#include "train/code_compare.h"
#include "train/coded_run.h"
#include "train/deploy.h"
#include "train/int8_graph.h"

#define GOLDEN MN_TEST_DIR "/golden/int8_graph.txt"
enum { CLASSES = 10, MOST_SIDE = 64, MOST_PIXELS = MOST_SIDE * MOST_SIDE * 3, SHOWN = 10 };

typedef struct network {
  mn_graph prepared, int8;
  int32_t side; /* of the picture */
  size_t pixels;
  mn_arena arena;
  mn_code_points codes;
  mn_code_range ranges[512];
} network;

/* Every constant by formula, so that this is the same network everywhere. */
static void fill_constants(mn_graph *graph) {
  for (int32_t n = 0; n < graph->node_count; n++) {
    const mn_node *node = &graph->nodes[n];
    const bool norm = node->op == MN_OP_BATCH_NORM;
    for (int32_t i = 1; i < node->in_count; i++) {
      mn_value *value = &graph->values[node->in[i]];
      if (value->kind != MN_KIND_CONST) continue;
      const size_t count = elements_of(&value->shape);
      const bool depthwise = node->op == MN_OP_DWCONV2D;
      const size_t channels = (size_t)value->shape.dim[depthwise ? value->shape.rank - 1 : 0];
      const double scale = value->shape.rank == 1 ? 0.3 : sqrt(6 / (double)(count / channels));
      float *data = mn_arena_array(&graph->arena, count, sizeof *data);
      for (size_t k = 0; k < count; k++) {
        const double x = (double)number((uint64_t)node->in[i], k);
        data[k] = (float)(x * scale + (norm && i == 1));
        if (norm && i == 4) data[k] = (float)(1 + 0.5 * fabs(x)); /* the variance */
      }
      value->data = data;
    }
  }
}

static void set_contract(mn_graph *graph) {
  mn_contract_default(&graph->contract);
  graph->contract.input.map = MN_MAP_AFFINE;
  for (int c = 0; c < 3; c++) {
    graph->contract.input.scale[c] = 1 / 127.5;
    graph->contract.input.offset[c] = -1;
  }
  graph->has_contract = true;
}

static void open_network(network *net, const char *name) {
  mn_error err;
  memset(net, 0, sizeof *net);
  build_network(&net->prepared, name, CLASSES);
  fill_constants(&net->prepared);
  set_contract(&net->prepared);
  net->side = net->prepared.values[net->prepared.inputs[0]].shape.dim[1];
  net->pixels = (size_t)net->side * (size_t)net->side * 3;
  assert_true(net->side <= MOST_SIDE);
  check(mn_deploy_prepare(&net->prepared, &err), &err);
  check(mn_code_points_prepared(&net->codes, &net->prepared, &net->arena, &err), &err);
  assert_in_range(net->codes.group_count, 1, 512);
  for (int32_t g = 0; g < net->codes.group_count; g++) {
    net->ranges[g] = (mn_code_range){-1 - 0.125f * (float)(g % 7), 2 + 0.25f * (float)(g % 5)};
    const mn_code_range fixed = net->codes.fixed[g];
    if (mn_code_range_known(fixed)) net->ranges[g] = fixed;
  }
  check(mn_int8_graph(&net->int8, &net->prepared, net->ranges, &err), &err);
}

static void close_network(network *net) {
  mn_graph_free(&net->int8);
  mn_arena_free(&net->arena);
  mn_graph_free(&net->prepared);
}

static void picture(float *pixels, uint64_t tensor) {
  const double zero = 0; /* offset -1 becomes -128 / 127.5 */
  for (size_t i = 0; i < MOST_PIXELS; i++) {
    const int code = (int)((double)number(tensor, i) * 128 + 128) - 128;
    pixels[i] = (float)((code - zero) / 127.5);
  }
}

typedef struct said {
  uint32_t fnv; /* of all codes */
  size_t count;
  int8_t codes[SHOWN]; /* the first */
} said;

static said take_said(const int8_t *codes, size_t count) {
  said s = {.fnv = 0x811c9dc5u, .count = count};
  for (size_t i = 0; i < count; i++) s.fnv = (s.fnv ^ (uint8_t)codes[i]) * 0x01000193u;
  memcpy(s.codes, codes, SHOWN);
  return s;
}

/* Codes of each output: one, or a detector's encodings and scores. */
static void run_codes(const network *net, const float *pixels, uint32_t features, said *out) {
  mn_error err;
  mn_plan *plan;
  mn_session *session;
  const mn_plan_request request = {.threads = 1, .features = features};
  check(mn_plan_build(&plan, &net->int8, &request, &err), &err);
  check(mn_session_new(&session, plan, NULL, &err), &err);
  mn_coded_put(session, pixels, net->pixels);
  check(mn_session_run(session, &err), &err);
  for (int32_t i = 0; i < net->int8.output_count; i++) {
    const mn_shape *shape = &plan->shapes[plan->graph.outputs[i]];
    out[i] = take_said(mn_session_output(session, i), elements_of(shape));
  }
  mn_session_free(session);
  mn_plan_free(plan);
}

static void test_against_litert(void **state) {
  (void)state;
  FILE *file = fopen(GOLDEN, "r");
  assert_non_null(file);
  char name[64];
  int tensor, output, lines = 0, different = 0;
  size_t count;
  unsigned fnv;
  static float pixels[MOST_PIXELS];
  while (fscanf(file, "%63s %d %d %zu %x", name, &tensor, &output, &count, &fnv) == 5) {
    network net;
    said all[2];
    open_network(&net, name);
    assert_in_range(output, 0, net.int8.output_count - 1);
    picture(pixels, (uint64_t)tensor);
    run_codes(&net, pixels, mn_cpu_detect(), all);
    for (int i = 0; i < SHOWN; i++) {
      int expected;
      assert_int_equal(fscanf(file, "%d", &expected), 1);
      assert_int_equal(all[output].codes[i], expected);
      different += all[output].codes[i] != all[output].codes[0];
    }
    assert_int_equal(all[output].count, count);
    assert_int_equal(all[output].fnv, fnv);
    close_network(&net);
    lines++;
  }
  fclose(file);
  assert_true(lines >= 18);
  assert_true(different > 4 * lines); /* they say something */
}

static void test_rounded_floats(void **state) {
  (void)state;
  static const char *const names[] = {"v1-0.25-32", "v2-0.35-32", "v3-small-0.35-32",
                                      "v1-0.25-64+ssdlite", "v2-0.35-64+deeplab-aspp"};
  /* LiteRT's mean rounds twice, and a quarter of the means of four pixels are ties. */
  static const double most[] = {0.02, 0.04, 0.35, 0.04, 0.35};
  static float pixels[2 * MOST_PIXELS];
  for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
    mn_error err;
    network net;
    mn_code_differences found;
    open_network(&net, names[i]);
    picture(pixels, 7);
    picture(pixels + net.pixels, 8);
    const mn_code_comparison how = {.prepared = &net.prepared,
                                    .codes = &net.codes,
                                    .ranges = net.ranges,
                                    .int8 = &net.int8,
                                    .pixels = pixels,
                                    .batch = 2,
                                    .height = net.side,
                                    .width = net.side,
                                    .features = mn_cpu_detect()};
    check(mn_code_compare(&found, &how, &err), &err);
    printf("%s: %.2f %% of %lld codes differ, by %d at most; by itself %.2f %% of %s\n", names[i],
           100 * (double)found.differ / (double)found.codes, (long long)found.codes, found.largest,
           100 * found.worst, found.layer);
    assert_true(found.codes > 10000);
    assert_true(found.worst < most[i]);
    close_network(&net);
  }
}

/* ---- What is hard to say in 8 bits ----------------------------------------------------------- */

static void set_all(mn_graph *graph, mn_id id, float number) {
  mn_value *value = &graph->values[id];
  const size_t count = elements_of(&value->shape);
  float *data = mn_arena_array(&graph->arena, count, sizeof *data);
  for (size_t i = 0; i < count; i++) data[i] = number;
  value->data = data;
}

/* A bias of 5 beside weights that are nothing, or 1e-12: it is kept, and fits. */
static void test_silent_channels(void **state) {
  (void)state;
  mn_error err;
  network net;
  static const float weights[] = {0, 1e-12f};
  for (int i = 0; i < 2; i++) {
    open_network(&net, "v1-0.25-32");
    const mn_node *logits = &net.prepared.nodes[net.prepared.node_count - 1];
    set_all(&net.prepared, logits->in[1], weights[i]);
    set_all(&net.prepared, logits->in[2], 5);
    net.ranges[net.codes.group[logits->out[0]]] = (mn_code_range){0, 10};
    mn_graph_free(&net.int8);
    check(mn_int8_graph(&net.int8, &net.prepared, net.ranges, &err), &err);
    static float pixels[MOST_PIXELS];
    said all[2];
    picture(pixels, 1);
    run_codes(&net, pixels, mn_cpu_detect(), all);
    for (int c = 0; c < CLASSES; c++) assert_in_range(all[0].codes[c] + 128, 127, 128);
    close_network(&net);
  }
}

/* A layer that says next to nothing: its range is widened until its sums need no magnifying. */
static void test_dead_layer(void **state) {
  (void)state;
  mn_error err;
  network net;
  open_network(&net, "v1-0.25-32");
  const mn_node *logits = &net.prepared.nodes[net.prepared.node_count - 1];
  net.ranges[net.codes.group[logits->out[0]]] = (mn_code_range){-1e-7f, 1e-7f};
  mn_graph_free(&net.int8);
  check(mn_int8_graph(&net.int8, &net.prepared, net.ranges, &err), &err);
  const mn_node *layer = &net.int8.nodes[net.int8.node_count - 1];
  const mn_quant *in = &net.int8.values[layer->in[0]].quant;
  const mn_quant *weights = &net.int8.values[layer->in[1]].quant;
  const mn_quant *out = &net.int8.values[layer->out[0]].quant;
  float most = 0;
  for (int32_t i = 0; i < weights->count; i++) most = fmaxf(most, weights->scale[i]);
  assert_true(out->scale[0] >= in->scale[0] * most && out->scale[0] < 1.1f * in->scale[0] * most);
  close_network(&net);
}

/* Channels with scales of their own: the input is rounded, and stays floats' affine map. */
static void test_uneven_pixels(void **state) {
  (void)state;
  mn_error err;
  network net;
  open_network(&net, "v1-0.25-32");
  assert_int_equal(net.int8.contract.input.map, MN_MAP_MINUS128);
  assert_int_equal(net.codes.role[net.prepared.inputs[0]], 0);
  check(mn_contract_preset(&net.prepared.contract, "torch", &err), &err);
  check(mn_code_points_prepared(&net.codes, &net.prepared, &net.arena, &err), &err);
  assert_int_equal(net.codes.role[net.prepared.inputs[0]], MN_CODES_ROUND);
  mn_graph_free(&net.int8);
  check(mn_int8_graph(&net.int8, &net.prepared, net.ranges, &err), &err);
  assert_int_equal(net.int8.contract.input.map, MN_MAP_AFFINE);
  const mn_quant *by = &net.int8.values[net.int8.inputs[0]].quant;
  const float low = by->scale[0] * (float)(-128 - by->zero[0]);
  const float high = by->scale[0] * (float)(127 - by->zero[0]);
  assert_true(low < -2.10f && low > -2.14f && high > 2.62f && high < 2.66f);
  close_network(&net);
}

static void test_refusals(void **state) {
  (void)state;
  mn_error err;
  network net;
  mn_graph out;
  open_network(&net, "v2-0.35-32");
  mn_node *norm = NULL;
  for (int32_t n = 0; n < net.prepared.node_count && !norm; n++) {
    if (net.prepared.nodes[n].op == MN_OP_BATCH_NORM) norm = &net.prepared.nodes[n];
  }
  assert_non_null(norm);
  const mn_id in[5] = {net.prepared.inputs[0], norm->in[1], norm->in[2], norm->in[3], norm->in[4]};
  const mn_id before = norm->in[0];
  mn_id *other = mn_arena_copy(&net.prepared.arena, in, sizeof in);
  norm->in = other; /* of the picture, with three channels for sixteen: no layer is before it */
  assert_int_equal(mn_int8_graph(&out, &net.prepared, net.ranges, &err), MN_ERR_UNSUPPORTED);
  assert_non_null(strstr(err.text, "no layer before it"));
  other[0] = before;
  net.prepared.has_contract = false;
  assert_int_equal(mn_int8_graph(&out, &net.prepared, net.ranges, &err), MN_ERR_UNSUPPORTED);
  assert_non_null(strstr(err.text, "contract"));
  close_network(&net);
}

static int write_file(const char *name, const char *path) {
  mn_error err;
  network net;
  uint8_t *bytes;
  size_t size;
  open_network(&net, name);
  mn_status status = mn_tflite_save(&net.int8, &bytes, &size, &err);
  if (!status) status = mn_file_write(path, bytes, size, &err);
  mn_free(bytes);
  close_network(&net);
  return (int)status;
}

int main(int argc, char **argv) {
  if (argc == 4 && strcmp(argv[1], "write") == 0) return write_file(argv[2], argv[3]);
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(test_against_litert),  cmocka_unit_test(test_rounded_floats),
      cmocka_unit_test(test_silent_channels), cmocka_unit_test(test_dead_layer),
      cmocka_unit_test(test_uneven_pixels),   cmocka_unit_test(test_refusals)};
  return cmocka_run_group_tests(tests, NULL, NULL);
}
