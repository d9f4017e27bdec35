/* SPDX-License-Identifier: Apache-2.0
 * The geometry of the four fits. Integer arithmetic wherever the rule allows it, so that no
 * platform can place a picture differently. */
#include "image/fit.h"

static int32_t at_least_one(double v) { return v < 1 ? 1 : (int32_t)v; }

/* floor(a * b / c + 1/2), at least 1 */
static int32_t scale_round(int32_t a, int32_t b, int32_t c) {
  int64_t v = (2 * (int64_t)a * b + c) / (2 * (int64_t)c);
  return v < 1 ? 1 : (int32_t)v;
}

static int32_t smaller(int32_t a, int32_t b) { return a < b ? a : b; }

/* The central region with the input's aspect that touches the picture's border, times the crop
 * fraction: for a square input the central square of crop_fraction x short side. */
static void central_region(const mn_fit_rule *rule, mn_size picture, double *width,
                           double *height) {
  *width = picture.width;
  *height = picture.height;
  if ((int64_t)picture.width * rule->height > (int64_t)picture.height * rule->width) {
    *width = *height * rule->width / rule->height;
  } else {
    *height = *width * rule->height / rule->width;
  }
  *width *= rule->crop_fraction;
  *height *= rule->crop_fraction;
}

static mn_rect central_crop(const mn_fit_rule *rule, mn_size picture) {
  double width, height;
  central_region(rule, picture, &width, &height);
  mn_rect crop = {.width = smaller(at_least_one(width + 0.5), picture.width),
                  .height = smaller(at_least_one(height + 0.5), picture.height)};
  crop.x = (picture.width - crop.width) / 2;
  crop.y = (picture.height - crop.height) / 2;
  return crop;
}

static mn_resize_box central_box(const mn_fit_rule *rule, mn_size picture) {
  double width, height;
  central_region(rule, picture, &width, &height);
  mn_resize_box box = {.x0 = (float)((picture.width - width) / 2),
                       .y0 = (float)((picture.height - height) / 2),
                       .x1 = (float)((picture.width + width) / 2),
                       .y1 = (float)((picture.height + height) / 2)};
  return box;
}

static void place_crop_then_resize(const mn_fit_rule *rule, mn_size picture, mn_placement *p) {
  if (rule->whole_pixels) {
    p->crop = central_crop(rule, picture);
  } else {
    p->box = central_box(rule, picture);
  }
}

/* torchvision's Resize(int): the long side is truncated. */
static mn_status resize_short_side(const mn_fit_rule *rule, mn_size picture, mn_size *resized,
                                   mn_error *err) {
  bool wide = picture.width > picture.height;
  int32_t shorter = wide ? picture.height : picture.width;
  int32_t longer = wide ? picture.width : picture.height;
  int64_t scaled = (int64_t)rule->short_side * longer / shorter;
  if (scaled > INT32_MAX) {
    return mn_fail(err, MN_ERR_LIMIT, NULL,
                   "a picture of %d x %d is too thin for a short side of %d", (int)picture.width,
                   (int)picture.height, (int)rule->short_side);
  }
  resized->width = wide ? (int32_t)scaled : rule->short_side;
  resized->height = wide ? rule->short_side : (int32_t)scaled;
  return MN_OK;
}

/* round(v / 2), halves to even, as torchvision's CenterCrop has it by Python's round. */
static int32_t half_to_even(int32_t v) {
  int32_t half = v / 2;
  return v % 2 && half % 2 ? half + 1 : half;
}

/* One axis of torchvision's CenterCrop: the window where the picture is larger, the place in the
 * padded input where it is smaller. */
static void center(int32_t size, int32_t target, int32_t *window, int32_t *length, int32_t *place) {
  *window = size > target ? half_to_even(size - target) : 0;
  *length = smaller(size, target);
  *place = size < target ? (target - size) / 2 : 0;
}

