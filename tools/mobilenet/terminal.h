/* SPDX-License-Identifier: Apache-2.0
 * What is printed for people: text that cannot disturb a terminal, columns that line up, bars. */
#ifndef MOBILENET_TOOL_TERMINAL_H
#define MOBILENET_TOOL_TERMINAL_H

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

/* Columns of the terminal behind `file`; 80 when there is none. */
int terminal_width(FILE *file);
/* Whether the locale can show UTF-8, block characters for instance. */
bool terminal_is_utf8(void);

/* Writes text with control characters and bytes that are no UTF-8 replaced by '?'. */
void print_safe(FILE *file, const char *text);
/* The same in exactly `columns` columns: padded, or cut with "...". */
void print_column(FILE *file, const char *text, int columns);
/* The same, cut in the middle: three quarters from its beginning, one from its end. */
void print_middle(FILE *file, const char *text, int columns);
/* `text` as a word that can be pasted into a shell. */
void print_word(FILE *file, const char *text);
/* Columns that `text` takes on a terminal. */
int text_columns(const char *text);

/* A bar for a share of 0..1 that would be `columns` long at 1; nothing for less than half of the
 * smallest piece. */
void print_bar(FILE *file, double share, int columns);

/* "1.23 M", "456 k", "789": a count for people, in a buffer of at least 16. Returns text. */
char *count_text(char *text, size_t size, uint64_t count);
/* "1.2 MiB", "34 KiB", "5 bytes". */
char *bytes_text(char *text, size_t size, uint64_t bytes);

#endif
