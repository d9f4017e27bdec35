/* SPDX-License-Identifier: Apache-2.0
 * ONNX operators: the table, and those that work element by element. */
#include <float.h>
#include <math.h>
#include <string.h>

#include "format/onnx/onnx_load.h"

/* ---- Sums and products ---------------------------------------------------------------------- */

static mn_op binary_kind(const mn_onnx_op *op) {
  return mn_pb_equal(op->type, "Add")   ? MN_OP_ADD
         : mn_pb_equal(op->type, "Sum") ? MN_OP_ADD
         : mn_pb_equal(op->type, "Sub") ? MN_OP_SUB
                                        : MN_OP_MUL;
}

static bool is_one(const mn_shape *shape) {
  int32_t elements;
  return mn_shape_elements(shape, &elements) && elements == 1;
}

/* A constant beside x: broadcast along the file's axes, laid out along the value's. */
static mn_status read_beside(const mn_onnx_op *op, int32_t position, const mn_onnx_tensor *x,
                             mn_id *id) {
  mn_onnx_tensor *tensor;
  mn_status status = mn_onnx_input(op, position, &tensor);
  if (status) return status;
  int32_t rank = x->shape.rank, missing = rank - tensor->shape.rank;
  if (missing < 0 || (x->flat.rank && !is_one(&tensor->shape))) {
    return mn_onnx_fail(op, MN_ERR_UNSUPPORTED, "its constant does not fit its other input");
  }
  mn_shape shape = {rank, {0}};
  for (int32_t i = 0; i < rank; i++) {
    shape.dim[i] = i < missing ? 1 : tensor->shape.dim[i - missing];
  }
  mn_onnx_form form = mn_onnx_as_is(&shape);
  if (x->channels_last) {
    form.shape = mn_onnx_to_last(&shape);
    const int32_t order[4] = {0, 2, 3, 1};
    for (int i = 0; i < 4; i++) form.order[i] = order[i];
  }
  form.reciprocal = mn_pb_equal(op->type, "Div");
  return mn_onnx_constant(op, position, &form, id);
}

/* Both are computed: their axes must be the same ones. */
static mn_status read_both(const mn_onnx_op *op, mn_onnx_tensor *x, mn_id in[2]) {
  mn_onnx_tensor *a, *b, other;
  mn_status status = mn_onnx_operand(op, 0, &a);
  if (!status) status = mn_onnx_operand(op, 1, &b);
  if (status) return status;
  *x = *a;
  other = *b;
  if (a->channels_last != b->channels_last && a->shape.rank == 4 && b->shape.rank == 4) {
    status = mn_onnx_map(op, 0, x);
    if (!status) status = mn_onnx_map(op, 1, &other);
    if (status) return status;
  }
  if (x->channels_last != other.channels_last || !mn_shape_equal(&x->flat, &other.flat)) {
    return mn_onnx_fail(op, MN_ERR_UNSUPPORTED,
                        "its inputs would need a transpose, which is not supported");
  }
  x->point = x->point && other.point;
  in[0] = x->id;
  in[1] = other.id;
  return MN_OK;
}

mn_status mn_onnx_load_binary(const mn_onnx_op *op) {
  mn_onnx_tensor *side[2], x;
  mn_id in[2];
  mn_status status = mn_onnx_input(op, 0, &side[0]);
  if (!status) status = mn_onnx_input(op, 1, &side[1]);
  if (status) return status;
  if (op->in_count != 2) return mn_onnx_fail(op, MN_ERR_UNSUPPORTED, "it has not two inputs");
  if (mn_onnx_is_numbers(op, 0) && mn_onnx_is_numbers(op, 1)) return mn_onnx_binary_numbers(op);
  bool computed[2] = {side[0]->kind == MN_ONNX_VALUE, side[1]->kind == MN_ONNX_VALUE};
  bool divides = mn_pb_equal(op->type, "Div");
  if (divides && computed[1]) {
    return mn_onnx_fail(op, MN_ERR_UNSUPPORTED, "it divides by what is not a constant");
  }
  if (computed[0] && computed[1]) {
    status = read_both(op, &x, in);
  } else {
    int32_t at = computed[0] ? 0 : 1;
    mn_onnx_tensor *operand;
    status = mn_onnx_operand(op, at, &operand);
    if (status) return status;
    x = *operand;
    in[at] = x.id;
    status = read_beside(op, 1 - at, &x, &in[1 - at]);
    /* A constant that is larger makes more than a point of one. */
    if (!status) {
      const mn_shape *beside = &op->loader->graph->values[in[1 - at]].shape;
      x.point = x.point && (beside->rank < 4 || (beside->dim[1] == 1 && beside->dim[2] == 1));
    }
  }
  mn_onnx_node node = {.op = binary_kind(op), .in = in, .in_count = 2};
  if (op->target) node.attr.eltwise.act = op->target->act;
  return status ? status : mn_onnx_emit(op, &node, &x);
}

