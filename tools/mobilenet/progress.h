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
  int64_t again;   /* how often the same comes after it, */
  double again_ms; /* and how long it took the last time; 0: not known */
} progress_bar;

void progress_begin(progress_bar *progress, const char *unit, int64_t total);
/* The same comes `times` times more, so that the time left in all is shown too. */
void progress_again(progress_bar *progress, int64_t times, double ms);
/* Redraws at most ten times a second. */
void progress_update(progress_bar *progress, int64_t done);
/* Removes the bar, for instance before a message. */
void progress_clear(progress_bar *progress);

#endif
