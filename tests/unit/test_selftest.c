/* SPDX-License-Identifier: Apache-2.0
 * The self-test passes on this machine, and fails for kernels that are wrong in one byte, one float
 * or one tile. The kernel list is described slot by slot with one choice in each. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "api/selftest.h"
#include "mobilenet/diagnostics.h"

static mn_trial trials[2];

static int count_checks(void *user, const mn_selftest_check *check) {
  int *count = user;
  assert_non_null(check->name);
  assert_true(check->passed);
  assert_true(strlen(check->text) > 0);
  ++*count;
  return 0;
}

static void test_passes_here(void **state) {
  (void)state;
  int passed = 0, failed = -1, seen = 0;
  assert_int_equal(mn_selftest(count_checks, &seen, &passed, &failed, NULL), MN_OK);
  assert_int_equal(failed, 0);
  assert_int_equal(passed, seen);
  assert_true(passed >= MN_SLOT_COUNT - 1); /* gemm_q8s has no reference kernel */
}

static int stop_at_once(void *user, const mn_selftest_check *check) {
  (void)user, (void)check;
  return 1;
}

static void test_can_be_cancelled(void **state) {
  (void)state;
  int passed, failed;
  mn_error err;
  assert_int_equal(mn_selftest(stop_at_once, NULL, &passed, &failed, &err), MN_ERR_CANCELLED);
  assert_int_equal(passed + failed, 1);
}

static void wrong_lut8(const mn_lut8_args *args) {
  for (size_t i = 0; i < args->count; i++) args->out[i] = args->table[args->in[i]];
  args->out[args->count - 1] ^= 1;
}

static void wrong_add_f32(const mn_binary_f32_args *args) {
  ((mn_add_f32_fn *)mn_kernel_select(MN_SLOT_add_f32, 0)->function)(args);
  args->out[args->count - 1] += 0.01f;
}

static bool judge(mn_slot slot, mn_any_fn *function, mn_tile tile) {
  const mn_kernel kernel = {slot, 0, 1, "wrong", function, tile};
  char text[160] = "";
  const bool passed = mn_selftest_kernel(&trials[0], &trials[1], &kernel, text, sizeof text);
  assert_true(strlen(text) > 0);
  return passed;
}

static void test_finds_wrong_kernels(void **state) {
  (void)state;
  const mn_tile one = {1, 1, 1}, wide = {1, TRIAL_COLS_MOST + 1, 1};
  const mn_kernel *lut8 = mn_kernel_select(MN_SLOT_lut8, 0);
  assert_true(judge(MN_SLOT_lut8, lut8->function, one));
  assert_false(judge(MN_SLOT_lut8, (mn_any_fn *)wrong_lut8, one));
  assert_false(judge(MN_SLOT_lut8, lut8->function, wide));
  assert_false(judge(MN_SLOT_add_f32, (mn_any_fn *)wrong_add_f32, one));
}

static void test_network_tells_levels_apart_from_errors(void **state) {
  (void)state;
  uint64_t once = 0, again = 1;
  mn_error err;
  assert_int_equal(mn_selftest_network("scalar", &once, &err), MN_OK);
  assert_int_equal(mn_selftest_network(NULL, &again, &err), MN_OK);
  assert_true(once == again);
  assert_int_equal(mn_selftest_network("sse9", &once, &err), MN_ERR_ARGUMENT);
}

static void test_describes_kernels(void **state) {
  (void)state;
  mn_kernel_info info, before = {0};
  int chosen[MN_SLOT_COUNT] = {0};
  for (int i = 0; i < mn_kernel_count(); i++) {
    assert_int_equal(mn_kernel_describe(&info, i, NULL, NULL), MN_OK);
    for (int slot = 0; slot < MN_SLOT_COUNT; slot++) {
      if (strcmp(info.slot, mn_slot_name((mn_slot)slot)) == 0) chosen[slot] += info.chosen;
    }
    if (info.chosen) assert_true(info.allowed && info.available);
    before = info;
  }
  assert_non_null(before.name);
  for (int slot = 0; slot < MN_SLOT_COUNT; slot++) {
    if (slot == MN_SLOT_gemm_q8s) continue; /* none without VNNI */
    assert_int_equal(chosen[slot], 1);
  }
}

static void test_scalar_level_uses_reference(void **state) {
  (void)state;
  mn_kernel_info info;
  for (int i = 0; i < mn_kernel_count(); i++) {
    assert_int_equal(mn_kernel_describe(&info, i, "scalar", NULL), MN_OK);
    assert_int_equal(info.chosen, strcmp(info.isa, "scalar") == 0);
  }
}

static void test_refuses_nonsense(void **state) {
  (void)state;
  mn_kernel_info info;
  mn_error err;
  assert_int_equal(mn_kernel_describe(&info, mn_kernel_count(), NULL, &err), MN_ERR_ARGUMENT);
  assert_int_equal(mn_kernel_describe(&info, -1, NULL, &err), MN_ERR_ARGUMENT);
  assert_int_equal(mn_kernel_describe(&info, 0, "sse9", &err), MN_ERR_ARGUMENT);
  assert_non_null(strstr(err.text, "sse9"));
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(test_passes_here),
      cmocka_unit_test(test_can_be_cancelled),
      cmocka_unit_test(test_finds_wrong_kernels),
      cmocka_unit_test(test_network_tells_levels_apart_from_errors),
      cmocka_unit_test(test_describes_kernels),
      cmocka_unit_test(test_scalar_level_uses_reference),
      cmocka_unit_test(test_refuses_nonsense),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
