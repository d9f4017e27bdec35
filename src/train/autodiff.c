/* SPDX-License-Identifier: Apache-2.0
 * See autodiff.h. The forward pass is the model's nodes with activations apart, but for those after
 * a batch norm, which are part of it; the graph so far is then walked from its end. */
#include "train/autodiff.h"

#include <stdio.h>
#include <string.h>

#include "base/alloc.h"
#include "train/tape.h"

typedef struct walk {
  mn_tape tape;
  const mn_graph *model;
  mn_shape *shapes; /* [model values] at the size that is trained */
  int32_t *readers; /* [model values] nodes, and outputs */
  mn_id *reader;    /* [model values] the last node that reads it */
  bool *done;       /* [model nodes] part of one before it */
  mn_id dropout;    /* what a layer's input is multiplied by */
  mn_id inputs[4];
  mn_id *ranges; /* [groups of codes] where a group's range is */
} walk;

/* ---- Values --------------------------------------------------------------------------------- */

static mn_id fail(walk *w) {
  if (!w->tape.status) w->tape.status = mn_fail_memory(w->tape.err, sizeof(mn_value));
  return MN_NONE;
}

/* A new value like the model's `id`. */
static mn_id add_value(walk *w, mn_id id, const char *suffix) {
  if (w->tape.status) return MN_NONE;
  const mn_value *value = &w->model->values[id];
  char name[200];
  snprintf(name, sizeof name, "%.160s%s", value->name, suffix);
  mn_id new = mn_graph_add_value(w->tape.graph, name, value->type, &w->shapes[id]);
  if (new == MN_NONE) return fail(w);
  mn_tape_follow(&w->tape);
  return new;
}

static mn_id constant(walk *w, mn_id id) {
  mn_id *known = &w->tape.training->value_of[id];
  if (*known != MN_NONE || w->tape.status) return *known;
  const mn_value *value = &w->model->values[id];
  *known = mn_graph_add_const(w->tape.graph, value->name, value->type, &value->shape, value->data);
  if (*known == MN_NONE) return fail(w);
  mn_tape_follow(&w->tape);
  return *known;
}

/* Memory that training changes, which begins as the model's constant. */
static mn_id state(walk *w, mn_id id, float **data, size_t *count) {
  mn_id *known = &w->tape.training->value_of[id];
  const mn_value *value = &w->model->values[id];
  *known = add_value(w, id, "");
  if (*known == MN_NONE) return MN_NONE;
  int32_t elements = 0;
  mn_shape_elements(&value->shape, &elements);
  *count = (size_t)elements;
  *data = mn_arena_array(&w->tape.graph->arena, *count, sizeof **data);
  if (!*data) return fail(w);
  memcpy(*data, value->data, *count * sizeof **data);
  mn_value *new = &w->tape.graph->values[*known];
  new->kind = MN_KIND_STATE;
  new->data = *data;
  new->bytes = value->bytes;
  return *known;
}

/* The graph reads a rounded copy of a layer's weights; the gradient of that is the weights'. */
static void round_weights(walk *w, mn_parameter *p, mn_op layer) {
  const mn_autodiff_options *options = w->tape.options;
  p->seen = p->data;
  p->layer = layer;
  if (!options->codes || !options->rounded || p->vector || p->value == MN_NONE) return;
  p->seen = mn_arena_array(&w->tape.graph->arena, p->count, sizeof *p->seen);
  if (!p->seen) fail(w);
  w->tape.graph->values[p->value].data = p->seen;
}

static mn_id parameter(walk *w, mn_id id, mn_op layer) {
  mn_training_graph *training = w->tape.training;
  if (id == MN_NONE || training->value_of[id] != MN_NONE || w->tape.status) {
    return id == MN_NONE ? MN_NONE : training->value_of[id];
  }
  mn_parameter *p = &training->parameters[training->parameter_count];
  const mn_value *value = &w->model->values[id];
  *p = (mn_parameter){.model_value = id, .gradient = MN_NONE};
  p->vector = value->shape.rank == 1;
  p->depthwise = layer == MN_OP_DWCONV2D && !p->vector;
  p->value = state(w, id, &p->data, &p->count);
  round_weights(w, p, layer);
  training->parameter_count += p->value != MN_NONE;
  return p->value;
}

