/* SPDX-License-Identifier: Apache-2.0
 * SHA-256 (FIPS 180-4) of a file. */
#ifndef MOBILENET_TOOL_SHA256_H
#define MOBILENET_TOOL_SHA256_H

#include <stdbool.h>

enum { SHA256_HEX = 65 };

/* 64 lower-case hex digits and NUL. False, with errno, when the file cannot be read. */
bool sha256_file(const char *path, char hex[SHA256_HEX]);

#endif
