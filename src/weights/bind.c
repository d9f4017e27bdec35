/* SPDX-License-Identifier: Apache-2.0
 * A network's constants filled from a state dictionary: widened to float, and from PyTorch's OIHW
 * to the graph's [oc][kh][kw][ic] and [kh][kw][c]. */
#include <stdio.h>
#include <string.h>

#include "base/checked.h"
#include "base/half.h"
#include "weights/weights.h"

enum { OUT, IN, HIGH, WIDE, AXES };

/* How a tensor of four dims lies in the graph: its dims in PyTorch's order, and how far apart
 * neighbours along each are in the constant. */
typedef struct layout {
  int32_t dim[AXES];
  size_t step[AXES];
} layout;

static layout layout_of(const mn_value *value, mn_op op) {
  const int32_t *dim = value->shape.dim;
  layout l = {{1, 1, 1, 1}, {1, 1, 1, 1}};
  if (op == MN_OP_DWCONV2D && value->shape.rank == 3) { /* [kh][kw][c] */
    l.dim[OUT] = dim[2], l.dim[HIGH] = dim[0], l.dim[WIDE] = dim[1];
    l.step[WIDE] = (size_t)dim[2];
    l.step[HIGH] = (size_t)dim[1] * l.step[WIDE];
  } else if (value->shape.rank == 4) { /* [oc][kh][kw][ic] */
    l.dim[OUT] = dim[0], l.dim[HIGH] = dim[1], l.dim[WIDE] = dim[2], l.dim[IN] = dim[3];
    l.step[WIDE] = (size_t)dim[3];
    l.step[HIGH] = (size_t)dim[2] * l.step[WIDE];
    l.step[OUT] = (size_t)dim[1] * l.step[HIGH];
  } else { /* [out][in] or [c] */
    l.dim[OUT] = dim[0];
    if (value->shape.rank == 2) l.dim[IN] = dim[1];
    l.step[OUT] = (size_t)l.dim[IN];
  }
  return l;
}

/* Whether shapes agree but for trailing ones: a 1x1 convolution may be kept as a matrix. */
static bool same_dims(const mn_shape *shape, const int32_t dim[AXES]) {
  for (int32_t i = 0; i < AXES; i++) {
    if ((i < shape->rank ? shape->dim[i] : 1) != dim[i]) return false;
  }
  return true;
}

static float widen(const mn_state_tensor *tensor, size_t index) {
  if (tensor->type == MN_F32) {
    float value;
    memcpy(&value, tensor->data + 4 * index, sizeof value);
    return value;
  }
  uint16_t half;
  memcpy(&half, tensor->data + 2 * index, sizeof half);
  return tensor->type == MN_F16 ? mn_half_to_float(half) : mn_bfloat_to_float(half);
}

/* out: [elements] in the order that `l` gives. */
static void transpose(float *out, const mn_state_tensor *tensor, const layout *l) {
  size_t index = 0;
  for (int32_t o = 0; o < l->dim[OUT]; o++) {
    for (int32_t i = 0; i < l->dim[IN]; i++) {
      for (int32_t h = 0; h < l->dim[HIGH]; h++) {
        float *row = out + (size_t)o * l->step[OUT] + (size_t)i * l->step[IN];
        row += (size_t)h * l->step[HIGH];
        for (int32_t w = 0; w < l->dim[WIDE]; w++) {
          row[(size_t)w * l->step[WIDE]] = widen(tensor, index++);
        }
      }
    }
  }
}

/* One network being bound. */
typedef struct binder {
  mn_graph *graph;
  mn_state *state;
  const mn_weight_names *names;
  const mn_arch *arch;
  mn_error *err;
} binder;

static mn_status refuse_shape(const binder *b, const mn_state_tensor *tensor, const layout *l) {
  char met[64], wanted[64];
  mn_shape shape = {AXES, {l->dim[OUT], l->dim[IN], l->dim[HIGH], l->dim[WIDE]}};
  while (shape.rank > 1 && shape.dim[shape.rank - 1] == 1) shape.rank--;
  return mn_fail(b->err, MN_ERR_UNSUPPORTED, b->state->request->name,
                 "tensor %s has shape %s, expected %s of %s at width %g", tensor->name,
                 mn_shape_text(&tensor->shape, met, sizeof met),
                 mn_shape_text(&shape, wanted, sizeof wanted), b->names->model, b->arch->width);
}

static mn_status fill(const binder *b, const mn_weight_slot *slot) {
  mn_value *value = &b->graph->values[slot->value];
  mn_state_tensor *tensor = mn_state_find(b->state, slot->name);
  if (!tensor) {
    return mn_fail(b->err, MN_ERR_UNSUPPORTED, b->state->request->name,
                   "it has no tensor %s, which %s has", slot->name[0] ? slot->name : value->name,
                   b->names->model);
  }
  layout l = layout_of(value, slot->op);
  if (!same_dims(&tensor->shape, l.dim)) return refuse_shape(b, tensor, &l);
  if (tensor->type != MN_F32 && tensor->type != MN_F16 && tensor->type != MN_BF16) {
    return mn_fail(b->err, MN_ERR_UNSUPPORTED, b->state->request->name,
                   "tensor %s is of %s, expected f32, f16 or bf16", tensor->name,
                   mn_type_name(tensor->type));
  }
  size_t total;
  bool exact = mn_add_size(b->graph->arena.used, value->bytes, &total);
  mn_status status = mn_state_spend(b->state, exact ? total : SIZE_MAX, b->err);
  if (status) return status;
  float *data = mn_arena_take(&b->graph->arena, value->bytes);
  if (!data) return mn_fail_memory(b->err, value->bytes);
  transpose(data, tensor, &l);
  value->data = data;
  tensor->used = true;
  return MN_OK;
}

/* Counters, and the second classifier that torchvision trains segmentation with: it is no part of
 * the network's answer, and in every published file. */
static bool is_of_training(const binder *b, const char *name) {
  static const char counter[] = "num_batches_tracked", aux[] = "aux_classifier.";
  size_t length = strlen(name), wanted = sizeof counter - 1;
  if (length >= wanted && strcmp(name + length - wanted, counter) == 0) return true;
  return mn_head_segments(b->names->head) && strncmp(name, aux, sizeof aux - 1) == 0;
}

/* A tensor that nothing takes means that this is another network. */
static mn_status check_used(const binder *b) {
  for (int32_t i = 0; i < b->state->count; i++) {
    const mn_state_tensor *tensor = &b->state->tensors[i];
    if (tensor->used || is_of_training(b, tensor->name)) continue;
    return mn_fail(b->err, MN_ERR_UNSUPPORTED, b->state->request->name,
                   "tensor %s has no place in %s", tensor->name, b->names->model);
  }
  return MN_OK;
}

mn_status mn_weights_bind(mn_graph *graph, mn_state *state, const mn_weight_names *names,
                          const mn_arch *arch, mn_error *err) {
  binder b = {graph, state, names, arch, err};
  mn_status status = mn_zoo_build(graph, arch, MN_ZOO_ZEROS, 0, err);
  mn_weight_walk walk = {.graph = graph, .names = names};
  mn_weight_slot slot;
  while (!status && mn_weight_walk_next(&walk, &slot)) status = fill(&b, &slot);
  return status ? status : check_used(&b);
}
