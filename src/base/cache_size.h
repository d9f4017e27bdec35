/* SPDX-License-Identifier: Apache-2.0
 * How large a core's L2 cache is. */
#ifndef MN_BASE_CACHE_SIZE_H
#define MN_BASE_CACHE_SIZE_H

#include <stddef.h>

/* Bytes; where nobody says, as few as CPUs of today have. */
size_t mn_l2_bytes(void);

#endif
