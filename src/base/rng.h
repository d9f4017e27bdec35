/* SPDX-License-Identifier: Apache-2.0
 * Random numbers by counting: Philox 4x32-10 (Salmon, Moraes, Dror and Shaw, "Parallel random
 * numbers: as easy as 1, 2, 3", 2011). A number is a function of (seed, use, epoch, index, how many
 * were drawn before it there), never of threads, of their order or of where a run was resumed. */
#ifndef MN_BASE_RNG_H
#define MN_BASE_RNG_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* What numbers are for: each use draws from streams of its own. Values are part of what a seed
 * means and never change. */
typedef enum mn_rng_use {
  MN_RNG_SPLIT = 1,   /* which pictures are held back; index: a hash of a picture's name */
  MN_RNG_ORDER = 2,   /* of the pictures in an epoch */
  MN_RNG_AUGMENT = 3, /* index: the picture */
  MN_RNG_MIXUP = 4,   /* index: the batch */
  MN_RNG_DROPOUT = 5, /* epoch: the step; index: the picture in its batch */
  MN_RNG_WEIGHTS = 6, /* index: the element of a new head */
  MN_RNG_VIEW = 7     /* which of its kept views a picture shows; index: the picture */
} mn_rng_use;

typedef struct mn_rng {
  uint32_t key[2];     /* the seed */
  uint32_t counter[4]; /* block of four, index (both halves), use and epoch */
  uint32_t words[4];
  uint32_t used; /* of words; 4: the next block is due */
} mn_rng;

/* One block: ten rounds over `counter` under `key`. */
void mn_philox(const uint32_t counter[4], const uint32_t key[2], uint32_t out[4]);

/* The beginning of a stream. Epochs count to 2^28. */
mn_rng mn_rng_at(uint64_t seed, mn_rng_use use, uint32_t epoch, uint64_t index);

uint32_t mn_rng_word(mn_rng *rng);
/* In [0, 1), a multiple of 2^-53. */
double mn_rng_unit(mn_rng *rng);
/* In [low, high), or `low` when they are equal. */
double mn_rng_between(mn_rng *rng, double low, double high);
/* One of 0 .. count - 1, each as likely; 0 when count is 0. */
uint32_t mn_rng_below(mn_rng *rng, uint32_t count);
/* True once in 1 / probability. */
bool mn_rng_chance(mn_rng *rng, double probability);
/* Every order as likely. */
void mn_rng_shuffle(mn_rng *rng, uint32_t *list, size_t count);
/* Box and Muller's normal deviate of two numbers in (0, 1], whichever generator they are from. */
double mn_normal_of(double u, double v);
/* Beta(alpha, alpha), as mixup takes it; 1 when alpha is not positive. */
double mn_rng_beta(mn_rng *rng, double alpha);

#endif
