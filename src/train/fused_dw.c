/* SPDX-License-Identifier: Apache-2.0
 * Depthwise layers with the batch norms around them; see fused.h. A slice is a part of the rows; a
 * ring of rows holds what the layer sees of its input, or of its output's gradient, while windows
 * still look at it. */
#include <math.h>
#include <string.h>

#include "base/alloc.h"
#include "train/fused.h"

enum { MOST_RING = 32, MOST_STRIP = 4, RING_BYTES = 512 << 10, MOST_TAPS = 64 };

typedef struct layer {
  const mn_kernel *kernel;
  const mn_grad_kernels *kernels;
  mn_window window; /* pads resolved */
  mn_dw_window geometry;
  size_t channels, parts, taps;
  size_t in_h, in_w, out_h, out_w, images;
  size_t strip, ring;             /* rows done at once, and kept */
  size_t zero_offset;             /* in the pack: zeros, of a bias and a padded column */
  size_t row_offset, sums_offset; /* in scratch, behind the ring */
} layer;

static mn_status plan(mn_step *step, const mn_op_request *request, const mn_operand *x,
                      const mn_operand *y, mn_error *err) {
  layer *p = mn_arena_take(request->arena, sizeof *p);
  if (!p) return mn_fail_memory(err, sizeof *p);
  step->params = p;
  *p = (layer){.kernel = mn_kernel_select(MN_SLOT_dw_f32, request->features),
               .kernels = mn_grad_kernels_select(request->features),
               .window = step->node->attr.train.window,
               .channels = mn_operand_channels(x),
               .parts = (size_t)step->node->attr.train.parts,
               .images = (size_t)x->shape.dim[0],
               .in_h = (size_t)x->shape.dim[1],
               .in_w = (size_t)x->shape.dim[2],
               .out_h = (size_t)y->shape.dim[1],
               .out_w = (size_t)y->shape.dim[2]};
  int32_t out_h, out_w;
  mn_window_resolve(&p->window, x->shape.dim[1], x->shape.dim[2], &out_h, &out_w);
  p->taps = (size_t)(p->window.kernel_h * p->window.kernel_w);
  step->slices = p->parts;
  step->kernel_name = p->kernel->name;
  return MN_OK;
}

/* Weights in panels, then zeros. */
static void lay_out_pack(mn_step *step, layer *p) {
  const size_t padded = mn_whole(p->channels, (size_t)p->kernel->tile.cols);
  p->zero_offset = mn_aligned(padded * p->taps * sizeof(float));
  step->packed_bytes = p->zero_offset + mn_aligned(padded * sizeof(float));
}

/* The ring, a row, sums. */
static void lay_out_scratch(mn_step *step, layer *p, size_t ring_width) {
  const size_t row = ring_width * p->channels * sizeof(float);
  p->row_offset = mn_aligned(p->ring * row);
  p->sums_offset = p->row_offset + mn_aligned(p->in_w * p->channels * sizeof(float));
  step->scratch_bytes = p->sums_offset + 2 * p->channels * sizeof(double);
}

static void pack(const layer *p, const float *weights, bool turned, float *packed) {
  const size_t cols = (size_t)p->kernel->tile.cols;
  const size_t part = p->channels < cols ? p->channels : cols;
  for (size_t c = 0; c < p->channels; c += cols) {
    const float *from = weights + mn_dw_f32_panel(p->channels, cols, c);
    for (size_t tap = 0; tap < p->taps; tap++, packed += cols) {
      const size_t at = turned ? p->taps - 1 - tap : tap;
      memcpy(packed, from + at * p->channels, part * sizeof *packed);
    }
  }
}

/* Rows of the geometry's input to `height` rows of its output. */
static void convolve(const mn_step *step, const void *const *rows, size_t height, float *out) {
  const layer *p = step->params;
  const unsigned char *packed = step->packed;
  const float *zeros = (const float *)(const void *)(packed + p->zero_offset);
  const mn_dw_f32_args args = {.strip = {.window = &p->geometry,
                                         .rows = rows,
                                         .pixel_stride = p->channels,
                                         .zeros = zeros,
                                         .out = out,
                                         .out_stride = p->channels,
                                         .out_row_stride = p->geometry.width * p->channels,
                                         .height = height},
                               .weights = (const float *)(const void *)packed,
                               .bias = zeros,
                               .finish = {-INFINITY, INFINITY, false}};
  ((mn_dw_f32_fn *)p->kernel->function)(&args);
}

