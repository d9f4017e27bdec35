/* SPDX-License-Identifier: Apache-2.0
 * The graph (IR): what to compute, with its weights and its contract.
 *
 * Flat arrays; an index is an identity; array order is a topological order. A graph is built by a
 * loader or a pass, verified, and from then on immutable and shared. Activations are NHWC; conv
 * weights [oc][kh][kw][ic]; depthwise weights [kh][kw][ic * multiplier]; dense weights [out][in].
 * Constants are borrowed (a mapped file, another graph) or live in the graph's arena. */
#ifndef MN_GRAPH_GRAPH_H
#define MN_GRAPH_GRAPH_H

#include <stdbool.h>

#include "base/arena.h"
#include "base/error.h"
#include "contract/contract.h"

typedef int32_t mn_id; /* index of a value or node; MN_NONE = absent */
enum { MN_NONE = -1, MN_MAX_OUT = 4 };

typedef struct mn_shape {
  int32_t rank; /* 0..MN_MAX_RANK; 0 = scalar */
  int32_t dim[MN_MAX_RANK];
} mn_shape;

/* STATE is memory of the trainer's, which its operators change. */
typedef enum mn_kind { MN_KIND_INPUT, MN_KIND_CONST, MN_KIND_STATE, MN_KIND_TEMP } mn_kind;

/* real = scale[i] * (q - zero[i]); i is 0 (per tensor) or the index along `axis`. */
typedef struct mn_quant {
  int32_t count; /* 0: not quantized; 1: per tensor; else one per index of axis */
  int32_t axis;
  const float *scale;
  const int32_t *zero;
} mn_quant;

typedef struct mn_value {
  const char *name; /* unique, never empty */
  mn_kind kind;
  mn_type type;
  mn_shape shape; /* the model's own size */
  mn_quant quant;
  const void *data; /* CONST, STATE: dense, aligned to its element's size */
  size_t bytes;     /* CONST: exactly elements * mn_type_bytes */
} mn_value;

/* Hard-swish is an activation of float conv2d, dwconv2d and dense in plans only. */
typedef enum mn_act {
  MN_ACT_NONE,
  MN_ACT_RELU,
  MN_ACT_RELU6,
  MN_ACT_RELU_N1_TO_1,
  MN_ACT_HARD_SWISH
} mn_act;

typedef enum mn_pad_rule { MN_PAD_EXPLICIT, MN_PAD_SAME } mn_pad_rule;

/* A sliding window. With SAME the four ints are ignored: shape inference resolves them at the
 * bound size by TensorFlow's rule. With EXPLICIT they are what is said (VALID = all 0). */
typedef struct mn_window {
  int32_t kernel_h, kernel_w;
  int32_t stride_h, stride_w;
  int32_t dilation_h, dilation_w;
  mn_pad_rule pad_rule;
  int32_t pad_top, pad_bottom, pad_left, pad_right;
} mn_window;

/* Per-operator attributes; which member is valid is in ops.def. */
typedef union mn_attr {
  struct {
    mn_window window;
    mn_act act;
    int32_t multiplier; /* depthwise: outputs per input channel; else 0 */
  } conv;               /* CONV2D, DWCONV2D, TRANSPOSE_CONV (explicit pads, see ops.def) */
  struct {
    mn_act act;
    bool keep_dims; /* false: [n, in] -> [n, out] after flattening all but the last dim */
  } dense;
  struct {
    mn_window window;
    mn_act act;
    bool global; /* window = the whole map, stride and pads unused */
  } pool;        /* AVG_POOL, MAX_POOL */
  struct {
    mn_act act;
  } eltwise; /* ADD, SUB, MUL, RELU (the kind of relu) */
  struct {
    unsigned axes; /* bit i = axis i is reduced */
    bool keep_dims;
  } reduce; /* MEAN */
  struct {
    int32_t before[MN_MAX_RANK], after[MN_MAX_RANK];
  } pad; /* PAD: constant, the type's zero point (0.0 for floats); negative: cut off */
  struct {
    int32_t block_h, block_w;
    int32_t top, bottom, left, right; /* rows and columns padded before, or cropped after */
  } space_batch;                      /* SPACE_TO_BATCH, BATCH_TO_SPACE, as TensorFlow's */
  struct {
    int32_t axis;
    mn_act act;
  } concat;
  struct {
    mn_shape shape; /* a dim of -1 (at most one) is inferred; 0 copies the input's dim */
  } reshape;
  struct {
    float beta;
  } softmax; /* over the last axis */
  struct {
    bool align_corners, half_pixel;
    bool like; /* output size = that of input 1; else height x width */
    int32_t height, width;
  } resize; /* RESIZE_BILINEAR, RESIZE_NEAREST */
  struct {
    int32_t axis;
    mn_type output_type; /* I32 or I64 */
  } arg_max;
  struct {
    float epsilon;
    mn_act act;
  } batch_norm; /* inputs: x, gamma, beta, mean, variance */
  struct {
    int32_t detections; /* most of a picture: rows of the outputs */
    int32_t classes;    /* without a background, which the scores may have in front */
    int32_t per_anchor; /* fast mode: classes kept of an anchor */
    int32_t per_class;  /* regular mode: detections kept of a class before the last choice */
    bool regular;       /* suppression within each class; else on each anchor's best class */
    bool torch_boxes;   /* torchvision's coder (post/ssd.h); else TensorFlow's */
    int32_t candidates; /* regular mode: best of a class that suppression looks at; 0: all */
    float score_threshold, iou_threshold;
    float scale[4]; /* y, x, h, w of the box coder */
  } ssd_detect; /* outputs: boxes [n,d,4] y0 x0 y1 x1, classes [n,d], scores [n,d], counts [n] */
  struct {
    mn_window window;
    mn_act act;
    float epsilon, momentum;
    int32_t parts; /* that a sum over pixels is split into */
    mn_act in_act; /* of the batch norm that the input still has to go through, if it is ... */
    bool normed;   /* ... one that does */
    bool frozen;   /* statistics are not the batch's */
    const struct mn_ranks *ranks; /* processes whose batches they are of, too; NULL: one */
  } train;                        /* operators from MN_OP_COUNT on */
} mn_attr;

