/* SPDX-License-Identifier: Apache-2.0
 * Drawing, by the part that can. Where there is a canvas, it is loaded. */
#include "draw_part.h"
#include "part.h"

static const draw_part *part;

draw_canvas *draw_canvas_new(const mn_image *image, const char *name) {
  if (!part) part = part_load("mobilenet_draw");
  return part ? part->canvas_new(image, name) : NULL;
}

void draw_canvas_free(draw_canvas *canvas) {
  if (canvas) part->canvas_free(canvas);
}

bool draw_canvas_write(draw_canvas *canvas, const char *path) {
  return part->canvas_write(canvas, path);
}

bool draw_objects(draw_canvas *canvas, const draw_object *objects, int count) {
  return part->objects(canvas, objects, count);
}

void draw_overlay(draw_canvas *canvas, const draw_map *map) { part->overlay(canvas, map); }

bool draw_legend(draw_canvas *canvas, const draw_legend_entry *entries, int count) {
  return part->legend(canvas, entries, count);
}
