/* SPDX-License-Identifier: Apache-2.0
 * Blocks of doubling size, pieces handed out from the newest. */
#include "base/arena.h"

#include <stdint.h>
#include <string.h>

#include "base/alloc.h"
#include "base/checked.h"

enum { FIRST_BLOCK = 4096, LARGEST_BLOCK = 1 << 20, PIECE_ALIGN = 16 };

struct mn_arena_block {
  mn_arena_block *next;
  size_t used, size;
  size_t pad; /* keeps `bytes` 16-byte aligned */
  unsigned char bytes[];
};

static mn_arena_block *grow(mn_arena *arena, size_t bytes) {
  size_t size = arena->head ? arena->head->size * 2 : FIRST_BLOCK;
  if (size > LARGEST_BLOCK) size = LARGEST_BLOCK;
  if (size < bytes) size = bytes;
  size_t total;
  if (!mn_add_size(sizeof(mn_arena_block), size, &total)) return NULL;
  mn_arena_block *block = mn_alloc_zero(total);
  if (!block) return NULL;
  block->size = size;
  block->next = arena->head;
  arena->head = block;
  return block;
}

void *mn_arena_take(mn_arena *arena, size_t bytes) {
  size_t rounded;
  if (!mn_add_size(bytes, PIECE_ALIGN - 1, &rounded)) return NULL;
  rounded = rounded / PIECE_ALIGN * PIECE_ALIGN;
  if (rounded == 0) rounded = PIECE_ALIGN;
  mn_arena_block *block = arena->head;
  if (!block || block->size - block->used < rounded) block = grow(arena, rounded);
  if (!block) return NULL;
  void *piece = block->bytes + block->used;
  block->used += rounded;
  arena->used += rounded;
  return piece;
}

void *mn_arena_array(mn_arena *arena, size_t count, size_t size) {
  size_t bytes;
  return mn_mul_size(count, size, &bytes) ? mn_arena_take(arena, bytes) : NULL;
}

void *mn_arena_copy(mn_arena *arena, const void *bytes, size_t size) {
  void *piece = mn_arena_take(arena, size);
  if (piece && size) memcpy(piece, bytes, size);
  return piece;
}

char *mn_arena_string(mn_arena *arena, const char *text, size_t length) {
  if (length == SIZE_MAX) return NULL;
  char *piece = mn_arena_take(arena, length + 1);
  if (piece && length) memcpy(piece, text, length);
  return piece; /* the terminator: pieces are zeroed */
}

char *mn_arena_join(mn_arena *arena, const char *a, const char *b) {
  const size_t first = strlen(a), second = strlen(b);
  char *text = mn_arena_take(arena, first + second + 1);
  if (!text) return NULL;
  memcpy(text, a, first);
  memcpy(text + first, b, second + 1);
  return text;
}

void mn_arena_free(mn_arena *arena) {
  for (mn_arena_block *block = arena->head, *next; block; block = next) {
    next = block->next;
    mn_free(block);
  }
  arena->head = NULL;
  arena->used = 0;
}
