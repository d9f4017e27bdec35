/* SPDX-License-Identifier: Apache-2.0
 * Zip archives at the end of a file; see zip.h. Every length is checked against the bytes that are
 * there before it is used. */
#include "wire/zip.h"

#include <string.h>

#include "base/checked.h"

enum {
  LOCAL_BYTES = 30,
  CENTRAL_BYTES = 46,
  END_BYTES = 22,
  LONGEST_COMMENT = 65535,
  FLAG_ENCRYPTED = 1,
  DOS_DATE_1980 = 0x21 /* 1 January: the earliest that the format can say */
};
static const uint32_t local_magic = 0x04034b50, central_magic = 0x02014b50, end_magic = 0x06054b50;
static const uint32_t zip64_end_magic = 0x06064b50, zip64_locator_magic = 0x07064b50;

static uint16_t get16(const uint8_t *p) {
  uint16_t value;
  memcpy(&value, p, sizeof value);
  return value;
}

static uint32_t get32(const uint8_t *p) {
  uint32_t value;
  memcpy(&value, p, sizeof value);
  return value;
}

/* The end record: the last place where its magic stands and its comment fills the rest. */
static const uint8_t *find_end(const uint8_t *bytes, size_t size) {
  if (size < END_BYTES) return NULL;
  size_t deepest = size > END_BYTES + LONGEST_COMMENT ? size - END_BYTES - LONGEST_COMMENT : 0;
  for (size_t at = size - END_BYTES + 1; at-- > deepest;) {
    if (get32(bytes + at) != end_magic) continue;
    if (at + END_BYTES + get16(bytes + at + 20) == size) return bytes + at;
  }
  return NULL;
}

/* Where the central directory ends: before ZIP64's two end records, which PyTorch writes for small
 * archives too (APPNOTE 4.3.14, 4.3.15). Only the 32-bit fields are read. */
static size_t directory_end(const uint8_t *bytes, size_t end_at) {
  enum { ZIP64_END_BYTES = 56, ZIP64_LOCATOR_BYTES = 20 };
  const size_t both = ZIP64_END_BYTES + ZIP64_LOCATOR_BYTES;
  bool zip64 = end_at >= both && get32(bytes + end_at - both) == zip64_end_magic &&
               get32(bytes + end_at - ZIP64_LOCATOR_BYTES) == zip64_locator_magic;
  return zip64 ? end_at - both : end_at;
}

bool mn_zip_open(mn_zip *zip, const uint8_t *bytes, size_t size) {
  memset(zip, 0, sizeof *zip);
  const uint8_t *end = find_end(bytes, size);
  if (!end) return false;
  size_t end_at = directory_end(bytes, (size_t)(end - bytes));
  uint32_t directory_bytes = get32(end + 12), directory_at = get32(end + 16);
  if (directory_bytes > end_at || directory_at > end_at - directory_bytes) return false;
  zip->bytes = bytes;
  zip->size = size;
  zip->next = end_at - directory_bytes;
  zip->end = end_at;
  zip->shift = zip->next - directory_at;
  return true;
}

/* The bytes of a stored entry whose central record is at `record`. */
static const uint8_t *entry_data(const mn_zip *zip, const uint8_t *record, size_t *size) {
  uint16_t flags = get16(record + 8), method = get16(record + 10);
  uint32_t packed = get32(record + 20), unpacked = get32(record + 24);
  if ((flags & FLAG_ENCRYPTED) || method != 0 || packed != unpacked) return NULL;
  uint64_t local = (uint64_t)zip->shift + get32(record + 42);
  if (!mn_within(local, LOCAL_BYTES, zip->size)) return NULL;
  const uint8_t *header = zip->bytes + local;
  if (get32(header) != local_magic) return NULL;
  uint64_t data = local + LOCAL_BYTES + get16(header + 26) + get16(header + 28);
  if (!mn_within(data, packed, zip->size)) return NULL;
  *size = packed;
  return zip->bytes + data;
}

bool mn_zip_next(mn_zip *zip, mn_zip_entry *entry) {
  memset(entry, 0, sizeof *entry);
  if (zip->end - zip->next < CENTRAL_BYTES) return false;
  const uint8_t *record = zip->bytes + zip->next;
  if (get32(record) != central_magic) return false;
  size_t name_length = get16(record + 28);
  size_t length = CENTRAL_BYTES + name_length + get16(record + 30) + get16(record + 32);
  if (length > zip->end - zip->next) return false;
  entry->name = (const char *)record + CENTRAL_BYTES;
  entry->name_length = name_length;
  entry->data = entry_data(zip, record, &entry->size);
  zip->next += length;
  return true;
}

bool mn_zip_find(const mn_zip *zip, const char *name, size_t name_length, mn_zip_entry *entry) {
  mn_zip walk = *zip;
  while (mn_zip_next(&walk, entry)) {
    if (entry->data && entry->name_length == name_length &&
        memcmp(entry->name, name, name_length) == 0) {
      return true;
    }
  }
  return false;
}

/* ---- Writing -------------------------------------------------------------------------------- */

/* CRC-32 (ISO 3309), bit by bit: label files are small. */
static uint32_t crc32_of(const uint8_t *bytes, size_t size) {
  uint32_t crc = 0xffffffffu;
  for (size_t i = 0; i < size; i++) {
    crc ^= bytes[i];
    for (int bit = 0; bit < 8; bit++) crc = (crc >> 1) ^ (0xedb88320u & (0u - (crc & 1)));
  }
  return ~crc;
}

static void put16(uint8_t *p, size_t value) {
  uint16_t stored = (uint16_t)value;
  memcpy(p, &stored, sizeof stored);
}

static void put32(uint8_t *p, size_t value) {
  uint32_t stored = (uint32_t)value;
  memcpy(p, &stored, sizeof stored);
}

size_t mn_zip_tail_bytes(size_t name_length, size_t size) {
  return LOCAL_BYTES + CENTRAL_BYTES + END_BYTES + 2 * name_length + size;
}

/* What the local header and the central record share, from "version needed" to "name length". */
static void put_common(uint8_t *p, const mn_zip_entry *entry, uint32_t crc) {
  put16(p, 10);
  put16(p + 8, DOS_DATE_1980);
  put32(p + 10, crc);
  put32(p + 14, entry->size);
  put32(p + 18, entry->size);
  put16(p + 22, entry->name_length);
}

void mn_zip_write_tail(uint8_t *out, size_t offset, const mn_zip_entry *entry) {
  uint32_t crc = crc32_of(entry->data, entry->size);
  memset(out, 0, mn_zip_tail_bytes(entry->name_length, entry->size));
  uint8_t *local = out;
  put32(local, local_magic);
  put_common(local + 4, entry, crc);
  memcpy(local + LOCAL_BYTES, entry->name, entry->name_length);
  memcpy(local + LOCAL_BYTES + entry->name_length, entry->data, entry->size);
  uint8_t *central = local + LOCAL_BYTES + entry->name_length + entry->size;
  put32(central, central_magic);
  put16(central + 4, 10);
  put_common(central + 6, entry, crc);
  put32(central + 42, offset);
  memcpy(central + CENTRAL_BYTES, entry->name, entry->name_length);
  uint8_t *end = central + CENTRAL_BYTES + entry->name_length;
  put32(end, end_magic);
  put16(end + 8, 1);
  put16(end + 10, 1);
  put32(end + 12, CENTRAL_BYTES + entry->name_length);
  put32(end + 16, offset + (size_t)(central - out));
}
