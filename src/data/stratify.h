/* SPDX-License-Identifier: Apache-2.0
 * Which pictures are held back when a set states no split: the same fraction of every class, chosen
 * by a seed and the pictures' names, so that pictures that are added later move none of the others;
 * and groups (pictures that look alike) as a whole. */
#ifndef MN_DATA_STRATIFY_H
#define MN_DATA_STRATIFY_H

#include <stdbool.h>

#include "base/error.h"

typedef struct mn_stratum_item {
  int32_t class_index; /* 0 .. classes - 1 */
  uint32_t group;      /* the first item of its group */
  const char *name;    /* within the set */
} mn_stratum_item;

/* What came of a class. */
typedef struct mn_stratum {
  size_t count, wanted, held;
  bool broken; /* too much of it looks alike: groups were not kept together */
} mn_stratum;

typedef struct mn_stratify_rule {
  double fraction; /* of each class, rounded; at least one of two or more, unless it is 0 */
  uint64_t seed;
} mn_stratify_rule;

/* held: [count]; strata: [classes]. Error: MEMORY. */
mn_status mn_stratify(const mn_stratum_item *items, size_t count, const mn_stratify_rule *rule,
                      bool *held, mn_stratum *strata, int32_t classes, mn_error *err);

#endif
