/* SPDX-License-Identifier: Apache-2.0
 * Boxes and labels. Each line lies on a wider one of black or white, whichever is far from its
 * color, so that it shows on bright, dark and busy photos; each label has a plate of its class's
 * color. */
#include <math.h>
#include <stdlib.h>

#include "draw_canvas.h"
#include "label_place.h"
#include "message.h"

typedef struct scene_labels {
  PangoLayout **layouts; /* [count] */
  place_rect *boxes;     /* [count], canvas pixels */
  place_rect *plates;    /* [count] */
  int count;
} scene_labels;

static const palette_color black = {0, 0, 0}, white = {255, 255, 255};

static double line_width(const draw_canvas *canvas) { return fmax(2, canvas->em * 0.17); }
static double line_edge(const draw_canvas *canvas) { return fmax(1, line_width(canvas) * 0.4); }
static double margin_x(const draw_canvas *canvas) { return canvas->em * 0.35; }
static double margin_y(const draw_canvas *canvas) { return canvas->em * 0.12; }

static void labels_free(scene_labels *labels) {
  for (int i = 0; labels->layouts && i < labels->count; i++) {
    if (labels->layouts[i]) g_object_unref(labels->layouts[i]);
  }
  free(labels->layouts);
  free(labels->boxes);
  free(labels->plates);
}

static bool labels_alloc(scene_labels *labels, int count) {
  const size_t n = count > 0 ? (size_t)count : 1;
  *labels = (scene_labels){calloc(n, sizeof *labels->layouts), calloc(n, sizeof *labels->boxes),
                           calloc(n, sizeof *labels->plates), count};
  return labels->layouts && labels->boxes && labels->plates;
}

static place_rect canvas_box(const draw_canvas *canvas, const float box[4]) {
  const double x0 = fmax(0, fmin((double)box[0] * canvas->factor, canvas->width));
  const double y0 = fmax(0, fmin((double)box[1] * canvas->factor, canvas->height));
  const double x1 = fmax(x0, fmin((double)box[2] * canvas->factor, canvas->width));
  const double y1 = fmax(y0, fmin((double)box[3] * canvas->factor, canvas->height));
  return (place_rect){x0, y0, x1 - x0, y1 - y0};
}

static void lay_out(const draw_canvas *canvas, cairo_t *cairo, const draw_object *objects,
                    scene_labels *labels) {
  const double widest = fmin(canvas->width, fmax(0.6 * canvas->width, 12 * canvas->em));
  for (int i = 0; i < labels->count; i++) {
    int width, height;
    labels->boxes[i] = canvas_box(canvas, objects[i].box);
    labels->layouts[i] =
        draw_text_layout(canvas, cairo, objects[i].text, widest - 2 * margin_x(canvas));
    pango_layout_get_pixel_size(labels->layouts[i], &width, &height);
    labels->plates[i].width = fmin(width + 2 * margin_x(canvas), canvas->width);
    labels->plates[i].height = fmin(height + 2 * margin_y(canvas), canvas->height);
  }
  place_labels(
      &(place_scene){canvas->width, canvas->height, labels->boxes, labels->plates, labels->count});
}

/* The path's line, on a wider one. */
static void stroke_twice(const draw_canvas *canvas, cairo_t *cairo, palette_color color) {
  cairo_set_line_width(cairo, line_width(canvas) + 2 * line_edge(canvas));
  draw_set_color(cairo, palette_text_color(color), 0.75);
  cairo_stroke_preserve(cairo);
  cairo_set_line_width(cairo, line_width(canvas));
  draw_set_color(cairo, color, 1);
  cairo_stroke(cairo);
}

/* The line lies within the box, so that it shows at the picture's edges too. */
static void stroke_box(const draw_canvas *canvas, cairo_t *cairo, place_rect box,
                       palette_color color) {
  const double reach = line_width(canvas) / 2 + line_edge(canvas);
  const double inset = fmin(reach, fmin(box.width, box.height) / 2);
  cairo_rectangle(cairo, box.x + inset, box.y + inset, box.width - 2 * inset,
                  box.height - 2 * inset);
  stroke_twice(canvas, cairo, color);
}

static void draw_plate(const draw_canvas *canvas, cairo_t *cairo, place_rect plate,
                       palette_color color) {
  const double edge = fmax(1, line_width(canvas) * 0.3);
  cairo_rectangle(cairo, plate.x, plate.y, plate.width, plate.height);
  draw_set_color(cairo, color, 1);
  cairo_fill(cairo);
  cairo_rectangle(cairo, plate.x + edge / 2, plate.y + edge / 2, plate.width - edge,
                  plate.height - edge);
  cairo_set_line_width(cairo, edge);
  draw_set_color(cairo, palette_text_color(color).red ? white : black, 0.75);
  cairo_stroke(cairo);
}

/* From a label that found no room at its box to the nearest point of it. */
static void draw_leader(const draw_canvas *canvas, cairo_t *cairo, const scene_labels *labels,
                        int index, palette_color color) {
  const place_rect plate = labels->plates[index], box = labels->boxes[index];
  if (place_gap(plate, box) < 1) return;
  const double x = plate.x + plate.width / 2, y = plate.y + plate.height / 2;
  cairo_move_to(cairo, x, y);
  cairo_line_to(cairo, fmax(box.x, fmin(x, box.x + box.width)),
                fmax(box.y, fmin(y, box.y + box.height)));
  stroke_twice(canvas, cairo, color);
}

static void draw_label(const draw_canvas *canvas, cairo_t *cairo, const scene_labels *labels,
                       int index, palette_color color) {
  const place_rect plate = labels->plates[index];
  draw_plate(canvas, cairo, plate, color);
  cairo_save(cairo);
  cairo_rectangle(cairo, plate.x, plate.y, plate.width, plate.height);
  cairo_clip(cairo);
  cairo_move_to(cairo, plate.x + margin_x(canvas), plate.y + margin_y(canvas));
  draw_set_color(cairo, palette_text_color(color), 1);
  pango_cairo_show_layout(cairo, labels->layouts[index]);
  cairo_restore(cairo);
}

bool draw_objects(draw_canvas *canvas, const draw_object *objects, int count) {
  scene_labels labels;
  cairo_t *cairo = cairo_create(canvas->surface);
  const bool ready = labels_alloc(&labels, count);
  if (ready) {
    lay_out(canvas, cairo, objects, &labels);
    for (int i = count - 1; i >= 0; i--) {
      stroke_box(canvas, cairo, labels.boxes[i], objects[i].color);
    }
    for (int i = count - 1; i >= 0; i--) {
      draw_leader(canvas, cairo, &labels, i, objects[i].color);
    }
    for (int i = count - 1; i >= 0; i--) {
      draw_label(canvas, cairo, &labels, i, objects[i].color);
    }
  } else {
    say_out_of_memory();
  }
  labels_free(&labels);
  cairo_destroy(cairo);
  return ready;
}
