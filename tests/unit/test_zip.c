/* SPDX-License-Identifier: Apache-2.0
 * wire/zip: tails are found behind other bytes; damage hides an entry but never leads outside. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
/* cmocka needs the above */
#include <cmocka.h>

#include "wire/zip.h"

static const char name[] = "labels.txt", text[] = "tench\ngoldfish\n";
enum { NAME = sizeof name - 1, TEXT = sizeof text - 1, FRONT = 100 };

/* FRONT bytes of something else, then a tail; offsets count from `counted`. */
static uint8_t *build_sample(size_t counted, size_t *size) {
  mn_zip_entry entry = {
      .name = name, .name_length = NAME, .data = (const uint8_t *)text, .size = TEXT};
  *size = FRONT + mn_zip_tail_bytes(NAME, TEXT);
  uint8_t *bytes = malloc(*size);
  assert_non_null(bytes);
  memset(bytes, 0x55, FRONT);
  mn_zip_write_tail(bytes + FRONT, FRONT - counted, &entry);
  return bytes;
}

static void expect_sample(const uint8_t *bytes, size_t size) {
  mn_zip zip;
  mn_zip_entry entry;
  assert_true(mn_zip_open(&zip, bytes, size));
  assert_true(mn_zip_find(&zip, name, NAME, &entry));
  assert_int_equal(entry.size, TEXT);
  assert_memory_equal(entry.data, text, TEXT);
  assert_false(mn_zip_find(&zip, "other", 5, &entry));
  assert_true(mn_zip_next(&zip, &entry));
  assert_false(mn_zip_next(&zip, &entry));
}

static void found_with_absolute_and_relative_offsets(void **state) {
  (void)state;
  for (size_t counted = 0; counted <= FRONT; counted += FRONT) {
    size_t size;
    uint8_t *bytes = build_sample(counted, &size);
    expect_sample(bytes, size);
    free(bytes);
  }
}

static void no_archive(void **state) {
  (void)state;
  uint8_t bytes[64] = {0};
  mn_zip zip;
  assert_false(mn_zip_open(&zip, bytes, 0));
  assert_false(mn_zip_open(&zip, bytes, 21));
  assert_false(mn_zip_open(&zip, bytes, sizeof bytes));
}

/* CRC-32 of "123456789" is the check value that every description of it gives. */
static void crc_is_the_standard_one(void **state) {
  (void)state;
  uint8_t bytes[256];
  mn_zip_entry entry = {
      .name = "a", .name_length = 1, .data = (const uint8_t *)"123456789", .size = 9};
  mn_zip_write_tail(bytes, 0, &entry);
  static const uint8_t check[4] = {0x26, 0x39, 0xf4, 0xcb}; /* the standard's check value */
  assert_memory_equal(bytes + 14, check, 4);
}

static void compressed_entries_have_no_data(void **state) {
  (void)state;
  size_t size;
  uint8_t *bytes = build_sample(0, &size);
  mn_zip zip;
  mn_zip_entry entry;
  bytes[FRONT + 30 + NAME + TEXT + 10] = 8; /* the central record's method: deflate */
  assert_true(mn_zip_open(&zip, bytes, size));
  assert_false(mn_zip_find(&zip, name, NAME, &entry));
  assert_true(mn_zip_next(&zip, &entry));
  assert_null(entry.data);
  free(bytes);
}

static void walk(const uint8_t *bytes, size_t size) {
  mn_zip zip;
  mn_zip_entry entry;
  if (!mn_zip_open(&zip, bytes, size)) return;
  unsigned sum = 0;
  while (mn_zip_next(&zip, &entry)) {
    for (size_t i = 0; i < entry.name_length; i++) sum += (unsigned char)entry.name[i];
    for (size_t i = 0; entry.data && i < entry.size; i++) sum += entry.data[i];
  }
  assert_true(sum < 1u << 20);
}

static void damage_never_escapes(void **state) {
  (void)state;
  size_t size;
  uint8_t *bytes = build_sample(0, &size);
  for (size_t cut = 0; cut <= size; cut++) {
    uint8_t *copy = malloc(cut ? cut : 1);
    assert_non_null(copy);
    memcpy(copy, bytes, cut);
    walk(copy, cut);
    memcpy(copy, bytes + size - cut, cut);
    walk(copy, cut);
    free(copy);
  }
  for (size_t bit = 0; bit < 8 * size; bit++) {
    bytes[bit / 8] ^= (uint8_t)(1u << bit % 8);
    walk(bytes, size);
    bytes[bit / 8] ^= (uint8_t)(1u << bit % 8);
  }
  free(bytes);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(found_with_absolute_and_relative_offsets),
      cmocka_unit_test(no_archive),
      cmocka_unit_test(crc_is_the_standard_one),
      cmocka_unit_test(compressed_entries_have_no_data),
      cmocka_unit_test(damage_never_escapes),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
