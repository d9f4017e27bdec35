/* SPDX-License-Identifier: Apache-2.0
 * 8-bit depthwise convolution by SDOT, 16 channels at a time, four rows of the window an
 * instruction. The bytes of four input rows are interleaved, a column once for all its taps, so
 * that a lane holds one channel's column of four; weights lie likewise. Two output rows share these
 * columns, the second with its weights one row down. Channels go in groups of a cache line. */
#include "kernels/arm/requant_neon.h"
#include "kernels/kernels.h"

enum {
  COLS = 16,
  BLOCKS = 4, /* of COLS channels, side by side in memory */
  GROUPS = 2, /* of four rows */
  UNITS = 16, /* outputs between two stores */
  PLANES = MN_DW_Q8S_PLANES,
  TAPS = MN_DW_Q8S_KERNEL,
  COLUMNS = MN_DW_Q8S_COLUMNS
};

typedef int8x16_t quads[4]; /* 16 channels, four rows each */
typedef int32x4_t sums[4];

/* Constants of 16 channels. */
typedef struct block {
  size_t channel, count;
  quads weights[PLANES][GROUPS * TAPS][2]; /* [planes][groups][kernel_w] of [output row] */
  sums bias;
  requant_neon requant[2];
} block;

/* What is constant in one call, and what is under way. */
typedef struct work {
  const mn_dw_q8s_args *args;
  size_t groups;
  const uint8_t *row[4 * GROUPS]; /* input rows under the outputs, at channel 0 */
  size_t step[4 * GROUPS];        /* bytes from column to column; 0 in padding */
  block blocks[BLOCKS];
  quads columns[COLUMNS * GROUPS]; /* [columns][groups] */
  sums sums[2][UNITS];
} work;

MN_INLINE void interleave(int8x16_t *out, const int8x16_t *rows) {
  const int16x8_t a = vreinterpretq_s16_s8(vzip1q_s8(rows[0], rows[1]));
  const int16x8_t b = vreinterpretq_s16_s8(vzip2q_s8(rows[0], rows[1]));
  const int16x8_t c = vreinterpretq_s16_s8(vzip1q_s8(rows[2], rows[3]));
  const int16x8_t d = vreinterpretq_s16_s8(vzip2q_s8(rows[2], rows[3]));
  out[0] = vreinterpretq_s8_s16(vzip1q_s16(a, c));
  out[1] = vreinterpretq_s8_s16(vzip2q_s16(a, c));
  out[2] = vreinterpretq_s8_s16(vzip1q_s16(b, d));
  out[3] = vreinterpretq_s8_s16(vzip2q_s16(b, d));
}

/* ---- Constants ------------------------------------------------------------------------------ */

/* Weights of tap t in four kernel rows from `first` on, which may begin above and end below. */
static void load_weights(const mn_dw_window *w, int8x16_t *to, const int8_t *plane, ptrdiff_t first,
                         size_t t) {
  int8x16_t rows[4];
  for (ptrdiff_t i = 0; i < 4; i++) {
    const size_t k = (size_t)(first + i); /* wraps above the kernel */
    rows[i] = k < w->kernel_h ? vld1q_s8(plane + (k * w->kernel_w + t) * COLS) : vdupq_n_s8(0);
  }
  interleave(to, rows);
}

/* Codes are multiplied 128 less than they are. */
static void load_block(const work *x, block *to, size_t channel) {
  const mn_dw_q8s_args *args = x->args;
  const mn_dw_window *w = args->strip.window;
  const size_t plane_bytes = w->kernel_h * w->kernel_w * COLS;
  const int8_t *plane = args->weights + channel / COLS * args->planes * plane_bytes;
  const int8x16_t least = vdupq_n_s8(INT8_MIN);
  to->channel = channel;
  to->count = w->channels - channel < COLS ? w->channels - channel : COLS;
  for (int j = 0; j < 4; j++) to->bias[j] = vnegq_s32(vld1q_s32(args->bias + channel + 4 * j));
  for (size_t p = 0; p < args->planes; p++, plane += plane_bytes) {
    for (size_t i = 0; i < x->groups * w->kernel_w; i++) {
      const ptrdiff_t first = (ptrdiff_t)(i / w->kernel_w * 4);
      quads *weights = to->weights[p][i];
      load_weights(w, weights[0], plane, first, i % w->kernel_w);
      load_weights(w, weights[1], plane, first - 1, i % w->kernel_w);
      for (int j = 0; j < 4; j++) to->bias[j] = vdotq_s32(to->bias[j], weights[0][j], least);
    }
  }
  for (int j = 0; j < 4; j++) to->bias[j] = vnegq_s32(to->bias[j]);
  for (int j = 0; j < 2; j++) {
    requant_load_neon(&to->requant[j], &args->requant, channel + 8 * (size_t)j);
  }
}

