/* SPDX-License-Identifier: Apache-2.0
 * The contract: its JSON there and back, presets, every row of the derivation table, labels. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "contract/contract.h"

static mn_arena arena;

static int free_arena(void **state) {
  (void)state;
  mn_arena_free(&arena);
  return 0;
}

static mn_contract parse(const char *text) {
  mn_contract contract;
  mn_error err;
  mn_status status = mn_contract_from_json(&contract, text, strlen(text), &arena, &err);
  if (status) print_error("%s\n", err.text);
  assert_int_equal(status, MN_OK);
  return contract;
}

static void expect_same(const char *text) {
  mn_contract contract = parse(text);
  assert_string_equal(mn_contract_to_json(&contract, &arena), text);
  assert_int_equal(contract.assumed, 0);
}

static void test_canonical(void **state) {
  (void)state;
  expect_same(
      "{\"input\":{\"crop_fraction\":0.875,\"fit\":\"crop_then_resize\",\"map\":\"affine\","
      "\"offset\":[-1,-1,-1],\"order\":\"rgb\",\"resize\":\"pillow_bilinear\","
      "\"scale\":[0.00784313725490196,0.00784313725490196,0.00784313725490196]},"
      "\"labels\":{\"background\":0,\"names\":[\"none\",\"caf\xC3\xA9\"]},"
      "\"score\":\"softmax\",\"task\":\"classify\",\"version\":1}");
  expect_same(
      "{\"input\":{\"fit\":\"resize_then_crop\",\"map\":\"minus128\",\"order\":\"bgr\","
      "\"resize\":\"tf1_bilinear\",\"short_side\":256},\"score\":\"sigmoid\",\"task\":\"classify\","
      "\"version\":1}");
  expect_same(
      "{\"input\":{\"fit\":\"letterbox\",\"map\":\"identity_u8\",\"order\":\"gray\","
      "\"pad_value\":114,\"resize\":\"opencv_linear\"},\"score\":\"none\",\"task\":\"none\","
      "\"version\":1}");
  expect_same(
      "{\"input\":{\"fit\":\"stretch\",\"map\":\"identity_u8\",\"order\":\"rgb\","
      "\"resize\":\"pillow_bicubic\"},\"labels\":{\"background\":3},\"score\":\"none\","
      "\"task\":\"classify\",\"version\":1}");
}

static void test_canonical_tasks(void **state) {
  (void)state;
  expect_same(
      "{\"detect\":{\"anchors\":\"ssdlite-torch\",\"candidates\":300,\"coder\":\"torch\","
      "\"detections\":200,\"iou_threshold\":0.55,\"max_scale\":0.95,\"min_scale\":0.2,"
      "\"per_class\":300,\"scale\":[10,10,5,5],\"score_threshold\":0.001},"
      "\"input\":{\"fit\":\"stretch\",\"map\":\"identity_u8\",\"order\":\"rgb\","
      "\"resize\":\"pillow_bilinear\"},\"score\":\"softmax\",\"task\":\"detect\",\"version\":1}");
  expect_same(
      "{\"detect\":{\"anchors\":[[0.5,0.25,0.1,1]],\"candidates\":0,\"coder\":\"ssd\","
      "\"detections\":100,\"iou_threshold\":0.6,\"max_scale\":0.95,\"min_scale\":0.2,"
      "\"per_class\":100,\"scale\":[10,10,5,5],\"score_threshold\":0},"
      "\"input\":{\"fit\":\"stretch\",\"map\":\"identity_u8\",\"order\":\"rgb\","
      "\"resize\":\"pillow_bilinear\"},\"score\":\"sigmoid\",\"task\":\"detect\",\"version\":1}");
  expect_same(
      "{\"input\":{\"fit\":\"letterbox\",\"map\":\"identity_u8\",\"order\":\"rgb\","
      "\"pad_value\":0,\"resize\":\"pillow_bilinear\"},\"score\":\"none\","
      "\"segment\":{\"ignore\":255,\"sampling\":\"align_corners\"},\"task\":\"segment\","
      "\"version\":1}");
  assert_int_equal(parse("{\"input\":{\"map\":\"identity_u8\"},\"task\":\"segment\"}").input.fit,
                   MN_FIT_STRETCH);
}

static void test_defaults_and_unknown_keys(void **state) {
  (void)state;
  mn_contract contract = parse(
      "{\"later\":[1],\"input\":{\"map\":\"affine\",\"scale\":[2],\"offset\":[0,1,2],\"new\":{}}}");
  assert_int_equal(contract.task, MN_TASK_CLASSIFY);
  assert_int_equal(contract.input.fit, MN_FIT_CROP_THEN_RESIZE);
  assert_true(contract.input.crop_fraction == 0.875);
  assert_true(contract.input.scale[2] == 2 && contract.input.offset[2] == 2);
  assert_int_equal(contract.labels.background, -1);
  assert_int_equal(contract.labels.count, 0);
}

static void test_json_refusals(void **state) {
  (void)state;
  static const char *const cases[][2] = {
      {"[]", "the text must be"},
      {"{}", "input must be"},
      {"{\"input\":{}}", "input.map must be given"},
      {"{\"input\":{\"map\":\"affine\"}}", "input.scale"},
      {"{\"input\":{\"map\":\"affine\",\"scale\":[1,2],\"offset\":[0]}}", "input.scale"},
      {"{\"input\":{\"map\":\"affine\",\"scale\":[1],\"offset\":[1e300]}}", "input.offset"},
      {"{\"input\":{\"map\":\"affine\",\"scale\":[1,2,3],\"offset\":[0,0,\"0\"]}}", "input.offset"},
      {"{\"input\":{\"map\":\"identity_u8\"},\"detect\":[]}", "detect must be"},
      {"{\"input\":{\"map\":\"identity_u8\"},\"detect\":{\"anchors\":\"yolo\"}}",
       "detect.anchors must be one of"},
      {"{\"input\":{\"map\":\"identity_u8\"},\"detect\":{\"anchors\":[]}}",
       "detect.anchors must be"},
      {"{\"input\":{\"map\":\"identity_u8\"},\"detect\":{\"scale\":[1,2,3]}}",
       "detect.scale must be"},
      {"{\"input\":{\"map\":\"identity_u8\"},\"detect\":{\"scale\":[1,2,3,0]}}",
       "detect.scale must be"},
      {"{\"input\":{\"map\":\"identity_u8\"},\"detect\":{\"detections\":0}}",
       "detect.detections must be"},
      {"{\"input\":{\"map\":\"identity_u8\"},\"detect\":{\"iou_threshold\":2}}",
       "detect.iou_threshold must be"},
      {"{\"input\":{\"map\":\"identity_u8\"},\"segment\":{\"sampling\":\"x\"}}",
       "segment.sampling must be"},
      {"{\"input\":{\"map\":\"identity_u8\"},\"segment\":{\"ignore\":256}}",
       "segment.ignore must be"},
      {"{\"input\":{\"map\":\"byte\"}}", "input.map must be one of identity_u8, minus128, affine"},
      {"{\"input\":{\"map\":\"minus128\",\"order\":\"rgba\"}}", "input.order must be one of rgb"},
      {"{\"input\":{\"map\":\"minus128\",\"fit\":1}}", "input.fit"},
      {"{\"input\":{\"map\":\"minus128\",\"resize\":\"lanczos\"}}", "input.resize"},
      {"{\"input\":{\"map\":\"minus128\",\"crop_fraction\":0}}", "input.crop_fraction"},
      {"{\"input\":{\"map\":\"minus128\",\"crop_fraction\":1.1}}", "input.crop_fraction"},
      {"{\"input\":{\"map\":\"minus128\",\"short_side\":0}}", "input.short_side"},
      {"{\"input\":{\"map\":\"minus128\",\"pad_value\":256}}", "input.pad_value"},
      {"{\"input\":{\"map\":\"minus128\"},\"labels\":[]}", "labels must be"},
      {"{\"input\":{\"map\":\"minus128\"},\"labels\":{\"names\":[1]}}", "labels.names"},
      {"{\"input\":{\"map\":\"minus128\"},\"labels\":{\"names\":[\"a\"],\"background\":1}}",
       "labels.background"},
      {"{\"input\":{\"map\":\"minus128\"},\"score\":\"max\"}",
       "score must be one of none, softmax"},
      {"{\"input\":{\"map\":\"minus128\"},\"task\":\"dance\"}", "task must be"},
      {"{\"input\":{\"map\":\"minus128\"},\"version\":0}", "version must be"},
      {"{\"input\":{\"map\":\"minus128\"},\"version\":2}", "is of version 2"},
      {"{\"input\"", "JSON line 1"},
  };
  for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
    mn_contract contract;
    mn_error err;
    const char *text = cases[i][0];
    assert_int_not_equal(mn_contract_from_json(&contract, text, strlen(text), &arena, &err), MN_OK);
    if (!strstr(err.text, cases[i][1])) fail_msg("%s: %s", text, err.text);
  }
}

static void test_presets(void **state) {
  (void)state;
  mn_contract contract;
  mn_error err;
  mn_contract_default(&contract);
  assert_int_equal(mn_contract_preset(&contract, "torch", &err), MN_OK);
  assert_int_equal(contract.input.fit, MN_FIT_RESIZE_THEN_CROP);
  assert_int_equal(contract.input.short_side, 256);
  assert_true(fabs(contract.input.scale[0] * 255 - 1 / 0.229) < 1e-9);
  assert_true(fabs(contract.input.offset[1] + 0.456 / 0.224) < 1e-9);
  assert_false(contract.assumed & MN_ASSUMED_INPUT);
  assert_true(contract.assumed & MN_ASSUMED_SCORE);
  assert_int_equal(mn_contract_preset(&contract, "caffe", &err), MN_OK);
  assert_int_equal(contract.input.order, MN_PIXELS_BGR);
  assert_true(contract.input.scale[0] == 1 && contract.input.offset[0] == -103.939);
  assert_int_equal(mn_contract_preset(&contract, "tf", &err), MN_OK);
  assert_true(contract.input.scale[0] == 1 / 127.5 && contract.input.offset[2] == -1);
  assert_int_equal(mn_contract_preset(&contract, "unit", &err), MN_OK);
  assert_true(contract.input.scale[0] == 1 / 255.0 && contract.input.offset[0] == 0);
  assert_int_equal(mn_contract_preset(&contract, "raw", &err), MN_OK);
  assert_int_equal(contract.input.map, MN_MAP_IDENTITY_U8);
  assert_int_equal(mn_contract_preset(&contract, "keras", &err), MN_ERR_ARGUMENT);
  assert_non_null(strstr(err.text, "tf, torch, caffe, unit, raw"));
}

static mn_contract_facts facts_of(mn_type type, float scale, int32_t zero) {
  mn_contract_facts facts = {.input_type = type,
                             .input_channels = 3,
                             .input_scale = scale,
                             .input_zero = zero,
                             .task = MN_TASK_CLASSIFY,
                             .output_count = 10,
                             .output_normalized = true};
  return facts;
}

static mn_contract derived(const mn_contract_facts *facts) {
  mn_contract contract;
  mn_error err;
  mn_contract_default(&contract);
  mn_status status = mn_contract_derive(&contract, facts, &arena, &err);
  if (status) print_error("%s\n", err.text);
  assert_int_equal(status, MN_OK);
  return contract;
}

static void test_derive_integer_inputs(void **state) {
  (void)state;
  static const struct {
    mn_type type;
    float scale;
    int32_t zero;
    mn_map map;
  } taken[] = {
      {MN_U8, 0, 0, MN_MAP_IDENTITY_U8},
      {MN_U8, 0.0078125f, 128, MN_MAP_IDENTITY_U8},
      {MN_U8, 0.00787402f, 128, MN_MAP_IDENTITY_U8},
      {MN_I8, 0.003921569f, -128, MN_MAP_MINUS128},
      {MN_I8, 0.007843138f, -1, MN_MAP_MINUS128},
      {MN_I8, 0.00787402f, -1, MN_MAP_MINUS128},
      {MN_I8, 0.0078125f, 0, MN_MAP_MINUS128},
      {MN_I8, 1, -128, MN_MAP_MINUS128},
  };
  for (size_t i = 0; i < sizeof taken / sizeof taken[0]; i++) {
    mn_contract_facts facts = facts_of(taken[i].type, taken[i].scale, taken[i].zero);
    mn_contract contract = derived(&facts);
    assert_int_equal(contract.input.map, taken[i].map);
    assert_true(contract.assumed & MN_ASSUMED_MAP);
  }
}

static void test_derive_segmenters(void **state) {
  (void)state;
  mn_contract_facts facts = facts_of(MN_U8, 0, 0);
  facts.task = MN_TASK_SEGMENT;
  facts.output_normalized = false;
  facts.output_count = 21;
  mn_contract contract = derived(&facts);
  assert_int_equal(contract.task, MN_TASK_SEGMENT);
  assert_int_equal(contract.input.fit, MN_FIT_STRETCH);
  assert_int_equal(contract.score, MN_SCORE_NONE);
  assert_int_equal(contract.segment.sampling, MN_SAMPLING_HALF_PIXEL);
  assert_int_equal(contract.labels.count, 21);
  assert_int_equal(contract.labels.background, -1);
  assert_string_equal(contract.labels.names[15], "person");
  assert_true(contract.assumed & MN_ASSUMED_LABELS);
  facts.output_count = 2;
  facts.align_corners = true;
  contract = derived(&facts);
  assert_int_equal(contract.segment.sampling, MN_SAMPLING_ALIGN_CORNERS);
  assert_string_equal(contract.labels.names[1], "foreground");
  facts.output_count = 19;
  contract = derived(&facts);
  assert_int_equal(contract.labels.count, 0);
  assert_false(contract.assumed & MN_ASSUMED_LABELS);
}

static void expect_refused(const mn_contract_facts *facts) {
  mn_contract contract;
  mn_error err;
  mn_contract_default(&contract);
  assert_int_equal(mn_contract_derive(&contract, facts, &arena, &err), MN_ERR_CONTRACT);
  assert_non_null(strstr(err.text, "--contract"));
  assert_non_null(strstr(err.text, "tf, torch, caffe, unit, raw"));
  assert_non_null(strstr(err.text, "convert"));
}

static void test_derive_refuses(void **state) {
  (void)state;
  static const mn_contract_facts bare[] = {
      {.input_type = MN_F32},
      {.input_type = MN_I8},
      {.input_type = MN_I32},
      {.input_type = MN_I8, .input_scale = 0.02f, .input_zero = -128},
      {.input_type = MN_I8, .input_scale = 0.003921569f, .input_zero = 0},
      {.input_type = MN_I8, .input_scale = 0.007843138f, .input_zero = -128},
      {.input_type = MN_F32, .has_normalization = true, .std = {0, 0, 0}},
  };
  for (size_t i = 0; i < sizeof bare / sizeof bare[0]; i++) {
    mn_contract_facts facts = bare[i];
    facts.input_channels = 3;
    facts.output_count = 1000;
    expect_refused(&facts);
  }
  mn_contract_facts wide = facts_of(MN_U8, 1, 0);
  mn_contract contract;
  mn_error err;
  wide.input_channels = 4;
  mn_contract_default(&contract);
  assert_int_equal(mn_contract_derive(&contract, &wide, &arena, &err), MN_ERR_CONTRACT);
}

static void set_normalization(mn_contract_facts *facts, float mean, float deviation) {
  facts->has_normalization = true;
  for (int c = 0; c < 3; c++) {
    facts->mean[c] = mean;
    facts->std[c] = deviation;
  }
}

static void test_derive_metadata(void **state) {
  (void)state;
  mn_contract_facts facts = facts_of(MN_F32, 0, 0);
  set_normalization(&facts, 127.5f, 127.5f);
  mn_contract contract = derived(&facts);
  assert_int_equal(contract.input.map, MN_MAP_AFFINE);
  assert_true(contract.input.scale[1] == 1 / 127.5 && contract.input.offset[1] == -1);
  assert_false(contract.assumed & MN_ASSUMED_MAP); /* read, not assumed */
  facts = facts_of(MN_U8, 0.0078125f, 128);
  set_normalization(&facts, 127.5f, 127.5f);
  assert_int_equal(derived(&facts).input.map, MN_MAP_IDENTITY_U8);
  facts = facts_of(MN_U8, 0.0078125f, 128);
  set_normalization(&facts, 0, 255); /* [0,1] into a [-1,1] tensor is not the pixel */
  contract = derived(&facts);
  assert_int_equal(contract.input.map, MN_MAP_AFFINE);
  facts = facts_of(MN_I8, 0.007843138f, -1);
  set_normalization(&facts, 127.5f, 127.5f);
  assert_int_equal(derived(&facts).input.map, MN_MAP_MINUS128);
  facts = facts_of(MN_I8, 0.02f, 3);
  set_normalization(&facts, 120, 60);
  assert_int_equal(derived(&facts).input.map, MN_MAP_AFFINE);
}

