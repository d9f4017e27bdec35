/* SPDX-License-Identifier: Apache-2.0
 * Telling valid UTF-8 from other bytes: file names and labels may hold anything. */
#ifndef MOBILENET_TOOL_UTF8_H
#define MOBILENET_TOOL_UTF8_H

/* Bytes of the valid UTF-8 character at `text` (1..4), or 0 when the bytes there are none: a stray
 * continuation, an overlong form, a surrogate, beyond U+10FFFF, cut short. `text` ends with NUL. */
int utf8_length(const char *text);
/* Columns of a terminal that the character there takes: 2 of a wide one (Hangul, Kana, Han), 0 of
 * an accent that joins the letter before it, 1 of all others and of a byte that is no character. */
int utf8_columns(const char *text);

#endif
