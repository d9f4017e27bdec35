/* SPDX-License-Identifier: Apache-2.0
 * Writing JSON, one object a line, always valid: escapes, commas, no NaN, UTF-8 only. */
#ifndef MOBILENET_TOOL_JSON_WRITER_H
#define MOBILENET_TOOL_JSON_WRITER_H

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

typedef struct json_writer {
  FILE *out;
  bool need_comma;
} json_writer;

/* `key` is NULL inside an array and for the outermost value. */
void json_open_object(json_writer *json, const char *key);
void json_open_array(json_writer *json, const char *key);
void json_close_object(json_writer *json);
void json_close_array(json_writer *json);
void json_text(json_writer *json, const char *key, const char *text); /* NULL is null */
void json_integer(json_writer *json, const char *key, int64_t number);
void json_float(json_writer *json, const char *key, double number); /* %.9g; null when not finite */
void json_double(json_writer *json, const char *key,
                 double number);                             /* shortest that reads back the same */
void json_ms(json_writer *json, const char *key, double ms); /* to the microsecond */
/* Text that is JSON already, such as a contract; NULL is null. */
void json_raw(json_writer *json, const char *key, const char *text);
/* Ends the line and makes it visible to whoever reads along. */
void json_end_line(json_writer *json);

#endif
