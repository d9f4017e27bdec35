/* SPDX-License-Identifier: Apache-2.0
 * Error texts. Formatting only; nothing is printed. */
#include "base/error.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

const char *mn_status_text(mn_status status) {
  switch (status) {
    case MN_OK: return "ok";
    case MN_ERR_ARGUMENT: return "argument error";
    case MN_ERR_MEMORY: return "out of memory";
    case MN_ERR_IO: return "input/output error";
    case MN_ERR_FORMAT: return "format error";
    case MN_ERR_UNSUPPORTED: return "unsupported";
    case MN_ERR_CONTRACT: return "contract missing";
    case MN_ERR_SHAPE: return "shape error";
    case MN_ERR_LIMIT: return "limit exceeded";
    case MN_ERR_CANCELLED: return "cancelled";
  }
  return "unknown status";
}

void mn_error_clear(mn_error *err) {
  if (!err) return;
  err->status = MN_OK;
  err->where[0] = '\0';
  err->text[0] = '\0';
}

mn_status mn_fail(mn_error *err, mn_status status, const char *where, const char *format, ...) {
  if (!err) return status;
  err->status = status;
  snprintf(err->where, sizeof err->where, "%s", where ? where : "");
  int used = err->where[0] ? snprintf(err->text, sizeof err->text, "%s: ", err->where) : 0;
  if (used < 0 || (size_t)used >= sizeof err->text) used = 0;
  va_list args;
  va_start(args, format);
  vsnprintf(err->text + used, sizeof err->text - (size_t)used, format, args);
  va_end(args);
  return status;
}

mn_status mn_fail_memory(mn_error *err, size_t bytes) {
  return mn_fail(err, MN_ERR_MEMORY, NULL, "out of memory: %zu bytes could not be allocated",
                 bytes);
}

mn_status mn_error_at(mn_error *err, mn_status status, const char *where) {
  if (!err || !where || err->where[0]) return status;
  char text[sizeof err->text];
  memcpy(text, err->text, sizeof text);
  return mn_fail(err, status, where, "%s", text);
}