typedef enum mn_op {
#define MN_OP(id, name, min_in, max_in, attr, shape_fn, cost_fn) MN_OP_##id,
#include "graph/ops.def"
#undef MN_OP
  MN_OP_COUNT
} mn_op;

typedef struct mn_node {
  mn_op op;
  const char *name; /* of its first output, usually */
  const mn_id *in;  /* [in_count]; MN_NONE = absent optional input */
  int32_t in_count;
  mn_id out[MN_MAX_OUT];
  int32_t out_count;
  mn_attr attr;
} mn_node;

/* How 8-bit operators round (docs/numerics.md): as LiteRT's reference kernels do, by 31-bit
 * fractions and half away from zero; or as ONNX defines it, by floats and half to even. */
typedef enum mn_arithmetic { MN_ARITHMETIC_LITERT, MN_ARITHMETIC_ONNX } mn_arithmetic;

typedef struct mn_graph {
  mn_value *values;
  int32_t value_count, value_capacity;
  mn_node *nodes;
  int32_t node_count, node_capacity;
  mn_id *inputs, *outputs;
  int32_t input_count, output_count;
  mn_contract contract;
  bool has_contract;
  const char *training; /* how it was trained, an object of JSON; NULL: not known */
  mn_arithmetic arithmetic;
  /* Another input size is refused, with this node's name, when the file froze one that could not
   * be raised to a rule. MN_NONE: any size. */
  mn_id fixed_by;
  /* The file leaves the input's height and width open; the shapes here are at a nominal size. */
  bool open_size;
  mn_arena arena; /* arrays, names, attributes, quantization, copied constants */
} mn_graph;

/* ---- build.c: making a graph ---------------------------------------------------------------- */

void mn_graph_init(mn_graph *graph);
void mn_graph_free(mn_graph *graph); /* the contents; the struct is the owner's */

/* Append; the id, or MN_NONE when out of memory. Names are copied. The value starts as a TEMP
 * without quantization; the caller fills the rest through graph->values[id]. */
mn_id mn_graph_add_value(mn_graph *graph, const char *name, mn_type type, const mn_shape *shape);
mn_id mn_graph_add_node(mn_graph *graph, mn_op op, const char *name, const mn_id *in,
                        int32_t in_count, const mn_id *out, int32_t out_count);
/* The node appended last moves to position `to`; those from there on move up. */
void mn_graph_move_last_node(mn_graph *graph, mn_id to);
/* A CONST whose dense data is borrowed. */
mn_id mn_graph_add_const(mn_graph *graph, const char *name, mn_type type, const mn_shape *shape,
                         const void *data);
/* Copies the id lists. False when out of memory. */
bool mn_graph_set_inputs(mn_graph *graph, const mn_id *ids, int32_t count);
bool mn_graph_set_outputs(mn_graph *graph, const mn_id *ids, int32_t count);
/* Copies scales and zero points (zero NULL = all 0). False when out of memory. */
bool mn_graph_set_quant(mn_graph *graph, mn_id value, int32_t count, int32_t axis,
                        const float *scale, const int32_t *zero);