/* ---- Clamps --------------------------------------------------------------------------------- */

static mn_status emit_relu(const mn_onnx_op *op, const mn_onnx_tensor *x, mn_act act) {
  mn_onnx_node node = {.op = MN_OP_RELU, .in = &x->id, .in_count = 1};
  node.attr.eltwise.act = act;
  return mn_onnx_emit(op, &node, x);
}

/* A limit: an attribute before opset 11, an optional constant input from it on. */
static mn_status read_limit(const mn_onnx_op *op, const char *name, int32_t position,
                            float *limit) {
  mn_onnx_tensor *tensor;
  if (op->loader->opset < 11) *limit = mn_onnx_float(op, name, *limit);
  if (op->loader->opset < 11 || !mn_onnx_has_input(op, position)) return MN_OK;
  mn_status status = mn_onnx_input(op, position, &tensor);
  if (status) return status;
  if (!mn_onnx_is_floats(tensor) || tensor->bytes != sizeof *limit) {
    return mn_onnx_fail(op, MN_ERR_UNSUPPORTED, "its %s is not one constant of type float", name);
  }
  memcpy(limit, tensor->data, sizeof *limit);
  return MN_OK;
}

/* min(max(x, 0), 1), exactly: two clamps that there are. */
static mn_status emit_unit_clamp(const mn_onnx_op *op, const mn_onnx_tensor *x) {
  mn_onnx_tensor positive = *x;
  mn_onnx_node node = {.op = MN_OP_RELU, .in = &x->id, .in_count = 1};
  node.attr.eltwise.act = MN_ACT_RELU;
  mn_status status = mn_onnx_step(op, &node, &positive.id);
  return status ? status : emit_relu(op, &positive, MN_ACT_RELU_N1_TO_1);
}

/* True when the layer before it clamps its codes already; then the output is that layer's. */
static bool is_clamped(const mn_onnx_op *op, mn_status *status) {
  mn_onnx_tensor *x;
  *status = mn_onnx_input(op, 0, &x);
  if (*status || x->kind != MN_ONNX_VALUE || !x->clamped) return *status != MN_OK;
  *status = mn_onnx_alias(op, x);
  return true;
}

mn_status mn_onnx_load_clip(const mn_onnx_op *op) {
  mn_onnx_tensor *x;
  float low = -FLT_MAX, high = FLT_MAX;
  mn_status status;
  if (mn_onnx_is_numbers(op, 0)) return mn_onnx_clip_numbers(op);
  if (is_clamped(op, &status)) return status;
  status = mn_onnx_operand(op, 0, &x);
  if (!status) status = read_limit(op, "min", 1, &low);
  if (!status) status = read_limit(op, "max", 2, &high);
  if (status) return status;
  if (low <= -FLT_MAX && high >= FLT_MAX) return mn_onnx_alias(op, x);
  if (low == 0 && high >= FLT_MAX) return emit_relu(op, x, MN_ACT_RELU);
  if (low == 0 && high == 6) return emit_relu(op, x, MN_ACT_RELU6);
  if (low == -1 && high == 1) return emit_relu(op, x, MN_ACT_RELU_N1_TO_1);
  if (low == 0 && high == 1) return emit_unit_clamp(op, x);
  return mn_onnx_fail(op, MN_ERR_UNSUPPORTED,
                      "its limits are %g and %g; 0 and 6, 0 and 1, -1 and 1, and 0 alone are "
                      "supported",
                      (double)low, (double)high);
}

