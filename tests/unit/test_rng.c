/* SPDX-License-Identifier: Apache-2.0
 * Philox against its authors' known answers (Random123, kat_vectors), and that what is drawn from
 * it is fair and depends on its place only. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

#include "base/rng.h"

static void known_answers(void **state) {
  (void)state;
  static const struct {
    uint32_t counter[4], key[2], answer[4];
  } known[] = {
      {{0, 0, 0, 0}, {0, 0}, {0x6627e8d5, 0xe169c58d, 0xbc57ac4c, 0x9b00dbd8}},
      {{0xffffffff, 0xffffffff, 0xffffffff, 0xffffffff},
       {0xffffffff, 0xffffffff},
       {0x408f276d, 0x41c83b0e, 0xa20bc7c6, 0x6d5451fd}},
      {{0x243f6a88, 0x85a308d3, 0x13198a2e, 0x03707344},
       {0xa4093822, 0x299f31d0},
       {0xd16cfe09, 0x94fdcceb, 0x5001e420, 0x24126ea1}},
  };
  for (size_t i = 0; i < sizeof known / sizeof *known; ++i) {
    uint32_t out[4];
    mn_philox(known[i].counter, known[i].key, out);
    assert_memory_equal(out, known[i].answer, sizeof out);
  }
}

static void a_stream_is_its_place(void **state) {
  (void)state;
  mn_rng a = mn_rng_at(7, MN_RNG_AUGMENT, 3, 11), again = mn_rng_at(7, MN_RNG_AUGMENT, 3, 11);
  uint32_t first[9];
  for (int i = 0; i < 9; ++i) first[i] = mn_rng_word(&a);
  for (int i = 0; i < 9; ++i) assert_int_equal(mn_rng_word(&again), first[i]);
  mn_rng others[] = {mn_rng_at(8, MN_RNG_AUGMENT, 3, 11),
                     mn_rng_at(7, MN_RNG_ORDER, 3, 11),
                     mn_rng_at(7, MN_RNG_AUGMENT, 4, 11),
                     mn_rng_at(7, MN_RNG_AUGMENT, 3, 12),
                     mn_rng_at(7, MN_RNG_AUGMENT, 3, 11 + ((uint64_t)1 << 32)),
                     mn_rng_at(7 + ((uint64_t)1 << 32), MN_RNG_AUGMENT, 3, 11)};
  for (size_t i = 0; i < sizeof others / sizeof *others; ++i) {
    assert_int_not_equal(mn_rng_word(&others[i]), first[0]);
  }
}

/* 60000 draws: each of six counts is binomial with deviation 91; 500 is more than five of them. */
static void every_number_is_as_likely(void **state) {
  (void)state;
  mn_rng rng = mn_rng_at(1, MN_RNG_ORDER, 0, 0);
  int seen[6] = {0}, below_half = 0, chances = 0;
  for (int i = 0; i < 60000; ++i) {
    seen[mn_rng_below(&rng, 6)]++;
    const double unit = mn_rng_unit(&rng);
    assert_true(unit >= 0 && unit < 1);
    below_half += unit < 0.5;
    chances += mn_rng_chance(&rng, 0.25);
    const double between = mn_rng_between(&rng, -3, 2);
    assert_true(between >= -3 && between < 2);
  }
  for (int i = 0; i < 6; ++i) assert_in_range(seen[i], 9500, 10500);
  assert_in_range(below_half, 29300, 30700);
  assert_in_range(chances, 14400, 15600);
  assert_int_equal(mn_rng_below(&rng, 0), 0);
  assert_int_equal(mn_rng_below(&rng, 1), 0);
  assert_true(mn_rng_between(&rng, 2, 2) == 2);
}

/* The 24 orders of four, 24000 times: deviation 31. */
static void every_order_is_as_likely(void **state) {
  (void)state;
  int seen[256] = {0}, orders = 0;
  for (uint32_t epoch = 0; epoch < 24000; ++epoch) {
    mn_rng rng = mn_rng_at(5, MN_RNG_ORDER, epoch, 0);
    uint32_t list[4] = {0, 1, 2, 3};
    mn_rng_shuffle(&rng, list, 4);
    assert_int_equal(1u << list[0] | 1u << list[1] | 1u << list[2] | 1u << list[3], 15);
    seen[list[0] << 6 | list[1] << 4 | list[2] << 2 | list[3]]++;
  }
  for (int i = 0; i < 256; ++i) {
    if (!seen[i]) continue;
    orders++;
    assert_in_range(seen[i], 840, 1160);
  }
  assert_int_equal(orders, 24);
}

/* Beta(a, a): mean 1/2, variance 1 / (4 (2a + 1)). */
static void beta_has_its_moments(void **state) {
  (void)state;
  static const double alphas[] = {0.1, 0.2, 0.4, 1};
  for (size_t a = 0; a < sizeof alphas / sizeof *alphas; ++a) {
    mn_rng rng = mn_rng_at(2, MN_RNG_MIXUP, 0, a);
    double sum = 0, squares = 0;
    const int count = 40000;
    for (int i = 0; i < count; ++i) {
      const double x = mn_rng_beta(&rng, alphas[a]);
      assert_true(x >= 0 && x <= 1);
      sum += x;
      squares += (x - 0.5) * (x - 0.5);
    }
    const double expected = 1 / (4 * (2 * alphas[a] + 1));
    assert_true(sum / count > 0.49 && sum / count < 0.51);
    assert_true(squares / count > expected * 0.98 && squares / count < expected * 1.02);
  }
  mn_rng rng = mn_rng_at(2, MN_RNG_MIXUP, 0, 0);
  assert_true(mn_rng_beta(&rng, 0) == 1);
  assert_true(mn_rng_beta(&rng, 1e9) == 0.5);
}

/* N(0, 1): mean 0, variance 1, and 68.3 % within one of its deviations. */
static void normal_has_its_moments(void **state) {
  (void)state;
  mn_rng rng = mn_rng_at(3, MN_RNG_WEIGHTS, 0, 0);
  double sum = 0, squares = 0;
  const int count = 40000;
  int near = 0;
  for (int i = 0; i < count; ++i) {
    const double u = 1 - mn_rng_unit(&rng), x = mn_normal_of(u, mn_rng_unit(&rng));
    sum += x;
    squares += x * x;
    near += x > -1 && x < 1;
  }
  assert_true(sum / count > -0.02 && sum / count < 0.02);
  assert_true(squares / count > 0.97 && squares / count < 1.03);
  assert_in_range(near, count * 0.67, count * 0.695);
  assert_true(mn_normal_of(1, 0.25) == 0);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(known_answers),
      cmocka_unit_test(a_stream_is_its_place),
      cmocka_unit_test(every_number_is_as_likely),
      cmocka_unit_test(every_order_is_as_likely),
      cmocka_unit_test(beta_has_its_moments),
      cmocka_unit_test(normal_has_its_moments),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
