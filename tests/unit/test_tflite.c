/* SPDX-License-Identifier: Apache-2.0
 * format/tflite without outside files: what the writer writes the reader reads as the same graph;
 * what neither can hold is refused by name. */
#include "tflite_maker.h"

#include "../tiny_net.h"
#include "base/file.h"
#include "passes/passes.h"

static void expect_same_constants(const mn_graph *a, const mn_graph *b) {
  for (int32_t i = 0; i < a->value_count; i++) {
    const mn_value *from = &a->values[i];
    if (from->kind != MN_KIND_CONST) continue;
    mn_id id = mn_graph_find_value(b, from->name);
    assert_int_not_equal(id, MN_NONE);
    assert_int_equal(b->values[id].bytes, from->bytes);
    assert_memory_equal(b->values[id].data, from->data, from->bytes);
    assert_int_equal((uintptr_t)b->values[id].data % 16, 0); /* what is mapped is aligned */
  }
}

/* Saves, loads, saves again. */
static void expect_round_trip(const mn_graph *graph) {
  mn_graph back;
  mn_contract_facts facts;
  mn_error err = {0};
  mn_arena text = {0};
  tflite_file file = save_tflite(graph);
  if (load_tflite(&back, file.bytes, file.size, &facts, &err)) fail_msg("%s", err.text);
  assert_string_equal(mn_graph_print(graph, &text), mn_graph_print(&back, &text));
  expect_same_constants(graph, &back);
  tflite_file again = save_tflite(&back);
  assert_int_equal(file.size, again.size);
  assert_memory_equal(file.bytes, again.bytes, file.size);
  mn_free(again.bytes);
  mn_free(file.bytes);
  mn_graph_free(&back);
  mn_arena_free(&text);
}

static void tiny_nets(void **state) {
  (void)state;
  static const mn_type types[] = {MN_F32, MN_U8, MN_I8};
  for (size_t i = 0; i < 3; i++) {
    mn_graph graph;
    assert_true(tiny_net_build(&graph, types[i], 16));
    expect_round_trip(&graph);
    mn_graph_free(&graph);
  }
}

/* Sizes that only the graph knows as rules come back as numbers, so texts differ; bytes do not. */
static void every_operator(void **state) {
  (void)state;
  mn_graph graph, back;
  mn_contract_facts facts;
  mn_error err = {0};
  make_tflite_model(&graph);
  tflite_file file = save_tflite(&graph);
  if (load_tflite(&back, file.bytes, file.size, &facts, &err)) fail_msg("%s", err.text);
  assert_int_equal(back.node_count, graph.node_count);
  for (int32_t i = 0; i < graph.node_count; i++) {
    assert_int_equal(back.nodes[i].op, graph.nodes[i].op);
    assert_string_equal(back.nodes[i].name, graph.nodes[i].name);
  }
  expect_same_constants(&graph, &back);
  tflite_file again = save_tflite(&back);
  assert_int_equal(file.size, again.size);
  assert_memory_equal(file.bytes, again.bytes, file.size);
  mn_free(again.bytes);
  mn_free(file.bytes);
  mn_graph_free(&back);
  mn_graph_free(&graph);
}

/* An atrous layer that cannot be a dilation, and a transposed one with these rows and columns cut
 * off before and after. */
