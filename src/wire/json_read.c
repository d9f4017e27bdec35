/* SPDX-License-Identifier: Apache-2.0
 * The strict JSON reader. Nesting lives in an explicit stack of at most MN_JSON_MAX_DEPTH open
 * containers. Numbers are handed to strtod without a decimal point ("1.5" as "15e-1"), so that the
 * process's locale cannot change them. */
#include <stdlib.h>
#include <string.h>

#include "base/checked.h"
#include "wire/json.h"

enum { NUMBER_MAX = 128 }; /* characters; longer ones carry nothing a double can hold */

typedef struct reader {
  const mn_json_source *source;
  size_t at;
  mn_arena *arena;
  mn_error *err;
  mn_json *open[MN_JSON_MAX_DEPTH]; /* containers not yet closed */
  mn_json *last[MN_JSON_MAX_DEPTH]; /* their newest child */
  int depth;
} reader;

static mn_status refuse(const reader *in, const char *what) {
  size_t line = 1, column = 1;
  for (size_t i = 0; i < in->at && i < in->source->length; i++) {
    column = in->source->text[i] == '\n' ? 1 : column + 1;
    line += in->source->text[i] == '\n';
  }
  return mn_fail(in->err, MN_ERR_FORMAT, in->source->name, "JSON line %zu, column %zu: %s", line,
                 column, what);
}

static void *take(reader *in, size_t bytes) {
  size_t cap = in->source->memory_cap, total;
  if (!mn_add_size(in->arena->used, bytes, &total)) return NULL;
  if (cap && total > cap) return NULL;
  return mn_arena_take(in->arena, bytes);
}

static mn_status refuse_memory(const reader *in, size_t bytes) {
  size_t cap = in->source->memory_cap;
  if (cap && in->arena->used + bytes > cap) {
    return mn_fail(in->err, MN_ERR_LIMIT, in->source->name,
                   "the JSON text needs more than the memory cap of %zu bytes", cap);
  }
  return mn_fail_memory(in->err, bytes);
}

/* The next byte, or -1 at the end. */
static int peek(const reader *in) {
  return in->at < in->source->length ? (unsigned char)in->source->text[in->at] : -1;
}

static void skip_space(reader *in) {
  for (int c = peek(in); c == ' ' || c == '\t' || c == '\n' || c == '\r'; c = peek(in)) in->at++;
}

static bool accept(reader *in, char c) {
  if (peek(in) != c) return false;
  in->at++;
  return true;
}

/* ---- Strings -------------------------------------------------------------------------------- */

/* Bytes of the valid UTF-8 sequence at `s`, or 0 (overlong, surrogate, beyond U+10FFFF, cut). */
static size_t utf8_length(const unsigned char *s, size_t left) {
  size_t n = s[0] < 0x80   ? 1
             : s[0] < 0xC2 ? 0
             : s[0] < 0xE0 ? 2
             : s[0] < 0xF0 ? 3
             : s[0] < 0xF5 ? 4
                           : 0;
  if (n > left) return 0;
  for (size_t i = 1; i < n; i++) {
    if ((s[i] & 0xC0) != 0x80) return 0;
  }
  if (n == 3 && s[0] == 0xE0 && s[1] < 0xA0) return 0;
  if (n == 3 && s[0] == 0xED && s[1] > 0x9F) return 0;
  if (n == 4 && s[0] == 0xF0 && s[1] < 0x90) return 0;
  if (n == 4 && s[0] == 0xF4 && s[1] > 0x8F) return 0;
  return n;
}

bool mn_utf8_valid(const char *text, size_t length) {
  size_t n;
  for (size_t at = 0; at < length; at += n) {
    n = utf8_length((const unsigned char *)text + at, length - at);
    if (n == 0 || text[at] == '\0') return false;
  }
  return true;
}

static size_t put_utf8(char *out, uint32_t code) {
  if (code < 0x80) {
    out[0] = (char)code;
    return 1;
  }
  size_t n = code < 0x800 ? 2 : code < 0x10000 ? 3 : 4;
  for (size_t i = n - 1; i > 0; i--, code >>= 6) out[i] = (char)(0x80 | (code & 0x3F));
  out[0] = (char)((n == 2 ? 0xC0u : n == 3 ? 0xE0u : 0xF0u) | code);
  return n;
}

