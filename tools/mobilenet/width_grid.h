/* SPDX-License-Identifier: Apache-2.0
 * The networks of a family by width multiplier and resolution, with what each costs. */
#ifndef MOBILENET_TOOL_WIDTH_GRID_H
#define MOBILENET_TOOL_WIDTH_GRID_H

#include <stdbool.h>
#include <stdint.h>

enum { GRID_MOST = 64 };

typedef struct grid_point {
  char arch[48];
  double width;
  int32_t size;
  uint64_t params, macs;
  uint64_t float_bytes, int8_bytes; /* of the file, norms folded */
  uint64_t activation_bytes;        /* most at a time, float32 */
  double top1;                      /* 0..1; 0: none published */
  bool frontier;                    /* none published is as exact with fewer multiply-adds */
} grid_point;

typedef struct width_grid {
  const char *family;
  grid_point points[GRID_MOST]; /* by width, then by size, ascending */
  int count, widths, sizes;     /* count = widths * sizes */
} width_grid;

/* An exit code, after saying why when it is not EXIT_DONE. `classes` 0: 1000. */
int width_grid_fill(width_grid *grid, const char *family, int32_t classes);

/* Writes the grid as SVG; false after saying why not. */
bool width_grid_draw(const width_grid *grid, const char *path);

#endif
