/* SPDX-License-Identifier: Apache-2.0
 * See fuse.h. Of a layer y = layer(z), z = act(norm(x)), the nodes that become two are, forward,
 * NORM (of x), the layer and MOMENTS (of y); backward NORM_GRADIENT (through y's batch norm), the
 * layer's two gradients, and NORM_SUMS (for x's batch norm). */
#include "train/fuse.h"

#include <string.h>

#include "base/alloc.h"
#include "train/fused.h"

enum {
  MOST_PARTS = 32,
  LEAST_PARTS = 4,              /* fewer: too little for threads, and caches hold the maps anyway */
  PART_PIXELS = 128,            /* at least, of a pointwise layer */
  MOST_WEIGHT_FLOATS = 1 << 20, /* of all parts' gradients of weights together */
  MOST_KERNEL = 7
};

typedef struct rewrite {
  mn_training_graph *training;
  mn_graph *graph;
  bool *gone; /* [nodes] */
} rewrite;

/* The nodes of one layer; MN_NONE: there is no such node. */
typedef struct layer {
  mn_id forward, norm, moments;
  mn_id norm_gradient, gradient, weights, sums;
  int32_t forward_parts, back_parts;
  bool depthwise;
} layer;

/* ---- Finding ------------------------------------------------------------------------------- */

static const mn_node *node_at(const rewrite *r, mn_id n) { return &r->graph->nodes[n]; }

static bool reads(const mn_node *node, mn_id value) {
  for (int32_t i = 0; i < node->in_count; i++) {
    if (node->in[i] == value) return true;
  }
  return false;
}

/* How many nodes read a value, the first `most` into `readers`; an output counts as two more. */
static int32_t find_readers(const rewrite *r, mn_id value, mn_id *readers, int32_t most) {
  int32_t count = 0;
  for (mn_id n = 0; n < r->graph->node_count; n++) {
    if (r->gone[n] || !reads(node_at(r, n), value)) continue;
    if (count < most) readers[count] = n;
    count++;
  }
  for (int32_t i = 0; i < r->graph->output_count; i++) {
    if (r->graph->outputs[i] == value) count += 2;
  }
  return count;
}

/* The node of this operator that reads `value` as its input `at`. */
static mn_id find(const rewrite *r, int32_t op, int32_t at, mn_id value) {
  for (mn_id n = 0; n < r->graph->node_count; n++) {
    const mn_node *node = node_at(r, n);
    if (!r->gone[n] && (int32_t)node->op == op && node->in[at] == value) return n;
  }
  return MN_NONE;
}

static mn_id maker_of(const rewrite *r, mn_id value) {
  for (mn_id n = 0; n < r->graph->node_count; n++) {
    if (!r->gone[n] && node_at(r, n)->out[0] == value) return n;
  }
  return MN_NONE;
}

static const mn_shape *shape_of(const rewrite *r, mn_id value) {
  return &r->graph->values[value].shape;
}

static size_t pixels_of(const mn_shape *s) {
  return (size_t)s->dim[0] * (size_t)s->dim[1] * (size_t)s->dim[2];
}

static bool has_form(const rewrite *r, const mn_node *node, bool depthwise) {
  if ((int32_t)node->op != (depthwise ? MN_OP_DWCONV2D : MN_OP_CONV2D)) return false;
  const mn_window *w = &node->attr.conv.window;
  if (node->attr.conv.act != MN_ACT_NONE || (node->in_count > 2 && node->in[2] != MN_NONE)) {
    return false;
  }
  if (w->dilation_h != 1 || w->dilation_w != 1) return false;
  if (depthwise) {
    return node->attr.conv.multiplier == 1 && w->kernel_h <= MOST_KERNEL &&
           w->kernel_w <= MOST_KERNEL && w->stride_h <= 2 && w->stride_w <= 2;
  }
  const mn_shape *x = shape_of(r, node->in[0]), *y = shape_of(r, node->out[0]);
  return x->rank == 4 && y->rank == 4 && w->kernel_h == 1 && w->kernel_w == 1 &&
         pixels_of(x) == pixels_of(y);
}

