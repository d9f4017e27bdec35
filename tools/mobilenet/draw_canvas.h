/* SPDX-License-Identifier: Apache-2.0
 * What the files draw*.c share: the canvas behind draw.h, and text on it. */
#ifndef MOBILENET_TOOL_DRAW_CANVAS_H
#define MOBILENET_TOOL_DRAW_CANVAS_H

#include <pango/pangocairo.h>

#include "draw.h"

struct draw_canvas {
  cairo_surface_t *surface; /* RGB24: [height][width] as 0x00RRGGBB */
  const char *name;         /* of the picture, for messages */
  int width, height;        /* of the surface: the photo's times `factor` */
  int factor;
  double em; /* height of the text's font; lines and margins are shares of it */
};

/* The font of a canvas, laid out; at most `width` wide, else shortened in its middle. The caller
 * unrefs it. */
PangoLayout *draw_text_layout(const draw_canvas *canvas, cairo_t *cairo, const char *text,
                              double width);
void draw_set_color(cairo_t *cairo, palette_color color, double alpha);

#endif
