/* SPDX-License-Identifier: Apache-2.0
 * 200 rounds of opening, running and freeing two models leave resident memory where it was. The
 * first 20 rounds may grow it: libc keeps some of what is freed for later. Compared are the largest
 * sizes seen in either half, since the system may take pages away at any moment and give them back
 * when they are next touched. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
/* after those three */
#include <cmocka.h>
#include <unistd.h>

#include "../tiny_model.h"
#include "base/alloc.h"
#include "heap.h"

enum { WARM_UP = 20, ROUNDS = 200 };

static long resident_bytes(void) {
  long pages = 0;
  FILE *file = fopen("/proc/self/statm", "r");
  if (!file) return -1;
  if (fscanf(file, "%*s %ld", &pages) != 1) pages = -1;
  fclose(file);
  return pages < 0 ? -1 : pages * sysconf(_SC_PAGESIZE);
}

static void one_round(const uint8_t *bytes, size_t size, mn_threads *pool) {
  mn_model *model;
  mn_plan *plan;
  mn_session *session;
  mn_error err;
  mn_tensor_info info;
  mn_plan_options options = {.struct_size = sizeof options, .threads = 2};
  mn_session_options with = {.struct_size = sizeof with, .threads = pool};
  assert_int_equal(mn_model_open_memory(&model, bytes, size, NULL, &err), MN_OK);
  assert_int_equal(mn_plan_new(&plan, model, &options, &err), MN_OK);
  assert_int_equal(mn_session_new(&session, plan, &with, &err), MN_OK);
  assert_int_equal(mn_plan_input_info(plan, 0, &info), MN_OK);
  memset(mn_session_input(session, 0), 1, info.bytes);
  assert_int_equal(mn_session_run(session, &err), MN_OK);
  mn_session_free(session);
  mn_plan_free(plan);
  mn_model_free(model);
}

static void test_rounds(void **state) {
  (void)state;
  uint8_t *f32, *i8;
  size_t f32_size, i8_size;
  mn_threads *pool;
  mn_error err;
  long live = 0, largest[2] = {0, 0}; /* resident bytes in either half */
  tiny_file(MN_F32, &f32, &f32_size);
  tiny_file(MN_I8, &i8, &i8_size);
  assert_int_equal(mn_threads_new(&pool, 2, &err), MN_OK);
  for (int i = 0; i < WARM_UP + ROUNDS; i++) {
    if (i == WARM_UP) live = heap_live();
    one_round(f32, f32_size, pool);
    one_round(i8, i8_size, pool);
    long *half = &largest[i >= WARM_UP + ROUNDS / 2], resident = resident_bytes();
    if (i >= WARM_UP && resident > *half) *half = resident;
  }
  assert_int_equal(heap_live(), live);
  long grown = largest[1] - largest[0];
  print_message("resident: %ld bytes, grown by %ld\n", largest[0], grown);
#ifndef MN_TEST_SANITIZED /* sanitizers keep freed blocks in quarantine */
  assert_true(largest[0] > 0 && grown <= 64 * 1024);
#endif
  mn_threads_free(pool);
  mn_free(f32);
  mn_free(i8);
}

int main(void) {
  const struct CMUnitTest tests[] = {cmocka_unit_test(test_rounds)};
  return cmocka_run_group_tests(tests, NULL, NULL);
}
