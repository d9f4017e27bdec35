/* SPDX-License-Identifier: Apache-2.0
 * See class_name.h. */
#include "class_name.h"

#include <stdio.h>

#include "terminal.h"

enum { BAR_COLUMNS = 40 };

const char *class_name(const char *label, int class_index, char *buffer, size_t size) {
  if (label) return label;
  snprintf(buffer, size, "class %d", class_index);
  return buffer;
}

int class_columns(const mn_model *model) {
  int widest = 0;
  char buffer[32];
  for (int i = 0; i < mn_model_class_count(model) && widest < CLASS_COLUMNS; i++) {
    const char *label = mn_model_class_label(model, i);
    int columns = text_columns(class_name(label, i, buffer, sizeof buffer));
    if (columns > widest) widest = columns;
  }
  return widest < CLASS_COLUMNS ? widest : CLASS_COLUMNS;
}

void print_class(const char *label, int class_index, int columns) {
  char buffer[32];
  fputs("  ", stdout);
  print_column(stdout, class_name(label, class_index, buffer, sizeof buffer), columns);
}

void print_class_share(const char *label, int class_index, int columns, double share) {
  int bar = terminal_width(stdout) - columns - 14;
  if (bar > BAR_COLUMNS) bar = BAR_COLUMNS;
  print_class(label, class_index, columns);
  printf("  %5.1f %%  ", share * 100);
  if (bar > 0) print_bar(stdout, share, bar);
  putchar('\n');
}

void json_open_class(json_writer *json, const char *label, int class_index) {
  json_open_object(json, NULL);
  json_integer(json, "class", class_index);
  json_text(json, "label", label);
}
