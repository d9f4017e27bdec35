/* SPDX-License-Identifier: Apache-2.0
 * BMP: 1, 4 and 8 bits with a palette (RLE4 and RLE8 too), 16, 24 and 32 bits with or without
 * masks, bottom-up or top-down. Alpha counts only where a mask names it. Every offset is checked
 * against the file; what a run-length picture skips has colour 0 of the palette. */
#include <stdbool.h>
#include <string.h>

#include "base/checked.h"
#include "io/decoders.h"

enum { FILE_HEADER = 14, CORE_HEADER = 12, INFO_HEADER = 40 };
enum { RGB_PLAIN = 0, RLE8 = 1, RLE4 = 2, BITFIELDS = 3, ALPHA_BITFIELDS = 6 };

typedef struct bmp {
  const mn_encoded *in;
  uint32_t header_bytes;
  uint64_t width, height;
  bool top_down;
  unsigned bits, compression;
  uint32_t mask[4]; /* red, green, blue, alpha; 0: none */
  size_t pixels_at;
  uint32_t palette_count;
  uint8_t palette[256][3]; /* RGB; black beyond palette_count */
} bmp;

static uint32_t get16(const uint8_t *b) { return (uint32_t)b[1] << 8 | b[0]; }

static uint32_t get32(const uint8_t *b) { return get16(b + 2) << 16 | get16(b); }

static mn_status fail_truncated(const mn_encoded *in, mn_error *err) {
  return mn_fail(err, MN_ERR_FORMAT, in->name,
                 "the BMP file is truncated: it ends after %zu bytes, before the picture does",
                 in->size);
}

static void read_sizes(bmp *b) {
  const uint8_t *header = b->in->bytes + FILE_HEADER;
  if (b->header_bytes == CORE_HEADER) {
    b->width = get16(header + 4);
    b->height = get16(header + 6);
    b->bits = get16(header + 10);
    return;
  }
  int64_t width = (int32_t)get32(header + 4), height = (int32_t)get32(header + 8);
  b->top_down = height < 0;
  b->width = width > 0 ? (uint64_t)width : 0;
  b->height = (uint64_t)(height < 0 ? -height : height);
  b->bits = get16(header + 14);
  b->compression = get32(header + 16);
  b->palette_count = get32(header + 32);
}

static bool is_supported(const bmp *b) {
  switch (b->compression) {
    case RGB_PLAIN:
      return b->bits == 1 || b->bits == 4 || b->bits == 8 || b->bits == 16 || b->bits == 24 ||
             b->bits == 32;
    case RLE8: return b->bits == 8 && !b->top_down;
    case RLE4: return b->bits == 4 && !b->top_down;
    case BITFIELDS:
    case ALPHA_BITFIELDS: return b->bits == 16 || b->bits == 32;
    default: return false;
  }
}

/* The masks lie after a 40-byte header, or inside a longer one: at the same place. */
static mn_status read_masks(bmp *b, mn_error *err) {
  bool masked = b->compression == BITFIELDS || b->compression == ALPHA_BITFIELDS;
  if (!masked) {
    static const uint32_t five[3] = {0x7c00, 0x03e0, 0x001f};
    static const uint32_t eight[3] = {0xff0000, 0x00ff00, 0x0000ff};
    memcpy(b->mask, b->bits == 16 ? five : eight, sizeof five);
    return MN_OK;
  }
  bool alpha = b->compression == ALPHA_BITFIELDS || b->header_bytes >= 56;
  size_t count = alpha ? 4 : 3, at = FILE_HEADER + INFO_HEADER;
  if (!mn_within(at, count * 4, b->in->size)) return fail_truncated(b->in, err);
  for (size_t i = 0; i < count; ++i) b->mask[i] = get32(b->in->bytes + at + i * 4);
  if (b->mask[0] && b->mask[1] && b->mask[2]) return MN_OK;
  return mn_fail(err, MN_ERR_FORMAT, b->in->name, "BMP: a colour mask is empty");
}

static mn_status read_palette(bmp *b, mn_error *err) {
  if (b->bits > 8) return MN_OK;
  uint32_t most = 1u << b->bits;
  if (b->palette_count == 0 || b->palette_count > most) b->palette_count = most;
  size_t entry = b->header_bytes == CORE_HEADER ? 3 : 4;
  size_t at = FILE_HEADER + (size_t)b->header_bytes;
  if (!mn_within(at, b->palette_count * entry, b->in->size)) return fail_truncated(b->in, err);
  for (uint32_t i = 0; i < b->palette_count; ++i) {
    const uint8_t *bgr = b->in->bytes + at + i * entry;
    for (int c = 0; c < 3; ++c) b->palette[i][c] = bgr[2 - c];
  }
  return MN_OK;
}

static mn_status read_headers(bmp *b, mn_error *err) {
  const mn_encoded *in = b->in;
  if (in->size < FILE_HEADER + 4) return fail_truncated(in, err);
  b->pixels_at = get32(in->bytes + 10);
  b->header_bytes = get32(in->bytes + FILE_HEADER);
  if (b->header_bytes != CORE_HEADER && (b->header_bytes < INFO_HEADER || b->header_bytes > 124)) {
    return mn_fail(err, MN_ERR_FORMAT, in->name,
                   "BMP: a header of %u bytes, expected 12 or 40 to 124",
                   (unsigned)b->header_bytes);
  }
  if (in->size < FILE_HEADER + (size_t)b->header_bytes) return fail_truncated(in, err);
  read_sizes(b);
  if (!is_supported(b)) {
    return mn_fail(err, MN_ERR_UNSUPPORTED, in->name,
                   "BMP: %u bits with compression %u; convert it to PNG first", b->bits,
                   b->compression);
  }
  mn_status status = read_masks(b, err);
  return status ? status : read_palette(b, err);
}

