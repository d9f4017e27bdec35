/* SPDX-License-Identifier: Apache-2.0
 * What one core of this machine can do at most, measured: multiply-adds on registers alone and
 * bytes read again and again. Needs no library: kernel_bench is measured against the same loops. */
#ifndef MN_TOOL_MACHINE_PEAK_H
#define MN_TOOL_MACHINE_PEAK_H

#include <stdbool.h>
#include <stddef.h>

/* Multiply-adds a second with the instructions of a level ("avx2", see mn_isa), float or 8 bit: the
 * best of many short runs. A level that is not known here counts as scalar. */
double machine_peak_macs(const char *isa, bool f32);

/* Bytes a second read from a block of this many bytes, the best of several passes; 0 when there is
 * no memory for it. */
double machine_peak_bytes(const char *isa, size_t bytes);

#endif
