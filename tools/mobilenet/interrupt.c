/* SPDX-License-Identifier: Apache-2.0
 * The signal handlers. A closed pipe and a file beyond the size limit are seen as failed writes
 * instead of signals. */
#include "interrupt.h"

#include <signal.h>
#include <string.h>
#include <time.h>

/* Of one Ctrl-C two signals may come: timeout(1) sends one to the command and one to its group. */
enum { ONE_MS = 300 };

static volatile sig_atomic_t interrupt_seen;
static struct timespec seen_at; /* of the handler alone, which nothing interrupts */

static void on_interrupt(int number) {
  struct timespec now;
  clock_gettime(CLOCK_MONOTONIC, &now);
  if (!interrupt_seen) {
    interrupt_seen = 1;
    seen_at = now;
    return;
  }
  const long ms =
      (long)(now.tv_sec - seen_at.tv_sec) * 1000 + (now.tv_nsec - seen_at.tv_nsec) / 1000000;
  if (ms < ONE_MS) return;
  signal(number, SIG_DFL);
  raise(number); /* comes when this returns */
}

void interrupt_watch(void) {
  struct sigaction action;
  memset(&action, 0, sizeof action);
  sigemptyset(&action.sa_mask);
  sigaddset(&action.sa_mask, SIGINT);
  sigaddset(&action.sa_mask, SIGTERM);
  action.sa_handler = on_interrupt;
  action.sa_flags = SA_RESTART;
  sigaction(SIGINT, &action, NULL);
  sigaction(SIGTERM, &action, NULL);
  action.sa_handler = SIG_IGN;
  action.sa_flags = 0;
  sigaction(SIGPIPE, &action, NULL);
  sigaction(SIGXFSZ, &action, NULL);
}

bool interrupted(void) { return interrupt_seen != 0; }
