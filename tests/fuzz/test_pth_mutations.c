/* SPDX-License-Identifier: Apache-2.0
 * PyTorch's files: what each seed of the corpus is, then every truncation and every single bit flip
 * of two of them: tensors within the file, or one sentence. Meant for asan and ubsan. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "weights/state_file.h"

enum { MOST_BYTES = 1 << 16 };

static uint8_t file_bytes[MOST_BYTES];
static volatile unsigned seen; /* so that reads are not left out */

static size_t read_sample(const char *name) {
  char path[512];
  snprintf(path, sizeof path, "%s/fuzz/corpus/pth/%s.pth", MN_TEST_DIR, name);
  FILE *file = fopen(path, "rb");
  if (!file) fail_msg("%s cannot be opened", path);
  size_t size = fread(file_bytes, 1, sizeof file_bytes, file);
  fclose(file);
  assert_in_range(size, 100, MOST_BYTES - 1);
  return size;
}

/* The number of tensors; 0 when refused, with one sentence. */
static int32_t load(const uint8_t *bytes, size_t size, mn_error *err) {
  mn_load_request request = {bytes, size, "file", 16 << 20, NULL};
  mn_state state;
  mn_status status = mn_state_load(&state, &request, err);
  int32_t count = status ? 0 : state.count;
  for (int32_t i = 0; i < count; i++) {
    const mn_state_tensor *tensor = &state.tensors[i];
    int32_t elements = 0;
    assert_true(mn_shape_elements(&tensor->shape, &elements));
    size_t length = (size_t)elements * mn_type_bytes(tensor->type);
    assert_true(tensor->data >= bytes && length <= (size_t)(bytes + size - tensor->data));
    for (size_t k = 0; k < length; k++) seen += tensor->data[k];
  }
  mn_state_free(&state);
  if (status) {
    assert_int_equal(err->status, status);
    assert_true(strlen(err->text) > 10);
    assert_null(strchr(err->text, '\n'));
  }
  return count;
}

static void test_seeds(void **unused) {
  (void)unused;
  static const struct {
    const char *name;
    int32_t tensors;
    const char *words;
  } seeds[] = {
      {"plain", 3, ""},
      {"ordered", 3, ""},
      {"checkpoint", 3, ""},
      {"module", 3, ""},
      {"protocol_4", 3, ""},
      {"parameter", 1, ""},
      {"shared", 2, ""},
      {"types", 5, ""},
      {"bad_code", 0, "its pickle asks for posix.system, which is code"},
      {"bad_layer", 0, "its pickle asks for torch.nn.modules.conv.Conv2d"},
      {"bad_double", 0, "its pickle asks for torch.DoubleStorage"},
      {"bad_stride", 0, "tensor a is not contiguous"},
      {"bad_rank", 0, "tensor a has no shape of at most 4"},
      {"bad_empty", 0, "tensor a has no "},
      {"bad_list", 0, "it holds no dictionary"},
      {"bad_value", 0, "its entry b is no tensor"},
      {"bad_key", 0, "a key that is no name"},
      {"bad_nothing", 0, "it holds no tensors"},
  };
  for (size_t i = 0; i < sizeof seeds / sizeof seeds[0]; i++) {
    mn_error err = {0};
    size_t size = read_sample(seeds[i].name);
    assert_true(mn_state_is_torch(file_bytes, size));
    int32_t tensors = load(file_bytes, size, &err);
    if (tensors != seeds[i].tensors || !strstr(err.text, seeds[i].words)) {
      fail_msg("%s: %d tensors, %s", seeds[i].name, tensors, err.text);
    }
  }
}

/* A tensor's place and what its bytes say. */
static void test_values(void **unused) {
  (void)unused;
  size_t size = read_sample("shared");
  mn_load_request request = {file_bytes, size, "file", 0, NULL};
  mn_state state;
  float value;
  assert_int_equal(mn_state_load(&state, &request, NULL), MN_OK);
  const mn_state_tensor *a = mn_state_find(&state, "a"), *b = mn_state_find(&state, "b");
  assert_true(a && b && a->type == MN_F32 && a->shape.rank == 2 && a->shape.dim[0] == 3);
  memcpy(&value, a->data + 5 * sizeof value, sizeof value);
  assert_true(value == 8.0f);
  memcpy(&value, b->data, sizeof value);
  assert_true(value == 9.0f);
  mn_state_free(&state);
}

static void check_truncations(const char *name) {
  size_t size = read_sample(name);
  for (size_t cut = 0; cut < size; cut++) {
    mn_error err = {0};
    uint8_t *exact = malloc(cut ? cut : 1); /* asan sees one byte too far */
    assert_non_null(exact);
    memcpy(exact, file_bytes, cut);
    assert_int_equal(load(exact, cut, &err), 0);
    free(exact);
  }
}

static void check_flips(const char *name) {
  size_t size = read_sample(name), taken = 0, refused = 0;
  for (size_t bit = 0; bit < size * 8; bit++) {
    mn_error err = {0};
    file_bytes[bit / 8] ^= (uint8_t)(1u << bit % 8);
    if (load(file_bytes, size, &err)) {
      taken++;
    } else {
      refused++;
    }
    file_bytes[bit / 8] ^= (uint8_t)(1u << bit % 8);
  }
  print_message("%s: %zu flips: %zu still tensors, %zu refused\n", name, taken + refused, taken,
                refused);
  assert_true(taken > 0 && refused > 0);
}

static void test_truncations(void **unused) {
  (void)unused;
  check_truncations("checkpoint");
  check_truncations("protocol_4");
}

static void test_bit_flips(void **unused) {
  (void)unused;
  check_flips("checkpoint");
  check_flips("protocol_4");
  check_flips("parameter");
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(test_seeds),
      cmocka_unit_test(test_values),
      cmocka_unit_test(test_truncations),
      cmocka_unit_test(test_bit_flips),
  };
  return cmocka_run_group_tests_name("pth mutations", tests, NULL, NULL);
}