static mn_id running(walk *w, mn_id id) {
  mn_training_graph *training = w->tape.training;
  if (training->value_of[id] != MN_NONE || w->tape.status) return training->value_of[id];
  mn_running *r = &training->running[training->running_count];
  *r = (mn_running){.model_value = id};
  mn_id value = state(w, id, &r->data, &r->count);
  training->running_count += value != MN_NONE;
  return value;
}

/* ---- Codes ---------------------------------------------------------------------------------- */

/* Memory for the ranges of all groups; those that are known before are there already. */
static void add_ranges(walk *w) {
  const mn_code_points *codes = w->tape.options->codes;
  mn_training_graph *training = w->tape.training;
  if (!codes) return;
  const size_t count = (size_t)codes->group_count;
  const mn_shape shape = {1, {2}};
  w->ranges = mn_arena_array(&w->tape.graph->arena, count, sizeof *w->ranges);
  training->ranges = mn_arena_array(&w->tape.graph->arena, count, sizeof *training->ranges);
  if (!w->ranges || !training->ranges) {
    fail(w);
    return;
  }
  training->range_count = codes->group_count;
  for (int32_t g = 0; g < codes->group_count; g++) {
    char name[32];
    snprintf(name, sizeof name, "/range%d", g);
    w->ranges[g] = mn_graph_add_value(w->tape.graph, name, MN_F32, &shape);
    if (w->ranges[g] == MN_NONE) {
      fail(w);
      return;
    }
    mn_tape_follow(&w->tape);
    training->ranges[g] = codes->fixed[g];
    mn_value *value = &w->tape.graph->values[w->ranges[g]];
    value->kind = MN_KIND_STATE;
    value->data = &training->ranges[g];
    value->bytes = sizeof training->ranges[g];
  }
}

static void observe(walk *w, const char *name, mn_id x, int32_t group) {
  mn_tape *tape = &w->tape;
  int32_t elements = 0;
  mn_shape_elements(mn_tape_shape(tape, x), &elements);
  const mn_emission parts = {.op = MN_TRAIN_RANGE_PARTS,
                             .name = name,
                             .in = {x},
                             .in_count = 1,
                             .out = {{2, {mn_train_parts((size_t)elements), 2}}}};
  const mn_id extremes = mn_tape_emit(tape, &parts, NULL);
  const mn_attr attr = {.train = {.momentum = tape->options->range_share}};
  const mn_emission finish = {.op = MN_TRAIN_RANGE_FINISH,
                              .name = name,
                              .in = {w->ranges[group], extremes},
                              .in_count = 2,
                              .out = {{1, {2}}}};
  w->ranges[group] = mn_tape_emit(tape, &finish, &attr);
}

/* Where the range of a group's scale is: its own, or all of those that share the scale. */
static mn_id range_of_scale(walk *w, const char *name, int32_t group) {
  const mn_code_points *codes = w->tape.options->codes;
  mn_emission join = {
      .op = MN_TRAIN_RANGE_JOIN, .name = name, .in = {w->ranges[group]}, .in_count = 1};
  join.out[0] = (mn_shape){1, {2}};
  for (int32_t g = 0; g < codes->group_count; g++) {
    if (g == group || codes->first[g] != codes->first[group]) continue;
    join.in[join.in_count++] = w->ranges[g];
    if (join.in_count < 8) continue;
    join.in[0] = mn_tape_emit(&w->tape, &join, NULL);
    join.in_count = 1;
  }
  return join.in_count > 1 ? mn_tape_emit(&w->tape, &join, NULL) : join.in[0];
}

