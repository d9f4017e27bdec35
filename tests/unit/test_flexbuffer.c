/* SPDX-License-Identifier: Apache-2.0
 * Numbers of a FlexBuffer map that Google's Python library wrote, and every way to break it. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <string.h>

#include "wire/flexbuffer.h"

/* {max_detections: 10, negative: -3, nms_iou_threshold: 0.6, use_regular_nms: true, name: "x",
 * big: 70000}, by flatbuffers 25.12.19's flexbuffers.Builder. */
static const uint8_t sample[] = {
    109, 97,  120, 95,  100, 101, 116, 101, 99,  116, 105, 111, 110, 115, 0,   110, 101, 103,
    97,  116, 105, 118, 101, 0,   110, 109, 115, 95,  105, 111, 117, 95,  116, 104, 114, 101,
    115, 104, 111, 108, 100, 0,   117, 115, 101, 95,  114, 101, 103, 117, 108, 97,  114, 95,
    110, 109, 115, 0,   110, 97,  109, 101, 0,   1,   120, 0,   98,  105, 103, 0,   6,   5,
    72,  15,  59,  51,  34,  0,   0,   0,   9,   0,   0,   0,   0,   0,   0,   0,   1,   0,
    0,   0,   0,   0,   0,   0,   6,   0,   0,   0,   0,   0,   0,   0,   112, 17,  1,   0,
    0,   0,   0,   0,   10,  0,   0,   0,   0,   0,   0,   0,   56,  0,   0,   0,   0,   0,
    0,   0,   253, 255, 255, 255, 255, 255, 255, 255, 51,  51,  51,  51,  51,  51,  227, 63,
    1,   0,   0,   0,   0,   0,   0,   0,   11,  7,   20,  7,   15,  107, 54,  39,  1};

static void expect(const mn_flexbuffer *map, const char *key, double expected) {
  double number;
  assert_true(mn_flexbuffer_number(map, key, &number));
  if (number != expected) fail_msg("%s is %g", key, number);
}

static void numbers_are_found_by_key(void **state) {
  (void)state;
  mn_flexbuffer map;
  double number;
  assert_true(mn_flexbuffer_open(&map, sample, sizeof sample));
  expect(&map, "max_detections", 10);
  expect(&map, "negative", -3);
  expect(&map, "nms_iou_threshold", 0.6);
  expect(&map, "use_regular_nms", 1);
  expect(&map, "big", 70000);
  assert_false(mn_flexbuffer_number(&map, "name", &number)); /* a string */
  assert_false(mn_flexbuffer_number(&map, "absent", &number));
  assert_false(mn_flexbuffer_number(&map, "max", &number));
}

static void read_all(const uint8_t *bytes, size_t size) {
  static const char *const keys[] = {"max_detections", "negative", "nms_iou_threshold", "big"};
  mn_flexbuffer map;
  double number;
  if (!mn_flexbuffer_open(&map, bytes, size)) return;
  for (size_t i = 0; i < 4; i++) (void)mn_flexbuffer_number(&map, keys[i], &number);
}

/* Under the sanitizers: no truncation and no bit flip reads outside. */
static void broken_maps_stay_inside(void **state) {
  (void)state;
  uint8_t copy[sizeof sample];
  for (size_t size = 0; size < sizeof sample; size++) read_all(sample + sizeof sample - size, size);
  for (size_t bit = 0; bit < sizeof sample * 8; bit++) {
    memcpy(copy, sample, sizeof copy);
    copy[bit / 8] ^= (uint8_t)(1u << bit % 8);
    read_all(copy, sizeof copy);
  }
  assert_false(mn_flexbuffer_open(&(mn_flexbuffer){0}, sample, 2));
}

static void what_is_written_is_read(void **state) {
  (void)state;
  static const mn_flex_number numbers[] = {{"detections_per_class", MN_FLEX_INT, 100},
                                           {"negative", MN_FLEX_INT, -70000},
                                           {"nms_iou_threshold", MN_FLEX_REAL, 0.375},
                                           {"use_regular_nms", MN_FLEX_BOOL, 1}};
  uint8_t bytes[256];
  mn_flexbuffer map;
  for (size_t count = 1; count <= 4; count++) {
    const size_t size = mn_flexbuffer_map_bytes(numbers, count);
    assert_in_range(size, 1, sizeof bytes - 1);
    bytes[size] = 0xa5;
    mn_flexbuffer_write_map(bytes, numbers, count);
    assert_int_equal(bytes[size], 0xa5);
    assert_true(mn_flexbuffer_open(&map, bytes, size));
    assert_int_equal(map.count, count);
    assert_int_equal(map.values % 4, 0);
    for (size_t i = 0; i < count; i++) expect(&map, numbers[i].key, numbers[i].number);
  }
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(numbers_are_found_by_key),
      cmocka_unit_test(broken_maps_stay_inside),
      cmocka_unit_test(what_is_written_is_read),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
