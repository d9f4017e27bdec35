/* SPDX-License-Identifier: Apache-2.0
 * The plan: for one graph, batch, size, ISA and thread count, the steps to execute, the kernel of
 * each, every tensor's place in the arena, and the packed weights. Immutable once built.
 *
 *     groups.c     how many images of a batch go through the steps together
 *     lower.c      graph -> steps: shapes bound, reshape and concat turned into aliases
 *     lifetimes.c  which step first writes and last reads each piece of memory
 *     chains.c     which steps become one that runs in strips, their maps never whole
 *     place.c      offsets, largest piece first, then better orders
 *     fetch_ahead.c who fetches whose constants
 *     build_plan.c all of it in order, and packing
 */
#ifndef MN_PLAN_PLAN_H
#define MN_PLAN_PLAN_H

#include "ops/ops.h"

/* Memory that one or more values share (a tensor, those that alias it, those computed in place), or
 * the scratch of one step's workers. */
typedef struct mn_piece {
  size_t bytes;
  size_t offset;       /* from the arena's start, MN_ALIGN-aligned */
  int32_t first, last; /* steps, inclusive; -1 = before the first, step_count = after the last */
} mn_piece;

/* Where a value lives. */
typedef struct mn_place {
  int32_t piece;       /* MN_NONE: a constant, or nothing reads or writes it */
  size_t offset;       /* bytes into the piece */
  size_t pixel_stride; /* in elements */
} mn_place;

typedef struct mn_plan_request {
  int32_t batch;         /* 0 = 1 */
  int32_t height, width; /* of input 0; 0 = the model's own */
  int32_t threads;       /* most workers */
  uint32_t features;
  mn_type precision; /* MN_F32 or MN_BF16 */
  mn_plan_goal goal;
  uint64_t memory_cap; /* on session and packed weights together; 0: none */
  bool keep_all;       /* no two values share memory, everything lives to the end */
  size_t extra_bytes;  /* of a session's block, for the layer above (picture scratch) */
  /* Of a graph with operators of its own, which runs as it is, no pass changing it; NULL: the
   * operators of ops.def. */
  const mn_op_impl *(*impl_of)(mn_op op);
} mn_plan_request;

struct mn_plan {
  mn_graph graph;   /* after passes; constants borrowed from the model's */
  mn_shape *shapes; /* [graph.value_count], of a group */
  int32_t groups;   /* of a batch, each of as many images; a run takes the steps for each */
  mn_place *places; /* [graph.value_count] */
  mn_piece *pieces; /* [piece_count]: values', then the steps' scratch */
  int32_t piece_count;
  mn_id *scratch; /* [step_count] the piece of a step's scratch, or MN_NONE */
  mn_step *steps; /* [step_count] */
  int32_t step_count;
  int32_t threads;
  uint32_t features;
  bool keep_all;
  size_t arena_bytes; /* activations and every worker's scratch, slack included */
  size_t least_bytes; /* the largest live set: no placement can be smaller */
  size_t extra_bytes;
  size_t batch_bytes; /* inputs and outputs of all groups, each aligned; 0: there is one group */
  void *packed;       /* every step's packed constants */
  size_t packed_bytes;
  const void *user; /* the layer above's own (api: the preprocessing) */
  mn_arena arena;
};

/* `graph` is verified and outlives the plan. */
mn_status mn_plan_build(mn_plan **out, const mn_graph *graph, const mn_plan_request *request,
                        mn_error *err);

/* Packs again what is STATE, since it has changed. Sessions of the plan are at rest. */
void mn_plan_repack(const mn_plan *plan, mn_threads *threads);

/* The node's steps that a step stands for: a chain's, or the step itself. */
static inline mn_step *mn_plan_parts(mn_step *step, int32_t *count) {
  *count = step->part_count ? step->part_count : 1;
  return step->part_count ? step->parts : step;
}
/* Multiply-adds of a step. */
uint64_t mn_plan_step_macs(const mn_plan *plan, const mn_step *step);

/* ---- Parts of a build ------------------------------------------------------------------------ */

/* Decides on groups; `inputs`, the shapes of the whole batch by which plan->shapes is bound, are
 * overwritten. Error: MEMORY. */
mn_status mn_plan_group(mn_plan *plan, const mn_plan_request *request, mn_shape *inputs,
                        mn_error *err);
/* Shapes, places (pieces without offsets) and steps, with their scratch. */
mn_status mn_plan_lower(mn_plan *plan, const mn_plan_request *request, mn_error *err);
/* The scratch of step `index` as a piece of its own; false when no size_t holds it. */
bool mn_plan_add_scratch(mn_plan *plan, int32_t index);
/* first and last of every piece; one that nothing needs is empty. */
void mn_plan_lifetimes(mn_plan *plan);
/* Joins steps into chains, by the lifetimes of the plan as it is, which are void afterwards. */
mn_status mn_plan_chain(mn_plan *plan, mn_plan_goal goal, mn_error *err);
/* Offsets, arena_bytes, least_bytes. Greedy by size: Pisarchyk and Lee, "Efficient Memory
 * Management for Deep Neural Net Inference" (2020); where that leaves a gap to the lower bound,
 * other orders are tried. For several workers and speed around common middles. */
mn_status mn_plan_place(mn_plan *plan, mn_plan_goal goal, mn_error *err);
/* Which steps fetch constants of later ones into caches: all that is packed has its place. */
mn_status mn_plan_fetch_ahead(mn_plan *plan, mn_error *err);

#endif
