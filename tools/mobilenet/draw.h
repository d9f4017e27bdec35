/* SPDX-License-Identifier: Apache-2.0
 * Drawing on a photo: boxes with labels, a blended map of classes, a legend; kept as PNG.
 * Coordinates are pixels of the photo. Text is UTF-8; what is none becomes '?'. Line width and text
 * follow the photo's size, and a photo too small for text is enlarged by a whole factor. */
#ifndef MOBILENET_TOOL_DRAW_H
#define MOBILENET_TOOL_DRAW_H

#include <stdbool.h>

#include "mobilenet/image.h"
#include "palette.h"

typedef struct draw_canvas draw_canvas;

/* A copy of the picture to draw on. NULL after saying why there is none; `name` is for that. */
draw_canvas *draw_canvas_new(const mn_image *image, const char *name);
void draw_canvas_free(draw_canvas *canvas);
/* Writes a PNG, whole or not at all; false after saying why not. */
bool draw_canvas_write(draw_canvas *canvas, const char *path);

typedef struct draw_object {
  float box[4]; /* x0 y0 x1 y1 */
  palette_color color;
  const char *text;
} draw_object;

/* Draws boxes and their labels; the first ones, the best, lie on top and their labels choose their
 * places first. False after saying that memory ran out. */
bool draw_objects(draw_canvas *canvas, const draw_object *objects, int count);

typedef struct draw_tint {
  palette_color color;
  uint8_t alpha; /* 0: the photo alone, 255: the color alone */
} draw_tint;

typedef struct draw_map {
  const uint8_t
      *values; /* [height][stride], of the photo's size: a class, or how strong a mask is */
  size_t stride;
  const draw_tint *tints; /* [256], by value */
  bool outlined;          /* a line where two values meet */
} draw_map;

void draw_overlay(draw_canvas *canvas, const draw_map *map);

typedef struct draw_legend_entry {
  palette_color color;
  const char *text;
} draw_legend_entry;

/* Adds a strip below the photo that names colors; the photo itself stays free. False after saying
 * that memory ran out. Draw everything else before. */
bool draw_legend(draw_canvas *canvas, const draw_legend_entry *entries, int count);

#endif
