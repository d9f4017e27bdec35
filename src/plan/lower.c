/* SPDX-License-Identifier: Apache-2.0
 * From nodes to steps. A reshape is another view of its input, a concat is its inputs written side
 * by side, and an elementwise op may write over its input: none of these moves a byte. */
#include <string.h>

#include "base/alloc.h"
#include "base/checked.h"
#include "base/poison.h"
#include "plan/plan.h"

typedef const mn_op_impl *impl_of_fn(mn_op op);

typedef struct lowering {
  mn_plan *plan;
  const mn_graph *graph;
  impl_of_fn *impl_of;
  int32_t *readers; /* [value_count] nodes that read the value, graph outputs counted */
  bool *pinned;     /* [value_count] a graph input or output */
  bool *reshaped;   /* [value_count] a reshape reads it */
  bool *skipped;    /* [node_count] became an alias */
  mn_id *sole;      /* [piece] the one value that is still to be read there, or MN_NONE */
} lowering;

/* ---- Shapes ---------------------------------------------------------------------------------- */

static mn_status bind_inputs(const mn_graph *graph, const mn_plan_request *request,
                             mn_shape *inputs, mn_error *err) {
  for (int32_t i = 0; i < graph->input_count; i++) {
    inputs[i] = graph->values[graph->inputs[i]].shape;
    if (request->batch > 0 && inputs[i].rank > 0) inputs[i].dim[0] = request->batch;
  }
  if (request->height <= 0 && request->width <= 0) return MN_OK;
  if (graph->input_count != 1 || inputs[0].rank != 4) {
    return mn_fail(err, MN_ERR_SHAPE, graph->values[graph->inputs[0]].name,
                   "another size can be asked of a model with one NHWC input only");
  }
  if (request->height > 0) inputs[0].dim[1] = request->height;
  if (request->width > 0) inputs[0].dim[2] = request->width;
  return MN_OK;
}

static mn_status bind_shapes(mn_plan *plan, const mn_plan_request *request, mn_error *err) {
  const mn_graph *graph = &plan->graph;
  mn_shape *inputs = mn_arena_array(&plan->arena, (size_t)graph->input_count, sizeof *inputs);
  plan->shapes = mn_arena_array(&plan->arena, (size_t)graph->value_count, sizeof *plan->shapes);
  if (!inputs || !plan->shapes) return mn_fail_memory(err, sizeof *inputs);
  mn_status status = bind_inputs(graph, request, inputs, err);
  if (!status) status = mn_graph_infer(graph, inputs, plan->shapes, err);
  return status ? status : mn_plan_group(plan, request, inputs, err);
}

/* ---- Places ---------------------------------------------------------------------------------- */

static size_t elements_of(const mn_shape *shape) {
  size_t elements = 1;
  for (int32_t i = 0; i < shape->rank; i++) elements *= (size_t)shape->dim[i];
  return elements;
}

static size_t last_dim(const mn_shape *shape) {
  return shape->rank ? (size_t)shape->dim[shape->rank - 1] : 1;
}

static size_t value_bytes(const lowering *at, mn_id id) {
  return elements_of(&at->plan->shapes[id]) * mn_type_bytes(at->graph->values[id].type);
}

static bool placed(const lowering *at, mn_id id) { return at->plan->places[id].piece != MN_NONE; }

static bool dense(const lowering *at, mn_id id) {
  return at->plan->places[id].pixel_stride == last_dim(&at->plan->shapes[id]);
}

static void place_new(lowering *at, mn_id id) {
  mn_plan *plan = at->plan;
  int32_t piece = plan->piece_count++;
  plan->pieces[piece] = (mn_piece){.bytes = value_bytes(at, id)};
  plan->places[id] = (mn_place){piece, 0, last_dim(&plan->shapes[id])};
  at->sole[piece] = at->pinned[id] ? MN_NONE : id;
}

static void count_readers(lowering *at) {
  const mn_graph *graph = at->graph;
  for (int32_t n = 0; n < graph->node_count; n++) {
    const mn_node *node = &graph->nodes[n];
    for (int32_t i = 0; i < node->in_count; i++) {
      if (node->in[i] != MN_NONE) at->readers[node->in[i]]++;
    }
    if (node->op == MN_OP_RESHAPE) at->reshaped[node->in[0]] = true;
  }
  for (int32_t i = 0; i < graph->input_count; i++) at->pinned[graph->inputs[i]] = true;
  for (int32_t i = 0; i < graph->output_count; i++) {
    at->pinned[graph->outputs[i]] = true;
    at->readers[graph->outputs[i]]++;
  }
}

static bool same_quant(const mn_value *a, const mn_value *b) {
  if (a->quant.count != b->quant.count) return false;
  return a->quant.count == 0 ||
         (a->quant.scale[0] == b->quant.scale[0] && a->quant.zero[0] == b->quant.zero[0]);
}

/* An input may be written straight into a concat's output: produced by a node, read by nothing that
 * needs it dense, in the output's own codes, and not there twice. */
