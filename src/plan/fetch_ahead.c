/* SPDX-License-Identifier: Apache-2.0
 * Who fetches whose constants. Steps that use their weights once (the dense layers of a gate, a
 * classifier) take as long as these take to come from memory, while products of many pixels leave
 * memory idle: they fetch meanwhile what such steps will need, as late as they can, and no more at
 * a time than a part of the L2 cache holds. */
#include "base/alloc.h"
#include "base/cache_size.h"
#include "base/error.h"
#include "plan/plan.h"

enum { LINE = 64 };

/* What later steps need and nobody fetches yet, the latest step's first. */
typedef struct wanted {
  mn_ahead *spans; /* [count] */
  int32_t count;
  size_t bytes; /* of all, for one worker */
} wanted;

static bool is_read_once(const mn_plan *plan, const mn_step *step) {
  return step->part_count == 0 && step->packed_bytes > 0 &&
         mn_plan_step_macs(plan, step) <= step->packed_bytes;
}

/* A step's constants; the steps come last one first. */
static void want(wanted *w, const mn_step *step) {
  const bool parts = step->shared && step->slice_bytes > 0;
  const mn_ahead span = {step->packed, parts ? step->slice_bytes : step->packed_bytes,
                         parts ? step->slice_bytes : 0};
  mn_ahead *next = w->count ? &w->spans[w->count - 1] : NULL;
  if (next && !next->apart && !span.apart && span.from + mn_aligned(span.bytes) == next->from) {
    next->bytes += mn_aligned(span.bytes);
    next->from = span.from;
  } else {
    w->spans[w->count++] = span;
  }
  w->bytes += mn_aligned(span.bytes);
}

/* What would not fit is not wanted, what is needed last first. */
static void limit(wanted *w, size_t most) {
  for (int32_t i = 0; i < w->count && w->bytes > most; i++) {
    const size_t excess = w->bytes - most;
    const size_t cut = w->spans[i].bytes < excess ? w->spans[i].bytes : excess;
    w->spans[i].bytes -= cut;
    w->bytes -= cut;
  }
}

/* The end of what is needed first. */
static void fetch(wanted *w, mn_step *step) {
  mn_ahead *first = &w->spans[w->count - 1];
  const size_t bytes = first->bytes < step->spare ? first->bytes : step->spare / LINE * LINE;
  first->bytes -= bytes;
  w->bytes -= bytes;
  step->ahead = (mn_ahead){first->from + first->bytes, bytes, first->apart};
  if (first->bytes == 0) w->count--;
}

mn_status mn_plan_fetch_ahead(mn_plan *plan, mn_error *err) {
  const size_t most = mn_l2_bytes() / 4;
  wanted w = {mn_arena_array(&plan->arena, (size_t)plan->step_count + 1, sizeof *w.spans), 0, 0};
  if (!w.spans) return mn_fail_memory(err, sizeof *w.spans);
  for (int32_t s = plan->step_count - 1; s >= 0; s--) {
    mn_step *step = &plan->steps[s];
    if (is_read_once(plan, step)) {
      want(&w, step);
      limit(&w, most);
    } else if (step->spare > 0 && w.count > 0) {
      fetch(&w, step);
    }
  }
  return MN_OK;
}
