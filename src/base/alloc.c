/* SPDX-License-Identifier: Apache-2.0
 * Thin names over the C allocator. Large blocks ask for large pages: a pass over the weights of a
 * network, or in training its maps, touches more pages than the CPU remembers the places of; and
 * a few first touches of these are cheaper than thousands. */
#define _GNU_SOURCE
#include "base/alloc.h"

#include <stdint.h>
#include <stdlib.h>
#if defined(__linux__)
#include <sys/mman.h>
#endif

enum { LARGE_PAGE = 2 << 20, LARGE_BLOCK = 2 * LARGE_PAGE };

void *mn_alloc(size_t bytes) { return malloc(bytes ? bytes : 1); }

void *mn_alloc_zero(size_t bytes) { return calloc(1, bytes ? bytes : 1); }

void *mn_alloc_aligned(size_t bytes) {
  const size_t align = bytes < LARGE_BLOCK ? MN_ALIGN : LARGE_PAGE;
  if (bytes > SIZE_MAX - align) return NULL;
  const size_t rounded = (bytes + align - 1) / align * align;
  void *block = aligned_alloc(align, rounded ? rounded : align);
#if defined(__linux__)
  if (block && align == LARGE_PAGE) madvise(block, rounded, MADV_HUGEPAGE); /* a wish */
#endif
  return block;
}

void *mn_realloc(void *block, size_t bytes) { return realloc(block, bytes ? bytes : 1); }

void mn_free(void *block) { free(block); }
