/* SPDX-License-Identifier: Apache-2.0
 * Which steps become one that runs in strips (ops/strips.h).
 *
 * For speed: a map that no cache holds is not made, the layers before and after it are joined.
 *
 * For least memory: of all ways to cut the steps into chains and single ones, those whose busiest
 * step is the least, and of these the one that redoes the least work; found by dynamic programming
 * over the steps in order. Steps and pieces come from an ordinary lowering, so what chains are
 * compared by is exact. */
#include "base/alloc.h"
#include "ops/strips.h"
#include "plan/plan.h"

enum {
  WHOLE = INT32_MAX,    /* a value that has to exist as a whole */
  LARGE_MAP = 3 << 18,  /* bytes of a map that costs time: most of an L2 cache of 1 or 2 MB */
  ROWS_OF_A_WINDOW = 4, /* that each worker makes, so that rows made twice are few among them */
};

/* Pixels that a strip makes at a time, the fastest first, and what each costs in the choice. */
static const struct {
  size_t pixels;
  int32_t cost;
} heights[] = {{256, 2}, {64, 3}, {1, 5}};
enum { HEIGHTS = sizeof heights / sizeof heights[0] };

/* The best way to have done the steps before one. */
typedef struct cut {
  size_t bytes; /* of its busiest step */
  int32_t cost;
  int32_t begin; /* of its last chain */
  int height;    /* of that chain's strips */
} cut;

typedef struct chooser {
  mn_plan *plan;
  int32_t *last_reader; /* [step_count] of a step's output: a step, or WHOLE */
  bool *takes;          /* [step_count] can be a layer */
  cut *best;            /* [step_count + 1] */
  mn_strip_layer layers[MN_MOST_LAYERS];
} chooser;

/* ---- What may be a chain --------------------------------------------------------------------- */

static void find_readers(chooser *at, int32_t *reader_of /* [value_count] */) {
  const mn_plan *plan = at->plan;
  const mn_graph *graph = &plan->graph;
  for (int32_t n = 0, s = 0; n < graph->node_count; n++) {
    const mn_node *node = &graph->nodes[n];
    bool runs = s < plan->step_count && plan->steps[s].node == node; /* else an alias */
    for (int32_t i = 0; i < node->in_count; i++) {
      if (node->in[i] == MN_NONE || reader_of[node->in[i]] == WHOLE) continue;
      reader_of[node->in[i]] = runs ? s : WHOLE;
    }
    if (runs) s++;
  }
  for (int32_t i = 0; i < graph->output_count; i++) reader_of[graph->outputs[i]] = WHOLE;
}

static mn_status prepare(chooser *at, mn_error *err) {
  mn_plan *plan = at->plan;
  const size_t steps = (size_t)plan->step_count, values = (size_t)plan->graph.value_count;
  int32_t *reader_of = mn_arena_array(&plan->arena, values, sizeof *reader_of);
  at->last_reader = mn_arena_array(&plan->arena, steps, sizeof *at->last_reader);
  at->takes = mn_arena_array(&plan->arena, steps, sizeof *at->takes);
  at->best = mn_arena_array(&plan->arena, steps + 1, sizeof *at->best);
  if (!reader_of || !at->last_reader || !at->takes || !at->best) {
    return mn_fail_memory(err, steps * sizeof *at->best);
  }
  find_readers(at, reader_of);
  for (int32_t s = 0; s < plan->step_count; s++) {
    at->last_reader[s] = reader_of[plan->steps[s].out.value];
    at->takes[s] = mn_strips_take(&plan->steps[s]);
  }
  return MN_OK;
}

/* ---- Choosing for speed ---------------------------------------------------------------------- */

static bool is_large(const mn_operand *out) {
  const size_t elements = mn_operand_pixels(out) * mn_operand_channels(out);
  return elements * mn_type_bytes(out->type) / (size_t)out->shape.dim[0] >= LARGE_MAP;
}

static bool looks_around(const mn_step *step) {
  mn_reach reach;
  return step->impl->reach(step, &reach) && reach.span > 1;
}

/* The last step of the chain from `begin` on, itself when there is none. */
static int32_t large_maps_end(const chooser *at, int32_t begin) {
  const mn_plan *plan = at->plan;
  int32_t found = begin, reader = 0, windows = 0;
  for (int32_t s = begin; at->takes[s] && s - begin < MN_MOST_LAYERS; s++) {
    const mn_operand *out = &plan->steps[s].out;
    windows += looks_around(&plan->steps[s]);
    bool shared = plan->threads == 1 ||
                  out->shape.dim[1] >= (int64_t)ROWS_OF_A_WINDOW * windows * plan->threads;
    if (reader <= s && shared) found = s;
    if (at->last_reader[s] == WHOLE || !is_large(out) || s + 1 == plan->step_count) break;
    if (at->last_reader[s] > reader) reader = at->last_reader[s];
  }
  return found;
}

static void choose_for_speed(chooser *at) {
  for (int32_t s = 0; s < at->plan->step_count;) {
    const int32_t end = large_maps_end(at, s) + 1;
    at->best[end].begin = s;
    s = end;
  }
}

/* ---- Choosing for memory --------------------------------------------------------------------- */

/* Bytes of what is alive beside the scratch of steps [begin, end] as a chain. Of one step alone:
 * of all that is alive. */
static size_t bytes_around(const mn_plan *plan, int32_t begin, int32_t end) {
  size_t bytes = 0;
  for (int32_t i = 0; i < plan->piece_count; i++) {
    const mn_piece *piece = &plan->pieces[i];
    bool alive = piece->first <= end && piece->last >= begin;
    bool within = begin < end && piece->first >= begin && piece->last <= end;
    if (alive && !within) bytes += mn_aligned(piece->bytes);
  }
  return bytes;
}

