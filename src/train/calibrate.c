/* SPDX-License-Identifier: Apache-2.0
 * See calibrate.h. */
#include "train/calibrate.h"

#include <string.h>

#include "train/stepper.h"

/* Whole batches only: what a last one lacks would be seen as pictures of zeros. */
static mn_status run_batches(const mn_calibration *how, mn_stepper *stepper, mn_error *err) {
  const int64_t all = mn_feed_batches(how->feed);
  const int64_t wanted = how->batches > 0 && how->batches < all ? how->batches : all;
  int64_t whole = 0;
  mn_status status = mn_feed_seek(how->feed, 0, 0, err);
  for (int64_t b = 0; b < wanted && !status; b++) {
    mn_feed_batch batch;
    status = mn_feed_next(how->feed, mn_stepper_input(stepper), NULL, &batch, err);
    if (status || batch.count < how->batch) continue;
    mn_stepper_forward(stepper);
    whole++;
  }
  if (status || whole > 0) return status;
  return mn_fail(err, MN_ERR_FORMAT, "calibration",
                 "there are fewer than %d pictures that can be read", how->batch);
}

mn_status mn_calibrate(mn_code_range *ranges, const mn_calibration *how, mn_error *err) {
  mn_arena arena = {0};
  mn_code_points codes;
  mn_stepper *stepper = NULL;
  mn_status status = mn_code_points_prepared(&codes, how->prepared, &arena, err);
  const mn_stepper_options options = {.autodiff = {.batch = how->batch,
                                                   .height = how->height,
                                                   .width = how->width,
                                                   .frozen_norm = true,
                                                   .codes = &codes,
                                                   .range_share = how->share,
                                                   .forward_only = true},
                                      .threads = how->threads,
                                      .features = how->features};
  if (!status) status = mn_stepper_new(&stepper, how->prepared, &options, err);
  if (!status) status = run_batches(how, stepper, err);
  if (!status) {
    memcpy(ranges, stepper->training.ranges, (size_t)codes.group_count * sizeof *ranges);
  }
  mn_stepper_free(stepper);
  mn_arena_free(&arena);
  return status;
}
