/* SPDX-License-Identifier: Apache-2.0
 * UTF-8 by the table of well-formed byte sequences (Unicode 15, table 3-7). */
#include "utf8.h"

#include <stdbool.h>

static bool within(unsigned char byte, unsigned char low, unsigned char high) {
  return byte >= low && byte <= high;
}

int utf8_length(const char *text) {
  const unsigned char *s = (const unsigned char *)text;
  if (s[0] == 0) return 0;
  if (s[0] < 0x80) return 1;
  if (within(s[0], 0xC2, 0xDF)) return within(s[1], 0x80, 0xBF) ? 2 : 0;
  if (within(s[0], 0xE0, 0xEF)) {
    unsigned char low = s[0] == 0xE0 ? 0xA0 : 0x80, high = s[0] == 0xED ? 0x9F : 0xBF;
    return within(s[1], low, high) && within(s[2], 0x80, 0xBF) ? 3 : 0;
  }
  if (within(s[0], 0xF0, 0xF4)) {
    unsigned char low = s[0] == 0xF0 ? 0x90 : 0x80, high = s[0] == 0xF4 ? 0x8F : 0xBF;
    return within(s[1], low, high) && within(s[2], 0x80, 0xBF) && within(s[3], 0x80, 0xBF) ? 4 : 0;
  }
  return 0;
}