/* The relu that writes a value, or NULL. */
static const mn_node *find_relu(const mn_onnx_op *op, mn_id value) {
  const mn_graph *graph = op->loader->graph;
  for (int32_t n = graph->node_count - 1; n >= 0; n--) {
    const mn_node *node = &graph->nodes[n];
    if (node->out[0] == value) return node->op == MN_OP_RELU ? node : NULL;
  }
  return NULL;
}

/* Max with 0, and Min with 6 after it: as exporters write clamps that have no Clip. */
mn_status mn_onnx_load_extreme(const mn_onnx_op *op) {
  mn_onnx_tensor *side[2], *x;
  float limit = NAN;
  mn_status status = mn_onnx_input(op, 0, &side[0]);
  if (!status) status = mn_onnx_input(op, 1, &side[1]);
  if (status) return status;
  int at = side[0]->kind == MN_ONNX_VALUE ? 0 : 1;
  const mn_onnx_tensor *beside = side[1 - at];
  if (mn_onnx_is_floats(beside) && beside->bytes == sizeof limit && op->in_count == 2) {
    memcpy(&limit, beside->data, sizeof limit);
  }
  status = mn_onnx_operand(op, at, &x);
  if (status) return status;
  if (mn_pb_equal(op->type, "Max") && limit == 0) return emit_relu(op, x, MN_ACT_RELU);
  const mn_node *relu = find_relu(op, x->id);
  if (mn_pb_equal(op->type, "Min") && limit == 6 && relu) {
    mn_onnx_tensor from = *x;
    from.id = relu->in[0];
    return emit_relu(op, &from, MN_ACT_RELU6);
  }
  return mn_onnx_fail(op, MN_ERR_UNSUPPORTED,
                      "a maximum with 0, and after it a minimum with 6, are supported");
}

/* ---- Activations ---------------------------------------------------------------------------- */

static float hard_alpha(const mn_onnx_op *op) { return mn_onnx_float(op, "alpha", 0.2f); }
static float hard_beta(const mn_onnx_op *op) { return mn_onnx_float(op, "beta", 0.5f); }

bool mn_onnx_is_hard_sigmoid(const mn_onnx_op *op) {
  return fabsf(hard_alpha(op) - 1.0f / 6) <= 4e-8f && hard_beta(op) == 0.5f;
}

/* clamp(alpha x + beta, 0, 1). Any but ours is written out. */
mn_status mn_onnx_load_hard_sigmoid(const mn_onnx_op *op) {
  mn_onnx_tensor *x, line;
  mn_status status = mn_onnx_operand(op, 0, &x);
  if (status) return status;
  mn_id in[2] = {x->id, MN_NONE};
  mn_onnx_node node = {.op = MN_OP_HARD_SIGMOID, .in = in, .in_count = 1};
  if (mn_onnx_is_hard_sigmoid(op)) return mn_onnx_emit(op, &node, x);
  line = *x;
  node.in_count = 2;
  node.op = MN_OP_MUL;
  status = mn_onnx_number(op, hard_alpha(op), &in[1]);
  if (!status) status = mn_onnx_step(op, &node, &in[0]);
  node.op = MN_OP_ADD;
  if (!status) status = mn_onnx_number(op, hard_beta(op), &in[1]);
  if (!status) status = mn_onnx_step(op, &node, &line.id);
  return status ? status : emit_unit_clamp(op, &line);
}

mn_status mn_onnx_load_softmax(const mn_onnx_op *op) {
  mn_onnx_tensor *x;
  int32_t axis;
  bool old = op->loader->opset < 13;
  mn_status status = mn_onnx_operand(op, 0, &x);
  if (status) return status;
  int32_t last = x->shape.rank - 1;
  status = mn_onnx_axis(op, mn_onnx_int(op, "axis", old ? 1 : -1), x->shape.rank, &axis);
  if (status) return status;
  /* Before opset 13 it is over all axes from this one on. */
  bool over_last = mn_onnx_value_axis(x, axis) == last && (!old || axis == last || x->point);
  if (!over_last || x->flat.rank) {
    return mn_onnx_fail(op, MN_ERR_UNSUPPORTED, "its axis %d is not that of the channels", axis);
  }
  mn_onnx_node node = {.op = MN_OP_SOFTMAX, .in = &x->id, .in_count = 1};
  node.attr.softmax.beta = 1;
  return mn_onnx_emit(op, &node, x);
}