/* ---- Columns -------------------------------------------------------------------------------- */

/* The rows under output row y, those beyond the window (whose weights are 0) like padding. */
static void point_rows(work *x, size_t y, size_t outputs) {
  const mn_dw_strip *strip = &x->args->strip;
  const mn_dw_window *w = strip->window;
  for (size_t i = 0; i < 4 * x->groups; i++) {
    const uint8_t *row =
        i < w->kernel_h + outputs - 1 ? strip->rows[y * w->stride_h + i * w->dilation_h] : NULL;
    x->row[i] = row ? row : strip->zeros;
    x->step[i] = row ? strip->pixel_stride : 0;
  }
}

/* The first `count` of 16 bytes. */
static __attribute__((noinline)) uint8x16_t load_part(const uint8_t *from, size_t count) {
  uint8_t bytes[16] = {0};
  memcpy(bytes, from, count);
  return vld1q_u8(bytes);
}

/* A column of padding. */
static void fill_outside(const work *x, const block *b, quads *to) {
  int8x16_t rows[4];
  const uint8x16_t zeros = load_part((const uint8_t *)x->args->strip.zeros + b->channel, b->count);
  const int8x16_t codes = vreinterpretq_s8_u8(veorq_u8(zeros, vdupq_n_u8(x->args->flip ^ 0x80)));
  for (int k = 0; k < 4; k++) rows[k] = codes;
  interleave(*to, rows);
}

/* Columns [c, c + count) of a group's four rows, all within the map. */
MN_INLINE void fill_inside(const work *x, const block *b, size_t group, size_t c, size_t count,
                           quads *to, const bool whole) {
  const uint8x16_t flips = vdupq_n_u8(x->args->flip ^ 0x80);
  const size_t next = x->groups, channels = b->count;
  const uint8_t *from[4];
  size_t step[4];
  MN_UNROLL for (int k = 0; k < 4; k++) {
    step[k] = x->step[4 * group + (size_t)k];
    from[k] = x->row[4 * group + (size_t)k] + b->channel + c * step[k];
  }
  for (; count > 0; count--, to += next) {
    int8x16_t rows[4];
    MN_UNROLL for (int k = 0; k < 4; k++) {
      const uint8x16_t codes = whole ? vld1q_u8(from[k]) : load_part(from[k], channels);
      rows[k] = vreinterpretq_s8_u8(veorq_u8(codes, flips));
      from[k] += step[k];
    }
    interleave(*to, rows);
  }
}

/* Functions of their own: their loops need all registers. */
static __attribute__((noinline)) void fill_whole(const work *x, const block *b, size_t group,
                                                 size_t c, size_t count, quads *to) {
  fill_inside(x, b, group, c, count, to, true);
}

static __attribute__((noinline)) void fill_part(const work *x, const block *b, size_t group,
                                                size_t c, size_t count, quads *to) {
  fill_inside(x, b, group, c, count, to, false);
}

/* Columns [first, first + count), which may begin left of the map and end right of it. */
static void fill_columns(work *x, const block *b, ptrdiff_t first, size_t count) {
  const ptrdiff_t width = (ptrdiff_t)x->args->strip.window->in_width;
  const ptrdiff_t last = first + (ptrdiff_t)count;
  const ptrdiff_t begin = first < 0 ? 0 : first, end = last < width ? last : width;
  quads *columns = x->columns;
  for (ptrdiff_t c = first; c < last; c++) {
    for (size_t g = 0; g < x->groups && (c < begin || c >= end); g++) {
      fill_outside(x, b, columns + (size_t)(c - first) * x->groups + g);
    }
  }
  if (begin >= end) return;
  columns += (size_t)(begin - first) * x->groups;
  for (size_t g = 0; g < x->groups; g++, columns++) {
    const size_t inside = (size_t)(end - begin);
    (b->count == COLS ? fill_whole : fill_part)(x, b, g, (size_t)begin, inside, columns);
  }
}

