/* SPDX-License-Identifier: Apache-2.0
 * Batch norms that come back: nothing changes but how training goes on; their statistics are the
 * pictures'; the same bits come of any number of threads and of a run that was stopped. */
#define _POSIX_C_SOURCE 200809L
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
/* after those three */
#include <cmocka.h>

#include <math.h>

#include "../striped_set.h"
#include "api/training.h"
#include "base/cpu.h"
#include "base/rng.h"
#include "mobilenet/zoo.h"
#include "train/unfold.h"
#include "training_run.h"

/* -1 to 1, a function of both numbers. */
static float number(uint32_t stream, uint32_t index) {
  static const uint32_t key[2] = {7, 7};
  const uint32_t counter[4] = {stream, index, 0, 0};
  uint32_t words[4];
  mn_philox(counter, key, words);
  return (float)words[0] / 2147483648.0f - 1;
}

/* Batch norms as after a training, which the file's layers have folded into them. */
static void write_folded(const char *arch) {
  mn_error err;
  mn_model *model;
  check(mn_model_from_zoo(&model, arch, NULL, &err), &err);
  const mn_graph *graph = &model->graph;
  for (int32_t n = 0; n < graph->node_count; n++) {
    if (graph->nodes[n].op != MN_OP_BATCH_NORM) continue;
    for (int i = 1; i < 5; i++) {
      const mn_value *value = &graph->values[graph->nodes[n].in[i]];
      float *data = (float *)value->data; /* the graph's own memory */
      for (int32_t c = 0; c < value->shape.dim[0]; c++) {
        const float x = number((uint32_t)(n * 8 + i), (uint32_t)c) / 2;
        data[c] = i == 1 || i == 4 ? 1 + x : x;
      }
    }
  }
  check(mn_model_save(model, temp_path("folded.tflite"), MN_FORMAT_BY_NAME, &err), &err);
  mn_model_free(model);
}

static void begin(run *r, int threads, const char *more) {
  mn_error err;
  const char *const settings[] = {"epochs=4", "batch=8",         "rate=0.005", "average=0.5",
                                  "flip=0",   "warmup_epochs=0", more};
  *r = (run){.start = NULL};
  check(mn_model_open(&r->start, temp_path("folded.tflite"), NULL, &err), &err);
  check(mn_threads_new(&r->threads, threads, &err), &err);
  const mn_train_options options = {.struct_size = sizeof options,
                                    .settings = settings,
                                    .setting_count = sizeof settings / sizeof settings[0],
                                    .fine_tune = 1,
                                    .held_back = 0.25,
                                    .seed = 3,
                                    .threads = r->threads};
  check(mn_training_new(&r->training, r->start, temp_path("set"), &options, &err), &err);
}

static int norms_of(const mn_graph *graph) {
  int count = 0;
  for (int32_t n = 0; n < graph->node_count; n++) count += graph->nodes[n].op == MN_OP_BATCH_NORM;
  return count;
}

/* What a network says of some numbers; freed by the caller. */
static float *answer(const mn_graph *graph, size_t *count) {
  mn_error err;
  mn_plan *plan;
  mn_session *session;
  mn_tensor_info info;
  const mn_plan_request request = {.threads = 1};
  check(mn_plan_build(&plan, graph, &request, &err), &err);
  const mn_session_options with = {.struct_size = sizeof with};
  check(mn_session_new(&session, plan, &with, &err), &err);
  float *input = mn_session_input(session, 0);
  check(mn_plan_input_info(plan, 0, &info), &err);
  for (size_t i = 0; i < info.bytes / sizeof(float); i++) {
    input[i] = number(1, (uint32_t)i);
  }
  check(mn_session_run(session, &err), &err);
  check(mn_plan_output_info(plan, 0, &info), &err);
  float *out = malloc(info.bytes);
  assert_non_null(out);
  memcpy(out, mn_session_output(session, 0), info.bytes);
  *count = info.bytes / sizeof(float);
  mn_session_free(session);
  mn_plan_free(plan);
  return out;
}

static void same_answers(const char *arch, int norms) {
  run with, without;
  size_t count;
  double apart = 0, largest = 0;
  write_folded(arch);
  begin(&without, 1, "unfold=false");
  begin(&with, 1, "unfold=true");
  assert_int_equal(norms_of(&without.training->graph), 0);
  assert_int_equal(norms_of(&with.training->graph), norms);
  float *a = answer(&without.training->graph, &count), *b = answer(&with.training->graph, &count);
  for (size_t i = 0; i < count; i++) {
    apart = fmax(apart, fabs((double)(a[i] - b[i])));
    largest = fmax(largest, fabs((double)a[i]));
  }
  printf("%s: %d norms, answers up to %g, %g apart\n", arch, norms, largest, apart);
  assert_true(largest > 0 && apart <= 1e-5 * largest);
  free(a);
  free(b);
  end(&with);
  end(&without);
}

/* Layers whose map is one pixel have none: V3's gates and its last wide layer. */
static void test_nothing_changes(void **state) {
  (void)state;
  same_answers("v1-0.25-64", 27);
  same_answers("v2-0.35-64", 52);
  same_answers("v3-small-0.35-64", 34);
}

static const float bias[3] = {2, -1, 0.5f};

