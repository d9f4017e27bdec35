/* SPDX-License-Identifier: Apache-2.0
 * What looks at a pixel's three channels together, or at its neighbours: saturation, hue (through
 * HSV, in float), sharpness (against a 3 x 3 mean whose middle counts five times). */
#include <string.h>

#include "base/error.h"
#include "train/blend.h"
#include "train/levels.h"

void mn_adjust_saturation(mn_canvas *canvas, double factor) {
  uint8_t *p = canvas->pixels;
  const size_t count = (size_t)canvas->width * (size_t)canvas->height;
  mn_gray_table gray;
  mn_blend_table blend;
  mn_gray_fill(&gray);
  mn_blend_fill(&blend, factor);
  for (size_t i = 0; i < count; ++i, p += 3) {
    const uint8_t other = mn_gray_of(&gray, p);
    for (int c = 0; c < 3; ++c) p[c] = mn_blend_bytes(&blend, p[c], other);
  }
}

/* ---- Hue ------------------------------------------------------------------------------------ */

typedef struct hsv {
  float h, s, v; /* 0..1 */
} hsv;

/* A number from -1 to below 2 into 0..1, as fmod and floor would. */
static float wrap(float v) {
  if (v < 0) return v + 1;
  return v >= 1 ? v - 1 : v;
}

static hsv hsv_of(const uint8_t rgb[3]) {
  const float r = (float)rgb[0] / 255, g = (float)rgb[1] / 255, b = (float)rgb[2] / 255;
  float high = r > g ? r : g, low = r > g ? g : r;
  high = b > high ? b : high;
  low = b < low ? b : low;
  const float spread = high - low;
  if (spread == 0) return (hsv){0, 0, high};
  const float rc = (high - r) / spread, gc = (high - g) / spread, bc = (high - b) / spread;
  float h = 4 + gc - rc;
  if (high == g) h = 2 + rc - bc;
  if (high == r) h = bc - gc;
  return (hsv){wrap(h / 6 + 1), spread / high, high};
}

/* Of a level from 0 to 1. */
static uint8_t byte_of(float v) { return mn_cut_to_byte(v * 255.999f); }

static void store_hsv(hsv c, uint8_t rgb[3]) {
  const int sixth = (int)(c.h * 6); /* 6 where h was rounded up to 1 */
  const float f = c.h * 6 - (float)sixth;
  const uint8_t v = byte_of(c.v), p = byte_of(c.v * (1 - c.s)), q = byte_of(c.v * (1 - c.s * f)),
                t = byte_of(c.v * (1 - c.s * (1 - f)));
  const uint8_t sixths[7][3] = {{v, t, p}, {q, v, p}, {p, v, t}, {p, q, v},
                                {t, p, v}, {v, p, q}, {v, t, p}};
  memcpy(rgb, sixths[sixth], 3);
}

void mn_adjust_hue(mn_canvas *canvas, double turn) {
  uint8_t *p = canvas->pixels;
  const size_t count = (size_t)canvas->width * (size_t)canvas->height;
  for (size_t i = 0; i < count; ++i, p += 3) {
    hsv c = hsv_of(p);
    c.h = wrap(c.h + (float)turn);
    store_hsv(c, p);
  }
}

/* ---- Sharpness ------------------------------------------------------------------------------ */

/* The mean of thirteenths around `p`, rounded: no sum of bytes over 13 lies half way. */
static uint8_t smooth_of(const uint8_t *p, size_t row) {
  const uint8_t *above = p - row, *below = p + row;
  const int sum =
      above[-3] + above[0] + above[3] + p[-3] + 5 * p[0] + p[3] + below[-3] + below[0] + below[3];
  return (uint8_t)((2 * sum + 13) / 26);
}

mn_status mn_adjust_sharpness(mn_canvas *canvas, double factor, mn_workspace *space,
                              mn_error *err) {
  const size_t row = (size_t)canvas->width * 3, bytes = row * (size_t)canvas->height;
  if (canvas->width < 3 || canvas->height < 3) return MN_OK; /* all border: as it was */
  uint8_t *before = mn_workspace_take(space, bytes);
  if (!before) return mn_fail_memory(err, bytes);
  mn_blend_table blend;
  mn_blend_fill(&blend, factor);
  memcpy(before, canvas->pixels, bytes);
  for (size_t y = 1; y + 1 < (size_t)canvas->height; ++y) {
    const uint8_t *from = before + y * row;
    uint8_t *to = canvas->pixels + y * row;
    for (size_t x = 3; x + 3 < row; ++x) {
      to[x] = mn_blend_bytes(&blend, from[x], smooth_of(from + x, row));
    }
  }
  return MN_OK;
}
