/* SPDX-License-Identifier: Apache-2.0
 * See svg.h. */
#include "svg.h"

#include <math.h>

void markup_text(FILE *file, const char *text) {
  for (; *text; text++) {
    switch (*text) {
      case '&': fputs("&amp;", file); break;
      case '<': fputs("&lt;", file); break;
      case '>': fputs("&gt;", file); break;
      case '"': fputs("&quot;", file); break;
      default: fputc((unsigned char)*text < ' ' && *text != '\n' ? ' ' : *text, file);
    }
  }
}

void svg_begin(FILE *file, int width, int height, const char *title) {
  fprintf(file,
          "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"%d\" height=\"%d\" "
          "viewBox=\"0 0 %d %d\" role=\"img\" aria-label=\"",
          width, height, width, height);
  markup_text(file, title);
  fprintf(file,
          "\" font-family=\"Helvetica, Arial, sans-serif\">\n"
          "<rect width=\"%d\" height=\"%d\" fill=\"" SVG_PAPER "\"/>\n",
          width, height);
}

void svg_end(FILE *file) { fputs("</svg>\n", file); }

void svg_text(FILE *file, double x, double y, svg_text_style style, const char *text) {
  static const char *const anchors[] = {"start", "middle", "end"};
  fprintf(file, "<text x=\"%.1f\" y=\"%.1f\" font-size=\"%d\" fill=\"%s\" text-anchor=\"%s\"%s>", x,
          y, style.size, style.color, anchors[style.anchor],
          style.bold ? " font-weight=\"bold\"" : "");
  markup_text(file, text);
  fputs("</text>\n", file);
}

double svg_place(const svg_axis *axis, double value) {
  double share = axis->log ? log(value / axis->least) / log(axis->most / axis->least)
                           : (value - axis->least) / (axis->most - axis->least);
  return axis->from + share * (axis->to - axis->from);
}

static int log_ticks(const svg_axis *axis, double *ticks, int most) {
  static const int steps[] = {1, 2, 5};
  int count = 0;
  double decade = pow(10, floor(log10(axis->least)));
  for (; decade <= axis->most; decade *= 10) {
    for (int i = 0; i < 3 && count < most; i++) {
      double value = decade * steps[i];
      if (value >= axis->least && value <= axis->most) ticks[count++] = value;
    }
  }
  return count;
}

int svg_ticks(const svg_axis *axis, double *ticks, int most) {
  if (axis->log) return log_ticks(axis, ticks, most);
  double range = axis->most - axis->least;
  double step = range > 16 ? 5 : range > 6 ? 2 : 1;
  int count = 0;
  for (double value = ceil(axis->least / step) * step; value <= axis->most && count < most;
       value += step) {
    ticks[count++] = value;
  }
  return count;
}
