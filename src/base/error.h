/* SPDX-License-Identifier: Apache-2.0
 * Filling the caller's mn_error: one sentence, what was met and what was expected. */
#ifndef MN_BASE_ERROR_H
#define MN_BASE_ERROR_H

#include "mobilenet/mobilenet.h"

/* Sets *err (when not NULL) to "where: text" and returns `status`, so that a function can say
 * `return mn_fail(err, MN_ERR_FORMAT, path, "...", ...)`. `where` may be NULL or empty. */
#if defined(__GNUC__)
__attribute__((cold, format(printf, 4, 5)))
#endif
mn_status
mn_fail(mn_error *err, mn_status status, const char *where, const char *format, ...);

/* Clears *err when not NULL. */
void mn_error_clear(mn_error *err);

/* The failure of an allocation of `bytes`. */
mn_status mn_fail_memory(mn_error *err, size_t bytes);

/* Puts "prefix: " before the text of an error that has no place yet; returns its status. */
mn_status mn_error_at(mn_error *err, mn_status status, const char *where);

#endif
