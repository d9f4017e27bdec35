/* SPDX-License-Identifier: Apache-2.0
 * Thin names over the C allocator. */
#include "base/alloc.h"

#include <stdint.h>
#include <stdlib.h>

void *mn_alloc(size_t bytes) { return malloc(bytes ? bytes : 1); }

void *mn_alloc_zero(size_t bytes) { return calloc(1, bytes ? bytes : 1); }

void *mn_alloc_aligned(size_t bytes) {
  if (bytes > SIZE_MAX - MN_ALIGN) return NULL;
  size_t rounded = (bytes + MN_ALIGN - 1) / MN_ALIGN * MN_ALIGN;
  return aligned_alloc(MN_ALIGN, rounded ? rounded : MN_ALIGN);
}

void *mn_realloc(void *block, size_t bytes) { return realloc(block, bytes ? bytes : 1); }

void mn_free(void *block) { free(block); }
