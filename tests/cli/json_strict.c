/* SPDX-License-Identifier: Apache-2.0
 * The strict JSON reader: recursive descent over the text, nothing is built. */
#include "json_strict.h"

#include <stdlib.h>
#include <string.h>

enum { DEEPEST = 32, MOST_KEYS = 64 };

static const char *value(const char *s, int depth);

static const char *space(const char *s) { return s + strspn(s, " \t\r\n"); }

static const char *digits(const char *s) {
  const size_t count = strspn(s, "0123456789");
  return count > 0 ? s + count : NULL;
}

static const char *number(const char *s) {
  if (*s == '-') s++;
  if (*s == '0' && s[1] >= '0' && s[1] <= '9') return NULL;
  s = digits(s);
  if (s && *s == '.') s = digits(s + 1);
  if (s && (*s == 'e' || *s == 'E')) {
    s++;
    if (*s == '+' || *s == '-') s++;
    s = digits(s);
  }
  return s;
}

/* Length of the UTF-8 character at s, overlong forms and surrogates refused; 0: none. */
static size_t character(const char *s) {
  const unsigned char *u = (const unsigned char *)s;
  if (u[0] < 0x80) return u[0] >= 0x20;
  const size_t length = u[0] >= 0xF0 ? 4 : u[0] >= 0xE0 ? 3 : 2;
  if (u[0] < 0xC2 || u[0] > 0xF4) return 0;
  for (size_t i = 1; i < length; i++) {
    if ((u[i] & 0xC0) != 0x80) return 0;
  }
  const bool overlong = (u[0] == 0xE0 && u[1] < 0xA0) || (u[0] == 0xF0 && u[1] < 0x90);
  const bool outside = (u[0] == 0xED && u[1] > 0x9F) || (u[0] == 0xF4 && u[1] > 0x8F);
  return overlong || outside ? 0 : length;
}

static const char *string(const char *s) {
  if (*s++ != '"') return NULL;
  while (*s != '"') {
    if (*s == '\\') {
      const bool is_hex = s[1] == 'u' && strspn(s + 2, "0123456789abcdefABCDEF") >= 4;
      if (!is_hex && (s[1] == '\0' || !strchr("\"\\/bfnrt", s[1]))) return NULL;
      s += is_hex ? 6 : 2;
    } else {
      const size_t length = character(s);
      if (length == 0) return NULL;
      s += length;
    }
  }
  return s + 1;
}

static bool is_new_key(const char *const *keys, const size_t *lengths, int count) {
  for (int i = 0; i < count; i++) {
    if (lengths[i] == lengths[count] && memcmp(keys[i], keys[count], lengths[i]) == 0) return false;
  }
  return true;
}

static const char *object(const char *s, int depth) {
  const char *keys[MOST_KEYS];
  size_t lengths[MOST_KEYS];
  s = space(s + 1);
  if (*s == '}') return s + 1;
  for (int count = 0; count < MOST_KEYS; count++) {
    const char *end = string(s);
    if (!end) return NULL;
    keys[count] = s;
    lengths[count] = (size_t)(end - s);
    if (!is_new_key(keys, lengths, count)) return NULL;
    s = space(end);
    if (*s != ':') return NULL;
    s = value(space(s + 1), depth);
    if (!s) return NULL;
    s = space(s);
    if (*s == '}') return s + 1;
    if (*s != ',') return NULL;
    s = space(s + 1);
  }
  return NULL;
}

static const char *array(const char *s, int depth) {
  s = space(s + 1);
  if (*s == ']') return s + 1;
  for (;;) {
    s = value(s, depth);
    if (!s) return NULL;
    s = space(s);
    if (*s == ']') return s + 1;
    if (*s != ',') return NULL;
    s = space(s + 1);
  }
}

/* The end of the value at s, or NULL. */
static const char *value(const char *s, int depth) {
  static const char *const words[] = {"true", "false", "null"};
  if (depth > DEEPEST) return NULL;
  if (*s == '{') return object(s, depth + 1);
  if (*s == '[') return array(s, depth + 1);
  if (*s == '"') return string(s);
  for (int i = 0; i < 3; i++) {
    if (strncmp(s, words[i], strlen(words[i])) == 0) return s + strlen(words[i]);
  }
  return number(s);
}

const char *json_fault(const char *text) {
  const char *end = value(text, 0);
  if (!end) return text;
  return *end ? end : NULL;
}

bool json_keys(const char *text, char *keys, size_t size) {
  size_t used = 0;
  if (*text != '{') return false;
  const char *s = space(text + 1);
  while (*s == '"') {
    const char *end = string(s);
    const size_t length = (size_t)(end - s) - 2;
    if (used + length + 2 > size) return false;
    if (used > 0) keys[used++] = ' ';
    memcpy(keys + used, s + 1, length);
    used += length;
    s = space(value(space(space(end) + 1), 1));
    if (*s == ',') s = space(s + 1);
  }
  keys[used] = '\0';
  return true;
}

/* The member of an object or array that the first `length` characters of `step` name, or NULL. */
static const char *member(const char *s, const char *step, size_t length) {
  const bool is_object = *s == '{';
  if (!is_object && *s != '[') return NULL;
  long index = is_object ? 0 : strtol(step, NULL, 10);
  s = space(s + 1);
  while (*s != '}' && *s != ']') {
    const char *key = s;
    if (is_object) s = space(space(string(s)) + 1);
    if (is_object && strncmp(key + 1, step, length) == 0 && key[length + 1] == '"') return s;
    if (!is_object && index-- == 0) return s;
    s = space(value(s, 0));
    if (*s == ',') s = space(s + 1);
  }
  return NULL;
}

bool json_at(const char *text, const char *path, char *found, size_t size) {
  while (*path && text) {
    const size_t length = strcspn(path, ".");
    text = member(text, path, length);
    path += length + (path[length] == '.');
  }
  if (!text) return false;
  const size_t length = (size_t)(value(text, 0) - text);
  if (length + 1 > size) return false;
  memcpy(found, text, length);
  found[length] = '\0';
  return true;
}