/* ---- Outputs -------------------------------------------------------------------------------- */

/* Four channels of `units` outputs of one row, or of it and the next: the products of `taps` taps
 * of `groups` groups, their weights in registers. */
MN_INLINE void multiply_four(work *x, const block *b, size_t units, size_t plane, const int j,
                             const int taps, const int groups, const int outputs,
                             const bool first) {
  const mn_dw_window *w = x->args->strip.window;
  const size_t next = w->stride_w * (size_t)groups, apart = w->dilation_w * (size_t)groups;
  int8x16_t weights[GROUPS * TAPS][2];
  MN_UNROLL for (int i = 0; i < groups * taps; i++) {
    MN_UNROLL for (int o = 0; o < outputs; o++) weights[i][o] = b->weights[plane][i][o][j];
  }
  const quads *column = (const quads *)x->columns;
  const int32x4_t bias = b->bias[j];
  for (size_t u = 0; u < units; u++, column += next) {
    int32x4_t sum[2];
    MN_UNROLL for (int o = 0; o < outputs; o++) { sum[o] = first ? bias : x->sums[o][u][j]; }
    MN_UNROLL for (int g = 0; g < groups; g++) {
      MN_UNROLL for (int t = 0; t < taps; t++) {
        const int8x16_t codes = column[(size_t)t * apart + (size_t)g][j];
        MN_UNROLL for (int o = 0; o < outputs; o++) {
          sum[o] = vdotq_s32(sum[o], codes, weights[g * taps + t][o]);
        }
      }
    }
    MN_UNROLL for (int o = 0; o < outputs; o++) x->sums[o][u][j] = sum[o];
  }
}

MN_INLINE void multiply(work *x, const block *b, size_t units, const int taps, const int groups,
                        const int outputs) {
  for (int j = 0; j < 4; j++) multiply_four(x, b, units, 0, j, taps, groups, outputs, true);
  for (size_t plane = 1; plane < x->args->planes; plane++) {
    for (int j = 0; j < 4; j++) multiply_four(x, b, units, plane, j, taps, groups, outputs, false);
  }
}

/* Any window. */
static void multiply_any(work *x, const block *b, size_t units, size_t outputs) {
  const mn_dw_window *w = x->args->strip.window;
  const size_t taps = w->kernel_w;
  for (size_t i = 0; i < units * outputs; i++) {
    const size_t u = i / outputs, o = i % outputs;
    int32x4_t sum[4];
    MN_UNROLL for (int j = 0; j < 4; j++) sum[j] = b->bias[j];
    for (size_t q = 0; q < x->args->planes * x->groups * taps; q++) {
      const size_t t = q % taps, g = q / taps % x->groups, plane = q / taps / x->groups;
      const quads *column = (const quads *)x->columns;
      column += (u * w->stride_w + t * w->dilation_w) * x->groups + g;
      MN_UNROLL for (int j = 0; j < 4; j++) {
        sum[j] = vdotq_s32(sum[j], (*column)[j], b->weights[plane][g * taps + t][o][j]);
      }
    }
    MN_UNROLL for (int j = 0; j < 4; j++) x->sums[o][u][j] = sum[j];
  }
}

static void multiply_3_1(work *x, const block *b, size_t units, size_t outputs) {
  if (outputs == 2) {
    multiply(x, b, units, 3, 1, 2);
  } else {
    multiply(x, b, units, 3, 1, 1);
  }
}

static void multiply_5_2(work *x, const block *b, size_t units, size_t outputs) {
  if (outputs == 2) {
    multiply(x, b, units, 5, 2, 2);
  } else {
    multiply(x, b, units, 5, 2, 1);
  }
}

