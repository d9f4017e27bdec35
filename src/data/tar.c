/* SPDX-License-Identifier: Apache-2.0
 * See tar.h. A header is a block of 512 bytes of text fields; what it describes follows in whole
 * blocks. Entries of types x, L and K say more about the next one. Sizes are checked against what
 * is there, so nothing outside is read and the list grows with the archive's own bytes only. */
#define _POSIX_C_SOURCE 200809L
#include "data/tar.h"

#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"
#include "base/checked.h"

enum {
  BLOCK = 512,
  NAME = 0, /* fields of a header, by offset */
  NAME_SIZE = 100,
  SIZE = 124,
  CHECKSUM = 148,
  TYPE = 156,
  LINK = 157,
  MAGIC = 257,
  PREFIX = 345,
  PREFIX_SIZE = 155,
  MOST_NAME = 4096,
  MOST_LINKS = 16 /* hard links that lead from one to the next */
};

/* An entry as it is met; `link` is the file that a hard link repeats. */
typedef struct found {
  mn_tar_entry entry;
  const char *link;
  size_t order;
} found;

typedef struct reader {
  const uint8_t *bytes; /* [size] */
  size_t size, at;
  const char *archive;
  mn_arena *arena;
  mn_error *err;
  /* What headers before the next entry say of it. */
  char *long_name, *long_link;
  uint64_t long_size;
  bool has_long_size;
  found *list;
  size_t count, capacity, left_out;
} reader;

static mn_status refuse(const reader *r, const char *what) {
  return mn_fail(r->err, MN_ERR_FORMAT, r->archive, "the entry at byte %zu %s", r->at, what);
}

static mn_status no_memory(const reader *r, size_t bytes) { return mn_fail_memory(r->err, bytes); }

/* ---- Fields --------------------------------------------------------------------------------- */

/* Octal digits between spaces, ended by a space, a zero byte or the field's end; or, where the
 * first bit is set, a big-endian number. False for others and for what exceeds 2^63 - 1. */
static bool read_number(const uint8_t *field, size_t size, uint64_t *out) {
  uint64_t value = 0;
  if (field[0] & 0x80) {
    value = field[0] & 0x7F;
    for (size_t i = 1; i < size; ++i) {
      if (value >> 55) return false;
      value = value << 8 | field[i];
    }
    *out = value;
    return true;
  }
  size_t i = 0;
  while (i < size && field[i] == ' ') i++;
  for (; i < size && field[i] != ' ' && field[i]; ++i) { /* at most 12: no overflow */
    if (field[i] < '0' || field[i] > '7') return false;
    value = value * 8 + (uint64_t)(field[i] - '0');
  }
  *out = value;
  return true;
}

/* The sum of a header's bytes, its own field as spaces. */
static bool checksum_is_right(const uint8_t *header) {
  uint64_t stated, sum = 0;
  for (int i = 0; i < BLOCK; ++i) {
    sum += i >= CHECKSUM && i < CHECKSUM + 8 ? ' ' : header[i];
  }
  return read_number(header + CHECKSUM, 8, &stated) && stated == sum;
}

static bool is_zero(const uint8_t *bytes, size_t size) {
  for (size_t i = 0; i < size; ++i) {
    if (bytes[i]) return false;
  }
  return true;
}

bool mn_tar_is(const uint8_t *bytes, size_t size) {
  return size >= BLOCK && !is_zero(bytes, BLOCK) && checksum_is_right(bytes);
}

static char *take_text(const reader *r, const uint8_t *field, size_t size) {
  return mn_arena_string(r->arena, (const char *)field, strnlen((const char *)field, size));
}

/* A header's own name: with POSIX's magic a prefix may stand before it. */
static char *take_name(const reader *r, const uint8_t *header) {
  const uint8_t *prefix = header + PREFIX;
  if (memcmp(header + MAGIC, "ustar\0", 6) != 0 || !prefix[0]) {
    return take_text(r, header + NAME, NAME_SIZE);
  }
  const size_t front = strnlen((const char *)prefix, PREFIX_SIZE);
  const size_t back = strnlen((const char *)header + NAME, NAME_SIZE);
  char *name = mn_arena_take(r->arena, front + back + 2);
  if (!name) return NULL;
  memcpy(name, prefix, front);
  name[front] = '/';
  memcpy(name + front + 1, header + NAME, back);
  return name;
}