static bool can_join(const lowering *at, const mn_node *node, int32_t index) {
  mn_id id = node->in[index];
  const mn_value *value = &at->graph->values[id];
  if (value->kind != MN_KIND_TEMP || at->pinned[id] || placed(at, id)) return false;
  if (!same_quant(value, &at->graph->values[node->out[0]])) return false;
  for (int32_t i = 0; i < index; i++) {
    if (node->in[i] == id) return false;
  }
  return !at->reshaped[id];
}

/* Concat of the last dim interleaves pixels; of the first dim that is not 1 it stacks tensors. */
static bool joins_without_copy(const lowering *at, const mn_node *node) {
  const mn_shape *out = &at->plan->shapes[node->out[0]];
  int32_t axis = node->attr.concat.axis;
  if (node->attr.concat.act != MN_ACT_NONE) return false;
  for (int32_t i = 0; i < axis && axis != out->rank - 1; i++) {
    if (out->dim[i] != 1) return false;
  }
  for (int32_t i = 0; i < node->in_count; i++) {
    if (!can_join(at, node, i)) return false;
  }
  return true;
}

static void join(lowering *at, const mn_node *node) {
  mn_plan *plan = at->plan;
  mn_id out = node->out[0];
  size_t element = mn_type_bytes(at->graph->values[out].type);
  bool last = node->attr.concat.axis == plan->shapes[out].rank - 1;
  size_t offset = 0;
  place_new(at, out);
  at->sole[plan->places[out].piece] = MN_NONE;
  for (int32_t i = 0; i < node->in_count; i++) {
    const mn_shape *shape = &plan->shapes[node->in[i]];
    size_t stride = last ? last_dim(&plan->shapes[out]) : last_dim(shape);
    plan->places[node->in[i]] = (mn_place){plan->places[out].piece, offset, stride};
    offset += (last ? last_dim(shape) : elements_of(shape)) * element;
  }
}

/* Concats before all else, the last one first, so that a concat of concats nests outward in. */
static void join_concats(lowering *at) {
  for (int32_t n = at->graph->node_count; n-- > 0;) {
    const mn_node *node = &at->graph->nodes[n];
    if (node->op != MN_OP_CONCAT || placed(at, node->out[0])) continue;
    if (!joins_without_copy(at, node)) continue;
    join(at, node);
    at->skipped[n] = true;
  }
}

static bool view_reshape(lowering *at, const mn_node *node) {
  mn_id in = node->in[0], out = node->out[0];
  if (!placed(at, in) || placed(at, out) || !dense(at, in)) return false;
  mn_place place = at->plan->places[in];
  place.pixel_stride = last_dim(&at->plan->shapes[out]);
  at->plan->places[out] = place;
  bool handed_on = at->sole[place.piece] == in && at->readers[in] == 1 && !at->pinned[out];
  at->sole[place.piece] = handed_on ? out : MN_NONE;
  return true;
}

/* The output takes the memory of an input that nothing else reads, where the op allows it. */
static bool write_in_place(lowering *at, const mn_node *node, unsigned allowed) {
  mn_id out = node->out[0];
  if (at->plan->keep_all || at->pinned[out]) return false;
  for (int32_t i = 0; i < node->in_count && i < 32; i++) {
    mn_id in = node->in[i];
    if (!(allowed >> i & 1) || in == MN_NONE || !placed(at, in)) continue;
    const mn_place *place = &at->plan->places[in];
    bool free_after = at->sole[place->piece] == in && at->readers[in] == 1;
    if (!free_after || !mn_shape_equal(&at->plan->shapes[in], &at->plan->shapes[out])) continue;
    if (value_bytes(at, in) != value_bytes(at, out)) continue;
    at->plan->places[out] = *place;
    at->sole[place->piece] = out;
    return true;
  }
  return false;
}

static void place_values(lowering *at) {
  const mn_graph *graph = at->graph;
  /* Joined inputs are strided: not readable, and nothing for operators from elsewhere. */
  if (!at->plan->keep_all && at->impl_of == mn_op_impl_of) join_concats(at);
  for (int32_t i = 0; i < graph->input_count; i++) {
    if (!placed(at, graph->inputs[i])) place_new(at, graph->inputs[i]);
  }
  for (int32_t n = 0; n < graph->node_count; n++) {
    const mn_node *node = &graph->nodes[n];
    if (at->skipped[n]) continue;
    if (node->op == MN_OP_RESHAPE && view_reshape(at, node)) {
      at->skipped[n] = true;
    } else if (!placed(at, node->out[0]) &&
               !write_in_place(at, node, at->impl_of(node->op)->in_place)) {
      place_new(at, node->out[0]);
    }
    for (int32_t i = 1; i < node->out_count; i++) {
      if (!placed(at, node->out[i])) place_new(at, node->out[i]);
    }
  }
}

/* ---- Steps ----------------------------------------------------------------------------------- */

static mn_operand operand_of(const lowering *at, mn_id id) {
  mn_operand operand = {.value = id};
  if (id == MN_NONE) return operand;
  const mn_value *value = &at->graph->values[id];
  operand.type = value->type;
  operand.shape = at->plan->shapes[id];
  operand.quant = &value->quant;
  operand.data = value->data; /* of a CONST or STATE */
  operand.pixel_stride =
      placed(at, id) ? at->plan->places[id].pixel_stride : last_dim(&operand.shape);
  return operand;
}

