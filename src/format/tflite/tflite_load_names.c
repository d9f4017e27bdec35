/* SPDX-License-Identifier: Apache-2.0
 * Names in TFLite files: tensors' made unique and printable, and those of the builtin operators for
 * messages (in the order of the schema's BuiltinOperator; the StableHLO ones are left out). */
#include <stdio.h>
#include <string.h>

#include "format/tflite/tflite_load.h"

static const char *const operator_names[] = {"ADD",
                                             "AVERAGE_POOL_2D",
                                             "CONCATENATION",
                                             "CONV_2D",
                                             "DEPTHWISE_CONV_2D",
                                             "DEPTH_TO_SPACE",
                                             "DEQUANTIZE",
                                             "EMBEDDING_LOOKUP",
                                             "FLOOR",
                                             "FULLY_CONNECTED",
                                             "HASHTABLE_LOOKUP",
                                             "L2_NORMALIZATION",
                                             "L2_POOL_2D",
                                             "LOCAL_RESPONSE_NORMALIZATION",
                                             "LOGISTIC",
                                             "LSH_PROJECTION",
                                             "LSTM",
                                             "MAX_POOL_2D",
                                             "MUL",
                                             "RELU",
                                             "RELU_N1_TO_1",
                                             "RELU6",
                                             "RESHAPE",
                                             "RESIZE_BILINEAR",
                                             "RNN",
                                             "SOFTMAX",
                                             "SPACE_TO_DEPTH",
                                             "SVDF",
                                             "TANH",
                                             "CONCAT_EMBEDDINGS",
                                             "SKIP_GRAM",
                                             "CALL",
                                             "CUSTOM",
                                             "EMBEDDING_LOOKUP_SPARSE",
                                             "PAD",
                                             "UNIDIRECTIONAL_SEQUENCE_RNN",
                                             "GATHER",
                                             "BATCH_TO_SPACE_ND",
                                             "SPACE_TO_BATCH_ND",
                                             "TRANSPOSE",
                                             "MEAN",
                                             "SUB",
                                             "DIV",
                                             "SQUEEZE",
                                             "UNIDIRECTIONAL_SEQUENCE_LSTM",
                                             "STRIDED_SLICE",
                                             "BIDIRECTIONAL_SEQUENCE_RNN",
                                             "EXP",
                                             "TOPK_V2",
                                             "SPLIT",
                                             "LOG_SOFTMAX",
                                             "DELEGATE",
                                             "BIDIRECTIONAL_SEQUENCE_LSTM",
                                             "CAST",
                                             "PRELU",
                                             "MAXIMUM",
                                             "ARG_MAX",
                                             "MINIMUM",
                                             "LESS",
                                             "NEG",
                                             "PADV2",
                                             "GREATER",
                                             "GREATER_EQUAL",
                                             "LESS_EQUAL",
                                             "SELECT",
                                             "SLICE",
                                             "SIN",
                                             "TRANSPOSE_CONV",
                                             "SPARSE_TO_DENSE",
                                             "TILE",
                                             "EXPAND_DIMS",
                                             "EQUAL",
                                             "NOT_EQUAL",
                                             "LOG",
                                             "SUM",
                                             "SQRT",
                                             "RSQRT",
                                             "SHAPE",
                                             "POW",
                                             "ARG_MIN",
                                             "FAKE_QUANT",
                                             "REDUCE_PROD",
                                             "REDUCE_MAX",
                                             "PACK",
                                             "LOGICAL_OR",
                                             "ONE_HOT",
                                             "LOGICAL_AND",
                                             "LOGICAL_NOT",
                                             "UNPACK",
                                             "REDUCE_MIN",
                                             "FLOOR_DIV",
                                             "REDUCE_ANY",
                                             "SQUARE",
                                             "ZEROS_LIKE",
                                             "FILL",
                                             "FLOOR_MOD",
                                             "RANGE",
                                             "RESIZE_NEAREST_NEIGHBOR",
                                             "LEAKY_RELU",
                                             "SQUARED_DIFFERENCE",
                                             "MIRROR_PAD",
                                             "ABS",
                                             "SPLIT_V",
                                             "UNIQUE",
                                             "CEIL",
                                             "REVERSE_V2",
                                             "ADD_N",
                                             "GATHER_ND",
                                             "COS",
                                             "WHERE",
                                             "RANK",
                                             "ELU",
                                             "REVERSE_SEQUENCE",
                                             "MATRIX_DIAG",
                                             "QUANTIZE",
                                             "MATRIX_SET_DIAG",
                                             "ROUND",
                                             "HARD_SWISH",
                                             "IF",
                                             "WHILE",
                                             "NON_MAX_SUPPRESSION_V4",
                                             "NON_MAX_SUPPRESSION_V5",
                                             "SCATTER_ND",
                                             "SELECT_V2",
                                             "DENSIFY",
                                             "SEGMENT_SUM",
                                             "BATCH_MATMUL",
                                             "PLACEHOLDER_FOR_GREATER_OP_CODES",
                                             "CUMSUM",
                                             "CALL_ONCE",
                                             "BROADCAST_TO",
                                             "RFFT2D",
                                             "CONV_3D",
                                             "IMAG",
                                             "REAL",
                                             "COMPLEX_ABS",
                                             "HASHTABLE",
                                             "HASHTABLE_FIND",
                                             "HASHTABLE_IMPORT",
                                             "HASHTABLE_SIZE",
                                             "REDUCE_ALL",
                                             "CONV_3D_TRANSPOSE",
                                             "VAR_HANDLE",
                                             "READ_VARIABLE",
                                             "ASSIGN_VARIABLE",
                                             "BROADCAST_ARGS",
                                             "RANDOM_STANDARD_NORMAL",
                                             "BUCKETIZE",
                                             "RANDOM_UNIFORM",
                                             "MULTINOMIAL",
                                             "GELU",
                                             "DYNAMIC_UPDATE_SLICE",
                                             "RELU_0_TO_1",
                                             "UNSORTED_SEGMENT_PROD",
                                             "UNSORTED_SEGMENT_MAX",
                                             "UNSORTED_SEGMENT_SUM",
                                             "ATAN2",
                                             "UNSORTED_SEGMENT_MIN",
                                             "SIGN",
                                             "BITCAST",
                                             "BITWISE_XOR",
                                             "RIGHT_SHIFT"};

