/* SPDX-License-Identifier: Apache-2.0
 * See unfold.h. */
#include "train/unfold.h"

#include <math.h>

#include "base/alloc.h"
#include "run/session.h"

/* ---- Where --------------------------------------------------------------------------------- */

static bool is_output(const mn_graph *graph, mn_id value) {
  for (int32_t i = 0; i < graph->output_count; i++) {
    if (graph->outputs[i] == value) return true;
  }
  return false;
}

/* What reads a map to compute with it; scores are moved about instead, and stay as they are. */
static bool computes(mn_op op) {
  return op == MN_OP_CONV2D || op == MN_OP_DWCONV2D || op == MN_OP_ADD || op == MN_OP_MUL ||
         op == MN_OP_RELU || op == MN_OP_HARD_SWISH || op == MN_OP_AVG_POOL || op == MN_OP_MEAN;
}

static bool goes_on(const mn_graph *graph, mn_id value) {
  int32_t readers = 0;
  for (mn_id n = 0; n < graph->node_count; n++) {
    const mn_node *node = &graph->nodes[n];
    for (int32_t i = 0; i < node->in_count; i++) {
      if (node->in[i] != value) continue;
      if (!computes(node->op)) return false;
      readers++;
    }
  }
  return readers > 0 && !is_output(graph, value);
}

static bool lacks_norm(const mn_graph *graph, mn_id n) {
  const mn_node *node = &graph->nodes[n];
  if (node->op != MN_OP_CONV2D && node->op != MN_OP_DWCONV2D) return false;
  if (node->in_count < 3 || node->in[2] == MN_NONE) return false;
  const mn_value *out = &graph->values[node->out[0]], *bias = &graph->values[node->in[2]];
  const mn_act act = node->attr.conv.act;
  if (act != MN_ACT_NONE && act != MN_ACT_RELU && act != MN_ACT_RELU6) return false;
  if (out->type != MN_F32 || bias->kind != MN_KIND_CONST || bias->type != MN_F32) return false;
  return out->shape.rank == 4 && out->shape.dim[1] * out->shape.dim[2] > 1 &&
         goes_on(graph, node->out[0]);
}

/* ---- A norm that does nothing -------------------------------------------------------------- */

/* [channels] of `number`, or of `from` where there is one. */
static mn_id add_numbers(mn_graph *graph, const char *layer, const char *part, int32_t channels,
                         float number, const float *from) {
  const char *name = mn_arena_join(&graph->arena, layer, part);
  float *data = mn_arena_array(&graph->arena, (size_t)channels, sizeof *data);
  for (int32_t c = 0; data && c < channels; c++) data[c] = from ? from[c] : number;
  const mn_shape shape = {1, {channels}};
  return name && data ? mn_graph_add_const(graph, name, MN_F32, &shape, data) : MN_NONE;
}

/* The layer's bias and activation become the norm's. */
static bool add_norm(mn_graph *graph, mn_id n, float epsilon) {
  const char *layer = graph->nodes[n].name;
  const mn_id out = graph->nodes[n].out[0];
  const mn_shape shape = graph->values[out].shape;
  const int32_t channels = shape.dim[3];
  const float *bias = graph->values[graph->nodes[n].in[2]].data;
  const char *name = mn_arena_join(&graph->arena, layer, "/norm"),
             *raw = mn_arena_join(&graph->arena, layer, "/raw");
  if (!name || !raw) return false;
  const mn_id in[5] = {mn_graph_add_value(graph, raw, MN_F32, &shape),
                       add_numbers(graph, layer, "/norm/gamma", channels, 1, NULL),
                       add_numbers(graph, layer, "/norm/beta", channels, 0, bias),
                       add_numbers(graph, layer, "/norm/mean", channels, 0, NULL),
                       add_numbers(graph, layer, "/norm/variance", channels, 1 - epsilon, NULL)};
  for (int i = 0; i < 5; i++) {
    if (in[i] == MN_NONE) return false;
  }
  const mn_id norm = mn_graph_add_node(graph, MN_OP_BATCH_NORM, name, in, 5, &out, 1);
  if (norm == MN_NONE) return false;
  mn_node *before = &graph->nodes[n];
  graph->nodes[norm].attr.batch_norm.epsilon = epsilon;
  graph->nodes[norm].attr.batch_norm.act = before->attr.conv.act;
  before->attr.conv.act = MN_ACT_NONE;
  before->in_count = 2;
  before->out[0] = in[0];
  mn_graph_move_last_node(graph, n + 1);
  return true;
}

mn_status mn_unfold(mn_graph *graph, mn_id end, float epsilon, mn_unfolded *out, mn_error *err) {
  *out = (mn_unfolded){NULL, 0};
  int32_t wanted = 0;
  for (mn_id n = 0; n < end; n++) wanted += lacks_norm(graph, n);
  if (wanted == 0) return MN_OK;
  out->norms = mn_arena_array(&graph->arena, (size_t)wanted, sizeof *out->norms);
  bool made = out->norms != NULL;
  for (mn_id n = 0; n < end && made; n++) {
    if (!lacks_norm(graph, n)) continue;
    made = add_norm(graph, n, epsilon);
    out->norms[out->count++] = ++n;
    end++;
  }
  return made ? MN_OK : mn_fail_memory(err, graph->arena.used);
}

/* ---- Its statistics ------------------------------------------------------------------------ */

typedef struct moments {
  double *sum, *squares; /* [channels of all norms], one after another */
  int64_t *pixels;       /* [norms] */
} moments;