static void set_sums(const mn_step *step, const mn_run *run, mn_norm_args *sums) {
  const layer *p = step->params;
  sums->first = (double *)(void *)((unsigned char *)run->scratch + p->sums_offset);
  sums->second = sums->first + p->channels;
}

/* Rows of one image that are in the ring: those before `next`, as many as fit. */
typedef struct ring {
  float *rows;
  size_t image, row_floats;
  int64_t next;
  mn_norm_args make; /* how a row is made: norm forward, norm_gradient backward */
} ring;

static void enter_image(ring *r, size_t image, int64_t first) {
  if (r->image != image || r->next < first) r->next = first;
  r->image = image;
}

static float *ring_row(const layer *p, const ring *r, int64_t y) {
  return r->rows + (size_t)y % p->ring * r->row_floats;
}

/* ---- Forward -------------------------------------------------------------------------------- */

static mn_status plan_forward(mn_step *step, const mn_op_request *request, mn_error *err) {
  mn_status status = plan(step, request, &step->in[0], &step->out, err);
  if (status) return status;
  layer *p = step->params;
  const mn_window *w = &p->window;
  p->geometry = (mn_dw_window){.kernel_h = (size_t)w->kernel_h,
                               .kernel_w = (size_t)w->kernel_w,
                               .stride_h = (size_t)w->stride_h,
                               .stride_w = (size_t)w->stride_w,
                               .dilation_h = 1,
                               .dilation_w = 1,
                               .pad_left = (size_t)w->pad_left,
                               .in_width = p->in_w,
                               .width = p->out_w,
                               .channels = p->channels};
  const size_t row = p->in_w * p->channels * sizeof(float);
  for (p->strip = MOST_STRIP; p->strip > 0; p->strip--) {
    p->ring = (p->strip - 1) * p->geometry.stride_h + p->geometry.kernel_h;
    if (p->strip == 1 || p->ring * row <= RING_BYTES) break;
  }
  lay_out_pack(step, p);
  lay_out_scratch(step, p, p->in_w);
  step->macs = mn_operand_elements(&step->out) * p->taps;
  return MN_OK;
}

static void pack_forward(const mn_step *step, void *packed) {
  memset(packed, 0, step->packed_bytes);
  pack(step->params, step->in[1].data, false, packed);
}

/* Input row y as the layer sees it; NULL: there is none. */
static const float *input_row(const mn_step *step, const mn_run *run, ring *r, int64_t y) {
  const layer *p = step->params;
  if (y < 0 || y >= (int64_t)p->in_h) return NULL;
  const float *x = mn_train_read(run, step, 0);
  const float *row = x + (r->image * p->in_h + (size_t)y) * r->row_floats;
  if (!step->node->attr.train.normed) return row;
  if (y >= r->next) {
    r->make.x = row;
    r->make.out = ring_row(p, r, y);
    r->make.pixels = p->in_w;
    p->kernels->norm(&r->make);
    r->next = y + 1;
  }
  return ring_row(p, r, y);
}

/* Output rows [row, row + count) of all images' rows, all of one image. */
static void run_strip(const mn_step *step, const mn_run *run, ring *r, size_t row, size_t count) {
  const layer *p = step->params;
  const void *rows[MOST_RING];
  const size_t y = row % p->out_h;
  const int64_t first = (int64_t)(y * p->geometry.stride_h) - p->window.pad_top;
  enter_image(r, row / p->out_h, first > 0 ? first : 0);
  const size_t under = (count - 1) * p->geometry.stride_h + p->geometry.kernel_h;
  for (size_t k = 0; k < under; k++) rows[k] = input_row(step, run, r, first + (int64_t)k);
  convolve(step, rows, count, mn_train_write(run, step) + row * p->out_w * p->channels);
}

