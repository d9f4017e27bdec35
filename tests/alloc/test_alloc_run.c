/* SPDX-License-Identifier: Apache-2.0
 * Once a session exists, filling it from a picture, running it and ranking its answer allocate
 * nothing, with one thread and with two, planned for speed and for memory. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
/* after those three */
#include <cmocka.h>

#include "../tiny_model.h"
#include "base/alloc.h"
#include "heap.h"
#include "mobilenet/image.h"

static void run_counted(mn_type type, int threads, mn_plan_goal goal) {
  uint8_t *bytes, pixels[40 * 30 * 3];
  size_t size;
  mn_model *model;
  mn_plan *plan;
  mn_session *session;
  mn_threads *pool;
  mn_error err;
  mn_class top[TINY_CLASSES];
  mn_image image = {pixels, 40, 30, sizeof pixels / 30};
  int count;
  for (size_t i = 0; i < sizeof pixels; i++) pixels[i] = (uint8_t)(i * 7);
  tiny_file(type, &bytes, &size);
  assert_int_equal(mn_model_open_memory(&model, bytes, size, NULL, &err), MN_OK);
  mn_plan_options options = {.struct_size = sizeof options, .threads = threads, .goal = goal};
  assert_int_equal(mn_plan_new(&plan, model, &options, &err), MN_OK);
  assert_int_equal(mn_threads_new(&pool, threads, &err), MN_OK);
  mn_session_options with = {.struct_size = sizeof with, .threads = pool};
  assert_int_equal(mn_session_new(&session, plan, &with, &err), MN_OK);

  long before = heap_requests();
  for (int i = 0; i < 3; i++) {
    assert_int_equal(mn_session_set_image(session, 0, &image, &err), MN_OK);
    assert_int_equal(mn_session_run(session, &err), MN_OK);
    assert_int_equal(mn_session_top(session, 0, TINY_CLASSES, top, &count, &err), MN_OK);
  }
  assert_int_equal(heap_requests() - before, 0);
  assert_int_equal(count, TINY_CLASSES);

  mn_session_free(session);
  mn_threads_free(pool);
  mn_plan_free(plan);
  mn_model_free(model);
  mn_free(bytes);
}

static void test_f32(void **state) {
  (void)state;
  for (int threads = 1; threads <= 2; threads++) {
    run_counted(MN_F32, threads, MN_PLAN_SPEED);
    run_counted(MN_F32, threads, MN_PLAN_MEMORY);
  }
}

static void test_i8(void **state) {
  (void)state;
  for (int threads = 1; threads <= 2; threads++) {
    run_counted(MN_I8, threads, MN_PLAN_SPEED);
    run_counted(MN_I8, threads, MN_PLAN_MEMORY);
  }
}

int main(void) {
  const struct CMUnitTest tests[] = {cmocka_unit_test(test_f32), cmocka_unit_test(test_i8)};
  return cmocka_run_group_tests(tests, NULL, NULL);
}
