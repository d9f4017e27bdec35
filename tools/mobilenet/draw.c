/* SPDX-License-Identifier: Apache-2.0
 * The canvas: a photo in cairo's memory, its text through Pango (any script, with the fonts that
 * the machine has), and PNG out of it. */
#include "draw.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "draw_canvas.h"
#include "message.h"
#include "png_file.h"
#include "utf8.h"

/* Sides that cairo can address; text needs about LEAST_SIZE pixels a side (geometric mean). */
enum { MOST_SIDE = 32767, LEAST_SIZE = 200, LEAST_SIDE = 40, MOST_ENLARGED = 4096 };

static int enlarge_factor(const mn_image *image) {
  const int longer = image->width > image->height ? image->width : image->height;
  const int shorter = image->width > image->height ? image->height : image->width;
  const double size = sqrt((double)image->width * image->height);
  const int wanted = (int)fmax(ceil(LEAST_SIZE / size), ceil((double)LEAST_SIDE / shorter));
  const int most = MOST_ENLARGED / longer;
  return wanted < most ? wanted : most < 1 ? 1 : most;
}

static void copy_pixels(cairo_surface_t *surface, const mn_image *image) {
  unsigned char *data = cairo_image_surface_get_data(surface);
  const size_t stride = (size_t)cairo_image_surface_get_stride(surface);
  cairo_surface_flush(surface);
  for (int32_t y = 0; y < image->height; y++) {
    const uint8_t *in = image->pixels + (size_t)y * image->stride;
    uint32_t *out = (uint32_t *)(void *)(data + (size_t)y * stride);
    for (int32_t x = 0; x < image->width; x++, in += 3) {
      out[x] = (uint32_t)in[0] << 16 | (uint32_t)in[1] << 8 | in[2];
    }
  }
  cairo_surface_mark_dirty(surface);
}

/* The surface `factor` times as large, smoothly; takes over the one given. */
static cairo_surface_t *enlarged(cairo_surface_t *small, int factor) {
  const int width = cairo_image_surface_get_width(small) * factor;
  const int height = cairo_image_surface_get_height(small) * factor;
  cairo_surface_t *large = cairo_image_surface_create(CAIRO_FORMAT_RGB24, width, height);
  cairo_t *cairo = cairo_create(large);
  cairo_scale(cairo, factor, factor);
  cairo_set_source_surface(cairo, small, 0, 0);
  cairo_pattern_set_extend(cairo_get_source(cairo), CAIRO_EXTEND_PAD);
  cairo_pattern_set_filter(cairo_get_source(cairo), CAIRO_FILTER_BILINEAR);
  cairo_paint(cairo);
  cairo_destroy(cairo);
  cairo_surface_destroy(small);
  return large;
}

static bool font_is_there(void) {
  PangoFontFamily **families;
  int count;
  pango_font_map_list_families(pango_cairo_font_map_get_default(), &families, &count);
  g_free(families);
  return count > 0;
}

static bool can_draw(const mn_image *image, const char *name) {
  if (image->width > MOST_SIDE || image->height > MOST_SIDE) {
    say("%s: %d x %d pixels; pictures of up to %d a side can be drawn on", name, image->width,
        image->height, MOST_SIDE);
    return false;
  }
  if (font_is_there()) return true;
  say("no font is installed to write labels with; any will do, such as Debian's fonts-dejavu-core");
  return false;
}

draw_canvas *draw_canvas_new(const mn_image *image, const char *name) {
  if (!can_draw(image, name)) return NULL;
  draw_canvas *canvas = calloc(1, sizeof *canvas);
  cairo_surface_t *surface =
      cairo_image_surface_create(CAIRO_FORMAT_RGB24, image->width, image->height);
  const int factor = enlarge_factor(image);
  if (cairo_surface_status(surface) == CAIRO_STATUS_SUCCESS) {
    copy_pixels(surface, image);
    if (factor > 1) surface = enlarged(surface, factor);
  }
  if (!canvas || cairo_surface_status(surface) != CAIRO_STATUS_SUCCESS) {
    say_out_of_memory();
    cairo_surface_destroy(surface);
    free(canvas);
    return NULL;
  }
  *canvas = (draw_canvas){surface, name, image->width * factor, image->height * factor, factor, 0};
  canvas->em = fmax(12, 0.024 * sqrt((double)canvas->width * canvas->height));
  return canvas;
}

void draw_canvas_free(draw_canvas *canvas) {
  if (!canvas) return;
  cairo_surface_destroy(canvas->surface);
  free(canvas);
}

bool draw_canvas_write(draw_canvas *canvas, const char *path) {
  cairo_surface_flush(canvas->surface);
  const png_pixels pixels = {.rows = cairo_image_surface_get_data(canvas->surface),
                             .stride = (size_t)cairo_image_surface_get_stride(canvas->surface),
                             .width = canvas->width,
                             .height = canvas->height};
  return png_file_write(path, &pixels);
}

void draw_set_color(cairo_t *cairo, palette_color color, double alpha) {
  cairo_set_source_rgba(cairo, color.red / 255.0, color.green / 255.0, color.blue / 255.0, alpha);
}

/* A copy of the text without control characters and bytes that are no UTF-8. */
static char *clean_text(const char *text) {
  char *clean = strdup(text);
  if (!clean) return NULL;
  char *to = clean;
  while (*text) {
    const int length = utf8_length(text);
    const bool shown = length > 1 || (length == 1 && *text >= ' ' && *text != 0x7F);
    if (shown) {
      memcpy(to, text, (size_t)length);
      to += length;
    } else {
      *to++ = '?';
    }
    text += length ? length : 1;
  }
  *to = '\0';
  return clean;
}

PangoLayout *draw_text_layout(const draw_canvas *canvas, cairo_t *cairo, const char *text,
                              double width) {
  PangoLayout *layout = pango_cairo_create_layout(cairo);
  PangoFontDescription *font = pango_font_description_from_string("DejaVu Sans, Sans Bold");
  char *clean = clean_text(text);
  pango_font_description_set_absolute_size(font, canvas->em * PANGO_SCALE);
  pango_layout_set_font_description(layout, font);
  pango_font_description_free(font);
  pango_layout_set_single_paragraph_mode(layout, TRUE);
  pango_layout_set_text(layout, clean ? clean : "?", -1);
  free(clean);
  int full;
  pango_layout_get_pixel_size(layout, &full, NULL);
  if (full > width) {
    pango_layout_set_width(layout, (int)(width * PANGO_SCALE));
    pango_layout_set_ellipsize(layout, PANGO_ELLIPSIZE_MIDDLE);
  }
  return layout;
}
