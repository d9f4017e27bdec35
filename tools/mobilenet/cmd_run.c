/* SPDX-License-Identifier: Apache-2.0
 * `mobilenet run`: raw tensors in and out as .npy, inner ones too. No contract is involved. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "json_writer.h"
#include "message.h"
#include "npy.h"
#include "runner.h"
#include "tensor_text.h"
#include "terminal.h"

verb_fn cmd_run;

typedef struct tensor_run {
  const cli_options *options;
  cli_runner runner;
  int input_count;
  npy_array *arrays; /* [input_count]; data NULL until given */
  json_writer line;
  char **paths; /* [written], so that no file is written twice */
  int written, capacity;
} tensor_run;

static int input_by_name(const tensor_run *run, const char *name, size_t length) {
  mn_tensor_info info;
  for (int i = 0; i < run->input_count; i++) {
    if (mn_model_input_info(run->runner.opened.model, i, &info)) continue;
    if (strlen(info.name) == length && strncmp(info.name, name, length) == 0) return i;
  }
  return -1;
}

static int first_free_input(const tensor_run *run) {
  int index = 0;
  while (index < run->input_count && run->arrays[index].data) index++;
  return index;
}

/* What looks like NAME=FILE with a name that no input has, and is no file itself. */
static int refuse_input_name(const tensor_run *run, const char *value, size_t length) {
  mn_tensor_info first;
  if (mn_model_input_info(run->runner.opened.model, 0, &first)) return EXIT_UNUSABLE;
  say("-i %s: no input is named '%.*s' and no file so; the model's %s '%s'", value, (int)length,
      value, run->input_count > 1 ? "first is" : "is", first.name);
  return EXIT_USAGE;
}

/* Reads one -i value: NAME=FILE when NAME is an input, else a file for the next input. */
static int read_input(tensor_run *run, const char *value) {
  const char *equals = strchr(value, '=');
  int index = equals ? input_by_name(run, value, (size_t)(equals - value)) : -1;
  const char *path = index >= 0 ? equals + 1 : value;
  if (equals && index < 0 && access(value, F_OK) != 0) {
    return refuse_input_name(run, value, (size_t)(equals - value));
  }
  if (index < 0) index = first_free_input(run);
  if (index >= run->input_count || run->arrays[index].data) {
    say("-i %s is one input too many; the model has %d", value, run->input_count);
    return EXIT_USAGE;
  }
  return npy_read(&run->arrays[index], path) ? EXIT_DONE : EXIT_UNUSABLE;
}

static int read_inputs(tensor_run *run) {
  int position = 0, code = EXIT_DONE;
  const char *value;
  while (code == EXIT_DONE && (value = options_next(run->options, OPTION_INPUT, &position))) {
    code = read_input(run, value);
  }
  int missing = first_free_input(run);
  mn_tensor_info info;
  if (code != EXIT_DONE || missing == run->input_count) return code;
  if (mn_model_input_info(run->runner.opened.model, missing, &info)) return EXIT_UNUSABLE;
  say("input '%s' is missing; add -i %s=FILE.npy", info.name, info.name);
  return EXIT_USAGE;
}

static bool same_shape(const mn_tensor_info *info, const npy_array *array) {
  return info->rank == array->rank &&
         memcmp(info->dims, array->dims, (size_t)info->rank * sizeof info->dims[0]) == 0;
}

static int refuse_input(const mn_tensor_info *info, const npy_array *array) {
  char met[64], expected[64];
  mn_tensor_info given = {.rank = array->rank};
  memcpy(given.dims, array->dims, sizeof given.dims);
  say("input '%s' got %s %s; expected %s %s", info->name, mn_type_name(array->type),
      tensor_shape_text(met, sizeof met, &given), mn_type_name(info->type),
      tensor_shape_text(expected, sizeof expected, info));
  return EXIT_UNUSABLE;
}

/* Copies an array into the session after checking that it is what the plan expects. */
static int fill_input(const tensor_run *run, int index) {
  const npy_array *array = &run->arrays[index];
  mn_tensor_info info;
  if (mn_plan_input_info(run->runner.plan, index, &info)) return EXIT_UNUSABLE;
  if (info.type != array->type || !same_shape(&info, array) || info.bytes != array->bytes) {
    return refuse_input(&info, array);
  }
  memcpy(mn_session_input(run->runner.session, index), array->data, array->bytes);
  return EXIT_DONE;
}

/* A file name from a tensor's: what could leave the folder or confuse a shell becomes '_'. */
static void safe_name(char *safe, size_t size, const char *name) {
  size_t length = 0;
  for (; name[length] && length + 1 < size; length++) {
    char c = name[length];
    bool plain = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
                 c == '-' || c == '_' || (c == '.' && length > 0);
    safe[length] = plain ? c : '_';
  }
  safe[length] = '\0';
}

static bool is_written(const tensor_run *run, const char *path) {
  for (int i = 0; i < run->written; i++) {
    if (strcmp(run->paths[i], path) == 0) return true;
  }
  return false;
}

/* A path in the output folder that this run has not written yet; kept in run->paths. */
static const char *new_path(tensor_run *run, const char *name) {
  const char *folder = run->options->text[OPTION_OUT];
  char safe[121];
  size_t size = strlen(folder) + sizeof safe + 24;
  char *path = malloc(size);
  if (!path || run->written == run->capacity) {
    free(path);
    return NULL;
  }
  safe_name(safe, sizeof safe, name);
  snprintf(path, size, "%s/%s.npy", folder, safe);
  for (int i = 2; is_written(run, path); i++) snprintf(path, size, "%s/%s-%d.npy", folder, safe, i);
  run->paths[run->written++] = path;
  return path;
}

