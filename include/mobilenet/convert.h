/* SPDX-License-Identifier: Apache-2.0
 *
 * convert.h - write a model to a file (libmobilenet_train). Writing is atomic: a new file appears
 * whole under its name, or the old one stays.
 */
#ifndef MOBILENET_CONVERT_H
#define MOBILENET_CONVERT_H

#include "mobilenet.h"

#ifdef __cplusplus
extern "C" {
#endif

typedef enum mn_format {
  MN_FORMAT_BY_NAME = 0, /* by the path's ending: .safetensors, .tflite */
  MN_FORMAT_SAFETENSORS,
  MN_FORMAT_TFLITE
} mn_format;

/* Writes `model`, its contract and labels included, to `path`. Equal content gives equal bytes.
 * Errors: UNSUPPORTED (the format cannot hold something, naming it), IO, MEMORY. */
MN_API mn_status mn_model_save(const mn_model *model, const char *path, mn_format format,
                               mn_error *err);

#ifdef __cplusplus
}
#endif
#endif