static void make_atrous_decoder(mn_graph *g, int32_t kernel, int32_t before, int32_t after) {
  mn_attr split = {.space_batch = {2, 3, 1, 2, 0, 2}}, same = {.conv = {.act = MN_ACT_RELU6}};
  mn_attr up = {.conv = {.act = kernel == 3 ? MN_ACT_RELU : MN_ACT_NONE}};
  same.conv.window = make_window(3, 1, MN_PAD_SAME);
  up.conv.window = make_window(kernel, 2, MN_PAD_EXPLICIT);
  up.conv.window.pad_top = up.conv.window.pad_left = before;
  up.conv.window.pad_bottom = up.conv.window.pad_right = after;
  mn_graph_init(g);
  mn_id x = make_input(g, "x", MN_F32, SHAPE(1, 9, 10, 3));
  mn_id parts = make_node(g, MN_OP_SPACE_TO_BATCH, "parts", MN_F32, split, IDS(x));
  mn_id w = make_const(g, "w", MN_F32, SHAPE(4, 3, 3, 3));
  mn_id b = make_const(g, "b", MN_F32, SHAPE(4));
  mn_id y = make_node(g, MN_OP_CONV2D, "conv", MN_F32, same, IDS(parts, w, b));
  mn_id whole = make_node(g, MN_OP_BATCH_TO_SPACE, "whole", MN_F32, split, IDS(y));
  mn_id w2 = make_const(g, "w2", MN_F32, SHAPE(2, kernel, kernel, 4));
  mn_id c = make_const(g, "c", MN_F32, SHAPE(2));
  mn_id out = make_node(g, MN_OP_TRANSPOSE_CONV, "up", MN_F32, up, IDS(whole, w2, c));
  make_done(g, 1, &x, 1, &out);
}

static void atrous_and_transposed(void **state) {
  (void)state;
  static const int32_t cases[][3] = {{3, 0, 1}, {3, 0, 0}, {5, 0, 0}, {5, 1, 2}, {1, 0, -1}};
  for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
    mn_graph graph;
    make_atrous_decoder(&graph, cases[i][0], cases[i][1], cases[i][2]);
    expect_round_trip(&graph);
    mn_graph_free(&graph);
  }
  mn_graph graph;
  mn_error err = {0};
  tflite_file file = {NULL, 0};
  make_atrous_decoder(&graph, 5, 2, 1); /* as torch pads */
  assert_int_equal(mn_tflite_save(&graph, &file.bytes, &file.size, &err), MN_ERR_UNSUPPORTED);
  assert_non_null(strstr(err.text, "neither SAME nor VALID"));
  mn_graph_free(&graph);
}

static void contract_and_facts(void **state) {
  (void)state;
  mn_graph graph, back;
  mn_contract_facts facts;
  mn_error err = {0};
  make_tflite_model(&graph);
  tflite_file file = save_tflite(&graph);
  assert_int_equal(load_tflite(&back, file.bytes, file.size, &facts, &err), MN_OK);
  assert_true(back.has_contract);
  assert_string_equal(mn_contract_to_json(&graph.contract, &graph.arena),
                      mn_contract_to_json(&back.contract, &back.arena));
  assert_int_equal(facts.output_count, 5);
  assert_true(facts.output_normalized);
  assert_int_equal(facts.input_channels, 3);
  mn_graph_free(&back);
  mn_free(file.bytes);
  mn_graph_free(&graph);
}

/* The metadata that other tools read: without our contract, it gives labels and normalization. */
static void tflite_metadata(void **state) {
  (void)state;
  mn_graph graph, back;
  mn_contract_facts facts;
  mn_error err = {0};
  make_tflite_model(&graph);
  tflite_file file = save_tflite(&graph);
  size_t length = strlen("mobilenet.contract"), hidden = 0;
  for (size_t i = 0; i + length <= file.size; i++) {
    if (memcmp(file.bytes + i, "mobilenet.contract", length) != 0) continue;
    file.bytes[i] = 'M';
    hidden++;
  }
  assert_int_equal(hidden, 1);
  assert_int_equal(load_tflite(&back, file.bytes, file.size, &facts, &err), MN_OK);
  assert_false(back.has_contract);
  assert_int_equal(back.contract.labels.count, 5);
  assert_string_equal(back.contract.labels.names[4], "yew");
  assert_true(facts.has_normalization);
  for (int i = 0; i < 3; i++) {
    assert_true(facts.mean[i] == 127.5f);
    assert_true(facts.std[i] == 127.5f);
  }
  mn_graph_free(&back);
  mn_free(file.bytes);
  mn_graph_free(&graph);
}

