/* SPDX-License-Identifier: Apache-2.0
 * A chart of a report: lines over epochs, each named where it ends. */
#include <math.h>
#include <stdlib.h>

#include "report.h"
#include "svg.h"

enum { WIDTH = 560, HEIGHT = 300, LEFT = 56, RIGHT = 128, TOP = 44, BOTTOM = 34, LABEL = 15 };

static const svg_text_style heading = {14, SVG_INK, SVG_START, true};
static const svg_text_style faint_right = {11, SVG_FAINT, SVG_END, false};
static const svg_text_style faint_middle = {11, SVG_FAINT, SVG_MIDDLE, false};

/* 1, 2 or 5 times a power of ten: about `parts` of them make the range. */
static double step_of(double range, int parts) {
  const double rough = range / parts, decade = pow(10, floor(log10(rough)));
  const double share = rough / decade;
  return decade * (share <= 1 ? 1 : share <= 2 ? 2 : share <= 5 ? 5 : 10);
}

static svg_axis value_axis(const report_chart *c) {
  double least = c->least, most = c->most;
  for (int s = 0; s < c->series_count; s++) {
    for (int i = 0; i < c->count; i++) {
      const double v = c->series[s].values[i];
      if (!isfinite(v)) continue;
      least = v < least ? v : least;
      most = v > most ? v : most;
    }
  }
  if (!(most > least)) most = least + 1;
  const double step = step_of(most - least, 5);
  return (svg_axis){.least = floor(least / step) * step,
                    .most = ceil(most / step) * step,
                    .from = HEIGHT - BOTTOM,
                    .to = TOP};
}

static svg_axis epoch_axis(const report_chart *c) {
  return (svg_axis){
      .least = 1, .most = c->count > 1 ? c->count : 2, .from = LEFT, .to = WIDTH - RIGHT};
}

static void draw_axes(FILE *file, const report_chart *c, const svg_axis *x, const svg_axis *y) {
  char text[64];
  const double step = step_of(y->most - y->least, 5);
  for (int i = 0; y->least + i * step <= y->most + step / 2; i++) {
    const double value = y->least + i * step, at = svg_place(y, value);
    fprintf(file, "<path d=\"M%d %.1fH%d\" stroke=\"" SVG_LINE "\"/>\n", LEFT, at, WIDTH - RIGHT);
    snprintf(text, sizeof text, "%.4g", value);
    svg_text(file, LEFT - 8, at + 4, faint_right, text);
  }
  const double every = fmax(1, step_of(x->most - x->least, 6));
  for (double e = c->count > 8 ? every : 1; e <= c->count; e += every) {
    snprintf(text, sizeof text, "%.0f", e);
    svg_text(file, svg_place(x, e), HEIGHT - 14, faint_middle, text);
  }
  svg_text(file, WIDTH - RIGHT + 36, HEIGHT - 14, faint_middle, "epoch");
}

static void draw_line(FILE *file, const report_chart *c, const report_series *s, const svg_axis *x,
                      const svg_axis *y) {
  bool drawn = false;
  fputs("<path d=\"", file);
  for (int i = 0; i < c->count; i++) {
    if (!isfinite(s->values[i])) continue;
    fprintf(file, "%c%.1f %.1f", drawn ? 'L' : 'M', svg_place(x, i + 1),
            svg_place(y, s->values[i]));
    drawn = true;
  }
  fprintf(file,
          "\" fill=\"none\" stroke=\"%s\" stroke-width=\"2.2\" stroke-linejoin=\"round\" "
          "stroke-linecap=\"round\"/>\n",
          s->color);
}

/* Where a line's name goes: beside its end, but not on the name of one before it. */
static double label_place(const double *taken, int count, double wanted) {
  for (int i = 0; i < count; i++) {
    if (fabs(taken[i] - wanted) >= 2 * LABEL + 2) continue;
    wanted = taken[i] + (wanted >= taken[i] ? 1 : -1) * (2 * LABEL + 2);
    i = -1;
    if (wanted < TOP || wanted > HEIGHT - BOTTOM) break;
  }
  return wanted;
}

void report_draw(FILE *file, const report_chart *c) {
  const svg_axis x = epoch_axis(c), y = value_axis(c);
  double taken[REPORT_SERIES];
  char text[64];
  int names = 0;
  svg_begin(file, WIDTH, HEIGHT, c->title);
  svg_text(file, LEFT, 24, heading, c->title);
  draw_axes(file, c, &x, &y);
  for (int s = 0; s < c->series_count; s++) {
    const report_series *line = &c->series[s];
    int last = c->count - 1;
    while (last >= 0 && !isfinite(line->values[last])) last--;
    if (last < 0) continue;
    draw_line(file, c, line, &x, &y);
    const double end = svg_place(&y, line->values[last]);
    fprintf(file, "<circle cx=\"%.1f\" cy=\"%.1f\" r=\"3.5\" fill=\"%s\"/>\n",
            svg_place(&x, last + 1), end, line->color);
    const double lowest = HEIGHT - BOTTOM - LABEL, least = line->name[0] ? end : end - LABEL + 4;
    const double at = taken[names] = label_place(taken, names, least < lowest ? least : lowest);
    names++;
    const svg_text_style name = {12, line->color, SVG_START, true};
    svg_text(file, WIDTH - RIGHT + 12, at, name, line->name);
    snprintf(text, sizeof text, c->format, line->values[last]);
    svg_text(file, WIDTH - RIGHT + 12, at + LABEL, name, text);
  }
  svg_end(file);
}
