/* SPDX-License-Identifier: Apache-2.0
 * A head put on a classifier that may come from anywhere. What heads stand on is found by the sizes
 * of maps, which every MobileNet halves five times: the features are what its last average is of,
 * a detector's finer map is the last one at stride 16, a segmenter's the first block's at stride 8.
 */
#include "zoo/blocks.h"

enum { FEATURES = 5, MIDDLE = 4, LOW = 3 }; /* halvings of the picture */

typedef struct graft {
  mn_graph *graph;
  const mn_arch *arch;
  mn_id pool; /* the node that averages the features */
  mn_error *err;
} graft;

static const mn_shape *shape_of(const graft *g, mn_id value) {
  return &g->graph->values[value].shape;
}

/* How often a map is half the input; -1: it has another size. */
static int halvings(const graft *g, mn_id value) {
  const mn_shape *map = shape_of(g, value), *input = shape_of(g, g->graph->inputs[0]);
  int32_t h = input->dim[1], w = input->dim[2];
  if (map->rank != 4) return -1;
  for (int k = 0; k <= FEATURES; k++, h = (h + 1) / 2, w = (w + 1) / 2) {
    if (map->dim[1] == h && map->dim[2] == w) return k;
  }
  return -1;
}

static mn_status refuse(const graft *g, const char *why) {
  return mn_fail(g->err, MN_ERR_UNSUPPORTED, "head", "this network takes no other head: %s", why);
}

static mn_status find_features(graft *g, mn_tap *tap) {
  g->pool = MN_NONE;
  for (mn_id n = 0; n < g->graph->node_count; n++) {
    const mn_node *node = &g->graph->nodes[n];
    if (node->op != MN_OP_AVG_POOL && node->op != MN_OP_MEAN) continue;
    if (halvings(g, node->in[0]) == FEATURES) g->pool = n;
  }
  if (g->pool == MN_NONE) return refuse(g, "no average over maps of 1/32 of the input is in it");
  const mn_id value = g->graph->nodes[g->pool].in[0];
  const mn_shape *map = shape_of(g, value);
  if (map->dim[1] < 2 || map->dim[2] < 2) {
    return refuse(g, "its input is smaller than 33 pixels");
  }
  *tap = (mn_tap){value, map->dim[3]};
  return MN_OK;
}

static const mn_node *writer_of(const graft *g, mn_id value) {
  for (mn_id n = 0; n < g->graph->node_count; n++) {
    if (g->graph->nodes[n].out[0] == value) return &g->graph->nodes[n];
  }
  return NULL;
}

/* What the first layer of the coarsest maps reads, before pads. */
static mn_status find_middle(const graft *g, mn_tap *tap) {
  for (mn_id n = 0; n < g->pool; n++) {
    const mn_node *node = &g->graph->nodes[n];
    if (halvings(g, node->out[0]) != FEATURES) continue;
    mn_id value = node->in[0];
    while (halvings(g, value) != MIDDLE) {
      node = writer_of(g, value);
      if (!node || node->op != MN_OP_PAD) return refuse(g, "its maps of 1/32 do not follow 1/16");
      value = node->in[0];
    }
    *tap = (mn_tap){value, shape_of(g, value)->dim[3]};
    return MN_OK;
  }
  return refuse(g, "it has no maps of 1/32 of the input");
}

/* Norm and activation right behind a layer. */
static mn_id behind(const graft *g, mn_id n) {
  mn_id value = g->graph->nodes[n].out[0];
  for (n++; n < g->pool; n++) {
    const mn_node *node = &g->graph->nodes[n];
    const bool follows = node->op == MN_OP_BATCH_NORM || node->op == MN_OP_RELU;
    if (!follows || node->in[0] != value) break;
    value = node->out[0];
  }
  return value;
}

/* The first 1x1 layer on maps of 1/8: a block ends in one. */
static mn_status find_low(const graft *g, mn_tap *tap) {
  for (mn_id n = 0; n < g->pool; n++) {
    const mn_node *node = &g->graph->nodes[n];
    if (node->op != MN_OP_CONV2D || node->attr.conv.window.kernel_h != 1) continue;
    if (halvings(g, node->out[0]) != LOW || halvings(g, node->in[0]) != LOW) continue;
    const mn_id value = behind(g, n);
    *tap = (mn_tap){value, shape_of(g, value)->dim[3]};
    return MN_OK;
  }
  return refuse(g, "it has no maps of 1/8 of the input");
}

/* Atrous: strides beyond output_stride are not taken, and filters behind see as far by dilation:
 * from the next layer on (TensorFlow), or from the one of the stride on (torchvision). */
static void dilate(const graft *g) {
  int kept = 0;
  while (1 << kept < g->arch->output_stride) kept++;
  for (mn_id n = 0; n < g->pool; n++) {
    mn_node *node = &g->graph->nodes[n];
    if (node->op != MN_OP_CONV2D && node->op != MN_OP_DWCONV2D) continue;
    const int in = halvings(g, node->in[0]), out = halvings(g, node->out[0]);
    const int from = g->arch->flavour.symmetric_pad ? out : in;
    mn_window *window = &node->attr.conv.window;
    if (in < 0 || out <= kept) continue;
    window->stride_h = window->stride_w = 1;
    if (window->kernel_h == 1) continue;
    window->dilation_h = window->dilation_w = from > kept ? 1 << (from - kept) : 1;
    window->pad_top = window->pad_bottom = (window->kernel_h - 1) * window->dilation_h / 2;
    window->pad_left = window->pad_right = (window->kernel_w - 1) * window->dilation_w / 2;
  }
}

mn_status mn_zoo_put_head(mn_graph *graph, const mn_arch *arch, uint64_t seed, mn_error *err) {
  graft g = {.graph = graph, .arch = arch, .err = err};
  mn_net net = {.graph = graph,
                .arch = arch,
                .weights = MN_ZOO_RANDOM,
                .seed = seed,
                .epsilon = arch->flavour.epsilon,
                .divisor = 8,
                .min_depth = mn_head_detects(arch->head) ? 16 : 8};
  mn_tap features;
  mn_status status = find_features(&g, &features);
  if (!status) status = find_middle(&g, &net.middle);
  if (!status && mn_head_segments(arch->head)) status = find_low(&g, &net.low);
  if (status) return status;
  if (mn_head_segments(arch->head)) dilate(&g);
  mn_net_return_to(&net, features);
  net.stride = net.nominal = 32;
  const mn_outputs outputs = mn_build_head(&net, graph->inputs[0]);
  const bool made = !net.failed && mn_graph_set_outputs(graph, outputs.id, outputs.count);
  return made ? MN_OK : mn_fail_memory(err, graph->arena.used);
}
