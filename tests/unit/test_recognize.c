/* SPDX-License-Identifier: Apache-2.0
 * Every kind of state dictionary at many widths: it is recognized, and the network that is built
 * has the same shapes. What has no place, is missing or is of another shape is refused by name. */
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

static const mn_load_request request = {NULL, 0, "state", 0, NULL};

/* PyTorch's shape of a constant. */
static mn_shape torch_shape(const mn_graph *graph, const mn_weight_slot *slot) {
  mn_shape shape = graph->values[slot->value].shape;
  const int32_t *d = shape.dim;
  if (slot->op == MN_OP_DWCONV2D) return (mn_shape){4, {d[2], 1, d[0], d[1]}};
  if (shape.rank == 4) return (mn_shape){4, {d[0], d[3], d[1], d[2]}};
  return shape;
}

static int by_name(const void *a, const void *b) {
  const mn_state_tensor *x = a, *y = b;
  return strcmp(x->name, y->name);
}

/* The tensors that a network of the zoo would be saved as; all share `data`. */
static void make_state(mn_state *state, const mn_weight_names *names, const mn_arch *arch,
                       const uint8_t *data) {
  mn_graph graph;
  memset(state, 0, sizeof *state);
  state->request = &request;
  assert_int_equal(mn_zoo_build(&graph, arch, MN_ZOO_ZEROS, 0, NULL), MN_OK);
  mn_weight_walk walk = {.graph = &graph, .names = names};
  mn_weight_slot slot;
  while (mn_weight_walk_next(&walk, &slot)) {
    mn_state_tensor tensor = {slot.name, MN_F32, torch_shape(&graph, &slot), data, false};
    assert_true(slot.name[0] != '\0');
    assert_int_equal(mn_state_add(state, &tensor, NULL), MN_OK);
  }
  qsort(state->tensors, (size_t)state->count, sizeof *state->tensors, by_name);
  mn_graph_free(&graph);
}

static mn_arch make_arch(const mn_weight_names *names, double width, int32_t classes) {
  mn_arch arch = {.family = names->family, .width = width, .height = 32, .width_px = 32};
  arch.head = names->head;
  arch.classes = classes;
  arch.output_stride = mn_head_segments(names->head) ? 16 : 32;
  assert_true(mn_weights_flavour(&arch, names, names->flavour));
  return arch;
}

/* Every constant of `arch` has the state's shape. */
static void check_shapes(const mn_state *state, const mn_weight_names *names, const mn_arch *arch) {
  mn_graph graph;
  int32_t count = 0;
  assert_int_equal(mn_zoo_build(&graph, arch, MN_ZOO_ZEROS, 0, NULL), MN_OK);
  mn_weight_walk walk = {.graph = &graph, .names = names};
  mn_weight_slot slot;
  while (mn_weight_walk_next(&walk, &slot)) {
    mn_shape shape = torch_shape(&graph, &slot);
    const mn_state_tensor *tensor = mn_state_find(state, slot.name);
    assert_non_null(tensor);
    if (!mn_shape_equal(&shape, &tensor->shape)) {
      fail_msg("%s at width %g: %s", names->model, arch->width, slot.name);
    }
    count++;
  }
  assert_int_equal(count, state->count);
  mn_graph_free(&graph);
}

static void widths(void **unused) {
  (void)unused;
  static const double tried[] = {0.05, 0.1,  0.25, 0.35, 0.4321, 0.5, 0.75,
                                 0.8,  0.96, 1,    1.1,  1.3333, 1.4, 2};
  const mn_weight_names *names;
  for (int kind = 0; (names = mn_weight_names_at(kind)); kind++) {
    for (size_t i = 0; i < sizeof tried / sizeof tried[0]; i++) {
      /* torchvision has its other heads at width 1 only. */
      if (names->head != MN_HEAD_CLASSIFIER && tried[i] != 1) continue;
      mn_state state;
      mn_arch arch = make_arch(names, tried[i], 7), found;
      make_state(&state, names, &arch, NULL);
      assert_ptr_equal(mn_weight_names_find(&state), names);
      assert_int_equal(mn_weights_recognize(&state, names, &found, NULL), MN_OK);
      assert_int_equal(found.classes, 7);
      assert_int_equal(found.height, names->size);
      found.height = found.width_px = 32;
      check_shapes(&state, names, &found);
      if (tried[i] * 20 == (int)(tried[i] * 20) && tried[i] >= 0.25) {
        if (found.width != tried[i]) fail_msg("%s %g: %g", names->model, tried[i], found.width);
      }
      mn_state_free(&state);
    }
  }
}

/* A V2 of torchvision at width 0.25 whose tensors a test may spoil. */
typedef struct sample {
  const mn_weight_names *names;
  mn_state state;
  mn_arch arch;
  uint8_t *data;
} sample;

static sample make_sample(void) {
  sample s = {.names = mn_weight_names_at(0)};
  for (int i = 0; s.names && strcmp(s.names->model, "mobilenet_v2") != 0;) {
    s.names = mn_weight_names_at(++i);
  }
  assert_non_null(s.names);
  s.arch = make_arch(s.names, 0.25, 10);
  s.data = calloc(1 << 20, sizeof(float));
  assert_non_null(s.data);
  make_state(&s.state, s.names, &s.arch, s.data);
  return s;
}

