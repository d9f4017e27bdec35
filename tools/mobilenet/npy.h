/* SPDX-License-Identifier: Apache-2.0
 * Tensors as NumPy .npy files: reads versions 1, 2 and 3, writes version 1, C order only.
 * Source: numpy.lib.format. */
#ifndef MOBILENET_TOOL_NPY_H
#define MOBILENET_TOOL_NPY_H

#include <stdbool.h>

#include "mobilenet/mobilenet.h"

typedef struct npy_array {
  mn_type type;
  int32_t rank;
  int32_t dims[MN_MAX_RANK];
  void *data; /* dense, `bytes` long; owned */
  size_t bytes;
} npy_array;

/* False after saying, in one sentence, what the file is and what was expected. */
bool npy_read(npy_array *out, const char *path);
void npy_free(npy_array *array);
/* Writes `data` of the type and shape in `info`; bf16 becomes float32. False after saying why. */
bool npy_write(const char *path, const mn_tensor_info *info, const void *data);

#endif
