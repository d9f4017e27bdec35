/* SPDX-License-Identifier: Apache-2.0
 * From an architecture to a verified graph: backbone, head, shapes. */
#include <string.h>

#include "base/alloc.h"
#include "zoo/blocks.h"

static void build_backbone(mn_net *net) {
  switch (net->arch->family) {
    case MN_FAMILY_V1: mn_build_v1(net); break;
    case MN_FAMILY_V2: mn_build_v2(net); break;
    case MN_FAMILY_V4_SMALL:
    case MN_FAMILY_V4_MEDIUM:
    case MN_FAMILY_V4_LARGE: mn_build_v4(net); break;
    default: mn_build_v3(net); break;
  }
}

mn_outputs mn_build_head(mn_net *net, mn_id picture) {
  net->output_stride = INT32_MAX;
  net->rate = 1;
  switch (net->arch->head) {
    case MN_HEAD_SSD:
    case MN_HEAD_SSDLITE: return mn_build_ssd(net);
    case MN_HEAD_LRASPP: return mn_build_lraspp(net, picture);
    case MN_HEAD_DEEPLAB:
    case MN_HEAD_DEEPLAB_ASPP: return mn_build_deeplab(net, picture);
    default: return mn_build_classifier(net);
  }
}

/* The builder leaves shapes open; inference fills them in. */
static mn_status fill_shapes(mn_graph *graph, mn_error *err) {
  mn_shape *shapes = mn_arena_array(&graph->arena, (size_t)graph->value_count, sizeof *shapes);
  if (!shapes) return mn_fail_memory(err, (size_t)graph->value_count * sizeof *shapes);
  mn_shape input = graph->values[graph->inputs[0]].shape;
  mn_status status = mn_graph_infer(graph, &input, shapes, err);
  for (int32_t i = 0; i < graph->value_count && !status; i++) graph->values[i].shape = shapes[i];
  return status;
}

static mn_status build(mn_net *net, mn_error *err) {
  mn_graph *graph = net->graph;
  mn_net_begin(net);
  mn_id input = net->value;
  build_backbone(net);
  mn_outputs outputs = mn_build_head(net, input);
  if (net->failed || !mn_graph_set_inputs(graph, &input, 1) ||
      !mn_graph_set_outputs(graph, outputs.id, outputs.count)) {
    return mn_fail_memory(err, graph->arena.used);
  }
  mn_status status = fill_shapes(graph, err);
  return status ? status : mn_graph_verify(graph, err);
}

mn_status mn_zoo_build(mn_graph *graph, const mn_arch *arch, mn_zoo_weights weights, uint64_t seed,
                       mn_error *err) {
  mn_graph_init(graph);
  mn_net net = {.graph = graph, .arch = arch, .weights = weights, .seed = seed};
  mn_status status = build(&net, err);
  if (status) mn_graph_free(graph);
  return status;
}
