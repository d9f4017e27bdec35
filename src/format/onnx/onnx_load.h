/* SPDX-License-Identifier: Apache-2.0
 * What the parts of the ONNX loader share. ONNX is NCHW and the graph is NHWC: a tensor of rank 4
 * is kept with its axes in the order n, h, w, c ("channels last"), without any transpose, and each
 * operator's axes and weights are rearranged to fit. Where only a real transpose would do, the
 * operator is refused. */
#ifndef MN_FORMAT_ONNX_LOAD_H
#define MN_FORMAT_ONNX_LOAD_H

#include "base/file.h"
#include "format/format.h"
#include "format/onnx/onnx_schema.h"
#include "wire/protobuf.h"

typedef enum mn_onnx_kind {
  MN_ONNX_UNWRITTEN,
  MN_ONNX_VALUE,   /* a value of the graph */
  MN_ONNX_CONST,   /* data of the file */
  MN_ONNX_INTEGERS /* computed while loading: shape arithmetic */
} mn_onnx_kind;

/* Where a number computed while loading comes from: zero-initialized, it is the same at every size
 * of the model's input. */
typedef struct mn_onnx_origin {
  enum {
    MN_ONNX_ANY_SIZE,
    MN_ONNX_HEIGHT,
    MN_ONNX_WIDTH,
    MN_ONNX_HEIGHT_FACTOR,
    MN_ONNX_WIDTH_FACTOR,
    MN_ONNX_COMPUTED
  } what;
  mn_id map; /* HEIGHT, WIDTH: the value whose extent it is */
  mn_id of;  /* FACTOR: the value whose extent that of `map` was divided by */
} mn_onnx_origin;

/* Codes that stand for real numbers, as the graph has them. */
typedef struct mn_onnx_codes {
  mn_type type; /* MN_U8, MN_I8; MN_I32 for biases */
  mn_quant quant;
  mn_act act;   /* of the layer that makes them */
  bool recoded; /* i8 that are u8 in the file, 128 more */
} mn_onnx_codes;

/* A tensor of the file, by name. */
typedef struct mn_onnx_tensor {
  mn_pb_span name;
  mn_onnx_kind kind;
  bool is_initializer, is_input;
  bool named;        /* a value of the graph has its name */
  bool is_output;    /* of the model */
  uint32_t reads;    /* by nodes */
  mn_pb_span reader; /* the last node that reads it */
  mn_shape shape;
  int64_t data_type; /* ONNX's code */
  /* VALUE */
  mn_id id; /* MN_NONE: it is there as codes only */
  bool coded;
  bool clamped;       /* as a relu or clip that reads it would */
  mn_id codes;        /* the value of codes that it is (data_type is an integer's) or stands for */
  bool channels_last; /* the value's axes are n, h, w, c; shape's are n, c, h, w */
  bool point;         /* a map of 1 x 1 at every input size */
  mn_shape flat;      /* rank 3: each row is a flattened map [c,h,w] whose elements are in the order
                         h, w, c. Rank 0: it is not */
  int32_t split;      /* not 0: a map [n,c,h,w] seen as [n,c/split,split,h,w], as the heads of a
                         detector do */
  bool split_last;    /* the same as [n,h,w,c/split,split] */
  /* CONST: dense, little-endian, any alignment. INTEGERS: int64_t */
  const uint8_t *data;
  size_t bytes;
  const mn_onnx_codes *meaning;  /* CONST: integers that stand for floats (data_type is FLOAT) */
  int64_t stored_type;           /* the integers' */
  const mn_onnx_origin *origins; /* INTEGERS and computed floats (CONST): one for each number; NULL:
                                    all are ANY_SIZE */
} mn_onnx_tensor;

typedef struct mn_onnx_loader {
  const mn_load_request *request;
  mn_graph *graph;
  mn_error *err;
  mn_arena scratch;    /* freed when loading ends */
  const char *problem; /* what is wrong with the file's encoding, or NULL */
  int32_t opset;
  mn_pb_span graph_bytes, contract;
  mn_onnx_tensor *tensors; /* [tensor_count], in order of their names once sorted */
  size_t tensor_count;
  mn_shape *shapes; /* [shape_capacity] by value, for shape inference */
  int32_t shape_capacity;
  uint32_t made_names;
  mn_file_beside beside; /* the file of weights read last, and its name */
  mn_pb_span beside_name;
  bool prefers_i8; /* u8 codes become i8 codes, 128 less: some weights are i8 or have many scales */
} mn_onnx_loader;

