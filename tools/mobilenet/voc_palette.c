/* SPDX-License-Identifier: Apache-2.0
 * The colormap of the VOC development kit: bits 0, 1, 2 of the index are bits 7 of red, green and
 * blue; bits 3, 4, 5 bits 6; the last two bits 5 of red and green. */
#include "voc_palette.h"

void voc_palette(palette_color colors[256]) {
  for (unsigned i = 0; i < 256; i++) {
    unsigned channel[3] = {0, 0, 0};
    for (unsigned bit = 0; bit < 8; bit++) channel[bit % 3] |= (i >> bit & 1) << (7 - bit / 3);
    colors[i] = (palette_color){(uint8_t)channel[0], (uint8_t)channel[1], (uint8_t)channel[2]};
  }
}

void gray_palette(palette_color colors[256]) {
  for (unsigned i = 0; i < 256; i++) {
    colors[i] = (palette_color){(uint8_t)i, (uint8_t)i, (uint8_t)i};
  }
}
