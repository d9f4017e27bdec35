/* SPDX-License-Identifier: Apache-2.0
 * See strips.h. One schedule serves twice: simulated when the plan is made, to see how many rows
 * each ring must hold, and in every run. A layer asks those it reads for what its next rows need,
 * and they ask in turn; nobody makes more than is asked. So how far each has come depends on the
 * last layer's row only, and a share that begins anywhere fits the same rings. */
#include "ops/strips.h"

#include "base/alloc.h"
#include "ops/operand.h"

static int32_t height_of(const mn_operand *operand) { return operand->shape.dim[1]; }

/* Maps that a layer reads: of an addition two, else one beside constants. */
static int sides_of(const mn_step *step) { return step->node->op == MN_OP_ADD ? 2 : 1; }

static int32_t clamp_row(int64_t row, int32_t height) {
  return row < 0 ? 0 : row > height ? height : (int32_t)row;
}

/* The first input row that output row `y` needs, and the end of those that rows before `y` do. */
static int32_t need_begin(const mn_strip_layer *layer, int side, int32_t y) {
  return clamp_row((int64_t)y * layer->reach.stride - layer->reach.before,
                   height_of(&layer->step->in[side]));
}
static int32_t need_end(const mn_strip_layer *layer, int side, int32_t y) {
  const mn_reach *reach = &layer->reach;
  return clamp_row((int64_t)(y - 1) * reach->stride - reach->before + reach->span,
                   height_of(&layer->step->in[side]));
}

/* ---- The schedule ------------------------------------------------------------------------- */

typedef struct schedule schedule;
typedef void make_rows(schedule *at, int32_t layer, int32_t first, int32_t last);

struct schedule {
  const mn_strips *strips;
  make_rows *make;
  int32_t made[MN_MOST_LAYERS]; /* the end of the rows that each layer has made */
  mn_strip_layer *laid;         /* simulating: the layers to lay out */
  const mn_run *run;            /* running: */
  int32_t image;
};

/* Every layer stands before the first row that row `y` of the last one needs. */
static void start_at(schedule *at, int32_t y) {
  const mn_strips *strips = at->strips;
  for (int32_t k = 0; k < strips->count - 1; k++) {
    at->made[k] = height_of(&strips->layers[k].step->out);
  }
  at->made[strips->count - 1] = y;
  for (int32_t k = strips->count - 1; k > 0; k--) {
    const mn_strip_layer *layer = &strips->layers[k];
    for (int side = 0; side < 2; side++) {
      if (layer->from[side] == MN_NONE) continue;
      int32_t *made = &at->made[layer->from[side]], begin = need_begin(layer, side, at->made[k]);
      if (begin < *made) *made = begin;
    }
  }
}

static void advance(schedule *at, int32_t k, int32_t last) {
  const mn_strip_layer *layer = &at->strips->layers[k];
  while (at->made[k] < last) {
    const int32_t first = at->made[k];
    const int32_t end = last - first > layer->most ? first + layer->most : last;
    for (int side = 0; side < 2; side++) {
      if (layer->from[side] != MN_NONE) advance(at, layer->from[side], need_end(layer, side, end));
    }
    at->make(at, k, first, end);
    at->made[k] = end;
  }
}

/* ---- Planning ----------------------------------------------------------------------------- */

static bool is_map(const mn_operand *operand) { return operand->shape.rank == 4; }

bool mn_strips_take(const mn_step *step) {
  mn_reach reach;
  if (!step->impl->run_band || step->node->out_count != 1 || !is_map(&step->out)) return false;
  for (int side = 0; side < sides_of(step); side++) {
    const mn_operand *in = &step->in[side];
    if (!is_map(in) || in->data || in->shape.dim[0] != step->out.shape.dim[0]) return false;
  }
  return step->impl->reach(step, &reach);
}

/* How many rows must a layer's ring hold, so that new ones take no place of one still needed? */
static void count_rows(schedule *at, int32_t k, int32_t first, int32_t last) {
  mn_strip_layer *layer = &at->laid[k];
  int32_t oldest = first;
  for (int32_t r = k + 1; r <= layer->last_reader; r++) {
    for (int side = 0; side < 2; side++) {
      if (at->laid[r].from[side] != k) continue;
      int32_t begin = need_begin(&at->laid[r], side, at->made[r]);
      if (begin < oldest) oldest = begin;
    }
  }
  if (last - oldest > layer->ring_rows) layer->ring_rows = last - oldest;
}

static void connect(mn_strips *strips, int32_t k) {
  mn_strip_layer *layer = &strips->layers[k];
  const int sides = sides_of(layer->step);
  for (int side = 0; side < 2; side++) {
    layer->from[side] = MN_NONE;
    for (int32_t i = 0; i < k && side < sides; i++) {
      if (strips->layers[i].step->out.value != layer->step->in[side].value) continue;
      layer->from[side] = i;
      strips->layers[i].last_reader = k;
    }
  }
}

