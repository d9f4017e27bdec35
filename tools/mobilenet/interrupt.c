/* SPDX-License-Identifier: Apache-2.0
 * The signal handlers. A closed pipe and a file beyond the size limit are seen as failed writes
 * instead of signals. */
#include "interrupt.h"

#include <signal.h>
#include <string.h>

static volatile sig_atomic_t interrupt_seen;

static void on_interrupt(int number) {
  (void)number;
  interrupt_seen = 1;
}

void interrupt_watch(void) {
  struct sigaction action;
  memset(&action, 0, sizeof action);
  sigemptyset(&action.sa_mask);
  action.sa_handler = on_interrupt;
  action.sa_flags = SA_RESTART | (int)SA_RESETHAND;
  sigaction(SIGINT, &action, NULL);
  sigaction(SIGTERM, &action, NULL);
  action.sa_handler = SIG_IGN;
  action.sa_flags = 0;
  sigaction(SIGPIPE, &action, NULL);
  sigaction(SIGXFSZ, &action, NULL);
}

bool interrupted(void) { return interrupt_seen != 0; }
