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

#endif
