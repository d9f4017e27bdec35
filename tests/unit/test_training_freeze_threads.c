/* SPDX-License-Identifier: Apache-2.0
 * Fine-tuning with a part of the network as it is: what is frozen keeps its bits, the rest learns;
 * a frozen backbone's features stand for the pictures; the same bits come of any number of threads
 * and of a run that was stopped. */
#define _POSIX_C_SOURCE 200809L
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
/* after those three */
#include <cmocka.h>

#include "../striped_set.h"
#include "api/training.h"
#include "mobilenet/zoo.h"
#include "training_run.h"

static int right; /* pictures, as count_right finds */

static void begin_with(run *r, mn_model *start, const mn_train_options *what) {
  mn_error err;
  mn_train_options options = *what;
  *r = (run){.start = start};
  if (!start) check(mn_model_from_zoo(&r->start, "v1-0.25-32", NULL, &err), &err);
  if (!options.threads) check(mn_threads_new(&r->threads, 1, &err), &err);
  options.struct_size = sizeof options;
  options.held_back = 0.25;
  options.seed = 3;
  if (!options.threads) options.threads = r->threads;
  check(mn_training_new(&r->training, r->start, temp_path("set"), &options, &err), &err);
}

static void begin(run *r, const char *freeze, int threads, const char *more) {
  mn_error err;
  const char *const settings[] = {"epochs=6",    "batch=8",         "rate=0.05",
                                  "average=0.5", "flip=0",          "dropout=0.1",
                                  "mixup=0.2",   "warmup_epochs=0", more};
  mn_threads *crew;
  check(mn_threads_new(&crew, threads, &err), &err);
  begin_with(r, NULL,
             &(mn_train_options){.settings = settings,
                                 .setting_count = sizeof settings / sizeof settings[0],
                                 .fine_tune = 1,
                                 .freeze = freeze,
                                 .threads = crew});
  r->threads = crew;
}

/* The first node of which a constant is another than in the start; constants of the same name. */
static int first_changed(const mn_graph *now, const mn_graph *start) {
  for (int32_t n = 0; n < now->node_count; n++) {
    for (int32_t i = 1; i < now->nodes[n].in_count; i++) {
      const mn_id id = now->nodes[n].in[i];
      if (id == MN_NONE || now->values[id].kind != MN_KIND_CONST) continue;
      const mn_id was = mn_graph_find_value(start, now->values[id].name);
      assert_int_not_equal(was, MN_NONE);
      const size_t bytes = now->values[id].bytes;
      if (bytes != start->values[was].bytes ||
          memcmp(now->values[id].data, start->values[was].data, bytes) != 0) {
        return n;
      }
    }
  }
  return now->node_count;
}

/* Layers with weights before a node. */
static int layers_before(const mn_graph *graph, int node) {
  int layers = 0;
  for (int n = 0; n < node; n++) {
    const mn_op op = graph->nodes[n].op;
    layers += op == MN_OP_CONV2D || op == MN_OP_DWCONV2D || op == MN_OP_DENSE;
  }
  return layers;
}

static int layers_kept(const char *freeze, const char *more) {
  run r;
  mn_error err;
  mn_graph now;
  begin(&r, freeze, 1, more);
  epochs(&r, 1);
  check(mn_training_snapshot(r.training, &now, &err), &err);
  const int layers = layers_before(&now, first_changed(&now, &r.start->graph));
  mn_graph_free(&now);
  end(&r);
  return layers;
}

static void test_what_stays(void **state) {
  (void)state;
  assert_int_equal(layers_kept(NULL, "flip=0"), 0);
  assert_int_equal(layers_kept("1", "flip=0"), 1);
  assert_int_equal(layers_kept("6", "flip=0"), 6);
  assert_int_equal(layers_kept("backbone", "frozen_views=0"), 27);
  assert_int_equal(layers_kept("27", "frozen_views=0"), 27); /* the same, by its number */
}

static void expect_same(const mn_graph *a, const mn_graph *b) {
  assert_int_equal(first_changed(a, b), a->node_count);
}