/* ---- Names ---------------------------------------------------------------------------------- */

/* Parts between slashes, in place, without empty ones and "."; false when one is "..". */
static bool clean_name(char *name) {
  char *to = name;
  for (const char *from = name; *from;) {
    const size_t length = strcspn(from, "/");
    const bool nothing = length == 0 || (length == 1 && from[0] == '.');
    if (length == 2 && from[0] == '.' && from[1] == '.') return false;
    if (!nothing) {
      if (to != name) *to++ = '/';
      memmove(to, from, length);
      to += length;
    }
    from += length + (from[length] == '/');
  }
  *to = '\0';
  return true;
}

static mn_status clean(const reader *r, char *name) {
  if (!name) return no_memory(r, NAME_SIZE);
  return clean_name(name) ? MN_OK : refuse(r, "has a name that leads out of the archive");
}

/* ---- What says more about the next entry ---------------------------------------------------- */

/* One record of a pax header: "LENGTH KEY=VALUE\n". */
typedef struct pax {
  const char *key, *value;
  size_t key_length, value_length;
} pax;

static bool read_record(const char **at, const char *end, pax *record) {
  size_t length = 0;
  const char *begin = *at, *p = begin;
  for (; p < end && *p >= '0' && *p <= '9' && p - begin < 8; ++p) {
    length = length * 10 + (size_t)(*p - '0');
  }
  if (p == begin || p == end || *p++ != ' ' || length > (size_t)(end - begin)) return false;
  const char *stop = begin + length;
  if (stop <= p || stop[-1] != '\n') return false;
  const char *equals = memchr(p, '=', (size_t)(stop - p));
  if (!equals) return false;
  *record = (pax){p, equals + 1, (size_t)(equals - p), (size_t)(stop - 1 - (equals + 1))};
  *at = stop;
  return true;
}

static bool key_is(const pax *record, const char *key) {
  return record->key_length == strlen(key) && !memcmp(record->key, key, record->key_length);
}

static bool read_decimal(const pax *record, uint64_t *out) {
  uint64_t value = 0;
  if (!record->value_length || record->value_length > 18) return false;
  for (size_t i = 0; i < record->value_length; ++i) {
    if (record->value[i] < '0' || record->value[i] > '9') return false;
    value = value * 10 + (uint64_t)(record->value[i] - '0');
  }
  *out = value;
  return true;
}

static mn_status take_long(const reader *r, const char *text, size_t length, char **out) {
  if (length > MOST_NAME) {
    return mn_fail(r->err, MN_ERR_LIMIT, r->archive,
                   "the entry at byte %zu names a file in %zu bytes, more than %d", r->at, length,
                   MOST_NAME);
  }
  if (memchr(text, 0, length)) return refuse(r, "has a zero byte in a name");
  *out = mn_arena_string(r->arena, text, length);
  return *out ? MN_OK : no_memory(r, length);
}

/* GNU's long names end in a zero byte. */
static mn_status take_terminated(const reader *r, const uint8_t *data, size_t size, char **out) {
  return take_long(r, (const char *)data, strnlen((const char *)data, size), out);
}

static mn_status take_pax(reader *r, const pax *record) {
  if (key_is(record, "path")) {
    return take_long(r, record->value, record->value_length, &r->long_name);
  }
  if (key_is(record, "linkpath")) {
    return take_long(r, record->value, record->value_length, &r->long_link);
  }
  if (key_is(record, "size")) {
    r->has_long_size = read_decimal(record, &r->long_size);
    return r->has_long_size ? MN_OK : refuse(r, "states a size that is no number");
  }
  if (record->key_length > 10 && !memcmp(record->key, "GNU.sparse", 10)) {
    return mn_fail(r->err, MN_ERR_UNSUPPORTED, r->archive,
                   "the entry at byte %zu is a sparse file: pack it without --sparse", r->at);
  }
  return MN_OK;
}