static void test_derive_outputs(void **state) {
  (void)state;
  mn_contract_facts facts = facts_of(MN_U8, 1, 0);
  facts.output_count = 1001;
  facts.output_normalized = false;
  mn_contract contract = derived(&facts);
  assert_int_equal(contract.labels.background, 0);
  assert_int_equal(contract.labels.count, 1001);
  assert_string_equal(contract.labels.names[1], "tench");
  assert_int_equal(contract.score, MN_SCORE_SOFTMAX);
  assert_string_equal(mn_contract_assumptions(&contract, &arena),
                      "assumed: pixels as they are, RGB, central square of 0.875, Pillow bilinear, "
                      "scores by softmax, output 0 is background, ImageNet's class names");
  facts.output_count = 1000;
  contract = derived(&facts);
  assert_int_equal(contract.labels.background, -1);
  assert_string_equal(contract.labels.names[0], "tench");
  facts.output_count = 2;
  facts.output_normalized = true;
  facts.input_channels = 1;
  contract = derived(&facts);
  assert_int_equal(contract.input.order, MN_PIXELS_GRAY);
  assert_int_equal(contract.labels.count, 0);
  assert_int_equal(contract.score, MN_SCORE_NONE);
  assert_false(contract.assumed & (MN_ASSUMED_SCORE | MN_ASSUMED_LABELS | MN_ASSUMED_BACKGROUND));
  facts.output_count = 0;
  facts.task = MN_TASK_NONE;
  assert_int_equal(derived(&facts).task, MN_TASK_NONE);
}