static bool hex4(reader *in, uint32_t *code) {
  *code = 0;
  for (int i = 0; i < 4; i++, in->at++) {
    int c = peek(in);
    int digit = c >= '0' && c <= '9'   ? c - '0'
                : c >= 'a' && c <= 'f' ? c - 'a' + 10
                : c >= 'A' && c <= 'F' ? c - 'A' + 10
                                       : -1;
    if (digit < 0) return false;
    *code = *code << 4 | (uint32_t)digit;
  }
  return true;
}

/* After "\u": one code point, a surrogate pair counted as one. */
static mn_status read_unicode(reader *in, char *out, size_t *used) {
  uint32_t code, low;
  if (!hex4(in, &code)) return refuse(in, "expected four hexadecimal digits after \\u");
  if (code >= 0xD800 && code < 0xDC00) {
    if (!accept(in, '\\') || !accept(in, 'u') || !hex4(in, &low) || low < 0xDC00 || low > 0xDFFF) {
      return refuse(in, "expected the second half of a surrogate pair");
    }
    code = 0x10000 + ((code - 0xD800) << 10) + (low - 0xDC00);
  } else if (code >= 0xDC00 && code < 0xE000) {
    return refuse(in, "met the second half of a surrogate pair without its first");
  }
  if (code == 0) return refuse(in, "met \\u0000, which no name may hold");
  *used += put_utf8(out + *used, code);
  return MN_OK;
}

static mn_status read_escape(reader *in, char *out, size_t *used) {
  static const char from[] = "\"\\/bfnrt", to[] = "\"\\/\b\f\n\r\t";
  int c = peek(in);
  if (c == 'u') {
    in->at++;
    return read_unicode(in, out, used);
  }
  const char *found = c > 0 ? strchr(from, c) : NULL;
  if (!found) return refuse(in, "met an unknown escape in a string");
  in->at++;
  out[(*used)++] = to[found - from];
  return MN_OK;
}

/* Bytes to the closing quote: an upper bound of the unescaped length. */
static size_t string_span(const reader *in) {
  size_t at = in->at;
  const char *text = in->source->text;
  while (at < in->source->length && text[at] != '"') at += text[at] == '\\' ? 2 : 1;
  return at < in->source->length ? at - in->at : in->source->length - in->at;
}

/* After the opening quote. */
static mn_status read_string(reader *in, const char **text, size_t *length) {
  size_t span = string_span(in), used = 0;
  char *out = take(in, span + 1);
  if (!out) return refuse_memory(in, span + 1);
  for (;;) {
    int c = peek(in);
    if (c < 0) return refuse(in, "the text ends inside a string");
    if (c < 0x20) return refuse(in, "met a control character in a string");
    if (c == '"') break;
    if (c == '\\') {
      in->at++;
      mn_status status = read_escape(in, out, &used);
      if (status) return status;
      continue;
    }
    const char *at = in->source->text + in->at;
    size_t n = utf8_length((const unsigned char *)at, in->source->length - in->at);
    if (n == 0) return refuse(in, "met bytes that are not UTF-8 in a string");
    memcpy(out + used, at, n);
    used += n;
    in->at += n;
  }
  in->at++;
  *text = out;
  *length = used;
  return MN_OK;
}

/* ---- Numbers -------------------------------------------------------------------------------- */

static bool is_digit(int c) { return c >= '0' && c <= '9'; }

/* Copies digits to `out` (while there is room), counting them. */
static size_t read_digits(reader *in, char *out, size_t *used) {
  size_t count = 0;
  for (; is_digit(peek(in)); in->at++, count++) {
    if (*used < NUMBER_MAX) out[(*used)++] = in->source->text[in->at];
  }
  return count;
}

