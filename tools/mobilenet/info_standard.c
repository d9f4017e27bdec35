/* SPDX-License-Identifier: Apache-2.0
 * `mobilenet info --standard-conv ARCH`: what depthwise separable layers save. Each depthwise layer
 * and the 1x1 layer that mixes its channels stand beside the one full convolution that they
 * replace (V1 paper, section 3.1). */
#include <string.h>

#include "info_views.h"
#include "json_writer.h"
#include "layer_cost.h"
#include "message.h"
#include "terminal.h"

typedef struct pair_cost {
  char name[64];
  int kernel; /* of the full convolution; 0: the layer is the same in both */
  uint64_t weights, macs;
  uint64_t full_weights, full_macs;
} pair_cost;

typedef struct row_walk {
  const mn_model *model;
  int at;
  mn_layer_info depthwise; /* waiting for its 1x1 layer */
  bool waiting;
} row_walk;

/* A gate's layers see one pixel and stand between the two of a pair. */
static bool is_gate(const mn_layer_info *layer) { return strstr(layer->name, ".se.") != NULL; }

static int kernel_of(const mn_layer_info *depthwise) {
  uint64_t area = layer_weights(depthwise) / (uint64_t)layer_channels(depthwise);
  int side = 1;
  while ((uint64_t)side * (uint64_t)side < area) side++;
  return side;
}

/* "block3.depthwise" and "block3.project": "block3". */
static void set_name(pair_cost *row, const char *name) {
  const char *dot = row->kernel ? strrchr(name, '.') : NULL;
  int length = dot ? (int)(dot - name) : (int)strlen(name);
  snprintf(row->name, sizeof row->name, "%.*s", length, name);
}

/* The next row; false at the end. */
static bool next_row(row_walk *walk, pair_cost *row) {
  mn_layer_info layer;
  memset(row, 0, sizeof *row);
  while (mn_model_layer(walk->model, walk->at, &layer) == MN_OK) {
    walk->at++;
    if (!layer_has_weights(&layer)) continue;
    if (layer_is_depthwise(&layer)) {
      walk->depthwise = layer;
      walk->waiting = true;
      continue;
    }
    row->weights = row->full_weights = layer_weights(&layer);
    row->macs = row->full_macs = layer.macs;
    if (walk->waiting && !is_gate(&layer)) {
      const mn_layer_info *depthwise = &walk->depthwise;
      row->kernel = kernel_of(depthwise);
      row->full_weights *= (uint64_t)row->kernel * (uint64_t)row->kernel;
      row->full_macs = row->full_weights * layer_pixels(depthwise);
      row->weights += layer_weights(depthwise);
      row->macs += depthwise->macs;
      walk->waiting = false;
    }
    set_name(row, row->kernel ? walk->depthwise.name : layer.name);
    return true;
  }
  return false;
}

static void add(pair_cost *total, const pair_cost *row) {
  total->weights += row->weights;
  total->macs += row->macs;
  total->full_weights += row->full_weights;
  total->full_macs += row->full_macs;
}

static void print_row(const pair_cost *row) {
  char kernel[16] = "", a[16], b[16], c[16], d[16];
  if (row->kernel) snprintf(kernel, sizeof kernel, "%dx%d", row->kernel, row->kernel);
  printf("%-24s%-5s%12s%12s%7.2f%12s%12s\n", row->name, kernel, count_text(a, sizeof a, row->macs),
         count_text(b, sizeof b, row->full_macs), (double)row->full_macs / (double)row->macs,
         count_text(c, sizeof c, row->weights), count_text(d, sizeof d, row->full_weights));
}

static void print_table(row_walk *walk) {
  pair_cost row, total = {.name = "all"};
  printf("%-24s%-5s%12s%12s%7s%12s%12s\n", "", "", "MACs", "full MACs", "x", "weights", "full");
  while (next_row(walk, &row)) {
    print_row(&row);
    add(&total, &row);
  }
  print_row(&total);
  puts(
      "\nfull: the depthwise layer and the 1x1 layer behind it as one convolution of that kernel; "
      "rows without\na kernel are the same in both. Weights without biases and batch norms.");
}

static void json_cost(json_writer *json, const pair_cost *row) {
  json_integer(json, "macs", (int64_t)row->macs);
  json_integer(json, "standard_macs", (int64_t)row->full_macs);
  json_integer(json, "weights", (int64_t)row->weights);
  json_integer(json, "standard_weights", (int64_t)row->full_weights);
}

static void print_json(row_walk *walk, const char *arch) {
  json_writer line = {stdout, false};
  pair_cost row, total = {.kernel = 0};
  json_open_object(&line, NULL);
  json_text(&line, "arch", arch);
  json_open_array(&line, "layers");
  while (next_row(walk, &row)) {
    json_open_object(&line, NULL);
    json_text(&line, "name", row.name);
    json_integer(&line, "kernel", row.kernel);
    json_cost(&line, &row);
    json_close_object(&line);
    add(&total, &row);
  }
  json_close_array(&line);
  json_cost(&line, &total);
  json_close_object(&line);
  json_end_line(&line);
}

int info_standard(const cli_options *options, const opened_model *opened) {
  if (!opened->is_architecture) {
    say("--standard-conv shows networks named by their architecture, such as v1-1.0-224, not '%s'",
        opened->path);
    return EXIT_USAGE;
  }
  row_walk walk = {.model = opened->model};
  if (options->given[OPTION_JSON]) {
    print_json(&walk, opened->name);
  } else {
    print_table(&walk);
  }
  return EXIT_DONE;
}
