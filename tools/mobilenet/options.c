/* SPDX-License-Identifier: Apache-2.0
 * One parser for every verb, driven by the table. It knows spelling and ranges; what a value means
 * is the verb's business. */
#include "options.h"

#include <errno.h>
#include <inttypes.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>

#include "message.h"
#include "mobilenet/mobilenet.h"

typedef struct line_parser {
  cli_options *options;
  int argc, next;
  char **argv;
} line_parser;

/* The option of this verb that `word` (up to `length`) spells, or OPTION_COUNT. */
static option_id find_option(const cli_verb *verb, const char *word, size_t length) {
  for (int i = 0; i < OPTION_COUNT; i++) {
    const option_spec *spec = &option_specs[i];
    if (!verb_takes(verb, i)) continue;
    bool is_short = length == 2 && spec->letter != 0 && word[1] == spec->letter;
    bool is_long = length > 2 && word[1] == '-' && strlen(spec->name) == length - 2 &&
                   strncmp(word + 2, spec->name, length - 2) == 0;
    if (is_short || is_long) return (option_id)i;
  }
  return OPTION_COUNT;
}

static int refuse_option(const cli_verb *verb, const char *word, size_t length) {
  char name[64];
  snprintf(name, sizeof name, "%.*s", (int)(length < 63 ? length : 63), word);
  const char *bare = name + strspn(name, "-");
  int best = -1, best_distance = INT_MAX;
  for (int i = 0; i < OPTION_COUNT; i++) {
    if (!verb_takes(verb, i)) continue;
    int distance = edit_distance(bare, option_specs[i].name);
    if (distance < best_distance) {
      best_distance = distance;
      best = i;
    }
  }
  if (is_near(best_distance, bare)) {
    say("'%s' has no option %s; the nearest is --%s ('mobilenet help %s' lists them)", verb->name,
        name, option_specs[best].name, verb->name);
  } else {
    say("'%s' has no option %s ('mobilenet help %s' lists them)", verb->name, name, verb->name);
  }
  return EXIT_USAGE;
}

static bool parse_number(const char *text, int64_t least, int64_t most, int64_t *number) {
  char *end;
  errno = 0;
  long long value = strtoll(text, &end, 10);
  *number = value;
  return end != text && *end == '\0' && errno == 0 && value >= least && value <= most;
}

static bool parse_real(const char *text, double most, double *number) {
  char *end;
  *number = strtod(text, &end);
  return end != text && *end == '\0' && *number >= 0 && *number <= most;
}

/* "HxW", or one number for both. */
static bool parse_extent(const char *text, const option_spec *spec, cli_options *options) {
  char height[8] = {0};
  const char *x = strchr(text, 'x'), *width = x ? x + 1 : text;
  size_t length = x ? (size_t)(x - text) : strlen(text);
  int64_t h, w;
  if (length >= sizeof height) return false;
  memcpy(height, text, length);
  if (!parse_number(height, spec->least, spec->most, &h)) return false;
  if (!parse_number(width, spec->least, spec->most, &w)) return false;
  options->height = (int32_t)h;
  options->width = (int32_t)w;
  return true;
}

/* "512M" */
static bool parse_bytes(const char *text, int64_t *number) {
  static const char units[] = "KMGT";
  char digits[16] = {0};
  const size_t length = strlen(text);
  const char *unit = length > 0 ? strchr(units, text[length - 1]) : NULL;
  const int shift = unit ? 10 * (int)(unit - units + 1) : 0;
  if (length >= sizeof digits) return false;
  memcpy(digits, text, unit ? length - 1 : length);
  if (!parse_number(digits, 0, INT64_MAX >> shift, number)) return false;
  *number *= (int64_t)1 << shift;
  return true;
}

static int keep_value(cli_options *options, option_id id, const char *text) {
  const option_spec *spec = &option_specs[id];
  if (spec->kind == OPTION_NUMBER &&
      !parse_number(text, spec->least, spec->most, &options->number[id])) {
    say("--%s takes a whole number from %" PRId64 " to %" PRId64 ", not '%s'", spec->name,
        spec->least, spec->most, text);
    return EXIT_USAGE;
  }
  if (spec->kind == OPTION_FRACTION && !parse_real(text, 1, &options->fraction[id])) {
    say("--%s takes a number from 0 to 1, not '%s'", spec->name, text);
    return EXIT_USAGE;
  }
  if (spec->kind == OPTION_POINTS) {
    if (!parse_real(text, 100, &options->fraction[id])) {
      say("--%s takes percentage points from 0 to 100, not '%s'", spec->name, text);
      return EXIT_USAGE;
    }
    options->fraction[id] /= 100;
  }
  if (spec->kind == OPTION_EXTENT && !parse_extent(text, spec, options)) {
    say("--%s takes a height and a width up to %" PRId64 ", such as 224x224, not '%s'", spec->name,
        spec->most, text);
    return EXIT_USAGE;
  }
  if (spec->kind == OPTION_BYTES && !parse_bytes(text, &options->number[id])) {
    say("--%s takes a number of bytes such as 512M or 4G, not '%s'", spec->name, text);
    return EXIT_USAGE;
  }
  if (text[0] == '\0') {
    say("--%s needs a value that is not empty: --%s %s", spec->name, spec->name, spec->value);
    return EXIT_USAGE;
  }
  options->text[id] = text;
  options->values[options->value_count++] = (option_value){id, text};
  return EXIT_DONE;
}

