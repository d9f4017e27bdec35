/* SPDX-License-Identifier: Apache-2.0
 * What the parts of the TFLite loader share. Tensors are read out of the file where an operator
 * uses them; each becomes one value of the graph, created on first use. */
#ifndef MN_FORMAT_TFLITE_LOAD_H
#define MN_FORMAT_TFLITE_LOAD_H

#include "format/format.h"
#include "format/tflite/tflite_schema.h"
#include "wire/flatbuffer.h"

/* Names that are taken: a hash set of the graph's values. */
typedef struct mn_tflite_names {
  mn_id *slots; /* [slot_count], a power of two; MN_NONE = free */
  size_t slot_count, used;
} mn_tflite_names;

/* Whether the file states a value's shape. An open batch is written as 1, also where an operator
 * multiplies it. */
typedef enum mn_tflite_stated {
  MN_TFLITE_UNSTATED = 0,
  MN_TFLITE_STATED_BUT_BATCH,
  MN_TFLITE_STATED
} mn_tflite_stated;

/* Integers of a tensor that the reader computed (tflite_load_computed.c). */
enum { MN_TFLITE_COMPUTED = 8 };
typedef struct mn_tflite_computed {
  const int32_t *list; /* NULL: none */
  size_t bytes;
} mn_tflite_computed;

typedef struct mn_tflite_loader {
  mn_flatbuffer fb;
  const mn_load_request *request;
  mn_graph *graph;
  mn_error *err;
  mn_arena scratch; /* freed when loading ends */
  mn_fb_vector codes, buffers, metadata, tensors, operators;
  mn_fb_table subgraph;
  mn_id *values;                /* [tensors.count] value of a tensor; MN_NONE = none yet */
  mn_tflite_computed *computed; /* [tensors.count] */
  mn_tflite_stated *stated;     /* [stated_capacity] by value */
  int32_t stated_capacity;
  mn_tflite_names names;
} mn_tflite_loader;

/* A tensor as copied out of the file. */
typedef struct mn_tflite_tensor {
  uint32_t index;
  mn_fb_table table;
  mn_type type;
  mn_shape shape;
  bool shape_stated;   /* all dims are there and positive */
  bool batch_open;     /* but the first stands in for any */
  const uint8_t *data; /* NULL: not a constant */
  size_t bytes;
} mn_tflite_tensor;

/* One operator of the file. */
typedef struct mn_tflite_op {
  mn_tflite_loader *loader;
  uint32_t index; /* in the file */
  int32_t code, version;
  mn_fb_vector in, out; /* tensor indices */
  mn_fb_table options;
  mn_fb_vector custom_options; /* bytes */
} mn_tflite_op;

/* ---- tflite_load.c -------------------------------------------------------------------------- */

/* FORMAT when the flatbuffer is broken, LIMIT when `bytes` more would pass the memory cap. */
mn_status mn_tflite_check(mn_tflite_loader *loader, size_t bytes);
/* An error of an operator, naming it. */
#if defined(__GNUC__)
__attribute__((format(printf, 3, 4)))
#endif
mn_status
mn_tflite_fail(const mn_tflite_op *op, mn_status status, const char *format, ...);

/* ---- tflite_load_tensor.c ------------------------------------------------------------------- */

mn_status mn_tflite_read_tensor(mn_tflite_loader *loader, int32_t index, mn_tflite_tensor *tensor);
/* Makes the value of a tensor, its name and quantization included; a CONST when it has data. */
mn_status mn_tflite_make_value(mn_tflite_loader *loader, const mn_tflite_tensor *tensor, mn_id *id);
/* Notes a value that was added to the graph: its name is taken, its shape stated or not. */
mn_status mn_tflite_register_value(mn_tflite_loader *loader, mn_id id, mn_tflite_stated stated);
/* Makes the f32 constant that a DEQUANTIZE of the constant `from` gives, as the value of `to`. */
mn_status mn_tflite_make_dequantized(mn_tflite_loader *loader, const mn_tflite_tensor *from,
                                     const mn_tflite_tensor *to);

