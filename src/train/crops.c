/* SPDX-License-Identifier: Apache-2.0
 * See crops.h. */
#include "train/crops.h"

#include <math.h>

static int32_t rounded(double v) { return (int32_t)rint(v); }

/* The whole of a crop, stretched to the input. */
static mn_placement stretch(mn_rect crop, mn_size input) {
  mn_placement p = {.crop = crop, .resized = input, .window = {0, 0, input.width, input.height}};
  return p;
}

static int32_t anywhere(mn_rng *rng, int32_t room) {
  return (int32_t)mn_rng_below(rng, (uint32_t)room + 1);
}

/* ---- Classification ------------------------------------------------------------------------- */

static mn_rect central(mn_size picture, mn_range aspect) {
  mn_rect crop = {0, 0, picture.width, picture.height};
  const double is = (double)picture.width / picture.height;
  if (is < aspect.low) crop.height = rounded(picture.width / aspect.low);
  if (is > aspect.high) crop.width = rounded(picture.height * aspect.high);
  if (crop.height < 1) crop.height = 1;
  if (crop.width < 1) crop.width = 1;
  crop.x = (picture.width - crop.width) / 2;
  crop.y = (picture.height - crop.height) / 2;
  return crop;
}

mn_placement mn_crop_inception(mn_rng *rng, mn_size picture, mn_size input, mn_range area,
                               mn_range aspect) {
  const double whole = (double)picture.width * picture.height;
  for (int tries = 0; tries < 10; ++tries) {
    const double size = whole * mn_rng_between(rng, area.low, area.high);
    const double shape = exp(mn_rng_between(rng, log(aspect.low), log(aspect.high)));
    mn_rect crop = {.width = rounded(sqrt(size * shape)), .height = rounded(sqrt(size / shape))};
    if (crop.width < 1 || crop.height < 1) continue;
    if (crop.width > picture.width || crop.height > picture.height) continue;
    crop.y = anywhere(rng, picture.height - crop.height);
    crop.x = anywhere(rng, picture.width - crop.width);
    return stretch(crop, input);
  }
  return stretch(central(picture, aspect), input);
}

/* Moves one axis of what is shown by `shift` pixels, leaving at least one of them inside. */
static void move(int32_t *window, int32_t *length, int32_t *place, int32_t size, int32_t shift) {
  int32_t at = *place + shift;
  if (at > size - 1) at = size - 1;
  if (at < 1 - *length) at = 1 - *length;
  const int32_t cut = at < 0 ? -at : 0;
  *place = at + cut;
  *window += cut;
  *length -= cut;
  if (*length > size - *place) *length = size - *place;
}

mn_placement mn_crop_padded(mn_rng *rng, const mn_placement *fit, mn_size input, int32_t padding) {
  mn_placement p = *fit;
  const int32_t down = padding - anywhere(rng, 2 * padding);
  const int32_t across = padding - anywhere(rng, 2 * padding);
  move(&p.window.x, &p.window.width, &p.x, input.width, across);
  move(&p.window.y, &p.window.height, &p.y, input.height, down);
  return p;
}

/* ---- Segmentation --------------------------------------------------------------------------- */

enum { MOST_SIDE = 1 << 24 }; /* of a resized picture */

static int32_t side(double v) {
  if (v < 1) return 1;
  return v > MOST_SIDE ? MOST_SIDE : (int32_t)v;
}

/* One axis: a part of the resized picture as long as the input, or all of it somewhere. */
static void cut(mn_rng *rng, int32_t resized, int32_t size, int32_t *window, int32_t *length,
                int32_t *place) {
  *length = resized < size ? resized : size;
  *window = resized > size ? anywhere(rng, resized - size) : 0;
  *place = resized < size ? anywhere(rng, size - resized) : 0;
}

mn_placement mn_crop_jitter(mn_rng *rng, mn_size picture, mn_size input, mn_range scale) {
  const int32_t shorter = picture.width < picture.height ? picture.width : picture.height;
  const int32_t input_shorter = input.width < input.height ? input.width : input.height;
  const double wanted = floor(input_shorter * mn_rng_between(rng, scale.low, scale.high) + 0.5);
  const double by = (wanted < 1 ? 1 : wanted) / shorter;
  mn_placement p = {
      .crop = {0, 0, picture.width, picture.height},
      .resized = {side(floor(picture.width * by + 0.5)), side(floor(picture.height * by + 0.5))}};
  cut(rng, p.resized.height, input.height, &p.window.y, &p.window.height, &p.y);
  cut(rng, p.resized.width, input.width, &p.window.x, &p.window.width, &p.x);
  return p;
}

/* ---- Detection ------------------------------------------------------------------------------ */

