/* SPDX-License-Identifier: Apache-2.0
 * A small HTTP/1.1 server on 127.0.0.1 for tests: one file, served well or badly by the first
 * part of the path. */
#ifndef MN_TESTS_LOOPBACK_H
#define MN_TESTS_LOOPBACK_H

#include <pthread.h>
#include <stdbool.h>
#include <stddef.h>

/* /ok: whole or by range. /slow: in pieces with pauses. /broken: each answer is cut off after a
 * third. /norange: the first answer is cut off, ranges are not known. /wrong: one byte differs.
 * /flaky: 503 twice, then well. /redirect: to /ok. Everything else: 404. */
typedef struct loopback {
  const unsigned char *bytes; /* [size], the file */
  size_t size;
  int listener, port;
  int requests, ranges; /* so far; those that asked for a range */
  pthread_t thread;
} loopback;

bool loopback_start(loopback *server);
void loopback_stop(loopback *server);

#endif