static int32_t channels_of(const mn_graph *graph, mn_id norm) {
  return graph->values[graph->nodes[norm].in[1]].shape.dim[0];
}

static void add_map(const float *map, size_t pixels, int32_t channels, double *sum,
                    double *squares) {
  for (size_t p = 0; p < pixels; p++, map += channels) {
    for (int32_t c = 0; c < channels; c++) {
      const double x = (double)map[c];
      sum[c] += x;
      squares[c] += x * x;
    }
  }
}

/* Of whole batches: what a last one lacks would be seen as pictures of zeros. */
static mn_status run_batches(const mn_unfold_request *r, mn_session *session, moments *m,
                             const mn_graph *graph, const mn_unfolded *norms, mn_error *err) {
  mn_status status = MN_OK;
  for (int64_t b = 0; b < r->batches && !status; b++) {
    mn_feed_batch batch;
    status = mn_feed_next(r->feed, mn_session_input(session, 0), NULL, &batch, err);
    if (status || batch.count < r->batch) continue;
    status = mn_session_run(session, err);
    for (int32_t i = 0, at = 0; i < norms->count && !status; i++) {
      const int32_t channels = channels_of(graph, norms->norms[i]);
      mn_tensor_info info;
      mn_plan_output_info(session->plan, i, &info);
      const size_t pixels = info.bytes / sizeof(float) / (size_t)channels;
      add_map(mn_session_output(session, i), pixels, channels, m->sum + at, m->squares + at);
      m->pixels[i] += (int64_t)pixels;
      at += channels;
    }
  }
  return status;
}

static float *numbers_of(mn_graph *graph, mn_id norm, int32_t index) {
  return (float *)graph->values[graph->nodes[norm].in[index]].data; /* made by add_numbers */
}

static void settle(mn_graph *graph, mn_id norm, const double *sum, const double *squares,
                   int64_t pixels) {
  const double epsilon = (double)graph->nodes[norm].attr.batch_norm.epsilon;
  float *gamma = numbers_of(graph, norm, 1), *beta = numbers_of(graph, norm, 2);
  float *mean = numbers_of(graph, norm, 3), *variance = numbers_of(graph, norm, 4);
  for (int32_t c = 0; c < channels_of(graph, norm); c++) {
    const double m = sum[c] / (double)pixels;
    const double v = fmax(squares[c] / (double)pixels - m * m, 0);
    mean[c] = (float)m;
    variance[c] = (float)v;
    gamma[c] = (float)sqrt(v + epsilon);
    beta[c] = (float)((double)beta[c] + m);
  }
}

/* The graph up to the layers, whose outputs are its outputs: no pass folds what is read. */
static mn_status open_session(mn_graph *copy, mn_plan **plan, mn_session **session,
                              const mn_graph *graph, const mn_unfolded *norms,
                              const mn_unfold_request *r, mn_error *err) {
  mn_status status = mn_graph_copy(copy, graph, err);
  if (status) return status;
  mn_id *outputs = mn_arena_array(&copy->arena, (size_t)norms->count, sizeof *outputs);
  for (int32_t i = 0; outputs && i < norms->count; i++) {
    outputs[i] = graph->nodes[norms->norms[i]].in[0];
  }
  if (!outputs || !mn_graph_set_outputs(copy, outputs, norms->count)) {
    return mn_fail_memory(err, copy->arena.used);
  }
  const mn_plan_request request = {.batch = r->batch,
                                   .height = r->height,
                                   .width = r->width,
                                   .threads = mn_threads_count(r->threads),
                                   .features = r->features};
  status = mn_plan_build(plan, copy, &request, err);
  const mn_session_options with = {.struct_size = sizeof with, .threads = r->threads};
  return status ? status : mn_session_new(session, *plan, &with, err);
}

static mn_status measure(mn_graph *graph, const mn_unfolded *norms, const mn_unfold_request *r,
                         mn_session *session, moments *m, mn_error *err) {
  mn_status status = run_batches(r, session, m, graph, norms, err);
  if (status) return status;
  if (m->pixels[0] == 0) {
    return mn_fail(err, MN_ERR_FORMAT, "pictures", "there are fewer than %d that can be read",
                   r->batch);
  }
  for (int32_t i = 0, at = 0; i < norms->count; i++) {
    settle(graph, norms->norms[i], m->sum + at, m->squares + at, m->pixels[i]);
    at += channels_of(graph, norms->norms[i]);
  }
  return MN_OK;
}

mn_status mn_unfold_measure(mn_graph *graph, const mn_unfolded *norms,
                            const mn_unfold_request *request, mn_error *err) {
  size_t channels = 0;
  for (int32_t i = 0; i < norms->count; i++) {
    channels += (size_t)channels_of(graph, norms->norms[i]);
  }
  if (channels == 0) return MN_OK;
  moments m = {mn_alloc_zero(2 * channels * sizeof(double)), NULL,
               mn_alloc_zero((size_t)norms->count * sizeof(int64_t))};
  mn_graph copy;
  mn_plan *plan = NULL;
  mn_session *session = NULL;
  mn_graph_init(&copy);
  mn_status status = m.sum && m.pixels ? MN_OK : mn_fail_memory(err, channels * sizeof(double));
  if (!status) status = open_session(&copy, &plan, &session, graph, norms, request, err);
  if (!status) {
    m.squares = m.sum + channels;
    status = measure(graph, norms, request, session, &m, err);
  }
  mn_session_free(session);
  mn_plan_free(plan);
  mn_graph_free(&copy);
  mn_free(m.sum);
  mn_free(m.pixels);
  return status;
}
