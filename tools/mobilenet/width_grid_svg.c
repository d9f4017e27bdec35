/* SPDX-License-Identifier: Apache-2.0
 * The grid as a picture: accuracy against multiply-adds, with the frontier of what was published,
 * and memory against multiply-adds for every width and resolution. */
#include <math.h>
#include <string.h>

#include "new_file.h"
#include "svg.h"
#include "terminal.h"
#include "width_grid.h"

enum { HEIGHT = 528, PANEL = 470, LEFT = 62, RIGHT = 28, TOP = 102, BOTTOM = 64, FEW = 3 };

/* Dark to light along a scale that prints in gray too: thin networks first. */
static const char *const colors[] = {"#46327e", "#365c8d", "#1f8a8c", "#2aa86b",
                                     "#86b02c", "#d19a1c", "#c4572b"};

typedef double point_value(const grid_point *point);

static double value_macs(const grid_point *point) { return (double)point->macs; }
static double value_top1(const grid_point *point) { return point->top1 * 100; }
static double value_memory(const grid_point *point) { return (double)point->activation_bytes; }

typedef struct plot_panel {
  FILE *file;
  const width_grid *grid;
  svg_axis x, y;
  point_value *value;
  bool published;              /* only points that have an accuracy */
  double labels[GRID_MOST][2]; /* where text stands already: its middle */
  int label_count;
} plot_panel;

static bool shows(const plot_panel *panel, const grid_point *point) {
  return !panel->published || point->top1 > 0;
}

static void widen(svg_axis *axis, double value) {
  if (axis->least == 0 || value < axis->least) axis->least = value;
  if (value > axis->most) axis->most = value;
}

/* Ends of the axes a little beyond the points. */
static void fit_axes(plot_panel *panel) {
  for (int i = 0; i < panel->grid->count; i++) {
    if (!shows(panel, &panel->grid->points[i])) continue;
    widen(&panel->x, value_macs(&panel->grid->points[i]));
    widen(&panel->y, panel->value(&panel->grid->points[i]));
  }
  panel->x.least /= 1.35;
  panel->x.most *= 1.35;
  if (panel->y.log) {
    panel->y.least /= 1.25;
    panel->y.most *= 1.25;
  } else {
    panel->y.least -= 2;
    panel->y.most += 2;
  }
}

static void tick_text(char *text, size_t size, const svg_axis *axis, double value) {
  if (!axis->log) {
    snprintf(text, size, "%.0f %%", value);
  } else if (value >= 1e9) {
    snprintf(text, size, "%g G", value / 1e9);
  } else if (value >= 1e6) {
    snprintf(text, size, "%g M", value / 1e6);
  } else {
    snprintf(text, size, "%g k", value / 1e3);
  }
}

static void draw_axes(const plot_panel *panel, const char *title, const char *unit) {
  const svg_text_style small = {11, SVG_FAINT, SVG_MIDDLE, false};
  const svg_text_style at_left = {11, SVG_FAINT, SVG_END, false};
  double ticks[32];
  char text[32];
  int count = svg_ticks(&panel->x, ticks, 32);
  for (int i = 0; i < count; i++) {
    double x = svg_place(&panel->x, ticks[i]);
    fprintf(panel->file, "<path d=\"M%.1f %.1fV%.1f\" stroke=\"" SVG_LINE "\"/>\n", x,
            panel->y.from, panel->y.to);
    tick_text(text, sizeof text, &panel->x, ticks[i]);
    svg_text(panel->file, x, panel->y.from + 16, small, text);
  }
  count = svg_ticks(&panel->y, ticks, 32);
  for (int i = 0; i < count; i++) {
    double y = svg_place(&panel->y, ticks[i]);
    fprintf(panel->file, "<path d=\"M%.1f %.1fH%.1f\" stroke=\"" SVG_LINE "\"/>\n", panel->x.from,
            y, panel->x.to);
    tick_text(text, sizeof text, &panel->y, ticks[i]);
    svg_text(panel->file, panel->x.from - 6, y + 4, at_left, text);
  }
  svg_text(panel->file, (panel->x.from + panel->x.to) / 2, panel->y.from + 36, small,
           "multiply-adds a picture");
  svg_text(panel->file, panel->x.from, panel->y.to - 24,
           (svg_text_style){14, SVG_INK, SVG_START, true}, title);
  svg_text(panel->file, panel->x.from, panel->y.to - 8,
           (svg_text_style){11, SVG_FAINT, SVG_START, false}, unit);
}

/* A line through shown points first, first + step, ... */
static void draw_line(const plot_panel *panel, int first, int step, int count, const char *style) {
  int drawn = 0;
  for (int i = 0; i < count; i++) {
    const grid_point *point = &panel->grid->points[first + i * step];
    if (!shows(panel, point)) continue;
    fprintf(panel->file, "%s%.1f %.1f", drawn++ ? "L" : "<path d=\"M",
            svg_place(&panel->x, value_macs(point)), svg_place(&panel->y, panel->value(point)));
  }
  if (drawn) fprintf(panel->file, "\" fill=\"none\" %s/>\n", style);
}

static void draw_widths(const plot_panel *panel) {
  const width_grid *grid = panel->grid;
  char style[64];
  for (int w = 0; w < grid->widths; w++) {
    snprintf(style, sizeof style, "stroke=\"%s\" stroke-width=\"2\"", colors[w]);
    draw_line(panel, w * grid->sizes, 1, grid->sizes, style);
  }
  for (int i = 0; i < grid->count; i++) {
    const grid_point *point = &grid->points[i];
    if (!shows(panel, point)) continue;
    fprintf(panel->file,
            "<circle cx=\"%.1f\" cy=\"%.1f\" r=\"4\" fill=\"%s\" stroke=\"" SVG_PAPER "\"/>\n",
            svg_place(&panel->x, value_macs(point)), svg_place(&panel->y, panel->value(point)),
            colors[i / grid->sizes]);
  }
}

