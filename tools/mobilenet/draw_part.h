/* SPDX-License-Identifier: Apache-2.0
 * What the part that draws offers: the functions of draw.h. */
#ifndef MOBILENET_TOOL_DRAW_PART_H
#define MOBILENET_TOOL_DRAW_PART_H

#include "draw.h"

typedef struct draw_part {
  draw_canvas *(*canvas_new)(const mn_image *image, const char *name);
  void (*canvas_free)(draw_canvas *canvas);
  bool (*canvas_write)(draw_canvas *canvas, const char *path);
  bool (*objects)(draw_canvas *canvas, const draw_object *objects, int count);
  void (*overlay)(draw_canvas *canvas, const draw_map *map);
  bool (*legend)(draw_canvas *canvas, const draw_legend_entry *entries, int count);
} draw_part;

#endif