/* Two layers that give each pixel's colours, moved by a bias. */
static void make_colours(mn_graph *graph) {
  static const float same[9] = {1, 0, 0, 0, 1, 0, 0, 0, 1};
  mn_graph_init(graph);
  const mn_shape map = {4, {1, 64, 64, 3}}, kernel = {4, {3, 1, 1, 3}}, three = {1, {3}};
  const mn_id in = mn_graph_add_value(graph, "in", MN_F32, &map);
  const mn_id w = mn_graph_add_const(graph, "w", MN_F32, &kernel, same);
  const mn_id b = mn_graph_add_const(graph, "b", MN_F32, &three, bias);
  const mn_id middle = mn_graph_add_value(graph, "middle", MN_F32, &map);
  const mn_id out = mn_graph_add_value(graph, "out", MN_F32, &map);
  const mn_id first[3] = {in, w, b}, second[3] = {middle, w, b};
  const mn_window window = {1, 1, 1, 1, 1, 1, MN_PAD_EXPLICIT, 0, 0, 0, 0};
  for (int i = 0; i < 2; i++) {
    const mn_id node = mn_graph_add_node(graph, MN_OP_CONV2D, i ? "second" : "first",
                                         i ? second : first, 3, i ? &out : &middle, 1);
    graph->nodes[node].attr.conv.window = window;
  }
  graph->values[in].kind = MN_KIND_INPUT;
  assert_true(mn_graph_set_inputs(graph, &in, 1) && mn_graph_set_outputs(graph, &out, 1));
}

/* The sums of all pixels that the feed's first batches have, and of their squares. */
static void sum_pixels(mn_feed *feed, int batches, double sum[3], double squares[3],
                       double *pixels) {
  mn_error err;
  const size_t floats = 4 * mn_feed_picture_floats(feed);
  float *values = malloc(floats * sizeof *values);
  assert_non_null(values);
  check(mn_feed_seek(feed, 0, 0, &err), &err);
  for (int i = 0; i < batches; i++) {
    mn_feed_batch batch;
    check(mn_feed_next(feed, values, NULL, &batch, &err), &err);
    assert_int_equal(batch.count, 4);
    for (size_t k = 0; k < floats; k++) {
      sum[k % 3] += (double)values[k];
      squares[k % 3] += (double)values[k] * (double)values[k];
    }
  }
  *pixels = (double)batches * (double)floats / 3;
  free(values);
}

static void test_statistics(void **state) {
  (void)state;
  run r;
  mn_error err;
  mn_graph graph;
  write_folded("v1-0.25-64");
  begin(&r, 1, "unfold=false");
  make_colours(&graph);
  mn_unfolded norms;
  check(mn_unfold(&graph, graph.node_count, 1e-3f, &norms, &err), &err);
  assert_int_equal(norms.count, 1); /* not of what is an output */

  mn_feed_options options = mn_training_feed(r.training);
  options.batch = 4;
  options.step = 1;
  options.threads = 0;
  options.classes = 0;
  mn_unfold_request request = {
      .batch = 4, .height = 64, .width = 64, .batches = 3, .threads = r.threads};
  check(mn_cpu_level(NULL, &request.features, &err), &err);
  check(mn_feed_new(&request.feed, &r.training->parts.train, &options, &err), &err);
  check(mn_unfold_measure(&graph, &norms, &request, &err), &err);

  double sum[3] = {0}, squares[3] = {0}, pixels;
  sum_pixels(request.feed, 3, sum, squares, &pixels);
  const mn_node *norm = &graph.nodes[norms.norms[0]];
  for (int c = 0; c < 3; c++) {
    const double m = sum[c] / pixels, v = squares[c] / pixels - m * m;
    double found[5];
    for (int i = 1; i < 5; i++)
      found[i] = (double)((const float *)graph.values[norm->in[i]].data)[c];
    assert_true(v > 0.01);
    assert_true(fabs(found[3] - m) < 1e-5 && fabs(found[4] - v) < 1e-5);
    assert_true(fabs(found[1] - sqrt(v + 1e-3)) < 1e-5);
    assert_true(fabs(found[2] - (m + (double)bias[c])) < 1e-5);
  }
  mn_feed_free(request.feed);
  mn_graph_free(&graph);
  end(&r);
}

static void test_same_bits(void **state) {
  (void)state;
  run runs[3];
  mn_error err;
  int32_t done;
  write_folded("v1-0.25-64");
  for (int i = 0; i < 3; i++) begin(&runs[i], i == 1 ? 2 : 1, "unfold=true");
  epochs(&runs[0], 4);
  epochs(&runs[1], 4);
  epochs(&runs[2], 2);
  check(mn_training_save(runs[2].training, temp_path("run.safetensors"), &err), &err);
  end(&runs[2]);
  begin(&runs[2], 2, "unfold=true");
  check(mn_training_resume(runs[2].training, temp_path("run.safetensors"), &done, &err), &err);
  epochs(&runs[2], 2);
  expect_same_files(&runs[0], &runs[1], &runs[2]);
}

static int prepare(void **state) {
  if (temp_make(state)) return 1;
  write_set();
  return 0;
}

int main(void) {
  const struct CMUnitTest tests[] = {cmocka_unit_test(test_nothing_changes),
                                     cmocka_unit_test(test_statistics),
                                     cmocka_unit_test(test_same_bits)};
  return cmocka_run_group_tests(tests, prepare, temp_drop);
}
