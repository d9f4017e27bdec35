/* SPDX-License-Identifier: Apache-2.0
 * SPACE_TO_BATCH and BATCH_TO_SPACE: every block_h x block_w-th pixel becomes a picture of its own,
 * and back. How TensorFlow wrote atrous convolutions; passes/fold_space_batch.c makes one of most,
 * what is left runs here. A slice is an output pixel. */
#include <string.h>

#include "ops/operand.h"

MN_PLANNING mn_status space_batch_plan(mn_step *step, const mn_op_request *request, mn_error *err) {
  const mn_operand *in = &step->in[0], *out = &step->out;
  bool coded = mn_operand_is_coded(in) && mn_operand_is_coded(out);
  (void)request;
  if (in->type != out->type || (coded && !mn_operand_near_quant(in, out))) {
    return mn_op_refuse(step, "the same type, scale and zero point in and out", err);
  }
  step->kernel_name = "copy";
  step->slices = mn_operand_pixels(out);
  return MN_OK;
}

/* A pixel of a map, and the number of the picture that it is in. */
typedef struct place {
  size_t picture, y, x;
} place;

static place place_of(const mn_shape *shape, size_t pixel) {
  size_t height = (size_t)shape->dim[1], width = (size_t)shape->dim[2];
  return (place){pixel / width / height, pixel / width % height, pixel % width};
}

static size_t index_of(const mn_shape *shape, const place *at) {
  return (at->picture * (size_t)shape->dim[1] + at->y) * (size_t)shape->dim[2] + at->x;
}

static void copy_pixel(const mn_step *step, const mn_run *run, size_t pixel, const place *from) {
  size_t bytes = mn_operand_channels(&step->out) * mn_type_bytes(step->out.type);
  memcpy(mn_operand_pixel_out(run, &step->out, pixel),
         mn_operand_pixel(run, &step->in[0], index_of(&step->in[0].shape, from)), bytes);
}

static void to_batch(const mn_step *step, const mn_run *run, size_t begin, size_t end) {
  const mn_attr *a = &step->node->attr;
  const mn_operand *in = &step->in[0], *out = &step->out;
  size_t block_h = (size_t)a->space_batch.block_h, block_w = (size_t)a->space_batch.block_w;
  size_t top = (size_t)a->space_batch.top, left = (size_t)a->space_batch.left;
  size_t batch = (size_t)in->shape.dim[0];
  int fill = mn_operand_is_coded(out) ? mn_operand_zero(out) : 0;
  for (size_t pixel = begin; pixel < end; pixel++) {
    place to = place_of(&out->shape, pixel), from = {to.picture % batch, 0, 0};
    from.y = to.y * block_h + to.picture / batch / block_w;
    from.x = to.x * block_w + to.picture / batch % block_w;
    bool inside = from.y >= top && from.y - top < (size_t)in->shape.dim[1] && from.x >= left &&
                  from.x - left < (size_t)in->shape.dim[2];
    from.y -= top;
    from.x -= left;
    if (inside) {
      copy_pixel(step, run, pixel, &from);
    } else {
      memset(mn_operand_pixel_out(run, out, pixel), fill,
             mn_operand_channels(out) * mn_type_bytes(out->type));
    }
  }
}

static void to_space(const mn_step *step, const mn_run *run, size_t begin, size_t end) {
  const mn_attr *a = &step->node->attr;
  size_t block_h = (size_t)a->space_batch.block_h, block_w = (size_t)a->space_batch.block_w;
  size_t batch = (size_t)step->out.shape.dim[0];
  for (size_t pixel = begin; pixel < end; pixel++) {
    place at = place_of(&step->out.shape, pixel);
    size_t y = at.y + (size_t)a->space_batch.top, x = at.x + (size_t)a->space_batch.left;
    size_t part = y % block_h * block_w + x % block_w;
    place from = {part * batch + at.picture, y / block_h, x / block_w};
    copy_pixel(step, run, pixel, &from);
  }
}

const mn_op_impl mn_space_to_batch_impl = {.plan = space_batch_plan, .run = to_batch};
const mn_op_impl mn_batch_to_space_impl = {.plan = space_batch_plan, .run = to_space};