enum { MN_ONNX_MOST_INPUTS = 64, MN_ONNX_MOST_OUTPUTS = 8 };

/* One node of the file. */
typedef struct mn_onnx_op {
  mn_onnx_loader *loader;
  uint32_t index;
  mn_pb_span bytes, name, type, domain;
  mn_pb_span in[MN_ONNX_MOST_INPUTS], out[MN_ONNX_MOST_OUTPUTS];
  int32_t in_count, out_count;
  /* Instead of those that the names stand for, where an operator is made of others. */
  mn_onnx_tensor *given[MN_ONNX_MOST_INPUTS], *given_out;
  /* Not NULL: it is computed in codes and these are its result's. */
  const mn_onnx_codes *target;
  bool makes_codes; /* the file's result is codes; else floats, which a QuantizeLinear reads */
} mn_onnx_op;

/* ---- onnx_load.c ---------------------------------------------------------------------------- */

/* FORMAT when the encoding is broken, LIMIT when `bytes` more would pass the memory cap. */
mn_status mn_onnx_check(mn_onnx_loader *loader, size_t bytes);
/* The next field of a message; a broken one is the loader's problem. */
bool mn_onnx_next(mn_onnx_loader *loader, mn_pb_cursor *cursor, mn_pb_field *field);
/* Splits a node's message into the parts that all nodes have. */
mn_status mn_onnx_read_node(mn_onnx_op *op);
/* An error of a node, naming it. */
#if defined(__GNUC__)
__attribute__((format(printf, 3, 4)))
#endif
mn_status
mn_onnx_fail(const mn_onnx_op *op, mn_status status, const char *format, ...);

/* ---- onnx_load_ends.c ----------------------------------------------------------------------- */

/* Makes the model's inputs, before its nodes are read, and its outputs, after. */
mn_status mn_onnx_load_inputs(mn_onnx_loader *loader);
mn_status mn_onnx_load_outputs(mn_onnx_loader *loader);

/* ---- onnx_load_names.c ---------------------------------------------------------------------- */

/* Lists every tensor that the graph has: initializers, inputs, outputs of nodes. */
mn_status mn_onnx_collect(mn_onnx_loader *loader);
/* Counts who reads each. */
mn_status mn_onnx_count_reads(mn_onnx_loader *loader);
/* The tensor of that name, or NULL. */
mn_onnx_tensor *mn_onnx_find(const mn_onnx_loader *loader, mn_pb_span name);
/* A name for a value: the tensor's own the first time, else one that nothing else has. */
enum { MN_ONNX_NAME_BYTES = 256 };
void mn_onnx_make_name(mn_onnx_loader *loader, mn_onnx_tensor *tensor,
                       char text[MN_ONNX_NAME_BYTES]);
/* A name as messages show it. */
const char *mn_onnx_text(mn_pb_span name, char text[MN_ONNX_NAME_BYTES]);

/* ---- onnx_load_tensor.c --------------------------------------------------------------------- */

/* An error of a tensor, naming it. */
mn_status mn_onnx_refuse_tensor(mn_onnx_loader *loader, mn_status status,
                                const mn_onnx_tensor *tensor, const char *what);
/* Reads a TensorProto into a tensor, which keeps its name. */
mn_status mn_onnx_read_tensor(mn_onnx_loader *loader, mn_pb_span bytes, mn_onnx_tensor *tensor);

/* ---- onnx_load_outside.c -------------------------------------------------------------------- */

/* Where a tensor's data are in a second file: ExternalDataProto's entries. */
typedef struct mn_onnx_outside {
  mn_pb_span name;
  uint64_t offset, length;
  bool has_length, broken;
} mn_onnx_outside;

/* Takes one entry of the list. */
void mn_onnx_read_outside(mn_onnx_loader *loader, mn_pb_span entry, mn_onnx_outside *outside);
/* Reads the tensor's data, `bytes` of them, into the graph's arena. */
mn_status mn_onnx_load_outside(mn_onnx_loader *loader, const mn_onnx_outside *outside, size_t bytes,
                               mn_onnx_tensor *tensor);

/* How a constant is laid out for the graph: its elements as 4 dims, their new order, the shape that
 * the result has. */
typedef struct mn_onnx_form {
  int32_t view[4];
  int32_t order[4];
  mn_shape shape;
  bool reciprocal;
  float factor; /* of every element; 0 stands for 1 */
} mn_onnx_form;