static void unaligned_bytes_are_copied(void **state) {
  (void)state;
  mn_graph graph, back;
  mn_contract_facts facts;
  mn_error err = {0};
  assert_true(tiny_net_build(&graph, MN_F32, 16));
  tflite_file file = save_tflite(&graph);
  uint8_t *moved = malloc(file.size + 1);
  assert_non_null(moved);
  memcpy(moved + 1, file.bytes, file.size);
  if (load_tflite(&back, moved + 1, file.size, &facts, &err)) fail_msg("%s", err.text);
  for (int32_t i = 0; i < back.value_count; i++) {
    if (back.values[i].kind == MN_KIND_CONST)
      assert_int_equal((uintptr_t)back.values[i].data % 4, 0);
  }
  mn_graph_free(&back);
  free(moved);
  mn_free(file.bytes);
  mn_graph_free(&graph);
}

static tflite_file read_corpus(const char *name) {
  char path[512];
  mn_file mapped;
  mn_error err = {0};
  snprintf(path, sizeof path, "%s/fuzz/corpus/tflite/%s", MN_TEST_DIR, name);
  if (mn_file_map(&mapped, path, &err)) fail_msg("%s", err.text);
  tflite_file file = {mn_alloc(mapped.size), mapped.size};
  assert_non_null(file.bytes);
  memcpy(file.bytes, mapped.bytes, mapped.size);
  mn_file_close(&mapped);
  return file;
}

/* Weights behind the flatbuffer, as tests/oracle/tflite_outside_buffers.py puts them. */
static void buffers_outside(void **state) {
  (void)state;
  mn_graph graphs[2];
  mn_contract_facts facts;
  mn_error err = {0};
  mn_arena text = {0};
  tflite_file files[2] = {read_corpus("tiny_i8.tflite"), read_corpus("outside_i8.tflite")};
  for (int i = 0; i < 2; i++) {
    if (load_tflite(&graphs[i], files[i].bytes, files[i].size, &facts, &err)) {
      fail_msg("%s", err.text);
    }
  }
  assert_string_equal(mn_graph_print(&graphs[0], &text), mn_graph_print(&graphs[1], &text));
  expect_same_constants(&graphs[0], &graphs[1]);
  mn_graph_free(&graphs[1]);
  /* Cut off, the last buffer lies outside. */
  mn_status status = load_tflite(&graphs[1], files[1].bytes, files[1].size - 1, &facts, &err);
  assert_int_equal(status, MN_ERR_FORMAT);
  assert_non_null(strstr(err.text, "outside the file"));
  for (int i = 0; i < 2; i++) {
    mn_graph_free(&graphs[i]);
    mn_free(files[i].bytes);
  }
  mn_arena_free(&text);
}

/* One convolution 3x3 with explicit pads over [1,size,size,3]. */
static void make_padded_conv(mn_graph *g, int32_t size, int32_t stride, const int32_t pads[4]) {
  mn_attr attr = {.conv = {make_window(3, stride, MN_PAD_EXPLICIT), MN_ACT_NONE, 0}};
  mn_graph_init(g);
  mn_id x = make_input(g, "x", MN_F32, SHAPE(1, size, size, 3));
  mn_id w = make_const(g, "w", MN_F32, SHAPE(4, 3, 3, 3));
  attr.conv.window.pad_top = pads[0];
  attr.conv.window.pad_bottom = pads[1];
  attr.conv.window.pad_left = pads[2];
  attr.conv.window.pad_right = pads[3];
  mn_id y = make_node(g, MN_OP_CONV2D, "y", MN_F32, attr, IDS(x, w));
  make_done(g, 1, &x, 1, &y);
}