/* ---- tflite_load_names.c -------------------------------------------------------------------- */

/* A name for a tensor: printable, not empty, not taken; in `text`. */
enum { MN_TFLITE_NAME_BYTES = 1024 };
mn_status mn_tflite_unique_name(mn_tflite_loader *loader, const mn_tflite_tensor *tensor,
                                char text[MN_TFLITE_NAME_BYTES]);
/* Marks the graph's newest value's name as taken. */
mn_status mn_tflite_take_name(mn_tflite_loader *loader, mn_id value);
/* The name of a builtin operator, "?" when unknown. */
const char *mn_tflite_operator_name(int32_t code);

/* ---- tflite_load_operand.c ------------------------------------------------------------------ */

/* The value of an input, made when it is a constant. FORMAT when nothing has written it. */
mn_status mn_tflite_operand(const mn_tflite_op *op, uint32_t position, mn_id *id);
/* Likewise; MN_NONE when absent. */
mn_status mn_tflite_optional(const mn_tflite_op *op, uint32_t position, mn_id *id);
/* Reads an input that is a constant list of integers; at most `capacity` of them. */
mn_status mn_tflite_integers(const mn_tflite_op *op, uint32_t position, int32_t *list,
                             int32_t capacity, int32_t *count);
/* Reads the tensor record of an input or output. */
mn_status mn_tflite_input_tensor(const mn_tflite_op *op, uint32_t position,
                                 mn_tflite_tensor *tensor);
mn_status mn_tflite_output_tensor(const mn_tflite_op *op, mn_tflite_tensor *tensor);
/* A fused activation in field `field` of the options. */
mn_status mn_tflite_activation(const mn_tflite_op *op, uint32_t field, mn_act *act);
/* Makes the output value and the node that writes it. */
mn_status mn_tflite_emit(const mn_tflite_op *op, mn_op kind, const mn_id *in, int32_t in_count,
                         const mn_attr *attr);

/* ---- tflite_load_ops.c, tflite_load_layers.c, tflite_load_shapes.c, tflite_load_transpose.c  */

typedef mn_status mn_tflite_op_loader(const mn_tflite_op *op);
mn_tflite_op_loader mn_tflite_load_conv, mn_tflite_load_depthwise, mn_tflite_load_dense;
mn_tflite_op_loader mn_tflite_load_pool;
mn_tflite_op_loader mn_tflite_load_reshape, mn_tflite_load_pad, mn_tflite_load_concat;
mn_tflite_op_loader mn_tflite_load_mean, mn_tflite_load_resize, mn_tflite_load_arg_max;
mn_tflite_op_loader mn_tflite_load_transpose_conv, mn_tflite_load_transpose_bias;
mn_tflite_op_loader mn_tflite_load_space_batch;
mn_tflite_op_loader mn_tflite_load_detect;
mn_tflite_op_loader mn_tflite_load_shape, mn_tflite_load_strided_slice, mn_tflite_load_pack;

/* Finds the operator's loader, checks version and options, and runs it. */
mn_status mn_tflite_load_op(mn_tflite_op *op, const mn_fb_table *record);

/* ---- tflite_load_raise.c --------------------------------------------------------------------- */

/* After the last operator: raises resizes to a constant size where provable, else fixes the input
 * size. */
mn_status mn_tflite_raise_resizes(mn_tflite_loader *loader);

/* ---- tflite_load_metadata.c ----------------------------------------------------------------- */

/* Contract, normalization and labels, from metadata buffers and the zip tail. */
mn_status mn_tflite_load_metadata(mn_tflite_loader *loader, mn_contract_facts *facts);
/* Bytes of a buffer; NULL data when it is empty. */
mn_status mn_tflite_buffer(mn_tflite_loader *loader, uint32_t index, const uint8_t **data,
                           size_t *bytes);

#endif
