/* SPDX-License-Identifier: Apache-2.0
 *
 * diagnostics.h - what this build does on this machine: which kernels it has and would use, and
 * whether they compute what they should.
 */
#ifndef MOBILENET_DIAGNOSTICS_H
#define MOBILENET_DIAGNOSTICS_H

#include "mobilenet.h"

#ifdef __cplusplus
extern "C" {
#endif

/* One kernel of this build. Strings are static. */
typedef struct mn_kernel_info {
  const char *slot;         /* the task that it does: "gemm_q8" */
  const char *name;         /* "gemm_q8_4x16_avx2" */
  const char *isa;          /* the lowest level that has what it needs */
  int32_t available;        /* 1: this CPU can run it */
  int32_t allowed;          /* 1: the asked level has what it needs */
  int32_t chosen;           /* 1: it is the one that the asked level uses */
  int32_t rows, cols, deep; /* its tile: pixels, channels, products of one step */
} mn_kernel_info;

/* Kernels in this build, those included that this CPU cannot run. */
MN_API int mn_kernel_count(void);

/* Describes kernel `index` and whether level `isa` (NULL = best, see mn_isa) would choose it. A
 * slot's kernels follow each other. Errors: ARGUMENT (index out of range, unknown isa or one that
 * this CPU lacks). */
MN_API mn_status mn_kernel_describe(mn_kernel_info *info, int index, const char *isa,
                                    mn_error *err);

/* One check of a self-test. Strings live for the call. */
typedef struct mn_selftest_check {
  const char *name; /* the kernel, or the network */
  int32_t passed;
  const char *text; /* one sentence: what was compared, or what differs */
} mn_selftest_check;

/* Called after each check; nonzero ends the test. */
typedef int mn_selftest_fn(void *user, const mn_selftest_check *check);

/* Runs every kernel that this CPU can run on fixed data: 8-bit kernels must give the known bytes,
 * float kernels the reference's values within a stated bound, and a small int8 network its known
 * outputs at every level. In libmobilenet_train. `fn` may be NULL. Takes milliseconds. *passed and
 * *failed count the checks; a failed check is not an error. Errors: MEMORY, CANCELLED. */
MN_API mn_status mn_selftest(mn_selftest_fn *fn, void *user, int *passed, int *failed,
                             mn_error *err);

#ifdef __cplusplus
}
#endif
#endif
