/* SPDX-License-Identifier: Apache-2.0
 * See augment.h. Geometry first, one resampling for all of it; then colours, on the input's few
 * pixels. */
#include "train/augment.h"

#include <math.h>

#include "base/error.h"
#include "train/levels.h"
#include "train/rand_augment.h"

/* ---- Checks --------------------------------------------------------------------------------- */

typedef struct bound {
  const char *name;
  double value, low, high;
} bound;

static mn_status check_range(const char *name, mn_range range, double least, double most,
                             mn_error *err) {
  if (range.low > 0 && range.low >= least && range.high >= range.low && range.high <= most) {
    return MN_OK;
  }
  return mn_fail(err, MN_ERR_ARGUMENT, name, "%g to %g, expected two rising numbers from %g to %g",
                 range.low, range.high, least, most);
}

static mn_status check_crop(const mn_augment *a, mn_error *err) {
  mn_status status = MN_OK;
  switch (a->crop) {
    case MN_CROP_NONE: break;
    case MN_CROP_INCEPTION:
      status = check_range("area", a->area, 0, 1, err);
      if (!status) status = check_range("aspect", a->aspect, 0.01, 100, err);
      break;
    case MN_CROP_PADDED:
      if (a->padding < 0 || a->padding > 4096) {
        status =
            mn_fail(err, MN_ERR_ARGUMENT, "padding", "%d, expected 0 to 4096", (int)a->padding);
      }
      break;
    case MN_CROP_JITTER: status = check_range("scale", a->scale, 0.01, 100, err); break;
    case MN_CROP_SSD: status = check_range("ssd.side", a->ssd.side, 0, 1, err); break;
  }
  return status;
}

mn_status mn_augment_check(const mn_augment *a, mn_error *err) {
  const bound bounds[] = {
      {"ssd.zoom_out", a->ssd.zoom_out, 0, 16},
      {"flip", a->flip, 0, 1},
      {"rand_ops", a->rand_ops, 0, 16},
      {"rand_magnitude", a->rand_magnitude, 0, MN_RAND_MOST_MAGNITUDE},
      {"brightness", a->brightness, 0, 1},
      {"contrast", a->contrast, 0, 1},
      {"saturation", a->saturation, 0, 1},
      {"hue", a->hue, 0, 0.5},
      {"erase", a->erase, 0, 1},
      {"mixup", a->mixup, 0, 8},
      {"smoothing", a->smoothing, 0, 0.999},
  };
  for (size_t i = 0; i < sizeof bounds / sizeof *bounds; ++i) {
    const bound *b = &bounds[i];
    if (b->value >= b->low && b->value <= b->high) continue;
    return mn_fail(err, MN_ERR_ARGUMENT, b->name, "%g, expected %g to %g", b->value, b->low,
                   b->high);
  }
  mn_status status = check_crop(a, err);
  if (!status && a->erase > 0) status = check_range("erase_area", a->erase_area, 0, 1, err);
  if (!status && a->erase > 0) {
    status = check_range("erase_aspect", a->erase_aspect, 0.01, 100, err);
  }
  return status;
}

/* ---- Geometry ------------------------------------------------------------------------------- */

/* The view that inference has. */
static mn_status fit(const mn_contract *contract, mn_size picture, mn_size input,
                     mn_placement *view, mn_error *err) {
  const mn_fit_rule rule = {.fit = contract->input.fit,
                            .crop_fraction = contract->input.crop_fraction,
                            .short_side = contract->input.short_side,
                            .height = input.height,
                            .width = input.width,
                            .whole_pixels = !mn_resize_takes_box(contract->input.resize)};
  return mn_fit_place(&rule, picture, view, err);
}

static mn_status choose_view(const mn_augment *a, const mn_contract *contract, mn_rng *rng,
                             const mn_sample *sample, mn_size input, mn_placement *view,
                             mn_error *err) {
  const mn_size picture = {sample->picture.width, sample->picture.height};
  mn_status status = MN_OK;
  switch (a->crop) {
    case MN_CROP_NONE: status = fit(contract, picture, input, view, err); break;
    case MN_CROP_INCEPTION:
      *view = mn_crop_inception(rng, picture, input, a->area, a->aspect);
      break;
    case MN_CROP_PADDED:
      status = fit(contract, picture, input, view, err);
      if (!status) *view = mn_crop_padded(rng, view, input, a->padding);
      break;
    case MN_CROP_JITTER: *view = mn_crop_jitter(rng, picture, input, a->scale); break;
    case MN_CROP_SSD:
      *view = mn_crop_ssd(rng, picture, input, &a->ssd, sample->boxes, sample->box_count);
      break;
  }
  return status;
}

/* What inference pads with, where a view is inference's; else the recipe's colour. */
static mn_view_paint paint_of(const mn_augment *a, const mn_contract *contract) {
  mn_view_paint paint = {contract->input.resize, {a->fill[0], a->fill[1], a->fill[2]}};
  if (a->crop != MN_CROP_NONE) return paint;
  const bool letterbox = contract->input.fit == MN_FIT_LETTERBOX;
  const uint8_t pad = letterbox ? (uint8_t)contract->input.pad_value : 0;
  for (int c = 0; c < 3; ++c) paint.fill[c] = pad;
  return paint;
}

