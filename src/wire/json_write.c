/* SPDX-License-Identifier: Apache-2.0
 * The canonical JSON writer. A double takes the fewest of 15, 16 or 17 digits that read back as
 * itself, a float the fewest of 6 to 9; the decimal point is ours, whatever the locale says. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"
#include "base/checked.h"
#include "wire/json.h"

static void put(mn_json_writer *writer, const char *text, size_t length) {
  size_t needed;
  if (writer->failed) return;
  if (!mn_add_size(writer->used, length, &needed)) {
    writer->failed = true;
    return;
  }
  if (needed > writer->capacity) {
    size_t capacity = writer->capacity ? writer->capacity : 1024;
    while (capacity < needed && capacity <= SIZE_MAX / 2) capacity *= 2;
    char *grown = capacity >= needed ? mn_realloc(writer->text, capacity) : NULL;
    if (!grown) {
      writer->failed = true;
      return;
    }
    writer->text = grown;
    writer->capacity = capacity;
  }
  if (length) memcpy(writer->text + writer->used, text, length);
  writer->used = needed;
}

static void put_text(mn_json_writer *writer, const char *text) { put(writer, text, strlen(text)); }

/* Before every value: the comma that separates it from the one before. */
static void separate(mn_json_writer *writer) {
  if (writer->comma) put(writer, ",", 1);
  writer->comma = true;
}

void mn_json_begin(mn_json_writer *writer, char bracket) {
  separate(writer);
  put(writer, &bracket, 1);
  writer->comma = false;
}

void mn_json_end(mn_json_writer *writer, char bracket) {
  put(writer, &bracket, 1);
  writer->comma = true;
}

static void put_escaped(mn_json_writer *writer, unsigned char c) {
  static const char from[] = "\"\\\b\f\n\r\t", to[] = "\"\\bfnrt";
  char text[8];
  const char *found = strchr(from, c);
  if (found) {
    snprintf(text, sizeof text, "\\%c", to[found - from]);
  } else {
    snprintf(text, sizeof text, "\\u%04x", (unsigned)c);
  }
  put_text(writer, text);
}

static void put_quoted(mn_json_writer *writer, const char *text, size_t length) {
  size_t start = 0;
  put(writer, "\"", 1);
  for (size_t i = 0; i < length; i++) {
    unsigned char c = (unsigned char)text[i];
    if (c >= 0x20 && c != '"' && c != '\\') continue;
    put(writer, text + start, i - start);
    if (c == 0) {
      put_text(writer, "\\u0000");
    } else {
      put_escaped(writer, c);
    }
    start = i + 1;
  }
  put(writer, text + start, length - start);
  put(writer, "\"", 1);
}

void mn_json_key(mn_json_writer *writer, const char *key) {
  separate(writer);
  put_quoted(writer, key, strlen(key));
  put(writer, ":", 1);
  writer->comma = false;
}

void mn_json_string(mn_json_writer *writer, const char *text, size_t length) {
  separate(writer);
  put_quoted(writer, text, length);
}

void mn_json_int(mn_json_writer *writer, int64_t number) {
  char text[32];
  separate(writer);
  snprintf(text, sizeof text, "%lld", (long long)number);
  put_text(writer, text);
}

/* A number in scientific form: digits d.ddd (no trailing zeros) times ten to the exponent. */
typedef struct decimal {
  char digits[24];
  int count, exponent;
} decimal;

static decimal to_decimal(double magnitude, int digits) {
  char text[48];
  decimal out = {"", 0, 0};
  snprintf(text, sizeof text, "%.*e", digits - 1, magnitude);
  const char *e = strchr(text, 'e');
  for (const char *c = text; c < e; c++) {
    if (*c >= '0' && *c <= '9') out.digits[out.count++] = *c;
  }
  while (out.count > 1 && out.digits[out.count - 1] == '0') out.count--;
  out.exponent = (int)strtol(e + 1, NULL, 10);
  return out;
}

/* Value of a decimal, with no decimal point in the text that strtod sees. */
static double from_decimal(const decimal *in) {
  char text[48];
  snprintf(text, sizeof text, "%.*se%d", in->count, in->digits, in->exponent - (in->count - 1));
  return strtod(text, NULL);
}

static void put_decimal(mn_json_writer *writer, const decimal *in) {
  char exponent[16];
  int point = in->exponent + 1; /* digits before the decimal point */
  if (point > 17 || point < -4) {
    put(writer, in->digits, 1);
    if (in->count > 1) put(writer, ".", 1);
    put(writer, in->digits + 1, (size_t)in->count - 1);
    snprintf(exponent, sizeof exponent, "e%d", in->exponent);
    put_text(writer, exponent);
    return;
  }
  if (point <= 0) put(writer, "0.0000", (size_t)(2 - point));
  for (int i = 0; i < in->count || i < point; i++) {
    if (i == point && point > 0) put(writer, ".", 1);
    put(writer, i < in->count ? &in->digits[i] : "0", 1);
  }
}

static bool finite_number(double number) { return number - number == 0; }

void mn_json_double(mn_json_writer *writer, double number) {
  if (!finite_number(number)) {
    writer->failed = true;
    return;
  }
  separate(writer);
  if (number < 0) put(writer, "-", 1);
  double magnitude = number < 0 ? -number : number;
  int digits = 15;
  decimal out = to_decimal(magnitude, digits);
  while (digits < 17 && from_decimal(&out) != magnitude) out = to_decimal(magnitude, ++digits);
  put_decimal(writer, &out);
}

void mn_json_float(mn_json_writer *writer, float number) {
  if (!finite_number((double)number)) {
    writer->failed = true;
    return;
  }
  separate(writer);
  if (number < 0) put(writer, "-", 1);
  float magnitude = number < 0 ? -number : number;
  int digits = 6;
  decimal out = to_decimal((double)magnitude, digits);
  while (digits < 9 && (float)from_decimal(&out) != magnitude) {
    out = to_decimal((double)magnitude, ++digits);
  }
  put_decimal(writer, &out);
}

void mn_json_bool(mn_json_writer *writer, bool boolean) {
  separate(writer);
  put_text(writer, boolean ? "true" : "false");
}

void mn_json_null(mn_json_writer *writer) {
  separate(writer);
  put_text(writer, "null");
}

void mn_json_writer_free(mn_json_writer *writer) {
  mn_free(writer->text);
  *writer = (mn_json_writer){0};
}
