/* SPDX-License-Identifier: Apache-2.0
 * Placement: what no placement can go below (the largest live set) is reached within 5 % on every
 * kind of published network, and on random lifetimes no two pieces overlap. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "../tiny_net.h"
#include "mobilenet/zoo.h"
#include "plan/plan.h"

static const char *const networks[] = {
    "v1-0.25-96",
    "v1-0.25-128",
    "v1-1.0-224",
    "v2-0.35-96",
    "v2-0.5-224",
    "v2-1.0-224",
    "v3-large-1.0-224",
    "v3-small-0.75-192",
    "v3-large-min-1.0-224",
    "v4-small-1.0-224",
    "v4-medium-1.0-256",
    "v4-large-1.0-224",
    "v1-1.0-300+ssd",
    "v2-1.0-300+ssdlite",
    "v3-large-1.0-320+ssdlite@torchvision",
    "v2-1.0-257+deeplab",
    "v3-small-1.0-257+deeplab-aspp",
    "v3-large-1.0-256+lraspp",
};

static void networks_come_within_5_percent(void **state) {
  (void)state;
  for (size_t i = 0; i < sizeof networks / sizeof networks[0]; i++) {
    mn_error err;
    mn_model *model;
    mn_plan *plan;
    mn_zoo_options zoo = {.struct_size = sizeof zoo, .counts_only = 1};
    assert_int_equal(mn_model_from_zoo(&model, networks[i], &zoo, &err), MN_OK);
    assert_int_equal(mn_plan_new(&plan, model, NULL, &err), MN_OK);
    size_t arena = mn_plan_arena_bytes(plan), least = mn_plan_least_bytes(plan);
    if (arena < least || arena - least > least / 20) {
      fail_msg("%s: %zu bytes, %zu at least", networks[i], arena, least);
    }
    mn_plan_free(plan);
    mn_model_free(model);
  }
}

enum { PIECES = 60, STEPS = 40 };

static bool live_together(const mn_piece *a, const mn_piece *b) {
  return a->first <= b->last && b->first <= a->last;
}

static void expect_apart(const mn_plan *plan) {
  for (int32_t i = 0; i < plan->piece_count; i++) {
    const mn_piece *a = &plan->pieces[i];
    assert_int_equal(a->offset % 64, 0);
    assert_true(a->offset + a->bytes < plan->arena_bytes);
    for (int32_t j = i + 1; j < plan->piece_count; j++) {
      const mn_piece *b = &plan->pieces[j];
      bool overlap = a->offset < b->offset + b->bytes && b->offset < a->offset + a->bytes;
      assert_false(live_together(a, b) && overlap);
    }
  }
}

/* Lifetimes that no network has: long ones of small pieces across short ones of large pieces. */
static void random_lifetimes_never_overlap(void **state) {
  (void)state;
  uint64_t seed = 5;
  for (int trial = 0; trial < 300; trial++) {
    mn_piece pieces[PIECES];
    mn_error err;
    mn_plan plan = {.pieces = pieces, .piece_count = PIECES, .step_count = STEPS};
    for (int i = 0; i < PIECES; i++) {
      int32_t first = (int32_t)(tiny_random(&seed) % STEPS);
      int32_t length = (int32_t)(tiny_random(&seed) % (i % 4 ? 4 : STEPS));
      pieces[i] = (mn_piece){.bytes = tiny_random(&seed) % (i % 4 ? 90000 : 9000),
                             .first = first,
                             .last = first + length};
    }
    assert_int_equal(mn_plan_place(&plan, MN_PLAN_MEMORY, &err), MN_OK);
    expect_apart(&plan);
    assert_true(plan.least_bytes <= plan.arena_bytes);
    assert_true(plan.arena_bytes <= plan.least_bytes * 13 / 10);
    mn_arena_free(&plan.arena);
  }
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(networks_come_within_5_percent),
      cmocka_unit_test(random_lifetimes_never_overlap),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