/* The backward nodes, of which nobody else reads what comes to lie in a cache only. */
static bool find_backward(const rewrite *r, layer *l) {
  const mn_node *node = node_at(r, l->forward);
  l->norm_gradient = find(r, MN_TRAIN_NORM_GRADIENT, 0, node->out[0]);
  if (l->norm_gradient == MN_NONE) return false;
  const mn_id of_y = node_at(r, l->norm_gradient)->out[0];
  l->weights = find(r, l->depthwise ? MN_TRAIN_DW_WEIGHTS : MN_TRAIN_CONV_WEIGHTS, 1, of_y);
  l->gradient = find(r, l->depthwise ? MN_TRAIN_DW_GRADIENT : MN_TRAIN_CONV_GRADIENT, 0, of_y);
  mn_id readers[2];
  if (l->weights == MN_NONE || l->gradient == MN_NONE) return false;
  if (find_readers(r, of_y, readers, 2) != 2) return false;
  const mn_id parts = node_at(r, l->weights)->out[0];
  return find_readers(r, parts, readers, 1) == 1 &&
         (int32_t)node_at(r, readers[0])->op == MN_TRAIN_SUM_PARTS;
}

/* The batch norm of the input, when nobody but this layer needs what comes of it. */
static void find_norm(const rewrite *r, layer *l) {
  const mn_id z = node_at(r, l->forward)->in[0], made_by = maker_of(r, z);
  mn_id readers[2];
  l->norm = l->sums = MN_NONE;
  if (made_by == MN_NONE || (int32_t)node_at(r, made_by)->op != MN_TRAIN_NORM) return;
  if (find_readers(r, z, readers, 2) != 2) return;
  l->norm = made_by;
  const mn_id of_z = node_at(r, l->gradient)->out[0];
  l->sums = find(r, MN_TRAIN_NORM_SUMS, 1, of_z);
}

static int32_t divisor_of(int32_t rows) {
  int32_t parts = rows < MOST_PARTS ? rows : MOST_PARTS;
  while (rows % parts) parts--;
  return parts;
}

/* Parts of moments are of whole rows, and as norm_finish counts them: the rows are a multiple. */
static void choose_parts(const rewrite *r, layer *l) {
  const mn_node *node = node_at(r, l->forward);
  const mn_shape *x = shape_of(r, node->in[0]), *y = shape_of(r, node->out[0]);
  if (l->depthwise) {
    l->forward_parts = divisor_of(y->dim[0] * y->dim[1]);
    l->back_parts = divisor_of(x->dim[0] * x->dim[1]);
    return;
  }
  const size_t weights = (size_t)x->dim[3] * (size_t)y->dim[3], pixels = pixels_of(x);
  size_t parts = pixels / PART_PIXELS;
  if (parts > MOST_PARTS) parts = MOST_PARTS;
  l->forward_parts = (int32_t)parts;
  if (parts > MOST_WEIGHT_FLOATS / weights) parts = MOST_WEIGHT_FLOATS / weights;
  l->back_parts = (int32_t)parts;
}

static bool find_layer(const rewrite *r, mn_id n, layer *l) {
  *l = (layer){.forward = n, .depthwise = (int32_t)node_at(r, n)->op == MN_OP_DWCONV2D};
  if (!has_form(r, node_at(r, n), l->depthwise) || !find_backward(r, l)) return false;
  find_norm(r, l);
  l->moments = find(r, MN_TRAIN_MOMENTS, 0, node_at(r, n)->out[0]);
  choose_parts(r, l);
  return l->forward_parts >= LEAST_PARTS && l->back_parts >= LEAST_PARTS;
}

/* ---- Rewriting ----------------------------------------------------------------------------- */

static void set_parts(rewrite *r, mn_id value, int32_t parts) {
  r->graph->values[value].shape.dim[0] = parts;
}

static bool set_inputs(rewrite *r, mn_node *node, const mn_id *in, int32_t count) {
  node->in = mn_arena_copy(&r->graph->arena, in, (size_t)count * sizeof *in);
  node->in_count = count;
  return node->in != NULL;
}

