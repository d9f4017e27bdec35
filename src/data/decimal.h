/* SPDX-License-Identifier: Apache-2.0
 * Decimal numbers in text files, read the same in every locale. */
#ifndef MN_DATA_DECIMAL_H
#define MN_DATA_DECIMAL_H

#include <stdbool.h>
#include <stddef.h>

/* A whole text as a number: sign, digits, point, exponent; within an ulp of what it says. False
 * when it is none, or beyond 1e300. */
bool mn_decimal_parse(const char *text, size_t length, double *out);

#endif
