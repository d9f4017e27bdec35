/* SPDX-License-Identifier: Apache-2.0
 * Colors of classes. Okabe and Ito, "Color Universal Design", 2008; relative luminance and contrast
 * by WCAG 2.1. */
#include "palette.h"

#include <math.h>

enum { BASES = 7, SHADES = 3 };

static const palette_color bases[BASES] = {
    {0xE6, 0x9F, 0x00}, {0x56, 0xB4, 0xE9}, {0x00, 0x9E, 0x73}, {0xF0, 0xE4, 0x42},
    {0xD5, 0x5E, 0x00}, {0xCC, 0x79, 0xA7}, {0x00, 0x72, 0xB2}};

static uint8_t mix(uint8_t from, double to, double share) {
  return (uint8_t)lround(from + (to - from) * share);
}

static palette_color mixed(palette_color color, double to, double share) {
  return (palette_color){mix(color.red, to, share), mix(color.green, to, share),
                         mix(color.blue, to, share)};
}

/* One channel of HSL: `turn` is 0, 8 or 4 for red, green and blue. */
static uint8_t hsl_channel(double turn, double hue, double saturation, double lightness) {
  const double k = fmod(turn + hue * 12, 12);
  const double chroma = saturation * fmin(lightness, 1 - lightness);
  return (uint8_t)lround(255 * (lightness - chroma * fmax(-1, fmin(fmin(k - 3, 9 - k), 1))));
}

static palette_color golden(int step) {
  static const double lightness[] = {0.60, 0.42, 0.75};
  const double hue = fmod(step * 0.61803398875, 1), l = lightness[step % 3];
  return (palette_color){hsl_channel(0, hue, 0.7, l), hsl_channel(8, hue, 0.7, l),
                         hsl_channel(4, hue, 0.7, l)};
}

palette_color palette_class_color(int index) {
  if (index < 0) index = 0;
  if (index >= BASES * SHADES) return golden(index - BASES * SHADES);
  const palette_color base = bases[index % BASES];
  switch (index / BASES) {
    case 0: return base;
    case 1: return mixed(base, 255, 0.55);
    default: return mixed(base, 0, 0.45);
  }
}

static double linear(uint8_t channel) {
  const double c = channel / 255.0;
  return c <= 0.03928 ? c / 12.92 : pow((c + 0.055) / 1.055, 2.4);
}

static double luminance(palette_color color) {
  return 0.2126 * linear(color.red) + 0.7152 * linear(color.green) + 0.0722 * linear(color.blue);
}

double palette_contrast(palette_color a, palette_color b) {
  const double la = luminance(a), lb = luminance(b);
  return (fmax(la, lb) + 0.05) / (fmin(la, lb) + 0.05);
}

palette_color palette_text_color(palette_color plate) {
  const palette_color black = {0, 0, 0}, white = {255, 255, 255};
  return palette_contrast(plate, black) >= palette_contrast(plate, white) ? black : white;
}