/* Whether a label there would lie on an earlier one; remembers it when not. */
static bool claim(plot_panel *panel, double x, double y) {
  for (int i = 0; i < panel->label_count; i++) {
    double dx = fabs(panel->labels[i][0] - x), dy = fabs(panel->labels[i][1] - y);
    if (dx < 25 && dy < 11) return false;
  }
  panel->labels[panel->label_count][0] = x;
  panel->labels[panel->label_count++][1] = y;
  return true;
}

/* The resolution beside each point of one width: the frontier's above, others below. */
static void label_sizes(plot_panel *panel, int width, bool frontier) {
  char text[16];
  for (int s = 0; s < panel->grid->sizes; s++) {
    const grid_point *point = &panel->grid->points[width * panel->grid->sizes + s];
    if (!shows(panel, point) || (panel->published && point->frontier != frontier)) continue;
    bool above = frontier || !panel->published;
    double x = svg_place(&panel->x, value_macs(point)) + (above ? -7 : 7);
    double y = svg_place(&panel->y, panel->value(point)) + (above ? -6 : 14);
    if (!claim(panel, above ? x - 12 : x + 12, y)) continue;
    snprintf(text, sizeof text, "%d", point->size);
    svg_text_style style = {11, colors[width], above ? SVG_END : SVG_START, false};
    svg_text(panel->file, x, y, style, text);
  }
}

/* Steps from one frontier point to the next, under everything else. */
static void draw_frontier(const plot_panel *panel) {
  const grid_point *last = NULL;
  for (;;) {
    const grid_point *next = NULL;
    for (int i = 0; i < panel->grid->count; i++) {
      const grid_point *point = &panel->grid->points[i];
      if (!point->frontier || (last && point->macs <= last->macs)) continue;
      if (!next || point->macs < next->macs) next = point;
    }
    if (!next) break;
    double x = svg_place(&panel->x, value_macs(next));
    double y = svg_place(&panel->y, panel->value(next));
    fprintf(panel->file, last ? "H%.1fV%.1f" : "<path d=\"M%.1f %.1f", x, y);
    last = next;
  }
  if (last) {
    fputs("\" fill=\"none\" stroke=\"#e9c9a8\" stroke-width=\"9\" stroke-linejoin=\"round\"/>\n",
          panel->file);
  }
}

static plot_panel make_panel(FILE *file, const width_grid *grid, int index, point_value *value) {
  plot_panel panel = {.file = file, .grid = grid, .value = value, .published = value == value_top1};
  panel.x =
      (svg_axis){.from = index * PANEL + LEFT, .to = (index + 1) * PANEL - RIGHT, .log = true};
  panel.y = (svg_axis){.from = HEIGHT - BOTTOM, .to = TOP, .log = !panel.published};
  fit_axes(&panel);
  return panel;
}

static void draw_accuracy(FILE *file, const width_grid *grid) {
  plot_panel panel = make_panel(file, grid, 0, value_top1);
  draw_axes(&panel, "Accuracy that was published",
            "ImageNet top-1; broad line: none is as exact for less");
  draw_frontier(&panel);
  draw_widths(&panel);
  for (int w = 0; w < grid->widths; w++) label_sizes(&panel, w, true);
  for (int w = 0; w < grid->widths; w++) label_sizes(&panel, w, false);
}

static void draw_memory(FILE *file, const width_grid *grid, int index) {
  plot_panel panel = make_panel(file, grid, index, value_memory);
  draw_axes(&panel, "Memory that a run takes",
            "bytes of activations at a time, float32; dashed: one resolution");
  for (int s = 0; s < grid->sizes; s++) {
    draw_line(&panel, s, grid->sizes, grid->widths,
              "stroke=\"" SVG_FAINT "\" stroke-dasharray=\"2 4\"");
  }
  draw_widths(&panel);
  label_sizes(&panel, 0, true);
}

static void draw_legend(FILE *file, const width_grid *grid) {
  char text[64], bytes[32];
  const char *const lead = "width: int8 weights";
  double x = LEFT + 142;
  svg_text(file, LEFT, 46, (svg_text_style){12, SVG_FAINT, SVG_START, false}, lead);
  for (int w = 0; w < grid->widths; w++) {
    const grid_point *point = &grid->points[w * grid->sizes];
    snprintf(text, sizeof text, "%g: %s", point->width,
             bytes_text(bytes, sizeof bytes, point->int8_bytes));
    fprintf(file, "<circle cx=\"%.1f\" cy=\"42\" r=\"5\" fill=\"%s\"/>\n", x + 5, colors[w]);
    svg_text(file, x + 16, 46, (svg_text_style){12, SVG_INK, SVG_START, false}, text);
    x += 30 + 6.4 * (double)strlen(text);
  }
}

bool width_grid_draw(const width_grid *grid, const char *path) {
  char title[96];
  int published = 0;
  new_file out;
  if (!new_file_begin(&out, path)) return false;
  for (int i = 0; i < grid->count; i++) published += grid->points[i].top1 > 0;
  bool accuracy = published >= FEW;
  snprintf(title, sizeof title, "MobileNet %s by width and resolution", grid->family);
  svg_begin(out.file, accuracy ? 2 * PANEL : PANEL + 60, HEIGHT, title);
  svg_text(out.file, LEFT, 26, (svg_text_style){18, SVG_INK, SVG_START, true}, title);
  draw_legend(out.file, grid);
  if (accuracy) draw_accuracy(out.file, grid);
  draw_memory(out.file, grid, accuracy ? 1 : 0);
  svg_end(out.file);
  return new_file_end(&out, true);
}
