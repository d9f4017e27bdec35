/* SPDX-License-Identifier: Apache-2.0
 * Milliseconds of a clock that never goes back. */
#ifndef MOBILENET_TOOL_STOPWATCH_H
#define MOBILENET_TOOL_STOPWATCH_H

#include <time.h>

static inline double now_ms(void) {
  struct timespec now;
  clock_gettime(CLOCK_MONOTONIC, &now);
  return (double)now.tv_sec * 1e3 + (double)now.tv_nsec * 1e-6;
}

#endif
