/* SPDX-License-Identifier: Apache-2.0
 * diagnostics.h: the kernels of this build, in slot order, and which of them a level would use.
 * Whether they compute the right thing is selftest.c's question. */
#include "mobilenet/diagnostics.h"

#include "base/cpu.h"
#include "base/error.h"
#include "kernels/kernels.h"

int mn_kernel_count(void) {
  size_t count;
  mn_kernel_list(&count);
  return (int)count;
}

/* Kernel `index` when the list is ordered by slot; NULL past the end. */
static const mn_kernel *kernel_at(int index) {
  size_t count;
  const mn_kernel *list = mn_kernel_list(&count);
  for (int slot = 0; slot < MN_SLOT_COUNT; slot++) {
    for (size_t i = 0; i < count; i++) {
      if ((int)list[i].slot == slot && index-- == 0) return &list[i];
    }
  }
  return NULL;
}

mn_status mn_kernel_describe(mn_kernel_info *info, int index, const char *isa, mn_error *err) {
  mn_cpu_features features;
  mn_status status = mn_cpu_level(isa, &features, err);
  if (status) return status;
  const mn_kernel *kernel = index >= 0 ? kernel_at(index) : NULL;
  if (!kernel) {
    return mn_fail(err, MN_ERR_ARGUMENT, "index", "%d is no kernel; there are %d", index,
                   mn_kernel_count());
  }
  info->slot = mn_slot_name(kernel->slot);
  info->name = kernel->name;
  info->isa = mn_cpu_level_needed(kernel->needs);
  info->available = (kernel->needs & ~mn_cpu_detect()) == 0;
  info->allowed = (kernel->needs & ~features) == 0;
  info->chosen = mn_kernel_select(kernel->slot, features) == kernel;
  info->rows = kernel->tile.rows;
  info->cols = kernel->tile.cols;
  info->deep = kernel->tile.deep;
  return MN_OK;
}
