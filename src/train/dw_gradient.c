/* SPDX-License-Identifier: Apache-2.0
 * Gradients of a depthwise convolution with one output a channel. An input pixel's is the sum over
 * the outputs whose windows it lies in; a weight's the sum over all places of its tap. */
#include <string.h>

#include "train/train_ops.h"

enum { MOST_TAPS = 256 };

typedef struct dw {
  const mn_grad_kernels *kernels;
  mn_window window; /* pads resolved */
  size_t channels, in_h, in_w, out_h, out_w;
  size_t parts; /* dw_weights: of the rows of outputs */
} dw;

static mn_status plan_dw(mn_step *step, const mn_op_request *request, const mn_operand *x,
                         const mn_operand *gradient, mn_error *err) {
  dw *p = mn_arena_take(request->arena, sizeof *p);
  if (!p) return mn_fail_memory(err, sizeof *p);
  memset(p, 0, sizeof *p);
  step->params = p;
  p->window = step->node->attr.train.window;
  int32_t out_h, out_w;
  mn_window_resolve(&p->window, x->shape.dim[1], x->shape.dim[2], &out_h, &out_w);
  p->kernels = mn_grad_kernels_select(request->features);
  p->channels = mn_operand_channels(x);
  p->in_h = (size_t)x->shape.dim[1];
  p->in_w = (size_t)x->shape.dim[2];
  p->out_h = (size_t)gradient->shape.dim[1];
  p->out_w = (size_t)gradient->shape.dim[2];
  const size_t taps = (size_t)(p->window.kernel_h * p->window.kernel_w);
  if (taps > MOST_TAPS) {
    return mn_fail(err, MN_ERR_UNSUPPORTED, "", "gradients of windows over %d taps", MOST_TAPS);
  }
  step->macs = mn_operand_elements(gradient) * taps;
  step->kernel_name = p->kernels->name;
  return MN_OK;
}

/* ---- Of the input: a slice is a row --------------------------------------------------------- */

static mn_status plan_gradient(mn_step *step, const mn_op_request *request, mn_error *err) {
  mn_status status = plan_dw(step, request, &step->out, &step->in[0], err);
  step->slices = (size_t)(step->out.shape.dim[0] * step->out.shape.dim[1]);
  return status;
}

/* The rows of gradients that met an input row, and the tap's row of each. */
typedef struct met_rows {
  const float *gradient[MOST_TAPS];
  int32_t tap[MOST_TAPS];
  size_t count;
} met_rows;

static void find_rows(const dw *p, const float *gradient, size_t row, met_rows *rows) {
  const mn_window *w = &p->window;
  const size_t y = row % p->in_h, image = row / p->in_h;
  rows->count = 0;
  for (int32_t k = 0; k < w->kernel_h; k++) {
    const int64_t away = (int64_t)y + w->pad_top - (int64_t)k * w->dilation_h;
    if (away < 0 || away % w->stride_h || away / w->stride_h >= (int64_t)p->out_h) continue;
    const size_t out = image * p->out_h + (size_t)(away / w->stride_h);
    rows->gradient[rows->count] = gradient + out * p->out_w * p->channels;
    rows->tap[rows->count++] = k;
  }
}

static void run_pixel(const dw *p, const met_rows *rows, const float *weights, size_t x,
                      float *out) {
  const mn_window *w = &p->window;
  const float *a[MOST_TAPS], *b[MOST_TAPS];
  size_t taps = 0;
  for (int32_t k = 0; k < w->kernel_w; k++) {
    const int64_t away = (int64_t)x + w->pad_left - (int64_t)k * w->dilation_w;
    if (away < 0 || away % w->stride_w || away / w->stride_w >= (int64_t)p->out_w) continue;
    for (size_t r = 0; r < rows->count; r++) {
      a[taps] = rows->gradient[r] + (size_t)(away / w->stride_w) * p->channels;
      b[taps++] = weights + (size_t)(rows->tap[r] * w->kernel_w + k) * p->channels;
    }
  }
  p->kernels->taps(&(mn_taps_args){a, b, taps, p->channels, out});
}

static void run_gradient(const mn_step *step, const mn_run *run, size_t begin, size_t end) {
  const dw *p = step->params;
  met_rows rows;
  for (size_t row = begin; row < end; row++) {
    find_rows(p, mn_train_read(run, step, 0), row, &rows);
    float *out = mn_train_write(run, step) + row * p->in_w * p->channels;
    for (size_t x = 0; x < p->in_w; x++) {
      run_pixel(p, &rows, mn_train_read(run, step, 1), x, out + x * p->channels);
    }
  }
}

const mn_op_impl mn_dw_gradient_impl = {.plan = plan_gradient, .run = run_gradient};

/* ---- Of the weights ------------------------------------------------------------------------- */

static mn_status plan_weights(mn_step *step, const mn_op_request *request, mn_error *err) {
  mn_status status = plan_dw(step, request, &step->in[0], &step->in[1], err);
  step->slices = (size_t)step->out.shape.dim[0];
  return status;
}

/* Adds what a row of outputs gives to weights [kernel_h][kernel_w][channels]. */
static void add_row(const dw *p, const float *x, const float *gradient, size_t row, float *to) {
  const mn_window *w = &p->window;
  const size_t image = row / p->out_h;
  mn_dw_outer_args args = {
      .gradient = gradient + row * p->out_w * p->channels,
      .in_stride = p->channels,
      .gradient_stride = p->channels,
      .sums_stride = p->channels,
      .in_width = p->in_w,
      .width = p->out_w,
      .kernel_w = (size_t)w->kernel_w,
      .stride = (size_t)w->stride_w,
      .dilation = (size_t)w->dilation_w,
      .pad = (size_t)w->pad_left,
      .channels = p->channels,
  };
  int64_t y = (int64_t)(row % p->out_h) * w->stride_h - w->pad_top;
  for (size_t k = 0; k < (size_t)w->kernel_h; k++, y += w->dilation_h) {
    if (y < 0 || y >= (int64_t)p->in_h) continue;
    args.in = x + (image * p->in_h + (size_t)y) * p->in_w * p->channels;
    args.sums = to + k * args.kernel_w * p->channels;
    p->kernels->dw_outer(&args);
  }
}

static void run_weights(const mn_step *step, const mn_run *run, size_t begin, size_t end) {
  const dw *p = step->params;
  const size_t size = mn_operand_elements(&step->out) / step->slices;
  const size_t rows = (size_t)step->in[1].shape.dim[0] * p->out_h;
  for (size_t part = begin; part < end; part++) {
    float *to = mn_train_write(run, step) + part * size;
    memset(to, 0, size * sizeof *to);
    const size_t last = mn_part_begin(rows, step->slices, part + 1);
    for (size_t row = mn_part_begin(rows, step->slices, part); row < last; row++) {
      add_row(p, mn_train_read(run, step, 0), mn_train_read(run, step, 1), row, to);
    }
  }
}

const mn_op_impl mn_dw_weights_impl = {.plan = plan_weights, .run = run_weights};
