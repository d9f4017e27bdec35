/* SPDX-License-Identifier: Apache-2.0
 * Reading a FlatBuffer without trusting it: every offset is checked where it is followed. */
#include "wire/flatbuffer.h"

#include <string.h>

#include "base/checked.h"

static void report(mn_flatbuffer *fb, const char *problem, size_t at) {
  if (fb->problem) return;
  fb->problem = problem;
  fb->problem_at = at;
}

/* Copies `width` bytes at `at`; false, with `out` untouched, when they are not all there. */
static bool fetch(mn_flatbuffer *fb, size_t at, void *out, size_t width) {
  if (fb->problem) return false;
  if (!mn_within(at, width, fb->size)) {
    report(fb, "a field lies outside the file", at);
    return false;
  }
  memcpy(out, fb->bytes + at, width);
  return true;
}

bool mn_fb_has_identifier(const uint8_t *bytes, size_t size, const char *identifier) {
  return size >= 8 && memcmp(bytes + 4, identifier, 4) == 0;
}

static mn_fb_table open_table(mn_flatbuffer *fb, size_t at) {
  mn_fb_table empty = {0};
  int32_t back;
  uint16_t sizes[2]; /* of the vtable and of the inline part */
  if (!fetch(fb, at, &back, sizeof back)) return empty;
  int64_t vtable = (int64_t)at - back;
  if (vtable < 0 || !mn_within((uint64_t)vtable, sizeof sizes, fb->size)) {
    report(fb, "a table's field list lies outside the file", at);
    return empty;
  }
  if (!fetch(fb, (size_t)vtable, sizes, sizeof sizes)) return empty;
  if (sizes[0] < 4 || sizes[0] % 2 || !mn_within((uint64_t)vtable, sizes[0], fb->size)) {
    report(fb, "a table's field list has a bad length", (size_t)vtable);
    return empty;
  }
  if (sizes[1] < 4 || !mn_within(at, sizes[1], fb->size)) {
    report(fb, "a table has a bad length", (size_t)vtable);
    return empty;
  }
  return (mn_fb_table){.at = at,
                       .size = sizes[1],
                       .vtable = (size_t)vtable + 4,
                       .fields = (size_t)(sizes[0] - 4) / 2};
}

mn_fb_table mn_fb_root(mn_flatbuffer *fb) {
  uint32_t root;
  if (!fetch(fb, 0, &root, sizeof root)) return (mn_fb_table){0};
  return open_table(fb, root);
}

/* Place of a field of `width` bytes; false when absent or broken. */
static bool find_field(mn_flatbuffer *fb, const mn_fb_table *table, uint32_t field, size_t width,
                       size_t *at) {
  uint16_t offset;
  if (field >= table->fields) return false;
  if (!fetch(fb, table->vtable + 2 * (size_t)field, &offset, sizeof offset)) return false;
  if (offset == 0) return false;
  if (offset < 4 || !mn_within(offset, width, table->size)) {
    report(fb, "a field lies outside its table", table->at);
    return false;
  }
  *at = table->at + offset;
  return true;
}

#define SCALAR(name, type)                                                                    \
  type name(mn_flatbuffer *fb, const mn_fb_table *table, uint32_t field, type fallback) {     \
    size_t at;                                                                                \
    type value = fallback;                                                                    \
    if (find_field(fb, table, field, sizeof value, &at)) fetch(fb, at, &value, sizeof value); \
    return value;                                                                             \
  }
SCALAR(mn_fb_u8, uint8_t)
SCALAR(mn_fb_i8, int8_t)
SCALAR(mn_fb_u32, uint32_t)
SCALAR(mn_fb_i32, int32_t)
SCALAR(mn_fb_u64, uint64_t)
SCALAR(mn_fb_f32, float)
#undef SCALAR

/* Follows the offset stored at `at`. Its target is checked by whoever reads there. */
static bool follow(mn_flatbuffer *fb, size_t at, size_t *target) {
  uint32_t offset;
  if (!fetch(fb, at, &offset, sizeof offset)) return false;
  if (offset == 0 || !mn_add_size(at, offset, target)) {
    report(fb, "an offset points nowhere", at);
    return false;
  }
  return true;
}

mn_fb_table mn_fb_table_at(mn_flatbuffer *fb, const mn_fb_table *table, uint32_t field,
                           bool *present) {
  size_t at, target;
  bool found = find_field(fb, table, field, 4, &at);
  if (present) *present = found;
  if (!found || !follow(fb, at, &target)) return (mn_fb_table){0};
  return open_table(fb, target);
}

mn_fb_vector mn_fb_vector_at(mn_flatbuffer *fb, const mn_fb_table *table, uint32_t field,
                             size_t width) {
  mn_fb_vector none = {0};
  size_t at, target;
  uint32_t count;
  if (!find_field(fb, table, field, 4, &at) || !follow(fb, at, &target)) return none;
  if (!fetch(fb, target, &count, sizeof count)) return none;
  if (!mn_within((uint64_t)target + 4, (uint64_t)count * width, fb->size)) {
    report(fb, "a list is longer than the file", target);
    return none;
  }
  return (mn_fb_vector){.at = target + 4, .count = count, .present = true};
}

static bool element(mn_flatbuffer *fb, const mn_fb_vector *vector, uint32_t index, void *out,
                    size_t width) {
  if (index >= vector->count) {
    report(fb, "a list is shorter than expected", vector->at);
    return false;
  }
  return fetch(fb, vector->at + (size_t)index * width, out, width);
}

int32_t mn_fb_vector_i32(mn_flatbuffer *fb, const mn_fb_vector *vector, uint32_t index) {
  int32_t value = 0;
  element(fb, vector, index, &value, sizeof value);
  return value;
}

int64_t mn_fb_vector_i64(mn_flatbuffer *fb, const mn_fb_vector *vector, uint32_t index) {
  int64_t value = 0;
  element(fb, vector, index, &value, sizeof value);
  return value;
}

float mn_fb_vector_f32(mn_flatbuffer *fb, const mn_fb_vector *vector, uint32_t index) {
  float value = 0;
  element(fb, vector, index, &value, sizeof value);
  return value;
}

mn_fb_table mn_fb_vector_table(mn_flatbuffer *fb, const mn_fb_vector *vector, uint32_t index) {
  size_t target;
  if (index >= vector->count) {
    report(fb, "a list is shorter than expected", vector->at);
    return (mn_fb_table){0};
  }
  if (!follow(fb, vector->at + 4 * (size_t)index, &target)) return (mn_fb_table){0};
  return open_table(fb, target);
}

const uint8_t *mn_fb_vector_bytes(const mn_flatbuffer *fb, const mn_fb_vector *vector) {
  return vector->count ? fb->bytes + vector->at : NULL;
}
