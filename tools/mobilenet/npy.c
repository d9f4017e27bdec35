/* SPDX-License-Identifier: Apache-2.0
 * Reading and writing .npy. The header is a Python dictionary literal; only the three keys that
 * the format defines are understood, and every length is checked against the file's. */
#include "npy.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "message.h"
#include "new_file.h"

enum { HEADER_MOST = 65536 };

static const struct {
  mn_type type;
  const char *descr;
} npy_types[] = {
    {MN_F32, "<f4"}, {MN_F16, "<f2"}, {MN_U8, "|u1"},   {MN_I8, "|i1"},
    {MN_I32, "<i4"}, {MN_I64, "<i8"}, {MN_BOOL, "|b1"},
};
enum { NPY_TYPE_COUNT = sizeof npy_types / sizeof npy_types[0] };

static bool refuse(const char *path, const char *reason) {
  say("%s: %s", path, reason);
  return false;
}

/* What follows `'key':` in the header, white space skipped, or NULL. */
static const char *find_key(const char *header, const char *key) {
  char quoted[32];
  snprintf(quoted, sizeof quoted, "'%s'", key);
  const char *found = strstr(header, quoted);
  if (!found) return NULL;
  found += strlen(quoted);
  found += strspn(found, " ");
  if (*found != ':') return NULL;
  return found + 1 + strspn(found + 1, " ");
}

static bool parse_type(npy_array *out, const char *text, const char *path) {
  char descr[16] = "?";
  if (text && text[0] == '\'') sscanf(text + 1, "%15[^']", descr);
  for (int i = 0; i < NPY_TYPE_COUNT; i++) {
    bool same_byte = descr[0] == '<' && npy_types[i].descr[0] == '|';
    if (strcmp(descr + same_byte, npy_types[i].descr + same_byte) == 0) {
      out->type = npy_types[i].type;
      return true;
    }
  }
  say("%s: elements are '%s'; expected little-endian float32, float16, uint8, int8, int32, int64 "
      "or bool%s",
      path, descr, strcmp(descr, "<f8") == 0 ? "; numpy's astype('float32') makes them so" : "");
  return false;
}

static bool parse_shape(npy_array *out, const char *text, const char *path) {
  static const char reason[] =
      "its shape is none that a tensor can have: at most 4 dimensions of 1 "
      "to 2147483647, less than 2^31 elements";
  if (!text || *text != '(') return refuse(path, reason);
  uint64_t elements = 1;
  text++;
  for (;;) {
    text += strspn(text, " ");
    if (*text == ')') break;
    char *end;
    long long dim = *text >= '0' && *text <= '9' ? strtoll(text, &end, 10) : 0;
    if (dim < 1 || dim > INT32_MAX || out->rank == MN_MAX_RANK) return refuse(path, reason);
    elements *= (uint64_t)dim;
    if (elements > INT32_MAX) return refuse(path, reason);
    out->dims[out->rank++] = (int32_t)dim;
    text = end + strspn(end, " ");
    if (*text != ',' && *text != ')') return refuse(path, reason);
    if (*text == ',') text++;
  }
  out->bytes = (size_t)elements * mn_type_bytes(out->type);
  return true;
}

static bool parse_header(npy_array *out, const char *header, const char *path) {
  const char *order = find_key(header, "fortran_order");
  if (!order) return refuse(path, "its header has no 'fortran_order'; expected a .npy file");
  if (strncmp(order, "False", 5) != 0) {
    return refuse(path, "it is in Fortran order; save it with numpy.ascontiguousarray");
  }
  return parse_type(out, find_key(header, "descr"), path) &&
         parse_shape(out, find_key(header, "shape"), path);
}

