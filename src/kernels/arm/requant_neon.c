/* SPDX-License-Identifier: Apache-2.0
 * See requant_neon.h. */
#include "kernels/arm/requant_neon.h"

MN_INLINE void store_rows(uint8_t *to, size_t stride, const int32x4_t *sums, size_t rows,
                          size_t count, const requant_neon *by, const int kind) {
  for (size_t i = 0; i < rows; i++, to += stride) {
    store_bytes_neon(to, requant_codes_neon(sums[2 * i], sums[2 * i + 1], by, kind), count);
  }
}

void mn_requant_store_neon(uint8_t *to, size_t stride, const int32x4_t *sums, size_t rows,
                           size_t count, const requant_neon *by) {
  switch (by->kind) {
    case REQUANT_RELU:
    case REQUANT_SIGNED:
    case REQUANT_RIGHT: store_rows(to, stride, sums, rows, count, by, REQUANT_RIGHT); break;
    case REQUANT_FIXED: store_rows(to, stride, sums, rows, count, by, REQUANT_FIXED); break;
    default: store_rows(to, stride, sums, rows, count, by, REQUANT_FLOAT); break;
  }
}
