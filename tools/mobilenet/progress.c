/* SPDX-License-Identifier: Apache-2.0
 * The progress bar. */
#include "progress.h"

#include <inttypes.h>
#include <stdio.h>
#include <unistd.h>

#include "stopwatch.h"
#include "terminal.h"

enum { REDRAW_MS = 100, TELLING_MS = 50 }; /* a rate of less time says nothing */

void progress_begin(progress_bar *progress, const char *unit, int64_t total) {
  progress->visible = isatty(fileno(stderr)) != 0;
  progress->unit = unit;
  progress->total = total;
  progress->start_ms = now_ms();
  progress->shown_ms = 0;
  progress->again = 0;
}

void progress_again(progress_bar *progress, int64_t times, double ms) {
  progress->again = times;
  progress->again_ms = ms;
}

static void write_seconds(char *text, size_t size, double seconds) {
  int64_t s = (int64_t)(seconds + 0.5);
  if (s >= 3600) {
    snprintf(text, size, "%" PRId64 ":%02d:%02d", s / 3600, (int)(s / 60 % 60), (int)(s % 60));
  } else {
    snprintf(text, size, "%d:%02d", (int)(s / 60), (int)(s % 60));
  }
}

/* "12.5/s  0:40 left, 1:20:00 in all", of items a second; nothing where that is not known yet. */
static void write_pace(char *text, size_t size, const progress_bar *progress, int64_t done,
                       double rate) {
  char left[32], all[32];
  text[0] = '\0';
  if (rate <= 0) return;
  const double seconds = (double)(progress->total - done) / rate;
  const double once =
      progress->again_ms > 0 ? progress->again_ms / 1e3 : (double)progress->total / rate;
  write_seconds(left, sizeof left, seconds);
  write_seconds(all, sizeof all, seconds + once * (double)progress->again);
  snprintf(text, size, "  %.1f/s  %s left%s%s%s", rate, left, progress->again > 0 ? ", " : "",
           progress->again > 0 ? all : "", progress->again > 0 ? " in all" : "");
}

void progress_update(progress_bar *progress, int64_t done) {
  double now = now_ms(), elapsed = now - progress->start_ms;
  if (!progress->visible || now - progress->shown_ms < REDRAW_MS) return;
  progress->shown_ms = now;
  char pace[96], tail[160];
  write_pace(pace, sizeof pace, progress, done,
             elapsed >= TELLING_MS ? (double)done / elapsed * 1e3 : 0);
  int used = snprintf(tail, sizeof tail, " %" PRId64 "/%" PRId64 " %s%s", done, progress->total,
                      progress->unit, pace);
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