mn_status mn_onnx_load_unary(const mn_onnx_op *op) {
  mn_onnx_tensor *x;
  mn_status status;
  bool relu = mn_pb_equal(op->type, "Relu");
  if (relu && is_clamped(op, &status)) return status;
  status = mn_onnx_operand(op, 0, &x);
  if (status) return status;
  if (relu) return emit_relu(op, x, MN_ACT_RELU);
  bool swish = mn_pb_equal(op->type, "HardSwish");
  mn_onnx_node node = {
      .op = swish ? MN_OP_HARD_SWISH : MN_OP_LOGISTIC, .in = &x->id, .in_count = 1};
  return mn_onnx_emit(op, &node, x);
}

static mn_status load_identity(const mn_onnx_op *op) {
  mn_onnx_tensor *x;
  mn_status status = mn_onnx_input(op, 0, &x);
  return status ? status : mn_onnx_alias(op, x);
}

/* Training is an input from opset 12 on, and off by default. */
static mn_status load_dropout(const mn_onnx_op *op) {
  if (mn_onnx_has_input(op, 2)) {
    return mn_onnx_fail(op, MN_ERR_UNSUPPORTED, "it says whether it is training");
  }
  return load_identity(op);
}

static mn_status load_constant(const mn_onnx_op *op) {
  mn_onnx_tensor *out;
  mn_pb_span bytes = mn_onnx_attr_tensor(op, "value");
  mn_status status = mn_onnx_output(op, &out);
  if (status) return status;
  if (!bytes.data) {
    return mn_onnx_fail(op, MN_ERR_UNSUPPORTED, "only the attribute 'value' is supported");
  }
  return mn_onnx_read_tensor(op->loader, bytes, out);
}

/* ---- Table ---------------------------------------------------------------------------------- */

typedef struct op_entry {
  const char *type;
  mn_onnx_op_loader *load;
  mn_onnx_arithmetic arithmetic;
} op_entry;

static const op_entry entries[] = {
    {"Add", mn_onnx_load_binary, MN_ONNX_SUM},
    {"ArgMax", mn_onnx_load_arg_max, MN_ONNX_IN_FLOAT},
    {"AveragePool", mn_onnx_load_pool, MN_ONNX_ONE},
    {"BatchNormalization", mn_onnx_load_norm, MN_ONNX_IN_FLOAT},
    {"Cast", mn_onnx_load_cast, MN_ONNX_IN_FLOAT},
    {"Ceil", mn_onnx_load_whole, MN_ONNX_IN_FLOAT},
    {"Clip", mn_onnx_load_clip, MN_ONNX_ONE},
    {"Concat", mn_onnx_load_concat, MN_ONNX_SUM},
    {"Constant", load_constant, MN_ONNX_IN_FLOAT},
    {"ConstantOfShape", mn_onnx_load_constant_of_shape, MN_ONNX_IN_FLOAT},
    {"Conv", mn_onnx_load_conv, MN_ONNX_LAYER},
    {"ConvTranspose", mn_onnx_load_transpose_conv, MN_ONNX_LAYER},
    {"DequantizeLinear", mn_onnx_load_dequantize, MN_ONNX_IN_FLOAT},
    {"Div", mn_onnx_load_binary, MN_ONNX_IN_FLOAT},
    {"Dropout", load_dropout, MN_ONNX_IN_FLOAT},
    {"Flatten", mn_onnx_load_flatten, MN_ONNX_MOVE},
    {"Floor", mn_onnx_load_whole, MN_ONNX_IN_FLOAT},
    {"Gather", mn_onnx_load_gather, MN_ONNX_IN_FLOAT},
    {"Gemm", mn_onnx_load_gemm, MN_ONNX_LAYER},
    {"GlobalAveragePool", mn_onnx_load_global_pool, MN_ONNX_ONE},
    {"GlobalMaxPool", mn_onnx_load_global_pool, MN_ONNX_MOVE},
    {"HardSigmoid", mn_onnx_load_hard_sigmoid, MN_ONNX_ONE},
    {"HardSwish", mn_onnx_load_unary, MN_ONNX_ONE},
    {"Identity", load_identity, MN_ONNX_IN_FLOAT},
    {"MatMul", mn_onnx_load_matmul, MN_ONNX_LAYER},
    {"Max", mn_onnx_load_extreme, MN_ONNX_IN_FLOAT},
    {"MaxPool", mn_onnx_load_pool, MN_ONNX_MOVE},
    {"Min", mn_onnx_load_extreme, MN_ONNX_IN_FLOAT},
    {"Mul", mn_onnx_load_binary, MN_ONNX_SUM},
    {"Pad", mn_onnx_load_pad, MN_ONNX_IN_FLOAT},
    {"QuantizeLinear", mn_onnx_load_quantize, MN_ONNX_IN_FLOAT},
    {"ReduceMax", mn_onnx_load_reduce_max, MN_ONNX_MOVE},
    {"ReduceMean", mn_onnx_load_reduce_mean, MN_ONNX_ONE},
    {"Relu", mn_onnx_load_unary, MN_ONNX_ONE},
    {"Reshape", mn_onnx_load_reshape, MN_ONNX_MOVE},
    {"Resize", mn_onnx_load_resize, MN_ONNX_MOVE},
    {"Shape", mn_onnx_load_shape, MN_ONNX_IN_FLOAT},
    {"Sigmoid", mn_onnx_load_unary, MN_ONNX_ONE},
    {"Slice", mn_onnx_load_slice, MN_ONNX_MOVE},
    {"Softmax", mn_onnx_load_softmax, MN_ONNX_IN_FLOAT},
    {"Split", mn_onnx_load_split, MN_ONNX_IN_FLOAT},
    {"Squeeze", mn_onnx_load_squeeze, MN_ONNX_MOVE},
    {"Sub", mn_onnx_load_binary, MN_ONNX_SUM},
    {"Sum", mn_onnx_load_binary, MN_ONNX_SUM},
    {"Transpose", mn_onnx_load_transpose, MN_ONNX_MOVE},
    {"Unsqueeze", mn_onnx_load_squeeze, MN_ONNX_MOVE},
    {"Upsample", mn_onnx_load_resize, MN_ONNX_MOVE},
    /* One operator for float, Quantize and Dequantize around it. */
    {"QLinearConv", mn_onnx_load_qlinear, MN_ONNX_IN_FLOAT},
    {"QLinearMatMul", mn_onnx_load_qlinear, MN_ONNX_IN_FLOAT},
};