/* A deep copy of the structure; constants' data is shared, so `from` must outlive `to`. */
mn_status mn_graph_copy(mn_graph *to, const mn_graph *from, mn_error *err);

/* The two outputs of an SSD head without decoding, told by their shapes: box encodings, [n,a,4] or
 * [a,4], and scores, [n,a,c] or [a,c], real numbers or codes. False when the graph has none. */
bool mn_graph_ssd_head(const mn_graph *graph, mn_id *boxes, mn_id *scores);

/* The value called `name`, or MN_NONE. */
mn_id mn_graph_find_value(const mn_graph *graph, const char *name);

/* ---- op table (ops.def) ---------------------------------------------------------------------- */

const char *mn_op_name(mn_op op);
/* How many outputs a node of this op has. */
int32_t mn_op_outputs(mn_op op);
/* By name, or MN_OP_COUNT. */
mn_op mn_op_from_name(const char *name, size_t length);

/* ---- shape.c -------------------------------------------------------------------------------- */

/* Elements; false when a dim is < 1 or the product reaches 2^31. A scalar has 1. */
bool mn_shape_elements(const mn_shape *shape, int32_t *elements);
bool mn_shape_equal(const mn_shape *a, const mn_shape *b);
/* "[1,224,224,3]"; returns text. */
char *mn_shape_text(const mn_shape *shape, char *text, size_t size);

/* Shapes of every value for given input shapes (one per graph input). `shapes` has value_count
 * entries. Operators from MN_OP_COUNT on (src/train) keep the shapes that their outputs have.
 * Error: SHAPE, naming the node that cannot take its input. */
mn_status mn_graph_infer(const mn_graph *graph, const mn_shape *inputs, mn_shape *shapes,
                         mn_error *err);

/* The same for one node, whose inputs' shapes are there: for building a graph in order. */
mn_status mn_graph_infer_node(const mn_graph *graph, mn_id node, mn_shape *shapes, mn_error *err);

/* Output extent and pads of a window over `size` pixels; false when nothing fits.
 * Source of the SAME rule: TensorFlow, "padding" (total = max((ceil(n/s)-1)*s + k_eff - n, 0)). */
bool mn_window_extent(int32_t size, int32_t kernel, int32_t stride, int32_t dilation,
                      mn_pad_rule rule, int32_t *pad_before, int32_t *pad_after, int32_t *out);

/* Both axes at once: turns the pad rule into EXPLICIT pads for a height x width input and gives the
 * output's size. */
bool mn_window_resolve(mn_window *window, int32_t height, int32_t width, int32_t *out_height,
                       int32_t *out_width);

/* Does an output pixel see the input pixel of its own place and no other? */
bool mn_window_is_pointwise(const mn_window *window);

/* ---- class_map.c ---------------------------------------------------------------------------- */

/* How many values a mask made from output 0 can have, 2..256: channels of [n,h,w,c] logits, what an
 * arg_max that gives [n,h,w] chose among, 2 for one channel of probabilities. 0: no such map. */
int32_t mn_graph_mask_classes(const mn_graph *graph);

/* ---- verify.c ------------------------------------------------------------------------------- */

/* Everything later code relies on: ids in range and in topological order, each value written once,
 * types and quantization that the op takes, constants of the right size, weights that fit their
 * input, int8 layers that cannot overflow (2*K*255*255 + max|bias| <= INT32_MAX), finite positive
 * scales, zero points inside their type. Runs after every load and every pass. */
mn_status mn_graph_verify(const mn_graph *graph, mn_error *err);

/* ---- cost.c --------------------------------------------------------------------------------- */

typedef struct mn_cost {
  uint64_t macs;   /* multiply-adds of conv, depthwise and dense */
  uint64_t params; /* elements of constant weights and biases */
} mn_cost;

mn_cost mn_node_cost(const mn_graph *graph, mn_id node, const mn_shape *shapes);

/* ---- print.c -------------------------------------------------------------------------------- */

/* Stable text, one line a value that is an input or constant, one line a node; in `arena`, or NULL
 * when out of memory. */
char *mn_graph_print(const mn_graph *graph, mn_arena *arena);

/* "litert", "onnx". */
const char *mn_arithmetic_name(mn_arithmetic arithmetic);
/* Fused activation as a real interval. */
void mn_act_range(mn_act act, float *lo, float *hi);
const char *mn_act_name(mn_act act);

#endif
