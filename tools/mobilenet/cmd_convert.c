/* SPDX-License-Identifier: Apache-2.0
 * `mobilenet convert`: any model that opens, written in another format with its contract. */
#include <string.h>
#include <sys/stat.h>

#include "json_writer.h"
#include "message.h"
#include "mobilenet/convert.h"
#include "open_model.h"
#include "terminal.h"

verb_fn cmd_convert;

enum { NOTES_MOST = 4 };

/* Whether the format's own arithmetic in 8 bits is another than the model's. */
static bool rounds_otherwise(const mn_model *model, const char *ending) {
  mn_model_summary summary;
  if (!ending || mn_model_summarize(model, &summary, NULL) || !summary.arithmetic) return false;
  bool onnx = strcmp(summary.arithmetic, "onnx") == 0;
  return strcmp(ending, onnx ? ".tflite" : ".onnx") == 0;
}

/* What a careful reader of the new file should know. */
static int collect_notes(const mn_model *model, const char *out, const char *notes[NOTES_MOST]) {
  int count = 0;
  const char *assumed = mn_model_assumptions(model);
  if (assumed) notes[count++] = assumed;
  if (rounds_otherwise(model, strrchr(out, '.'))) {
    notes[count++] = "8-bit codes may differ by one: what runs the new file rounds otherwise";
  }
  if (!mn_model_contract(model)) {
    notes[count++] = "no contract: pictures are refused until --contract says how they are fed";
  } else if (mn_model_label_count(model) == 0) {
    notes[count++] = "no labels: --labels FILE adds them";
  }
  return count;
}

static void print_result(const cli_options *options, const mn_model *model) {
  const char *notes[NOTES_MOST], *out = options->args[1];
  int count = collect_notes(model, out, notes);
  if (options->given[OPTION_JSON]) {
    json_writer line = {stdout, false};
    json_open_object(&line, NULL);
    json_text(&line, "in", options->args[0]);
    json_text(&line, "out", out);
    json_open_array(&line, "notes");
    for (int i = 0; i < count; i++) json_text(&line, NULL, notes[i]);
    json_close_array(&line);
    json_close_object(&line);
    json_end_line(&line);
    return;
  }
  struct stat info;
  char size[32] = "?";
  if (stat(out, &info) == 0) bytes_text(size, sizeof size, (uint64_t)info.st_size);
  print_safe(stdout, out);
  printf(": %s\n", size);
  for (int i = 0; i < count; i++) {
    fputs("  note: ", stdout);
    print_safe(stdout, notes[i]);
    putchar('\n');
  }
}

int cmd_convert(const cli_options *options) {
  opened_model opened;
  int code = model_open(&opened, options, options->args[0]);
  if (code == EXIT_DONE) {
    mn_error err = {0};
    if (mn_model_save(opened.model, options->args[1], MN_FORMAT_BY_NAME, &err)) {
      code = say_error(&err);
    } else {
      print_result(options, opened.model);
    }
  }
  model_close(&opened);
  return code;
}