static void test_derive_after_preset(void **state) {
  (void)state;
  mn_contract_facts facts = facts_of(MN_F32, 0, 0);
  mn_contract contract;
  mn_error err;
  facts.output_count = 1001;
  mn_contract_default(&contract);
  assert_int_equal(mn_contract_preset(&contract, "raw", &err), MN_OK);
  assert_int_equal(mn_contract_derive(&contract, &facts, &arena, &err), MN_OK);
  assert_int_equal(contract.input.map, MN_MAP_AFFINE);
  assert_true(contract.input.scale[0] == 1 && contract.input.offset[0] == 0);
  assert_int_equal(contract.labels.background, 0);
  mn_contract_default(&contract);
  assert_int_equal(mn_contract_preset(&contract, "torch", &err), MN_OK);
  assert_int_equal(mn_contract_derive(&contract, &facts, &arena, &err), MN_OK);
  assert_int_equal(contract.input.fit, MN_FIT_RESIZE_THEN_CROP);
}

/* Nothing is open in a contract that was read: derivation only checks it. */
static void test_derive_stated(void **state) {
  (void)state;
  mn_contract_facts facts = facts_of(MN_U8, 1, 0);
  mn_error err;
  facts.output_count = 0;
  mn_contract contract = parse("{\"input\":{\"map\":\"identity_u8\"},\"task\":\"none\"}");
  assert_int_equal(mn_contract_derive(&contract, &facts, &arena, &err), MN_OK);
  assert_int_equal(contract.task, MN_TASK_NONE);
  facts.output_count = 1000;
  contract = parse("{\"input\":{\"map\":\"identity_u8\"}}");
  assert_int_equal(mn_contract_derive(&contract, &facts, &arena, &err), MN_OK);
  assert_int_equal(contract.labels.count, 0);
  contract = parse("{\"input\":{\"map\":\"minus128\"}}");
  assert_int_equal(mn_contract_derive(&contract, &facts, &arena, &err), MN_ERR_CONTRACT);
}