static uint8_t *row_of(const bmp *b, uint8_t *pixels, uint64_t y, unsigned pixel_bytes) {
  uint64_t row = b->top_down ? y : b->height - 1 - y;
  return pixels + (size_t)row * (size_t)b->width * pixel_bytes;
}

/* The masked sample as 8 bits: value * 255 / largest, truncated, as Pillow has it. */
static uint8_t masked_sample(uint32_t pixel, uint32_t mask) {
  uint32_t low = mask & (~mask + 1);
  return (uint8_t)((uint64_t)((pixel & mask) / low) * 255 / (mask / low));
}

static void unpack_row(const bmp *b, const uint8_t *from, uint8_t *to) {
  bool alpha = b->mask[3] != 0;
  for (size_t x = 0; x < b->width; ++x) {
    if (b->bits <= 8) {
      unsigned per_byte = 8 / b->bits, shift = (unsigned)(per_byte - 1 - x % per_byte) * b->bits;
      unsigned index = (unsigned)from[x / per_byte] >> shift & ((1u << b->bits) - 1);
      memcpy(to + x * 3, b->palette[index], 3);
    } else if (b->bits == 24) {
      for (size_t c = 0; c < 3; ++c) to[x * 3 + c] = from[x * 3 + 2 - c];
    } else {
      uint32_t pixel = b->bits == 16 ? get16(from + x * 2) : get32(from + x * 4);
      size_t samples = alpha ? 4 : 3;
      for (size_t c = 0; c < samples; ++c) {
        to[x * samples + c] = masked_sample(pixel, b->mask[c]);
      }
    }
  }
}

static mn_status unpack(const bmp *b, mn_decoded *out, mn_error *err) {
  size_t stride = (size_t)(b->width * b->bits + 31) / 32 * 4, bytes = 0;
  if (!mn_mul_size(stride, (size_t)b->height, &bytes) ||
      !mn_within(b->pixels_at, bytes, b->in->size)) {
    return fail_truncated(b->in, err);
  }
  bool alpha = b->bits > 8 && b->mask[3] != 0;
  for (uint64_t y = 0; y < b->height; ++y) {
    unpack_row(b, b->in->bytes + b->pixels_at + (size_t)y * stride,
               row_of(b, out->pixels, y, alpha ? 4 : 3));
  }
  if (alpha) mn_decoded_over_white(out->pixels, (size_t)(b->width * b->height));
  return MN_OK;
}

/* A run-length stream and where it paints. */
typedef struct painter {
  const bmp *b;
  uint8_t *pixels; /* [height][width][3] */
  const uint8_t *at, *end;
  uint64_t x, y;
} painter;

static void paint(painter *p, unsigned index) {
  if (p->x < p->b->width && p->y < p->b->height) {
    memcpy(row_of(p->b, p->pixels, p->y, 3) + (size_t)p->x * 3, p->b->palette[index], 3);
  }
  p->x++;
}

static void paint_run(painter *p, unsigned count, uint8_t value) {
  for (unsigned i = 0; i < count; ++i) {
    paint(p, p->b->bits == 8 ? value : i % 2 ? value & 15u : value >> 4u);
  }
}

/* `count` literal pixels, padded to 16 bits; false when the file ends within them. */
static bool paint_literal(painter *p, unsigned count) {
  size_t bytes = p->b->bits == 8 ? count : (count + 1) / 2, padded = (bytes + 1) / 2 * 2;
  if ((size_t)(p->end - p->at) < bytes) return false;
  for (unsigned i = 0; i < count; ++i) {
    uint8_t value = p->at[p->b->bits == 8 ? i : i / 2];
    paint(p, p->b->bits == 8 ? value : i % 2 ? value & 15u : value >> 4u);
  }
  size_t left = (size_t)(p->end - p->at);
  p->at += padded < left ? padded : left;
  return true;
}

static mn_status unpack_runs(const bmp *b, mn_decoded *out, mn_error *err) {
  enum { END_OF_LINE = 0, END_OF_PICTURE = 1, DELTA = 2 };
  if (b->pixels_at > b->in->size) return fail_truncated(b->in, err);
  painter p = {b, out->pixels, b->in->bytes + b->pixels_at, b->in->bytes + b->in->size, 0, 0};
  for (uint64_t i = 0; i < b->width * b->height; ++i) {
    memcpy(out->pixels + (size_t)i * 3, b->palette[0], 3);
  }
  while (p.y < b->height) {
    if (p.end - p.at < 2) return fail_truncated(b->in, err);
    unsigned count = p.at[0], value = p.at[1];
    p.at += 2;
    if (count) {
      paint_run(&p, count, (uint8_t)value);
    } else if (value == END_OF_LINE) {
      p.x = 0;
      p.y++;
    } else if (value == END_OF_PICTURE) {
      return MN_OK;
    } else if (value == DELTA) {
      if (p.end - p.at < 2) return fail_truncated(b->in, err);
      p.x += p.at[0];
      p.y += p.at[1];
      p.at += 2;
    } else if (!paint_literal(&p, value)) {
      return fail_truncated(b->in, err);
    }
  }
  return MN_OK;
}

mn_status mn_bmp_decode(mn_decoded *out, const mn_encoded *in, mn_error *err) {
  bmp b = {.in = in};
  mn_status status = read_headers(&b, err);
  if (status) return status;
  bool alpha = b.bits > 8 && b.mask[3] != 0;
  const uint64_t size[2] = {b.width, b.height};
  status = mn_decoded_reserve(out, in, size, alpha ? 4 : 3, err);
  if (status) return status;
  bool runs = b.compression == RLE8 || b.compression == RLE4;
  return runs ? unpack_runs(&b, out, err) : unpack(&b, out, err);
}