static void run_forward(const mn_step *step, const mn_run *run, size_t begin, size_t end) {
  const layer *p = step->params;
  const bool moments = step->node->out_count > 1;
  const size_t rows = p->images * p->out_h, out_row = p->out_w * p->channels;
  ring r = {.rows = run->scratch, .row_floats = p->in_w * p->channels};
  mn_norm_args sums = {.channels = p->channels};
  if (step->node->attr.train.normed) {
    r.make = mn_fused_norm(step, run, MN_FORWARD_NORM, step->node->attr.train.in_act);
  }
  set_sums(step, run, &sums);
  for (size_t i = begin; i < end; i++) {
    const size_t from = rows * i / p->parts, to = rows * (i + 1) / p->parts;
    const float *y = mn_train_write(run, step);
    r.next = -1;
    r.image = SIZE_MAX;
    sums.mean = y + from * out_row;
    for (size_t at = from, count; at < to; at += count) {
      count = p->out_h - at % p->out_h;
      if (count > p->strip) count = p->strip;
      if (count > to - at) count = to - at;
      run_strip(step, run, &r, at, count);
      if (!moments) continue;
      sums.x = y + at * out_row;
      sums.pixels = count * p->out_w;
      sums.more = at > from;
      p->kernels->moments(&sums);
    }
    if (!moments) continue;
    float *parts = mn_operand_write(run, &step->more_out[0]);
    mn_fused_put_moments(&sums, (to - from) * p->out_w, parts + 2 * i * p->channels);
  }
}

const mn_op_impl mn_fused_dw_impl = {
    .plan = plan_forward, .pack = pack_forward, .run = run_forward};

/* ---- Backward ------------------------------------------------------------------------------- */

/* The gradient of the input of a layer that goes one pixel at a time is a layer of the same kind,
 * with its weights turned. */
static bool is_turned(const layer *p) { return p->window.stride_h == 1 && p->window.stride_w == 1; }

static mn_status plan_back(mn_step *step, const mn_op_request *request, mn_error *err) {
  mn_status status = plan(step, request, &step->in[MN_BACK_X], &step->in[MN_BACK_Y], err);
  if (status) return status;
  layer *p = step->params;
  const mn_window *w = &p->window;
  p->geometry = (mn_dw_window){.kernel_h = (size_t)w->kernel_h,
                               .kernel_w = (size_t)w->kernel_w,
                               .stride_h = 1,
                               .stride_w = 1,
                               .dilation_h = 1,
                               .dilation_w = 1,
                               .pad_left = (size_t)(w->kernel_w - 1 - w->pad_left),
                               .in_width = p->out_w,
                               .width = p->in_w,
                               .channels = p->channels};
  p->strip = 1;
  p->ring = (size_t)w->kernel_h;
  lay_out_pack(step, p);
  lay_out_scratch(step, p, p->out_w);
  step->macs = 2 * mn_operand_elements(&step->in[MN_BACK_Y]) * p->taps;
  return MN_OK;
}

static void pack_back(const mn_step *step, void *packed) {
  memset(packed, 0, step->packed_bytes);
  pack(step->params, step->in[MN_BACK_WEIGHTS].data, true, packed);
}

/* The output row that input row y of the ring's image meets with the window's row k, its gradient
 * made if it was not; NULL: there is none. */
static const float *met_row(const mn_step *step, const mn_run *run, ring *r, size_t y, int32_t k) {
  const layer *p = step->params;
  const int64_t away = (int64_t)y + p->window.pad_top - k;
  if (away < 0 || away % p->window.stride_h) return NULL;
  const int64_t out = away / p->window.stride_h;
  if (out >= (int64_t)p->out_h) return NULL;
  if (out >= r->next) {
    const size_t at = (r->image * p->out_h + (size_t)out) * r->row_floats;
    r->make.x = mn_train_read(run, step, MN_BACK_Y) + at;
    r->make.gradient = mn_train_read(run, step, MN_BACK_GRADIENT) + at;
    r->make.out = ring_row(p, r, out);
    r->make.pixels = p->out_w;
    p->kernels->norm_gradient(&r->make);
    r->next = out + 1;
  }
  return ring_row(p, r, out);
}

/* dx of one row, pixel by pixel: where the layer jumps over pixels. */
static void spread_row(const mn_step *step, const float *const *met, const float *weights,
                       float *dx) {
  const layer *p = step->params;
  const mn_window *w = &p->window;
  const float *a[MOST_TAPS], *b[MOST_TAPS];
  for (size_t x = 0; x < p->in_w; x++) {
    size_t taps = 0;
    for (int32_t i = 0; i < w->kernel_w; i++) {
      const int64_t away = (int64_t)x + w->pad_left - i;
      if (away < 0 || away % w->stride_w || away / w->stride_w >= (int64_t)p->out_w) continue;
      for (int32_t k = 0; k < w->kernel_h; k++) {
        if (!met[k]) continue;
        a[taps] = met[k] + (size_t)(away / w->stride_w) * p->channels;
        b[taps++] = weights + (size_t)(k * w->kernel_w + i) * p->channels;
      }
    }
    p->kernels->taps(&(mn_taps_args){a, b, taps, p->channels, dx + x * p->channels});
  }
}

