/* SPDX-License-Identifier: Apache-2.0
 * Fit, resize, pixel order, and a table look-up per element. The tables are computed in double, so
 * that the same pixels give the byte-identical tensor on every machine. */
#include "image/preprocess.h"

#include <math.h>
#include <string.h>

#include "base/checked.h"
#include "image/resize.h"

enum { DEFAULT_MAX_IMAGE = 16384 };

static mn_status check_contract(const mn_contract *contract, mn_error *err) {
  switch (contract->input.fit) {
    case MN_FIT_CROP_THEN_RESIZE:
      if (contract->input.crop_fraction > 0 && contract->input.crop_fraction <= 1) return MN_OK;
      return mn_fail(err, MN_ERR_CONTRACT, "contract",
                     "a crop fraction of %g, expected above 0 and at most 1",
                     contract->input.crop_fraction);
    case MN_FIT_RESIZE_THEN_CROP:
      if (contract->input.short_side > 0) return MN_OK;
      return mn_fail(err, MN_ERR_CONTRACT, "contract", "a short side of %d, expected at least 1",
                     (int)contract->input.short_side);
    case MN_FIT_LETTERBOX:
      if (contract->input.pad_value >= 0 && contract->input.pad_value <= 255) return MN_OK;
      return mn_fail(err, MN_ERR_CONTRACT, "contract", "a pad value of %d, expected 0 to 255",
                     (int)contract->input.pad_value);
    case MN_FIT_STRETCH: return MN_OK;
  }
  return mn_fail(err, MN_ERR_CONTRACT, "contract", "an unknown fit");
}

static mn_status check_target(const mn_contract *contract, const mn_preprocess_target *target,
                              mn_error *err) {
  int32_t expected = contract->input.order == MN_PIXELS_GRAY ? 1 : 3;
  if (target->channels != expected) {
    return mn_fail(err, MN_ERR_CONTRACT, "contract",
                   "its pixel order has %d channels, but the input tensor has %d", (int)expected,
                   (int)target->channels);
  }
  if (target->height < 1 || target->width < 1) {
    return mn_fail(err, MN_ERR_SHAPE, NULL, "an input of %d x %d, expected at least 1 x 1",
                   (int)target->height, (int)target->width);
  }
  bool real = target->type == MN_F32;
  bool integer = target->type == MN_U8 || target->type == MN_I8;
  switch (contract->input.map) {
    case MN_MAP_IDENTITY_U8:
      if (target->type == MN_U8) return MN_OK;
      break;
    case MN_MAP_MINUS128:
      if (target->type == MN_I8) return MN_OK;
      break;
    case MN_MAP_AFFINE:
      if (real || (integer && target->scale > 0)) return MN_OK;
      break;
  }
  static const char *const maps[] = {"identity_u8", "minus128", "affine"};
  return mn_fail(err, MN_ERR_CONTRACT, "contract", "the map %s does not go with a %s input%s",
                 (unsigned)contract->input.map < 3 ? maps[contract->input.map] : "(unknown)",
                 mn_type_name(target->type), integer ? " that is not quantized so" : "");
}

/* floor(v + 1/2) within [low, high]; NaN gives low. */
static int32_t quantize(double v, int32_t low, int32_t high) {
  double rounded = floor(v + 0.5);
  if (rounded >= high) return high;
  return rounded > low ? (int32_t)rounded : low;
}

static void fill_affine(mn_preprocess *pp, const mn_contract *contract,
                        const mn_preprocess_target *target) {
  for (int c = 0; c < target->channels; ++c) {
    for (int pixel = 0; pixel < 256; ++pixel) {
      double real = pixel * contract->input.scale[c] + contract->input.offset[c];
      if (target->type == MN_F32) {
        pp->table.real[c][pixel] = (float)real;
        continue;
      }
      double q = real / (double)target->scale + target->zero_point;
      int32_t value = target->type == MN_U8 ? quantize(q, 0, 255) : quantize(q, -128, 127);
      pp->table.byte[c][pixel] = (uint8_t)value;
    }
  }
}

