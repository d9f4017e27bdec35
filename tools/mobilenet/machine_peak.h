/* SPDX-License-Identifier: Apache-2.0
 * What one core of this machine can do at most, measured: multiply-adds on registers alone and
 * bytes read again and again. Needs no library, but its types: kernel_bench is
 * measured against the same loops. */
#ifndef MN_TOOL_MACHINE_PEAK_H
#define MN_TOOL_MACHINE_PEAK_H

#include <stddef.h>

#include "mobilenet/mobilenet.h"

/* Multiply-adds a second with the instructions of a level ("avx2", see mn_isa), of f32, bf16 or 8
 * bits (any other type): the best of many short runs. A level that is not known here counts as
 * scalar. */
double machine_peak_macs(const char *isa, mn_type type);

/* Bytes a second read from a block of this many bytes, the best of several passes; 0 when there is
 * no memory for it. */
double machine_peak_bytes(const char *isa, size_t bytes);

#endif