/* As it is in the file. */
mn_onnx_form mn_onnx_as_is(const mn_shape *shape);
/* True for a constant whose data are floats. */
bool mn_onnx_is_floats(const mn_onnx_tensor *tensor);
/* Makes a constant of the graph from floats or codes of the file, f32 unless the operator is
 * computed in codes: borrowed where it can be. */
mn_status mn_onnx_constant(const mn_onnx_op *op, int32_t position, const mn_onnx_form *form,
                           mn_id *id);
/* Makes a constant of one f32. */
mn_status mn_onnx_number(const mn_onnx_op *op, float number, mn_id *id);

/* ---- onnx_load_operand.c -------------------------------------------------------------------- */

/* Attributes. A missing one gives the fallback; a broken one is the loader's problem. */
int64_t mn_onnx_int(const mn_onnx_op *op, const char *name, int64_t fallback);
float mn_onnx_float(const mn_onnx_op *op, const char *name, float fallback);
mn_pb_span mn_onnx_string(const mn_onnx_op *op, const char *name);
mn_pb_span mn_onnx_attr_tensor(const mn_onnx_op *op, const char *name);
/* How many there are, at most `capacity` stored; -1 when the attribute is missing. */
int32_t mn_onnx_ints(const mn_onnx_op *op, const char *name, int64_t *list, int32_t capacity);
int32_t mn_onnx_floats(const mn_onnx_op *op, const char *name, float *list, int32_t capacity);

bool mn_onnx_has_input(const mn_onnx_op *op, int32_t position);
/* The tensor of an input or of the output; *tensor is not NULL when MN_OK. */
mn_status mn_onnx_input(const mn_onnx_op *op, int32_t position, mn_onnx_tensor **tensor);
mn_status mn_onnx_output(const mn_onnx_op *op, mn_onnx_tensor **tensor);
/* Likewise, and the network computes it: as f32, or as codes where the operator is. */
mn_status mn_onnx_operand(const mn_onnx_op *op, int32_t position, mn_onnx_tensor **tensor);
/* Makes the tensor's id that value. */
mn_status mn_onnx_settle(const mn_onnx_op *op, mn_onnx_tensor **tensor);
/* Likewise, and a map of rank 4 with channels last, made so when that moves no element. */
mn_status mn_onnx_map(const mn_onnx_op *op, int32_t position, mn_onnx_tensor *map);
/* Reads integers, constant or computed. */
mn_status mn_onnx_integers(const mn_onnx_op *op, int32_t position, int64_t *list, int32_t capacity,
                           int32_t *count);
/* An axis list: attribute before opset `since`, input 1 from it on; count -1 when missing. */
mn_status mn_onnx_axes(const mn_onnx_op *op, int32_t since, int64_t *list, int32_t *count);
/* A negative axis counts from the end. */
mn_status mn_onnx_axis(const mn_onnx_op *op, int64_t stated, int32_t rank, int32_t *axis);
/* The axis that the value has for an axis of the file's tensor. */
int32_t mn_onnx_value_axis(const mn_onnx_tensor *tensor, int32_t axis);

/* ---- onnx_load_emit.c ----------------------------------------------------------------------- */

typedef struct mn_onnx_node {
  mn_op op;
  const mn_id *in;
  int32_t in_count;
  mn_attr attr;
} mn_onnx_node;

/* An inner node of what an operator becomes. */
mn_status mn_onnx_step(const mn_onnx_op *op, const mn_onnx_node *node, mn_id *id);
/* The node that writes the operator's output, whose axes are as those of `like`. */
mn_status mn_onnx_emit(const mn_onnx_op *op, const mn_onnx_node *node, const mn_onnx_tensor *like);
/* A node that turns a tensor's codes into others. */
mn_status mn_onnx_convert(mn_onnx_loader *loader, const mn_onnx_tensor *tensor,
                          const mn_onnx_codes *codes, mn_id *id);
/* The output is the tensor itself. */
mn_status mn_onnx_alias(const mn_onnx_op *op, const mn_onnx_tensor *tensor);
/* The output is a list of int64 or of floats (rank 1), or one (rank 0). */
mn_status mn_onnx_emit_numbers(const mn_onnx_op *op, const void *list, bool real,
                               const mn_onnx_origin *origins, const mn_shape *shape);
/* Notes that the node added last fixes the input size. */
void mn_onnx_fix_size(const mn_onnx_op *op);
/* Makes the value of an input of the model, or of an operator's result. */
mn_status mn_onnx_add_value(mn_onnx_loader *loader, const char *name, const mn_shape *shape,
                            mn_id *id);
/* Between the order of the file's axes and that of the value's, for a tensor with channels last. */
mn_shape mn_onnx_to_last(const mn_shape *shape);
mn_shape mn_onnx_from_last(const mn_shape *shape);

