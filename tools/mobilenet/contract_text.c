/* SPDX-License-Identifier: Apache-2.0
 * Laying out a contract. Reads canonical JSON as the library gives it: no blanks, valid. */
#include "contract_text.h"

#include <stdio.h>
#include <string.h>

#include "terminal.h"

/* The character after the string that begins at `text`. */
static const char *skip_string(const char *text) {
  for (text++; *text && *text != '"'; text++) {
    if (*text == '\\' && text[1]) text++;
  }
  return *text ? text + 1 : text;
}

/* Strings of the array that begins at `text`; *end gets what follows it. */
static int count_strings(const char *text, const char **end) {
  int count = 0;
  while (*text && *text != ']') {
    count += *text == '"';
    text = *text == '"' ? skip_string(text) : text + 1;
  }
  *end = *text ? text + 1 : text;
  return count;
}

/* Prints a quoted string as it is and returns what follows it. */
static const char *print_string(const char *text) {
  const char *end = skip_string(text);
  while (text < end) {
    char one[2] = {*text++, '\0'};
    fputs(one, stdout);
  }
  return end;
}

void print_contract(const char *json) {
  static const char names[] = "\"names\":[";
  int depth = 0;
  while (json && *json) {
    if (strncmp(json, names, sizeof names - 1) == 0) {
      printf("\"names\":[%d names]", count_strings(json + sizeof names - 1, &json));
      continue;
    }
    if (*json == '"') {
      json = print_string(json);
      continue;
    }
    if (*json == '}') depth--;
    if (*json == '{') depth++;
    const bool is_outer = (*json == '{' && depth == 1) || (*json == '}' && depth == 0);
    if (!is_outer) putchar(*json);
    if (depth == 1 && (*json == ',' || (*json == '{'))) fputs(*json == ',' ? "\n  " : "  ", stdout);
    json++;
    if (depth == 0) putchar('\n');
  }
}
