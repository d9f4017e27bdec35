/* SPDX-License-Identifier: Apache-2.0
 * See dropout.h. */
#include "train/dropout.h"

#include "base/rng.h"

void mn_dropout_mask(const mn_dropout *dropout, size_t rows, size_t channels, float *mask) {
  const uint64_t out = (uint64_t)(dropout->rate * 0x1p32); /* words below it */
  const float kept = (float)(1 / (1 - dropout->rate));
  for (size_t r = 0; r < rows; r++, mask += channels) {
    mn_rng rng = mn_rng_at(dropout->seed, MN_RNG_DROPOUT, (uint32_t)dropout->step,
                           (uint64_t)dropout->first + r);
    for (size_t c = 0; c < channels; c++) mask[c] = mn_rng_word(&rng) < out ? 0.0f : kept;
  }
}