/* attr.train of both nodes, but for the parts. */
static mn_attr attr_of(const rewrite *r, const layer *l) {
  mn_attr attr;
  memset(&attr, 0, sizeof attr);
  attr.train.window = node_at(r, l->forward)->attr.conv.window;
  attr.train.act = node_at(r, l->norm_gradient)->attr.train.act;
  attr.train.frozen = node_at(r, l->norm_gradient)->attr.train.parts == 0;
  attr.train.normed = l->norm != MN_NONE;
  if (attr.train.normed) attr.train.in_act = node_at(r, l->norm)->attr.train.act;
  return attr;
}

static bool rewrite_back(rewrite *r, const layer *l, mn_attr attr) {
  mn_node *node = &r->graph->nodes[l->norm_gradient];
  const mn_node *forward = node_at(r, l->forward);
  mn_id in[16];
  int32_t count = node->in_count; /* y, gradient, its numbers and their gradients */
  memcpy(in, node->in, (size_t)count * sizeof *in);
  in[count++] = forward->in[1];
  in[count++] = attr.train.normed ? node_at(r, l->norm)->in[0] : forward->in[0];
  for (int i = 1; i <= 4 && attr.train.normed; i++) in[count++] = node_at(r, l->norm)->in[i];
  attr.train.parts = l->back_parts;
  node->op = (mn_op)(l->depthwise ? MN_TRAIN_FUSED_DW_BACK : MN_TRAIN_FUSED_CONV_BACK);
  node->attr = attr;
  node->out[0] = node_at(r, l->gradient)->out[0];
  node->out[1] = node_at(r, l->weights)->out[0];
  node->out_count = 2;
  set_parts(r, node->out[1], l->back_parts);
  r->gone[l->gradient] = r->gone[l->weights] = true;
  if (l->sums != MN_NONE) {
    node->out[node->out_count++] = node_at(r, l->sums)->out[0];
    set_parts(r, node->out[2], l->back_parts);
    r->gone[l->sums] = true;
  }
  return set_inputs(r, node, in, count);
}

static bool rewrite_forward(rewrite *r, const layer *l, mn_attr attr) {
  mn_node *node = &r->graph->nodes[l->forward];
  mn_id in[6] = {node->in[0], node->in[1]};
  int32_t count = 2;
  if (attr.train.normed) {
    in[0] = node_at(r, l->norm)->in[0];
    for (int i = 1; i <= 4; i++) in[count++] = node_at(r, l->norm)->in[i];
    r->gone[l->norm] = true;
  }
  attr.train.parts = l->forward_parts;
  node->op = (mn_op)(l->depthwise ? MN_TRAIN_FUSED_DW : MN_TRAIN_FUSED_CONV);
  node->attr = attr;
  if (l->moments != MN_NONE) {
    node->out[1] = node_at(r, l->moments)->out[0];
    node->out_count = 2;
    set_parts(r, node->out[1], l->forward_parts);
    r->gone[l->moments] = true;
  }
  return set_inputs(r, node, in, count);
}

static void close_gaps(rewrite *r) {
  mn_graph *graph = r->graph;
  int32_t kept = 0, forward = 0;
  for (int32_t n = 0; n < graph->node_count; n++) {
    if (r->gone[n]) continue;
    forward += n < r->training->forward_nodes;
    graph->nodes[kept++] = graph->nodes[n];
  }
  graph->node_count = kept;
  r->training->forward_nodes = forward;
}

mn_status mn_fuse(mn_training_graph *training, mn_error *err) {
  rewrite r = {.training = training, .graph = &training->graph};
  const size_t nodes = (size_t)training->graph.node_count;
  r.gone = mn_alloc_zero(nodes * sizeof *r.gone);
  if (!r.gone) return mn_fail_memory(err, nodes * sizeof *r.gone);
  bool done = true;
  for (mn_id n = 0; n < training->forward_nodes && done; n++) {
    layer l;
    if (r.gone[n] || !find_layer(&r, n, &l)) continue;
    const mn_attr attr = attr_of(&r, &l);
    done = rewrite_back(&r, &l, attr) && rewrite_forward(&r, &l, attr);
  }
  if (done) close_gaps(&r);
  mn_free(r.gone);
  return done ? MN_OK : mn_fail_memory(err, sizeof(mn_id));
}
