/* SPDX-License-Identifier: Apache-2.0
 * A set that is learned in seconds: "set" in the test's folder, two classes of pictures with two
 * stripes across, or down, somewhere, which differ by direction alone. */
#ifndef MN_TESTS_STRIPED_SET_H
#define MN_TESTS_STRIPED_SET_H

#include "temp_folder.h"

enum { SIDE = 40, PICTURES = 24 };

static inline void write_striped(const char *path, int across, unsigned seed) {
  FILE *file = fopen(path, "wb");
  assert_non_null(file);
  fprintf(file, "P6\n%d %d\n255\n", SIDE, SIDE);
  for (unsigned i = 0; i < SIDE * SIDE; i++) {
    const unsigned at = (across ? i / SIDE : i % SIDE) + seed % 10;
    const unsigned noise = (i * 40503u + seed * 2654435761u) >> 9 & 31;
    for (int c = 0; c < 3; c++) fputc((int)((at / 5 % 2 ? 190 : 30) + noise), file);
  }
  fclose(file);
}

static inline void write_set(void) {
  char path[64];
  for (int i = 0; i < PICTURES; i++) {
    for (int across = 0; across < 2; across++) {
      snprintf(path, sizeof path, "set/%s/%02d.ppm", across ? "across" : "down", i);
      temp_put(path, "");
      write_striped(temp_path(path), across, (unsigned)(7919 * i + across));
    }
  }
}

#endif
