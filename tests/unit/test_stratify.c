/* SPDX-License-Identifier: Apache-2.0
 * Splits by seed: the fraction of every class, groups as a whole, the same for the same names. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "data/stratify.h"

enum { MOST = 1000 };

static mn_stratum_item items[MOST];
static char names[MOST][16];
static bool held[MOST];
static mn_stratum strata[8];

/* `count` pictures, of class i % classes, each its own group. */
static void make_items(uint32_t count, int32_t classes) {
  for (uint32_t i = 0; i < count; ++i) {
    snprintf(names[i], sizeof names[i], "p%u.jpg", i);
    items[i] = (mn_stratum_item){(int32_t)i % classes, i, names[i]};
  }
}

static void split(size_t count, int32_t classes, double fraction, uint64_t seed) {
  const mn_stratify_rule rule = {fraction, seed};
  assert_int_equal(mn_stratify(items, count, &rule, held, strata, classes, NULL), MN_OK);
  for (int32_t c = 0; c < classes; ++c) {
    size_t really = 0;
    for (size_t i = 0; i < count; ++i) really += held[i] && items[i].class_index == c;
    assert_int_equal(really, strata[c].held);
  }
}

static void every_class_gives_its_fraction(void **state) {
  (void)state;
  make_items(1000, 7); /* 142 or 143 of each */
  split(1000, 7, 0.2, 1);
  for (int c = 0; c < 7; ++c) {
    assert_int_equal(strata[c].wanted, c < 6 ? 29 : 28); /* 28.6 and 28.4 */
    assert_int_equal(strata[c].held, strata[c].wanted);
    assert_false(strata[c].broken);
  }
  split(1000, 7, 0, 1);
  for (int c = 0; c < 7; ++c) assert_int_equal(strata[c].held, 0);
}

static void small_classes(void **state) {
  (void)state;
  make_items(6, 1);
  items[0].class_index = 1; /* one picture */
  items[1].class_index = items[2].class_index = 2;
  split(6, 4, 0.01, 1);
  assert_int_equal(strata[0].held, 1);
  assert_int_equal(strata[1].held, 0);
  assert_int_equal(strata[2].held, 1);
  assert_int_equal(strata[3].count, 0);
  split(6, 4, 1, 1);
  assert_int_equal(strata[0].held, 2);
  assert_int_equal(strata[2].held, 1);
}

static void names_and_seed_decide(void **state) {
  (void)state;
  bool before[MOST];
  make_items(400, 2);
  split(400, 2, 0.25, 1);
  memcpy(before, held, sizeof before);
  split(400, 2, 0.25, 1);
  assert_memory_equal(before, held, 400);
  split(400, 2, 0.25, 2);
  assert_true(memcmp(before, held, 400) != 0);
  /* The same pictures in another order. */
  for (uint32_t i = 0; i < 400; ++i) {
    items[i] = (mn_stratum_item){(int32_t)(399 - i) % 2, i, names[399 - i]};
  }
  split(400, 2, 0.25, 1);
  for (int i = 0; i < 400; ++i) assert_int_equal(held[i], before[399 - i]);
  /* 40 more: most stay where they were, as only the tails of the ranking move. */
  make_items(440, 2);
  split(440, 2, 0.25, 1);
  int moved = 0;
  for (int i = 0; i < 400; ++i) moved += held[i] != before[i];
  assert_true(moved < 25);
}

static void groups_stay_together(void **state) {
  (void)state;
  for (uint64_t seed = 0; seed < 50; ++seed) {
    make_items(600, 3);
    for (uint32_t i = 0; i < 300; ++i) items[i].group = i - i % 10; /* tens, across classes */
    split(600, 3, 0.2, seed);
    for (uint32_t i = 0; i < 300; ++i) assert_int_equal(held[i], held[items[i].group]);
    for (int c = 0; c < 3; ++c) {
      assert_true(strata[c].held <= 40 && strata[c].held >= 38);
      assert_false(strata[c].broken);
    }
  }
}

/* Nearly all of a class looks alike: it is divided all the same, and that is said. */
static void a_class_of_one_group_is_broken(void **state) {
  (void)state;
  make_items(100, 2);
  for (uint32_t i = 0; i < 98; i += 2) items[i].group = 0;
  split(100, 2, 0.2, 3);
  assert_true(strata[0].broken && !strata[1].broken);
  assert_int_equal(strata[0].held, 10);
  assert_int_equal(strata[1].held, 10);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(every_class_gives_its_fraction), cmocka_unit_test(small_classes),
      cmocka_unit_test(names_and_seed_decide),          cmocka_unit_test(groups_stay_together),
      cmocka_unit_test(a_class_of_one_group_is_broken),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
