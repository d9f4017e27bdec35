/* SPDX-License-Identifier: Apache-2.0
 * What the parts of the TFLite writer share: the tensors and operators that the file will have,
 * laid out as lists first, because a node of ours may need more than one of theirs. */
#ifndef MN_FORMAT_TFLITE_SAVE_H
#define MN_FORMAT_TFLITE_SAVE_H

#include "format/format.h"
#include "format/tflite/tflite_schema.h"
#include "wire/flatbuffer.h"

typedef struct mn_tflite_out_tensor {
  const char *name;
  mn_type type;
  mn_shape shape;
  mn_quant quant;
  const void *data; /* NULL: an activation */
  size_t bytes;
} mn_tflite_out_tensor;

typedef struct mn_tflite_option {
  uint32_t field;
  enum { MN_TFLITE_BYTE, MN_TFLITE_INT, MN_TFLITE_FLOAT } kind;
  int32_t number;
  float real;
} mn_tflite_option;

enum { MN_TFLITE_MAX_OPTIONS = 8 };

typedef struct mn_tflite_out_op {
  int32_t code, version;
  uint8_t options_type;
  mn_tflite_option options[MN_TFLITE_MAX_OPTIONS];
  int32_t option_count;
  int32_t *in; /* [in_count] tensor indices; -1 = absent */
  int32_t in_count;
  int32_t out, more_out[3]; /* [more_count] */
  int32_t more_count;
  const char *custom; /* name of an operator that is not the format's own, and its options */
  const uint8_t *custom_options; /* [custom_bytes] */
  size_t custom_bytes;
} mn_tflite_out_op;

typedef struct mn_tflite_saver {
  const mn_graph *graph;
  mn_error *err;
  mn_arena scratch; /* everything below */
  mn_tflite_out_tensor *tensors;
  int32_t tensor_count, tensor_capacity;
  mn_tflite_out_op *ops;
  int32_t op_count, op_capacity;
  int32_t *tensor_of; /* [value_count]; -1 = none yet */
} mn_tflite_saver;

/* The tensor of a value, made on first use; -1 for MN_NONE. */
mn_status mn_tflite_save_value(mn_tflite_saver *saver, mn_id value, int32_t *tensor);

/* ---- tflite_save_ops.c ---------------------------------------------------------------------- */

/* Adds the operators of a node. UNSUPPORTED, naming it, when the format has nothing that does the
 * same. */
mn_status mn_tflite_save_node(mn_tflite_saver *saver, const mn_node *node);
/* Takes the operator with its inputs, tensor indices, copied. */
mn_status mn_tflite_save_op(mn_tflite_saver *saver, mn_tflite_out_op op, const int32_t *in,
                            int32_t in_count);

/* ---- tflite_save_detect.c ------------------------------------------------------------------- */

mn_status mn_tflite_save_detect(mn_tflite_saver *saver, const mn_node *node);

/* ---- tflite_save_metadata.c ----------------------------------------------------------------- */

/* The TFLite metadata flatbuffer (normalization and the name of the label file) in
 * metadata->bytes. */
mn_status mn_tflite_save_metadata(const mn_graph *graph, mn_fb_builder *metadata, mn_error *err);
/* The zip tail with the label file, to follow `offset` bytes; NULL when there are no labels. In
 * `arena`. */
mn_status mn_tflite_save_labels(const mn_graph *graph, size_t offset, mn_arena *arena,
                                uint8_t **tail, size_t *bytes, mn_error *err);

#define MN_TFLITE_LABELS_FILE "labels.txt"

#endif