/* Three runs: of one thread, of two, and of one that is stopped and goes on with two. */
static void same_bits(const char *freeze, const char *more) {
  run runs[3];
  mn_graph graphs[3];
  mn_error err;
  int32_t done;
  for (int i = 0; i < 3; i++) begin(&runs[i], freeze, i == 1 ? 2 : 1, more);
  epochs(&runs[0], 6);
  epochs(&runs[1], 6);
  epochs(&runs[2], 2);
  check(mn_training_save(runs[2].training, temp_path("run.safetensors"), &err), &err);
  end(&runs[2]);
  begin(&runs[2], freeze, 2, more);
  check(mn_training_resume(runs[2].training, temp_path("run.safetensors"), &done, &err), &err);
  assert_int_equal(done, 2);
  epochs(&runs[2], 4);
  for (int i = 0; i < 3; i++) check(mn_training_snapshot(runs[i].training, &graphs[i], &err), &err);
  expect_same(&graphs[1], &graphs[0]);
  expect_same(&graphs[2], &graphs[0]);
  for (int i = 0; i < 3; i++) {
    mn_graph_free(&graphs[i]);
    end(&runs[i]);
  }
}

static void test_same_bits(void **state) {
  (void)state;
  same_bits("backbone", "frozen_views=0");
  same_bits("backbone", "frozen_views=3");
  same_bits("10", "layer_decay=0.8");
}

static mn_status count_right(void *user, const mn_session *session, const mn_held_picture *held,
                             mn_error *err) {
  const mn_training *t = ((run *)user)->training;
  const float *scores = mn_session_output(session, 0);
  const int64_t item = t->parts.held.items[held->index];
  (void)err;
  right += (scores[1] > scores[0]) == mn_dataset_class(t->parts.held.set, item);
  return MN_OK;
}

/* A new head on what a network has learned learns it again; the score by features is that of the
 * whole network on the pictures. */
static void test_learning(void **state) {
  (void)state;
  static const char *const settings[] = {
      "epochs=24", "batch=8", "rate=0.2",        "average=0",         "rand_ops=0", "mixup=0",
      "flip=0",    "erase=0", "warmup_epochs=0", "norm_momentum=0.3", "dropout=0.1"};
  run first, second;
  mn_error err;
  begin_with(&first, NULL,
             &(mn_train_options){.settings = settings,
                                 .setting_count = sizeof settings / sizeof settings[0]});
  epochs(&first, 24);
  check(mn_training_model(first.training, &second.start, &err), &err);
  end(&first);
  static const char *const few[] = {"epochs=12", "batch=8", "rate=0.02", "flip=0"};
  begin_with(&second, second.start,
             &(mn_train_options){
                 .settings = few, .setting_count = 4, .fine_tune = 1, .freeze = "backbone"});
  const mn_trained_epoch last = epochs(&second, 12);
  printf("a new head: loss %.3f, held back %.2f\n", last.loss, last.eval_top1);
  assert_true(last.eval_top1 > 0.8); /* seeds 1 to 6: 11 or 12 of twelve */
  right = 0;
  check(mn_training_run_held(second.training, false, count_right, &second, &err), &err);
  const double share = (double)right / (double)second.training->parts.held.count;
  assert_true(share == last.eval_top1);
  end(&second);
}

static void refused(const char *freeze, int fine_tune, const char *why) {
  mn_error err;
  mn_model *start;
  mn_training *training;
  const mn_train_options options = {
      .struct_size = sizeof options, .freeze = freeze, .fine_tune = fine_tune};
  check(mn_model_from_zoo(&start, "v1-0.25-32", NULL, &err), &err);
  assert_int_equal(mn_training_new(&training, start, temp_path("set"), &options, &err),
                   MN_ERR_ARGUMENT);
  if (!strstr(err.text, why)) fail_msg("%s", err.text);
  mn_model_free(start);
}

static void test_refusals(void **state) {
  (void)state;
  refused("backbone", 0, "a new network has learned nothing");
  refused("28", 1, "how many of the network's 27 layers");
  refused("0", 1, "how many of the network's 27 layers");
  refused("all", 1, "expected backbone");
}

static int prepare(void **state) {
  if (temp_make(state)) return 1;
  write_set();
  return 0;
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(test_what_stays), cmocka_unit_test(test_same_bits),
      cmocka_unit_test(test_learning), cmocka_unit_test(test_refusals)};
  return cmocka_run_group_tests(tests, prepare, temp_drop);
}
