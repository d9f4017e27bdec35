/* SPDX-License-Identifier: Apache-2.0
 * -m MODEL: an existing file wins; else a model that ships with mobilenet or was fetched, by its
 * name; else an architecture, where the verb can use one. `file:`, `list:` and `arch:` force one.
 * Nothing is fetched from a network here. */
#include "open_model.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "message.h"
#include "mobilenet/convert.h"
#include "mobilenet/image.h"
#include "mobilenet/zoo.h"
#include "pull_list.h"
#include "stopwatch.h"

/* The model of a verb that is used without -m. */
static const char *default_name(const cli_verb *verb) {
  if (strcmp(verb->name, "detect") == 0) return "pets-heads-v1-0.25-224";
  if (strcmp(verb->name, "segment") == 0) return "pets-masks-v1-0.25-224";
  return "flowers-v1-0.25-128";
}

/* Where models that ship with mobilenet may lie, first match wins. */
static const char *model_folder(int index) {
  switch (index) {
    case 0: return getenv("MOBILENET_MODELS");
    case 1: return MOBILENET_SOURCE_MODELS;
    default: return MOBILENET_INSTALLED_MODELS;
  }
}

static char *join(const char *folder, const char *name, const char *ending) {
  size_t size = strlen(folder) + strlen(name) + strlen(ending) + 2;
  char *path = malloc(size);
  if (path) snprintf(path, size, "%s/%s%s", folder, name, ending);
  return path;
}

static bool is_there(const char *path) {
  struct stat info;
  return stat(path, &info) == 0;
}

char *model_shipped_path(const char *name, const char *ending) {
  for (int i = 0; i < 3; i++) {
    const char *folder = model_folder(i);
    char *path = folder ? join(folder, name, ending) : NULL;
    if (path && is_there(path)) return path;
    free(path);
  }
  return NULL;
}

/* The file of a model that ships with mobilenet, or NULL. The caller frees it. */
static char *find_shipped(const char *name) {
  if (strchr(name, '/')) return NULL;
  char *path = model_shipped_path(name, ".safetensors");
  return path ? path : model_shipped_path(name, ".tflite");
}

/* The file of a fetched model; *listed says whether the list has that name at all. */
static char *find_fetched(const char *name, bool *listed) {
  pull_list list = {0};
  char *path = model_shipped_path("pull", ".tsv");
  const bool has_list = path != NULL;
  free(path);
  path = NULL;
  const pull_entry *entry = has_list && pull_list_read(&list) ? pull_list_find(&list, name) : NULL;
  *listed = entry != NULL;
  if (entry) path = pull_cache_path(entry->file);
  pull_list_free(&list);
  if (path && is_there(path)) return path;
  free(path);
  return NULL;
}

/* The model that is used without -m, or NULL after saying why there is none. */
static char *find_default(const cli_verb *verb) {
  char *path = find_shipped(default_name(verb));
  if (!path) {
    say("the model that ships with mobilenet (%s) is not where it was built or installed; "
        "name a model file with -m, or its folder in MOBILENET_MODELS",
        default_name(verb));
  }
  return path;
}

/* The path that `spec` means, or NULL after saying why there is none. */
static char *find_model(const char *spec, bool architecture) {
  bool only_list = strncmp(spec, "list:", 5) == 0, only_file = strncmp(spec, "file:", 5) == 0;
  if (only_list || only_file) spec += 5;
  if (only_file || (!only_list && is_there(spec))) return strdup(spec);
  bool listed = false;
  char *path = find_shipped(spec);
  if (!path) path = find_fetched(spec, &listed);
  if (!path && listed) {
    say("'%s' is on the list of models but not fetched yet: mobilenet pull %s", spec, spec);
  } else if (!path) {
    say("'%s' is neither a file nor a model that ships with mobilenet; expected a .tflite, "
        ".onnx, .safetensors or .pth file%s",
        spec, architecture ? ", or an architecture such as v2-1.0-224" : "");
  }
  return path;
}

char *model_path(const char *spec) { return find_model(spec, false); }

