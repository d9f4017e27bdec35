/* SPDX-License-Identifier: Apache-2.0
 *
 * convert.h - write a model to a file, and make models of other libraries' weights
 * (libmobilenet_train). Writing is atomic: a new file appears whole under its name, or the old one
 * stays.
 */
#ifndef MOBILENET_CONVERT_H
#define MOBILENET_CONVERT_H

#include "mobilenet.h"

#ifdef __cplusplus
extern "C" {
#endif

typedef enum mn_format {
  MN_FORMAT_BY_NAME = 0, /* by the path's ending: .safetensors, .tflite, .onnx */
  MN_FORMAT_SAFETENSORS,
  MN_FORMAT_TFLITE,
  MN_FORMAT_ONNX /* without contract and labels; 8 bit as QDQ */
} mn_format;

/* Writes `model`, its contract and labels included, to `path`. Equal content gives equal bytes.
 * Errors: UNSUPPORTED (the format cannot hold something, naming it), IO, MEMORY. */
MN_API mn_status mn_model_save(const mn_model *model, const char *path, mn_format format,
                               mn_error *err);

/* How a state dictionary is opened. */
typedef struct mn_weights_options {
  size_t struct_size;
  const mn_open_options *open; /* contract, labels, memory cap; NULL = defaults */
  /* The network, as zoo.h names it, for what names and shapes cannot tell: v3-large-1.0-224@tf,
   * or another input size. NULL: told from names and shapes, with the
   * input size of that library's network (224 x 224 mostly; any other can be bound in a plan). */
  const char *architecture;
} mn_weights_options;

/* Opens a state dictionary of PyTorch: tensors of torchvision's or timm's MobileNets by their
 * names, in a safetensors file or in a zip file of torch.save (.pth), of which nothing is executed.
 * Weights of f32, f16 or bf16 become f32. Every tensor must have its place, but for
 * num_batches_tracked and aux_classifier, which only training uses. What was assumed is in
 * mn_model_assumptions: the network, the input's size, how that library prepares pictures. Errors:
 * FORMAT, UNSUPPORTED (naming what has no place), ARGUMENT (the architecture), LIMIT, IO, MEMORY.
 */
MN_API mn_status mn_model_open_weights(mn_model **out, const char *path,
                                       const mn_weights_options *options, mn_error *err);

/* 1 when the file is such a state dictionary, whether or not its network is known. */
MN_API int mn_weights_has(const char *path);

#ifdef __cplusplus
}
#endif
#endif
