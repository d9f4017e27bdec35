/* SPDX-License-Identifier: Apache-2.0
 * format/tflite on real files (MOBILENET_TEST_ASSETS): every classifier loads, verifies, states
 * what it holds, and is not fixed in size; operators we lack are refused by name. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
/* cmocka needs the above */
#include <cmocka.h>

#include "../test_assets.h"
#include "base/file.h"
#include "format/format.h"

static const char *assets;

typedef struct loaded {
  mn_file file;
  mn_graph graph;
  mn_contract_facts facts;
  mn_error err;
} loaded;

static mn_status load(loaded *l, const char *name, uint64_t cap) {
  char path[512];
  memset(l, 0, sizeof *l);
  snprintf(path, sizeof path, "%s/models/%s.tflite", assets, name);
  assert_int_equal(mn_file_map(&l->file, path, &l->err), MN_OK);
  mn_load_request request = {l->file.bytes, l->file.size, name, cap, NULL};
  return mn_tflite_load(&l->graph, &request, &l->facts, &l->err);
}

static void release(loaded *l) {
  mn_graph_free(&l->graph);
  mn_file_close(&l->file);
}

static void need_assets(void) {
  assets = test_assets();
  if (!assets) skip();
}

typedef struct expected {
  const char *name;
  int32_t nodes, labels, outputs;
  mn_type input;
  bool normalization;
} expected;

static void classifiers(void **state) {
  (void)state;
  static const expected files[] = {
      {"classify/mobilenet_v1_0.25_128_quant", 31, 1001, 1001, MN_U8, true},
      {"classify/mobilenet_v1_0.25_224_float", 31, 0, 1001, MN_F32, false},
      {"classify/mobilenet_v1_0.25_224_quant", 31, 1001, 1001, MN_U8, false},
      {"classify/mobilenet_v1_0.75_192_quant", 31, 1001, 1001, MN_U8, true},
      {"classify/mobilenet_v2_1.0_224_quant", 66, 1001, 1001, MN_U8, true},
      {"classify/tf2_mobilenet_v2_1.0_224_ptq", 68, 1001, 1001, MN_U8, true},
      {"classify/v3-large-minimalistic_224_1.0_uint8", 62, 0, 1001, MN_U8, false},
      {"classify/v3-small_224_1.0_uint8", 119, 0, 1001, MN_U8, false},
      {"classify/vww_96_float", 31, 0, 2, MN_F32, false},
      {"classify/vww_96_int8", 31, 0, 2, MN_I8, false},
  };
  need_assets();
  for (size_t i = 0; i < sizeof files / sizeof files[0]; i++) {
    const expected *e = &files[i];
    loaded l;
    if (load(&l, e->name, UINT32_MAX) || mn_graph_verify(&l.graph, &l.err))
      fail_msg("%s", l.err.text);
    assert_int_equal(l.graph.node_count, e->nodes);
    assert_int_equal(l.graph.contract.labels.count, e->labels);
    assert_int_equal(l.facts.output_count, e->outputs);
    assert_int_equal(l.facts.input_type, e->input);
    assert_int_equal(l.facts.has_normalization, e->normalization);
    assert_true(l.facts.output_normalized);
    assert_int_equal(l.graph.fixed_by, MN_NONE);
    assert_false(l.graph.has_contract);
    release(&l);
  }
}

/* What the files froze is raised: another batch and another size go through. */
static void other_sizes(void **state) {
  (void)state;
  need_assets();
  static const char *const names[] = {"classify/mobilenet_v1_0.25_128_quant",
                                      "classify/v3-small_224_1.0_uint8",
                                      "classify/tf2_mobilenet_v2_1.0_224_ptq"};
  for (size_t i = 0; i < 3; i++) {
    loaded l;
    assert_int_equal(load(&l, names[i], UINT32_MAX), MN_OK);
    mn_shape input = {4, {5, 160, 96, 3}};
    mn_shape *shapes = calloc((size_t)l.graph.value_count, sizeof *shapes);
    assert_non_null(shapes);
    if (mn_graph_infer(&l.graph, &input, shapes, &l.err)) fail_msg("%s", l.err.text);
    mn_shape wanted = {2, {5, 1001}};
    assert_true(mn_shape_equal(&shapes[l.graph.outputs[0]], &wanted));
    free(shapes);
    release(&l);
  }
}

/* Detectors and segmenters load too, at any size: their resizes are joined with maps that scale. */
static void detectors_and_segmenters(void **state) {
  (void)state;
  need_assets();
  static const char *const names[] = {
      "detect/object_detection_ssd_mobilenetv2_oidv4_fp16", "segment/deeplabv3_257_mv_float",
      "segment/deeplabv3_mnv2_pascal_quant", "segment/selfie_segmentation",
      "detect/coco_ssd_mobilenet_v1_1.0_quant_2018_06_29"};
  for (size_t i = 0; i < 5; i++) {
    loaded l;
    if (load(&l, names[i], UINT32_MAX) || mn_graph_verify(&l.graph, &l.err)) {
      fail_msg("%s", l.err.text);
    }
    assert_int_equal(l.graph.fixed_by, MN_NONE);
    release(&l);
  }
}

static void weights_are_borrowed(void **state) {
  (void)state;
  need_assets();
  loaded l;
  assert_int_equal(load(&l, "classify/mobilenet_v1_0.25_128_quant", UINT32_MAX), MN_OK);
  for (int32_t i = 0; i < l.graph.value_count; i++) {
    const mn_value *value = &l.graph.values[i];
    if (value->kind != MN_KIND_CONST) continue;
    const uint8_t *data = value->data;
    assert_true(data >= l.file.bytes && data + value->bytes <= l.file.bytes + l.file.size);
  }
  release(&l);
}

/* The selfie network with its custom operator's last letter changed: one that nobody has. */
static void an_unknown_operator_is_named(void **state) {
  (void)state;
  need_assets();
  static const char name[] = "Convolution2DTransposeBias";
  loaded l;
  assert_int_equal(load(&l, "segment/selfie_segmentation", UINT32_MAX), MN_OK);
  mn_graph_free(&l.graph);
  memset(&l.graph, 0, sizeof l.graph);
  size_t length = sizeof name - 1, at = 0;
  uint8_t *bytes = malloc(l.file.size);
  assert_non_null(bytes);
  memcpy(bytes, l.file.bytes, l.file.size);
  while (at + length < l.file.size && memcmp(bytes + at, name, length) != 0) at++;
  assert_true(at + length < l.file.size);
  bytes[at + length - 1] = 'z';
  mn_load_request request = {bytes, l.file.size, "selfie", UINT32_MAX, NULL};
  assert_int_equal(mn_tflite_load(&l.graph, &request, &l.facts, &l.err), MN_ERR_UNSUPPORTED);
  assert_non_null(strstr(l.err.text, "operator 244"));
  assert_non_null(strstr(l.err.text, "Convolution2DTransposeBiaz"));
  release(&l);
  free(bytes);
}

static void memory_cap(void **state) {
  (void)state;
  need_assets();
  loaded l;
  assert_int_equal(load(&l, "classify/mobilenet_v1_0.25_128_quant", 10000), MN_ERR_LIMIT);
  assert_non_null(strstr(l.err.text, "10000"));
  release(&l);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(classifiers),
      cmocka_unit_test(other_sizes),
      cmocka_unit_test(detectors_and_segmenters),
      cmocka_unit_test(an_unknown_operator_is_named),
      cmocka_unit_test(weights_are_borrowed),
      cmocka_unit_test(memory_cap),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
