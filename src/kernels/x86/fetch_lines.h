/* SPDX-License-Identifier: Apache-2.0
 * What a loop fetches into the L2 cache while it multiplies: a line with each of its steps. */
#ifndef MN_KERNELS_X86_FETCH_LINES_H
#define MN_KERNELS_X86_FETCH_LINES_H

#include <stddef.h>

typedef struct fetch {
  const char *at;
  size_t step; /* bytes from one line to the next: fewer than a line has where loops are many */
} fetch;

/* A panel of weights from `next` on by `tiles` passes through one as long, `bytes` of it a step. */
static inline fetch fetch_panel_by(size_t tiles, const void *next, size_t bytes) {
  return (fetch){next, (bytes + tiles - 1) / tiles};
}

#endif
