/* SPDX-License-Identifier: Apache-2.0
 * The only place that calls the C allocator (a lint test enforces it), so that tests can wrap it
 * and fail every allocation in turn. */
#ifndef MN_BASE_ALLOC_H
#define MN_BASE_ALLOC_H

#include <stddef.h>

#define MN_ALIGN 64 /* of every tensor, pack and session block */

void *mn_alloc(size_t bytes);         /* uninitialized; NULL on failure; 0 bytes is 1 byte */
void *mn_alloc_zero(size_t bytes);    /* zeroed */
void *mn_alloc_aligned(size_t bytes); /* MN_ALIGN-aligned; freed by mn_free like the others */
void *mn_realloc(void *block, size_t bytes);
void mn_free(void *block); /* NULL is fine */

/* Bytes rounded up so that what follows is aligned again. For sizes already known to fit. */
static inline size_t mn_aligned(size_t bytes) {
  return (bytes + MN_ALIGN - 1) / MN_ALIGN * MN_ALIGN;
}
/* `count` rounded up to a multiple: elements to whole tiles. */
static inline size_t mn_whole(size_t count, size_t multiple) {
  return (count + multiple - 1) / multiple * multiple;
}

#endif
