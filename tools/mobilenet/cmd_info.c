/* SPDX-License-Identifier: Apache-2.0
 * `mobilenet info`: what a model is made of, what it costs, and what it expects of a picture. */
#include <inttypes.h>
#include <string.h>

#include "contract_text.h"
#include "info_views.h"
#include "json_writer.h"
#include "layer_name.h"
#include "message.h"
#include "mobilenet/zoo.h"
#include "network_blocks.h"
#include "runner.h"
#include "tensor_text.h"
#include "terminal.h"

verb_fn cmd_info;

/* What a plan for each goal takes. */
typedef struct plan_bytes {
  size_t arena, least;
} plan_bytes;

typedef struct model_facts {
  const cli_runner *runner;
  plan_bytes plans[GOAL_COUNT];
  mn_model_summary summary;
  mn_tensor_info input;
} model_facts;

static void json_layers(json_writer *json, const model_facts *facts) {
  json_open_array(json, "layers");
  for (int i = 0; i < facts->summary.node_count; i++) {
    mn_layer_info layer;
    if (mn_model_layer(facts->runner->opened.model, i, &layer)) break;
    json_open_object(json, NULL);
    json_text(json, "name", layer.name);
    json_text(json, "op", layer.op);
    json_shape(json, "shape", &layer.output);
    json_text(json, "type", mn_type_name(layer.output.type));
    json_integer(json, "params", (int64_t)layer.params);
    json_integer(json, "macs", (int64_t)layer.macs);
    json_close_object(json);
  }
  json_close_array(json);
}

static void json_architecture(json_writer *line, const opened_model *opened) {
  mn_zoo_name name;
  if (opened->is_architecture && mn_zoo_parse(&name, opened->name, NULL) == MN_OK) {
    json_text(line, "family", name.family);
    json_double(line, "width", name.width);
  } else {
    json_text(line, "family", NULL);
    json_text(line, "width", NULL);
  }
}

static void json_plans(json_writer *line, const model_facts *facts) {
  json_open_object(line, "plans");
  for (int goal = 0; goal < GOAL_COUNT; goal++) {
    json_open_object(line, goal_names[goal]);
    json_integer(line, "arena_bytes", (int64_t)facts->plans[goal].arena);
    json_integer(line, "least_arena_bytes", (int64_t)facts->plans[goal].least);
    json_close_object(line);
  }
  json_close_object(line);
}

static void print_json(const model_facts *facts) {
  const cli_runner *runner = facts->runner;
  json_writer line = {stdout, false};
  json_open_object(&line, NULL);
  json_architecture(&line, &runner->opened);
  if (facts->input.rank == 4) {
    json_integer(&line, "size", facts->input.dims[1]);
  } else {
    json_text(&line, "size", NULL);
  }
  json_integer(&line, "params", (int64_t)facts->summary.params);
  json_integer(&line, "macs", (int64_t)facts->summary.macs);
  json_integer(&line, "weights_bytes", (int64_t)facts->summary.weights_bytes);
  json_text(&line, "arithmetic", facts->summary.arithmetic);
  json_integer(&line, "arena_bytes", (int64_t)mn_plan_arena_bytes(runner->plan));
  json_plans(&line, facts);
  json_integer(&line, "packed_bytes", (int64_t)mn_plan_packed_bytes(runner->plan));
  json_layers(&line, facts);
  json_raw(&line, "contract", mn_model_contract(runner->opened.model));
  json_close_object(&line);
  json_end_line(&line);
}

static void print_tensor(const char *what, const mn_tensor_info *info) {
  char shape[64];
  printf("%-10s", what);
  print_safe(stdout, info->name);
  printf("  %s %s", mn_type_name(info->type), tensor_shape_text(shape, sizeof shape, info));
  if (info->scale > 0) {
    printf("  real = %.9g * (q - %d)", (double)info->scale, info->zero_point);
  }
  putchar('\n');
}

static void print_ends(const mn_model *model) {
  mn_tensor_info info;
  for (int i = 0; mn_model_input_info(model, i, &info) == MN_OK; i++) print_tensor("input", &info);
  for (int i = 0; mn_model_output_info(model, i, &info) == MN_OK; i++) {
    print_tensor("output", &info);
  }
}

/* Columns of the longest layer name, as far as the terminal has room beside the figures. */
static int name_columns(const model_facts *facts) {
  enum { FIGURES = 62, LEAST = 18, ALWAYS = 32 };
  int widest = LEAST, room = terminal_width(stdout) - FIGURES;
  for (int i = 0; i < facts->summary.node_count; i++) {
    mn_layer_info layer;
    if (mn_model_layer(facts->runner->opened.model, i, &layer)) break;
    if (text_columns(layer.name) > widest) widest = text_columns(layer.name);
  }
  if (room < ALWAYS) room = ALWAYS;
  return widest < room ? widest : room;
}

