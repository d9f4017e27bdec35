/* SPDX-License-Identifier: Apache-2.0
 * Checks a resize job, sizes its scratch memory and hands it to its method's family. */
#include "image/resize.h"

#include <string.h>

#include "base/alloc.h"
#include "image/resize_methods.h"

bool mn_resize_takes_box(mn_resize method) {
  return method == MN_RESIZE_PILLOW_BILINEAR || method == MN_RESIZE_PILLOW_BICUBIC;
}

static bool is_known(mn_resize method) {
  return mn_resize_takes_box(method) || method == MN_RESIZE_TF1_BILINEAR ||
         method == MN_RESIZE_OPENCV_LINEAR;
}

bool mn_resize_scratch(const mn_resize_limits *limits, size_t *bytes) {
  mn_carver carver = {0};
  if (mn_resize_takes_box(limits->method)) {
    mn_resize_pillow_count(limits, &carver);
  } else {
    mn_resize_linear_count(limits, &carver);
  }
  *bytes = carver.used;
  return !carver.overflow;
}

mn_resize_limits mn_resize_limits_of(const mn_resize_job *job) {
  bool boxed = mn_resize_is_boxed(job);
  double width = boxed ? (double)(job->box.x1 - job->box.x0) : job->source.width;
  double height = boxed ? (double)(job->box.y1 - job->box.y0) : job->source.height;
  mn_resize_limits limits = {.method = job->method,
                             .scale_x = width / job->width,
                             .scale_y = height / job->height,
                             .window_width = job->window_width,
                             .source_width = job->source.width};
  return limits;
}

static bool box_is_valid(const mn_resize_job *job) {
  const mn_resize_box *box = &job->box;
  if (!mn_resize_is_boxed(job)) return true;
  return mn_resize_takes_box(job->method) && box->x0 >= 0 && box->y0 >= 0 && box->x0 < box->x1 &&
         box->y0 < box->y1 && (double)box->x1 <= job->source.width &&
         (double)box->y1 <= job->source.height;
}

static mn_status check_job(const mn_resize_job *job, mn_error *err) {
  const mn_image *source = &job->source;
  if (!is_known(job->method)) {
    return mn_fail(err, MN_ERR_ARGUMENT, NULL, "resize method %d is none of image.h's",
                   (int)job->method);
  }
  if (!source->pixels || source->width < 1 || source->height < 1) {
    return mn_fail(err, MN_ERR_ARGUMENT, NULL, "the picture to resize is empty (%d x %d)",
                   (int)source->width, (int)source->height);
  }
  if (source->stride / 3 < (size_t)source->width) {
    return mn_fail(err, MN_ERR_ARGUMENT, NULL,
                   "a row of %d RGB pixels does not fit the picture's stride of %zu bytes",
                   (int)source->width, source->stride);
  }
  if (job->width < 1 || job->height < 1) {
    return mn_fail(err, MN_ERR_ARGUMENT, NULL, "cannot resize to %d x %d", (int)job->width,
                   (int)job->height);
  }
  if (job->x < 0 || job->y < 0 || job->window_width < 1 || job->window_height < 1 ||
      job->window_width > job->width - job->x || job->window_height > job->height - job->y) {
    return mn_fail(err, MN_ERR_ARGUMENT, NULL, "the window is not within the resized %d x %d",
                   (int)job->width, (int)job->height);
  }
  if (!box_is_valid(job)) {
    return mn_fail(err, MN_ERR_ARGUMENT, NULL, "the box is not within the picture of %d x %d",
                   (int)source->width, (int)source->height);
  }
  return MN_OK;
}

mn_status mn_resize_run(const mn_resize_job *job, void *scratch, size_t bytes, mn_error *err) {
  mn_status status = check_job(job, err);
  if (status) return status;
  mn_resize_limits limits = mn_resize_limits_of(job);
  size_t needed = 0;
  if (!mn_resize_scratch(&limits, &needed) || needed > bytes) {
    return mn_fail(err, MN_ERR_LIMIT, NULL,
                   "resizing %d x %d to %d x %d needs %zu bytes of work memory, %zu are there",
                   (int)job->source.width, (int)job->source.height, (int)job->width,
                   (int)job->height, needed, bytes);
  }
  if (mn_resize_takes_box(job->method)) {
    mn_resize_pillow(job, scratch);
  } else {
    mn_resize_linear(job, scratch);
  }
  return MN_OK;
}

typedef struct dense_target {
  uint8_t *pixels; /* [height][width][3] */
  size_t row_bytes;
} dense_target;

static void store_row(void *context, int32_t y, const uint8_t *row) {
  const dense_target *target = context;
  memcpy(target->pixels + (size_t)y * target->row_bytes, row, target->row_bytes);
}

mn_status mn_image_resize(const mn_image *image, mn_resize method, uint8_t *out, int32_t width,
                          int32_t height, mn_error *err) {
  mn_error_clear(err);
  if (!image || !out) return mn_fail(err, MN_ERR_ARGUMENT, NULL, "image and out must not be NULL");
  dense_target target = {out, 0};
  mn_resize_job job = {.source = *image,
                       .method = method,
                       .width = width,
                       .height = height,
                       .window_width = width,
                       .window_height = height,
                       .row = store_row,
                       .context = &target};
  mn_status status = check_job(&job, err);
  if (status) return status;
  mn_resize_limits limits = mn_resize_limits_of(&job);
  size_t bytes = 0, rows = 0;
  if (!mn_mul_size((size_t)width, 3, &target.row_bytes) ||
      !mn_mul_size(target.row_bytes, (size_t)height, &rows) ||
      !mn_resize_scratch(&limits, &bytes)) {
    return mn_fail(err, MN_ERR_ARGUMENT, NULL, "a picture of %d x %d does not fit this machine",
                   (int)width, (int)height);
  }
  void *scratch = mn_alloc(bytes);
  if (!scratch) return mn_fail_memory(err, bytes);
  status = mn_resize_run(&job, scratch, bytes, err);
  mn_free(scratch);
  return status;
}
