/* SPDX-License-Identifier: Apache-2.0
 * Saving a model: the format by name or by choice, the bytes in memory first, then an atomic write.
 */
#include <string.h>

#include "api/model.h"
#include "base/alloc.h"
#include "format/format.h"
#include "mobilenet/convert.h"
#include "passes/passes.h"

static bool ends_with(const char *text, const char *ending) {
  size_t length = strlen(text), wanted = strlen(ending);
  return length >= wanted && strcmp(text + length - wanted, ending) == 0;
}

static mn_format format_of(const char *path) {
  if (ends_with(path, ".safetensors")) return MN_FORMAT_SAFETENSORS;
  if (ends_with(path, ".tflite")) return MN_FORMAT_TFLITE;
  if (ends_with(path, ".onnx")) return MN_FORMAT_ONNX;
  return MN_FORMAT_BY_NAME;
}

typedef mn_status save_fn(const mn_graph *graph, uint8_t **bytes, size_t *size, mn_error *err);

/* A TFLite or ONNX file is for running: it holds the graph as passes leave it, norms folded. */
static mn_status save_lowered(const mn_graph *graph, save_fn *save, uint8_t **bytes, size_t *size,
                              mn_error *err) {
  mn_graph lowered;
  mn_status status = mn_graph_copy(&lowered, graph, err);
  if (status) return status;
  status = mn_passes_run(&lowered, err);
  if (!status) status = save(&lowered, bytes, size, err);
  mn_graph_free(&lowered);
  return status;
}

mn_status mn_model_save(const mn_model *model, const char *path, mn_format format, mn_error *err) {
  mn_error_clear(err);
  uint8_t *bytes = NULL;
  size_t size = 0;
  mn_status status;
  if (format == MN_FORMAT_BY_NAME) format = format_of(path);
  switch (format) {
    case MN_FORMAT_SAFETENSORS:
      status = mn_safetensors_save(&model->graph, &bytes, &size, err);
      break;
    case MN_FORMAT_TFLITE:
      status = save_lowered(&model->graph, mn_tflite_save, &bytes, &size, err);
      break;
    case MN_FORMAT_ONNX:
      status = save_lowered(&model->graph, mn_onnx_save, &bytes, &size, err);
      break;
    default:
      return mn_fail(err, MN_ERR_ARGUMENT, path,
                     "the name does not tell a format; expected .safetensors, .tflite or .onnx");
  }
  if (!status) status = mn_file_write(path, bytes, size, err);
  mn_free(bytes);
  return status;
}
