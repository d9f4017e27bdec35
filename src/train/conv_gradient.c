/* SPDX-License-Identifier: Apache-2.0
 * Gradients of a convolution (a dense layer is one of a single pixel). Of its input: a product of
 * the gradient and the weights, by the kernels of the forward pass; windows larger than a pixel
 * gather what met an input pixel first. Of its weights: sums of outer products over the pixels,
 * in parts. */
#include <string.h>

#include "base/alloc.h"
#include "train/product.h"
#include "train/train_ops.h"

enum {
  SLICE_ROWS = 112,          /* pixels of a slice: whole tiles of 6, 7, 8 and 14 rows */
  GATHER_ROWS = 56,          /* of gathered windows */
  SLICE_OUTPUTS = 96,        /* rows of weights of a slice */
  MOST_PART_FLOATS = 1 << 19 /* of all parts together, unless one has more */
};

typedef struct conv {
  mn_product product; /* conv_gradient */
  mn_outer outer;     /* conv_weights */
  mn_window window;   /* pads resolved */
  bool pointwise;
  size_t taps, ic, oc;
  size_t in_h, in_w, out_h, out_w;
  size_t pixels;        /* of the output, or for conv_gradient of the input */
  size_t parts, blocks; /* conv_weights: slices are parts times blocks of outputs */
} conv;

/* Sizes of the forward layer: of its input and of the gradient of its output. */
static void set_sizes(conv *p, const mn_step *step, const mn_operand *x,
                      const mn_operand *gradient) {
  p->oc = mn_operand_channels(gradient);
  p->ic = mn_operand_channels(x);
  p->window = step->node->attr.train.window;
  p->taps = 1;
  p->pointwise = gradient->shape.rank != 4; /* a dense layer */
  if (p->pointwise) return;
  int32_t out_h, out_w;
  mn_window *w = &p->window;
  mn_window_resolve(w, x->shape.dim[1], x->shape.dim[2], &out_h, &out_w);
  p->taps = (size_t)(w->kernel_h * w->kernel_w);
  p->in_h = (size_t)x->shape.dim[1];
  p->in_w = (size_t)x->shape.dim[2];
  p->out_h = (size_t)gradient->shape.dim[1];
  p->out_w = (size_t)gradient->shape.dim[2];
  p->pointwise = p->taps == 1 && w->stride_h == 1 && w->stride_w == 1 && !w->pad_top &&
                 !w->pad_left && !w->pad_bottom && !w->pad_right;
}

/* ---- Of the input --------------------------------------------------------------------------- */

static mn_status plan_gradient(mn_step *step, const mn_op_request *request, mn_error *err) {
  conv *p = mn_arena_take(request->arena, sizeof *p);
  if (!p) return mn_fail_memory(err, sizeof *p);
  memset(p, 0, sizeof *p);
  step->params = p;
  set_sizes(p, step, &step->out, &step->in[0]);
  p->pixels = mn_operand_pixels(&step->out);
  const size_t rows = p->pointwise ? SLICE_ROWS : GATHER_ROWS;
  step->slices = (p->pixels + rows - 1) / rows;
  step->macs = p->pixels * p->taps * p->ic * p->oc;
  step->scratch_bytes = p->pointwise ? 0 : rows * p->taps * p->oc * sizeof(float);
  p->product.n = p->ic;
  p->product.k = p->taps * p->oc;
  mn_product_plan(&p->product, step, request, rows);
  return MN_OK;
}

static void pack_gradient(const mn_step *step, void *packed) {
  const conv *p = step->params;
  mn_product_pack_turned(&p->product, step->in[1].data, p->taps, packed);
}

/* Which output met input position `at` with tap `tap`; false: none. */
static bool met(size_t at, int32_t pad, int32_t tap, int32_t dilation, int32_t stride, size_t size,
                size_t *out) {
  const int64_t away = (int64_t)at + pad - (int64_t)tap * dilation;
  if (away < 0 || away % stride) return false;
  *out = (size_t)(away / stride);
  return *out < size;
}

/* What met input pixel `i` with each tap: [taps][oc], zeros where nothing did. */
static void gather_gradient(const conv *p, const float *gradient, size_t i, float *to) {
  const mn_window *w = &p->window;
  const size_t x = i % p->in_w, y = i / p->in_w % p->in_h, image = i / p->in_w / p->in_h;
  for (int32_t kh = 0; kh < w->kernel_h; kh++) {
    size_t oy, ox;
    const bool row = met(y, w->pad_top, kh, w->dilation_h, w->stride_h, p->out_h, &oy);
    for (int32_t kw = 0; kw < w->kernel_w; kw++, to += p->oc) {
      if (row && met(x, w->pad_left, kw, w->dilation_w, w->stride_w, p->out_w, &ox)) {
        const size_t at = (image * p->out_h + oy) * p->out_w + ox;
        memcpy(to, gradient + at * p->oc, p->oc * sizeof *to);
      } else {
        memset(to, 0, p->oc * sizeof *to);
      }
    }
  }
}

static void run_gradient(const mn_step *step, const mn_run *run, size_t begin, size_t end) {
  const conv *p = step->params;
  const float *gradient = mn_train_read(run, step, 0);
  float *out = mn_train_write(run, step);
  const size_t rows = p->pointwise ? SLICE_ROWS : GATHER_ROWS;
  for (size_t s = begin; s < end; s++) {
    const size_t first = s * rows, left = p->pixels - first, count = left < rows ? left : rows;
    const float *a = gradient + first * p->oc;
    if (!p->pointwise) {
      float *to = run->scratch;
      a = to;
      for (size_t i = 0; i < count; i++, to += p->taps * p->oc) {
        gather_gradient(p, gradient, first + i, to);
      }
    }
    mn_product_run(&p->product, step, run, a, count, out + first * p->ic);
  }
}