static mn_status place_resize_then_crop(const mn_fit_rule *rule, mn_size picture, mn_placement *p,
                                        mn_error *err) {
  mn_status status = resize_short_side(rule, picture, &p->resized, err);
  if (status) return status;
  center(p->resized.width, rule->width, &p->window.x, &p->window.width, &p->x);
  center(p->resized.height, rule->height, &p->window.y, &p->window.height, &p->y);
  return MN_OK;
}

static void place_letterbox(const mn_fit_rule *rule, mn_size picture, mn_placement *p) {
  int64_t across = (int64_t)picture.width * rule->height;
  int64_t down = (int64_t)picture.height * rule->width;
  p->resized = (mn_size){rule->width, rule->height};
  if (across > down) {
    p->resized.height = scale_round(picture.height, rule->width, picture.width);
  } else {
    p->resized.width = scale_round(picture.width, rule->height, picture.height);
  }
  p->x = (rule->width - p->resized.width) / 2;
  p->y = (rule->height - p->resized.height) / 2;
}

mn_status mn_fit_place(const mn_fit_rule *rule, mn_size picture, mn_placement *out, mn_error *err) {
  mn_placement p = {.crop = {0, 0, picture.width, picture.height},
                    .resized = {rule->width, rule->height}};
  mn_status status = MN_OK;
  switch (rule->fit) {
    case MN_FIT_CROP_THEN_RESIZE: place_crop_then_resize(rule, picture, &p); break;
    case MN_FIT_RESIZE_THEN_CROP: status = place_resize_then_crop(rule, picture, &p, err); break;
    case MN_FIT_STRETCH: break;
    case MN_FIT_LETTERBOX: place_letterbox(rule, picture, &p); break;
  }
  if (rule->fit != MN_FIT_RESIZE_THEN_CROP) {
    p.window = (mn_rect){0, 0, p.resized.width, p.resized.height};
  }
  *out = p;
  return status;
}

/* One axis: `from` and `extent` of the picture became `resized` pixels, which begin at `at`. */
static void invert_axis(double from, double extent, int32_t resized, int32_t at, double *scale,
                        double *offset) {
  *scale = extent / resized;
  *offset = from - at * *scale;
}

mn_fit_back mn_fit_invert(const mn_placement *p) {
  mn_fit_back back;
  bool boxed = p->box.x1 > p->box.x0;
  double x = boxed ? (double)p->box.x0 : p->crop.x;
  double y = boxed ? (double)p->box.y0 : p->crop.y;
  double width = boxed ? (double)p->box.x1 - x : p->crop.width;
  double height = boxed ? (double)p->box.y1 - y : p->crop.height;
  invert_axis(x, width, p->resized.width, p->x - p->window.x, &back.scale_x, &back.offset_x);
  invert_axis(y, height, p->resized.height, p->y - p->window.y, &back.scale_y, &back.offset_y);
  return back;
}

static double larger(double a, double b) { return a > b ? a : b; }

void mn_fit_scales(const mn_fit_rule *rule, mn_size largest, double *scale_x, double *scale_y) {
  *scale_x = (double)largest.width / rule->width;
  *scale_y = (double)largest.height / rule->height;
  double across = *scale_x, down = *scale_y;
  switch (rule->fit) {
    case MN_FIT_CROP_THEN_RESIZE: {
      /* One more pixel than the region: the edges are rounded to float, or to pixels. */
      double width, height;
      central_region(rule, largest, &width, &height);
      *scale_x = (width + 1) / rule->width;
      *scale_y = (height + 1) / rule->height;
      break;
    }
    case MN_FIT_RESIZE_THEN_CROP: {
      /* The truncated long side shrinks by less than one part in short_side more. */
      double shorter = smaller(largest.width, largest.height);
      *scale_x = *scale_y = shorter / rule->short_side * (1 + 1.0 / rule->short_side) * (1 + 1e-9);
      break;
    }
    case MN_FIT_STRETCH: break;
    case MN_FIT_LETTERBOX:
      /* Rounding a side of 1.5 pixels down to 1 is the worst that rounding does to a scale. */
      *scale_x = larger(across, down * 1.5);
      *scale_y = larger(down, across * 1.5);
      break;
  }
}