/* `x` is the model's value `id`; as codes will say it. */
static mn_id coded(walk *w, mn_id id, mn_id x) {
  mn_tape *tape = &w->tape;
  const mn_code_points *codes = tape->options->codes;
  if (!codes || codes->group[id] == MN_NONE || tape->status) return x;
  const char *name = w->model->values[id].name;
  const int32_t group = codes->group[id];
  if (codes->role[id] & MN_CODES_OBSERVE && tape->options->range_share > 0) {
    observe(w, name, x, group);
  }
  if (!(codes->role[id] & MN_CODES_ROUND) || !tape->options->rounded) return x;
  const mn_emission what = {.op = MN_TRAIN_FAKE_QUANT,
                            .name = name,
                            .in = {x, range_of_scale(w, name, group)},
                            .in_count = 2,
                            .out = {*mn_tape_shape(tape, x)}};
  return mn_tape_emit(tape, &what, NULL);
}

static bool is_coded(const walk *w, mn_id id) {
  const mn_code_points *codes = w->tape.options->codes;
  return codes && codes->group[id] != MN_NONE;
}

/* ---- Forward -------------------------------------------------------------------------------- */

static bool is_frozen(const walk *w, const mn_node *node) {
  return node - w->model->nodes < w->tape.options->frozen;
}

static mn_id input_of(walk *w, const mn_node *node, int32_t i) {
  const mn_id id = node->in[i];
  if (id == MN_NONE) return MN_NONE;
  const mn_id known = w->tape.training->value_of[id];
  if (known != MN_NONE) return known;
  const bool layer =
      node->op == MN_OP_CONV2D || node->op == MN_OP_DWCONV2D || node->op == MN_OP_DENSE;
  if (layer && i > 0 && !is_frozen(w, node)) return parameter(w, id, node->op);
  return constant(w, id);
}

/* The wanted flags follow parameters as soon as they are there. */
static void want_parameters(walk *w) {
  for (int32_t i = 0; i < w->tape.training->parameter_count && !w->tape.status; i++) {
    w->tape.wanted[w->tape.training->parameters[i].value] = true;
  }
}

static mn_id apply(walk *w, const mn_node *node, mn_act act, mn_id in) {
  const mn_attr attr = {.eltwise = {act}};
  const mn_emission what = {.op = act == MN_ACT_HARD_SWISH ? MN_OP_HARD_SWISH : MN_OP_RELU,
                            .name = node->name,
                            .in = {in},
                            .in_count = 1,
                            .out = {*mn_tape_shape(&w->tape, in)}};
  return mn_tape_emit(&w->tape, &what, &attr);
}

/* Takes a fused activation out of the attributes. */
static mn_act take_act(mn_op op, mn_attr *attr) {
  mn_act *act = NULL;
  switch (op) {
    case MN_OP_CONV2D:
    case MN_OP_DWCONV2D: act = &attr->conv.act; break;
    case MN_OP_DENSE: act = &attr->dense.act; break;
    case MN_OP_ADD:
    case MN_OP_SUB:
    case MN_OP_MUL: act = &attr->eltwise.act; break;
    case MN_OP_AVG_POOL: act = &attr->pool.act; break;
    case MN_OP_CONCAT: act = &attr->concat.act; break;
    default: return MN_ACT_NONE;
  }
  const mn_act taken = *act;
  *act = MN_ACT_NONE;
  return taken;
}

/* The activation right after a batch norm that nothing else reads; MN_NONE where there is none. */
static mn_id act_after(const walk *w, mn_id value, mn_act *act) {
  if (w->readers[value] != 1) return MN_NONE;
  const mn_id next = w->reader[value];
  if (next == MN_NONE) return MN_NONE;
  const mn_node *node = &w->model->nodes[next];
  if (node->op == MN_OP_HARD_SWISH) {
    *act = MN_ACT_HARD_SWISH;
    return next;
  }
  if (node->op != MN_OP_RELU || node->attr.eltwise.act == MN_ACT_RELU_N1_TO_1) return MN_NONE;
  *act = node->attr.eltwise.act;
  return next;
}