static void test_check(void **state) {
  (void)state;
  mn_contract_facts facts = facts_of(MN_F32, 0, 0);
  mn_error err;
  mn_contract contract = parse("{\"input\":{\"map\":\"identity_u8\"}}");
  assert_int_equal(mn_contract_check(&contract, &facts, &err), MN_ERR_CONTRACT);
  contract = parse("{\"input\":{\"map\":\"minus128\"}}");
  assert_int_equal(mn_contract_check(&contract, &facts, &err), MN_ERR_CONTRACT);
  facts = facts_of(MN_I8, 0, 0);
  assert_int_equal(mn_contract_check(&contract, &facts, &err), MN_OK);
  facts.input_channels = 1;
  assert_int_equal(mn_contract_check(&contract, &facts, &err), MN_ERR_CONTRACT);
  facts.input_channels = 3;
  contract = parse("{\"input\":{\"map\":\"affine\",\"scale\":[1],\"offset\":[0]}}");
  assert_int_equal(mn_contract_check(&contract, &facts, &err), MN_ERR_CONTRACT);
  facts.input_scale = 1;
  assert_int_equal(mn_contract_check(&contract, &facts, &err), MN_OK);
  contract.labels.background = 10;
  assert_int_equal(mn_contract_check(&contract, &facts, &err), MN_ERR_CONTRACT);
  contract = parse("{\"input\":{\"map\":\"minus128\"},\"labels\":{\"names\":[\"a\",\"b\"]}}");
  assert_int_equal(mn_contract_check(&contract, &facts, &err), MN_ERR_CONTRACT);
  facts.output_count = 2;
  assert_int_equal(mn_contract_check(&contract, &facts, &err), MN_OK);
}

