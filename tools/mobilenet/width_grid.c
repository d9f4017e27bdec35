/* SPDX-License-Identifier: Apache-2.0
 * Counting a family's networks: each is built without weights and planned for one thread. */
#include "width_grid.h"

#include <stdio.h>
#include <string.h>

#include "layer_cost.h"
#include "message.h"
#include "mobilenet/zoo.h"

enum { MOST_STEPS = 8 };

typedef struct family_steps {
  const char *prefix; /* of the family's name; the first that fits */
  double widths[MOST_STEPS];
  int32_t sizes[MOST_STEPS]; /* both end with 0 */
} family_steps;

static const family_steps steps[] = {
    {"v1", {0.25, 0.5, 0.75, 1.0}, {96, 128, 160, 192, 224, 256}},
    {"v2", {0.35, 0.5, 0.75, 1.0, 1.3, 1.4}, {96, 128, 160, 192, 224, 256}},
    {"v3", {0.5, 0.75, 1.0, 1.25}, {96, 128, 160, 192, 224, 256}},
    {"v4", {0.5, 0.75, 1.0, 1.25}, {128, 160, 192, 224, 256, 320, 384}},
};

typedef struct published {
  const char *arch;
  double top1;
} published;

static const published accuracies[] = {
/* Percents of one decimal, as the fractions that are nearest: 0.744 and not 0.7440000000000001. */
#define PUBLISHED(arch, top1, source) {arch, (int)(top1 * 10 + 0.5) / 1000.0},
#include "published.def"
#undef PUBLISHED
};

static const char *find_family(const char *name) {
  const char *family;
  for (int i = 0; (family = mn_zoo_family(i)) != NULL; i++) {
    if (strcmp(family, name) == 0) return family;
  }
  say("--grid takes a family, not '%s': v1, v2, v3-large, v3-small, v3-large-min, v3-small-min, "
      "v4-small, v4-medium or v4-large",
      name);
  return NULL;
}

static double published_top1(const char *arch) {
  for (size_t i = 0; i < sizeof accuracies / sizeof accuracies[0]; i++) {
    if (strcmp(accuracies[i].arch, arch) == 0) return accuracies[i].top1;
  }
  return 0;
}

static mn_status count(grid_point *point, const mn_model *model, mn_error *err) {
  mn_model_summary summary;
  mn_plan *plan;
  mn_plan_options options = {.struct_size = sizeof options, .threads = 1, .goal = MN_PLAN_LAYERS};
  mn_status status = mn_model_summarize(model, &summary, err);
  if (!status) status = mn_plan_new(&plan, model, &options, err);
  if (status) return status;
  folded_cost cost = model_folded_cost(model);
  point->params = summary.params;
  point->macs = summary.macs;
  point->float_bytes = cost.float_bytes;
  point->int8_bytes = cost.int8_bytes;
  point->activation_bytes = mn_plan_arena_bytes(plan);
  mn_plan_free(plan);
  return MN_OK;
}

static int fill_point(grid_point *point, const char *family, int32_t classes) {
  mn_error err = {0};
  mn_model *model;
  mn_zoo_options options = {.struct_size = sizeof options, .classes = classes, .counts_only = 1};
  /* Published names have one decimal at least: 1.0, 0.5, 0.35. */
  char width[16];
  snprintf(width, sizeof width, "%.2f", point->width);
  size_t length = strlen(width);
  if (width[length - 1] == '0') width[length - 1] = '\0';
  snprintf(point->arch, sizeof point->arch, "%s-%s-%d", family, width, point->size);
  mn_status status = mn_model_from_zoo(&model, point->arch, &options, &err);
  if (!status) status = count(point, model, &err);
  mn_model_free(model);
  point->top1 = published_top1(point->arch);
  return status ? say_error(&err) : EXIT_DONE;
}

static void mark_frontier(width_grid *grid) {
  for (int i = 0; i < grid->count; i++) {
    grid_point *point = &grid->points[i];
    point->frontier = point->top1 > 0;
    for (int j = 0; j < grid->count && point->frontier; j++) {
      const grid_point *other = &grid->points[j];
      if (other->macs < point->macs && other->top1 >= point->top1) point->frontier = false;
    }
  }
}

static const family_steps *find_steps(const char *family) {
  const family_steps *found = steps;
  while (strncmp(family, found->prefix, strlen(found->prefix)) != 0) found++;
  return found;
}

int width_grid_fill(width_grid *grid, const char *family, int32_t classes) {
  memset(grid, 0, sizeof *grid);
  grid->family = find_family(family);
  if (!grid->family) return EXIT_USAGE;
  const family_steps *range = find_steps(grid->family);
  for (int w = 0; range->widths[w] > 0; w++) {
    for (int s = 0; range->sizes[s] > 0; s++) {
      grid_point *point = &grid->points[grid->count++];
      point->width = range->widths[w];
      point->size = range->sizes[s];
      int code = fill_point(point, grid->family, classes);
      if (code != EXIT_DONE) return code;
      grid->sizes = s + 1;
    }
    grid->widths = w + 1;
  }
  mark_frontier(grid);
  return EXIT_DONE;
}