static void expect_pads(int32_t stride, const int32_t pads[4], int32_t nodes, mn_pad_rule rule) {
  mn_graph graph, back;
  mn_contract_facts facts;
  mn_error err = {0};
  make_padded_conv(&graph, 9, stride, pads);
  tflite_file file = save_tflite(&graph);
  if (load_tflite(&back, file.bytes, file.size, &facts, &err)) fail_msg("%s", err.text);
  const mn_window *window = &back.nodes[nodes - 1].attr.conv.window;
  assert_int_equal(back.node_count, nodes);
  assert_int_equal(window->pad_rule, rule);
  assert_true(nodes == 1 || back.nodes[0].op == MN_OP_PAD);
  for (int i = 0; i < 2 && nodes == 2; i++) {
    assert_int_equal(back.nodes[0].attr.pad.before[1 + i], pads[2 * i]);
    assert_int_equal(back.nodes[0].attr.pad.after[1 + i], pads[2 * i + 1]);
  }
  assert_true(
      mn_shape_equal(&back.values[back.outputs[0]].shape, &graph.values[graph.outputs[0]].shape));
  mn_graph_free(&back);
  mn_free(file.bytes);
  mn_graph_free(&graph);
}

static void explicit_pads(void **state) {
  (void)state;
  expect_pads(2, (int32_t[]){0, 0, 0, 0}, 1, MN_PAD_EXPLICIT); /* VALID */
  expect_pads(1, (int32_t[]){1, 1, 1, 1}, 1, MN_PAD_SAME);     /* at every size */
  expect_pads(2, (int32_t[]){1, 1, 1, 1}, 2, MN_PAD_EXPLICIT); /* SAME at odd sizes only */
  expect_pads(1, (int32_t[]){1, 1, 1, 0}, 2, MN_PAD_EXPLICIT);
  expect_pads(2, (int32_t[]){0, 3, 2, 1}, 2, MN_PAD_EXPLICIT);
}

/* ---- Sizes ----------------------------------------------------------------------------------- */

/* stem -> down (stride 2) -> resize to the stem's size -> joined with a later layer of the stem, as
 * segmentation heads do. `join` false: nothing says what the resize's size means. */
static void make_upsampler(mn_graph *g, bool join) {
  mn_attr stem = {.conv = {make_window(3, 2, MN_PAD_SAME), MN_ACT_NONE, 0}};
  mn_attr same = {.conv = {make_window(1, 1, MN_PAD_SAME), MN_ACT_NONE, 0}};
  mn_attr up = {.resize = {.height = 8, .width = 8}}, side = {.concat = {3, MN_ACT_NONE}};
  mn_graph_init(g);
  mn_id x = make_input(g, "x", MN_F32, SHAPE(1, 16, 16, 3));
  mn_id w = make_const(g, "w", MN_F32, SHAPE(4, 3, 3, 3));
  mn_id w2 = make_const(g, "w2", MN_F32, SHAPE(4, 3, 3, 4));
  mn_id w3 = make_const(g, "w3", MN_F32, SHAPE(4, 1, 1, 4));
  mn_id y = make_node(g, MN_OP_CONV2D, "stem", MN_F32, stem, IDS(x, w));
  mn_id down = make_node(g, MN_OP_CONV2D, "down", MN_F32, stem, IDS(y, w2));
  mn_id big = make_node(g, MN_OP_RESIZE_BILINEAR, "big", MN_F32, up, IDS(down));
  mn_id late = make_node(g, MN_OP_CONV2D, "late", MN_F32, same, IDS(y, w3));
  mn_id out[2] = {big, late};
  if (join) out[0] = make_node(g, MN_OP_CONCAT, "both", MN_F32, side, IDS(big, late));
  make_done(g, 1, &x, join ? 1 : 2, out);
}

