/* SPDX-License-Identifier: Apache-2.0
 * Zip archives: finding the stored files of an archive that ends a file (TFLite keeps its label
 * files so), and writing such a tail. Reads only entries that are stored, not compressed ones;
 * no ZIP64, no encryption. Source: PKWARE APPNOTE 6.3. Little-endian hosts only. */
#ifndef MN_WIRE_ZIP_H
#define MN_WIRE_ZIP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

typedef struct mn_zip {
  const uint8_t *bytes;
  size_t size;
  size_t next, end; /* what is left of the central directory */
  size_t shift; /* added to the archive's offsets: bytes in front of it that it does not count */
} mn_zip;

typedef struct mn_zip_entry {
  const char *name; /* not terminated */
  size_t name_length;
  const uint8_t *data; /* NULL when compressed, encrypted or broken */
  size_t size;
} mn_zip_entry;

/* False when no archive ends the bytes. */
bool mn_zip_open(mn_zip *zip, const uint8_t *bytes, size_t size);
/* The next entry; false when there are no more, or the directory is broken from here on. */
bool mn_zip_next(mn_zip *zip, mn_zip_entry *entry);
/* Finds an entry by name; false when there is none with readable data. */
bool mn_zip_find(const mn_zip *zip, const char *name, size_t name_length, mn_zip_entry *entry);

/* Bytes of a tail that holds one stored file. */
size_t mn_zip_tail_bytes(size_t name_length, size_t size);
/* Writes that tail. `offset` is where it begins in the whole file. No dates: equal content gives
 * equal bytes. */
void mn_zip_write_tail(uint8_t *out, size_t offset, const mn_zip_entry *entry);

#endif