static mn_status read_pax(reader *r, const uint8_t *data, size_t size) {
  const char *at = (const char *)data, *end = at + size;
  mn_status status = MN_OK;
  while (!status && at < end) {
    pax record;
    status = read_record(&at, end, &record) ? take_pax(r, &record)
                                            : refuse(r, "is a pax header that is damaged");
  }
  return status;
}

/* ---- Entries -------------------------------------------------------------------------------- */

static void forget(reader *r) {
  r->long_name = r->long_link = NULL;
  r->has_long_size = false;
}

static mn_status add(reader *r, const found *one) {
  if (!one->entry.name[0]) return MN_OK; /* the root, "./" */
  if (r->count == r->capacity) {
    const size_t more = r->capacity ? r->capacity * 2 : 256;
    found *grown = mn_realloc(r->list, more * sizeof *grown);
    if (!grown) return no_memory(r, more * sizeof *grown);
    r->list = grown;
    r->capacity = more;
  }
  r->list[r->count++] = *one;
  return MN_OK;
}

static bool is_file(uint8_t type) { return type == '0' || type == '\0' || type == '7'; }

/* Types whose header has no bytes after it, whatever size it states. */
static bool has_no_bytes(uint8_t type) { return type >= '1' && type <= '6'; }

static mn_status add_entry(reader *r, const uint8_t *header, size_t size) {
  const uint8_t type = header[TYPE];
  char *name = r->long_name ? r->long_name : take_name(r, header), *link = NULL;
  const size_t length = name ? strlen(name) : 0;
  /* Before POSIX a folder was a file whose name ends in a slash. */
  const bool folder = type == '5' || (is_file(type) && length && name[length - 1] == '/');
  mn_status status = clean(r, name);
  if (!status && type == '1') {
    link = r->long_link ? r->long_link : take_text(r, header + LINK, NAME_SIZE);
    status = clean(r, link);
  }
  forget(r);
  if (status) return status;
  const found one = {{name, folder, r->at + BLOCK, folder ? 0 : size}, link, r->count};
  if (folder || is_file(type) || link) return add(r, &one);
  r->left_out++;
  return MN_OK;
}

static mn_status read_entry(reader *r, const uint8_t *header, size_t size) {
  const uint8_t *data = header + BLOCK;
  switch (header[TYPE]) {
    case 'x': return read_pax(r, data, size);
    case 'L': return take_terminated(r, data, size, &r->long_name);
    case 'K': return take_terminated(r, data, size, &r->long_link);
    case 'g': return MN_OK; /* of all entries: nothing there that tells them apart */
    case 'S':
      return mn_fail(r->err, MN_ERR_UNSUPPORTED, r->archive,
                     "the entry at byte %zu is a sparse file: pack it without --sparse", r->at);
    default: return add_entry(r, header, size);
  }
}

/* How many bytes follow a header, and with their padding. */
static mn_status measure(const reader *r, const uint8_t *header, size_t *size, size_t *padded) {
  const bool describes = strchr("xgLK", header[TYPE] ? header[TYPE] : '0') != NULL;
  uint64_t stated;
  if (!read_number(header + SIZE, 12, &stated)) return refuse(r, "has a size that is no number");
  if (r->has_long_size && !describes) stated = r->long_size;
  if (has_no_bytes(header[TYPE])) stated = 0;
  const size_t there = r->size - r->at - BLOCK;
  if (stated > there) {
    return mn_fail(r->err, MN_ERR_FORMAT, r->archive,
                   "the archive is truncated: the entry at byte %zu has %llu bytes, of which %zu "
                   "are there",
                   r->at, (unsigned long long)stated, there);
  }
  *size = (size_t)stated;
  *padded = (*size + BLOCK - 1) / BLOCK * BLOCK;
  if (*padded > there) *padded = there; /* a last block without its padding */
  return MN_OK;
}

