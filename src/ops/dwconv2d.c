/* SPDX-License-Identifier: Apache-2.0
 * Depthwise convolution. Kernels find their input through pointers to the rows under the window, so
 * that any size, stride, dilation and pad is one kernel. What is padded points at zeros. A channel
 * multiplier repeats the input's channels first. A slice is an output row, or of small maps some
 * channels.
 * The indirection idea: Dukhan, "The Indirect Convolution Algorithm" (2019).
 *
 * Packed: weights | bias | requantization (for u8, i8) | the row of zeros.
 */
#include <string.h>

#include "base/alloc.h"
#include "base/checked.h"
#include "ops/gemm.h"
#include "ops/operand.h"

enum { MOST_STRIP = 8 };

typedef struct dw_params {
  const mn_kernel *kernel;
  mn_window window; /* pads resolved */
  mn_dw_window geometry;
  int32_t strip; /* output rows of one call of a kernel */
  size_t planes; /* of 8-bit weights */
  size_t taps, channels, padded_channels, multiplier;
  size_t element;
  size_t bias_offset, requant_offset, zero_offset;
  size_t part;        /* channels of a slice; 0: a slice is an output row */
  size_t table_bytes; /* scratch before the repeated rows */
  float lo, hi;
  mn_requant_layer requant;
} dw_params;

/* The pointers, and every row under a window with its channels repeated. A window may be larger
 * than any map, so that neither is bounded by a tensor's size. */
static bool lay_out_scratch(dw_params *p, mn_step *step) {
  const mn_dw_window *w = &p->geometry;
  size_t table, rows = 0;
  bool exact = mn_mul_size(w->kernel_h - 1, w->dilation_h, &table) &&
               mn_add_size(table, (size_t)(p->strip - 1) * w->stride_h + 1, &table) &&
               mn_mul_size(table, sizeof(void *), &table) &&
               mn_round_up(table, MN_ALIGN, &p->table_bytes);
  if (exact && p->multiplier > 1) {
    exact = mn_mul_size((size_t)p->window.kernel_h, (size_t)step->in[0].shape.dim[2], &rows) &&
            mn_mul_size(rows, p->channels * p->element, &rows);
  }
  return exact && mn_add_size(p->table_bytes, rows, &step->scratch_bytes);
}

static void lay_out_pack(dw_params *p, mn_step *step) {
  bool quantized = step->in[0].type != MN_F32;
  size_t column = mn_aligned(p->padded_channels * sizeof(int32_t));
  size_t weight = quantized ? p->planes : sizeof(float);
  p->bias_offset = mn_aligned(p->padded_channels * p->taps * weight);
  p->requant_offset = p->bias_offset + column;
  p->zero_offset = p->requant_offset + p->requant.bytes;
  step->packed_bytes = p->zero_offset + mn_aligned(p->channels * p->element);
}

static void set_geometry(dw_params *p, const mn_step *step) {
  const mn_window *w = &p->window;
  p->geometry = (mn_dw_window){
      .kernel_h = (size_t)w->kernel_h,
      .kernel_w = (size_t)w->kernel_w,
      .stride_h = (size_t)w->stride_h,
      .stride_w = (size_t)w->stride_w,
      .dilation_h = (size_t)w->dilation_h,
      .dilation_w = (size_t)w->dilation_w,
      .pad_left = (size_t)w->pad_left,
      .in_width = (size_t)step->in[0].shape.dim[2],
      .width = (size_t)step->out.shape.dim[2],
      .channels = p->channels,
  };
  p->strip = p->multiplier > 1 ? 1 : MOST_STRIP;
}

static int32_t centred_weight(const mn_operand *weights, size_t i) {
  const uint8_t code = ((const uint8_t *)weights->data)[i];
  return weights->type == MN_I8 ? (int8_t)code : code - weights->quant->zero[0];
}

/* How many int8 it takes to write every weight as their sum. */
static size_t count_planes(const dw_params *p, const mn_operand *weights) {
  int32_t planes = 1;
  for (size_t i = 0; i < p->taps * p->channels; i++) {
    const int32_t weight = centred_weight(weights, i);
    const int32_t parts = weight < 0 ? (-weight + 127) / 128 : (weight + 126) / 127;
    if (parts > planes) planes = parts;
  }
  return (size_t)planes;
}

