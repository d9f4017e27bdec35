/* SPDX-License-Identifier: Apache-2.0
 * `mobilenet kernels`: which kernel every slot uses on this CPU, which it does not, and why. */
#include <string.h>

#include "json_writer.h"
#include "message.h"
#include "mobilenet/diagnostics.h"
#include "options.h"

verb_fn cmd_kernels;

static void print_json(const mn_kernel_info *info) {
  json_writer line = {stdout, false};
  json_open_object(&line, NULL);
  json_text(&line, "slot", info->slot);
  json_text(&line, "kernel", info->name);
  json_text(&line, "isa", info->isa);
  json_close_object(&line);
  json_end_line(&line);
}

static void print_line(const mn_kernel_info *info, const char *previous_slot, const char *level) {
  bool repeated = previous_slot && strcmp(previous_slot, info->slot) == 0;
  printf("%-18s%s %-28s%-12s%2d x %2d x %-4d", repeated ? "" : info->slot, info->chosen ? "*" : " ",
         info->name, info->isa, info->rows, info->cols, info->deep);
  if (info->chosen) {
    puts("used");
  } else if (!info->available) {
    printf("this CPU has no %s\n", info->isa);
  } else if (!info->allowed) {
    printf("needs more than %s\n", level);
  } else {
    puts("slower than the one used");
  }
}

int cmd_kernels(const cli_options *options) {
  const char *previous = NULL, *isa = options->text[OPTION_ISA], *level = isa;
  bool as_json = options->given[OPTION_JSON];
  if (!level || strcmp(level, "native") == 0) level = mn_isa();
  for (int i = 0; i < mn_kernel_count(); i++) {
    mn_error err = {0};
    mn_kernel_info info;
    if (mn_kernel_describe(&info, i, isa, &err)) return say_error(&err);
    if (i == 0 && !as_json) {
      printf("kernels for %s\n\n%-18s  %-28s%-12s%s\n", level, "slot", "kernel", "needs", "tile");
    }
    if (!as_json) print_line(&info, previous, level);
    if (as_json && info.chosen) print_json(&info);
    previous = info.slot;
  }
  return EXIT_DONE;
}
