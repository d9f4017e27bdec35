/* SPDX-License-Identifier: Apache-2.0
 * Option structs of the public functions begin with struct_size, so that a caller compiled against
 * an older, shorter one still works. */
#ifndef MN_BASE_STRUCT_SIZE_H
#define MN_BASE_STRUCT_SIZE_H

#include <string.h>

/* Fills `used`, a struct of `size` bytes, with what the caller's says, and zeros beyond that or
 * when there is none. */
static inline void mn_options_read(void *used, size_t size, const void *options) {
  size_t given = 0;
  memset(used, 0, size);
  if (options) memcpy(&given, options, sizeof given);
  if (given) memcpy(used, options, given < size ? given : size);
}

#endif