char *text_file_read(const char *path, const char *option) {
  enum { MOST = 16 << 20 };
  FILE *file = fopen(path, "rb");
  char *text = file ? malloc(MOST + 1) : NULL;
  size_t length = text ? fread(text, 1, MOST + 1, file) : 0;
  bool bad = !text || ferror(file);
  if (bad) {
    say("--%s: '%s' cannot be read: %s", option, path, strerror(errno));
  } else if (length > MOST || memchr(text, 0, length)) {
    say("--%s: '%s' is no text file of at most 16 MiB", option, path);
    bad = true;
  } else {
    text[length] = '\0';
  }
  if (file) fclose(file);
  if (!bad) return text;
  free(text);
  return NULL;
}

static bool is_contract_name(const char *text) {
  static const char *const names[] = {"tf", "torch", "caffe", "unit", "raw"};
  for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
    if (strcmp(text, names[i]) == 0) return true;
  }
  return false;
}

static int refuse_contract(const char *text) {
  say("--contract '%s' is neither a file nor one of tf, torch, caffe, unit, raw", text);
  return EXIT_USAGE;
}

/* The texts that options give a model file; freed by side_texts_free, also after a failure. */
typedef struct side_texts {
  char *contract, *labels, *anchors;
} side_texts;

static void side_texts_free(side_texts *texts) {
  free(texts->contract);
  free(texts->labels);
  free(texts->anchors);
}

/* A name stays itself, a file gives its text. */
static char *name_or_text(const char *given, const char *option, bool is_name) {
  return is_name ? strdup(given) : text_file_read(given, option);
}

/* A byte order mark may come first. */
static bool is_json_object(const char *text) {
  if (strncmp(text, "\xEF\xBB\xBF", 3) == 0) text += 3;
  return text[strspn(text, " \t\r\n")] == '{';
}

int contract_read(const cli_options *options, char **text) {
  const char *about = options->text[OPTION_CONTRACT];
  *text = NULL;
  if (!about) return EXIT_DONE;
  if (!is_contract_name(about) && !is_there(about)) return refuse_contract(about);
  *text = name_or_text(about, "contract", is_contract_name(about));
  if (*text && !is_contract_name(about) && !is_json_object(*text)) {
    say("--contract: '%s' holds no JSON object, such as {\"input\":{...}}", about);
    free(*text);
    *text = NULL;
  }
  return *text ? EXIT_DONE : EXIT_UNUSABLE;
}

static int read_side_texts(const cli_options *options, side_texts *texts) {
  const char *names = options->text[OPTION_LABELS], *anchors = options->text[OPTION_ANCHORS];
  const int code = contract_read(options, &texts->contract);
  if (code != EXIT_DONE) return code;
  if (anchors) {
    bool named = strcmp(anchors, "ssd") == 0 || strcmp(anchors, "ssdlite-torch") == 0;
    if (!named && !is_there(anchors)) {
      say("--anchors '%s' is neither a file nor one of ssd, ssdlite-torch", anchors);
      return EXIT_USAGE;
    }
    texts->anchors = name_or_text(anchors, "anchors", named);
    if (!texts->anchors) return EXIT_UNUSABLE;
  }
  if (names) texts->labels = text_file_read(names, "labels");
  return names && !texts->labels ? EXIT_UNUSABLE : EXIT_DONE;
}

static void set_name(opened_model *opened) {
  const char *slash = strrchr(opened->path, '/');
  snprintf(opened->name, sizeof opened->name, "%s", slash ? slash + 1 : opened->path);
  char *dot = strrchr(opened->name, '.');
  if (dot && dot != opened->name) *dot = '\0';
}

/* A model file, or a state dictionary, whose network is told first. */
static mn_status open_file(opened_model *opened, const cli_options *options,
                           const mn_open_options *open, mn_error *err) {
  if (!mn_weights_has(opened->path)) return mn_model_open(&opened->model, opened->path, open, err);
  mn_weights_options weights = {
      .struct_size = sizeof weights, .open = open, .architecture = options->text[OPTION_ARCH]};
  return mn_model_open_weights(&opened->model, opened->path, &weights, err);
}

static int open_found(opened_model *opened, const cli_options *options) {
  side_texts texts = {0};
  int code = read_side_texts(options, &texts);
  if (code == EXIT_DONE) {
    mn_error err = {0};
    mn_open_options open = {.struct_size = sizeof open,
                            .contract = texts.contract,
                            .labels = texts.labels,
                            .anchors = texts.anchors};
    double start = now_ms();
    if (open_file(opened, options, &open, &err)) {
      say_error(&err);
      code = EXIT_UNUSABLE;
    }
    opened->open_ms = now_ms() - start;
  }
  side_texts_free(&texts);
  return code;
}

