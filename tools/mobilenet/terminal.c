/* SPDX-License-Identifier: Apache-2.0
 * Terminal width, safe text, columns and bars. */
#include "terminal.h"

#include <inttypes.h>
#include <langinfo.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "utf8.h"

int terminal_width(FILE *file) {
  struct winsize size;
  if (isatty(fileno(file)) && ioctl(fileno(file), TIOCGWINSZ, &size) == 0 && size.ws_col >= 20) {
    return size.ws_col;
  }
  const char *columns = getenv("COLUMNS");
  int width = columns ? atoi(columns) : 0;
  return width >= 20 && width <= 1000 ? width : 80;
}

bool terminal_is_utf8(void) { return strcmp(nl_langinfo(CODESET), "UTF-8") == 0; }

/* Prints one character, safe, and returns how many bytes of text it took. */
static int print_one(FILE *file, const char *text) {
  int length = utf8_length(text);
  unsigned char first = (unsigned char)text[0];
  bool is_c1 = first == 0xC2 && length == 2 && (unsigned char)text[1] < 0xA0;
  if (length == 0 || first < 0x20 || first == 0x7F || is_c1) {
    fputc('?', file);
  } else {
    fwrite(text, 1, (size_t)length, file);
  }
  return length ? length : 1;
}

void print_safe(FILE *file, const char *text) {
  while (*text) text += print_one(file, text);
}

int text_columns(const char *text) {
  int columns = 0;
  for (; *text; columns++) {
    int length = utf8_length(text);
    text += length ? length : 1;
  }
  return columns;
}

void print_column(FILE *file, const char *text, int columns) {
  int have = text_columns(text);
  bool cut = have > columns;
  int shown = cut ? columns - 3 : have;
  for (int i = 0; i < shown; i++) text += print_one(file, text);
  if (cut) {
    fputs("...", file);
  } else {
    fprintf(file, "%*s", columns - have, "");
  }
}

void print_middle(FILE *file, const char *text, int columns) {
  int dropped = text_columns(text) - columns + 3;
  if (dropped <= 3) {
    print_column(file, text, columns);
    return;
  }
  for (int i = 0; i < (columns - 3) * 3 / 4; i++) text += print_one(file, text);
  fputs("...", file);
  for (int i = 0; i < dropped; i++) {
    int length = utf8_length(text);
    text += length ? length : 1;
  }
  print_safe(file, text);
}

void print_bar(FILE *file, double share, int columns) {
  static const char *const eighths[] = {"", "▏", "▎", "▍", "▌", "▋", "▊", "▉"};
  if (!(share > 0)) share = 0;
  if (share > 1) share = 1;
  bool fine = terminal_is_utf8();
  int pieces = (int)(share * columns * (fine ? 8 : 1) + 0.5);
  int whole = fine ? pieces / 8 : pieces;
  for (int i = 0; i < whole; i++) fputs(fine ? "█" : "#", file);
  if (fine) fputs(eighths[pieces % 8], file);
}

char *count_text(char *text, size_t size, uint64_t count) {
  if (count >= 1000000000) {
    snprintf(text, size, "%.2f G", (double)count / 1e9);
  } else if (count >= 1000000) {
    snprintf(text, size, "%.2f M", (double)count / 1e6);
  } else if (count >= 10000) {
    snprintf(text, size, "%.1f k", (double)count / 1e3);
  } else {
    snprintf(text, size, "%" PRIu64, count);
  }
  return text;
}

char *bytes_text(char *text, size_t size, uint64_t bytes) {
  if (bytes >= 1u << 20) {
    snprintf(text, size, "%.2f MiB", (double)bytes / (1u << 20));
  } else if (bytes >= 1u << 10) {
    snprintf(text, size, "%.1f KiB", (double)bytes / (1u << 10));
  } else {
    snprintf(text, size, "%" PRIu64 " bytes", bytes);
  }
  return text;
}