static size_t pixels_of(const mn_shape *shape) {
  size_t pixels = 1;
  for (int32_t i = 0; i + 1 < shape->rank; i++) pixels *= (size_t)shape->dim[i];
  return pixels;
}

/* The running mean and 1/deviation, or the batch's, towards which the running ones move. */
static mn_id statistics(walk *w, const mn_node *node, mn_id x, mn_id *inverse) {
  mn_tape *tape = &w->tape;
  const mn_shape map = *mn_tape_shape(tape, x), channels = {1, {map.dim[map.rank - 1]}};
  const mn_id old[2] = {running(w, node->in[3]), running(w, node->in[4])};
  mn_attr finish = {.train = {.parts = (int32_t)pixels_of(&map),
                              .epsilon = node->attr.batch_norm.epsilon,
                              .momentum = tape->options->norm_momentum}};
  mn_emission last = {.op = MN_TRAIN_NORM_FROZEN,
                      .name = node->name,
                      .in = {old[0], old[1]},
                      .in_count = 2,
                      .out = {channels, channels},
                      .out_count = 2};
  if (!tape->options->frozen_norm) {
    const mn_attr attr = {.train = {.parts = mn_train_parts(pixels_of(&map))}};
    const mn_emission moments = {.op = MN_TRAIN_MOMENTS,
                                 .name = node->name,
                                 .in = {x},
                                 .in_count = 1,
                                 .out = {{3, {attr.train.parts, 2, channels.dim[0]}}}};
    last.op = MN_TRAIN_NORM_FINISH;
    last.in[2] = mn_tape_emit(tape, &moments, &attr);
    last.in_count = 3;
  }
  const mn_id mean = mn_tape_emit(tape, &last, &finish);
  if (mean != MN_NONE) *inverse = tape->graph->nodes[tape->graph->node_count - 1].out[1];
  return mean;
}

static void batch_norm(walk *w, const mn_node *node) {
  mn_tape *tape = &w->tape;
  const mn_id x = input_of(w, node, 0);
  const mn_id gamma = parameter(w, node->in[1], node->op);
  const mn_id beta = parameter(w, node->in[2], node->op);
  if (tape->status) return;
  mn_attr attr = {.train = {.act = node->attr.batch_norm.act}};
  mn_id out = node->out[0];
  if (attr.train.act == MN_ACT_NONE && !is_coded(w, out)) {
    const mn_id next = act_after(w, out, &attr.train.act);
    if (next != MN_NONE) {
      w->done[next] = true;
      out = w->model->nodes[next].out[0];
    }
  }
  mn_id inverse = MN_NONE;
  const mn_id mean = statistics(w, node, x, &inverse);
  want_parameters(w);
  const mn_emission norm = {.op = MN_TRAIN_NORM,
                            .name = node->name,
                            .in = {x, mean, inverse, gamma, beta},
                            .in_count = 5,
                            .out = {w->shapes[out]}};
  tape->training->value_of[out] = coded(w, out, mn_tape_emit(tape, &norm, &attr));
}

/* `in` with parts of it left out. */
static mn_id drop(walk *w, const mn_node *node, mn_id in) {
  mn_tape *tape = &w->tape;
  const mn_shape shape = *mn_tape_shape(tape, in);
  w->dropout = mn_graph_add_value(tape->graph, "dropout", MN_F32, &shape);
  if (w->dropout == MN_NONE) return fail(w);
  tape->graph->values[w->dropout].kind = MN_KIND_INPUT;
  mn_tape_follow(tape);
  const mn_attr attr = {.eltwise = {MN_ACT_NONE}};
  const mn_emission what = {
      .op = MN_OP_MUL, .name = node->name, .in = {in, w->dropout}, .in_count = 2, .out = {shape}};
  return mn_tape_emit(tape, &what, &attr);
}

