/* SPDX-License-Identifier: Apache-2.0
 * wire/flatbuffer: what the builder writes the reader reads; every damage is a reported problem. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
/* cmocka needs the above */
#include <cmocka.h>

#include "base/alloc.h"
#include "wire/flatbuffer.h"

/* root {0: u8 7, 1: "hello", 2: [table {0: i32 -5}, table {1: f32 2.5}], 4: [1, 2, 3] (i32)} */
static mn_fb_builder build_sample(void) {
  mn_fb_builder b = {0};
  static const int32_t numbers[3] = {1, 2, 3};
  mn_fb_build_begin(&b, "TEST");
  mn_fb_put_u8(&b, 0, 7);
  mn_fb_put_slot(&b, 1);
  mn_fb_put_slot(&b, 2);
  mn_fb_put_slot(&b, 4);
  size_t root = mn_fb_put_table(&b);
  mn_fb_link(&b, 0, root);
  mn_fb_link(&b, mn_fb_slot_of(&b, root, 1), mn_fb_put_string(&b, "hello", 5));
  size_t tables = mn_fb_put_slots(&b, 2);
  mn_fb_link(&b, mn_fb_slot_of(&b, root, 2), tables);
  mn_fb_put_i32(&b, 0, -5);
  mn_fb_link(&b, tables + 4, mn_fb_put_table(&b));
  mn_fb_put_f32(&b, 1, 2.5f);
  mn_fb_link(&b, tables + 8, mn_fb_put_table(&b));
  mn_fb_link(&b, mn_fb_slot_of(&b, root, 4), mn_fb_put_vector(&b, numbers, 3, 4, 16));
  assert_false(b.failed);
  return b;
}

/* Reads all of the sample; the sum of what was read. */
static double read_sample(mn_flatbuffer *fb) {
  mn_fb_table root = mn_fb_root(fb);
  double sum = mn_fb_u8(fb, &root, 0, 0);
  mn_fb_vector text = mn_fb_vector_at(fb, &root, 1, 1);
  const uint8_t *bytes = mn_fb_vector_bytes(fb, &text);
  for (uint32_t i = 0; i < text.count; i++) sum += bytes[i];
  mn_fb_vector tables = mn_fb_vector_at(fb, &root, 2, 4);
  for (uint32_t i = 0; i < tables.count; i++) {
    mn_fb_table table = mn_fb_vector_table(fb, &tables, i);
    sum += mn_fb_i32(fb, &table, 0, 100) + (double)mn_fb_f32(fb, &table, 1, 0.25f);
  }
  mn_fb_vector numbers = mn_fb_vector_at(fb, &root, 4, 4);
  for (uint32_t i = 0; i < numbers.count; i++) sum += mn_fb_vector_i32(fb, &numbers, i);
  return sum;
}

static void round_trip(void **state) {
  (void)state;
  mn_fb_builder b = build_sample();
  assert_true(mn_fb_has_identifier(b.bytes, b.size, "TEST"));
  assert_false(mn_fb_has_identifier(b.bytes, b.size, "TFL3"));
  assert_false(mn_fb_has_identifier(b.bytes, 7, "TEST"));
  mn_flatbuffer fb = {.bytes = b.bytes, .size = b.size};
  assert_true(read_sample(&fb) == 7 + 532 + (-5 + 0.25) + (100 + 2.5) + 6);
  assert_null(fb.problem);
  mn_free(b.bytes);
}

static void absent_fields_have_defaults(void **state) {
  (void)state;
  mn_fb_builder b = build_sample();
  mn_flatbuffer fb = {.bytes = b.bytes, .size = b.size};
  mn_fb_table root = mn_fb_root(&fb);
  bool present = true;
  assert_int_equal(mn_fb_u32(&fb, &root, 3, 42), 42);
  assert_int_equal(mn_fb_i8(&fb, &root, 15, -3), -3);
  assert_int_equal(mn_fb_u64(&fb, &root, 3, 9), 9);
  mn_fb_table none = mn_fb_table_at(&fb, &root, 3, &present);
  assert_false(present);
  assert_int_equal(mn_fb_i32(&fb, &none, 0, 11), 11);
  assert_false(mn_fb_vector_at(&fb, &root, 3, 8).present);
  assert_null(fb.problem);
  mn_free(b.bytes);
}

static void alignment(void **state) {
  (void)state;
  mn_fb_builder b = build_sample();
  mn_flatbuffer fb = {.bytes = b.bytes, .size = b.size};
  mn_fb_table root = mn_fb_root(&fb);
  assert_int_equal(mn_fb_vector_at(&fb, &root, 4, 4).at % 16, 0);
  mn_free(b.bytes);
}

static void elements_out_of_range(void **state) {
  (void)state;
  mn_fb_builder b = build_sample();
  mn_flatbuffer fb = {.bytes = b.bytes, .size = b.size};
  mn_fb_table root = mn_fb_root(&fb);
  mn_fb_vector numbers = mn_fb_vector_at(&fb, &root, 4, 4);
  assert_int_equal(mn_fb_vector_i32(&fb, &numbers, 3), 0);
  assert_non_null(fb.problem);
  /* From here on everything is its default. */
  assert_int_equal(mn_fb_u8(&fb, &root, 0, 99), 99);
  mn_free(b.bytes);
}

/* Each truncation and each single bit flip is read to the end without a step outside the bytes
 * (the copy is exactly as long as the data, so that a sanitizer sees one). */
static void damage_never_escapes(void **state) {
  (void)state;
  mn_fb_builder b = build_sample();
  size_t problems = 0;
  for (size_t size = 0; size < b.size; size++) {
    uint8_t *copy = malloc(size ? size : 1);
    assert_non_null(copy);
    memcpy(copy, b.bytes, size);
    mn_flatbuffer fb = {.bytes = copy, .size = size};
    read_sample(&fb);
    problems += fb.problem != NULL;
    free(copy);
  }
  assert_true(problems >= b.size - 16);
  for (size_t bit = 0; bit < 8 * b.size; bit++) {
    uint8_t *copy = malloc(b.size);
    assert_non_null(copy);
    memcpy(copy, b.bytes, b.size);
    copy[bit / 8] ^= (uint8_t)(1u << bit % 8);
    mn_flatbuffer fb = {.bytes = copy, .size = b.size};
    read_sample(&fb);
    if (fb.problem) assert_true(fb.problem_at < (size_t)INT32_MAX * 2);
    free(copy);
  }
  mn_free(b.bytes);
}

static void deterministic(void **state) {
  (void)state;
  mn_fb_builder a = build_sample(), b = build_sample();
  assert_int_equal(a.size, b.size);
  assert_memory_equal(a.bytes, b.bytes, a.size);
  mn_free(a.bytes);
  mn_free(b.bytes);
}

static void too_large_is_refused(void **state) {
  (void)state;
  mn_fb_builder b = {0};
  mn_fb_build_begin(&b, "TEST");
  mn_fb_put_vector(&b, NULL, (size_t)INT32_MAX, 4, 4);
  assert_true(b.failed);
  assert_true(b.too_large);
  mn_free(b.bytes);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(round_trip),
      cmocka_unit_test(absent_fields_have_defaults),
      cmocka_unit_test(alignment),
      cmocka_unit_test(elements_out_of_range),
      cmocka_unit_test(damage_never_escapes),
      cmocka_unit_test(deterministic),
      cmocka_unit_test(too_large_is_refused),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