static int write_tensor(tensor_run *run, const mn_tensor_info *info, const void *data) {
  const char *path = new_path(run, info->name);
  if (!path) return say_out_of_memory();
  if (!npy_write(path, info, data)) return EXIT_UNUSABLE;
  if (run->options->given[OPTION_JSON]) {
    json_open_object(&run->line, NULL);
    json_text(&run->line, "name", info->name);
    json_text(&run->line, "file", path);
    json_shape(&run->line, "shape", info);
    json_text(&run->line, "type", mn_type_name(info->type));
    json_close_object(&run->line);
  } else {
    char shape[64];
    print_safe(stdout, path);
    printf("  %s %s\n", mn_type_name(info->type), tensor_shape_text(shape, sizeof shape, info));
  }
  return EXIT_DONE;
}

/* Looks a tap up, and writes it when `write`: all names are known good before the first file. */
static int do_tap(tensor_run *run, const char *name, bool write) {
  mn_error err = {0};
  mn_tensor_info info;
  const void *data;
  if (mn_session_tensor(run->runner.session, name, &data, &info, &err)) {
    say("--tap: %s", err.text);
    return EXIT_USAGE;
  }
  return write ? write_tensor(run, &info, data) : EXIT_DONE;
}

static int do_taps(tensor_run *run, bool write) {
  int code = EXIT_DONE, position = 0;
  const char *tap;
  while (code == EXIT_DONE && (tap = options_next(run->options, OPTION_TAP, &position))) {
    code = do_tap(run, tap, write);
  }
  return code;
}

static int write_all(tensor_run *run) {
  int code = EXIT_DONE;
  mn_tensor_info info;
  for (int i = 0; code == EXIT_DONE && mn_plan_output_info(run->runner.plan, i, &info) == MN_OK;
       i++) {
    code = write_tensor(run, &info, mn_session_output(run->runner.session, i));
  }
  return code == EXIT_DONE ? do_taps(run, true) : code;
}

static int write_outputs(tensor_run *run) {
  const char *folder = run->options->text[OPTION_OUT];
  if (mkdir(folder, 0777) != 0 && errno != EEXIST) {
    say("-o: the folder '%s' cannot be made: %s", folder, strerror(errno));
    return EXIT_UNUSABLE;
  }
  run->capacity = mn_model_output_count(run->runner.opened.model) + run->options->value_count;
  run->paths = calloc((size_t)run->capacity, sizeof *run->paths);
  if (!run->paths) return say_out_of_memory();
  run->line = (json_writer){stdout, false};
  bool as_json = run->options->given[OPTION_JSON];
  if (as_json) json_open_object(&run->line, NULL);
  if (as_json) json_open_array(&run->line, "outputs");
  int code = write_all(run);
  if (as_json) json_close_array(&run->line);
  if (as_json) json_close_object(&run->line);
  if (as_json) json_end_line(&run->line);
  return code;
}

/* Binds the batch and picture size of the first input, so that they may differ from the file's. */
static runner_sizes bound_sizes(const tensor_run *run) {
  runner_sizes sizes = {.keep_all = run->options->given[OPTION_TAP]};
  const npy_array *first = &run->arrays[0];
  sizes.batch = first->dims[0];
  if (first->rank == 4) {
    sizes.height = first->dims[1];
    sizes.width = first->dims[2];
  }
  return sizes;
}

/* The first input's shape decides the plan; a rank or channel count that no plan can have is
 * refused before. */
static int check_first(const tensor_run *run) {
  mn_tensor_info info;
  const npy_array *first = &run->arrays[0];
  if (mn_model_input_info(run->runner.opened.model, 0, &info)) return EXIT_UNUSABLE;
  int last = info.rank - 1;
  if (info.rank == first->rank && (last < 0 || info.dims[last] == first->dims[last]) &&
      info.type == first->type) {
    return EXIT_DONE;
  }
  return refuse_input(&info, first);
}

static int run_tensors(tensor_run *run) {
  mn_error err = {0};
  int code = read_inputs(run);
  if (code == EXIT_DONE) code = check_first(run);
  if (code != EXIT_DONE) return code;
  runner_sizes sizes = bound_sizes(run);
  code = runner_prepare(&run->runner, run->options, &sizes);
  for (int i = 0; code == EXIT_DONE && i < run->input_count; i++) code = fill_input(run, i);
  if (code == EXIT_DONE) code = do_taps(run, false);
  if (code != EXIT_DONE) return code;
  if (mn_session_run(run->runner.session, &err)) return say_error(&err);
  return write_outputs(run);
}

int cmd_run(const cli_options *options) {
  tensor_run run = {.options = options};
  int code = model_open(&run.runner.opened, options, NULL);
  if (code == EXIT_DONE) {
    run.input_count = mn_model_input_count(run.runner.opened.model);
    run.arrays = calloc((size_t)run.input_count + 1, sizeof *run.arrays);
    code = run.arrays ? run_tensors(&run) : say_out_of_memory();
  }
  for (int i = 0; run.arrays && i < run.input_count; i++) npy_free(&run.arrays[i]);
  for (int i = 0; i < run.written; i++) free(run.paths[i]);
  free(run.arrays);
  free(run.paths);
  runner_close(&run.runner);
  return code;
}