const char *mn_tflite_operator_name(int32_t code) {
  size_t count = sizeof operator_names / sizeof operator_names[0];
  return code >= 0 && (size_t)code < count ? operator_names[code] : "?";
}

/* ---- Taken names ---------------------------------------------------------------------------- */

/* Longest walk to a free slot. In a table half full, names that were not chosen for it come nowhere
 * near; ones that were would make reading quadratic. */
enum { MOST_PROBES = 1024 };

static uint32_t hash_text(const char *text) {
  uint32_t hash = 2166136261u; /* FNV-1a */
  for (; *text; text++) hash = (hash ^ (unsigned char)*text) * 16777619u;
  return hash;
}

/* The slot of `name`, or the free one where it belongs. */
static size_t find_slot(const mn_tflite_loader *loader, const char *name) {
  const mn_tflite_names *names = &loader->names;
  size_t slot = hash_text(name) & (names->slot_count - 1);
  while (names->slots[slot] != MN_NONE &&
         strcmp(loader->graph->values[names->slots[slot]].name, name) != 0) {
    slot = (slot + 1) & (names->slot_count - 1);
  }
  return slot;
}

static bool is_taken(const mn_tflite_loader *loader, const char *name) {
  const mn_tflite_names *names = &loader->names;
  return names->slot_count && names->slots[find_slot(loader, name)] != MN_NONE;
}

