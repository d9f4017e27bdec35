/* SPDX-License-Identifier: Apache-2.0
 * The legend: a strip below the photo, entries in rows as they fit. */
#include <math.h>
#include <stdlib.h>

#include "draw_canvas.h"
#include "message.h"

typedef struct legend_flow {
  const draw_canvas *canvas;
  const draw_legend_entry *entries;
  int count;
  double gap, row; /* between entries; height of a row */
} legend_flow;

/* Width of swatch, blank and text. */
static double entry_width(const legend_flow *legend, PangoLayout *layout) {
  int width;
  pango_layout_get_pixel_size(layout, &width, NULL);
  return 1.5 * legend->canvas->em + width;
}

static void draw_entry(const legend_flow *legend, cairo_t *cairo, PangoLayout *layout,
                       palette_color color) {
  const double em = legend->canvas->em;
  double x, y;
  int height;
  cairo_get_current_point(cairo, &x, &y);
  pango_layout_get_pixel_size(layout, NULL, &height);
  cairo_rectangle(cairo, x, y + (legend->row - em) / 2, em, em);
  draw_set_color(cairo, color, 1);
  cairo_fill_preserve(cairo);
  cairo_set_line_width(cairo, fmax(1, em * 0.06));
  draw_set_color(cairo, (palette_color){0, 0, 0}, 0.6);
  cairo_stroke(cairo);
  cairo_move_to(cairo, x + 1.5 * em, y + (legend->row - height) / 2);
  draw_set_color(cairo, (palette_color){20, 20, 20}, 1);
  pango_cairo_show_layout(cairo, layout);
}

/* Goes through the rows from `top` on, drawing or only measuring; returns where the last ends. */
static double flow(const legend_flow *legend, cairo_t *cairo, double top, bool draws) {
  const double right = legend->canvas->width - legend->gap;
  double x = legend->gap, y = top + legend->gap / 2;
  for (int i = 0; i < legend->count; i++) {
    const double most = fmax(1, right - legend->gap - 1.5 * legend->canvas->em);
    PangoLayout *layout = draw_text_layout(legend->canvas, cairo, legend->entries[i].text, most);
    const double width = entry_width(legend, layout);
    if (x > legend->gap && x + width > right) {
      x = legend->gap;
      y += legend->row;
    }
    cairo_move_to(cairo, x, y);
    if (draws) draw_entry(legend, cairo, layout, legend->entries[i].color);
    x += width + 1.5 * legend->gap;
    g_object_unref(layout);
  }
  return y + legend->row + legend->gap / 2;
}

bool draw_legend(draw_canvas *canvas, const draw_legend_entry *entries, int count) {
  if (count <= 0) return true;
  const legend_flow legend = {canvas, entries, count, canvas->em * 0.7, canvas->em * 1.6};
  cairo_t *cairo = cairo_create(canvas->surface);
  const int height = (int)ceil(flow(&legend, cairo, canvas->height, false));
  cairo_destroy(cairo);
  cairo_surface_t *taller = cairo_image_surface_create(CAIRO_FORMAT_RGB24, canvas->width, height);
  cairo = cairo_create(taller);
  cairo_set_source_rgb(cairo, 1, 1, 1);
  cairo_paint(cairo);
  cairo_set_source_surface(cairo, canvas->surface, 0, 0);
  cairo_paint(cairo);
  flow(&legend, cairo, canvas->height, true);
  cairo_destroy(cairo);
  if (cairo_surface_status(taller) != CAIRO_STATUS_SUCCESS) {
    say_out_of_memory();
    cairo_surface_destroy(taller);
    return false;
  }
  cairo_surface_destroy(canvas->surface);
  canvas->surface = taller;
  canvas->height = height;
  return true;
}
