/* SPDX-License-Identifier: Apache-2.0
 * The linked kernels, and the choice among them. */
#include "kernels/kernels.h"

#define MN_KERNEL(slot, needs, rank, function, rows, cols, deep) \
  {MN_SLOT_##slot, needs, rank, &#function[3], (mn_any_fn *)function, {rows, cols, deep}},
static const mn_kernel kernels[] = {
#include "kernels/list.def"
};
#undef MN_KERNEL

const mn_kernel *mn_kernel_list(size_t *count) {
  *count = sizeof kernels / sizeof kernels[0];
  return kernels;
}

const mn_kernel *mn_kernel_select(mn_slot slot, uint32_t features) {
  const mn_kernel *best = NULL;
  for (size_t i = 0; i < sizeof kernels / sizeof kernels[0]; i++) {
    const mn_kernel *kernel = &kernels[i];
    if (kernel->slot != slot || (kernel->needs & ~features) != 0) continue;
    if (!best || kernel->rank > best->rank) best = kernel;
  }
  return best;
}

const char *mn_slot_name(mn_slot slot) {
  static const char *const names[] = {
#define MN_SLOT(slot) #slot,
      MN_SLOTS(MN_SLOT)
#undef MN_SLOT
  };
  return (unsigned)slot < MN_SLOT_COUNT ? names[slot] : "?";
}