static int parse_option(line_parser *parser, const char *word) {
  cli_options *options = parser->options;
  const char *equals = strchr(word, '=');
  size_t length = equals ? (size_t)(equals - word) : strlen(word);
  option_id id = find_option(options->verb, word, length);
  if (id == OPTION_COUNT) return refuse_option(options->verb, word, length);
  const option_spec *spec = &option_specs[id];
  options->given[id] = true;
  if (spec->kind == OPTION_FLAG) {
    if (!equals) return EXIT_DONE;
    say("--%s takes no value; leave out '%s'", spec->name, equals);
    return EXIT_USAGE;
  }
  if (equals) return keep_value(options, id, equals + 1);
  const char *next = parser->next < parser->argc ? parser->argv[parser->next] : NULL;
  if (!next || strncmp(next, "--", 2) == 0) {
    say("--%s needs a value: --%s %s", spec->name, spec->name, spec->value);
    return EXIT_USAGE;
  }
  parser->next++;
  return keep_value(options, id, next);
}

static int check_needs(const cli_options *options) {
  const cli_verb *verb = options->verb;
  for (int i = 0; i < OPTION_COUNT; i++) {
    if ((verb->needs >> i & 1u) == 0 || options->given[i]) continue;
    say("'%s' needs --%s %s: mobilenet %s %s", verb->name, option_specs[i].name,
        option_specs[i].value, verb->name, verb->arguments);
    return EXIT_USAGE;
  }
  return EXIT_DONE;
}

static int check_counts(const cli_options *options) {
  const cli_verb *verb = options->verb;
  if (options->arg_count < verb->least) {
    say("'%s' needs %s: mobilenet %s [options] %s", verb->name,
        verb->least == 1 ? "an argument" : "two arguments", verb->name, verb->arguments);
    return EXIT_USAGE;
  }
  if (options->arg_count > verb->most) {
    say("'%s' takes %s, and '%s' is one too many; 'mobilenet help %s' says more", verb->name,
        verb->most == 0   ? "no arguments"
        : verb->most == 1 ? "one argument"
                          : "two arguments",
        options->args[verb->most], verb->name);
    return EXIT_USAGE;
  }
  return check_needs(options);
}

int options_parse(cli_options *options, const cli_verb *verb, int argc, char **argv) {
  memset(options, 0, sizeof *options);
  options->verb = verb;
  options->values = calloc((size_t)argc + 1, sizeof *options->values);
  options->args = calloc((size_t)argc + 1, sizeof *options->args);
  if (!options->values || !options->args) return say_out_of_memory();
  line_parser parser = {options, argc, 0, argv};
  bool only_arguments = false;
  while (parser.next < argc) {
    const char *word = argv[parser.next++];
    if (only_arguments || word[0] != '-' || word[1] == '\0') {
      options->args[options->arg_count++] = word;
    } else if (strcmp(word, "--") == 0) {
      only_arguments = true;
    } else {
      int code = parse_option(&parser, word);
      if (code != EXIT_DONE) return code;
    }
  }
  return options->given[OPTION_HELP] ? EXIT_DONE : check_counts(options);
}

void options_free(cli_options *options) {
  free(options->values);
  free(options->args);
}

int64_t options_number(const cli_options *options, option_id id, int64_t fallback) {
  return options->given[id] ? options->number[id] : fallback;
}

double options_fraction(const cli_options *options, option_id id, double fallback) {
  return options->given[id] ? options->fraction[id] : fallback;
}

const char *options_next(const cli_options *options, option_id id, int *position) {
  while (*position < options->value_count) {
    const option_value *value = &options->values[(*position)++];
    if (value->id == id) return value->text;
  }
  return NULL;
}

int options_threads(const cli_options *options) {
  if (options->given[OPTION_THREADS]) return (int)options->number[OPTION_THREADS];
  const option_spec *spec = &option_specs[OPTION_THREADS];
  const char *text = getenv("MOBILENET_THREADS");
  if (!text || !text[0]) return mn_threads_available();
  int64_t number;
  if (parse_number(text, spec->least, spec->most, &number)) return (int)number;
  say("MOBILENET_THREADS is '%s'; expected a whole number from %" PRId64 " to %" PRId64, text,
      spec->least, spec->most);
  return 0;
}

const char *const goal_names[GOAL_COUNT] = {
    [MN_PLAN_SPEED] = "speed", [MN_PLAN_MEMORY] = "memory", [MN_PLAN_LAYERS] = "layers"};

bool options_goal(const cli_options *options, mn_plan_goal *goal) {
  const char *text = options->text[OPTION_PLAN];
  for (int i = 0; i < GOAL_COUNT; i++) {
    *goal = (mn_plan_goal)i;
    if (!text || strcmp(text, goal_names[i]) == 0) return true;
  }
  say("--plan takes speed, memory or layers, not '%s'", text);
  return false;
}

bool options_precision(const cli_options *options, mn_type *precision) {
  const char *text = options->text[OPTION_PRECISION];
  *precision = text && strcmp(text, "bf16") == 0 ? MN_BF16 : MN_F32;
  if (!text || *precision == MN_BF16 || strcmp(text, "f32") == 0) return true;
  say("--precision takes f32 or bf16, not '%s'", text);
  return false;
}
