/* SPDX-License-Identifier: Apache-2.0
 * A hash of bytes for telling files and names apart, not for secrets: FNV-1a, 64 bits (Fowler, Noll
 * and Vo). The same everywhere. */
#ifndef MN_BASE_HASH_H
#define MN_BASE_HASH_H

#include <stddef.h>
#include <stdint.h>

#define MN_HASH_BEGIN 0xcbf29ce484222325u

/* Goes on from a hash: pieces one after the other are hashed as one. */
static inline uint64_t mn_hash_bytes(uint64_t hash, const void *bytes, size_t size) {
  const uint8_t *p = bytes;
  for (size_t i = 0; i < size; ++i) hash = (hash ^ p[i]) * 0x100000001b3u;
  return hash;
}

#endif
