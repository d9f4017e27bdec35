/* SPDX-License-Identifier: Apache-2.0
 * From shapes to an architecture: the number of classes and the width multiplier. Channels grow
 * with the width and are rounded, so that an interval of widths gives the same network: the usual
 * width within it is named, else one that is found by halving. */
#include <math.h>
#include <string.h>

#include "weights/weights.h"

static const double thinnest = 0.05, widest = 4;

bool mn_weight_walk_next(mn_weight_walk *walk, mn_weight_slot *slot) {
  const mn_graph *graph = walk->graph;
  for (; walk->node < graph->node_count; walk->node++, walk->operand = 0) {
    const mn_node *node = &graph->nodes[walk->node];
    while (walk->operand < node->in_count) {
      mn_id value = node->in[walk->operand++];
      if (value == MN_NONE || graph->values[value].kind != MN_KIND_CONST) continue;
      slot->value = value;
      slot->op = node->op;
      slot->name[0] = '\0';
      if (mn_weight_place_next(&walk->place, graph->values[value].name)) {
        mn_weight_name(slot->name, walk->names, &walk->place);
      }
      return true;
    }
  }
  return false;
}

/* Output channels of a layer's weights; 0 for other constants. */
static int32_t channels_of(const mn_graph *graph, const mn_weight_slot *slot) {
  const mn_shape *shape = &graph->values[slot->value].shape;
  if (slot->op == MN_OP_CONV2D && shape->rank == 4) return shape->dim[0];
  if (slot->op == MN_OP_DWCONV2D && shape->rank == 3) return shape->dim[2];
  return 0;
}

/* One width tried: *sign tells how its first layer that differs compares with the file's. */
typedef struct attempt {
  const mn_state *state;
  const mn_weight_names *names;
  mn_arch arch; /* of one class: the classifier is not compared */
  int sign;     /* 0: all layers agree; -1 thinner than the file's, 1 wider */
} attempt;

static mn_status try_width(attempt *trial, double width, mn_error *err) {
  mn_graph graph;
  trial->arch.width = width;
  trial->sign = 0;
  mn_status status = mn_zoo_build(&graph, &trial->arch, MN_ZOO_ZEROS, 0, err);
  if (status) return status;
  mn_weight_walk walk = {.graph = &graph, .names = trial->names};
  mn_weight_slot slot;
  while (trial->sign == 0 && mn_weight_walk_next(&walk, &slot)) {
    int32_t ours = channels_of(&graph, &slot);
    const mn_state_tensor *tensor = ours ? mn_state_find(trial->state, slot.name) : NULL;
    if (!tensor || tensor->shape.rank < 1) continue;
    int32_t theirs = tensor->shape.dim[0];
    trial->sign = (ours > theirs) - (ours < theirs);
  }
  status = mn_state_spend(trial->state, graph.arena.used, err);
  mn_graph_free(&graph);
  return status;
}

/* Multiples of 1/20, which is what networks are published at. */
static mn_status try_usual(attempt *trial, double low, double high, bool *found, mn_error *err) {
  mn_status status = MN_OK;
  *found = false;
  for (int i = (int)ceil(low * 20); i <= (int)(high * 20) && !status && !*found; i++) {
    status = try_width(trial, i / 20.0, err);
    *found = !status && trial->sign == 0;
  }
  return status;
}

/* The shortest decimal near a width that fits. */
static mn_status shorten(attempt *trial, double *width, mn_error *err) {
  double exact = *width;
  for (double scale = 100; scale <= 1e6; scale *= 10) {
    double rounded = floor(exact * scale + 0.5) / scale;
    mn_status status = try_width(trial, rounded, err);
    if (status) return status;
    if (trial->sign != 0) continue;
    *width = rounded;
    return MN_OK;
  }
  return MN_OK;
}

static mn_status halve(attempt *trial, double low, double high, double *width, mn_error *err) {
  enum { HALVINGS = 24 }; /* widths a 2^-24 apart give the same channels */
  for (int i = 0; i < HALVINGS; i++) {
    double middle = (low + high) / 2;
    mn_status status = try_width(trial, middle, err);
    if (status) return status;
    if (trial->sign == 0) {
      *width = middle;
      return shorten(trial, width, err);
    }
    if (trial->sign < 0) low = middle;
    if (trial->sign > 0) high = middle;
  }
  return MN_OK; /* none fits: binding names the first shape that differs */
}

bool mn_weights_flavour(mn_arch *arch, const mn_weight_names *names, const char *flavour) {
  mn_flavour timm = {0};
  if (!mn_flavour_find(&arch->flavour, flavour, arch->family)) return false;
  mn_flavour_find(&timm, "timm", arch->family);
  if (names->naming == MN_NAMING_TIMM) arch->flavour.whole_stem_below = timm.whole_stem_below;
  return true;
}

static double limit(double width) { return fmin(fmax(width, thinnest), widest); }

mn_status mn_weights_recognize(const mn_state *state, const mn_weight_names *names, mn_arch *arch,
                               mn_error *err) {
  const mn_state_tensor *wide = mn_state_find(state, names->widest);
  const mn_state_tensor *last = mn_state_find(state, names->classifier);
  const char *missing = !wide ? names->widest : !last ? names->classifier : NULL;
  if (missing) {
    return mn_fail(err, MN_ERR_UNSUPPORTED, state->request->name,
                   "it looks like %s, but has no tensor %s", names->model, missing);
  }
  memset(arch, 0, sizeof *arch);
  arch->family = names->family;
  arch->height = arch->width_px = names->size;
  arch->head = names->head;
  arch->classes = last->shape.rank ? last->shape.dim[0] : 1;
  if (mn_head_detects(arch->head)) arch->classes /= 6; /* boxes at a place */
  if (arch->classes < 1) arch->classes = 1;
  arch->output_stride = mn_head_segments(arch->head) ? 16 : 32;
  mn_weights_flavour(arch, names, names->flavour);
  attempt trial = {.state = state, .names = names, .arch = *arch};
  trial.arch.classes = 1;
  double channels = wide->shape.rank ? wide->shape.dim[0] : 1, base = names->channels;
  double low = limit((channels - 8) / base), high = limit((channels + 8) / base);
  bool found;
  mn_status status = try_usual(&trial, low, high, &found, err);
  arch->width = found ? trial.arch.width : limit(channels / base);
  if (status || found) return status;
  return halve(&trial, low, high, &arch->width, err);
}
