/* SPDX-License-Identifier: Apache-2.0
 * Offsets in the arena: the largest piece first, each at the lowest offset where no piece that
 * lives at the same time is in the way. */
#include "base/alloc.h"
#include "plan/plan.h"

static bool live_together(const mn_piece *a, const mn_piece *b) {
  return a->first <= b->last && b->first <= a->last;
}

/* By bytes descending, index ascending; insertion, since pieces are hundreds at most. */
static void sort_by_size(const mn_plan *plan, int32_t *order) {
  for (int32_t i = 0; i < plan->piece_count; i++) {
    int32_t at = i;
    for (; at > 0 && plan->pieces[order[at - 1]].bytes < plan->pieces[i].bytes; at--) {
      order[at] = order[at - 1];
    }
    order[at] = i;
  }
}

/* The lowest free offset for a piece among `count` placed ones, which are sorted by offset. */
static size_t lowest_gap(const mn_plan *plan, const int32_t *by_offset, int32_t count,
                         const mn_piece *piece) {
  size_t offset = 0;
  for (int32_t i = 0; i < count; i++) {
    const mn_piece *other = &plan->pieces[by_offset[i]];
    if (!live_together(piece, other)) continue;
    if (other->offset >= offset + piece->bytes) break;
    if (other->offset + other->bytes > offset) offset = other->offset + other->bytes;
  }
  return offset;
}

static void insert_by_offset(const mn_plan *plan, int32_t *by_offset, int32_t count,
                             int32_t piece) {
  int32_t at = count;
  for (; at > 0 && plan->pieces[by_offset[at - 1]].offset > plan->pieces[piece].offset; at--) {
    by_offset[at] = by_offset[at - 1];
  }
  by_offset[at] = piece;
}

/* Bytes alive at the busiest step. */
static size_t largest_live_set(const mn_plan *plan) {
  size_t largest = 0;
  for (int32_t s = -1; s <= plan->step_count; s++) {
    size_t live = 0;
    for (int32_t i = 0; i < plan->piece_count; i++) {
      const mn_piece *piece = &plan->pieces[i];
      if (piece->first <= s && s <= piece->last) live += piece->bytes;
    }
    if (live > largest) largest = live;
  }
  return largest;
}

mn_status mn_plan_place(mn_plan *plan, mn_error *err) {
  size_t count = (size_t)plan->piece_count;
  int32_t *order = mn_arena_array(&plan->arena, count, sizeof *order);
  int32_t *by_offset = mn_arena_array(&plan->arena, count, sizeof *by_offset);
  if (!order || !by_offset) return mn_fail_memory(err, count * sizeof *order);
  for (size_t i = 0; i < count; i++) plan->pieces[i].bytes = mn_aligned(plan->pieces[i].bytes);
  sort_by_size(plan, order);
  size_t end = 0;
  for (int32_t i = 0; i < plan->piece_count; i++) {
    mn_piece *piece = &plan->pieces[order[i]];
    piece->offset = lowest_gap(plan, by_offset, i, piece);
    insert_by_offset(plan, by_offset, i, order[i]);
    if (piece->offset + piece->bytes > end) end = piece->offset + piece->bytes;
  }
  plan->arena_bytes = end + MN_ALIGN; /* the slack that vector code may rely on */
  plan->least_bytes = largest_live_set(plan) + MN_ALIGN;
  return MN_OK;
}