static void add_layer(mn_strips *strips, int32_t k, const mn_step *step, size_t pixels) {
  mn_strip_layer *layer = &strips->layers[k];
  const size_t width = (size_t)step->out.shape.dim[2];
  *layer = (mn_strip_layer){.step = step};
  step->impl->reach(step, &layer->reach);
  layer->most = (int32_t)(pixels > width ? pixels / width : 1);
  layer->row_bytes = width * mn_operand_channels(&step->out) * mn_type_bytes(step->out.type);
  connect(strips, k);
}

/* The last layer's rows of a slice. */
static int32_t slice_rows(const mn_strips *strips) {
  return strips->layers[strips->count - 1].most;
}

/* What a ring holds during a share of everything, and at the first slice of a share that begins
 * further down, which makes more rows than any that follows. */
static void simulate(mn_strips *strips, const mn_strips_request *request) {
  const int32_t last = strips->count - 1, rows = slice_rows(strips);
  const int32_t height = height_of(&strips->layers[last].step->out);
  schedule at = {.strips = strips, .make = count_rows, .laid = strips->layers};
  start_at(&at, 0);
  advance(&at, last, height);
  if (request->threads == 1) return;
  const int32_t apart = request->estimate ? (height / 2 / rows + 1) * rows : rows;
  for (int32_t y = apart; y < height; y += apart) {
    start_at(&at, y);
    advance(&at, last, height - y < rows ? height : y + rows);
  }
}

void mn_strips_lay_out(mn_strips *strips, const mn_step *steps, int32_t count,
                       const mn_strips_request *request) {
  size_t most = 0;
  strips->count = count;
  for (int32_t k = 0; k < count; k++) {
    add_layer(strips, k, &steps[k], request->pixels);
    if (steps[k].scratch_bytes > most) most = steps[k].scratch_bytes;
  }
  mn_strip_layer *last = &strips->layers[count - 1];
  /* As many slices for every worker. */
  const int32_t share = (height_of(&last->step->out) + request->threads - 1) / request->threads;
  const int32_t slices = (share + last->most - 1) / last->most;
  if (request->threads > 1) last->most = (share + slices - 1) / slices;
  simulate(strips, request);
  strips->scratch = 0;
  for (mn_strip_layer *layer = strips->layers; layer < last; layer++) {
    layer->ring = strips->scratch;
    strips->scratch += mn_aligned((size_t)layer->ring_rows * layer->row_bytes);
  }
  strips->bytes = strips->scratch + most;
}

static size_t slices_of_image(const mn_strips *strips) {
  const mn_step *last = strips->layers[strips->count - 1].step;
  return (size_t)(height_of(&last->out) + slice_rows(strips) - 1) / (size_t)slice_rows(strips);
}

/* ---- Running ------------------------------------------------------------------------------ */

/* Where a layer's rows are: its ring, or the arena when it is the last. */
static mn_rows rows_of(const schedule *at, int32_t k) {
  const mn_strip_layer *layer = &at->strips->layers[k];
  if (k == at->strips->count - 1) return mn_operand_rows(at->run, &layer->step->out, at->image);
  unsigned char *ring = (unsigned char *)at->run->scratch + layer->ring;
  return (mn_rows){ring, layer->row_bytes, layer->ring_rows};
}

static void run_rows(schedule *at, int32_t k, int32_t first, int32_t last) {
  const mn_strip_layer *layer = &at->strips->layers[k];
  const mn_step *step = layer->step;
  mn_band band = {.out = rows_of(at, k), .first = first, .last = last};
  band.scratch = (unsigned char *)at->run->scratch + at->strips->scratch;
  for (int side = 0; side < sides_of(step); side++) {
    const int32_t from = layer->from[side];
    band.in[side] =
        from == MN_NONE ? mn_operand_rows(at->run, &step->in[side], at->image) : rows_of(at, from);
  }
  step->impl->run_band(step, &band);
}

static void run_slices(const mn_step *step, const mn_run *run, size_t begin, size_t end) {
  const mn_strips *strips = step->params;
  const size_t per_image = slices_of_image(strips);
  const int32_t rows = slice_rows(strips), height = height_of(&step->out);
  schedule at = {.strips = strips, .make = run_rows, .run = run};
  while (begin < end) {
    const size_t image = begin / per_image, first = begin - image * per_image;
    const size_t stop = end - begin < per_image - first ? end : begin + per_image - first;
    at.image = (int32_t)image;
    start_at(&at, (int32_t)first * rows);
    advance(&at, strips->count - 1, clamp_row((int64_t)(first + stop - begin) * rows, height));
    begin = stop;
  }
}

static const mn_op_impl strips_impl = {.run = run_slices};

void mn_strips_become(mn_step *step, mn_strips *strips) {
  step->impl = &strips_impl;
  step->params = strips;
  step->packed_bytes = 0;
  step->scratch_bytes = strips->bytes;
  step->slices = (size_t)step->out.shape.dim[0] * slices_of_image(strips);
}