static const op_entry *find_entry(const mn_onnx_op *op) {
  for (size_t i = 0; i < sizeof entries / sizeof entries[0]; i++) {
    if (mn_pb_equal(op->type, entries[i].type)) return &entries[i];
  }
  return NULL;
}

static mn_status load_in_codes(mn_onnx_op *op, const op_entry *entry, const mn_onnx_codes *wanted) {
  mn_onnx_codes room;
  mn_status status = mn_onnx_choose(op, entry->arithmetic, wanted, &room);
  if (!status) status = entry->load(op);
  return status ? status : mn_onnx_check(op->loader, 0);
}

mn_status mn_onnx_load_as(mn_onnx_op *op, const char *type, const mn_onnx_codes *wanted) {
  op->type = (mn_pb_span){(const uint8_t *)type, strlen(type)};
  return load_in_codes(op, find_entry(op), wanted);
}

mn_status mn_onnx_load_op(const mn_onnx_op *op) {
  char domain[MN_ONNX_NAME_BYTES];
  bool standard = op->domain.size == 0 || mn_pb_equal(op->domain, "ai.onnx");
  const op_entry *entry = standard ? find_entry(op) : NULL;
  if (entry) {
    mn_onnx_op chosen = *op;
    mn_onnx_codes wanted;
    bool looks = entry->arithmetic != MN_ONNX_IN_FLOAT && mn_onnx_look_ahead(op, &wanted);
    return load_in_codes(&chosen, entry, looks ? &wanted : NULL);
  }
  if (mn_pb_equal(op->domain, "com.microsoft")) return mn_onnx_load_qlinear(op);
  if (mn_pb_equal(op->domain, MN_ONNX_DOMAIN)) return mn_onnx_load_detect(op);
  if (standard) return mn_onnx_fail(op, MN_ERR_UNSUPPORTED, "this operator is not supported");
  return mn_onnx_fail(op, MN_ERR_UNSUPPORTED, "operators of domain '%.60s' are not supported",
                      mn_onnx_text(op->domain, domain));
}
