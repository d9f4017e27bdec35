/* SPDX-License-Identifier: Apache-2.0
 * --wrap=malloc and kin. Blocks are remembered by address, since libc hands out some that this does
 * not see and our code frees. */
#include "heap.h"

#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

void *__real_malloc(size_t bytes);
void *__real_calloc(size_t count, size_t size);
void *__real_realloc(void *block, size_t bytes);
void *__real_aligned_alloc(size_t align, size_t bytes);
void __real_free(void *block);
void *__wrap_malloc(size_t bytes);
void *__wrap_calloc(size_t count, size_t size);
void *__wrap_realloc(void *block, size_t bytes);
void *__wrap_aligned_alloc(size_t align, size_t bytes);
void __wrap_free(void *block);

enum { TABLE = 1 << 16 };
static uintptr_t table[TABLE]; /* open addressing; 1 = was removed */
static atomic_flag lock = ATOMIC_FLAG_INIT;
static long requests, live, remaining = -1;
static int failed;

static void enter(void) {
  while (atomic_flag_test_and_set_explicit(&lock, memory_order_acquire)) {
  }
}
static void leave(void) { atomic_flag_clear_explicit(&lock, memory_order_release); }

static size_t slot_of(uintptr_t key) { return (size_t)(key >> 4) * 2654435761u % TABLE; }

static void remember(void *block) {
  if (!block) return;
  size_t slot = slot_of((uintptr_t)block);
  for (int tries = 0; table[slot] > 1; tries++) {
    if (tries == TABLE) {
      fputs("heap.c: its table is too small\n", stderr);
      abort();
    }
    slot = (slot + 1) % TABLE;
  }
  table[slot] = (uintptr_t)block;
  live++;
}

static void forget(void *block) {
  size_t slot = slot_of((uintptr_t)block);
  for (int tries = 0; block && table[slot] && tries < TABLE; tries++, slot = (slot + 1) % TABLE) {
    if (table[slot] == (uintptr_t)block) {
      table[slot] = 1;
      live--;
      return;
    }
  }
}

/* Counts a request; true when it is to be refused. */
static int refuse(void) {
  requests++;
  if (remaining < 0) return 0;
  if (remaining-- > 0) return 0;
  remaining = -1;
  failed = 1;
  return 1;
}

void *__wrap_malloc(size_t bytes) {
  enter();
  void *block = refuse() ? NULL : __real_malloc(bytes);
  remember(block);
  leave();
  return block;
}

void *__wrap_calloc(size_t count, size_t size) {
  enter();
  void *block = refuse() ? NULL : __real_calloc(count, size);
  remember(block);
  leave();
  return block;
}

void *__wrap_aligned_alloc(size_t align, size_t bytes) {
  enter();
  void *block = refuse() ? NULL : __real_aligned_alloc(align, bytes);
  remember(block);
  leave();
  return block;
}

void *__wrap_realloc(void *block, size_t bytes) {
  enter();
  void *moved = NULL;
  if (!refuse()) {
    forget(block);
    moved = __real_realloc(block, bytes);
    remember(moved ? moved : block);
  }
  leave();
  return moved;
}

void __wrap_free(void *block) {
  enter();
  forget(block);
  leave();
  __real_free(block);
}

long heap_requests(void) { return requests; }
long heap_live(void) { return live; }
int heap_failed(void) { return failed; }
void heap_fail_after(long successes) {
  remaining = successes;
  failed = 0;
}