static void copy_node(walk *w, const mn_node *node) {
  mn_attr attr = node->attr;
  const mn_act act = is_frozen(w, node) ? MN_ACT_NONE : take_act(node->op, &attr);
  mn_id in[64];
  for (int32_t i = 0; i < node->in_count; i++) in[i] = input_of(w, node, i);
  want_parameters(w);
  if (w->tape.status) return;
  if (node - w->model->nodes + 1 == w->tape.options->dropout) in[0] = drop(w, node, in[0]);
  /* Through mn_tape_emit for its tables, with the list of inputs replaced where it is longer. */
  mn_emission what = {
      .op = (int32_t)node->op, .name = node->name, .out = {w->shapes[node->out[0]]}};
  what.in_count = node->in_count < 8 ? node->in_count : 8;
  memcpy(what.in, in, (size_t)what.in_count * sizeof *in);
  mn_id out = mn_tape_emit(&w->tape, &what, &attr);
  if (out == MN_NONE) return;
  if (node->in_count > 8) {
    mn_node *new = &w->tape.graph->nodes[w->tape.graph->node_count - 1];
    new->in = mn_arena_copy(&w->tape.graph->arena, in, (size_t)node->in_count * sizeof *in);
    new->in_count = node->in_count;
    if (!new->in) fail(w);
  }
  if (act != MN_ACT_NONE) out = apply(w, node, act, out);
  w->tape.training->value_of[node->out[0]] = coded(w, node->out[0], out);
}

/* ---- From start to end ---------------------------------------------------------------------- */

static bool make_tables(walk *w) {
  mn_arena *arena = &w->tape.graph->arena;
  const size_t values = (size_t)w->model->value_count, nodes = (size_t)w->model->node_count;
  mn_training_graph *training = w->tape.training;
  w->shapes = mn_arena_array(arena, values, sizeof *w->shapes);
  w->readers = mn_arena_array(arena, values, sizeof *w->readers);
  w->reader = mn_arena_array(arena, values, sizeof *w->reader);
  w->done = mn_arena_array(arena, nodes, sizeof *w->done);
  training->value_of = mn_arena_array(arena, values, sizeof *training->value_of);
  training->parameters = mn_arena_array(arena, values, sizeof *training->parameters);
  training->running = mn_arena_array(arena, values, sizeof *training->running);
  if (!w->shapes || !w->readers || !w->reader || !w->done || !training->value_of ||
      !training->parameters || !training->running) {
    return false;
  }
  for (size_t i = 0; i < values; i++) w->reader[i] = training->value_of[i] = MN_NONE;
  for (mn_id n = 0; n < w->model->node_count; n++) {
    const mn_node *node = &w->model->nodes[n];
    for (int32_t i = 0; i < node->in_count; i++) {
      if (node->in[i] == MN_NONE) continue;
      w->readers[node->in[i]]++;
      w->reader[node->in[i]] = n;
    }
  }
  for (int32_t i = 0; i < w->model->output_count; i++) w->readers[w->model->outputs[i]]++;
  return true;
}

static mn_status infer_shapes(walk *w) {
  const mn_graph *model = w->model;
  const mn_autodiff_options *options = w->tape.options;
  mn_shape inputs[4];
  if (model->input_count > 4) {
    return mn_fail(w->tape.err, MN_ERR_UNSUPPORTED, "inputs", "more than 4 cannot be trained");
  }
  for (int32_t i = 0; i < model->input_count; i++) {
    inputs[i] = model->values[model->inputs[i]].shape;
    if (options->batch) inputs[i].dim[0] = options->batch;
    if (options->height) inputs[i].dim[1] = options->height;
    if (options->width) inputs[i].dim[2] = options->width;
  }
  return mn_graph_infer(model, inputs, w->shapes, w->tape.err);
}

static void add_inputs(walk *w) {
  for (int32_t i = 0; i < w->model->input_count; i++) {
    const mn_id id = w->model->inputs[i], value = add_value(w, id, "");
    if (value == MN_NONE) return;
    w->tape.graph->values[value].kind = MN_KIND_INPUT;
    w->inputs[i] = value;
    w->tape.training->value_of[id] = coded(w, id, value);
  }
}