static mn_status read_exponent(reader *in, long *exponent) {
  char digits[NUMBER_MAX + 1] = "";
  size_t used = 0;
  bool negative = accept(in, '-');
  if (!negative) accept(in, '+');
  if (read_digits(in, digits, &used) == 0) return refuse(in, "expected digits in an exponent");
  long value = used > 6 ? 999999 : strtol(digits, NULL, 10);
  *exponent = negative ? -value : value;
  return MN_OK;
}

static mn_status read_number(reader *in, double *number) {
  char text[NUMBER_MAX + 32];
  size_t used = 0, fraction = 0;
  long exponent = 0;
  if (accept(in, '-')) text[used++] = '-';
  bool zero = peek(in) == '0';
  size_t whole = read_digits(in, text, &used);
  if (whole == 0) return refuse(in, "expected a value");
  if (zero && whole > 1) return refuse(in, "met a number with a leading zero");
  if (accept(in, '.')) {
    fraction = read_digits(in, text, &used);
    if (fraction == 0) return refuse(in, "expected digits after the decimal point");
  }
  if (used >= NUMBER_MAX) return refuse(in, "met a number with too many digits");
  if (accept(in, 'e') || accept(in, 'E')) {
    mn_status status = read_exponent(in, &exponent);
    if (status) return status;
  }
  exponent -= (long)fraction;
  text[used++] = 'e';
  if (exponent < 0) text[used++] = '-';
  unsigned long rest = exponent < 0 ? (unsigned long)-exponent : (unsigned long)exponent;
  for (unsigned long scale = 1000000; scale > 0; scale /= 10) {
    text[used++] = (char)('0' + rest / scale % 10);
  }
  text[used] = '\0';
  *number = strtod(text, NULL);
  if (*number > 1.7976931348623157e308 || *number < -1.7976931348623157e308) {
    return refuse(in, "met a number beyond the range of a double");
  }
  return MN_OK;
}

/* ---- Structure ------------------------------------------------------------------------------ */

static int compare_keys(const mn_json *a, const mn_json *b) {
  size_t shorter = a->key_length < b->key_length ? a->key_length : b->key_length;
  int order = memcmp(a->key, b->key, shorter);
  if (order) return order;
  return a->key_length < b->key_length ? -1 : a->key_length > b->key_length;
}

static int compare_members(const void *a, const void *b) {
  return compare_keys(*(const mn_json *const *)a, *(const mn_json *const *)b);
}

static mn_status sort_members(reader *in, mn_json *object) {
  size_t bytes;
  if (object->count == 0) return MN_OK;
  if (!mn_mul_size(object->count, sizeof *object->sorted, &bytes)) return refuse_memory(in, 0);
  object->sorted = take(in, bytes);
  if (!object->sorted) return refuse_memory(in, bytes);
  size_t n = 0;
  for (const mn_json *member = object->first; member; member = member->next) {
    object->sorted[n++] = member;
  }
  qsort(object->sorted, n, sizeof *object->sorted, compare_members);
  for (size_t i = 1; i < n; i++) {
    if (compare_keys(object->sorted[i - 1], object->sorted[i]) == 0) {
      return refuse(in, "an object has the same key twice");
    }
  }
  return MN_OK;
}

static mn_status expect_word(reader *in, const char *word) {
  size_t length = strlen(word);
  if (in->source->length - in->at < length ||
      memcmp(in->source->text + in->at, word, length) != 0) {
    return refuse(in, "expected a value");
  }
  in->at += length;
  return MN_OK;
}

static mn_status open_container(reader *in, mn_json *value, mn_json_kind kind) {
  if (in->depth == MN_JSON_MAX_DEPTH) return refuse(in, "nested deeper than 64 levels");
  value->kind = kind;
  in->at++;
  in->open[in->depth] = value;
  in->last[in->depth++] = NULL;
  return MN_OK;
}

static mn_status read_scalar(reader *in, mn_json *value) {
  switch (peek(in)) {
    case '"':
      value->kind = MN_JSON_STRING;
      in->at++;
      return read_string(in, &value->text, &value->length);
    case 't':
      value->kind = MN_JSON_BOOL;
      value->boolean = true;
      return expect_word(in, "true");
    case 'f': value->kind = MN_JSON_BOOL; return expect_word(in, "false");
    case 'n': return expect_word(in, "null");
    case -1: return refuse(in, "the text ends where a value is expected");
    default: value->kind = MN_JSON_NUMBER; return read_number(in, &value->number);
  }
}