/* ---- onnx_load_codes.c ---------------------------------------------------------------------- */

/* What inputs `scale` and `zero` say of codes; without a zero point their type is `type`. */
mn_status mn_onnx_read_codes(const mn_onnx_op *op, int32_t scale, int64_t type,
                             mn_onnx_codes *codes);
/* How an operator may be computed in codes. */
typedef enum mn_onnx_arithmetic {
  MN_ONNX_IN_FLOAT, /* never */
  MN_ONNX_LAYER,    /* codes, weights, bias */
  MN_ONNX_SUM,      /* all inputs, of any scale */
  MN_ONNX_ONE,      /* input 0, of any scale */
  MN_ONNX_MOVE      /* one scale in and out */
} mn_onnx_arithmetic;
/* The file's type for codes of the graph. */
int64_t mn_onnx_code_type(const mn_onnx_codes *codes);
/* Sets op->target when the operator can be computed in codes and `wanted`, or NULL, is what the
 * result becomes. The result lives in *room. */
mn_status mn_onnx_choose(mn_onnx_op *op, mn_onnx_arithmetic arithmetic, const mn_onnx_codes *wanted,
                         mn_onnx_codes *room);
/* Follows the output to the QuantizeLinear that alone reads it; false when there is none. */
bool mn_onnx_look_ahead(const mn_onnx_op *op, mn_onnx_codes *codes);

/* ---- operators ------------------------------------------------------------------------------ */

typedef mn_status mn_onnx_op_loader(const mn_onnx_op *op);
mn_onnx_op_loader mn_onnx_load_conv, mn_onnx_load_gemm, mn_onnx_load_matmul, mn_onnx_load_norm;
mn_onnx_op_loader mn_onnx_load_transpose_conv;
mn_onnx_op_loader mn_onnx_load_pool, mn_onnx_load_global_pool, mn_onnx_load_reduce_max;
mn_onnx_op_loader mn_onnx_load_binary, mn_onnx_load_clip, mn_onnx_load_extreme;
mn_onnx_op_loader mn_onnx_load_hard_sigmoid;
mn_onnx_op_loader mn_onnx_load_softmax, mn_onnx_load_unary;
mn_onnx_op_loader mn_onnx_load_flatten, mn_onnx_load_reshape, mn_onnx_load_squeeze;
mn_onnx_op_loader mn_onnx_load_transpose, mn_onnx_load_pad, mn_onnx_load_concat;
mn_onnx_op_loader mn_onnx_load_quantize, mn_onnx_load_dequantize, mn_onnx_load_qlinear;
mn_onnx_op_loader mn_onnx_load_detect;
mn_onnx_op_loader mn_onnx_load_reduce_mean, mn_onnx_load_resize, mn_onnx_load_arg_max;
mn_onnx_op_loader mn_onnx_load_shape, mn_onnx_load_gather, mn_onnx_load_cast, mn_onnx_load_whole;
mn_onnx_op_loader mn_onnx_load_slice, mn_onnx_load_split;
/* Operators that take numbers too. */
mn_onnx_op_loader mn_onnx_concat_numbers, mn_onnx_squeeze_numbers, mn_onnx_binary_numbers;
mn_onnx_op_loader mn_onnx_slice_numbers, mn_onnx_clip_numbers;
mn_onnx_op_loader mn_onnx_reshape_table, mn_onnx_transpose_table, mn_onnx_reverse_table;
mn_onnx_op_loader mn_onnx_load_constant_of_shape;
/* True for the hard-sigmoid that the graph has: clamp(x / 6 + 1/2, 0, 1). */
bool mn_onnx_is_hard_sigmoid(const mn_onnx_op *op);
/* True when the input is integers. */
bool mn_onnx_is_integers(const mn_onnx_op *op, int32_t position);
/* True when it is integers, or a few floats that are computed while loading or constant. */
bool mn_onnx_is_numbers(const mn_onnx_op *op, int32_t position);
/* Views of a map's channels as groups: the three steps that a detector's heads consist of. True
 * when the operator is one of them; then *status is how it went. */
bool mn_onnx_splits(const mn_onnx_op *op, mn_status *status);

/* Finds the operator's loader and runs it. */
mn_status mn_onnx_load_op(const mn_onnx_op *op);
/* The operator of that name, made of others: in codes where it can be. */
mn_status mn_onnx_load_as(mn_onnx_op *op, const char *type, const mn_onnx_codes *wanted);

#endif
