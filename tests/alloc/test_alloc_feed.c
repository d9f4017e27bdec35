/* SPDX-License-Identifier: Apache-2.0
 * From a set to batches with every allocation refused in turn: an error each time, nothing kept. */
#define _POSIX_C_SOURCE 200809L
#include "../temp_folder.h"
#include "heap.h"
#include "train/feed.h"

enum { SIDE = 8, BATCH = 3 };

static mn_status take_batches(mn_feed *feed, mn_error *err) {
  static float pixels[BATCH * SIDE * SIDE * 3], targets[BATCH * 2];
  mn_status status = MN_OK;
  mn_feed_batch batch;
  for (int i = 0; !status && i < 4; ++i) {
    status = mn_feed_next(feed, pixels, targets, &batch, err);
  }
  return status;
}

static mn_status feed_from(const char *path, mn_error *err) {
  mn_contract contract;
  mn_parts parts;
  mn_feed *feed = NULL;
  mn_contract_default(&contract);
  contract.input.map = MN_MAP_AFFINE;
  mn_status status = mn_parts_open(&parts, path, &(mn_parts_options){.seed = 1}, err);
  if (status) return status;
  const mn_feed_options options = {.contract = &contract,
                                   .height = SIDE,
                                   .width = SIDE,
                                   .batch = BATCH,
                                   .classes = 2,
                                   .training = true,
                                   .augment = {.rand_ops = 2, .rand_magnitude = 9, .mixup = 0.2},
                                   .cache_bytes = 1 << 20,
                                   .short_side = 6};
  status = mn_feed_new(&feed, &parts.train, &options, err);
  if (!status) status = take_batches(feed, err);
  mn_feed_free(feed);
  mn_parts_free(&parts);
  return status;
}

static void refuse_each(const char *path) {
  const long live = heap_live();
  long refused = 0;
  for (mn_status status = MN_ERR_MEMORY; status; ++refused) {
    mn_error err = {0};
    heap_fail_after(refused);
    status = feed_from(path, &err);
    const bool failed = heap_failed();
    heap_fail_after(-1);
    if (status) assert_true(failed && err.text[0]);
    if (status && status != MN_ERR_MEMORY) fail_msg("refusal %ld: %s", refused, err.text);
    if (!status && failed) status = MN_ERR_MEMORY; /* done without: a picture was not kept */
    assert_int_equal(heap_live(), live);
  }
  assert_true(refused > 50);
}

static void every_allocation_may_fail(void **state) {
  (void)state;
  char path[256];
  for (int i = 0; i < 8; ++i) {
    snprintf(path, sizeof path, "set/%c/%d.ppm", 'a' + i % 2, i);
    temp_put(path, "P6 9 7 255\n");
    FILE *file = fopen(temp_path(path), "ab");
    assert_non_null(file);
    for (int at = 0; at < 9 * 7 * 3; ++at) fputc(at * (i + 3) & 255, file);
    fclose(file);
  }
  refuse_each(temp_path("set"));
  snprintf(path, sizeof path, "tar -cf %s/set.tar -C %s set", temp_root, temp_root);
  if (system(path) == 0) refuse_each(temp_path("set.tar"));
}

int main(void) {
  const struct CMUnitTest tests[] = {cmocka_unit_test(every_allocation_may_fail)};
  return cmocka_run_group_tests(tests, temp_make, temp_drop);
}
