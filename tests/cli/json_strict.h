/* SPDX-License-Identifier: Apache-2.0
 * A strict JSON reader (RFC 8259) for checking what the command prints: every byte must belong, no
 * key may repeat, text must be UTF-8. It shares no code with the writer that it checks. */
#ifndef MN_TESTS_CLI_JSON_STRICT_H
#define MN_TESTS_CLI_JSON_STRICT_H

#include <stdbool.h>
#include <stddef.h>

/* NULL when `text` is exactly one JSON value; else where it goes wrong. */
const char *json_fault(const char *text);

/* The keys of the outermost object, space-separated, into `keys`. False when it is no object. */
bool json_keys(const char *text, char *keys, size_t size);

/* The text of the value at a path such as "top.0.score", quotes of a string included. False when
 * there is none. `text` must be faultless. */
bool json_at(const char *text, const char *path, char *value, size_t size);

#endif