static size_t scratch_of(chooser *at, int32_t begin, int32_t end, size_t pixels) {
  mn_strips strips = {.layers = at->layers};
  mn_strips_request request = {pixels, at->plan->threads, true};
  mn_strips_lay_out(&strips, &at->plan->steps[begin], end - begin + 1, &request);
  return (size_t)at->plan->threads * mn_aligned(strips.bytes);
}

static size_t larger(size_t a, size_t b) { return a > b ? a : b; }

/* Takes steps [begin, end] as a chain if that is less than what is known for `end`. */
static void try_bytes(chooser *at, int32_t begin, int32_t end) {
  cut *best = &at->best[end + 1];
  size_t bytes = larger(at->best[begin].bytes, bytes_around(at->plan, begin, end));
  if (bytes >= best->bytes) return;
  bytes = larger(bytes, bytes_around(at->plan, begin, end) + scratch_of(at, begin, end, 1));
  if (bytes < best->bytes) best->bytes = bytes;
}

/* The same by cost, for chains within `limit` bytes. */
static void try_cost(chooser *at, int32_t begin, int32_t end, size_t limit) {
  cut *best = &at->best[end + 1];
  if (at->best[begin].cost == INT32_MAX) return;
  for (int h = 0; h < HEIGHTS; h++) {
    const int32_t cost = at->best[begin].cost + heights[h].cost * (end - begin);
    if (cost >= best->cost) return;
    size_t scratch = scratch_of(at, begin, end, heights[h].pixels);
    if (bytes_around(at->plan, begin, end) + scratch > limit) continue;
    *best = (cut){0, cost, begin, h};
    return;
  }
}

/* All chains that end with step `end`, the shortest first. */
static void try_chains(chooser *at, int32_t end, size_t limit) {
  if (!at->takes[end]) return;
  for (int32_t begin = end - 1; begin >= 0 && end - begin < MN_MOST_LAYERS; begin--) {
    if (!at->takes[begin] || at->last_reader[begin] > end) return;
    if (limit) {
      try_cost(at, begin, end, limit);
    } else {
      try_bytes(at, begin, end);
    }
  }
}

static void choose_for_memory(chooser *at) {
  const int32_t count = at->plan->step_count;
  at->best[0] = (cut){0, 0, 0, 0};
  for (int32_t s = 0; s < count; s++) {
    at->best[s + 1].bytes = larger(at->best[s].bytes, bytes_around(at->plan, s, s));
    try_chains(at, s, 0);
  }
  const size_t limit = at->best[count].bytes;
  for (int32_t s = 0; s < count; s++) {
    bool fits = bytes_around(at->plan, s, s) <= limit;
    at->best[s + 1] = (cut){0, fits ? at->best[s].cost : INT32_MAX, s, 0};
    try_chains(at, s, limit);
  }
}

/* ---- Doing it -------------------------------------------------------------------------------- */

/* Steps [begin, end] become the one at `to`. */
static mn_status join(chooser *at, int32_t begin, int32_t end, size_t pixels, int32_t to,
                      mn_error *err) {
  mn_plan *plan = at->plan;
  const int32_t count = end - begin + 1;
  mn_strips *strips = mn_arena_take(&plan->arena, sizeof *strips);
  mn_step *parts = mn_arena_array(&plan->arena, (size_t)count, sizeof *parts);
  if (strips) strips->layers = mn_arena_array(&plan->arena, (size_t)count, sizeof *strips->layers);
  if (!strips || !parts || !strips->layers) return mn_fail_memory(err, sizeof *parts);
  for (int32_t i = 0; i < count; i++) parts[i] = plan->steps[begin + i];
  for (int32_t i = 0; i < count - 1; i++) plan->places[parts[i].out.value].piece = MN_NONE;
  mn_strips_request request = {pixels, plan->threads, false};
  mn_strips_lay_out(strips, parts, count, &request);
  mn_step step = parts[count - 1];
  mn_strips_become(&step, strips);
  step.parts = parts;
  step.part_count = count;
  plan->steps[to] = step;
  return mn_plan_add_scratch(plan, to) ? MN_OK : mn_fail_memory(err, SIZE_MAX);
}

static mn_status join_all(chooser *at, mn_error *err) {
  mn_plan *plan = at->plan;
  int32_t *next = at->last_reader; /* from here on: the end of the chain that begins there */
  for (int32_t end = plan->step_count; end > 0; end = at->best[end].begin) {
    next[at->best[end].begin] = end;
  }
  int32_t to = 0;
  for (int32_t s = 0; s < plan->step_count; s = next[s], to++) {
    mn_status status = MN_OK;
    if (next[s] - s > 1) {
      size_t pixels = heights[at->best[next[s]].height].pixels;
      status = join(at, s, next[s] - 1, pixels, to, err);
    } else {
      plan->steps[to] = plan->steps[s];
      plan->scratch[to] = plan->scratch[s];
    }
    if (status) return status;
  }
  plan->step_count = to;
  return MN_OK;
}

mn_status mn_plan_chain(mn_plan *plan, mn_plan_goal goal, mn_error *err) {
  chooser *at = mn_arena_take(&plan->arena, sizeof *at);
  if (!at) return mn_fail_memory(err, sizeof *at);
  at->plan = plan;
  mn_status status = prepare(at, err);
  if (status) return status;
  if (goal == MN_PLAN_MEMORY) {
    choose_for_memory(at);
  } else {
    choose_for_speed(at);
  }
  return join_all(at, err);
}