bool mn_plan_add_scratch(mn_plan *plan, int32_t index) {
  mn_step *step = &plan->steps[index];
  size_t workers = (size_t)plan->threads, bytes = 0;
  if (workers > step->slices) workers = step->slices;
  const size_t gap = step->scratch_bytes ? MN_GAP : 0;
  bool exact = mn_round_up(step->scratch_bytes, MN_ALIGN, &step->scratch_bytes) &&
               mn_add_size(step->scratch_bytes, gap, &step->scratch_bytes) &&
               mn_mul_size(workers, step->scratch_bytes, &bytes);
  plan->scratch[index] = bytes ? plan->piece_count : MN_NONE;
  if (exact && bytes) plan->pieces[plan->piece_count++].bytes = bytes;
  return exact;
}

static mn_status add_step(lowering *at, const mn_node *node, const mn_op_request *request,
                          mn_error *err) {
  mn_plan *plan = at->plan;
  mn_step *step = &plan->steps[plan->step_count];
  step->impl = at->impl_of(node->op);
  step->node = node;
  step->arithmetic = at->graph->arithmetic;
  step->slices = 1;
  step->in = mn_arena_array(&plan->arena, (size_t)node->in_count, sizeof *step->in);
  if (!step->in) return mn_fail_memory(err, sizeof *step->in);
  for (int32_t i = 0; i < node->in_count; i++) step->in[i] = operand_of(at, node->in[i]);
  step->out = operand_of(at, node->out[0]);
  for (int32_t i = 1; i < node->out_count; i++) {
    step->more_out[i - 1] = operand_of(at, node->out[i]);
  }
  mn_status status = step->impl->plan(step, request, err);
  if (status) return mn_error_at(err, status, node->name);
  if (step->kernel) step->kernel_name = step->kernel->name;
  if (!step->kernel_name) step->kernel_name = "reference";
  if (!mn_plan_add_scratch(plan, plan->step_count)) return mn_fail_memory(err, SIZE_MAX);
  plan->step_count++;
  return MN_OK;
}

static mn_status add_steps(lowering *at, const mn_plan_request *request, mn_error *err) {
  mn_plan *plan = at->plan;
  mn_op_request op_request = {.features = request->features,
                              .threads = plan->threads,
                              .goal = request->goal,
                              .precision = request->precision,
                              .arena = &plan->arena};
  size_t most = (size_t)at->graph->node_count + 1;
  plan->steps = mn_arena_array(&plan->arena, most, sizeof *plan->steps);
  plan->scratch = mn_arena_array(&plan->arena, most, sizeof *plan->scratch);
  if (!plan->steps || !plan->scratch) return mn_fail_memory(err, most * sizeof *plan->steps);
  for (int32_t n = 0; n < at->graph->node_count; n++) {
    if (at->skipped[n]) continue;
    mn_status status = add_step(at, &at->graph->nodes[n], &op_request, err);
    if (status) return status;
  }
  return MN_OK;
}

static mn_status check_runnable(const mn_graph *graph, impl_of_fn *impl_of, mn_error *err) {
  for (int32_t n = 0; n < graph->node_count; n++) {
    const mn_node *node = &graph->nodes[n];
    if (impl_of(node->op)) continue;
    return mn_fail(err, MN_ERR_UNSUPPORTED, node->name, "%s cannot be run", mn_op_name(node->op));
  }
  return MN_OK;
}

mn_status mn_plan_lower(mn_plan *plan, const mn_plan_request *request, mn_error *err) {
  const mn_graph *graph = &plan->graph;
  size_t values = (size_t)graph->value_count, nodes = (size_t)graph->node_count;
  lowering at = {
      .plan = plan,
      .graph = graph,
      .impl_of = request->impl_of ? request->impl_of : mn_op_impl_of,
      .readers = mn_arena_array(&plan->arena, values, sizeof *at.readers),
      .pinned = mn_arena_array(&plan->arena, values, sizeof *at.pinned),
      .reshaped = mn_arena_array(&plan->arena, values, sizeof *at.reshaped),
      .skipped = mn_arena_array(&plan->arena, nodes, sizeof *at.skipped),
      .sole = mn_arena_array(&plan->arena, values, sizeof *at.sole),
  };
  plan->places = mn_arena_array(&plan->arena, values, sizeof *plan->places);
  plan->pieces = mn_arena_array(&plan->arena, values + 2 * nodes, sizeof *plan->pieces);
  if (!at.readers || !at.pinned || !at.reshaped || !at.skipped || !at.sole || !plan->places ||
      !plan->pieces) {
    return mn_fail_memory(err, values * sizeof *plan->places);
  }
  mn_status status = check_runnable(graph, at.impl_of, err);
  if (!status) status = bind_shapes(plan, request, err);
  if (status) return status;
  for (size_t i = 0; i < values; i++) plan->places[i].piece = MN_NONE;
  count_readers(&at);
  place_values(&at);
  return add_steps(&at, request, err);
}
