/* SPDX-License-Identifier: Apache-2.0
 * See rng.h. Philox is ten rounds of two 32 x 32 bit products whose halves change places, under a
 * key that grows by two odd constants; its authors found no statistical test that it fails. */
#include "base/rng.h"

#include <math.h>

static void turn(uint32_t c[4], const uint32_t key[2]) {
  const uint64_t a = (uint64_t)0xD2511F53u * c[0], b = (uint64_t)0xCD9E8D57u * c[2];
  const uint32_t next[4] = {(uint32_t)(b >> 32) ^ c[1] ^ key[0], (uint32_t)b,
                            (uint32_t)(a >> 32) ^ c[3] ^ key[1], (uint32_t)a};
  for (int i = 0; i < 4; ++i) c[i] = next[i];
}

void mn_philox(const uint32_t counter[4], const uint32_t key[2], uint32_t out[4]) {
  uint32_t c[4] = {counter[0], counter[1], counter[2], counter[3]}, k[2] = {key[0], key[1]};
  for (int round = 0; round < 10; ++round) {
    turn(c, k);
    k[0] += 0x9E3779B9u; /* the golden ratio */
    k[1] += 0xBB67AE85u; /* the square root of 3 */
  }
  for (int i = 0; i < 4; ++i) out[i] = c[i];
}

mn_rng mn_rng_at(uint64_t seed, mn_rng_use use, uint32_t epoch, uint64_t index) {
  mn_rng rng = {.key = {(uint32_t)seed, (uint32_t)(seed >> 32)},
                .counter = {0, (uint32_t)index, (uint32_t)(index >> 32),
                            (uint32_t)use << 28 | (epoch & 0x0FFFFFFFu)},
                .used = 4};
  return rng;
}

uint32_t mn_rng_word(mn_rng *rng) {
  if (rng->used == 4) {
    mn_philox(rng->counter, rng->key, rng->words);
    rng->counter[0]++;
    rng->used = 0;
  }
  return rng->words[rng->used++];
}

double mn_rng_unit(mn_rng *rng) {
  const uint64_t high = mn_rng_word(rng) >> 5, low = mn_rng_word(rng) >> 6;
  return (double)(high << 26 | low) * 0x1p-53;
}

double mn_rng_between(mn_rng *rng, double low, double high) {
  const double value = low + (high - low) * mn_rng_unit(rng);
  return value < high ? value : low; /* the product may round up to `high` */
}

/* Lemire's multiplication: the high half of word * count, words that would favour some thrown away
 * ("Fast random integer generation in an interval", 2019). */
uint32_t mn_rng_below(mn_rng *rng, uint32_t count) {
  if (count < 2) return 0;
  const uint32_t unfair = (0u - count) % count;
  uint64_t product;
  do product = (uint64_t)mn_rng_word(rng) * count;
  while ((uint32_t)product < unfair);
  return (uint32_t)(product >> 32);
}

bool mn_rng_chance(mn_rng *rng, double probability) { return mn_rng_unit(rng) < probability; }

void mn_rng_shuffle(mn_rng *rng, uint32_t *list, size_t count) {
  for (size_t i = count; i > 1; --i) {
    const size_t other = mn_rng_below(rng, (uint32_t)i);
    const uint32_t kept = list[i - 1];
    list[i - 1] = list[other];
    list[other] = kept;
  }
}

double mn_normal_of(double u, double v) {
  const double radius = sqrt(-2 * log(u));
  return radius * cos(6.283185307179586 * v);
}

/* Cheng's algorithm BB needs alpha above 1, Johnk's works for all but grows slow there: mixup takes
 * 0.1 to 0.4, with 1 as its largest. Johnk: x = u^(1/a), y = v^(1/a) until x + y <= 1. */
double mn_rng_beta(mn_rng *rng, double alpha) {
  if (!(alpha > 0)) return 1;
  for (int tries = 0; tries < 1000; ++tries) {
    const double x = pow(mn_rng_unit(rng), 1 / alpha), y = pow(mn_rng_unit(rng), 1 / alpha);
    if (x + y > 0 && x + y <= 1) return x / (x + y);
  }
  return 0.5; /* alpha far above 1: that is where its deviates lie */
}
