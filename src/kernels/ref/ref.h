/* SPDX-License-Identifier: Apache-2.0
 * Reference functions that fill no slot of list.def: ops call them directly, on every CPU. Like
 * the kernels they are pure, freestanding and know nothing of threads or memory. */
#ifndef MN_KERNELS_REF_REF_H
#define MN_KERNELS_REF_REF_H

#include "kernels/kernels.h"

/* TFLite SUB: as mn_add_q8_ref with the difference of the scaled inputs. */
void mn_sub_q8_ref(const mn_add_q8_args *args);

#endif
