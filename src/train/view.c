/* SPDX-License-Identifier: Apache-2.0
 * See view.h. */
#include "train/view.h"

#include <string.h>

#include "base/alloc.h"

void *mn_workspace_take(mn_workspace *space, size_t bytes) {
  if (bytes <= space->bytes) return space->block;
  mn_free(space->block);
  space->block = mn_alloc(bytes);
  space->bytes = space->block ? bytes : 0;
  return space->block;
}

void mn_workspace_free(mn_workspace *space) {
  mn_free(space->block);
  *space = (mn_workspace){0};
}

/* ---- Pixels --------------------------------------------------------------------------------- */

typedef struct target {
  mn_canvas *canvas;
  const mn_placement *view;
} target;

static void store_row(void *context, int32_t y, const uint8_t *row) {
  const target *t = context;
  const size_t at = (size_t)(t->view->y + y) * (size_t)t->canvas->width + (size_t)t->view->x;
  memcpy(t->canvas->pixels + at * 3, row, (size_t)t->view->window.width * 3);
}

static void fill_canvas(mn_canvas *canvas, const uint8_t fill[3]) {
  const size_t count = (size_t)canvas->width * (size_t)canvas->height;
  for (size_t i = 0; i < count; ++i) memcpy(canvas->pixels + i * 3, fill, 3);
}

static bool covers(const mn_placement *view, int32_t width, int32_t height) {
  return view->window.width == width && view->window.height == height;
}

mn_status mn_view_picture(const mn_placement *view, const mn_image *picture,
                          const mn_view_paint *paint, mn_workspace *space, mn_canvas *out,
                          mn_error *err) {
  target t = {out, view};
  const size_t at = (size_t)view->crop.y * picture->stride + (size_t)view->crop.x * 3;
  const mn_resize_job job = {.source = {.pixels = picture->pixels + at,
                                        .width = view->crop.width,
                                        .height = view->crop.height,
                                        .stride = picture->stride},
                             .box = view->box,
                             .method = paint->method,
                             .width = view->resized.width,
                             .height = view->resized.height,
                             .x = view->window.x,
                             .y = view->window.y,
                             .window_width = view->window.width,
                             .window_height = view->window.height,
                             .row = store_row,
                             .context = &t};
  const mn_resize_limits limits = mn_resize_limits_of(&job);
  size_t bytes = 0;
  if (!mn_resize_scratch(&limits, &bytes)) {
    return mn_fail(err, MN_ERR_LIMIT, NULL, "a picture of %d x %d does not fit this machine",
                   (int)picture->width, (int)picture->height);
  }
  void *scratch = mn_workspace_take(space, bytes);
  if (!scratch) return mn_fail_memory(err, bytes);
  if (!covers(view, out->width, out->height)) fill_canvas(out, paint->fill);
  return mn_resize_run(&job, scratch, bytes, err);
}

void mn_flip_picture(mn_canvas *canvas) {
  for (int32_t y = 0; y < canvas->height; ++y) {
    uint8_t *left = canvas->pixels + (size_t)y * (size_t)canvas->width * 3;
    uint8_t *right = left + ((size_t)canvas->width - 1) * 3;
    for (; left < right; left += 3, right -= 3) {
      uint8_t kept[3];
      memcpy(kept, left, 3);
      memcpy(left, right, 3);
      memcpy(right, kept, 3);
    }
  }
}

/* ---- Masks ---------------------------------------------------------------------------------- */

/* The source pixel under the middle of pixel `at` when `extent` pixels from `from` become
 * `resized`: floor((at + 1/2) * extent / resized), as Pillow's NEAREST, in whole numbers. */
static int32_t nearest(int32_t at, int32_t from, int32_t extent, int32_t resized) {
  return from + (int32_t)(((int64_t)at * 2 + 1) * extent / ((int64_t)resized * 2));
}

/* The same with a fractional begin and extent. */
static int32_t nearest_in_box(int32_t at, const double range[2], int32_t size, int32_t resized) {
  const double place = range[0] + (at + 0.5) * (range[1] - range[0]) / resized;
  return place < 0 ? 0 : place >= size ? size - 1 : (int32_t)place;
}

static int32_t source_x(const mn_placement *view, int32_t x) {
  const double range[2] = {(double)view->box.x0, (double)view->box.x1};
  if (view->box.x1 > 0) return nearest_in_box(x, range, view->crop.width, view->resized.width);
  return nearest(x, view->crop.x, view->crop.width, view->resized.width);
}

static int32_t source_y(const mn_placement *view, int32_t y) {
  const double range[2] = {(double)view->box.y0, (double)view->box.y1};
  if (view->box.x1 > 0) return nearest_in_box(y, range, view->crop.height, view->resized.height);
  return nearest(y, view->crop.y, view->crop.height, view->resized.height);
}

void mn_view_mask(const mn_placement *view, const uint8_t *mask, mn_size picture, uint8_t fill,
                  mn_classes *out) {
  memset(out->classes, fill, (size_t)out->width * (size_t)out->height);
  for (int32_t y = 0; y < view->window.height; ++y) {
    const size_t from = (size_t)source_y(view, view->window.y + y) * (size_t)picture.width;
    uint8_t *to = out->classes + (size_t)(view->y + y) * (size_t)out->width + (size_t)view->x;
    for (int32_t x = 0; x < view->window.width; ++x) {
      to[x] = mask[from + (size_t)source_x(view, view->window.x + x)];
    }
  }
}

void mn_flip_mask(mn_classes *mask) {
  for (int32_t y = 0; y < mask->height; ++y) {
    uint8_t *left = mask->classes + (size_t)y * (size_t)mask->width,
            *right = left + mask->width - 1;
    for (; left < right; ++left, --right) {
      const uint8_t kept = *left;
      *left = *right;
      *right = kept;
    }
  }
}

/* ---- Boxes ---------------------------------------------------------------------------------- */

static double within(double v, double low, double high) {
  return v < low ? low : v > high ? high : v;
}

/* False when the view does not show it. */
static bool view_box(const mn_placement *view, const mn_fit_back *back, mn_box *box) {
  const double low[2] = {view->x, view->y};
  const double high[2] = {(double)view->x + view->window.width,
                          (double)view->y + view->window.height};
  const double scale[2] = {back->scale_x, back->scale_y},
               offset[2] = {back->offset_x, back->offset_y};
  bool shown = true;
  for (int c = 0; c < 2; ++c) {
    const double a = (box->box[c] - offset[c]) / scale[c],
                 b = (box->box[c + 2] - offset[c]) / scale[c];
    const double centre = (a + b) / 2;
    shown = shown && centre >= low[c] && centre < high[c];
    box->box[c] = within(a, low[c], high[c]);
    box->box[c + 2] = within(b, low[c], high[c]);
    shown = shown && box->box[c + 2] > box->box[c];
  }
  box->area = (box->box[2] - box->box[0]) * (box->box[3] - box->box[1]);
  return shown;
}

int32_t mn_view_boxes(const mn_placement *view, mn_box *boxes, int32_t count) {
  const mn_fit_back back = mn_fit_invert(view);
  int32_t kept = 0;
  for (int32_t i = 0; i < count; ++i) {
    mn_box box = boxes[i];
    if (view_box(view, &back, &box)) boxes[kept++] = box;
  }
  return kept;
}

void mn_flip_boxes(mn_box *boxes, int32_t count, int32_t width) {
  for (int32_t i = 0; i < count; ++i) {
    const double left = boxes[i].box[0];
    boxes[i].box[0] = width - boxes[i].box[2];
    boxes[i].box[2] = width - left;
  }
}