static void flip(mn_sample *sample, mn_augment_target *target) {
  mn_flip_picture(&target->canvas);
  if (target->mask.classes) mn_flip_mask(&target->mask);
  mn_flip_boxes(sample->boxes, sample->box_count, target->canvas.width);
}

/* ---- Colours -------------------------------------------------------------------------------- */

enum { BRIGHTNESS, CONTRAST, SATURATION, HUE, COLOURS };

/* The four in an order at random, those without an amount left out. */
static void jitter_colours(const mn_augment *a, mn_rng *rng, mn_canvas *canvas) {
  uint32_t order[COLOURS] = {BRIGHTNESS, CONTRAST, SATURATION, HUE};
  if (!(a->brightness > 0 || a->contrast > 0 || a->saturation > 0 || a->hue > 0)) return;
  const double amount[COLOURS] = {a->brightness, a->contrast, a->saturation, a->hue};
  mn_rng_shuffle(rng, order, COLOURS);
  for (int i = 0; i < COLOURS; ++i) {
    const double most = amount[order[i]], drawn = mn_rng_between(rng, -most, most);
    if (!(most > 0)) continue;
    switch (order[i]) {
      case BRIGHTNESS: mn_adjust_brightness(canvas, 1 + drawn); break;
      case CONTRAST: mn_adjust_contrast(canvas, 1 + drawn); break;
      case SATURATION: mn_adjust_saturation(canvas, 1 + drawn); break;
      default: mn_adjust_hue(canvas, drawn); break;
    }
  }
}

static mn_status rand_augment(const mn_augment *a, mn_rng *rng, mn_canvas *canvas,
                              mn_workspace *space, mn_error *err) {
  mn_status status = MN_OK;
  for (int i = 0; !status && i < a->rand_ops; ++i) {
    const mn_rand_step step = mn_rand_choose(rng, a->rand_magnitude);
    status = mn_rand_apply(&step, canvas, a->fill, space, err);
  }
  return status;
}

static void erase_rect(mn_canvas *canvas, mn_rect rect, const uint8_t fill[3]) {
  for (int32_t y = rect.y; y < rect.y + rect.height; ++y) {
    uint8_t *row = canvas->pixels + ((size_t)y * (size_t)canvas->width + (size_t)rect.x) * 3;
    for (int32_t x = 0; x < rect.width * 3; ++x) row[x] = fill[x % 3];
  }
}

/* Random erasing (Zhong et al., 2020) as torchvision has it: ten tries at one that fits. */
static void erase(const mn_augment *a, mn_rng *rng, mn_canvas *canvas) {
  const double whole = (double)canvas->width * canvas->height;
  for (int tries = 0; tries < 10; ++tries) {
    const double area = whole * mn_rng_between(rng, a->erase_area.low, a->erase_area.high);
    const double aspect =
        exp(mn_rng_between(rng, log(a->erase_aspect.low), log(a->erase_aspect.high)));
    mn_rect rect = {.width = (int32_t)rint(sqrt(area / aspect)),
                    .height = (int32_t)rint(sqrt(area * aspect))};
    if (rect.width >= canvas->width || rect.height >= canvas->height) continue;
    rect.y = (int32_t)mn_rng_below(rng, (uint32_t)(canvas->height - rect.height) + 1);
    rect.x = (int32_t)mn_rng_below(rng, (uint32_t)(canvas->width - rect.width) + 1);
    erase_rect(canvas, rect, a->fill);
    return;
  }
}

/* ---- All of it ------------------------------------------------------------------------------ */

mn_status mn_augment_run(const mn_augment *a, const mn_contract *contract, mn_rng *rng,
                         mn_sample *sample, mn_workspace *space, mn_augment_target *target,
                         mn_error *err) {
  mn_canvas *canvas = &target->canvas;
  const mn_size input = {canvas->width, canvas->height};
  const mn_view_paint paint = paint_of(a, contract);
  mn_placement view;
  mn_status status = choose_view(a, contract, rng, sample, input, &view, err);
  if (!status) status = mn_view_picture(&view, &sample->picture, &paint, space, canvas, err);
  if (status) return status;
  if (target->mask.classes) {
    const mn_size size = {sample->picture.width, sample->picture.height};
    mn_view_mask(&view, sample->mask, size, MN_IGNORED_CLASS, &target->mask);
  }
  sample->box_count = mn_view_boxes(&view, sample->boxes, sample->box_count);
  if (a->flip > 0 && mn_rng_chance(rng, a->flip)) flip(sample, target);
  status = rand_augment(a, rng, canvas, space, err);
  if (status) return status;
  jitter_colours(a, rng, canvas);
  if (a->erase > 0 && mn_rng_chance(rng, a->erase)) erase(a, rng, canvas);
  return MN_OK;
}
