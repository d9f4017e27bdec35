/* SPDX-License-Identifier: Apache-2.0
 * The Protocol Buffers reader: the wire types, packed numbers, and bytes that lie. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "wire/protobuf.h"

#define OPEN(text) mn_pb_open((mn_pb_span){(const uint8_t *)(text), sizeof(text) - 1})

static void test_wire_types(void **state) {
  (void)state;
  mn_pb_cursor cursor = OPEN(
      "\x08\x96\x01"
      "\x12\x03"
      "abc"
      "\x1d\x00\x00\x80\x3f"
      "\x21\x01\x02\x03\x04\x05\x06\x07\x08"
      "\x2a\x00");
  mn_pb_field field;
  mn_pb_span span;
  int64_t number;
  float real;
  assert_true(mn_pb_next(&cursor, &field));
  assert_true(mn_pb_is_int(&field, 1, &number) && number == 150);
  assert_false(mn_pb_is_bytes(&field, 1, &span) || mn_pb_is_int(&field, 2, &number));
  assert_true(mn_pb_next(&cursor, &field));
  assert_true(mn_pb_is_bytes(&field, 2, &span) && mn_pb_equal(span, "abc"));
  assert_false(mn_pb_is_float(&field, 2, &real));
  assert_true(mn_pb_next(&cursor, &field));
  assert_true(mn_pb_is_float(&field, 3, &real) && real == 1.0f);
  assert_true(mn_pb_next(&cursor, &field));
  assert_true(field.number == 4 && field.wire == MN_PB_FIXED64);
  assert_true(field.bits == 0x0807060504030201u);
  assert_true(mn_pb_next(&cursor, &field));
  assert_true(mn_pb_is_bytes(&field, 5, &span) && span.size == 0 && span.data);
  assert_false(mn_pb_next(&cursor, &field));
  assert_null(cursor.problem);
}

static void test_numbers(void **state) {
  (void)state;
  mn_pb_field field;
  int64_t number;
  mn_pb_cursor minus = OPEN("\x08\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01");
  assert_true(mn_pb_next(&minus, &field) && mn_pb_is_int(&field, 1, &number) && number == -1);
  mn_pb_cursor packed = OPEN("\x01\x80\x01\x7f");
  const uint64_t expected[] = {1, 128, 127};
  uint64_t bits;
  for (int i = 0; i < 3; i++) {
    assert_true(mn_pb_varint(&packed, &bits));
    assert_true(bits == expected[i]);
  }
  assert_false(mn_pb_varint(&packed, &bits));
  assert_null(packed.problem);
}

static void expect_problem(const void *bytes, size_t size, const char *word) {
  uint8_t *exact = malloc(size); /* asan sees one byte too far */
  mn_pb_field field;
  assert_non_null(exact);
  memcpy(exact, bytes, size);
  mn_pb_cursor cursor = mn_pb_open((mn_pb_span){exact, size});
  while (mn_pb_next(&cursor, &field)) {
  }
  assert_non_null(cursor.problem);
  assert_non_null(strstr(cursor.problem, word));
  assert_false(mn_pb_next(&cursor, &field)); /* and it stays broken */
  free(exact);
}

static void test_lies(void **state) {
  (void)state;
  expect_problem("\x80", 1, "cut off");
  expect_problem("\x08\x80", 2, "cut off");
  expect_problem("\x0d\x01\x02\x03", 4, "cut off");
  expect_problem("\x09\x01\x02\x03\x04\x05\x06\x07", 8, "cut off");
  expect_problem("\x0a\x02x", 3, "longer");
  expect_problem("\x0a\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01", 11, "longer");
  expect_problem("\x08\xff\xff\xff\xff\xff\xff\xff\xff\xff\x02", 11, "64 bits");
  expect_problem("\x08\x80\x80\x80\x80\x80\x80\x80\x80\x80\x80\x01", 12, "64 bits");
  expect_problem("\x0b\x0c", 2, "wire type");
  expect_problem("\x0e\x00", 2, "wire type");
  expect_problem("\x00\x01", 2, "valid number");
  expect_problem("\x88\x80\x80\x80\x80\x01\x00", 7, "valid number");
}

static void test_order(void **state) {
  (void)state;
  mn_pb_span a = {(const uint8_t *)"ab", 2}, b = {(const uint8_t *)"abc", 3}, none = {NULL, 0};
  assert_true(mn_pb_compare(a, b) < 0 && mn_pb_compare(b, a) > 0 && mn_pb_compare(a, a) == 0);
  assert_true(mn_pb_compare(none, a) < 0 && mn_pb_equal(none, ""));
  mn_pb_field field;
  mn_pb_cursor cursor = mn_pb_open(none);
  assert_false(mn_pb_next(&cursor, &field));
  assert_null(cursor.problem);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(test_wire_types),
      cmocka_unit_test(test_numbers),
      cmocka_unit_test(test_lies),
      cmocka_unit_test(test_order),
  };
  return cmocka_run_group_tests_name("protobuf", tests, NULL, NULL);
}
