/* SPDX-License-Identifier: Apache-2.0
 * Offsets in the arena: pieces in some order, each at the lowest offset where no piece that lives
 * at the same time is in the way. The first order is by size; as long as the arena is larger than
 * the largest live set, the piece at its end goes to the front and all are placed again.
 *
 * For several workers and speed otherwise: a worker has the same part of every map, by rows, and
 * what it wrote is in its own cache, from where others get it at a quarter of the speed, to write
 * over it too. So pieces that take turns in the same memory share their middle, where the part of
 * one of two workers ends. */
#include "base/alloc.h"
#include "base/checked.h"
#include "base/poison.h"
#include "plan/plan.h"

enum { MOST_ROUNDS = 64 };

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

/* What a search works on. */
typedef struct placement {
  mn_plan *plan;
  int32_t *order;     /* [piece_count] */
  int32_t *by_offset; /* [piece_count] */
  size_t *best;       /* [piece_count] offsets of the smallest arena so far */
  size_t end;         /* of that arena */
} placement;

/* Places all pieces in order; returns where in the order the piece at the arena's end stood. */
static int32_t place_all(placement *at, size_t *end) {
  mn_plan *plan = at->plan;
  int32_t last = 0;
  *end = 0;
  for (int32_t i = 0; i < plan->piece_count; i++) {
    mn_piece *piece = &plan->pieces[at->order[i]];
    piece->offset = lowest_gap(plan, at->by_offset, i, piece);
    insert_by_offset(plan, at->by_offset, i, at->order[i]);
    if (piece->offset + piece->bytes <= *end) continue;
    *end = piece->offset + piece->bytes;
    last = i;
  }
  return last;
}

static void keep_if_better(placement *at, size_t end) {
  if (end >= at->end) return;
  at->end = end;
  for (int32_t i = 0; i < at->plan->piece_count; i++) at->best[i] = at->plan->pieces[i].offset;
}

static void move_to_front(int32_t *order, int32_t index) {
  int32_t moved = order[index];
  for (int32_t i = index; i > 0; i--) order[i] = order[i - 1];
  order[0] = moved;
}

static void search(placement *at, size_t least) {
  sort_by_size(at->plan, at->order);
  at->end = SIZE_MAX;
  for (int round = 0; round < MOST_ROUNDS && at->end > least; round++) {
    size_t end;
    int32_t last = place_all(at, &end);
    keep_if_better(at, end);
    move_to_front(at->order, last);
  }
  for (int32_t i = 0; i < at->plan->piece_count; i++) at->plan->pieces[i].offset = at->best[i];
}

/* Whether one of the first `count` pieces of the order that share a middle with `head` is in the
 * way of `piece`. */
static bool is_taken(const placement *at, const int32_t *heads, int32_t count, int32_t head,
                     const mn_piece *piece) {
  for (int32_t i = 0; i < count; i++) {
    if (heads[i] == head && live_together(piece, &at->plan->pieces[at->order[i]])) return true;
  }
  return false;
}

/* Pieces around common middles: each where the first larger one that it never meets is. */
static void centre(placement *at) {
  mn_plan *plan = at->plan;
  int32_t *heads = at->by_offset; /* of the order's pieces, the largest around the same middle */
  sort_by_size(plan, at->order);
  at->end = 0;
  for (int32_t i = 0; i < plan->piece_count; i++) {
    mn_piece *piece = &plan->pieces[at->order[i]];
    int32_t head = 0;
    while (head < i && (heads[head] != head || is_taken(at, heads, i, head, piece))) head++;
    heads[i] = head;
    if (head == i) {
      piece->offset = at->end;
      at->end += piece->bytes;
    } else {
      const mn_piece *around = &plan->pieces[at->order[head]];
      const size_t left = (around->bytes - piece->bytes) / 2;
      piece->offset = around->offset + left / MN_ALIGN * MN_ALIGN;
    }
  }
}

mn_status mn_plan_place(mn_plan *plan, mn_plan_goal goal, mn_error *err) {
  size_t count = (size_t)plan->piece_count, least, sum = 0;
  placement at = {
      .plan = plan,
      .order = mn_arena_array(&plan->arena, count, sizeof *at.order),
      .by_offset = mn_arena_array(&plan->arena, count, sizeof *at.by_offset),
      .best = mn_arena_array(&plan->arena, count, sizeof *at.best),
  };
  if (!at.order || !at.by_offset || !at.best) return mn_fail_memory(err, count * sizeof *at.best);
  for (size_t i = 0; i < count; i++) {
    if (plan->pieces[i].bytes) plan->pieces[i].bytes = mn_aligned(plan->pieces[i].bytes) + MN_GAP;
    if (!mn_add_size(sum, plan->pieces[i].bytes, &sum)) return mn_fail_memory(err, SIZE_MAX);
  }
  least = largest_live_set(plan);
  if (plan->threads > 1 && goal == MN_PLAN_SPEED) {
    centre(&at);
  } else {
    search(&at, least);
  }
  plan->arena_bytes = at.end + MN_ALIGN; /* the slack that vector code may rely on */
  plan->least_bytes = least + MN_ALIGN;
  return MN_OK;
}