static void resizes_are_raised(void **state) {
  (void)state;
  mn_contract_facts facts;
  mn_error err = {0};
  for (int join = 0; join < 2; join++) {
    mn_graph graph, back;
    make_upsampler(&graph, join != 0);
    tflite_file file = save_tflite(&graph);
    if (load_tflite(&back, file.bytes, file.size, &facts, &err)) fail_msg("%s", err.text);
    mn_shape input = {4, {3, 22, 40, 3}};
    mn_shape *shapes = mn_arena_array(&back.arena, (size_t)back.value_count, sizeof *shapes);
    assert_non_null(shapes);
    mn_status status = mn_graph_infer(&back, &input, shapes, &err);
    if (join) {
      mn_shape wanted = SHAPE(3, 11, 20, 8);
      assert_int_equal(status, MN_OK);
      assert_true(mn_shape_equal(&shapes[back.outputs[0]], &wanted));
    } else {
      assert_int_equal(status, MN_ERR_SHAPE);
      assert_non_null(strstr(err.text, "node big fixes it"));
    }
    mn_graph_free(&back);
    mn_free(file.bytes);
    mn_graph_free(&graph);
  }
}

/* The format has no such operator: it goes out in the pieces that passes/match_hard_swish knows. */
static void hard_sigmoid_in_pieces(void **state) {
  (void)state;
  mn_graph graph, back;
  mn_contract_facts facts;
  mn_error err = {0};
  mn_attr none = {0};
  mn_graph_init(&graph);
  mn_id x = make_input(&graph, "x", MN_F32, SHAPE(1, 4, 4, 3));
  mn_id y = make_node(&graph, MN_OP_HARD_SIGMOID, "gate", MN_F32, none, IDS(x));
  make_done(&graph, 1, &x, 1, &y);
  tflite_file file = save_tflite(&graph);
  if (load_tflite(&back, file.bytes, file.size, &facts, &err)) fail_msg("%s", err.text);
  assert_int_equal(back.node_count, 2);
  assert_int_equal(back.nodes[0].op, MN_OP_ADD);
  assert_int_equal(back.nodes[0].attr.eltwise.act, MN_ACT_RELU6);
  assert_int_equal(back.nodes[1].op, MN_OP_MUL);
  if (mn_pass_match_hard_swish(&back, &err)) fail_msg("%s", err.text);
  assert_int_equal(back.nodes[back.node_count - 1].op, MN_OP_HARD_SIGMOID);
  mn_graph_free(&back);
  mn_free(file.bytes);
  mn_graph_free(&graph);
}

static void expect_refusal(const mn_graph *graph, const char *word) {
  tflite_file file;
  mn_error err = {0};
  assert_int_equal(mn_tflite_save(graph, &file.bytes, &file.size, &err), MN_ERR_UNSUPPORTED);
  assert_null(file.bytes);
  assert_non_null(strstr(err.text, word));
}

static void refusals(void **state) {
  (void)state;
  mn_graph graph;
  mn_attr none = {0};
  mn_graph_init(&graph);
  mn_id x = make_input(&graph, "x", MN_F32, SHAPE(1, 4, 4, 3));
  mn_id y = make_node(&graph, MN_OP_RELU, "same", MN_F32, none, IDS(x));
  make_done(&graph, 1, &x, 1, &y);
  expect_refusal(&graph, "same: relu");
  mn_graph_free(&graph);
  mn_attr pool = {.pool = {make_window(3, 2, MN_PAD_EXPLICIT), MN_ACT_NONE, false}};
  pool.pool.window.pad_top = 1;
  x = make_input(&graph, "x", MN_F32, SHAPE(1, 4, 4, 3));
  y = make_node(&graph, MN_OP_AVG_POOL, "down", MN_F32, pool, IDS(x));
  make_done(&graph, 1, &x, 1, &y);
  expect_refusal(&graph, "down: avg_pool");
  mn_graph_free(&graph);
}

/* ---- Sniffing -------------------------------------------------------------------------------- */

static void expect_look(const char *bytes, size_t size, const char *word) {
  mn_load_request request = {(const uint8_t *)bytes, size, "file", 1 << 20, NULL};
  mn_contract_facts facts;
  mn_graph graph;
  mn_error err = {0};
  assert_int_equal(mn_format_load(&graph, &request, &facts, &err), MN_ERR_FORMAT);
  if (!strstr(err.text, word)) fail_msg("%s", err.text);
}

