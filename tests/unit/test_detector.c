/* SPDX-License-Identifier: Apache-2.0
 * A raw SSD head becomes a detector once its anchors are known: the graph ends in what decoding its
 * own outputs gives, boxes come in pixels of the picture, a saved file needs no anchors again, and
 * anchors that do not fit are refused. */
#include <math.h>
#include <stdio.h>

#include "base/alloc.h"
#include "format/format.h"
#include "graph_maker.h"
#include "mobilenet/image.h"
#include "post/anchors.h"
#include "post/ssd.h"

enum { SIDE = 32, ROWS = 18, COLUMNS = 3, WIDE = 96, HIGH = 48 };

static const char *const label_text = "none\ncat\ndog\n";
static const char *const contract_text =
    "{\"input\":{\"map\":\"affine\",\"scale\":[0.01],\"offset\":[-1]},\"task\":\"detect\"}";

/* A dense layer of the picture's means, as a table of ROWS rows. */
static mn_id make_table(mn_graph *g, const char *name, mn_id features, int32_t columns) {
  char text[32];
  snprintf(text, sizeof text, "%s.weight", name);
  mn_id w = make_const(g, text, MN_F32, SHAPE(ROWS * columns, 3));
  mn_attr dense = {.dense = {MN_ACT_NONE, false}};
  snprintf(text, sizeof text, "%s.row", name);
  mn_id row = make_node(g, MN_OP_DENSE, text, MN_F32, dense, IDS(features, w, MN_NONE));
  mn_attr table = {.reshape = {SHAPE(1, ROWS, columns)}};
  return make_node(g, MN_OP_RESHAPE, name, MN_F32, table, IDS(row));
}

/* A head on 32 x 32 pixels: maps of 2 x 2 and 1 x 1, as TensorFlow's anchors have 18 boxes. */
static void make_head(uint8_t **bytes, size_t *size) {
  mn_graph g;
  mn_error err = {0};
  mn_graph_init(&g);
  mn_id x = make_input(&g, "image", MN_F32, SHAPE(1, SIDE, SIDE, 3));
  mn_attr global = {.pool = {.global = true}};
  mn_id pooled = make_node(&g, MN_OP_AVG_POOL, "pooled", MN_F32, global, IDS(x));
  mn_attr flat = {.reshape = {SHAPE(0, -1)}};
  mn_id row = make_node(&g, MN_OP_RESHAPE, "row", MN_F32, flat, IDS(pooled));
  mn_id out[2] = {make_table(&g, "boxes", row, 4), make_table(&g, "scores", row, COLUMNS)};
  make_done(&g, 1, &x, 2, out);
  if (mn_safetensors_save(&g, bytes, size, &err)) fail_msg("%s", err.text);
  mn_graph_free(&g);
}

static mn_model *open_bytes(const uint8_t *bytes, size_t size, const char *anchors) {
  mn_error err = {0};
  mn_model *model;
  mn_open_options options = {.struct_size = sizeof options};
  if (anchors) {
    options.anchors = anchors;
    options.contract = contract_text;
    options.labels = label_text;
  }
  if (mn_model_open_memory(&model, bytes, size, &options, &err)) fail_msg("%s", err.text);
  return model;
}

typedef struct runner {
  mn_plan *plan;
  mn_session *session;
} runner;

static runner run_gray(const mn_model *model, uint8_t level) {
  static uint8_t pixels[WIDE * HIGH * 3];
  runner r;
  mn_error err = {0};
  memset(pixels, level, sizeof pixels);
  for (size_t i = 0; i < sizeof pixels; i += 3) pixels[i] = (uint8_t)(level / 2);
  const mn_image image = {pixels, WIDE, HIGH, WIDE * 3};
  if (mn_plan_new(&r.plan, model, NULL, &err)) fail_msg("%s", err.text);
  if (mn_session_new(&r.session, r.plan, NULL, &err)) fail_msg("%s", err.text);
  if (mn_session_set_image(r.session, 0, &image, &err)) fail_msg("%s", err.text);
  if (mn_session_run(r.session, &err)) fail_msg("%s", err.text);
  return r;
}

static void runner_free(runner *r) {
  mn_session_free(r->session);
  mn_plan_free(r->plan);
}

