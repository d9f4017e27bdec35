/* SPDX-License-Identifier: Apache-2.0
 * Writing a FlatBuffer front to back. A FlatBuffer's offsets point forward, so parents come first
 * and their slots are filled when the children are placed. */
#include <string.h>

#include "base/alloc.h"
#include "base/checked.h"
#include "wire/flatbuffer.h"

enum { FIRST_CAPACITY = 1 << 16 };

/* Appends `count` zero bytes; their place, or 0 after a failure. */
static size_t append(mn_fb_builder *b, size_t count) {
  size_t need;
  if (b->failed) return 0;
  if (!mn_add_size(b->size, count, &need) || need > INT32_MAX) {
    b->failed = b->too_large = true;
    return 0;
  }
  if (need > b->capacity) {
    size_t capacity = b->capacity ? b->capacity : FIRST_CAPACITY;
    while (capacity < need) capacity *= 2;
    uint8_t *grown = mn_realloc(b->bytes, capacity);
    if (!grown) {
      b->failed = true;
      return 0;
    }
    b->bytes = grown;
    b->capacity = capacity;
  }
  size_t place = b->size;
  memset(b->bytes + place, 0, count);
  b->size = need;
  return place;
}

/* Pads so that the byte `ahead` from the end is aligned. */
static void align_ahead(mn_fb_builder *b, size_t ahead, size_t align) {
  append(b, (align - (b->size + ahead) % align) % align);
}

static void store(mn_fb_builder *b, size_t place, const void *value, size_t width) {
  if (!b->failed) memcpy(b->bytes + place, value, width);
}

void mn_fb_build_begin(mn_fb_builder *builder, const char *identifier) {
  append(builder, 8);
  store(builder, 4, identifier, 4);
}

static void put(mn_fb_builder *b, uint32_t field, const void *value, uint8_t width) {
  b->field[field].width = width;
  b->field[field].bits = 0;
  memcpy(&b->field[field].bits, value, width);
}

void mn_fb_put_u8(mn_fb_builder *builder, uint32_t field, uint8_t value) {
  put(builder, field, &value, 1);
}

void mn_fb_put_i32(mn_fb_builder *builder, uint32_t field, int32_t value) {
  put(builder, field, &value, 4);
}

void mn_fb_put_f32(mn_fb_builder *builder, uint32_t field, float value) {
  put(builder, field, &value, 4);
}

void mn_fb_put_slot(mn_fb_builder *builder, uint32_t field) { mn_fb_put_i32(builder, field, 0); }

size_t mn_fb_put_table(mn_fb_builder *builder) {
  uint16_t vtable[2 + MN_FB_MAX_FIELDS] = {0};
  size_t fields = 0, inline_bytes = 4;
  for (uint8_t width = 4; width; width = (uint8_t)(width == 4 ? 1 : 0)) {
    for (size_t i = 0; i < MN_FB_MAX_FIELDS; i++) {
      if (builder->field[i].width != width) continue;
      vtable[2 + i] = (uint16_t)inline_bytes;
      inline_bytes += width;
      if (i + 1 > fields) fields = i + 1;
    }
  }
  size_t vtable_bytes = 4 + 2 * fields;
  vtable[0] = (uint16_t)vtable_bytes;
  vtable[1] = (uint16_t)inline_bytes;
  align_ahead(builder, vtable_bytes, 4);
  size_t place = append(builder, vtable_bytes);
  store(builder, place, vtable, vtable_bytes);
  size_t table = append(builder, inline_bytes);
  int32_t back = (int32_t)vtable_bytes;
  store(builder, table, &back, sizeof back);
  for (size_t i = 0; i < fields; i++) {
    store(builder, table + vtable[2 + i], &builder->field[i].bits, builder->field[i].width);
  }
  memset(builder->field, 0, sizeof builder->field);
  return table;
}

size_t mn_fb_slot_of(const mn_fb_builder *builder, size_t table, uint32_t field) {
  int32_t back;
  uint16_t offset;
  if (builder->failed) return 0;
  memcpy(&back, builder->bytes + table, sizeof back);
  memcpy(&offset, builder->bytes + table - (size_t)back + 4 + 2 * (size_t)field, sizeof offset);
  return table + offset;
}

size_t mn_fb_put_slots(mn_fb_builder *builder, uint32_t count) {
  align_ahead(builder, 0, 4);
  size_t place = append(builder, 4 + 4 * (size_t)count);
  store(builder, place, &count, sizeof count);
  return place;
}

size_t mn_fb_put_vector(mn_fb_builder *builder, const void *elements, size_t count, size_t width,
                        size_t align) {
  size_t bytes;
  if (count > INT32_MAX || !mn_mul_size(count, width, &bytes) || bytes > INT32_MAX) {
    builder->failed = builder->too_large = true;
    return 0;
  }
  align_ahead(builder, 4, align < 4 ? 4 : align);
  size_t place = append(builder, 4 + bytes);
  uint32_t stored = (uint32_t)count;
  store(builder, place, &stored, sizeof stored);
  if (bytes) store(builder, place + 4, elements, bytes);
  return place;
}

size_t mn_fb_put_string(mn_fb_builder *builder, const char *text, size_t length) {
  size_t place = mn_fb_put_vector(builder, text, length, 1, 4);
  append(builder, 1);
  return place;
}

void mn_fb_link(mn_fb_builder *builder, size_t slot, size_t place) {
  uint32_t offset = (uint32_t)(place - slot);
  store(builder, slot, &offset, sizeof offset);
}
