/* SPDX-License-Identifier: Apache-2.0
 * Finds the orientation in EXIF data: a TIFF header and one directory of 12-byte entries. Anything
 * malformed means "not said": a bad tag must not cost the user the picture. */
#include <stdbool.h>
#include <string.h>

#include "base/checked.h"
#include "io/decoders.h"

enum { TAG_ORIENTATION = 0x0112, TYPE_SHORT = 3, ENTRY_BYTES = 12 };

typedef struct tiff {
  const uint8_t *bytes;
  size_t size;
  bool big_endian;
} tiff;

static uint32_t get16(const tiff *t, size_t at) {
  const uint8_t *b = t->bytes + at;
  return t->big_endian ? (uint32_t)b[0] << 8 | b[1] : (uint32_t)b[1] << 8 | b[0];
}

static uint32_t get32(const tiff *t, size_t at) {
  uint32_t a = get16(t, at), b = get16(t, at + 2);
  return t->big_endian ? a << 16 | b : b << 16 | a;
}

static int read_entry(const tiff *t, size_t at) {
  if (get16(t, at) != TAG_ORIENTATION) return 0;
  if (get16(t, at + 2) != TYPE_SHORT || get32(t, at + 4) != 1) return 0;
  uint32_t value = get16(t, at + 8);
  return value >= 1 && value <= 8 ? (int)value : 0;
}

int mn_exif_orientation(const uint8_t *bytes, size_t size) {
  if (size >= 6 && !memcmp(bytes, "Exif\0", 5)) {
    bytes += 6;
    size -= 6;
  }
  if (size < 8) return 0;
  tiff t = {bytes, size, bytes[0] == 'M'};
  if (memcmp(bytes, t.big_endian ? "MM\0*" : "II*\0", 4) != 0) return 0;
  size_t directory = get32(&t, 4);
  if (!mn_within(directory, 2, size)) return 0;
  size_t count = get16(&t, directory);
  for (size_t i = 0; i < count; ++i) {
    size_t entry = directory + 2 + i * ENTRY_BYTES;
    if (!mn_within(entry, ENTRY_BYTES, size)) return 0;
    int orientation = read_entry(&t, entry);
    if (orientation) return orientation;
  }
  return 0;
}
