/* SPDX-License-Identifier: Apache-2.0
 * See stratify.h. Every picture has a rank from the seed and its name, a group that of its lowest.
 * Groups are visited by rank and held back where no class gets more than it should; a class that
 * gets nothing so has a group divided. */
#include "data/stratify.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"
#include "base/hash.h"
#include "base/rng.h"

/* An item in the order in which groups are visited. */
typedef struct ranked {
  uint64_t rank;       /* of the item */
  uint64_t group_rank; /* the lowest in its group */
  uint32_t group, index;
} ranked;

typedef struct split {
  const mn_stratum_item *items;
  ranked *order; /* [count] */
  size_t count;
  bool *held;
  mn_stratum *strata;
  size_t *members; /* [classes] of the group being looked at */
  int32_t classes;
} split;

static uint64_t rank_of(const char *name, uint64_t seed) {
  const uint64_t hash = mn_hash_bytes(MN_HASH_BEGIN, name, strlen(name));
  mn_rng rng = mn_rng_at(seed, MN_RNG_SPLIT, 0, hash);
  const uint64_t high = mn_rng_word(&rng);
  return high << 32 | mn_rng_word(&rng);
}

static int by_group(const void *a, const void *b) {
  const ranked *x = a, *y = b;
  if (x->group_rank != y->group_rank) return x->group_rank < y->group_rank ? -1 : 1;
  if (x->group != y->group) return x->group < y->group ? -1 : 1;
  if (x->rank != y->rank) return x->rank < y->rank ? -1 : 1;
  return (x->index > y->index) - (x->index < y->index);
}

/* Orders the items; `lowest` is [count], of each group by its first item. */
static void rank_items(split *s, uint64_t seed, uint64_t *lowest) {
  for (size_t i = 0; i < s->count; ++i) lowest[i] = UINT64_MAX;
  for (size_t i = 0; i < s->count; ++i) {
    const mn_stratum_item *item = &s->items[i];
    s->order[i] = (ranked){rank_of(item->name, seed), 0, item->group, (uint32_t)i};
    if (s->order[i].rank < lowest[item->group]) lowest[item->group] = s->order[i].rank;
  }
  for (size_t i = 0; i < s->count; ++i) s->order[i].group_rank = lowest[s->order[i].group];
  if (s->count) qsort(s->order, s->count, sizeof *s->order, by_group);
}

static void set_wanted(split *s, double fraction) {
  memset(s->strata, 0, (size_t)s->classes * sizeof *s->strata);
  for (size_t i = 0; i < s->count; ++i) s->strata[s->items[i].class_index].count++;
  for (int32_t c = 0; c < s->classes; ++c) {
    mn_stratum *stratum = &s->strata[c];
    if (stratum->count < 2 || !(fraction > 0)) continue;
    const double wanted = floor((double)stratum->count * fraction + 0.5);
    const size_t most = stratum->count - 1;
    stratum->wanted = wanted < 1 ? 1 : wanted > (double)most ? most : (size_t)wanted;
  }
}

/* One past the last of the group at `begin`. */
static size_t group_end(const split *s, size_t begin) {
  size_t end = begin + 1;
  while (end < s->count && s->order[end].group == s->order[begin].group) end++;
  return end;
}

static void hold(split *s, uint32_t index) {
  if (s->held[index]) return;
  s->held[index] = true;
  s->strata[s->items[index].class_index].held++;
}

/* Whether holding a whole group leaves every class with at most what it should have. */
static bool fits(split *s, size_t begin, size_t end) {
  bool right = true;
  for (size_t i = begin; i < end; ++i) s->members[s->items[s->order[i].index].class_index]++;
  for (size_t i = begin; i < end; ++i) {
    const int32_t c = s->items[s->order[i].index].class_index;
    const mn_stratum *stratum = &s->strata[c];
    right = right && stratum->held + s->members[c] <= stratum->wanted;
  }
  for (size_t i = begin; i < end; ++i) s->members[s->items[s->order[i].index].class_index] = 0;
  return right;
}

static void hold_groups(split *s) {
  for (size_t begin = 0; begin < s->count;) {
    const size_t end = group_end(s, begin);
    if (fits(s, begin, end)) {
      for (size_t i = begin; i < end; ++i) hold(s, s->order[i].index);
    }
    begin = end;
  }
}

/* A class whose groups are all larger than what it should give: single pictures of them. */
static void hold_singles(split *s) {
  for (int32_t c = 0; c < s->classes; ++c) {
    s->strata[c].broken = s->strata[c].wanted > 0 && s->strata[c].held * 2 < s->strata[c].wanted;
  }
  for (size_t i = 0; i < s->count; ++i) {
    const uint32_t index = s->order[i].index;
    const mn_stratum *stratum = &s->strata[s->items[index].class_index];
    if (stratum->broken && stratum->held < stratum->wanted) hold(s, index);
  }
}

mn_status mn_stratify(const mn_stratum_item *items, size_t count, const mn_stratify_rule *rule,
                      bool *held, mn_stratum *strata, int32_t classes, mn_error *err) {
  split s = {.items = items, .count = count, .held = held, .strata = strata, .classes = classes};
  s.order = mn_alloc(count * sizeof *s.order);
  s.members = mn_alloc_zero((size_t)classes * sizeof *s.members);
  uint64_t *lowest = mn_alloc(count * sizeof *lowest);
  const bool room = s.order && s.members && lowest;
  if (room) {
    memset(held, 0, count * sizeof *held);
    rank_items(&s, rule->seed, lowest);
    set_wanted(&s, rule->fraction);
    hold_groups(&s);
    hold_singles(&s);
  }
  mn_free(s.order);
  mn_free(s.members);
  mn_free(lowest);
  return room ? MN_OK : mn_fail_memory(err, count * sizeof *s.order);
}