static void unknown_files_are_named(void **state) {
  (void)state;
  expect_look("PK\3\4\0\0\0\0\0\0", 10, "PyTorch");
  expect_look("\xff\xd8\xff\xe0\0\20JFIF", 10, "JPEG");
  expect_look("\x89PNG\r\n\x1a\n", 8, "PNG");
  expect_look("\x89HDF\r\n\x1a\n", 8, "HDF5");
  expect_look("\x08\x07\x12\x07pytorch", 11, "0 graphs"); /* ONNX */
  expect_look("\x80\2}q", 4, "pickle");
  expect_look("version https://git-lfs.github.com/spec/v1\n", 42, "Git LFS");
  expect_look("nothing known", 13, "expected a TFLite, ONNX or safetensors file");
  expect_look("\20\0\0\0\0\0\0\0{\"__meta", 15, "a safetensors file that is cut off");
  expect_look("", 0, "expected a TFLite, ONNX or safetensors file");
}

static void sniffed_by_content(void **state) {
  (void)state;
  mn_graph graph, back;
  mn_contract_facts facts;
  mn_error err = {0};
  assert_true(tiny_net_build(&graph, MN_I8, 16));
  tflite_file files[2];
  files[0] = save_tflite(&graph);
  assert_int_equal(mn_safetensors_save(&graph, &files[1].bytes, &files[1].size, &err), MN_OK);
  for (int i = 0; i < 2; i++) {
    mn_load_request request = {files[i].bytes, files[i].size, "file", 1 << 20, NULL};
    if (mn_format_load(&back, &request, &facts, &err)) fail_msg("%s", err.text);
    assert_int_equal(facts.input_type, MN_I8);
    assert_int_equal(facts.output_count, 5);
    assert_true(facts.output_normalized);
    mn_graph_free(&back);
    mn_free(files[i].bytes);
  }
  mn_graph_free(&graph);
}

/* 32-bit FNV-1a, as the reader's table of names has it. */
static uint32_t name_hash(const char *text) {
  uint32_t hash = 2166136261u;
  for (; *text; text++) hash = (hash ^ (unsigned char)*text) * 16777619u;
  return hash;
}

/* Names that all belong into one slot would make reading quadratic. */
static void names_that_collide(void **state) {
  (void)state;
  mn_graph g, back;
  mn_contract_facts facts;
  mn_error err = {0};
  mn_attr relu = {.eltwise = {MN_ACT_RELU}};
  unsigned next = 0;
  mn_graph_init(&g);
  mn_id x = make_input(&g, "x", MN_F32, SHAPE(1, 4)), y = x;
  for (int i = 0; i < 1100; i++) {
    char name[16];
    do {
      snprintf(name, sizeof name, "%u", next++);
    } while (name_hash(name) % 4096 != 7);
    y = make_node(&g, MN_OP_RELU, name, MN_F32, relu, IDS(y));
  }
  make_done(&g, 1, &x, 1, &y);
  tflite_file file = save_tflite(&g);
  assert_int_equal(load_tflite(&back, file.bytes, file.size, &facts, &err), MN_ERR_LIMIT);
  assert_non_null(strstr(err.text, "slow to look up"));
  mn_free(file.bytes);
  mn_graph_free(&g);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(tiny_nets),
      cmocka_unit_test(every_operator),
      cmocka_unit_test(atrous_and_transposed),
      cmocka_unit_test(contract_and_facts),
      cmocka_unit_test(tflite_metadata),
      cmocka_unit_test(unaligned_bytes_are_copied),
      cmocka_unit_test(buffers_outside),
      cmocka_unit_test(explicit_pads),
      cmocka_unit_test(resizes_are_raised),
      cmocka_unit_test(hard_sigmoid_in_pieces),
      cmocka_unit_test(refusals),
      cmocka_unit_test(names_that_collide),
      cmocka_unit_test(unknown_files_are_named),
      cmocka_unit_test(sniffed_by_content),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
