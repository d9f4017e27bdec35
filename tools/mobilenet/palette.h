/* SPDX-License-Identifier: Apache-2.0
 * A color for every class, the same in every picture. The first seven are Okabe and Ito's, which
 * people with any color vision tell apart; then lighter and darker ones of these; then hues a
 * golden angle apart. */
#ifndef MOBILENET_TOOL_PALETTE_H
#define MOBILENET_TOOL_PALETTE_H

#include <stdint.h>

typedef struct palette_color {
  uint8_t red, green, blue;
} palette_color;

/* `index` from 0 on; a negative one counts as 0. */
palette_color palette_class_color(int index);
/* Black or white, whichever can be read on a plate of that color. */
palette_color palette_text_color(palette_color plate);
/* WCAG 2.1's contrast ratio of two colors, 1..21. */
double palette_contrast(palette_color a, palette_color b);

#endif
