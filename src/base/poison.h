/* SPDX-License-Identifier: Apache-2.0
 * Memory that is closed for a while, where the address sanitizer watches; nothing otherwise. Pieces
 * of one allocation have MN_GAP bytes behind them that can be closed: 0 without it. */
#ifndef MN_BASE_POISON_H
#define MN_BASE_POISON_H

#include <stddef.h>

#if defined(__SANITIZE_ADDRESS__)
#define MN_GAP 64
#elif defined(__has_feature)
#if __has_feature(address_sanitizer)
#define MN_GAP 64
#endif
#endif

#ifdef MN_GAP
#include <sanitizer/asan_interface.h>
static inline void mn_poison(const void *at, size_t bytes) {
  __asan_poison_memory_region(at, bytes);
}
static inline void mn_unpoison(const void *at, size_t bytes) {
  __asan_unpoison_memory_region(at, bytes);
}
#else
#define MN_GAP 0
static inline void mn_poison(const void *at, size_t bytes) { (void)at, (void)bytes; }
static inline void mn_unpoison(const void *at, size_t bytes) { (void)at, (void)bytes; }
#endif

#endif
