/* SPDX-License-Identifier: Apache-2.0
 * Which values of a network are int8 codes, and which of them share a scale: what LiteRT's int8
 * operators demand (TensorFlow Lite's 8-bit quantization specification; docs/training.md). */
#ifndef MN_TRAIN_CODE_POINTS_H
#define MN_TRAIN_CODE_POINTS_H

#include "graph/graph.h"
#include "train/code_scale.h"

/* What a value's node does for its codes: OBSERVE: its group's range is that of this value; ROUND:
 * what it computes is rounded to codes (and not only moved). */
enum { MN_CODES_OBSERVE = 1, MN_CODES_ROUND = 2 };

typedef struct mn_code_points {
  int32_t *group; /* [values] whose range a value has; MN_NONE: none of these (weights, biases) */
  uint8_t *role;  /* [values] of MN_CODES_... */
  /* [group_count] where the range follows from an operator, a constant or the contract; else low ==
   * high, and it is observed. */
  mn_code_range *fixed;
  /* [group_count] the first of the groups whose codes lie in one tensor (a concatenation's): their
   * scale is that of all their ranges together. Each has a range of its own, because what is seen
   * of the whole is rounded already, and could only become less. */
  int32_t *first;
  int32_t group_count;
} mn_code_points;

/* Of a graph as mn_deploy_fold makes it; arrays in `arena`. Errors: UNSUPPORTED, naming the node
 * that has no int8 form; MEMORY. */
mn_status mn_code_points_find(mn_code_points *out, const mn_graph *folded, mn_arena *arena,
                              mn_error *err);

/* Of a graph as mn_deploy_prepare makes it: the same groups, found by names. */
mn_status mn_code_points_prepared(mn_code_points *out, const mn_graph *prepared, mn_arena *arena,
                                  mn_error *err);

/* What the codes of a group span, of [group_count] ranges. */
mn_code_range mn_code_points_range(const mn_code_points *points, const mn_code_range *ranges,
                                   int32_t group);

/* A level of the picture is a code: real = range.low at level 0. False when channels have scales of
 * their own: then `range` spans all of them, and the input is rounded. */
bool mn_code_points_levels(const mn_contract *contract, mn_code_range *range);

#endif
