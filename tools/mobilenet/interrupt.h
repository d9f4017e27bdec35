/* SPDX-License-Identifier: Apache-2.0
 * Ctrl-C as a flag: long work finishes the picture in hand, prints what was done and ends. Another
 * one after a moment ends at once. */
#ifndef MOBILENET_TOOL_INTERRUPT_H
#define MOBILENET_TOOL_INTERRUPT_H

#include <stdbool.h>

void interrupt_watch(void);
bool interrupted(void);

#endif
