/* SPDX-License-Identifier: Apache-2.0
 * The JSON writer. Bytes that are no UTF-8 (file names may hold them) become U+FFFD. */
#include "json_writer.h"

#include <inttypes.h>
#include <math.h>
#include <stdlib.h>

#include "message.h"
#include "utf8.h"

static void write_escaped(FILE *out, const char *text) {
  fputc('"', out);
  while (*text) {
    unsigned char byte = (unsigned char)*text;
    int length = utf8_length(text);
    if (length == 0) {
      fputs("\\ufffd", out);
    } else if (byte == '"' || byte == '\\') {
      fprintf(out, "\\%c", byte);
    } else if (byte < 0x20 || byte == 0x7F) {
      fprintf(out, "\\u%04x", byte);
    } else {
      fwrite(text, 1, (size_t)length, out);
    }
    text += length ? length : 1;
  }
  fputc('"', out);
}

static void begin_value(json_writer *json, const char *key) {
  if (json->need_comma) fputc(',', json->out);
  if (key) {
    write_escaped(json->out, key);
    fputc(':', json->out);
  }
  json->need_comma = true;
}

static void open_with(json_writer *json, const char *key, char bracket) {
  begin_value(json, key);
  fputc(bracket, json->out);
  json->need_comma = false;
}

static void close_with(json_writer *json, char bracket) {
  fputc(bracket, json->out);
  json->need_comma = true;
}

void json_open_object(json_writer *json, const char *key) { open_with(json, key, '{'); }
void json_open_array(json_writer *json, const char *key) { open_with(json, key, '['); }
void json_close_object(json_writer *json) { close_with(json, '}'); }
void json_close_array(json_writer *json) { close_with(json, ']'); }

void json_text(json_writer *json, const char *key, const char *text) {
  begin_value(json, key);
  if (text) {
    write_escaped(json->out, text);
  } else {
    fputs("null", json->out);
  }
}

void json_integer(json_writer *json, const char *key, int64_t number) {
  begin_value(json, key);
  fprintf(json->out, "%" PRId64, number);
}

static void write_number(json_writer *json, const char *key, const char *format, double number) {
  begin_value(json, key);
  if (isfinite(number)) {
    fprintf(json->out, format, number);
  } else {
    fputs("null", json->out);
  }
}

void json_float(json_writer *json, const char *key, double number) {
  write_number(json, key, "%.9g", number);
}

/* The fewest digits that read back as the same number. */
void json_double(json_writer *json, const char *key, double number) {
  char text[32];
  int digits = 1;
  do {
    snprintf(text, sizeof text, "%.*g", digits, number);
  } while (isfinite(number) && strtod(text, NULL) != number && digits++ < 17);
  begin_value(json, key);
  fputs(isfinite(number) ? text : "null", json->out);
}

void json_ms(json_writer *json, const char *key, double ms) { write_number(json, key, "%.3f", ms); }

void json_raw(json_writer *json, const char *key, const char *text) {
  begin_value(json, key);
  fputs(text ? text : "null", json->out);
}

void json_end_line(json_writer *json) {
  fputc('\n', json->out);
  flush_output();
  json->need_comma = false;
}
