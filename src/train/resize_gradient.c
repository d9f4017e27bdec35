/* SPDX-License-Identifier: Apache-2.0
 * The gradient of bilinear resizing: every output hands its own back to the four inputs that it was
 * made of, by their weights. A slice is a row of inputs, which collects from the rows of outputs
 * that read it. */
#include <string.h>

#include "train/train_ops.h"

typedef struct resize {
  mn_resize_tap *rows, *columns; /* [out_h], [out_w] */
} resize;

static mn_status plan(mn_step *step, const mn_op_request *request, mn_error *err) {
  resize *p = mn_arena_take(request->arena, sizeof *p);
  const int32_t *in = step->out.shape.dim, *out = step->in[0].shape.dim; /* of the resizing */
  if (p) p->rows = mn_arena_array(request->arena, (size_t)out[1], sizeof *p->rows);
  if (p) p->columns = mn_arena_array(request->arena, (size_t)out[2], sizeof *p->columns);
  if (!p || !p->rows || !p->columns) return mn_fail_memory(err, (size_t)out[1] * sizeof *p->rows);
  mn_resize_positions(p->rows, step->node, in[1], out[1]);
  mn_resize_positions(p->columns, step->node, in[2], out[2]);
  step->params = p;
  step->slices = (size_t)in[0] * (size_t)in[1];
  step->macs = mn_operand_elements(&step->in[0]);
  return MN_OK;
}

static void add(float *to, const float *from, float weight, size_t count) {
  if (weight == 0.0f) return;
  for (size_t i = 0; i < count; i++) to[i] += weight * from[i];
}

/* A row of gradients, `weight` of which is an input row's. */
static void add_row(const mn_step *step, const float *gradient, float weight, float *to) {
  const resize *p = step->params;
  const size_t channels = mn_operand_channels(&step->out);
  for (int32_t x = 0; x < step->in[0].shape.dim[2]; x++, gradient += channels) {
    const mn_resize_tap *at = &p->columns[x];
    add(to + (size_t)at->lower * channels, gradient, weight * (1.0f - at->weight), channels);
    add(to + (size_t)at->upper * channels, gradient, weight * at->weight, channels);
  }
}

static void run_slices(const mn_step *step, const mn_run *run, size_t begin, size_t end) {
  const resize *p = step->params;
  const int32_t *in = step->out.shape.dim, *out = step->in[0].shape.dim;
  const size_t channels = mn_operand_channels(&step->out), row = (size_t)out[2] * channels;
  for (size_t slice = begin; slice < end; slice++) {
    const int32_t y = (int32_t)(slice % (size_t)in[1]);
    const float *image = mn_train_read(run, step, 0) + slice / (size_t)in[1] * (size_t)out[1] * row;
    float *to = mn_train_write(run, step) + slice * (size_t)in[2] * channels;
    memset(to, 0, (size_t)in[2] * channels * sizeof *to);
    for (int32_t r = 0; r < out[1]; r++) {
      const mn_resize_tap *at = &p->rows[r];
      float weight = at->lower == y ? 1.0f - at->weight : 0.0f;
      weight += at->upper == y ? at->weight : 0.0f;
      if (weight != 0.0f) add_row(step, image + (size_t)r * row, weight, to);
    }
  }
}

const mn_op_impl mn_resize_gradient_impl = {.plan = plan, .run = run_slices};
