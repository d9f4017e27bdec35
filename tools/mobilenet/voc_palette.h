/* SPDX-License-Identifier: Apache-2.0
 * The colors that Pascal VOC's mask files have, by which readers of such files know classes. */
#ifndef MOBILENET_TOOL_VOC_PALETTE_H
#define MOBILENET_TOOL_VOC_PALETTE_H

#include "palette.h"

/* All 256; 0 is black, 255 the border that nobody scores. */
void voc_palette(palette_color colors[256]);
/* Values as shades: 0 black, 255 white. */
void gray_palette(palette_color colors[256]);

#endif
