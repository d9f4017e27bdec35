/* SPDX-License-Identifier: Apache-2.0
 * Pairs that look alike among many pictures without comparing all pairs: hashes that differ in at
 * most 8 bits have a quarter of 16 bits that differs in at most 2, so each picture looks into the
 * 137 buckets around its own, four times. Sets of pictures grow by union and find. */
#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"
#include "data/look.h"

enum { BUCKETS = 1 << 16, NEIGHBOURS = 137 /* 1 + 16 + 16 * 15 / 2 */ };

typedef struct finder {
  const mn_look *looks;
  size_t count;
  uint32_t *groups;
  uint32_t *list; /* [list_count] pictures that stand for those with equal keys */
  size_t list_count;
  uint32_t *sorted; /* [list_count] positions in list, by bucket */
  uint32_t *begin;  /* [BUCKETS + 1] */
} finder;

static uint32_t root(const finder *f, uint32_t i) {
  while (f->groups[i] != i) {
    f->groups[i] = f->groups[f->groups[i]];
    i = f->groups[i];
  }
  return i;
}

/* The first picture of a group names it. */
static void join(const finder *f, uint32_t a, uint32_t b) {
  a = root(f, a);
  b = root(f, b);
  f->groups[a > b ? a : b] = a > b ? b : a;
}

/* ---- Equal ones ----------------------------------------------------------------------------- */

typedef struct keyed {
  uint64_t key[2];
  uint32_t index;
} keyed;

static int by_key(const void *a, const void *b) {
  const keyed *x = a, *y = b;
  for (int i = 0; i < 2; ++i) {
    if (x->key[i] != y->key[i]) return x->key[i] < y->key[i] ? -1 : 1;
  }
  return (x->index > y->index) - (x->index < y->index);
}

/* Pictures with the same hash and colour: whoever is alike to one is alike to the other. */
static keyed key_of_look(const mn_look *look, uint32_t index) {
  const uint8_t *mean = look->mean;
  const uint64_t colour = (uint64_t)mean[0] << 16 | (uint64_t)mean[1] << 8 | mean[2];
  return (keyed){{look->hash, colour}, index};
}

static keyed key_of_file(const mn_look *look, uint32_t index) {
  return (keyed){{look->file, 0}, index};
}

typedef keyed key_fn(const mn_look *look, uint32_t index);

/* Joins those of equal keys; the first of each goes into the list. */
static void join_equal(finder *f, keyed *keys, key_fn *key, bool flat_too) {
  size_t count = 0;
  for (size_t i = 0; i < f->count; ++i) {
    const mn_look *look = &f->looks[i];
    if (look->seen && (flat_too || !look->flat)) keys[count++] = key(look, (uint32_t)i);
  }
  if (count) qsort(keys, count, sizeof *keys, by_key);
  f->list_count = 0;
  for (size_t i = 0; i < count; ++i) {
    const bool again = i && !memcmp(keys[i].key, keys[i - 1].key, sizeof keys->key);
    if (again) {
      join(f, keys[i].index, keys[i - 1].index);
    } else {
      f->list[f->list_count++] = keys[i].index;
    }
  }
}

/* ---- Near ones ------------------------------------------------------------------------------ */

static uint32_t quarter(const mn_look *look, int band) {
  return (uint32_t)(look->hash >> (16 * band)) & (BUCKETS - 1);
}

static void fill_buckets(finder *f, int band) {
  memset(f->begin, 0, (BUCKETS + 1) * sizeof *f->begin);
  for (size_t i = 0; i < f->list_count; ++i) {
    f->begin[quarter(&f->looks[f->list[i]], band) + 1]++;
  }
  for (int b = 0; b < BUCKETS; ++b) f->begin[b + 1] += f->begin[b];
  for (size_t i = f->list_count; i-- > 0;) { /* each bucket filled from its end */
    const uint32_t b = quarter(&f->looks[f->list[i]], band);
    f->sorted[--f->begin[b + 1]] = (uint32_t)i;
  }
  /* begin[b + 1] is now where bucket b begins. */
  memmove(f->begin, f->begin + 1, BUCKETS * sizeof *f->begin);
  f->begin[BUCKETS] = (uint32_t)f->list_count;
}

static void look_into(finder *f, uint32_t i, uint32_t bucket) {
  const mn_look *look = &f->looks[f->list[i]];
  for (uint32_t at = f->begin[bucket]; at < f->begin[bucket + 1]; ++at) {
    const uint32_t j = f->sorted[at];
    if (j > i && mn_look_alike(look, &f->looks[f->list[j]])) join(f, f->list[i], f->list[j]);
  }
}

/* Differences of at most two bits. */
static void list_neighbours(uint32_t masks[NEIGHBOURS]) {
  int count = 0;
  masks[count++] = 0;
  for (int a = 0; a < 16; ++a) {
    masks[count++] = 1u << a;
    for (int b = 0; b < a; ++b) masks[count++] = 1u << a | 1u << b;
  }
}

static void join_near(finder *f) {
  uint32_t masks[NEIGHBOURS];
  list_neighbours(masks);
  for (int band = 0; band < 4; ++band) {
    fill_buckets(f, band);
    for (uint32_t i = 0; i < f->list_count; ++i) {
      const uint32_t own = quarter(&f->looks[f->list[i]], band);
      for (int m = 0; m < NEIGHBOURS; ++m) look_into(f, i, own ^ masks[m]);
    }
  }
}

mn_status mn_look_group(const mn_look *looks, size_t count, uint32_t *groups, mn_error *err) {
  finder f = {.looks = looks, .count = count, .groups = groups};
  keyed *keys = mn_alloc(count * sizeof *keys);
  f.list = mn_alloc(count * sizeof *f.list);
  f.sorted = mn_alloc(count * sizeof *f.sorted);
  f.begin = mn_alloc((BUCKETS + 1) * sizeof *f.begin);
  const bool fits = keys && f.list && f.sorted && f.begin;
  for (size_t i = 0; i < count; ++i) groups[i] = (uint32_t)i;
  if (fits) {
    join_equal(&f, keys, key_of_file, true);
    join_equal(&f, keys, key_of_look, false);
    join_near(&f);
    for (size_t i = 0; i < count; ++i) groups[i] = root(&f, (uint32_t)i);
  }
  mn_free(keys);
  mn_free(f.list);
  mn_free(f.sorted);
  mn_free(f.begin);
  return fits ? MN_OK : mn_fail_memory(err, count * sizeof *keys);
}
