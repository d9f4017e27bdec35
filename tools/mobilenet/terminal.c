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

void print_word(FILE *file, const char *text) {
  static const char plain[] =
      "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-+=:,.@%/";
  bool quoted = false;
  for (const char *s = text; *s; s++) quoted |= (signed char)*s > 0 && !strchr(plain, *s);
  if (quoted) fputc('\'', file);
  while (*text) {
    if (*text == '\'') fputs("'\\'", file); /* ends the quotes, is escaped, and begins them again */
    text += print_one(file, text);
  }
  if (quoted) fputc('\'', file);
}

/* Past one character. */
static const char *skip_one(const char *text) {
  const int length = utf8_length(text);
  return text + (length ? length : 1);
}

int text_columns(const char *text) {
  int columns = 0;
  for (; *text; text = skip_one(text)) columns += utf8_columns(text);
  return columns;
}

/* As many characters as fit `columns`; returns where it stopped. *left: columns without any. */
static const char *print_part(FILE *file, const char *text, int columns, int *left) {
  while (*text && utf8_columns(text) <= columns) {
    columns -= utf8_columns(text);
    text += print_one(file, text);
  }
  *left = columns;
  return text;
}

void print_column(FILE *file, const char *text, int columns) {
  const bool cut = text_columns(text) > columns;
  int left;
  print_part(file, text, cut ? columns - 3 : columns, &left);
  fprintf(file, "%s%*s", cut ? "..." : "", left > 0 ? left : 0, "");
}

void print_middle(FILE *file, const char *text, int columns) {
  if (text_columns(text) <= columns) {
    print_column(file, text, columns);
    return;
  }
  const int head = (columns - 3) * 3 / 4;
  int left, room = columns - 3 - head;
  text = print_part(file, text, head, &left);
  fputs("...", file);
  room += left;
  while (text_columns(text) > room) text = skip_one(text);
  print_column(file, text, room);
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
