/* SPDX-License-Identifier: Apache-2.0
 * A map of classes, or a soft mask, blended over the photo pixel by pixel. */
#include <math.h>

#include "draw_canvas.h"

static uint32_t blend_channel(uint32_t under, uint32_t over, uint32_t alpha) {
  return (under * (255 - alpha) + over * alpha + 127) / 255;
}

static uint32_t blend(uint32_t pixel, palette_color color, uint32_t alpha) {
  return blend_channel(pixel >> 16 & 255, color.red, alpha) << 16 |
         blend_channel(pixel >> 8 & 255, color.green, alpha) << 8 |
         blend_channel(pixel & 255, color.blue, alpha);
}

/* Pixels of the photo from one value to another, `reach` to the right or below. */
static bool at_edge(const draw_map *map, const uint8_t *value, int right, int down) {
  return value[0] != value[right] || value[0] != value[(size_t)down * map->stride];
}

void draw_overlay(draw_canvas *canvas, const draw_map *map) {
  unsigned char *data = cairo_image_surface_get_data(canvas->surface);
  const size_t stride = (size_t)cairo_image_surface_get_stride(canvas->surface);
  const int width = canvas->width / canvas->factor, height = canvas->height / canvas->factor;
  const int reach = (int)fmax(1, canvas->em * 0.1 / canvas->factor);
  const palette_color white = {255, 255, 255};
  cairo_surface_flush(canvas->surface);
  for (int row = 0; row < canvas->height; row++) {
    uint32_t *out = (uint32_t *)(void *)(data + (size_t)row * stride);
    const int y = row / canvas->factor, down = y + reach < height ? reach : 0;
    const uint8_t *values = map->values + (size_t)y * map->stride;
    for (int column = 0; column < canvas->width; column++) {
      const int x = column / canvas->factor, right = x + reach < width ? reach : 0;
      const draw_tint *tint = &map->tints[values[x]];
      if (tint->alpha) out[column] = blend(out[column], tint->color, tint->alpha);
      if (map->outlined && at_edge(map, values + x, right, down)) {
        out[column] = blend(out[column], white, 200);
      }
    }
  }
  cairo_surface_mark_dirty(canvas->surface);
}
