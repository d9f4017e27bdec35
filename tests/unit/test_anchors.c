/* SPDX-License-Identifier: Apache-2.0
 * Anchors equal those of torchvision and of TensorFlow's formulas bit for bit
 * (tests/oracle/anchors.py), and those that a published detector carries to its own rounding. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "../test_assets.h"
#include "base/file.h"
#include "format/format.h"
#include "post/anchors.h"

typedef struct boxes {
  float *data; /* [count][4] */
  int32_t count;
  bool tensorflow;
} boxes;

static uint64_t hash(const float *data, size_t count) {
  const unsigned char *bytes = (const unsigned char *)data;
  uint64_t value = 0xcbf29ce484222325u;
  for (size_t i = 0; i < count * sizeof *data; i++) value = (value ^ bytes[i]) * 0x100000001b3u;
  return value;
}

static boxes make(const mn_anchor_maps *maps, bool tensorflow) {
  boxes made = {.tensorflow = tensorflow};
  made.count = tensorflow ? mn_anchors_tf_count(maps) : mn_anchors_torch_count(maps);
  made.data = malloc((size_t)made.count * 4 * sizeof(float));
  assert_non_null(made.data);
  if (tensorflow) {
    mn_anchors_tf(maps, made.data);
  } else {
    mn_anchors_torch(maps, made.data);
  }
  return made;
}

/* Reads a "case" line, makes its boxes; the hash that they must have. */
static boxes make_case(const char *line, uint64_t *expected) {
  char rule[8];
  int used, rows;
  mn_anchor_maps maps;
  assert_int_equal(sscanf(line, "case %7s %d %d %lf %lf %d%n", rule, &maps.picture_h,
                          &maps.picture_w, &maps.min_scale, &maps.max_scale, &maps.count, &used),
                   6);
  for (int32_t i = 0; i < maps.count; i++) {
    line += used;
    assert_int_equal(sscanf(line, "%d %d%n", &maps.size[i][0], &maps.size[i][1], &used), 2);
  }
  unsigned long long value;
  assert_int_equal(sscanf(line + used, "%d %llx", &rows, &value), 2);
  *expected = value;
  boxes made = make(&maps, strcmp(rule, "tf") == 0);
  assert_int_equal(made.count, rows);
  return made;
}

static void check_row(const boxes *made, const char *line) {
  int row;
  float want[4];
  assert_int_equal(sscanf(line, "row %d %f %f %f %f", &row, &want[0], &want[1], &want[2], &want[3]),
                   5);
  for (int i = 0; i < 4; i++) {
    float got = made->data[4 * row + i];
    if (memcmp(&got, &want[i], sizeof got) != 0) {
      fail_msg("%s row %d: %.9g in place %d, expected %.9g", made->tensorflow ? "tf" : "torch", row,
               (double)got, i, (double)want[i]);
    }
  }
}

static void anchors_are_the_originals(void **state) {
  (void)state;
  FILE *file = fopen(MN_TEST_DIR "/golden/anchors.txt", "r");
  assert_non_null(file);
  char line[256];
  boxes made = {0};
  int cases = 0;
  uint64_t expected = 0;
  while (fgets(line, sizeof line, file)) {
    if (strncmp(line, "row", 3) == 0) check_row(&made, line);
    if (strncmp(line, "case", 4) != 0) continue;
    if (made.data) assert_int_equal(hash(made.data, (size_t)made.count * 4), expected);
    free(made.data);
    made = make_case(line, &expected);
    cases++;
  }
  assert_int_equal(hash(made.data, (size_t)made.count * 4), expected);
  free(made.data);
  assert_int_equal(cases, 8);
  assert_int_equal(fclose(file), 0);
}

/* The COCO detector of TensorFlow's zoo carries its anchors, quantized to 8 bits. */
static void a_published_file_has_the_same(void **state) {
  (void)state;
  const char *assets = test_assets();
  if (!assets) skip();
  char path[512];
  snprintf(path, sizeof path, "%s/models/detect/coco_ssd_mobilenet_v1_1.0_quant_2018_06_29.tflite",
           assets);
  mn_file file;
  mn_graph graph;
  mn_contract_facts facts;
  mn_error err;
  assert_int_equal(mn_file_map(&file, path, &err), MN_OK);
  mn_load_request request = {file.bytes, file.size, path, UINT32_MAX, NULL};
  assert_int_equal(mn_tflite_load(&graph, &request, &facts, &err), MN_OK);
  mn_anchor_maps maps = {6,  {{19, 19}, {10, 10}, {5, 5}, {3, 3}, {2, 2}, {1, 1}}, 300, 300, .2,
                         .95};
  boxes made = make(&maps, true);
  const mn_value *kept = &graph.values[mn_graph_find_value(&graph, "anchors")];
  assert_int_equal(kept->bytes, made.count * 4);
  const unsigned char *bytes = kept->data;
  for (int32_t i = 0; i < made.count * 4; i++) {
    float value = kept->quant.scale[0] * (float)(bytes[i] - kept->quant.zero[0]);
    assert_float_equal(made.data[i], value, kept->quant.scale[0] * 0.5001f);
  }
  free(made.data);
  mn_graph_free(&graph);
  mn_file_close(&file);
}

static void published_counts(void **state) {
  (void)state;
  mn_anchor_maps maps = {6,  {{19, 19}, {10, 10}, {5, 5}, {3, 3}, {2, 2}, {1, 1}}, 300, 300, .2,
                         .95};
  assert_int_equal(mn_anchors_tf_count(&maps), 1917);
  maps.size[0][0] = maps.size[0][1] = 20;
  assert_int_equal(mn_anchors_tf_count(&maps), 2034);
  assert_int_equal(mn_anchors_torch_count(&maps), 3234);
}

static void impossible_maps_have_no_rows(void **state) {
  (void)state;
  mn_anchor_maps maps = {2, {{19, 19}, {10, 10}}, 300, 300, .2, .95};
  assert_int_equal(mn_anchors_torch_count(&maps), 6 * (361 + 100));
  maps.size[1][1] = 0;
  assert_int_equal(mn_anchors_torch_count(&maps), 0);
  maps.size[1][1] = INT32_MAX;
  assert_int_equal(mn_anchors_tf_count(&maps), 0);
  maps.size[1][1] = 10;
  maps.count = 1;
  assert_int_equal(mn_anchors_tf_count(&maps), 0);
  maps.count = MN_ANCHOR_MAPS + 1;
  assert_int_equal(mn_anchors_tf_count(&maps), 0);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(anchors_are_the_originals),
      cmocka_unit_test(a_published_file_has_the_same),
      cmocka_unit_test(published_counts),
      cmocka_unit_test(impossible_maps_have_no_rows),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