static void add_weights(const layer *p, const float *const *met, const float *z, float *weights) {
  for (int32_t k = 0; k < p->window.kernel_h; k++) {
    if (!met[k]) continue;
    const mn_dw_outer_args args = {.in = z,
                                   .gradient = met[k],
                                   .sums = weights + (size_t)(k * p->window.kernel_w) * p->channels,
                                   .in_stride = p->channels,
                                   .gradient_stride = p->channels,
                                   .sums_stride = p->channels,
                                   .in_width = p->in_w,
                                   .width = p->out_w,
                                   .kernel_w = (size_t)p->window.kernel_w,
                                   .stride = (size_t)p->window.stride_w,
                                   .dilation = 1,
                                   .pad = (size_t)p->window.pad_left,
                                   .channels = p->channels};
    p->kernels->dw_outer(&args);
  }
}

/* What a slice goes through its rows with. */
typedef struct back {
  ring ring;
  mn_norm_args norm, sums;
  float *weights; /* the part's */
} back;

static void run_row(const mn_step *step, const mn_run *run, back *b, size_t row) {
  const layer *p = step->params;
  const size_t y = row % p->in_h, floats = p->in_w * p->channels;
  const int32_t kernel_h = p->window.kernel_h;
  const float *met[MOST_RING], *z = mn_train_read(run, step, MN_BACK_X) + row * floats, *x = z;
  const void *turned[MOST_RING];
  float *dx = mn_train_write(run, step) + row * floats;
  const int64_t lowest = (int64_t)y + p->window.pad_top - (kernel_h - 1);
  const int64_t first = lowest > 0 ? (lowest + p->window.stride_h - 1) / p->window.stride_h : 0;
  enter_image(&b->ring, row / p->in_h, first);
  for (int32_t k = kernel_h; k-- > 0;)
    turned[kernel_h - 1 - k] = met[k] = met_row(step, run, &b->ring, y, k);
  if (is_turned(p)) {
    convolve(step, turned, 1, dx);
  } else {
    spread_row(step, met, mn_train_read(run, step, MN_BACK_WEIGHTS), dx);
  }
  if (step->node->attr.train.normed) {
    float *made = (float *)(void *)((unsigned char *)run->scratch + p->row_offset);
    b->norm.x = x;
    b->norm.out = made;
    b->norm.pixels = p->in_w;
    p->kernels->norm(&b->norm);
    z = made;
  }
  add_weights(p, met, z, b->weights);
  if (step->node->out_count < 3) return;
  b->sums.x = x;
  b->sums.gradient = dx;
  b->sums.pixels = p->in_w;
  p->kernels->norm_sums(&b->sums);
  b->sums.more = true;
}

static void run_back(const mn_step *step, const mn_run *run, size_t begin, size_t end) {
  const layer *p = step->params;
  const size_t rows = p->images * p->in_h;
  back b = {.ring = {.rows = run->scratch, .row_floats = p->out_w * p->channels}};
  b.ring.make = mn_fused_gradient(step, run);
  if (step->node->attr.train.normed) {
    b.norm = b.sums = mn_fused_norm(step, run, MN_BACK_X_NORM, step->node->attr.train.in_act);
    set_sums(step, run, &b.sums);
  }
  for (size_t i = begin; i < end; i++) {
    const size_t from = rows * i / p->parts, to = rows * (i + 1) / p->parts;
    b.weights = (float *)mn_operand_write(run, &step->more_out[0]) + i * p->taps * p->channels;
    memset(b.weights, 0, p->taps * p->channels * sizeof *b.weights);
    b.ring.image = SIZE_MAX;
    b.sums.more = false;
    for (size_t row = from; row < to; row++) run_row(step, run, &b, row);
    if (step->node->out_count < 3) continue;
    float *parts = mn_operand_write(run, &step->more_out[1]);
    mn_fused_put_sums(&b.sums, parts + 2 * i * p->channels);
  }
}

const mn_op_impl mn_fused_dw_back_impl = {.plan = plan_back, .pack = pack_back, .run = run_back};