static void fill_table(mn_preprocess *pp, const mn_contract *contract,
                       const mn_preprocess_target *target) {
  if (contract->input.map == MN_MAP_AFFINE) {
    fill_affine(pp, contract, target);
    return;
  }
  int shift = contract->input.map == MN_MAP_MINUS128 ? 128 : 0;
  for (int c = 0; c < target->channels; ++c) {
    for (int pixel = 0; pixel < 256; ++pixel) {
      pp->table.byte[c][pixel] = (uint8_t)(pixel - shift);
    }
  }
}

static bool count_bytes(mn_preprocess *pp) {
  mn_resize_limits limits = {
      .method = pp->resize, .window_width = pp->rule.width, .source_width = pp->largest.width};
  mn_fit_scales(&pp->rule, pp->largest, &limits.scale_x, &limits.scale_y);
  size_t pixel = (size_t)pp->channels * pp->element_bytes;
  return mn_resize_scratch(&limits, &pp->scratch_bytes) &&
         mn_mul_size((size_t)pp->rule.height, (size_t)pp->rule.width, &pp->tensor_bytes) &&
         mn_mul_size(pp->tensor_bytes, pixel, &pp->tensor_bytes);
}

mn_status mn_preprocess_init(mn_preprocess *pp, const mn_contract *contract,
                             const mn_preprocess_target *target, mn_error *err) {
  memset(pp, 0, sizeof *pp);
  mn_status status = check_contract(contract, err);
  if (!status) status = check_target(contract, target, err);
  if (status) return status;
  pp->rule = (mn_fit_rule){.fit = contract->input.fit,
                           .crop_fraction = contract->input.crop_fraction,
                           .short_side = contract->input.short_side,
                           .height = target->height,
                           .width = target->width,
                           .whole_pixels = !mn_resize_takes_box(contract->input.resize)};
  pp->resize = contract->input.resize;
  pp->order = contract->input.order;
  /* torchvision pads a picture smaller than its crop with black. */
  bool letterbox = contract->input.fit == MN_FIT_LETTERBOX;
  pp->pad_value = letterbox ? (uint8_t)contract->input.pad_value : 0;
  pp->channels = target->channels;
  pp->element_bytes = mn_type_bytes(target->type);
  pp->largest.width = target->max_image_width > 0 ? target->max_image_width : DEFAULT_MAX_IMAGE;
  pp->largest.height = target->max_image_height > 0 ? target->max_image_height : DEFAULT_MAX_IMAGE;
  fill_table(pp, contract, target);
  if (count_bytes(pp)) return MN_OK;
  return mn_fail(err, MN_ERR_LIMIT, NULL, "an input of %d x %d does not fit this machine's memory",
                 (int)target->height, (int)target->width);
}

/* Where resized rows go. */
typedef struct writer {
  const mn_preprocess *pp;
  const mn_placement *place;
  uint8_t *tensor; /* [height][width][channels] elements */
} writer;

/* ITU-R 601 luma in 16-bit fixed point, as Pillow's convert("L") has it. */
static uint8_t luma(const uint8_t *rgb) {
  return (uint8_t)((rgb[0] * 19595u + rgb[1] * 38470u + rgb[2] * 7471u + 0x8000u) >> 16);
}

/* `count` RGB pixels as tensor elements. */
static void map_bytes(const mn_preprocess *pp, const uint8_t *rgb, int32_t count, uint8_t *out) {
  if (pp->channels == 1) {
    for (int32_t i = 0; i < count; ++i) out[i] = pp->table.byte[0][luma(rgb + i * 3)];
    return;
  }
  int first = pp->order == MN_PIXELS_BGR ? 2 : 0, last = 2 - first;
  for (int32_t i = 0; i < count; ++i, rgb += 3, out += 3) {
    out[0] = pp->table.byte[0][rgb[first]];
    out[1] = pp->table.byte[1][rgb[1]];
    out[2] = pp->table.byte[2][rgb[last]];
  }
}

