/* SPDX-License-Identifier: Apache-2.0
 * A growing region: many small pieces that live and die together (a graph, a plan). */
#ifndef MN_BASE_ARENA_H
#define MN_BASE_ARENA_H

#include <stddef.h>

typedef struct mn_arena_block mn_arena_block;

typedef struct mn_arena {
  mn_arena_block *head; /* zero-initialize; the newest block first */
  size_t used;          /* bytes handed out, for memory caps */
} mn_arena;

/* 16-byte-aligned zeroed piece, or NULL. Pieces never move. */
void *mn_arena_take(mn_arena *arena, size_t bytes);
/* `count` elements of `size`, overflow-checked. */
void *mn_arena_array(mn_arena *arena, size_t count, size_t size);
/* Copies; NULL on failure. The string form copies `length` bytes and adds a terminator. */
void *mn_arena_copy(mn_arena *arena, const void *bytes, size_t size);
char *mn_arena_string(mn_arena *arena, const char *text, size_t length);
/* Both texts, one after the other; NULL on failure. */
char *mn_arena_join(mn_arena *arena, const char *a, const char *b);
void mn_arena_free(mn_arena *arena); /* every piece; the arena is empty again */

#endif
