/* SPDX-License-Identifier: Apache-2.0
 * What the parts of the ONNX writer share. A value of rank 4 (n, h, w, c) is written as n, c, h, w.
 * A value of codes has three names: its own for the codes, "NAME/exact" for the floats that they
 * are made from, and "NAME/real" for those that they stand for (QDQ). */
#ifndef MN_FORMAT_ONNX_SAVE_H
#define MN_FORMAT_ONNX_SAVE_H

#include "format/format.h"
#include "format/onnx/onnx_schema.h"
#include "wire/protobuf.h"

enum { MN_ONNX_SAVED_NAME = 320, MN_ONNX_SAVED_OPSET = 14 };

typedef struct mn_onnx_saver {
  const mn_graph *graph;
  mn_error *err;
  mn_pb_builder *model; /* the ModelProto, for functions */
  mn_pb_builder out;    /* the GraphProto, or a FunctionProto: then constants are nodes */
  bool in_function;
  bool has_detector;
  bool *is_written; /* [value_count] constants */
  uint32_t made_names;
} mn_onnx_saver;

/* A node under construction; begin, put, end. */
typedef struct mn_onnx_out {
  mn_onnx_saver *saver;
  mn_pb_builder node;
} mn_onnx_out;

/* ---- onnx_save.c ---------------------------------------------------------------------------- */

mn_onnx_out mn_onnx_begin(mn_onnx_saver *saver);
void mn_onnx_put_in(mn_onnx_out *out, const char *name);
void mn_onnx_put_int(mn_onnx_out *out, const char *name, int64_t value);
void mn_onnx_put_ints(mn_onnx_out *out, const char *name, const int32_t *list, int32_t count);
void mn_onnx_put_float(mn_onnx_out *out, const char *name, float value);
void mn_onnx_put_floats(mn_onnx_out *out, const char *name, const float *list, int32_t count);
void mn_onnx_put_string(mn_onnx_out *out, const char *name, const char *value);
void mn_onnx_end(mn_onnx_out *out, const char *type, const char *result);
/* An output before the last, which mn_onnx_end names. */
void mn_onnx_put_result(mn_onnx_out *out, const char *name);
/* An operator set as field `number`. */
void mn_onnx_put_opset(mn_pb_builder *to, uint32_t number, const char *domain, int64_t version);
/* A name that no value has. */
void mn_onnx_new_name(mn_onnx_saver *saver, char text[MN_ONNX_SAVED_NAME]);
/* A tensor of the file: dense, little-endian. */
typedef struct mn_onnx_data {
  const char *name;
  int64_t type;
  mn_shape shape;
  const void *bytes;
  size_t size;
} mn_onnx_data;
void mn_onnx_put_data(mn_onnx_saver *saver, const mn_onnx_data *data);
/* A list of integers, or one float, as a constant; the name it gets in `text`. */
void mn_onnx_put_list(mn_onnx_saver *saver, const int32_t *list, int32_t count,
                      char text[MN_ONNX_SAVED_NAME]);
void mn_onnx_put_number(mn_onnx_saver *saver, float number, char text[MN_ONNX_SAVED_NAME]);
/* The name of a value, with an ending; long ones are numbered. */
void mn_onnx_value_name(const mn_onnx_saver *saver, mn_id value, const char *ending,
                        char text[MN_ONNX_SAVED_NAME]);
/* The name of the floats that a value is or stands for; of integers that are no codes their own. */
void mn_onnx_real_name(const mn_onnx_saver *saver, mn_id value, char text[MN_ONNX_SAVED_NAME]);
/* Writes a constant: `form` is the order of its dims (of rank 4 at most), `shape` what it gets. */
typedef struct mn_onnx_layout {
  int32_t order[4];
  mn_shape shape;
  int32_t channel_axis;    /* of the shape, for scales */
  const float *bias_scale; /* [bias_count] for int32 biases */
  int32_t bias_count;
} mn_onnx_layout;
mn_status mn_onnx_put_constant(mn_onnx_saver *saver, mn_id value, const mn_onnx_layout *layout);
/* Quantizes "NAME/real" into the value, and dequantizes it again, where it is codes. */
void mn_onnx_put_codes(mn_onnx_saver *saver, mn_id value);

/* ---- onnx_save_ops.c ------------------------------------------------------------------------ */

mn_status mn_onnx_save_node(mn_onnx_saver *saver, const mn_node *node);

/* ---- onnx_save_detect.c --------------------------------------------------------------------- */

mn_status mn_onnx_save_detect(mn_onnx_saver *saver, const mn_node *node);

#endif