static void choose_kernel(dw_params *p, const mn_step *step, uint32_t features) {
  const mn_window *w = &p->window;
  if (step->in[0].type == MN_F32) {
    p->kernel = mn_kernel_select(MN_SLOT_dw_f32, features);
    /* Fewer channels than a vector has are not done by whole ones: narrower vectors, if any fit. */
    const mn_kernel *narrow = mn_kernel_select(MN_SLOT_dw_f32, features & ~p->kernel->needs);
    const bool fits = narrow->tile.cols > 1 && (size_t)narrow->tile.cols <= p->channels;
    if (fits && (size_t)p->kernel->tile.cols > p->channels) p->kernel = narrow;
    return;
  }
  const bool taken = w->kernel_h <= MN_DW_Q8S_KERNEL && w->kernel_w <= MN_DW_Q8S_KERNEL &&
                     w->dilation_w <= MN_DW_Q8S_COLUMNS &&
                     (w->kernel_w - 1) * w->dilation_w < MN_DW_Q8S_COLUMNS;
  p->kernel = mn_kernel_select(MN_SLOT_dw_q8s, taken ? features : 0);
  p->planes = count_planes(p, &step->in[1]);
}

/* Vectors of a part but the last are whole, so are those of the last one. */
MN_PLANNING void plan_parts(dw_params *p, mn_step *step, int32_t threads) {
  const size_t unit = (size_t)p->kernel->tile.cols, pixels = mn_operand_pixels(&step->in[0]);
  if (p->multiplier > 1 || !mn_shares_channels(pixels, p->channels, unit, threads)) return;
  const size_t part = mn_share_of_channels(p->channels, unit, threads);
  const size_t parts = (p->channels + part - 1) / part;
  if (p->channels - (parts - 1) * part < unit) return;
  p->part = part;
  step->slices = parts;
}

MN_PLANNING mn_status plan(mn_step *step, const mn_op_request *request, mn_error *err) {
  dw_params *p = mn_arena_take(request->arena, sizeof *p);
  if (!p) return mn_fail_memory(err, sizeof *p);
  step->params = p;
  const mn_operand *in = &step->in[0];
  bool quantized = in->type != MN_F32;
  p->window = step->node->attr.conv.window;
  int32_t out_h, out_w;
  mn_window_resolve(&p->window, in->shape.dim[1], in->shape.dim[2], &out_h, &out_w);
  p->taps = (size_t)p->window.kernel_h * (size_t)p->window.kernel_w;
  p->channels = mn_operand_channels(&step->out);
  p->multiplier = (size_t)step->node->attr.conv.multiplier;
  p->element = mn_type_bytes(in->type);
  choose_kernel(p, step, request->features);
  p->padded_channels = mn_whole(p->channels, (size_t)p->kernel->tile.cols);
  set_geometry(p, step);
  mn_act_range(step->node->attr.conv.act, &p->lo, &p->hi);
  if (quantized) {
    p->requant = mn_requant_plan(step, step->node->attr.conv.act, p->padded_channels);
  }
  lay_out_pack(p, step);
  if (!lay_out_scratch(p, step)) return mn_fail_memory(err, SIZE_MAX);
  step->kernel = p->kernel;
  step->slices = (size_t)step->out.shape.dim[0] * (size_t)step->out.shape.dim[1];
  plan_parts(p, step, request->threads);
  return MN_OK;
}

static void pack_f32(const dw_params *p, const mn_step *step, unsigned char *packed) {
  const float *weights = step->in[1].data;                                   /* [taps][channels] */
  const float *bias = mn_operand_present(step, 2) ? step->in[2].data : NULL; /* [channels] */
  const size_t cols = (size_t)p->kernel->tile.cols, bytes = p->channels * sizeof(float);
  const size_t part = p->channels < cols ? bytes : cols * sizeof(float);
  if (bias) memcpy(packed + p->bias_offset, bias, bytes);
  for (size_t c = 0; c < p->channels; c += cols) {
    const float *from = weights + mn_dw_f32_panel(p->channels, cols, c);
    for (size_t tap = 0; tap < p->taps; tap++, from += p->channels) {
      memcpy(packed, from, part);
      packed += cols * sizeof(float);
    }
  }
}