static void print_layers(const model_facts *facts) {
  const mn_model *model = facts->runner->opened.model;
  const char *folder;
  const int name = name_columns(facts), folder_length = layer_folder(model, &folder);
  char shape[64], params[16], macs[16];
  printf("\n%4s  %-*s  %-16s%-20s%9s%9s\n", "#", name, "layer", "op", "output", "params", "MACs");
  for (int i = 0; i < facts->summary.node_count; i++) {
    mn_layer_info layer;
    if (mn_model_layer(model, i, &layer)) break;
    printf("%4d  ", i);
    print_layer_name(layer.name, folder, folder_length, name);
    printf("  %-16s%-5s%-15s%9s%9s\n", layer.op, mn_type_name(layer.output.type),
           tensor_shape_text(shape, sizeof shape, &layer.output),
           count_text(params, sizeof params, layer.params),
           count_text(macs, sizeof macs, layer.macs));
  }
}

static void print_memory(const model_facts *facts) {
  const mn_plan *plan = facts->runner->plan;
  const size_t arena = mn_plan_arena_bytes(plan), least = mn_plan_least_bytes(plan);
  char text[32];
  printf("\nparams    %" PRIu64 "\n", facts->summary.params);
  printf("MACs      %" PRIu64 " an image\n", facts->summary.macs);
  if (facts->summary.arithmetic) {
    bool onnx = strcmp(facts->summary.arithmetic, "onnx") == 0;
    printf("8 bit     rounds as %s\n",
           onnx ? "ONNX defines: in float, half to even" : "LiteRT's reference kernels");
  }
  printf("weights   %s in the file\n", bytes_text(text, sizeof text, facts->summary.weights_bytes));
  printf("packed    %s laid out for the kernels of this CPU\n",
         bytes_text(text, sizeof text, mn_plan_packed_bytes(plan)));
  printf("arena     %s of activations and scratch", bytes_text(text, sizeof text, arena));
  printf("; no placement needs less than %s\n", bytes_text(text, sizeof text, least));
  for (int goal = 0; goal < GOAL_COUNT; goal++) {
    const size_t bytes = facts->plans[goal].arena;
    printf("          %s with --plan %s\n", bytes_text(text, sizeof text, bytes), goal_names[goal]);
  }
  printf("session   %s in one block, arena included\n",
         bytes_text(text, sizeof text, mn_plan_session_bytes(plan)));
}

static void print_facts(const model_facts *facts) {
  const opened_model *opened = &facts->runner->opened;
  fputs("model     ", stdout);
  print_safe(stdout, opened->path);
  puts(opened->is_default ? "  (ships with mobilenet)" : "");
  print_ends(opened->model);
  print_layers(facts);
  print_memory(facts);
  fputs("\ncontract", stdout);
  puts(mn_model_contract(opened->model) ? "" : "  none: --contract says how pictures are fed");
  print_contract(mn_model_contract(opened->model));
}

static int check_drawn(const cli_options *options, const opened_model *opened) {
  if (!options->given[OPTION_OUT] || opened->is_architecture) return EXIT_DONE;
  say("info -o draws networks named by their architecture, such as v2-1.0-224, not '%s'",
      opened->path);
  return EXIT_USAGE;
}

static int draw(const cli_options *options, const opened_model *opened) {
  bool drawn = network_draw(opened->model, opened->name, options->text[OPTION_OUT]);
  return drawn ? EXIT_DONE : EXIT_UNUSABLE;
}

static int count_plans(model_facts *facts, const cli_options *options, const runner_sizes *sizes) {
  for (int goal = 0; goal < GOAL_COUNT; goal++) {
    mn_plan *plan;
    int code = runner_plan(&plan, facts->runner, options, sizes, (mn_plan_goal)goal);
    if (code != EXIT_DONE) return code;
    facts->plans[goal] = (plan_bytes){mn_plan_arena_bytes(plan), mn_plan_least_bytes(plan)};
    mn_plan_free(plan);
  }
  return EXIT_DONE;
}

static int show(const cli_options *options, const cli_runner *runner, const runner_sizes *sizes) {
  mn_error err = {0};
  model_facts facts = {.runner = runner};
  int code = count_plans(&facts, options, sizes);
  if (code != EXIT_DONE) return code;
  if (mn_model_summarize(runner->opened.model, &facts.summary, &err)) return say_error(&err);
  if (mn_plan_input_info(runner->plan, 0, &facts.input)) facts.input.rank = 0;
  if (options->given[OPTION_JSON]) {
    print_json(&facts);
  } else {
    print_facts(&facts);
  }
  return options->given[OPTION_OUT] ? draw(options, &runner->opened) : EXIT_DONE;
}

static int show_standard(const cli_options *options, const char *spec) {
  opened_model opened;
  int code = model_open(&opened, options, spec);
  if (code == EXIT_DONE) code = info_standard(options, &opened);
  model_close(&opened);
  return code;
}

int cmd_info(const cli_options *options) {
  if (options->given[OPTION_GRID]) return info_grid(options);
  cli_runner runner;
  runner_sizes sizes = {.batch = (int32_t)options_number(options, OPTION_BATCH, 1)};
  const char *spec;
  int code = model_argument(options, &spec);
  if (code != EXIT_DONE) return code;
  if (options->given[OPTION_STANDARD_CONV]) return show_standard(options, spec);
  code = runner_open(&runner, options, spec, &sizes);
  if (code == EXIT_DONE) code = check_drawn(options, &runner.opened);
  if (code == EXIT_DONE) {
    model_say_assumptions(&runner.opened);
    code = show(options, &runner, &sizes);
  }
  runner_close(&runner);
  return code;
}