static mn_status read_entries(reader *r) {
  while (r->size - r->at >= BLOCK) {
    const uint8_t *header = r->bytes + r->at;
    size_t size = 0, padded = 0;
    if (is_zero(header, BLOCK)) return MN_OK; /* the archive's end */
    if (!checksum_is_right(header)) return refuse(r, "has a wrong checksum");
    mn_status status = measure(r, header, &size, &padded);
    if (!status) status = read_entry(r, header, size);
    if (status) return status;
    r->at += BLOCK + padded;
  }
  if (is_zero(r->bytes + r->at, r->size - r->at)) return MN_OK;
  return mn_fail(r->err, MN_ERR_FORMAT, r->archive,
                 "the archive is truncated: it ends in the middle of a header");
}

/* ---- The list ------------------------------------------------------------------------------- */

static int by_name(const void *a, const void *b) {
  const found *x = a, *y = b;
  const int order = strcmp(x->entry.name, y->entry.name);
  return order ? order : (x->order > y->order) - (x->order < y->order);
}

static const found *find(const found *list, size_t count, const char *name) {
  size_t low = 0, high = count;
  while (low < high) {
    const size_t middle = low + (high - low) / 2;
    if (strcmp(list[middle].entry.name, name) < 0) {
      low = middle + 1;
    } else {
      high = middle;
    }
  }
  return low < count && !strcmp(list[low].entry.name, name) ? &list[low] : NULL;
}

/* The file that hard links end at; NULL: none. */
static const found *follow(const reader *r, const found *one) {
  for (int i = 0; one && one->link; ++i) {
    if (i == MOST_LINKS) return NULL;
    one = find(r->list, r->count, one->link);
  }
  return one && !one->entry.is_folder ? one : NULL;
}

/* Of entries of one name the last stays. */
static void keep_last(reader *r) {
  size_t kept = 0;
  for (size_t i = 0; i < r->count; ++i) {
    const bool again = kept && !strcmp(r->list[kept - 1].entry.name, r->list[i].entry.name);
    if (again) kept--;
    r->list[kept++] = r->list[i];
  }
  r->count = kept;
}

static mn_status make_list(reader *r, mn_tar *tar) {
  if (r->count) qsort(r->list, r->count, sizeof *r->list, by_name);
  keep_last(r);
  tar->list = mn_arena_array(r->arena, r->count + 1, sizeof *tar->list);
  if (!tar->list) return no_memory(r, r->count * sizeof *tar->list);
  for (size_t i = 0; i < r->count; ++i) {
    const found *one = &r->list[i], *end = one->link ? follow(r, one) : one;
    if (!end) {
      r->left_out++;
      continue;
    }
    mn_tar_entry *entry = &tar->list[tar->count++];
    *entry = end->entry;
    entry->name = one->entry.name;
  }
  tar->left_out = r->left_out;
  return MN_OK;
}

mn_status mn_tar_read(mn_tar *tar, mn_arena *arena, const uint8_t *bytes, size_t size,
                      const char *name, mn_error *err) {
  *tar = (mn_tar){0};
  reader r = {.bytes = bytes, .size = size, .archive = name, .arena = arena, .err = err};
  mn_status status = mn_tar_is(bytes, size)
                         ? read_entries(&r)
                         : mn_fail(err, MN_ERR_FORMAT, name, "is not a tar archive");
  if (!status) status = make_list(&r, tar);
  mn_free(r.list);
  return status;
}

const mn_tar_entry *mn_tar_find(const mn_tar *tar, const char *name) {
  size_t low = 0, high = tar->count;
  while (low < high) {
    const size_t middle = low + (high - low) / 2;
    if (strcmp(tar->list[middle].name, name) < 0) {
      low = middle + 1;
    } else {
      high = middle;
    }
  }
  return low < tar->count && !strcmp(tar->list[low].name, name) ? &tar->list[low] : NULL;
}

static bool sorts_before(const char *name, const char *folder, size_t length) {
  const int order = strncmp(name, folder, length);
  return order < 0 || (order == 0 && (unsigned char)name[length] < '/');
}

size_t mn_tar_below(const mn_tar *tar, const char *name, size_t length) {
  size_t low = 0, high = tar->count;
  while (low < high) {
    const size_t middle = low + (high - low) / 2;
    if (sorts_before(tar->list[middle].name, name, length)) {
      low = middle + 1;
    } else {
      high = middle;
    }
  }
  return low;
}