static mn_status grow(mn_tflite_loader *loader) {
  mn_tflite_names old = loader->names;
  size_t count = old.slot_count ? old.slot_count * 2 : 256;
  mn_status status = mn_tflite_check(loader, count * sizeof *old.slots);
  if (status) return status;
  mn_id *slots = mn_arena_array(&loader->scratch, count, sizeof *slots);
  if (!slots) return mn_fail_memory(loader->err, count * sizeof *slots);
  for (size_t i = 0; i < count; i++) slots[i] = MN_NONE;
  loader->names = (mn_tflite_names){slots, count, old.used};
  for (size_t i = 0; i < old.slot_count; i++) {
    if (old.slots[i] == MN_NONE) continue;
    slots[find_slot(loader, loader->graph->values[old.slots[i]].name)] = old.slots[i];
  }
  return MN_OK;
}

mn_status mn_tflite_take_name(mn_tflite_loader *loader, mn_id value) {
  if (loader->names.used * 2 >= loader->names.slot_count) {
    mn_status status = grow(loader);
    if (status) return status;
  }
  const char *name = loader->graph->values[value].name;
  size_t slot = find_slot(loader, name), home = hash_text(name) & (loader->names.slot_count - 1);
  if (((slot - home) & (loader->names.slot_count - 1)) > MOST_PROBES) {
    return mn_fail(loader->err, MN_ERR_LIMIT, loader->request->name,
                   "its tensors' names are chosen to be slow to look up");
  }
  loader->names.slots[slot] = value;
  loader->names.used++;
  return MN_OK;
}

/* ---- Making names --------------------------------------------------------------------------- */

/* Bytes of the UTF-8 character at `text`, 0 when there is none. */
static size_t utf8_length(const uint8_t *text, size_t left) {
  static const uint32_t least[5] = {0, 0, 0x80, 0x800, 0x10000};
  size_t length = text[0] < 0x80   ? 1
                  : text[0] < 0xc0 ? 0
                  : text[0] < 0xe0 ? 2
                  : text[0] < 0xf0 ? 3
                                   : 4;
  if (length == 0 || length > left || text[0] >= 0xf8) return 0;
  if (length == 1) return text[0] >= 0x20 && text[0] != 0x7f;
  uint32_t code = text[0] & (0x7fu >> length);
  for (size_t i = 1; i < length; i++) {
    if ((text[i] & 0xc0) != 0x80) return 0;
    code = code << 6 | (text[i] & 0x3fu);
  }
  bool surrogate = code >= 0xd800 && code < 0xe000;
  return code >= least[length] && code <= 0x10ffff && !surrogate ? length : 0;
}

/* Copies valid characters and turns every other byte into an underscore. */
static size_t copy_printable(char *out, size_t room, const uint8_t *text, size_t length) {
  size_t used = 0;
  for (size_t i = 0; i < length;) {
    size_t step = utf8_length(text + i, length - i);
    size_t width = step ? step : 1;
    if (used + width > room) break;
    if (step) {
      memcpy(out + used, text + i, step);
    } else {
      out[used] = '_';
    }
    used += width;
    i += width;
  }
  return used;
}

mn_status mn_tflite_unique_name(mn_tflite_loader *loader, const mn_tflite_tensor *tensor,
                                char text[MN_TFLITE_NAME_BYTES]) {
  enum { SUFFIX_BYTES = 64 }; /* room for the suffixes below */
  mn_fb_vector name = mn_fb_vector_at(&loader->fb, &tensor->table, TFL_TENSOR_NAME, 1);
  const uint8_t *bytes = mn_fb_vector_bytes(&loader->fb, &name);
  size_t used = copy_printable(text, MN_TFLITE_NAME_BYTES - SUFFIX_BYTES, bytes, name.count);
  if (used == 0) used = (size_t)snprintf(text, MN_TFLITE_NAME_BYTES, "tensor_%u", tensor->index);
  text[used] = '\0';
  /* The index makes a name unique unless the file uses that very text elsewhere; then a count. */
  size_t base = used;
  for (uint32_t attempt = 0; is_taken(loader, text); attempt++) {
    snprintf(text + base, MN_TFLITE_NAME_BYTES - base, attempt ? "_%u_%u" : "_%u", tensor->index,
             attempt);
  }
  return mn_tflite_check(loader, 0);
}