static void put_weight(const dw_params *p, size_t tap, size_t c, int32_t weight, void *packed) {
  const size_t cols = (size_t)p->kernel->tile.cols;
  for (size_t plane = 0; plane < p->planes; plane++) {
    const int32_t part = weight < INT8_MIN ? INT8_MIN : weight > INT8_MAX ? INT8_MAX : weight;
    const size_t block = (c / cols * p->planes + plane) * p->taps + tap;
    ((int8_t *)packed)[block * cols + c % cols] = (int8_t)part;
    weight -= part;
  }
}

static void pack_q8(const dw_params *p, const mn_step *step, unsigned char *packed) {
  for (size_t c = 0; c < p->channels; c++) {
    mn_weight_sum sum = {0, 0};
    mn_sum_range range;
    for (size_t tap = 0; tap < p->taps; tap++) {
      const int32_t weight = centred_weight(&step->in[1], tap * p->channels + c);
      sum.all += weight;
      sum.positive += weight > 0 ? weight : 0;
      put_weight(p, tap, c, weight, packed);
    }
    ((int32_t *)(packed + p->bias_offset))[c] = mn_folded_bias(step, c, sum, &range);
    mn_requant_pack(&p->requant, step, c, mn_wants_float_form(p->kernel) ? &range : NULL,
                    packed + p->requant_offset);
  }
  memset(packed + p->zero_offset, step->in[0].quant->zero[0] & 0xff, p->channels);
}

static void pack(const mn_step *step, void *packed) {
  const dw_params *p = step->params;
  memset(packed, 0, step->packed_bytes);
  if (step->in[0].type == MN_F32) {
    pack_f32(p, step, packed);
  } else {
    pack_q8(p, step, packed);
  }
}

/* Repeats every channel of one input row: [width][ic] to [width][ic * multiplier]. */
static void repeat_row(const dw_params *p, const mn_operand *in, const unsigned char *from,
                       unsigned char *to) {
  size_t width = (size_t)in->shape.dim[2], channels = mn_operand_channels(in);
  for (size_t x = 0; x < width; x++) {
    const unsigned char *pixel = from + x * in->pixel_stride * p->element;
    for (size_t c = 0; c < channels; c++, pixel += p->element) {
      for (size_t m = 0; m < p->multiplier; m++, to += p->element) memcpy(to, pixel, p->element);
    }
  }
}

/* One input row as the kernel sees it; NULL above and below the picture. */
typedef struct input_row {
  const unsigned char *bytes;
  size_t pixel_bytes;
} input_row;

/* Input row y; k is the row of the window it is used for. */
static input_row row_at(const mn_step *step, const mn_band *band, int32_t y, int32_t k) {
  const dw_params *p = step->params;
  const mn_operand *in = &step->in[0];
  if (y < 0 || y >= in->shape.dim[1]) return (input_row){NULL, 0};
  const unsigned char *bytes = mn_row(&band->in[0], y);
  if (p->multiplier == 1) return (input_row){bytes, in->pixel_stride * p->element};
  size_t row_bytes = (size_t)in->shape.dim[2] * p->channels * p->element;
  unsigned char *repeated = (unsigned char *)band->scratch + p->table_bytes + (size_t)k * row_bytes;
  repeat_row(p, in, bytes, repeated);
  return (input_row){repeated, p->channels * p->element};
}

/* Pointers to the rows under `count` output rows from y on, those that no tap meets included. */
static void fill_rows(const mn_step *step, const mn_band *band, int32_t y, int32_t count) {
  const dw_params *p = step->params;
  const mn_window *w = &p->window;
  const void **rows = band->scratch;
  int32_t in_y = y * w->stride_h - w->pad_top;
  int32_t reach = (count - 1) * w->stride_h + (w->kernel_h - 1) * w->dilation_h;
  for (int32_t i = 0; i <= reach; i++) {
    bool met = p->multiplier == 1 || i % w->dilation_h == 0;
    rows[i] = met ? row_at(step, band, in_y + i, i / w->dilation_h).bytes : NULL;
  }
}

/* The rows found, `channels` of their channels from `first` on. */
static mn_dw_strip strip_of(const mn_step *step, const mn_band *band, int32_t y, int32_t count,
                            size_t first) {
  const dw_params *p = step->params;
  return (mn_dw_strip){
      .window = &p->geometry,
      .rows = band->scratch,
      .pixel_stride = p->multiplier > 1 ? p->channels : step->in[0].pixel_stride,
      .zeros = (const unsigned char *)step->packed + p->zero_offset + first * p->element,
      .out = mn_row(&band->out, y) + first * p->element,
      .out_stride = step->out.pixel_stride,
      .out_row_stride = band->out.row_bytes / p->element,
      .height = (size_t)count,
  };
}