static void map_reals(const mn_preprocess *pp, const uint8_t *rgb, int32_t count, float *out) {
  if (pp->channels == 1) {
    for (int32_t i = 0; i < count; ++i) out[i] = pp->table.real[0][luma(rgb + i * 3)];
    return;
  }
  int first = pp->order == MN_PIXELS_BGR ? 2 : 0, last = 2 - first;
  for (int32_t i = 0; i < count; ++i, rgb += 3, out += 3) {
    out[0] = pp->table.real[0][rgb[first]];
    out[1] = pp->table.real[1][rgb[1]];
    out[2] = pp->table.real[2][rgb[last]];
  }
}

static void map_pixels(const mn_preprocess *pp, const uint8_t *rgb, int32_t count, void *out) {
  if (pp->element_bytes == 1) {
    map_bytes(pp, rgb, count, out);
  } else {
    map_reals(pp, rgb, count, out);
  }
}

static void write_row(void *context, int32_t y, const uint8_t *row) {
  const writer *w = context;
  size_t pixel = (size_t)w->pp->channels * w->pp->element_bytes;
  size_t index = (size_t)(w->place->y + y) * (size_t)w->pp->rule.width + (size_t)w->place->x;
  map_pixels(w->pp, row, w->place->window.width, w->tensor + index * pixel);
}

static void fill_with_padding(const writer *w) {
  const mn_preprocess *pp = w->pp;
  const uint8_t pixel[3] = {pp->pad_value, pp->pad_value, pp->pad_value};
  size_t bytes = (size_t)pp->channels * pp->element_bytes;
  for (size_t at = 0; at < pp->tensor_bytes; at += bytes) map_pixels(pp, pixel, 1, w->tensor + at);
}

mn_status mn_preprocess_run(const mn_preprocess *pp, const mn_image *image, void *scratch,
                            void *tensor, mn_error *err) {
  if (!image || !image->pixels || image->width < 1 || image->height < 1) {
    return mn_fail(err, MN_ERR_ARGUMENT, NULL, "the picture is empty");
  }
  if (image->stride / 3 < (size_t)image->width) {
    return mn_fail(err, MN_ERR_ARGUMENT, NULL,
                   "a row of %d RGB pixels does not fit the picture's stride of %zu bytes",
                   (int)image->width, image->stride);
  }
  if (image->width > pp->largest.width || image->height > pp->largest.height) {
    return mn_fail(err, MN_ERR_LIMIT, NULL,
                   "a picture of %d x %d, larger than the %d x %d that the plan was made for "
                   "(max_image_width, max_image_height)",
                   (int)image->width, (int)image->height, (int)pp->largest.width,
                   (int)pp->largest.height);
  }
  mn_size size = {image->width, image->height};
  mn_placement place;
  mn_status status = mn_fit_place(&pp->rule, size, &place, err);
  if (status) return status;
  writer w = {pp, &place, tensor};
  size_t crop_at = (size_t)place.crop.y * image->stride + (size_t)place.crop.x * 3;
  mn_resize_job job = {.source = {.pixels = image->pixels + crop_at,
                                  .width = place.crop.width,
                                  .height = place.crop.height,
                                  .stride = image->stride},
                       .box = place.box,
                       .method = pp->resize,
                       .width = place.resized.width,
                       .height = place.resized.height,
                       .x = place.window.x,
                       .y = place.window.y,
                       .window_width = place.window.width,
                       .window_height = place.window.height,
                       .row = write_row,
                       .context = &w};
  bool covered = place.window.width == pp->rule.width && place.window.height == pp->rule.height;
  if (!covered) fill_with_padding(&w);
  return mn_resize_run(&job, scratch, pp->scratch_bytes, err);
}