static void forward(walk *w) {
  for (int32_t n = 0; n < w->model->node_count && !w->tape.status; n++) {
    if (w->done[n]) continue;
    const mn_node *node = &w->model->nodes[n];
    if (node->op == MN_OP_BATCH_NORM && !is_frozen(w, node)) {
      batch_norm(w, node);
    } else {
      copy_node(w, node);
    }
  }
}

static void backward(walk *w, mn_id *seeds) {
  mn_tape *tape = &w->tape;
  const int32_t forward_nodes = tape->graph->node_count;
  tape->training->forward_nodes = forward_nodes;
  if (tape->options->forward_only) return;
  for (int32_t i = 0; i < w->model->output_count && !tape->status; i++) {
    const mn_id id = w->model->outputs[i];
    seeds[i] = add_value(w, id, ".gradient");
    if (seeds[i] == MN_NONE) return;
    tape->graph->values[seeds[i]].kind = MN_KIND_INPUT;
    mn_tape_add(tape, tape->training->value_of[id], seeds[i]);
  }
  for (int32_t n = forward_nodes; n-- > 0 && !tape->status;) mn_gradient_of(tape, n);
}

static void set_ends(walk *w, const mn_id *seeds) {
  mn_training_graph *training = w->tape.training;
  const mn_graph *model = w->model;
  const int32_t ins = model->input_count, outs = model->output_count;
  const int32_t most = ins + outs + training->parameter_count + 1;
  mn_id *ids = mn_arena_array(&w->tape.graph->arena, (size_t)most, sizeof *ids);
  if (!ids) {
    fail(w);
    return;
  }
  const int32_t seeded = w->tape.options->forward_only ? 0 : outs;
  memcpy(ids, w->inputs, (size_t)ins * sizeof *ids);
  memcpy(ids + ins, seeds, (size_t)seeded * sizeof *ids);
  const int32_t more = w->dropout != MN_NONE;
  if (more) ids[ins + seeded] = w->dropout;
  if (!mn_graph_set_inputs(w->tape.graph, ids, ins + seeded + more)) fail(w);
  for (int32_t i = 0; i < outs; i++) ids[i] = training->value_of[model->outputs[i]];
  int32_t count = outs;
  for (int32_t i = 0; i < training->parameter_count && !w->tape.status; i++) {
    mn_parameter *p = &training->parameters[i];
    p->gradient = w->tape.gradient[p->value];
    if (p->gradient != MN_NONE) ids[count++] = p->gradient;
  }
  if (!mn_graph_set_outputs(w->tape.graph, ids, count)) fail(w);
}

mn_status mn_autodiff(mn_training_graph *out, const mn_graph *model,
                      const mn_autodiff_options *options, mn_error *err) {
  memset(out, 0, sizeof *out);
  mn_graph_init(&out->graph);
  out->graph.fixed_by = MN_NONE;
  walk w = {.tape = {.training = out, .graph = &out->graph, .options = options, .err = err},
            .model = model,
            .dropout = MN_NONE};
  mn_id *seeds = NULL;
  if (make_tables(&w)) {
    seeds = mn_arena_array(&out->graph.arena, (size_t)model->output_count, sizeof *seeds);
  }
  if (!seeds) fail(&w);
  if (!w.tape.status) w.tape.status = infer_shapes(&w);
  if (!w.tape.status) add_ranges(&w);
  if (!w.tape.status) add_inputs(&w);
  if (!w.tape.status) forward(&w);
  if (!w.tape.status) backward(&w, seeds);
  if (!w.tape.status) set_ends(&w, seeds);
  if (w.tape.status) mn_training_graph_free(out);
  return w.tape.status;
}

void mn_training_graph_free(mn_training_graph *training) {
  mn_graph_free(&training->graph);
  memset(training, 0, sizeof *training);
}