/* A strip's channels from `first`, which begins a panel, on. */
static void run_channels(const mn_step *step, const mn_dw_strip *strip, size_t first) {
  const dw_params *p = step->params;
  const unsigned char *packed = step->packed;
  if (step->in[0].type == MN_F32) {
    const bool swish = step->node->attr.conv.act == MN_ACT_HARD_SWISH;
    const mn_dw_f32_args args = {.strip = *strip,
                                 .weights = (const float *)packed + first * p->taps,
                                 .bias = (const float *)(packed + p->bias_offset) + first,
                                 .finish = {p->lo, p->hi, swish}};
    ((mn_dw_f32_fn *)p->kernel->function)(&args);
  } else {
    const mn_dw_q8s_args args = {
        .strip = *strip,
        .flip = step->in[0].type == MN_I8 ? 0x80 : 0,
        .weights = (const int8_t *)packed + first * p->taps * p->planes,
        .planes = p->planes,
        .bias = (const int32_t *)(packed + p->bias_offset) + first,
        .requant = mn_requant_at(&p->requant, packed + p->requant_offset, first)};
    ((mn_dw_q8s_fn *)p->kernel->function)(&args);
  }
}

/* `count` output rows from y on, which follow one another in memory. */
static void run_strip(const mn_step *step, const mn_band *band, int32_t y, int32_t count) {
  fill_rows(step, band, y, count);
  const mn_dw_strip strip = strip_of(step, band, y, count, 0);
  run_channels(step, &strip, 0);
}

static bool reach(const mn_step *step, mn_reach *out) {
  *out = mn_reach_window(&((const dw_params *)step->params)->window);
  return true;
}

static void run_band(const mn_step *step, const mn_band *band) {
  const dw_params *p = step->params;
  for (int32_t y = band->first; y < band->last;) {
    const int32_t left = band->last - y, together = band->out.count - y % band->out.count;
    int32_t count = left < together ? left : together;
    if (count > p->strip) count = p->strip;
    run_strip(step, band, y, count);
    y += count;
  }
}

/* ---- By channels ---------------------------------------------------------------------------- */

/* Channels [first, first + part) of all rows of an image. */
static void run_part(const mn_step *step, const mn_band *band, size_t first) {
  const dw_params *p = step->params;
  mn_dw_window window = p->geometry;
  window.channels = mn_part_of(p->channels, first, p->part);
  for (int32_t y = 0, count; y < band->last; y += count) {
    count = band->last - y < p->strip ? band->last - y : p->strip;
    fill_rows(step, band, y, count);
    const int32_t reach =
        (count - 1) * p->window.stride_h + (p->window.kernel_h - 1) * p->window.dilation_h;
    const void **rows = band->scratch;
    for (int32_t i = 0; i <= reach; i++) {
      if (rows[i]) rows[i] = (const unsigned char *)rows[i] + first * p->element;
    }
    mn_dw_strip strip = strip_of(step, band, y, count, first);
    strip.window = &window;
    run_channels(step, &strip, first);
  }
}

static void run_parts(const mn_step *step, const mn_run *run, size_t begin, size_t end) {
  const dw_params *p = step->params;
  const int32_t images = step->out.shape.dim[0], height = step->out.shape.dim[1];
  for (int32_t image = 0; image < images; image++) {
    mn_band band = {.scratch = run->scratch, .last = height};
    band.in[0] = mn_operand_rows(run, &step->in[0], image);
    band.out = mn_operand_rows(run, &step->out, image);
    for (size_t i = begin; i < end; i++) run_part(step, &band, i * p->part);
  }
}

static void run_slices(const mn_step *step, const mn_run *run, size_t begin, size_t end) {
  if (((const dw_params *)step->params)->part > 0) {
    run_parts(step, run, begin, end);
  } else {
    mn_run_bands(step, run, begin, end);
  }
}

const mn_op_impl mn_dwconv2d_impl = {
    .plan = plan, .pack = pack, .run = run_slices, .reach = reach, .run_band = run_band};