/* One axis of a region that is stretched to `size` pixels: the part of the picture that it shows,
 * and where that lies. At least a pixel of each is left. */
static void show(int32_t from, int32_t extent, int32_t picture, int32_t size, int32_t *crop,
                 int32_t *length, int32_t *resized, int32_t *place) {
  const int32_t begin = from > 0 ? from : 0;
  const int32_t end = from + extent < picture ? from + extent : picture;
  const double by = (double)size / extent;
  int32_t low = rounded((begin - from) * by), high = rounded((end - from) * by);
  if (low > size - 1) low = size - 1;
  if (high <= low) high = low + 1;
  *crop = begin;
  *length = end - begin;
  *resized = high - low;
  *place = low;
}

/* A region, which may reach beyond the picture but shows some of it, stretched to the input. */
static mn_placement show_region(mn_rect region, mn_size picture, mn_size input) {
  mn_placement p = {0};
  show(region.x, region.width, picture.width, input.width, &p.crop.x, &p.crop.width,
       &p.resized.width, &p.x);
  show(region.y, region.height, picture.height, input.height, &p.crop.y, &p.crop.height,
       &p.resized.height, &p.y);
  p.window = (mn_rect){0, 0, p.resized.width, p.resized.height};
  return p;
}

static mn_rect zoom_out(mn_rng *rng, mn_size picture, double most) {
  mn_rect canvas = {0, 0, picture.width, picture.height};
  if (!(most > 1) || !mn_rng_chance(rng, 0.5)) return canvas;
  const double by = mn_rng_between(rng, 1, most);
  canvas.width = side(picture.width * by);
  canvas.height = side(picture.height * by);
  canvas.x = -anywhere(rng, canvas.width - picture.width);
  canvas.y = -anywhere(rng, canvas.height - picture.height);
  return canvas;
}

static double overlap(mn_rect region, const double box[4]) {
  const double x0 = fmax(box[0], region.x), y0 = fmax(box[1], region.y);
  const double x1 = fmin(box[2], (double)region.x + region.width);
  const double y1 = fmin(box[3], (double)region.y + region.height);
  if (x1 <= x0 || y1 <= y0) return 0;
  const double both = (x1 - x0) * (y1 - y0);
  const double either =
      (box[2] - box[0]) * (box[3] - box[1]) + (double)region.width * region.height - both;
  return both / either;
}

/* Whether a box's centre is shown, and a box whose centre is overlaps enough. */
static bool suits(mn_rect region, const mn_box *boxes, int32_t count, double least) {
  for (int32_t i = 0; i < count; ++i) {
    const double *box = boxes[i].box;
    const double x = (box[0] + box[2]) / 2 - region.x, y = (box[1] + box[3]) / 2 - region.y;
    const bool shown = x > 0 && x < region.width && y > 0 && y < region.height;
    if (shown && overlap(region, box) >= least) return true;
  }
  return false;
}

static mn_rect cut_region(mn_rng *rng, mn_rect canvas, mn_range sides) {
  mn_rect part = {.width = side(canvas.width * mn_rng_between(rng, sides.low, sides.high)),
                  .height = side(canvas.height * mn_rng_between(rng, sides.low, sides.high))};
  part.x = canvas.x + anywhere(rng, canvas.width - part.width);
  part.y = canvas.y + anywhere(rng, canvas.height - part.height);
  return part;
}

/* False when forty parts did not suit. */
static bool try_regions(mn_rng *rng, mn_rect canvas, const mn_crop_ssd_rule *rule, double least,
                        const mn_box *boxes, int32_t count, mn_rect *out) {
  for (int tries = 0; tries < 40; ++tries) {
    const mn_rect part = cut_region(rng, canvas, rule->side);
    if (part.width > 2 * (int64_t)part.height || part.height > 2 * (int64_t)part.width) continue;
    if (!suits(part, boxes, count, least)) continue;
    *out = part;
    return true;
  }
  return false;
}

mn_placement mn_crop_ssd(mn_rng *rng, mn_size picture, mn_size input, const mn_crop_ssd_rule *rule,
                         const mn_box *boxes, int32_t count) {
  static const double least[] = {0, 0.1, 0.3, 0.5, 0.7, 0.9, 1};
  enum { CHOICES = sizeof least / sizeof *least, WHOLE = CHOICES - 1 };
  const mn_rect canvas = zoom_out(rng, picture, rule->zoom_out);
  mn_rect region = canvas;
  for (int tries = 0; count && tries < 50; ++tries) {
    const uint32_t choice = mn_rng_below(rng, CHOICES);
    if (choice == WHOLE) break;
    if (try_regions(rng, canvas, rule, least[choice], boxes, count, &region)) break;
  }
  return show_region(region, picture, input);
}