static void expect(sample *s, mn_status status, const char *words) {
  mn_graph graph;
  mn_error err = {0};
  assert_int_equal(mn_weights_bind(&graph, &s->state, s->names, &s->arch, &err), status);
  if (words && !strstr(err.text, words)) fail_msg("%s", err.text);
  mn_graph_free(&graph);
  mn_state_free(&s->state);
  free(s->data);
}

static void refusals(void **unused) {
  (void)unused;
  sample s = make_sample();
  expect(&s, MN_OK, NULL);

  s = make_sample();
  mn_state_find(&s.state, "features.3.conv.1.0.weight")->name = "features.3.conv.1.0.weighu";
  expect(&s, MN_ERR_UNSUPPORTED, "no tensor features.3.conv.1.0.weight, which mobilenet_v2 has");

  s = make_sample();
  mn_state_tensor more = {"features.99", MN_F32, {1, {3}}, s.data, false};
  assert_int_equal(mn_state_add(&s.state, &more, NULL), MN_OK);
  expect(&s, MN_ERR_UNSUPPORTED, "tensor features.99 has no place in mobilenet_v2");

  s = make_sample();
  more.name = "features.99.num_batches_tracked";
  assert_int_equal(mn_state_add(&s.state, &more, NULL), MN_OK);
  expect(&s, MN_OK, NULL);

  s = make_sample();
  mn_state_find(&s.state, "features.0.0.weight")->shape.dim[1] = 1;
  expect(&s, MN_ERR_UNSUPPORTED,
         "tensor features.0.0.weight has shape [8,1,3,3], expected [8,3,3,3] of mobilenet_v2 at "
         "width 0.25");

  s = make_sample();
  mn_state_find(&s.state, "classifier.1.bias")->type = MN_I64;
  expect(&s, MN_ERR_UNSUPPORTED, "tensor classifier.1.bias is of i64, expected f32, f16 or bf16");
}

static void memory_cap(void **unused) {
  (void)unused;
  sample s = make_sample();
  mn_load_request capped = request;
  capped.memory_cap = s.state.arena.used + 1000000;
  s.state.request = &capped;
  expect(&s, MN_ERR_LIMIT, "more than the memory cap");
}

static void check_head(mn_state *state, const char *model) {
  mn_arch arch;
  mn_graph graph;
  mn_error err = {0};
  qsort(state->tensors, (size_t)state->count, sizeof *state->tensors, by_name);
  const mn_weight_names *names = mn_weight_names_find(state);
  assert_non_null(names);
  assert_string_equal(names->model, model);
  assert_int_equal(mn_weights_recognize(state, names, &arch, &err), MN_OK);
  assert_true(arch.width == 1);
  assert_int_equal(arch.classes, mn_head_detects(arch.head) ? 7 : 5);
  if (mn_weights_bind(&graph, state, names, &arch, &err)) fail_msg("%s", err.text);
  mn_graph_free(&graph);
}

/* torchvision's other heads, by the names and shapes that it gives them (heads.txt, made by
 * tests/oracle/torch_weights.py): each tensor has its place. */
static void heads(void **unused) {
  (void)unused;
  char head[64], name[128], last[64] = "";
  int dims[5], count = 0;
  FILE *file = fopen(MN_TEST_DIR "/golden/weights/heads.txt", "r");
  uint8_t *data = calloc(256 * 960 * 9, sizeof(float)); /* the largest of them */
  mn_state state = {.request = &request};
  assert_true(file && data);
  for (bool more = true; more;) {
    more = fscanf(file, "%63s %127s %d %d %d %d %d", head, name, &dims[0], &dims[1], &dims[2],
                  &dims[3], &dims[4]) == 7;
    if (state.count && (!more || strcmp(head, last) != 0)) {
      check_head(&state, last);
      mn_state_free(&state);
      state = (mn_state){.request = &request};
      count++;
    }
    if (!more) break;
    mn_state_tensor tensor = {
        name, MN_F32, {dims[0], {dims[1], dims[2], dims[3], dims[4]}}, data, false};
    assert_int_equal(mn_state_add(&state, &tensor, NULL), MN_OK);
    snprintf(last, sizeof last, "%s", head);
  }
  assert_int_equal(count, 3);
  fclose(file);
  free(data);
}

/* COCO's categories keep their numbers: those that were never used have a place. */
static void coco_names(void **state) {
  (void)state;
  mn_contract contract;
  mn_arena arena = {0};
  mn_error err;
  const char *text = mn_coco_labels();
  mn_contract_default(&contract);
  assert_int_equal(mn_contract_set_labels(&contract, text, strlen(text), &arena, &err), MN_OK);
  assert_int_equal(contract.labels.count, MN_COCO_CLASSES);
  assert_string_equal(contract.labels.names[0], "background");
  assert_string_equal(contract.labels.names[1], "person");
  assert_string_equal(contract.labels.names[44], "bottle");
  assert_string_equal(contract.labels.names[90], "toothbrush");
  mn_arena_free(&arena);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(widths), cmocka_unit_test(refusals),   cmocka_unit_test(memory_cap),
      cmocka_unit_test(heads),  cmocka_unit_test(coco_names),
  };
  return cmocka_run_group_tests_name("recognize", tests, NULL, NULL);
}
