/* SPDX-License-Identifier: Apache-2.0
 * One model and one plan used by several threads at once, a session each, with and without a pool
 * that they share: every run of every thread gives the bytes of a lone run. The thread sanitizer's
 * build runs this too. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
/* after those three */
#include <cmocka.h>
#include <pthread.h>

#include "../tiny_model.h"
#include "base/alloc.h"

enum { WORKERS = 3, RUNS = 50, OUTPUT_BYTES = 64 };

typedef struct worker {
  const mn_model *model;
  const mn_plan *plan; /* NULL: its own */
  mn_threads *pool;
  uint8_t output[OUTPUT_BYTES];
  mn_status status;
  bool steady; /* every run gave the same bytes */
} worker;

static void *work(void *context) {
  worker *w = context;
  mn_plan *own = NULL;
  mn_session *session = NULL;
  mn_tensor_info in, out;
  mn_plan_options options = {.struct_size = sizeof options, .threads = 2};
  mn_session_options with = {.struct_size = sizeof with, .threads = w->pool};
  w->steady = true;
  w->status = w->plan ? MN_OK : mn_plan_new(&own, w->model, &options, NULL);
  const mn_plan *plan = w->plan ? w->plan : own;
  if (!w->status) w->status = mn_session_new(&session, plan, &with, NULL);
  for (int i = 0; i < RUNS && !w->status; i++) {
    mn_plan_input_info(plan, 0, &in);
    mn_plan_output_info(plan, 0, &out);
    memset(mn_session_input(session, 0), 0x2a, in.bytes);
    w->status = mn_session_run(session, NULL);
    const void *output = mn_session_output(session, 0);
    if (i && memcmp(w->output, output, out.bytes) != 0) w->steady = false;
    memcpy(w->output, output, out.bytes);
  }
  mn_session_free(session);
  mn_plan_free(own);
  return NULL;
}

static void run_together(const mn_model *model, const mn_plan *plan, mn_threads *pool) {
  pthread_t thread[WORKERS];
  worker alone = {.model = model}, workers[WORKERS];
  work(&alone);
  assert_int_equal(alone.status, MN_OK);
  assert_true(alone.steady);
  for (int i = 0; i < WORKERS; i++) {
    workers[i] = (worker){.model = model, .plan = plan, .pool = pool};
    assert_int_equal(pthread_create(&thread[i], NULL, work, &workers[i]), 0);
  }
  for (int i = 0; i < WORKERS; i++) assert_int_equal(pthread_join(thread[i], NULL), 0);
  for (int i = 0; i < WORKERS; i++) {
    assert_int_equal(workers[i].status, MN_OK);
    assert_true(workers[i].steady);
    assert_memory_equal(workers[i].output, alone.output, OUTPUT_BYTES);
  }
}

static void share(mn_type type) {
  uint8_t *bytes;
  size_t size;
  mn_model *model;
  mn_plan *plan;
  mn_threads *pool;
  mn_error err;
  mn_plan_options options = {.struct_size = sizeof options, .threads = 2};
  tiny_file(type, &bytes, &size);
  assert_int_equal(mn_model_open_memory(&model, bytes, size, NULL, &err), MN_OK);
  assert_int_equal(mn_plan_new(&plan, model, &options, &err), MN_OK);
  assert_int_equal(mn_threads_new(&pool, 2, &err), MN_OK);
  run_together(model, NULL, NULL);
  run_together(model, plan, NULL);
  run_together(model, plan, pool);
  mn_threads_free(pool);
  mn_plan_free(plan);
  mn_model_free(model);
  mn_free(bytes);
}

static void test_f32(void **state) {
  (void)state;
  share(MN_F32);
}

static void test_i8(void **state) {
  (void)state;
  share(MN_I8);
}

int main(void) {
  const struct CMUnitTest tests[] = {cmocka_unit_test(test_f32), cmocka_unit_test(test_i8)};
  return cmocka_run_group_tests(tests, NULL, NULL);
}
