/* SPDX-License-Identifier: Apache-2.0
 * What a file computes from constants alone: a reshape of one is the same data under another shape;
 * a dequantize of f16, bf16, i8 or u8 weights is done here, once. */
#include <string.h>

#include "base/half.h"
#include "passes/rewrite.h"

static float from_bf16(uint16_t bits) {
  uint32_t wide = (uint32_t)bits << 16;
  float number;
  memcpy(&number, &wide, sizeof number);
  return number;
}

/* Index along the quantization's axis of element i. */
static size_t scale_index(const mn_value *value, size_t i) {
  if (value->quant.count <= 1) return 0;
  size_t inner = 1;
  for (int32_t d = value->quant.axis + 1; d < value->shape.rank; d++) {
    inner *= (size_t)value->shape.dim[d];
  }
  return i / inner % (size_t)value->quant.count;
}

static float from_code(const mn_value *value, size_t i) {
  size_t at = scale_index(value, i);
  int32_t code =
      value->type == MN_I8 ? ((const int8_t *)value->data)[i] : ((const uint8_t *)value->data)[i];
  return value->quant.scale[at] * (float)(code - value->quant.zero[at]);
}

static float element(const mn_value *value, size_t i) {
  switch (value->type) {
    case MN_F16: return mn_half_to_float(((const uint16_t *)value->data)[i]);
    case MN_BF16: return from_bf16(((const uint16_t *)value->data)[i]);
    default: return from_code(value, i);
  }
}

/* Bytes that dequantizing may take: twice what it does when every constant is dequantized once. A
 * file of many nodes that read the same constant is refused rather than blown up. */
static size_t expansion_cap(const mn_graph *graph) {
  size_t bytes = 0;
  for (int32_t i = 0; i < graph->value_count; i++) {
    const mn_value *value = &graph->values[i];
    bool counts = value->kind == MN_KIND_CONST && value->bytes <= SIZE_MAX / 16 - bytes;
    if (counts) bytes += value->bytes;
  }
  return bytes * 8;
}

static size_t expanded_bytes(const mn_graph *graph, const mn_node *node) {
  const mn_value *from = &graph->values[node->in[0]];
  if (node->op != MN_OP_DEQUANTIZE) return 0;
  return from->bytes / mn_type_bytes(from->type) * sizeof(float);
}

static bool dequantize(mn_graph *graph, const mn_value *from, mn_value *to) {
  size_t count = from->bytes / mn_type_bytes(from->type);
  float *data = mn_arena_array(&graph->arena, count, sizeof *data);
  if (!data) return false;
  for (size_t i = 0; i < count; i++) data[i] = element(from, i);
  to->data = data;
  to->bytes = count * sizeof *data;
  return true;
}

static bool fold(mn_graph *graph, mn_node *node) {
  const mn_value *from = &graph->values[node->in[0]];
  mn_value *to = &graph->values[node->out[0]];
  if (node->op == MN_OP_RESHAPE) {
    to->data = from->data;
    to->bytes = from->bytes;
  } else if (!dequantize(graph, from, to)) {
    return false;
  }
  to->kind = MN_KIND_CONST;
  node->out_count = 0;
  return true;
}

mn_status mn_pass_fold_constants(mn_graph *graph, mn_error *err) {
  mn_rewrite rewrite;
  mn_status status = mn_rewrite_begin(&rewrite, graph, err);
  if (status) return status;
  size_t left = expansion_cap(graph);
  for (int32_t n = 0; n < graph->node_count && !status; n++) {
    mn_node *node = &graph->nodes[n];
    if (node->op != MN_OP_RESHAPE && node->op != MN_OP_DEQUANTIZE) continue;
    if (graph->values[node->in[0]].kind != MN_KIND_CONST) continue;
    if (rewrite.is_output[node->out[0]]) continue; /* an output is computed into the session */
    rewrite.changed = true;
    size_t wanted = expanded_bytes(graph, node);
    if (wanted > left) {
      status = mn_fail(err, MN_ERR_LIMIT, node->name,
                       "it dequantizes a constant again that other nodes dequantize already");
    } else if (!fold(graph, node)) {
      status = mn_fail_memory(err, graph->arena.used);
    }
    left -= wanted;
  }
  return mn_rewrite_end(&rewrite, status);
}
