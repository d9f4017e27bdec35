/* SPDX-License-Identifier: Apache-2.0
 * A progress bar with rate and time left on standard error when that is a terminal; silent
 * otherwise. */
#ifndef MOBILENET_TOOL_PROGRESS_H
#define MOBILENET_TOOL_PROGRESS_H

#include <stdbool.h>
#include <stdint.h>

typedef struct progress_bar {
  bool visible;
  const char *unit; /* "images" */
  int64_t total;
  double start_ms, shown_ms;
} progress_bar;

void progress_begin(progress_bar *progress, const char *unit, int64_t total);
/* Redraws at most ten times a second. */
void progress_update(progress_bar *progress, int64_t done);
/* Removes the bar, for instance before a message. */
void progress_clear(progress_bar *progress);

#endif
