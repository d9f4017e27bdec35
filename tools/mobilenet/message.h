/* SPDX-License-Identifier: Apache-2.0
 * Exit codes, which scripts rely on, and what is said on standard error. */
#ifndef MOBILENET_TOOL_MESSAGE_H
#define MOBILENET_TOOL_MESSAGE_H

#include <stdio.h>

#include "mobilenet/mobilenet.h"

enum {
  EXIT_DONE = 0,
  EXIT_SOME_FAILED = 1, /* each named on standard error, the others were done */
  EXIT_USAGE = 2,
  EXIT_UNUSABLE = 3, /* model or data cannot be used */
  EXIT_GATE = 4,
  EXIT_INTERRUPTED = 130 /* Ctrl-C; what was done is printed */
};

/* "mobilenet: ..." and a line end on standard error. */
#if defined(__GNUC__)
__attribute__((format(printf, 1, 2)))
#endif
void say(const char *format, ...);

/* Says the library's sentence; the exit code that its status deserves: an argument of the user's
 * is wrong usage, everything else an unusable model or file. */
int say_error(const mn_error *err);
int say_out_of_memory(void);

/* Makes what was printed visible to whoever reads along, and remembers a failure's reason. */
void flush_output(void);

/* Flushes standard output and folds a failed write into `code`: silently when the reader of a pipe
 * went away, said otherwise. */
int finish_output(int code);

#endif