static void test_labels(void **state) {
  (void)state;
  const char text[] =
      "\xEF\xBB\xBF"
      "daisy\r\n\nrose, red\ntulip\n";
  mn_contract contract;
  mn_error err;
  mn_contract_default(&contract);
  assert_int_equal(mn_contract_set_labels(&contract, text, sizeof text - 1, &arena, &err), MN_OK);
  assert_int_equal(contract.labels.count, 4);
  assert_string_equal(contract.labels.names[0], "daisy");
  assert_string_equal(contract.labels.names[1], "");
  assert_string_equal(contract.labels.names[2], "rose, red");
  assert_string_equal(contract.labels.names[3], "tulip");
  assert_int_equal(mn_contract_set_labels(&contract, "a\nb", 3, &arena, &err), MN_OK);
  assert_int_equal(contract.labels.count, 2);
  assert_string_equal(contract.labels.names[1], "b");
  assert_int_equal(mn_contract_set_labels(&contract, "a\n\nb\r\n\r\n\n", 9, &arena, &err), MN_OK);
  assert_int_equal(contract.labels.count, 3);
  assert_int_equal(mn_contract_set_labels(&contract, "\n\n", 2, &arena, &err), MN_ERR_FORMAT);
  assert_int_equal(mn_contract_set_labels(&contract, "", 0, &arena, &err), MN_ERR_FORMAT);
  assert_int_equal(mn_contract_set_labels(&contract, "a\xFF", 2, &arena, &err), MN_ERR_FORMAT);
  assert_int_equal(mn_contract_set_labels(&contract, "a\0b", 3, &arena, &err), MN_ERR_FORMAT);
}

