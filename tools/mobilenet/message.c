/* SPDX-License-Identifier: Apache-2.0
 * Standard error, and the last look at standard output. */
#include "message.h"

#include <errno.h>
#include <stdarg.h>
#include <string.h>

#include "terminal.h"

void say(const char *format, ...) {
  char text[2048];
  va_list args;
  va_start(args, format);
  vsnprintf(text, sizeof text, format, args);
  va_end(args);
  fputs("mobilenet: ", stderr);
  print_safe(stderr, text);
  fputc('\n', stderr);
}

int say_error(const mn_error *err) {
  say("%s", err->text);
  return err->status == MN_ERR_ARGUMENT ? EXIT_USAGE : EXIT_UNUSABLE;
}

int say_out_of_memory(void) {
  say("out of memory");
  return EXIT_UNUSABLE;
}

static int output_errno;

void flush_output(void) {
  if (fflush(stdout) != 0 && output_errno == 0) output_errno = errno;
}

int finish_output(int code) {
  flush_output();
  if (output_errno == 0 && !ferror(stdout)) return code;
  if (output_errno != EPIPE) {
    say("standard output: %s", output_errno ? strerror(output_errno) : "it cannot be written");
  }
  return code == EXIT_DONE ? EXIT_SOME_FAILED : code;
}