const mn_op_impl mn_conv_gradient_impl = {
    .plan = plan_gradient, .pack = pack_gradient, .run = run_gradient};

/* ---- Of the weights ------------------------------------------------------------------------- */

static mn_status plan_weights(mn_step *step, const mn_op_request *request, mn_error *err) {
  conv *p = mn_arena_take(request->arena, sizeof *p);
  if (!p) return mn_fail_memory(err, sizeof *p);
  memset(p, 0, sizeof *p);
  step->params = p;
  set_sizes(p, step, &step->in[0], &step->in[1]);
  p->pixels = mn_operand_pixels(&step->in[1]);
  p->parts = (size_t)step->out.shape.dim[0];
  p->blocks = p->pointwise ? (p->oc + SLICE_OUTPUTS - 1) / SLICE_OUTPUTS : 1;
  step->slices = p->parts * p->blocks;
  step->macs = p->pixels * p->taps * p->ic * p->oc;
  step->scratch_bytes = p->pointwise ? 0 : GATHER_ROWS * p->taps * p->ic * sizeof(float);
  mn_outer_plan(&p->outer, step, request, p->pointwise ? SLICE_OUTPUTS : p->oc, p->taps * p->ic);
  step->kernel_name = p->outer.kernels->name;
  return MN_OK;
}

/* The window of output pixel `i`: [taps][ic], zeros where it is padded. */
static void gather_window(const conv *p, const float *in, size_t i, float *to) {
  const mn_window *w = &p->window;
  const size_t ox = i % p->out_w, oy = i / p->out_w % p->out_h, image = i / p->out_w / p->out_h;
  int64_t y = (int64_t)oy * w->stride_h - w->pad_top;
  for (int32_t kh = 0; kh < w->kernel_h; kh++, y += w->dilation_h) {
    int64_t x = (int64_t)ox * w->stride_w - w->pad_left;
    if (w->dilation_w == 1 && y >= 0 && y < (int64_t)p->in_h && x >= 0 &&
        x + w->kernel_w <= (int64_t)p->in_w) { /* the usual case: one piece of memory */
      const size_t at = (image * p->in_h + (size_t)y) * p->in_w + (size_t)x;
      const size_t floats = (size_t)w->kernel_w * p->ic;
      const float *from = in + at * p->ic;
      for (size_t f = 0; f < floats; f++) *to++ = from[f]; /* few: a call would take longer */
      continue;
    }
    for (int32_t kw = 0; kw < w->kernel_w; kw++, x += w->dilation_w, to += p->ic) {
      if (y >= 0 && y < (int64_t)p->in_h && x >= 0 && x < (int64_t)p->in_w) {
        const size_t at = (image * p->in_h + (size_t)y) * p->in_w + (size_t)x;
        memcpy(to, in + at * p->ic, p->ic * sizeof *to);
      } else {
        memset(to, 0, p->ic * sizeof *to);
      }
    }
  }
}

/* Adds what pixels [from, to) give to a part's weights. */
static void add_windows(const conv *p, const mn_run *run, const float *x, mn_outer_args args,
                        size_t from, size_t to) {
  const float *gradient = args.a;
  for (; from < to; from += args.pixels) {
    args.pixels = to - from < GATHER_ROWS ? to - from : GATHER_ROWS;
    args.a = gradient + from * p->oc;
    args.b = run->scratch;
    for (size_t i = 0; i < args.pixels; i++) {
      gather_window(p, x, from + i, (float *)run->scratch + i * p->taps * p->ic);
    }
    mn_outer_run(&p->outer, run, &args);
  }
}

static void run_weights(const mn_step *step, const mn_run *run, size_t begin, size_t end) {
  const conv *p = step->params;
  const float *x = mn_train_read(run, step, 0), *gradient = mn_train_read(run, step, 1);
  const size_t n = p->taps * p->ic;
  for (size_t s = begin; s < end; s++) {
    const size_t part = s / p->blocks, block = s % p->blocks;
    const size_t first = p->pointwise ? block * SLICE_OUTPUTS : 0, left = p->oc - first;
    const size_t from = mn_part_begin(p->pixels, p->parts, part);
    const size_t to = mn_part_begin(p->pixels, p->parts, part + 1);
    mn_outer_args args = {
        .a = gradient + first,
        .b = x,
        .c = mn_train_write(run, step) + (part * p->oc + first) * n,
        .a_stride = p->oc,
        .b_stride = n,
        .c_stride = n,
        .m = p->pointwise && left > SLICE_OUTPUTS ? SLICE_OUTPUTS : left,
        .n = n,
    };
    memset(args.c, 0, args.m * n * sizeof(float));
    if (p->pointwise) {
      args.a += from * p->oc;
      args.b += from * p->ic;
      args.pixels = to - from;
      mn_outer_run(&p->outer, run, &args);
    } else {
      add_windows(p, run, x, args, from, to);
    }
  }
}

const mn_op_impl mn_conv_weights_impl = {.plan = plan_weights, .run = run_weights};

int32_t mn_train_weight_parts(size_t pixels, size_t weights) {
  const int32_t parts = mn_train_parts(pixels), most = (int32_t)(MOST_PART_FLOATS / weights);
  return parts < most ? parts : most > 1 ? most : 1;
}