static void test_imagenet_names(void **state) {
  (void)state;
  mn_contract contract, with_background;
  mn_error err;
  mn_contract_default(&contract);
  mn_contract_default(&with_background);
  assert_int_equal(mn_contract_set_imagenet_labels(&contract, false, &arena, &err), MN_OK);
  assert_int_equal(mn_contract_set_imagenet_labels(&with_background, true, &arena, &err), MN_OK);
  const char *const *names = contract.labels.names;
  assert_int_equal(contract.labels.count, 1000);
  assert_string_equal(names[0], "tench");
  assert_string_equal(names[999], "toilet tissue");
  assert_string_equal(names[281], "tabby");
  assert_int_equal(with_background.labels.count, 1001);
  assert_string_equal(with_background.labels.names[0], "background");
  assert_string_equal(with_background.labels.names[1], "tench");
  for (int i = 0; i < 1000; i++) {
    assert_true(names[i] && names[i][0]);
    for (int j = 0; j < i; j++) assert_string_not_equal(names[i], names[j]);
  }
  FILE *list = fopen(MN_TEST_DIR "/golden/imagenet_names.txt", "r"); /* what they are made from */
  assert_non_null(list);
  char line[64];
  for (int i = 0; i < 1001; i++) {
    assert_non_null(fgets(line, sizeof line, list));
    line[strcspn(line, "\n")] = '\0';
    assert_string_equal(line, with_background.labels.names[i]);
  }
  assert_null(fgets(line, sizeof line, list));
  fclose(list);
}