MN_INLINE uint8x16_t codes_of(const int32x4_t *sum, const requant_neon *by, const int kind) {
  return vcombine_u8(requant_codes_neon(sum[0], sum[1], &by[0], kind),
                     requant_codes_neon(sum[2], sum[3], &by[1], kind));
}

MN_INLINE void store_whole(const work *x, const block *b, uint8_t *out, size_t o, size_t units,
                           const int kind) {
  const size_t stride = x->args->strip.out_stride;
  const requant_neon by[2] = {b->requant[0], b->requant[1]}; /* in registers, whatever is stored */
  const sums *from = x->sums[o];
  for (size_t u = 0; u < units; u++, out += stride) vst1q_u8(out, codes_of(from[u], by, kind));
}

static void store_outputs(work *x, const block *b, uint8_t *out, size_t o, size_t units) {
  const size_t stride = x->args->strip.out_stride;
  const int kind = b->count == COLS && b->requant[0].kind == b->requant[1].kind ? b->requant[0].kind
                                                                                : REQUANT_FIXED;
  out += b->channel;
  switch (kind) {
    case REQUANT_RELU: store_whole(x, b, out, o, units, REQUANT_RELU); return;
    case REQUANT_SIGNED: store_whole(x, b, out, o, units, REQUANT_SIGNED); return;
    case REQUANT_RIGHT: store_whole(x, b, out, o, units, REQUANT_RIGHT); return;
    default: break;
  }
  for (size_t u = 0; u < units; u++, out += stride) {
    const size_t low = b->count < 8 ? b->count : 8;
    mn_requant_store_neon(out, stride, x->sums[o][u], 1, low, &b->requant[0]);
    if (b->count > 8) {
      mn_requant_store_neon(out + 8, stride, x->sums[o][u] + 2, 1, b->count - 8, &b->requant[1]);
    }
  }
}

/* Output row y, or y and y + 1, of `blocks` blocks. */
static void run_rows(work *x, size_t y, size_t outputs, size_t blocks) {
  const mn_dw_strip *strip = &x->args->strip;
  const mn_dw_window *w = strip->window;
  const size_t span = (w->kernel_w - 1) * w->dilation_w + 1;
  const size_t fit = (COLUMNS - span) / w->stride_w + 1, most = fit < UNITS ? fit : UNITS;
  point_rows(x, y, outputs);
  for (size_t at = 0, units; at < w->width; at += units) {
    units = w->width - at < most ? w->width - at : most;
    for (const block *b = x->blocks; b < x->blocks + blocks; b++) {
      fill_columns(x, b, (ptrdiff_t)(at * w->stride_w) - (ptrdiff_t)w->pad_left,
                   (units - 1) * w->stride_w + span);
      if (w->kernel_w == 3 && x->groups == 1) {
        multiply_3_1(x, b, units, outputs);
      } else if (w->kernel_w == 5 && x->groups == 2) {
        multiply_5_2(x, b, units, outputs);
      } else {
        multiply_any(x, b, units, outputs);
      }
      for (size_t o = 0; o < outputs; o++) {
        uint8_t *out =
            (uint8_t *)strip->out + (y + o) * strip->out_row_stride + at * strip->out_stride;
        store_outputs(x, b, out, o, units);
      }
    }
  }
}

void mn_dw_q8s_16_dotprod(const mn_dw_q8s_args *args) {
  const mn_dw_strip *rows = &args->strip;
  const mn_dw_window *w = rows->window;
  const size_t together = w->stride_h == 1 && w->dilation_h == 1 && rows->height > 1 ? 2 : 1;
  work x; /* large: its arrays are written before they are read */
  x.args = args;
  x.groups = (w->kernel_h + together + 2) / 4;
  for (size_t c = 0; c < w->channels; c += BLOCKS * COLS) {
    size_t blocks = 0;
    for (; blocks < BLOCKS && c + blocks * COLS < w->channels; blocks++) {
      load_block(&x, &x.blocks[blocks], c + blocks * COLS);
    }
    for (size_t y = 0; y < rows->height; y += together) {
      run_rows(&x, y, rows->height - y < together ? 1 : together, blocks);
    }
  }
}
