/* SPDX-License-Identifier: Apache-2.0
 * Writing SVG by hand: a page in the house's colors, text that cannot break it, and the axes of a
 * plot. No library: the file is its own source. */
#ifndef MOBILENET_TOOL_SVG_H
#define MOBILENET_TOOL_SVG_H

#include <stdbool.h>
#include <stdio.h>

#define SVG_INK "#33281e"
#define SVG_FAINT "#8b8177"
#define SVG_LINE "#d9d1c5"
#define SVG_PAPER "#fbf8f2"

/* Where text hangs on its point. */
typedef enum svg_anchor { SVG_START, SVG_MIDDLE, SVG_END } svg_anchor;

typedef struct svg_text_style {
  int size;
  const char *color;
  svg_anchor anchor;
  bool bold;
} svg_text_style;

/* Text that cannot break SVG or HTML; control characters but the end of a line are spaces. */
void markup_text(FILE *file, const char *text);

/* A page of that size with a title, and its end. */
void svg_begin(FILE *file, int width, int height, const char *title);
void svg_end(FILE *file);
void svg_text(FILE *file, double x, double y, svg_text_style style, const char *text);

typedef struct svg_axis {
  double least, most; /* values at its ends */
  double from, to;    /* pixels there */
  bool log;
} svg_axis;

double svg_place(const svg_axis *axis, double value);
/* Round values within the axis: 1, 2 and 5 in every decade, or even steps; how many. */
int svg_ticks(const svg_axis *axis, double *ticks, int most);

#endif