/* The tree of such a text would be fifty times as large. */
static void test_json_takes_bounded_memory(void **state) {
  (void)state;
  enum { COUNT = 1 << 20 };
  mn_contract contract;
  mn_error err = {0};
  static char text[2 * COUNT + 2];
  text[0] = '[';
  for (size_t i = 0; i < COUNT; i++) memcpy(text + 1 + 2 * i, "0,", 2);
  text[2 * COUNT] = ']';
  assert_int_equal(mn_contract_from_json(&contract, text, 2 * COUNT + 1, &arena, &err),
                   MN_ERR_LIMIT);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(test_canonical),
      cmocka_unit_test(test_canonical_tasks),
      cmocka_unit_test(test_defaults_and_unknown_keys),
      cmocka_unit_test(test_json_refusals),
      cmocka_unit_test_teardown(test_json_takes_bounded_memory, free_arena),
      cmocka_unit_test(test_presets),
      cmocka_unit_test(test_derive_integer_inputs),
      cmocka_unit_test(test_derive_segmenters),
      cmocka_unit_test(test_derive_refuses),
      cmocka_unit_test(test_derive_metadata),
      cmocka_unit_test(test_derive_outputs),
      cmocka_unit_test(test_derive_after_preset),
      cmocka_unit_test(test_derive_stated),
      cmocka_unit_test(test_check),
      cmocka_unit_test(test_labels),
      cmocka_unit_test(test_imagenet_names),
  };
  return cmocka_run_group_tests(tests, NULL, free_arena);
}
