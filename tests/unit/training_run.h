/* SPDX-License-Identifier: Apache-2.0
 * A training run of a test: what it starts from, its threads, its epochs, and the file that comes
 * of it. How a run begins is each test's own. */
#ifndef MN_TESTS_TRAINING_RUN_H
#define MN_TESTS_TRAINING_RUN_H

#include <stdio.h>
#include <stdlib.h>

#include "../temp_folder.h"
#include "mobilenet/convert.h"
#include "mobilenet/train.h"

typedef struct run {
  mn_model *start;
  mn_threads *threads;
  mn_training *training;
} run;

static inline void check(mn_status status, const mn_error *err) {
  if (status) fail_msg("%s: %s", err->where, err->text);
}

static inline void end(run *r) {
  mn_training_free(r->training);
  mn_threads_free(r->threads);
  mn_model_free(r->start);
}

/* The last of `count` epochs. */
static inline mn_trained_epoch epochs(run *r, int count) {
  mn_trained_epoch epoch = {0};
  mn_error err;
  for (int i = 0; i < count; i++) check(mn_training_epoch(r->training, &epoch, &err), &err);
  return epoch;
}

/* The trained model saved under `name` in the test's folder; its bytes, freed by the caller. */
static inline char *file_of(run *r, const char *name, size_t *size) {
  mn_error err;
  mn_model *model;
  check(mn_training_model(r->training, &model, &err), &err);
  check(mn_model_save(model, temp_path(name), MN_FORMAT_BY_NAME, &err), &err);
  mn_model_free(model);
  FILE *file = fopen(temp_path(name), "rb");
  assert_non_null(file);
  assert_int_equal(fseek(file, 0, SEEK_END), 0);
  *size = (size_t)ftell(file);
  rewind(file);
  char *bytes = malloc(*size);
  assert_non_null(bytes);
  assert_int_equal(fread(bytes, 1, *size, file), *size);
  fclose(file);
  return bytes;
}

/* The files of three runs are the same, byte for byte; the runs end here. */
static inline void expect_same_files(run *one, run *two, run *three) {
  run *runs[3] = {one, two, three};
  size_t size, first_size;
  char *first = file_of(one, "run0.safetensors", &first_size);
  for (int i = 1; i < 3; i++) {
    char *bytes = file_of(runs[i], "run1.safetensors", &size);
    assert_int_equal(first_size, size);
    assert_memory_equal(first, bytes, size);
    free(bytes);
  }
  free(first);
  for (int i = 0; i < 3; i++) end(runs[i]);
}

#endif
