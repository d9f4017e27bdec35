/* SPDX-License-Identifier: Apache-2.0
 * See feed_picture.h. */
#include "train/feed_picture.h"

#include <math.h>
#include <string.h>

#include "base/alloc.h"

/* ---- Reading -------------------------------------------------------------------------------- */

static mn_status read_mask(mn_raw_picture *raw, const mn_picture_rule *rule, int64_t item,
                           mn_error *err) {
  mn_status status = mn_dataset_read_mask(rule->set, item, &raw->mask_file, err);
  if (status) return status;
  int32_t width, height;
  raw->mask = mn_mask_file_classes(raw->mask_file, &width, &height);
  if (width == raw->original.width && height == raw->original.height) return MN_OK;
  return mn_fail(err, MN_ERR_SHAPE, mn_dataset_mask_path(rule->set, item),
                 "the mask is %d x %d, its picture %d x %d", (int)width, (int)height,
                 (int)raw->original.width, (int)raw->original.height);
}

static int32_t scaled(int32_t side, double by) {
  const double v = floor(side * by + 0.5);
  return v < 1 ? 1 : (int32_t)v;
}

/* All of `from`, at another size. */
static mn_placement whole(mn_size from, mn_size to) {
  return (mn_placement){.crop = {0, 0, from.width, from.height},
                        .resized = to,
                        .window = {0, 0, to.width, to.height}};
}

/* To a shorter side of `short_side`. */
static mn_status shrink(mn_raw_picture *raw, const mn_picture_rule *rule, mn_picture_bench *bench,
                        mn_error *err) {
  const mn_size from = {raw->image.width, raw->image.height};
  const int32_t shorter = from.width < from.height ? from.width : from.height;
  const double by = (double)rule->short_side / shorter;
  const mn_size to = {scaled(from.width, by), scaled(from.height, by)};
  const mn_placement view = whole(from, to);
  const size_t bytes = (size_t)to.width * (size_t)to.height * 3;
  const mn_view_paint paint = {.method = rule->contract->input.resize};
  raw->smaller = mn_alloc(bytes);
  if (!raw->smaller) return mn_fail_memory(err, bytes);
  mn_canvas canvas = {raw->smaller, to.width, to.height};
  mn_status status = mn_view_picture(&view, &raw->image, &paint, &bench->space, &canvas, err);
  if (status) return status;
  mn_picture_free(raw->decoded);
  raw->decoded = NULL;
  raw->image = (mn_image){raw->smaller, to.width, to.height, (size_t)to.width * 3};
  return MN_OK;
}

/* To its picture's size, where that was made smaller. */
static mn_status fit_mask(mn_raw_picture *raw, mn_error *err) {
  const mn_size size = {raw->image.width, raw->image.height};
  if (size.width == raw->original.width && size.height == raw->original.height) return MN_OK;
  const mn_placement view = whole(raw->original, size);
  const size_t bytes = (size_t)size.width * (size_t)size.height;
  raw->smaller_mask = mn_alloc(bytes);
  if (!raw->smaller_mask) return mn_fail_memory(err, bytes);
  mn_classes classes = {raw->smaller_mask, size.width, size.height};
  mn_view_mask(&view, raw->mask, raw->original, MN_IGNORED_CLASS, &classes);
  mn_mask_file_free(raw->mask_file);
  raw->mask_file = NULL;
  raw->mask = raw->smaller_mask;
  return MN_OK;
}

static mn_status read_all(mn_raw_picture *raw, const mn_picture_rule *rule, int64_t item,
                          mn_picture_bench *bench, mn_error *err) {
  const mn_picture_options options = {.struct_size = sizeof options,
                                      .least_side = rule->short_side};
  mn_status status = mn_dataset_read_picture(rule->set, item, &options, &raw->decoded, err);
  if (status) return status;
  raw->image = *mn_picture_image(raw->decoded);
  mn_picture_full_size(raw->decoded, &raw->original.width, &raw->original.height);
  if (rule->short_side > 0 && raw->image.width > rule->short_side &&
      raw->image.height > rule->short_side) {
    status = shrink(raw, rule, bench, err);
  }
  if (!status && mn_dataset_task(rule->set) == MN_TASK_SEGMENT) {
    status = read_mask(raw, rule, item, err);
    if (!status) status = fit_mask(raw, err);
  }
  const size_t pixels = (size_t)raw->image.width * (size_t)raw->image.height;
  raw->bytes = pixels * (raw->mask ? 4 : 3);
  return status;
}

mn_status mn_raw_picture_read(mn_raw_picture *raw, const mn_picture_rule *rule, int64_t item,
                              mn_picture_bench *bench, mn_error *err) {
  memset(raw, 0, sizeof *raw);
  mn_status status = read_all(raw, rule, item, bench, err);
  if (status) mn_raw_picture_free(raw);
  return status;
}

void mn_raw_picture_free(mn_raw_picture *raw) {
  mn_picture_free(raw->decoded);
  mn_mask_file_free(raw->mask_file);
  mn_free(raw->smaller);
  mn_free(raw->smaller_mask);
  memset(raw, 0, sizeof *raw);
}

/* ---- Making --------------------------------------------------------------------------------- */

/* The item's boxes in pixels of the picture as it is now. */
static void take_boxes(const mn_picture_rule *rule, const mn_raw_picture *raw, int64_t item,
                       mn_made_boxes *boxes) {
  const double by[2] = {(double)raw->image.width / raw->original.width,
                        (double)raw->image.height / raw->original.height};
  boxes->count = mn_dataset_box_count(rule->set, item);
  mn_dataset_boxes(rule->set, item, raw->original.width, raw->original.height, boxes->boxes);
  for (int32_t i = 0; i < boxes->count; ++i) {
    for (int c = 0; c < 4; ++c) boxes->boxes[i].box[c] *= by[c % 2];
  }
}

mn_status mn_picture_make(const mn_picture_rule *rule, const mn_raw_picture *raw, int64_t item,
                          uint32_t epoch, mn_picture_bench *bench, mn_augment_target *target,
                          mn_made_boxes *boxes, mn_error *err) {
  boxes->count = 0;
  if (boxes->boxes) take_boxes(rule, raw, item, boxes);
  mn_rng rng = mn_rng_at(rule->seed, MN_RNG_AUGMENT, epoch, (uint64_t)item);
  mn_sample sample = {raw->image, raw->mask, boxes->boxes, boxes->count};
  mn_status status =
      mn_augment_run(&rule->augment, rule->contract, &rng, &sample, &bench->space, target, err);
  boxes->count = sample.box_count;
  return status;
}
