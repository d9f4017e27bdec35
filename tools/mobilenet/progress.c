/* SPDX-License-Identifier: Apache-2.0
 * The progress bar. */
#include "progress.h"

#include <inttypes.h>
#include <stdio.h>
#include <unistd.h>

#include "stopwatch.h"
#include "terminal.h"

enum { REDRAW_MS = 100 };

void progress_begin(progress_bar *progress, const char *unit, int64_t total) {
  progress->visible = isatty(fileno(stderr)) != 0;
  progress->unit = unit;
  progress->total = total;
  progress->start_ms = now_ms();
  progress->shown_ms = 0;
}

static void write_seconds(char *text, size_t size, double seconds) {
  int64_t s = (int64_t)(seconds + 0.5);
  if (s >= 3600) {
    snprintf(text, size, "%" PRId64 ":%02d:%02d", s / 3600, (int)(s / 60 % 60), (int)(s % 60));
  } else {
    snprintf(text, size, "%d:%02d", (int)(s / 60), (int)(s % 60));
  }
}

void progress_update(progress_bar *progress, int64_t done) {
  double now = now_ms(), elapsed = (now - progress->start_ms) / 1e3;
  if (!progress->visible || now - progress->shown_ms < REDRAW_MS) return;
  progress->shown_ms = now;
  double rate = elapsed > 0 ? (double)done / elapsed : 0;
  char left[32] = "?", tail[128];
  if (rate > 0) write_seconds(left, sizeof left, (double)(progress->total - done) / rate);
  int used = snprintf(tail, sizeof tail, " %" PRId64 "/%" PRId64 " %s  %.1f/s  %s left", done,
                      progress->total, progress->unit, rate, left);
  double share = progress->total > 0 ? (double)done / (double)progress->total : 1;
  int columns = terminal_width(stderr) - used - 8;
  fprintf(stderr, "\r\033[K%3.0f %% ", share * 100);
  if (columns > 4) print_bar(stderr, share, columns > 40 ? 40 : columns);
  fputs(tail, stderr);
  fflush(stderr);
}

void progress_clear(progress_bar *progress) {
  if (progress->visible && progress->shown_ms > 0) fputs("\r\033[K", stderr);
}
