/* SPDX-License-Identifier: Apache-2.0
 * `mobilenet info --grid FAMILY`: what the two multipliers cost, before anything is trained. */
#include "info_views.h"
#include "json_writer.h"
#include "message.h"
#include "terminal.h"
#include "width_grid.h"

static void print_point_json(const width_grid *grid, const grid_point *point) {
  json_writer line = {stdout, false};
  json_open_object(&line, NULL);
  json_text(&line, "arch", point->arch);
  json_text(&line, "family", grid->family);
  json_double(&line, "width", point->width);
  json_integer(&line, "size", point->size);
  json_integer(&line, "params", (int64_t)point->params);
  json_integer(&line, "macs", (int64_t)point->macs);
  json_integer(&line, "float_bytes", (int64_t)point->float_bytes);
  json_integer(&line, "int8_bytes", (int64_t)point->int8_bytes);
  json_integer(&line, "activation_bytes", (int64_t)point->activation_bytes);
  if (point->top1 > 0) {
    json_double(&line, "top1", point->top1);
  } else {
    json_text(&line, "top1", NULL);
  }
  json_close_object(&line);
  json_end_line(&line);
}

static void print_point(const grid_point *point) {
  char params[16], macs[16], floats[32], bytes[32], arena[32];
  printf("%-24s%10s%10s%12s%12s%12s", point->arch, count_text(params, sizeof params, point->params),
         count_text(macs, sizeof macs, point->macs),
         bytes_text(floats, sizeof floats, point->float_bytes),
         bytes_text(bytes, sizeof bytes, point->int8_bytes),
         bytes_text(arena, sizeof arena, point->activation_bytes));
  if (point->top1 > 0) printf("%8.1f%%%s", point->top1 * 100, point->frontier ? " *" : "");
  putchar('\n');
}

static void print_grid(const width_grid *grid, bool json) {
  if (!json) {
    printf("%-24s%10s%10s%12s%12s%12s%9s\n", "", "params", "MACs", "float", "int8", "activations",
           "top-1");
  }
  for (int i = 0; i < grid->count; i++) {
    if (json) {
      print_point_json(grid, &grid->points[i]);
      continue;
    }
    if (i > 0 && i % grid->sizes == 0) putchar('\n');
    print_point(&grid->points[i]);
  }
  if (json) return;
  puts(
      "\nfloat, int8: the weights of a file, batch norms folded. activations: most at a time in "
      "float32, a\nquarter of it in int8. top-1: ImageNet, as published; * none published is as "
      "exact for fewer MACs.");
}

int info_grid(const cli_options *options) {
  width_grid grid;
  int32_t classes = (int32_t)options_number(options, OPTION_CLASSES, 0);
  if (options->arg_count > 0 || options->given[OPTION_MODEL]) {
    say("info --grid shows a whole family; it takes no model beside it");
    return EXIT_USAGE;
  }
  int code = width_grid_fill(&grid, options->text[OPTION_GRID], classes);
  if (code != EXIT_DONE) return code;
  print_grid(&grid, options->given[OPTION_JSON]);
  if (options->given[OPTION_OUT] && !width_grid_draw(&grid, options->text[OPTION_OUT])) {
    return EXIT_UNUSABLE;
  }
  return EXIT_DONE;
}
