/* SPDX-License-Identifier: Apache-2.0
 * See cache_size.h. */
#define _GNU_SOURCE
#include "base/cache_size.h"

#include <unistd.h>

enum { LEAST = 256 << 10 };

size_t mn_l2_bytes(void) {
#ifdef _SC_LEVEL2_CACHE_SIZE
  const long bytes = sysconf(_SC_LEVEL2_CACHE_SIZE);
  if (bytes > LEAST) return (size_t)bytes;
#endif
  return LEAST;
}