/* A value, or the opening of a container; hung under the innermost open one. */
static mn_status read_value(reader *in, mn_json **out) {
  mn_json *value = take(in, sizeof *value), *parent = NULL;
  if (!value) return refuse_memory(in, sizeof *value);
  *out = value;
  if (in->depth > 0) {
    parent = in->open[in->depth - 1];
    mn_json **last = &in->last[in->depth - 1];
    if (parent->kind == MN_JSON_OBJECT) {
      if (!accept(in, '"')) return refuse(in, "expected a key in quotes");
      mn_status status = read_string(in, &value->key, &value->key_length);
      if (status) return status;
      skip_space(in);
      if (!accept(in, ':')) return refuse(in, "expected ':' after a key");
      skip_space(in);
    }
    if (*last) {
      (*last)->next = value;
    } else {
      parent->first = value;
    }
    *last = value;
    parent->count++;
  }
  if (peek(in) == '{') return open_container(in, value, MN_JSON_OBJECT);
  if (peek(in) == '[') return open_container(in, value, MN_JSON_ARRAY);
  return read_scalar(in, value);
}

/* After a value: closes what ends here. *more is set when another value follows. */
static mn_status close_containers(reader *in, bool opened, bool *more) {
  *more = false;
  while (in->depth > 0) {
    mn_json *container = in->open[in->depth - 1];
    bool object = container->kind == MN_JSON_OBJECT;
    skip_space(in);
    if (accept(in, object ? '}' : ']')) {
      if (object) {
        mn_status status = sort_members(in, container);
        if (status) return status;
      }
      in->depth--;
      opened = false;
      continue;
    }
    if (!opened && !accept(in, ',')) return refuse(in, "expected ',' or the end of its container");
    *more = true;
    return MN_OK;
  }
  return MN_OK;
}

mn_status mn_json_parse(const mn_json **out, const mn_json_source *source, mn_arena *arena,
                        mn_error *err) {
  reader in = {.source = source, .arena = arena, .err = err};
  mn_json *root = NULL, *value = NULL;
  bool more = true;
  *out = NULL;
  while (more) {
    int depth = in.depth;
    skip_space(&in);
    mn_status status = read_value(&in, &value);
    if (!status) status = close_containers(&in, in.depth > depth, &more);
    if (status) return status;
    if (!root) root = value;
  }
  skip_space(&in);
  if (in.at != source->length) return refuse(&in, "met text after the end of the value");
  *out = root;
  return MN_OK;
}

/* ---- Looking at a tree ---------------------------------------------------------------------- */

const mn_json *mn_json_get(const mn_json *object, const char *key) {
  if (!object || object->kind != MN_JSON_OBJECT) return NULL;
  mn_json wanted = {.key = key, .key_length = strlen(key)};
  size_t low = 0, high = object->count;
  while (low < high) {
    size_t middle = low + (high - low) / 2;
    int order = compare_keys(object->sorted[middle], &wanted);
    if (order == 0) return object->sorted[middle];
    if (order < 0) {
      low = middle + 1;
    } else {
      high = middle;
    }
  }
  return NULL;
}

bool mn_json_i32(const mn_json *value, int32_t *out) {
  if (!value || value->kind != MN_JSON_NUMBER) return false;
  if (!(value->number >= INT32_MIN && value->number <= INT32_MAX)) return false;
  *out = (int32_t)value->number;
  return (double)*out == value->number;
}

bool mn_json_u64(const mn_json *value, uint64_t *out) {
  if (!value || value->kind != MN_JSON_NUMBER) return false;
  if (!(value->number >= 0 && value->number <= 9007199254740992.0)) return false;
  *out = (uint64_t)value->number;
  return (double)*out == value->number;
}

bool mn_json_is(const mn_json *value, const char *text) {
  return value && value->kind == MN_JSON_STRING && strcmp(value->text, text) == 0;
}
