/* SPDX-License-Identifier: Apache-2.0
 * UTF-8 by the table of well-formed byte sequences (Unicode 15, table 3-7). */
#include "utf8.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

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

static uint32_t code_point(const char *text, int length) {
  static const unsigned char first_bits[] = {0, 0x7F, 0x1F, 0x0F, 0x07};
  uint32_t code = (unsigned char)text[0] & first_bits[length];
  for (int i = 1; i < length; i++) code = code << 6 | ((unsigned char)text[i] & 0x3F);
  return code;
}

int utf8_columns(const char *text) {
  /* Blocks whose characters are all wide, or nearly (Unicode 15, East Asian Width). */
  static const uint32_t wide[][2] = {
      {0x1100, 0x115F},   {0x2E80, 0x303E},   {0x3041, 0xA4CF},   {0xA960, 0xA97C},
      {0xAC00, 0xD7A3},   {0xF900, 0xFAFF},   {0xFE30, 0xFE6F},   {0xFF01, 0xFF60},
      {0xFFE0, 0xFFE6},   {0x1F300, 0x1F64F}, {0x1F680, 0x1F6FF}, {0x1F900, 0x1F9FF},
      {0x20000, 0x3FFFD},
  };
  const int length = utf8_length(text);
  if (length < 3)
    return length == 2 && (unsigned char)text[0] == 0xCC ? 0 : 1; /* U+0300: accents */
  const uint32_t code = code_point(text, length);
  for (size_t i = 0; i < sizeof wide / sizeof wide[0]; i++) {
    if (code >= wide[i][0] && code <= wide[i][1]) return 2;
  }
  return 1;
}
