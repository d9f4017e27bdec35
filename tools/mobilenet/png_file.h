/* SPDX-License-Identifier: Apache-2.0
 * Writing PNG: true color, or indices with a palette. The file appears whole or not at all. */
#ifndef MOBILENET_TOOL_PNG_FILE_H
#define MOBILENET_TOOL_PNG_FILE_H

#include <stdbool.h>
#include <stddef.h>

#include "palette.h"

typedef struct png_pixels {
  const void *rows; /* [height][stride] bytes: indices with a palette, else words 0x00RRGGBB */
  size_t stride;    /* bytes from row to row */
  int width, height;
  const palette_color *palette; /* [palette_count], or NULL */
  int palette_count;            /* 1..256; every index is less */
} png_pixels;

/* False after saying why not. */
bool png_file_write(const char *path, const png_pixels *pixels);

#endif
