/* SPDX-License-Identifier: Apache-2.0
 * Which format a file has, by its content alone, and what an unknown file looks like. */
#include "format/format.h"

#include <string.h>

#include "format/safetensors/safetensors.h"
#include "format/tflite/tflite_schema.h"
#include "wire/flatbuffer.h"

#define EXPECTED "expected a TFLite, ONNX or safetensors file, or PyTorch's weights (.pth)"

/* Files that people may hand us by mistake, by their first bytes. */
typedef struct look {
  const char *bytes;
  size_t at, count;
  const char *name;
} look;

static const look looks[] = {
    {"PK\3\4", 0, 4,
     "a zip archive (a Keras file, a NumPy .npz, a PyTorch .pth that is cut off or read as more "
     "than "
     "weights)"},
    {"\x89HDF\r\n", 0, 6, "an HDF5 file (Keras .h5)"},
    {"\xff\xd8\xff", 0, 3, "a JPEG picture"},
    {"\x89PNG", 0, 4, "a PNG picture"},
    {"GIF8", 0, 4, "a GIF picture"},
    {"WEBP", 8, 4, "a WebP picture"},
    {"BM", 0, 2, "a BMP picture"},
    {"\x93NUMPY", 0, 6, "a NumPy array"},
    {"GGUF", 0, 4, "a GGUF file"},
    {"\x1f\x8b", 0, 2, "gzip-compressed"},
    {"BZh", 0, 3, "bzip2-compressed"},
    {"\xfd"
     "7zXZ",
     0, 5, "xz-compressed"},
    {"\x28\xb5\x2f\xfd", 0, 4, "zstd-compressed"},
    {"ustar", 257, 5, "a tar archive"},
    {"7767517", 0, 7, "an ncnn .param file"},
    {"\x7f"
     "ELF",
     0, 4, "a program"},
    {"%PDF", 0, 4, "a PDF document"},
    {"version https://git-lfs", 0, 23, "a Git LFS pointer, not the file itself"},
    {"<", 0, 1, "a web page or XML"},
    {"{", 0, 1, "JSON text"},
    {"\x80\2", 0, 2,
     "a Python pickle (a PyTorch .pth from before 1.6: load it in PyTorch and save it again)"},
};

/* An ONNX model begins with field 1 (its IR version, a small number) and goes on with the
 * producer's name or another low field. */
static bool looks_like_onnx(const uint8_t *bytes, size_t size) {
  return size > 4 && bytes[0] == 0x08 && bytes[1] >= 3 && bytes[1] < 32 &&
         (bytes[2] == 0x12 || bytes[2] == 0x3a || bytes[2] == 0x42);
}

/* The length that a safetensors file begins with is beyond its end. */
static bool is_cut_safetensors(const uint8_t *bytes, size_t size) {
  return size >= 10 && bytes[7] == 0 && bytes[8] == '{' && bytes[9] == '"' &&
         !mn_safetensors_is(bytes, size);
}

static const char *describe(const uint8_t *bytes, size_t size) {
  if (is_cut_safetensors(bytes, size)) return "a safetensors file that is cut off in its header";
  for (size_t i = 0; i < sizeof looks / sizeof looks[0]; i++) {
    const look *l = &looks[i];
    if (size >= l->at + l->count && memcmp(bytes + l->at, l->bytes, l->count) == 0) {
      return l->name;
    }
  }
  return NULL;
}

mn_status mn_format_load(mn_graph *graph, const mn_load_request *request, mn_contract_facts *facts,
                         mn_error *err) {
  const uint8_t *bytes = request->bytes;
  if (mn_fb_has_identifier(bytes, request->size, MN_TFLITE_IDENTIFIER)) {
    return mn_tflite_load(graph, request, facts, err);
  }
  if (mn_safetensors_is(bytes, request->size)) {
    mn_status status = mn_safetensors_load(graph, request, err);
    if (!status) mn_format_facts(graph, facts);
    return status;
  }
  if (looks_like_onnx(bytes, request->size)) {
    mn_status status = mn_onnx_load(graph, request, err);
    if (!status) mn_format_facts(graph, facts);
    return status;
  }
  const char *found = describe(bytes, request->size);
  if (found) {
    return mn_fail(err, MN_ERR_FORMAT, request->name,
                   "not a model that can be read: it looks like %s, " EXPECTED, found);
  }
  return mn_fail(err, MN_ERR_FORMAT, request->name, "not a model that can be read, " EXPECTED);
}