/* The architecture that `spec` names, or NULL when it is something else. */
static const char *architecture_of(const char *spec) {
  if (!spec) return NULL;
  if (strncmp(spec, "arch:", 5) == 0) return spec + 5;
  if (strncmp(spec, "file:", 5) == 0 || strncmp(spec, "list:", 5) == 0) return NULL;
  if (is_there(spec) || !mn_zoo_has(spec)) return NULL;
  char *shipped = find_shipped(spec);
  free(shipped);
  return shipped ? NULL : spec;
}

static int open_architecture(opened_model *opened, const cli_options *options, const char *name) {
  if (!verb_takes(options->verb, OPTION_CLASSES)) {
    say("%s: '%s' is an untrained architecture; expected a model file or one that ships",
        options->verb->name, name);
    return EXIT_UNUSABLE;
  }
  mn_error err = {0};
  mn_zoo_options zoo = {.struct_size = sizeof zoo,
                        .classes = (int32_t)options_number(options, OPTION_CLASSES, 0)};
  double start = now_ms();
  if (mn_model_from_zoo(&opened->model, name, &zoo, &err)) {
    say_error(&err);
    return EXIT_USAGE;
  }
  opened->open_ms = now_ms() - start;
  opened->is_architecture = true;
  opened->path = strdup(name);
  snprintf(opened->name, sizeof opened->name, "%s", name);
  return opened->path ? EXIT_DONE : EXIT_UNUSABLE;
}

/* Options that say what a file says itself. */
static int check_file_options(const opened_model *opened, const cli_options *options) {
  if (options->given[OPTION_CLASSES]) {
    say("--classes is for networks named by their architecture, such as v2-1.0-224; '%s' has its "
        "own",
        opened->path);
    return EXIT_USAGE;
  }
  if (options->given[OPTION_ARCH] && is_there(opened->path) && !mn_weights_has(opened->path)) {
    say("--arch is for state dictionaries (.pth), which hold no network; '%s' is none",
        opened->path);
    return EXIT_USAGE;
  }
  return EXIT_DONE;
}

int model_open(opened_model *opened, const cli_options *options, const char *spec) {
  memset(opened, 0, sizeof *opened);
  if (!spec) spec = options->text[OPTION_MODEL];
  const char *architecture = architecture_of(spec);
  if (architecture) return open_architecture(opened, options, architecture);
  opened->is_default = spec == NULL;
  opened->path = spec ? find_model(spec, verb_takes(options->verb, OPTION_CLASSES))
                      : find_default(options->verb);
  if (!opened->path) return EXIT_UNUSABLE;
  set_name(opened);
  const int code = check_file_options(opened, options);
  return code == EXIT_DONE ? open_found(opened, options) : code;
}

int model_argument(const cli_options *options, const char **spec) {
  *spec = options->arg_count ? options->args[0] : options->text[OPTION_MODEL];
  if (options->arg_count == 0 || !options->given[OPTION_MODEL]) return EXIT_DONE;
  say("the model is named twice, '%s' and --model '%s'; leave one out", options->args[0],
      options->text[OPTION_MODEL]);
  return EXIT_USAGE;
}

int model_check_task(const opened_model *opened, mn_task task) {
  static const struct {
    const char *noun, *verb;
  } tasks[] = {
      [MN_TASK_NONE] = {"model without a task", "'mobilenet run' gives its outputs"},
      [MN_TASK_CLASSIFY] = {"classifier", "'mobilenet classify' names what it sees"},
      [MN_TASK_DETECT] = {"detector", "'mobilenet detect' shows what it finds"},
      [MN_TASK_SEGMENT] = {"segmentation network", "'mobilenet segment' shows what it sees"}};
  const mn_task own = mn_model_task(opened->model);
  if (own == task) return EXIT_DONE;
  say("%s: is a %s, not a %s; %s", opened->path, tasks[own].noun, tasks[task].noun,
      tasks[own].verb);
  return EXIT_UNUSABLE;
}

void model_close(opened_model *opened) {
  mn_model_free(opened->model);
  free(opened->path);
}

void model_say_assumptions(const opened_model *opened) {
  const char *assumed = mn_model_assumptions(opened->model);
  if (assumed) say("%s: %s", opened->path, assumed);
}
