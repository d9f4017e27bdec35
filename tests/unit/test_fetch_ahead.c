/* SPDX-License-Identifier: Apache-2.0
 * What steps fetch for later ones: constants of later steps that use them once, no byte twice, no
 * more at a time than a part of the cache, and no more than a step has time for. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
/* after those three */
#include <cmocka.h>
#include <stdlib.h>

#include "base/cache_size.h"
#include "plan/plan.h"
#include "zoo/zoo.h"

static mn_graph graph;

static mn_plan *plan_of(const char *name, int threads) {
  mn_plan *plan;
  mn_error err;
  mn_arch arch;
  mn_plan_request request = {.threads = threads};
  if (mn_arch_parse(&arch, name, 0, &err)) fail_msg("%s", err.text);
  if (mn_zoo_build(&graph, &arch, MN_ZOO_ZEROS, 0, &err)) fail_msg("%s", err.text);
  if (mn_cpu_level(NULL, &request.features, &err)) fail_msg("%s", err.text);
  if (mn_plan_build(&plan, &graph, &request, &err)) fail_msg("%s", err.text);
  return plan;
}

/* The step whose constants lie there. */
static int32_t owner_of(const mn_plan *plan, const unsigned char *at) {
  for (int32_t s = 0; s < plan->step_count; s++) {
    const mn_step *step = &plan->steps[s];
    const unsigned char *packed = step->packed;
    if (step->part_count == 0 && packed <= at && at < packed + step->packed_bytes) return s;
  }
  return -1;
}

/* Counts the bytes that the first worker fetches, each of which must be another's and wanted. */
static size_t count_fetched(const mn_plan *plan, const mn_ahead *ahead, int32_t by,
                            unsigned char *seen, int32_t *due) {
  size_t count = 0;
  for (size_t i = 0; i < ahead->bytes; i++) {
    const size_t at = (size_t)(ahead->from + i - (const unsigned char *)plan->packed);
    const int32_t owner = owner_of(plan, ahead->from + i);
    assert_true(at < plan->packed_bytes);
    assert_false(seen[at]);
    seen[at] = 1;
    if (owner < 0) continue; /* between two packs */
    assert_true(owner > by);
    assert_true(mn_plan_step_macs(plan, &plan->steps[owner]) <= plan->steps[owner].packed_bytes);
    due[owner]++;
    count++;
  }
  return count;
}

static size_t check(const char *name, int threads) {
  mn_plan *plan = plan_of(name, threads);
  unsigned char *seen = calloc(plan->packed_bytes, 1);
  int32_t *due = calloc((size_t)plan->step_count, sizeof *due);
  size_t outstanding = 0, all = 0;
  assert_non_null(seen);
  assert_non_null(due);
  for (int32_t s = 0; s < plan->step_count; s++) {
    const mn_step *step = &plan->steps[s];
    outstanding -= (size_t)due[s];
    assert_true(step->ahead.bytes <= step->spare);
    const size_t bytes = count_fetched(plan, &step->ahead, s, seen, due);
    outstanding += bytes;
    all += bytes;
    assert_true(outstanding <= mn_l2_bytes() / 4);
    assert_int_equal(mn_ahead_of(step, 0).bytes, step->ahead.bytes);
    if (!step->ahead.apart) assert_int_equal(mn_ahead_of(step, 1).bytes, 0);
  }
  assert_int_equal(outstanding, 0);
  free(seen), free(due);
  mn_plan_free(plan);
  mn_graph_free(&graph);
  return all;
}

static void test_networks(void **state) {
  (void)state;
  for (int threads = 1; threads <= 3; threads++) {
    assert_true(check("v3-small-0.5-224", threads) > 0);
    assert_true(check("v2-0.35-96", threads) > 0);
    check("v1-0.25-128", threads);
  }
}

/* Workers' parts of a layer lie side by side. */
static void test_parts(void **state) {
  (void)state;
  mn_plan *plan = plan_of("v3-small-0.5-224", 2);
  bool apart = false;
  for (int32_t s = 0; s < plan->step_count; s++) {
    const mn_step *step = &plan->steps[s];
    if (!step->ahead.apart) continue;
    const int32_t owner = owner_of(plan, step->ahead.from);
    assert_int_equal(step->ahead.apart, plan->steps[owner].slice_bytes);
    assert_ptr_equal(mn_ahead_of(step, 1).from, step->ahead.from + step->ahead.apart);
    assert_int_equal(mn_ahead_of(step, 1).bytes, step->ahead.bytes);
    apart = true;
  }
  assert_true(apart);
  mn_plan_free(plan);
  mn_graph_free(&graph);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(test_networks),
      cmocka_unit_test(test_parts),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