/* What post/ makes of the raw outputs by TensorFlow's usual rule. */
static int expect(const runner *raw, float boxes[100][4], float *classes, float *scores) {
  const float *encodings = mn_session_output(raw->session, 0);
  const float *logits = mn_session_output(raw->session, 1);
  float sigmoid[ROWS * COLUMNS], anchors[ROWS * 4], count;
  for (int i = 0; i < ROWS * COLUMNS; i++) sigmoid[i] = 1 / (1 + expf(-logits[i]));
  mn_anchor_maps maps = {2, {{2, 2}, {1, 1}}, SIDE, SIDE, 0.2, 0.95};
  mn_anchors_tf(&maps, anchors);
  mn_ssd_rule rule = {ROWS, COLUMNS, COLUMNS - 1, 100, 1,    100,
                      true, false,   0,           0,   0.6f, {10, 10, 5, 5}};
  mn_ssd_picture picture = {encodings, 4, sigmoid, anchors, boxes[0], classes, scores, &count};
  void *scratch = malloc(mn_ssd_scratch_bytes(&rule));
  assert_non_null(scratch);
  mn_ssd_detect(&rule, &picture, scratch);
  free(scratch);
  return (int)count;
}

static float within(float value, float most) { return fminf(fmaxf(value, 0), most); }

static void check_against(const mn_model *raw, const mn_model *detector) {
  float boxes[100][4], classes[100], scores[100];
  mn_detection found[100];
  mn_error err = {0};
  int count = 100;
  runner a = run_gray(raw, 200), b = run_gray(detector, 200);
  const int expected = expect(&a, boxes, classes, scores);
  assert_true(expected > 2);
  assert_int_equal(mn_plan_detections(b.plan), 100);
  if (mn_session_detections(b.session, 0, found, &count, &err)) fail_msg("%s", err.text);
  assert_int_equal(count, expected);
  for (int i = 0; i < count; i++) {
    assert_int_equal(found[i].class_index, (int)classes[i]);
    assert_string_equal(found[i].label, classes[i] > 0 ? "dog" : "cat");
    assert_true(fabsf(found[i].score - scores[i]) < 1e-6f);
    for (int k = 0; k < 4; k++) { /* stretched: fractions of the input are those of the picture */
      const float most = k % 2 ? HIGH : WIDE;
      assert_true(fabsf(found[i].box[k] - within(boxes[i][k ^ 1] * most, most)) < 1e-3f);
    }
  }
  count = 1;
  assert_int_equal(mn_session_detections(b.session, 0, found, &count, &err), MN_OK);
  assert_int_equal(count, 1);
  runner_free(&a);
  runner_free(&b);
}

static void test_anchors_by_name(void **state) {
  (void)state;
  uint8_t *bytes;
  size_t size;
  make_head(&bytes, &size);
  mn_model *raw;
  mn_error err;
  mn_open_options plain = {.struct_size = sizeof plain,
                           .contract =
                               "{\"input\":{\"map\":\"affine\",\"scale\":[0.01],"
                               "\"offset\":[-1],\"fit\":\"stretch\"},\"task\":\"none\"}"};
  assert_int_equal(mn_model_open_memory(&raw, bytes, size, &plain, &err), MN_OK);
  mn_model *detector = open_bytes(bytes, size, "ssd");
  assert_int_equal(mn_model_task(detector), MN_TASK_DETECT);
  assert_int_equal(mn_model_class_count(detector), 2);
  assert_string_equal(mn_model_class_label(detector, 1), "dog");
  check_against(raw, detector);
  mn_model_free(detector);
  mn_model_free(raw);
  mn_free(bytes);
}

static void expect_refusal(const uint8_t *bytes, size_t size, const char *anchors,
                           const char *words) {
  mn_model *model;
  mn_error err;
  mn_open_options options = {
      .struct_size = sizeof options, .contract = contract_text, .anchors = anchors};
  assert_int_not_equal(mn_model_open_memory(&model, bytes, size, &options, &err), MN_OK);
  assert_null(model);
  if (!strstr(err.text, words)) fail_msg("%s", err.text);
}

static void test_refusals(void **state) {
  (void)state;
  uint8_t *bytes;
  size_t size;
  make_head(&bytes, &size);
  expect_refusal(bytes, size, NULL, "18 raw boxes");
  expect_refusal(bytes, size, NULL, "say so with --anchors (ssd, ssdlite-torch,");
  expect_refusal(bytes, size, "yolo", "neither ssd, ssdlite-torch");
  expect_refusal(bytes, size, "ssdlite-torch", "18 boxes"); /* 6 at each of 5 places */
  expect_refusal(bytes, size, "[[0.5,0.5,1,1]]", "1 anchors, but the model has 18");
  expect_refusal(bytes, size, "[[0.5,0.5,1]]", "detect.anchors must be");
  expect_refusal(bytes, size, "[[0.5,0.5,1,0]]", "sizes above 0");
  mn_free(bytes);
}

int main(void) {
  const struct CMUnitTest tests[] = {cmocka_unit_test(test_anchors_by_name),
                                     cmocka_unit_test(test_refusals)};
  return cmocka_run_group_tests(tests, NULL, NULL);
}