/* Reads magic and header text; NULL after saying why not. The caller frees it. */
static char *read_header(FILE *file, const char *path) {
  unsigned char head[12];
  size_t length, fixed = 10;
  if (fread(head, 1, 10, file) != 10 || memcmp(head, "\x93NUMPY", 6) != 0) {
    refuse(path, ferror(file) ? strerror(errno) : "it is no .npy file; numpy.save writes one");
    return NULL;
  }
  length = (size_t)(head[8] | head[9] << 8);
  if (head[6] > 1) {
    if (fread(head + fixed, 1, 2, file) != 2) head[6] = 0;
    length |= (size_t)head[10] << 16 | (size_t)head[11] << 24;
  }
  if (head[6] < 1 || head[6] > 3 || length > HEADER_MOST) {
    refuse(path, "its .npy header is damaged or of a version after 3");
    return NULL;
  }
  char *header = calloc(length + 1, 1);
  if (header && fread(header, 1, length, file) == length) return header;
  free(header);
  refuse(path, "it ends within its .npy header");
  return NULL;
}

static bool read_data(npy_array *out, FILE *file, const char *path) {
  out->data = malloc(out->bytes);
  if (!out->data) {
    say_out_of_memory();
    return false;
  }
  size_t got = fread(out->data, 1, out->bytes, file);
  if (got == out->bytes && fgetc(file) == EOF) return true;
  say("%s: it holds %s bytes of data; its header says %zu", path,
      got == out->bytes ? "more" : "fewer", out->bytes);
  return false;
}

bool npy_read(npy_array *out, const char *path) {
  memset(out, 0, sizeof *out);
  FILE *file = fopen(path, "rb");
  if (!file) return refuse(path, strerror(errno));
  char *header = read_header(file, path);
  bool done = header && parse_header(out, header, path) && read_data(out, file, path);
  free(header);
  fclose(file);
  if (!done) npy_free(out);
  return done;
}

void npy_free(npy_array *array) {
  free(array->data);
  array->data = NULL;
}

static const char *type_descr(mn_type type) {
  if (type == MN_BF16) type = MN_F32;
  for (int i = 0; i < NPY_TYPE_COUNT; i++) {
    if (npy_types[i].type == type) return npy_types[i].descr;
  }
  return "|u1";
}

/* Magic, version and the dictionary, padded so that the data starts at a multiple of 64. */
static bool write_header(FILE *file, const mn_tensor_info *info) {
  enum { FIXED = 10 };
  char text[256];
  int used = snprintf(text, sizeof text, "{'descr': '%s', 'fortran_order': False, 'shape': (",
                      type_descr(info->type));
  for (int i = 0; i < info->rank; i++) {
    used += snprintf(text + used, sizeof text - (size_t)used, "%d,%s", info->dims[i],
                     i + 1 < info->rank ? " " : "");
  }
  used += snprintf(text + used, sizeof text - (size_t)used, "), }");
  while ((FIXED + used + 1) % 64 != 0) text[used++] = ' ';
  text[used++] = '\n';
  const char head[FIXED] = {'\x93',           'N', 'U', 'M', 'P', 'Y', 1, 0, (char)(used & 255),
                            (char)(used >> 8)};
  return fwrite(head, 1, FIXED, file) == FIXED &&
         fwrite(text, 1, (size_t)used, file) == (size_t)used;
}

static bool write_bf16(FILE *file, const uint16_t *data, size_t count) {
  bool done = true;
  for (size_t i = 0; i < count && done; i++) {
    uint32_t bits = (uint32_t)data[i] << 16;
    done = fwrite(&bits, sizeof bits, 1, file) == 1;
  }
  return done;
}

bool npy_write(const char *path, const mn_tensor_info *info, const void *data) {
  new_file out;
  if (!new_file_begin(&out, path)) return false;
  bool done = write_header(out.file, info);
  if (info->type == MN_BF16) {
    done = done && write_bf16(out.file, data, info->bytes / 2);
  } else {
    done = done && fwrite(data, 1, info->bytes, out.file) == info->bytes;
  }
  return new_file_end(&out, done);
}
