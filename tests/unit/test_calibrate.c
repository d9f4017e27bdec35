/* SPDX-License-Identifier: Apache-2.0
 * Post-training quantization: ranges from pictures, and the int8 graph that they make says what the
 * float graph says. */
#define _POSIX_C_SOURCE 200809L
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
/* after those three */
#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "../temp_folder.h"
#include "base/cpu.h"
#include "train/calibrate.h"
#include "train/coded_run.h"
#include "train/deploy.h"
#include "train/int8_graph.h"
#include "zoo/zoo.h"

enum { SIDE = 32, PICTURES = 10, BATCH = 4, CLASSES = 10, MOST_GROUPS = 256 };

static void check(mn_status status, const mn_error *err) {
  if (status) fail_msg("%s: %s", err->where, err->text);
}

static void write_set(void) {
  for (unsigned i = 0; i < PICTURES; i++) {
    char path[64];
    snprintf(path, sizeof path, "set/%s/%02u.ppm", i % 2 ? "odd" : "even", i);
    temp_put(path, "");
    FILE *file = fopen(temp_path(path), "wb");
    assert_non_null(file);
    fprintf(file, "P6\n%d %d\n255\n", SIDE, SIDE);
    for (unsigned k = 0; k < SIDE * SIDE * 3; k++) {
      fputc((int)((k / (7 + i) * 40503u + i * 2654435761u) >> 7 & 255), file);
    }
    fclose(file);
  }
}

typedef struct fixture {
  mn_graph graph;
  mn_parts parts;
  mn_feed *feed;
} fixture;

static void open_fixture(fixture *f, const char *network) {
  mn_error err;
  mn_arch arch;
  check(mn_arch_parse(&arch, network, CLASSES, &err), &err);
  check(mn_zoo_build(&f->graph, &arch, MN_ZOO_RANDOM, 1, &err), &err);
  mn_contract_default(&f->graph.contract);
  check(mn_contract_preset(&f->graph.contract, "tf", &err), &err);
  f->graph.has_contract = true;
  check(mn_deploy_prepare(&f->graph, &err), &err);
  const mn_parts_options options = {.task = MN_TASK_CLASSIFY, .fraction = 0.2};
  check(mn_parts_open(&f->parts, temp_path("set"), &options, &err), &err);
  const mn_feed_options feed = {
      .contract = &f->graph.contract, .height = SIDE, .width = SIDE, .batch = BATCH};
  check(mn_feed_new(&f->feed, &f->parts.train, &feed, &err), &err);
}

static void close_fixture(fixture *f) {
  mn_feed_free(f->feed);
  mn_parts_free(&f->parts);
  mn_graph_free(&f->graph);
}

static void scores_of(const mn_graph *graph, const float *pixels, float *scores) {
  mn_error err;
  mn_plan *plan;
  mn_session *session;
  const mn_plan_request request = {.batch = BATCH, .features = mn_cpu_detect()};
  check(mn_plan_build(&plan, graph, &request, &err), &err);
  check(mn_session_new(&session, plan, NULL, &err), &err);
  mn_coded_put(session, pixels, (size_t)BATCH * SIDE * SIDE * 3);
  check(mn_session_run(session, &err), &err);
  mn_coded_get(session, scores, (size_t)BATCH * CLASSES);
  mn_session_free(session);
  mn_plan_free(plan);
}

static void test_same_scores(void **state) {
  (void)state;
  static const char *const networks[] = {"v1-0.25-32", "v2-0.35-32", "v3-small-0.35-32"};
  /* Of networks that have learned nothing, whose scores are small beside what they are made of. */
  static const double most[] = {0.15, 0.15, 0.4};
  static float pixels[BATCH * SIDE * SIDE * 3];
  for (int i = 0; i < 3; i++) {
    mn_error err;
    fixture f;
    mn_code_range ranges[MOST_GROUPS] = {{0, 0}};
    open_fixture(&f, networks[i]);
    const mn_calibration how = {.prepared = &f.graph,
                                .feed = f.feed,
                                .batch = BATCH,
                                .height = SIDE,
                                .width = SIDE,
                                .share = 0.5f,
                                .features = mn_cpu_detect()};
    check(mn_calibrate(ranges, &how, &err), &err);
    mn_graph int8;
    check(mn_int8_graph(&int8, &f.graph, ranges, &err), &err);
    float floats[BATCH * CLASSES], integers[BATCH * CLASSES];
    mn_feed_batch batch;
    check(mn_feed_seek(f.feed, 0, 0, &err), &err);
    check(mn_feed_next(f.feed, pixels, NULL, &batch, &err), &err);
    scores_of(&f.graph, pixels, floats);
    scores_of(&int8, pixels, integers);
    double apart = 0, size = 0;
    for (int k = 0; k < BATCH * CLASSES; k++) {
      const double d = (double)integers[k] - (double)floats[k];
      apart += d * d;
      size += (double)floats[k] * (double)floats[k];
    }
    printf("%s: scores are off by %.3f of their size\n", networks[i], sqrt(apart / size));
    assert_true(size > 0 && sqrt(apart / size) < most[i]);
    mn_graph_free(&int8);
    close_fixture(&f);
  }
}

static void test_too_few(void **state) {
  (void)state;
  mn_error err;
  fixture f;
  mn_code_range ranges[MOST_GROUPS];
  open_fixture(&f, "v1-0.25-32");
  mn_calibration how = {.prepared = &f.graph, .feed = f.feed, .batch = 64, .share = 0.5f};
  how.height = how.width = SIDE;
  assert_int_equal(mn_calibrate(ranges, &how, &err), MN_ERR_FORMAT);
  assert_non_null(strstr(err.text, "fewer than 64"));
  close_fixture(&f);
}

static int prepare(void **state) {
  if (temp_make(state)) return 1;
  write_set();
  return 0;
}

int main(void) {
  const struct CMUnitTest tests[] = {cmocka_unit_test(test_same_scores),
                                     cmocka_unit_test(test_too_few)};
  return cmocka_run_group_tests(tests, prepare, temp_drop);
}
