/* SPDX-License-Identifier: Apache-2.0
 * PGM and PPM, text (P2, P3) and binary (P5, P6), 8 and 16 bits: a sample of a file with another
 * largest value than 255 becomes round(sample * 255 / largest). */
#include <stdbool.h>

#include "base/checked.h"
#include "io/decoders.h"

typedef struct reader {
  const mn_encoded *in;
  size_t at;
} reader;

typedef struct pnm {
  uint64_t width, height;
  uint32_t largest;
  bool text, gray;
} pnm;

static mn_status fail_truncated(const mn_encoded *in, mn_error *err) {
  return mn_fail(err, MN_ERR_FORMAT, in->name,
                 "the PNM file is truncated: it ends after %zu bytes, before the picture does",
                 in->size);
}

static bool is_space(uint8_t c) { return c == ' ' || (c >= '\t' && c <= '\r'); }

static bool is_digit(uint8_t c) { return c >= '0' && c <= '9'; }

static void skip_space(reader *r) {
  while (r->at < r->in->size) {
    uint8_t c = r->in->bytes[r->at];
    if (c == '#') {
      while (r->at < r->in->size && r->in->bytes[r->at] != '\n') r->at++;
    } else if (is_space(c)) {
      r->at++;
    } else {
      return;
    }
  }
}

static mn_status read_number(reader *r, uint64_t *value, mn_error *err) {
  skip_space(r);
  if (r->at >= r->in->size) return fail_truncated(r->in, err);
  *value = 0;
  size_t begin = r->at;
  for (; r->at < r->in->size && is_digit(r->in->bytes[r->at]); r->at++) {
    *value = *value * 10 + (r->in->bytes[r->at] - '0');
    if (*value > INT32_MAX) {
      return mn_fail(err, MN_ERR_FORMAT, r->in->name, "PNM: a number beyond %d", (int)INT32_MAX);
    }
  }
  if (r->at > begin) return MN_OK;
  return mn_fail(err, MN_ERR_FORMAT, r->in->name, "PNM: byte 0x%02x where a number was expected",
                 r->in->bytes[r->at]);
}

static mn_status read_header(reader *r, pnm *p, mn_error *err) {
  uint8_t type = r->in->bytes[1];
  p->text = type == '2' || type == '3';
  p->gray = type == '2' || type == '5';
  r->at = 2;
  uint64_t largest = 0;
  mn_status status = read_number(r, &p->width, err);
  if (!status) status = read_number(r, &p->height, err);
  if (!status) status = read_number(r, &largest, err);
  if (status) return status;
  if (largest < 1 || largest > 65535) {
    return mn_fail(err, MN_ERR_FORMAT, r->in->name,
                   "PNM: a largest value of %u, expected 1 to 65535", (unsigned)largest);
  }
  p->largest = (uint32_t)largest;
  r->at++; /* exactly one white space before the pixels */
  return MN_OK;
}

static mn_status read_sample(reader *r, const pnm *p, uint8_t *out, mn_error *err) {
  uint64_t value = 0;
  if (p->text) {
    mn_status status = read_number(r, &value, err);
    if (status) return status;
  } else {
    const uint8_t *b = r->in->bytes + r->at;
    value = p->largest > 255 ? (uint64_t)b[0] << 8 | b[1] : b[0];
    r->at += p->largest > 255 ? 2 : 1;
  }
  if (value > p->largest) {
    return mn_fail(err, MN_ERR_FORMAT, r->in->name, "PNM: a sample of %u, expected at most %u",
                   (unsigned)value, (unsigned)p->largest);
  }
  *out = (uint8_t)((value * 510 + p->largest) / (2 * (uint64_t)p->largest));
  return MN_OK;
}

static mn_status read_pixels(reader *r, const pnm *p, uint8_t *to, mn_error *err) {
  for (uint64_t i = 0; i < p->width * p->height; ++i, to += 3) {
    int samples = p->gray ? 1 : 3;
    for (int c = 0; c < samples; ++c) {
      mn_status status = read_sample(r, p, to + c, err);
      if (status) return status;
    }
    if (p->gray) to[1] = to[2] = to[0];
  }
  return MN_OK;
}

/* Before anything is allocated: a sample takes at least this many bytes of the file. */
static bool file_may_hold(const reader *r, const pnm *p) {
  size_t samples = 0, bytes = 0;
  unsigned sample_bytes = p->text ? 1 : p->largest > 255 ? 2 : 1;
  return mn_mul_size((size_t)p->width, (size_t)p->height, &samples) &&
         mn_mul_size(samples, (p->gray ? 1 : 3) * sample_bytes, &bytes) &&
         mn_within(r->at, bytes, r->in->size);
}

mn_status mn_pnm_decode(mn_decoded *out, const mn_encoded *in, mn_error *err) {
  reader r = {in, 0};
  pnm p = {0};
  mn_status status = read_header(&r, &p, err);
  if (status) return status;
  if (!file_may_hold(&r, &p)) return fail_truncated(in, err);
  const uint64_t size[2] = {p.width, p.height};
  status = mn_decoded_reserve(out, in, size, 3, err);
  return status ? status : read_pixels(&r, &p, out->pixels, err);
}
