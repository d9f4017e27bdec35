/* SPDX-License-Identifier: Apache-2.0
 * The native file: everything comes back, bytes are the same every time, tensors are aligned and in
 * order, files written by Python's safetensors package are read, wrong files get their sentence. */
#define _GNU_SOURCE /* memmem */
#include "graph_maker.h"

#include "base/alloc.h"
#include "base/file.h"
#include "format/format.h"

static mn_status load(mn_graph *graph, const void *bytes, size_t size, mn_error *err) {
  mn_load_request request = {bytes, size, "model", 64 << 20, NULL};
  return mn_safetensors_load(graph, &request, err);
}

static void save(const mn_graph *graph, uint8_t **bytes, size_t *size) {
  mn_error err = {0};
  if (mn_safetensors_save(graph, bytes, size, &err)) fail_msg("%s", err.text);
}

static void add_contract(mn_graph *graph) {
  mn_error err;
  mn_contract_default(&graph->contract);
  assert_int_equal(mn_contract_preset(&graph->contract, "torch", &err), MN_OK);
  assert_int_equal(
      mn_contract_set_labels(&graph->contract, "a\nb\nc\nd\ne", 9, &graph->arena, &err), MN_OK);
  graph->has_contract = true;
}

static void expect_same_value(const mn_value *a, const mn_value *b) {
  assert_string_equal(a->name, b->name);
  assert_int_equal(a->kind, b->kind);
  assert_int_equal(a->type, b->type);
  assert_true(mn_shape_equal(&a->shape, &b->shape));
  assert_int_equal(a->quant.count, b->quant.count);
  assert_int_equal(a->quant.axis, b->quant.axis);
  for (int32_t i = 0; i < a->quant.count; i++) {
    assert_true(a->quant.scale[i] == b->quant.scale[i]);
    assert_int_equal(a->quant.zero[i], b->quant.zero[i]);
  }
  assert_int_equal(a->bytes, b->bytes);
  if (a->bytes) assert_memory_equal(a->data, b->data, a->bytes);
}

static void expect_same_node(const mn_node *a, const mn_node *b) {
  assert_int_equal(a->op, b->op);
  assert_string_equal(a->name, b->name);
  assert_int_equal(a->in_count, b->in_count);
  assert_int_equal(a->out_count, b->out_count);
  for (int32_t i = 0; i < a->in_count; i++) assert_int_equal(a->in[i], b->in[i]);
  for (int32_t i = 0; i < a->out_count; i++) assert_int_equal(a->out[i], b->out[i]);
}

static void round_trip(mn_arithmetic arithmetic) {
  mn_graph graph, back;
  mn_error err = {0};
  uint8_t *bytes, *again;
  size_t size, again_size;
  make_every_op(&graph);
  add_contract(&graph);
  graph.fixed_by = 3;
  graph.arithmetic = arithmetic;
  save(&graph, &bytes, &size);
  if (load(&back, bytes, size, &err)) fail_msg("%s", err.text);
  if (mn_graph_verify(&back, &err)) fail_msg("%s", err.text);
  assert_int_equal(back.value_count, graph.value_count);
  assert_int_equal(back.node_count, graph.node_count);
  for (int32_t i = 0; i < graph.value_count; i++) {
    expect_same_value(&graph.values[i], &back.values[i]);
  }
  for (int32_t i = 0; i < graph.node_count; i++) expect_same_node(&graph.nodes[i], &back.nodes[i]);
  char *before = mn_graph_print(&graph, &graph.arena), *after = mn_graph_print(&back, &back.arena);
  assert_string_equal(before, after); /* every attribute is in this text */
  assert_int_equal(back.nodes[back.node_count - 1].attr.arg_max.output_type, MN_I64);
  assert_int_equal(back.fixed_by, 3);
  assert_int_equal(back.arithmetic, arithmetic);
  assert_int_equal(back.input_count, 1);
  assert_int_equal(back.output_count, 4);
  for (int32_t i = 0; i < 4; i++) assert_int_equal(back.outputs[i], graph.outputs[i]);
  assert_true(back.has_contract);
  assert_int_equal(back.contract.labels.count, 5);
  save(&back, &again, &again_size);
  assert_int_equal(again_size, size);
  assert_memory_equal(again, bytes, size);
  mn_free(again);
  mn_graph_free(&back);
  mn_free(bytes);
  mn_graph_free(&graph);
}

static void test_round_trip(void **state) {
  (void)state;
  round_trip(MN_ARITHMETIC_LITERT);
  round_trip(MN_ARITHMETIC_ONNX);
}

static bool says(const uint8_t *bytes, size_t size, const char *text) {
  return memmem(bytes, size, text, strlen(text)) != NULL;
}

/* Files that readers of format 1 understand stay format 1; others are refused by them. */
static void test_format_number(void **state) {
  (void)state;
  for (int arithmetic = MN_ARITHMETIC_LITERT; arithmetic <= MN_ARITHMETIC_ONNX; arithmetic++) {
    mn_graph graph;
    uint8_t *bytes;
    size_t size;
    bool onnx = arithmetic == MN_ARITHMETIC_ONNX;
    make_every_op(&graph);
    graph.arithmetic = (mn_arithmetic)arithmetic;
    save(&graph, &bytes, &size);
    assert_true(
        says(bytes, size, onnx ? "\"mobilenet.format\":\"2\"" : "\"mobilenet.format\":\"1\""));
    assert_int_equal(says(bytes, size, "arithmetic"), onnx);
    mn_free(bytes);
    mn_graph_free(&graph);
  }
}

/* In a mapped file (here: an aligned block) no constant is copied. */
static void test_aligned_and_ordered(void **state) {
  (void)state;
  mn_graph graph, back;
  mn_error err = {0};
  uint8_t *bytes;
  size_t size;
  make_every_op(&graph);
  save(&graph, &bytes, &size);
  uint8_t *block = mn_alloc_aligned(size);
  memcpy(block, bytes, size);
  size_t data_at = 8 + (size_t)block[0] + ((size_t)block[1] << 8);
  assert_int_equal(data_at % 64, 0);
  if (load(&back, block, size, &err)) fail_msg("%s", err.text);
  const uint8_t *largest_byte = block, *smallest_word = block + size;
  for (int32_t i = 0; i < back.value_count; i++) {
    const mn_value *value = &back.values[i];
    const uint8_t *data = value->data;
    if (value->kind != MN_KIND_CONST) continue;
    assert_true(data >= block + data_at && data + value->bytes <= block + size);
    if (mn_type_bytes(value->type) == 4 && data > largest_byte) largest_byte = data;
    if (mn_type_bytes(value->type) == 1 && data < smallest_word) smallest_word = data;
  }
  assert_true(largest_byte < smallest_word);
  mn_graph_free(&back);
  mn_free(block);
  mn_free(bytes);
  mn_graph_free(&graph);
}

/* Data at odd addresses are copied, and the cap counts the copies. */
static void test_unaligned_and_cap(void **state) {
  (void)state;
  mn_graph graph, back;
  mn_error err = {0};
  uint8_t *bytes;
  size_t size;
  make_every_op(&graph);
  save(&graph, &bytes, &size);
  uint8_t *shifted = mn_alloc(size + 1);
  memcpy(shifted + 1, bytes, size);
  if (load(&back, shifted + 1, size, &err)) fail_msg("%s", err.text);
  if (mn_graph_verify(&back, &err)) fail_msg("%s", err.text);
  size_t needed = back.arena.used;
  mn_graph_free(&back);
  for (size_t cap = 1000; cap < needed; cap += 1000) {
    mn_load_request request = {shifted + 1, size, "model", cap, NULL};
    assert_int_equal(mn_safetensors_load(&back, &request, &err), MN_ERR_LIMIT);
    mn_graph_free(&back);
  }
  mn_free(shifted);
  mn_free(bytes);
  mn_graph_free(&graph);
}

/* Written by tests/oracle/native_safetensors.py with the safetensors package. */
static void test_written_by_python(void **state) {
  (void)state;
  mn_file file = {0};
  mn_graph graph;
  mn_error err = {0};
  if (mn_file_map(&file, MN_TEST_DIR "/golden/native_python.safetensors", &err)) {
    fail_msg("%s", err.text);
  }
  if (load(&graph, file.bytes, file.size, &err)) fail_msg("%s", err.text);
  if (mn_graph_verify(&graph, &err)) fail_msg("%s", err.text);
  mn_id weight = mn_graph_find_value(&graph, "stem.weight");
  assert_true(((const float *)graph.values[weight].data)[5] == 5.0f / 8);
  assert_int_equal(graph.nodes[0].op, MN_OP_CONV2D);
  assert_int_equal(graph.nodes[0].attr.conv.act, MN_ACT_RELU6);
  assert_int_equal(graph.nodes[0].attr.conv.window.pad_bottom, 1);
  assert_int_equal(graph.nodes[1].attr.conv.multiplier, 1);
  mn_id scaled = mn_graph_find_value(&graph, "codes");
  assert_true(graph.values[scaled].quant.scale[0] == 1 / 127.5f);
  assert_int_equal(graph.values[scaled].quant.zero[0], 127);
  assert_string_equal(graph.contract.labels.names[1], "t\xC3\xBAlip\xC3\xA1n");
  assert_int_equal(graph.contract.input.map, MN_MAP_AFFINE);
  mn_graph_free(&graph);
  mn_file_close(&file);
}

/* ---- Refusals -------------------------------------------------------------------------------- */

static void expect_refused(const char *header, const char *data, size_t data_size,
                           const char *reason) {
  uint8_t bytes[4096];
  size_t length = strlen(header);
  mn_graph graph;
  mn_error err = {0};
  assert_true(8 + length + data_size <= sizeof bytes);
  for (int i = 0; i < 8; i++) bytes[i] = (uint8_t)((uint64_t)length >> 8 * i);
  memcpy(bytes + 8, header, length);
  memcpy(bytes + 8 + length, data, data_size);
  mn_status status = load(&graph, bytes, 8 + length + data_size, &err);
  if (status == MN_OK || !strstr(err.text, reason)) fail_msg("%s\n-> %s", header, err.text);
  mn_graph_free(&graph);
}

static void test_tensor_refusals(void **state) {
  (void)state;
#define TENSOR(dtype, shape, offsets) \
  "{\"w\":{\"dtype\":" dtype ",\"shape\":" shape ",\"data_offsets\":" offsets "}}"
  const char four[8] = {0};
  expect_refused(TENSOR("\"F64\"", "[1]", "[0,8]"), four, 8, "tensor w has no dtype");
  expect_refused(TENSOR("\"f32\"", "[1]", "[0,4]"), four, 4, "tensor w has no dtype");
  expect_refused(TENSOR("\"F32\"", "[0]", "[0,0]"), four, 0, "no shape");
  expect_refused(TENSOR("\"F32\"", "[1,1,1,1,1]", "[0,4]"), four, 4, "no shape");
  expect_refused(TENSOR("\"F32\"", "[65536,65536]", "[0,4]"), four, 4, "no shape");
  expect_refused(TENSOR("\"F32\"", "[1.5]", "[0,4]"), four, 4, "no shape");
  expect_refused(TENSOR("\"F32\"", "[1]", "[0,8]"), four, 4, "cut off or damaged");
  expect_refused(TENSOR("\"F32\"", "[1]", "[4,0]"), four, 4, "no data_offsets");
  expect_refused(TENSOR("\"F32\"", "[1]", "[-4,0]"), four, 4, "no data_offsets");
  expect_refused(TENSOR("\"F32\"", "[1]", "[0]"), four, 4, "no data_offsets");
  expect_refused(TENSOR("\"F32\"", "[2]", "[0,4]"), four, 4, "has 4 bytes");
  expect_refused(TENSOR("\"F32\"", "[1]", "[0,4]"), four, 8, "gap or overlap");
  expect_refused(TENSOR("\"F32\"", "[1]", "[4,8]"), four, 8, "gap or overlap");
  expect_refused(
      "{\"a\":{\"dtype\":\"U8\",\"shape\":[2],\"data_offsets\":[0,2]},"
      "\"b\":{\"dtype\":\"U8\",\"shape\":[2],\"data_offsets\":[1,3]}}",
      four, 3, "gap or overlap");
  expect_refused(TENSOR("\"F32\"", "[1]", "[0,4]"), four, 4, "holds tensors but no network");
  expect_refused("[]", four, 0, "not a JSON object");
  expect_refused("{", four, 0, "JSON line 1");
#undef TENSOR
}

#define GRAPH(metadata) "{\"__metadata__\":{" metadata "}}"
#define V1 "\"mobilenet.format\":\"1\",\"mobilenet.graph\":"

static void test_metadata_refusals(void **state) {
  (void)state;
  expect_refused(GRAPH("\"mobilenet.graph\":\"{}\""), "", 0, "mobilenet.format is missing");
  expect_refused(GRAPH("\"mobilenet.format\":\"3\",\"mobilenet.graph\":\"{}\""), "", 0,
                 "mobilenet.format is 3, this build reads 1 to 2");
  expect_refused(GRAPH(V1 "{}"), "", 0, "not a string");
  expect_refused(GRAPH(V1 "\"{\""), "", 0, "mobilenet.graph");
  expect_refused(GRAPH(V1 "\"[]\""), "", 0, "values: expected a list");
  expect_refused(GRAPH(V1 "\"{'values':1}\""), "", 0, "JSON line 1");
}

/* A graph text with ' for \" inside the metadata string. */
static void expect_graph_refused(const char *text, const char *reason) {
  char header[4096];
  size_t used = (size_t)snprintf(header, sizeof header, "{\"__metadata__\":{" V1 "\"");
  for (; *text; text++) {
    used +=
        (size_t)snprintf(header + used, sizeof header - used, *text == '\'' ? "\\\"" : "%c", *text);
  }
  snprintf(header + used, sizeof header - used, "\"}}");
  expect_refused(header, "", 0, reason);
}

static void test_graph_refusals(void **state) {
  (void)state;
#define X "{'name':'x','kind':'input','type':'f32','shape':[1,4]}"
#define Y "{'name':'y','kind':'temp','type':'f32','shape':[1,4]}"
#define WITH(node) "{'values':[" X "," Y "],'inputs':['x'],'outputs':['y'],'nodes':[" node "]}"
  expect_graph_refused("{'values':[{'kind':'temp'}]}", "no name");
  expect_graph_refused("{'values':[{'name':'','kind':'temp'}]}", "no name");
  expect_graph_refused("{'values':[{'name':'a','kind':'const'}]}", "no tensor of this name");
  expect_graph_refused("{'values':[{'name':'__metadata__','kind':'const'}]}", "no tensor");
  expect_graph_refused("{'values':[{'name':'a','kind':'temp','type':'f64','shape':[1]}]}",
                       "a: its type");
  expect_graph_refused("{'values':[{'name':'a','kind':'temp','type':'f32','shape':[0]}]}",
                       "a: its shape");
  expect_graph_refused("{'values':[{'name':'a','kind':'temp','type':'f32'}]}", "a: its shape");
  expect_graph_refused("{'values':[{'name':'a','kind':'odd','type':'f32','shape':[1]}]}",
                       "a: its kind");
  expect_graph_refused("{'values':[" X "," X "]}", "two values have this name");
  expect_graph_refused("{'values':[" X "]}", "inputs: expected a list");
  expect_graph_refused("{'values':[" X "],'inputs':['z'],'outputs':[],'nodes':[]}",
                       "z: no value has this name");
  expect_graph_refused("{'values':[" X "],'inputs':[null],'outputs':[],'nodes':[]}",
                       "inputs: expected names");
  expect_graph_refused(WITH("{'name':'n'}"), "no op");
  expect_graph_refused(WITH("{'name':'n','op':'relu7','in':['x'],'out':['y']}"),
                       "no operator relu7");
  expect_graph_refused(WITH("{'name':'n','op':'relu','in':['x'],'out':[]}"), "one output");
  expect_graph_refused(WITH("{'name':'n','op':'relu','in':['x'],'out':['y'],'attr':[]}"),
                       "no usable attr");
  expect_graph_refused(
      WITH("{'name':'n','op':'relu','in':['x'],'out':['y'],'attr':{'act':'tanh'}}"),
      "no usable act");
  expect_graph_refused(WITH("{'name':'n','op':'conv2d','in':['x'],'out':['y']}"),
                       "no usable window.kernel");
  expect_graph_refused(
      WITH("{'name':'n','op':'max_pool','in':['x'],'out':['y'],'attr':{'window':{'kernel':[2]}}}"),
      "no usable kernel");
  expect_graph_refused(WITH("{'name':'n','op':'mean','in':['x'],'out':['y'],'attr':{'axes':[4]}}"),
                       "no usable axes");
  expect_graph_refused(
      WITH("{'name':'n','op':'softmax','in':['x'],'out':['y'],'attr':{'beta':1e300}}"),
      "no usable beta");
  expect_graph_refused("{'values':[" X
                       "],'inputs':['x'],'outputs':['x'],'nodes':[],"
                       "'fixed_by':-1}",
                       "fixed_by");
  expect_graph_refused("{'values':[" X
                       "],'inputs':['x'],'outputs':['x'],'nodes':[],"
                       "'arithmetic':'onnx'}",
                       "arithmetic: format 2 has it");
  expect_refused(GRAPH("\"mobilenet.format\":\"2\",\"mobilenet.graph\":\"{\\\"values\\\":[],"
                       "\\\"inputs\\\":[],\\\"outputs\\\":[],\\\"nodes\\\":[],"
                       "\\\"arithmetic\\\":\\\"tflm\\\"}\""),
                 "", 0, "arithmetic: expected litert or onnx");
  expect_graph_refused(
      "{'values':[{'name':'a','kind':'temp','type':'u8','shape':[1],"
      "'quant':{'scale':[]}}]}",
      "a: its quant needs");
  expect_graph_refused(
      "{'values':[{'name':'a','kind':'temp','type':'u8','shape':[1],"
      "'quant':{'scale':[1,2],'zero':[0]}}]}",
      "a: its quant needs");
  expect_graph_refused(
      "{'values':[{'name':'a','kind':'temp','type':'u8','shape':[1],"
      "'quant':{'scale':[1e99]}}]}",
      "not a number");
#undef X
#undef Y
#undef WITH
}

static void test_unused_tensor(void **state) {
  (void)state;
  expect_refused("{\"__metadata__\":{" V1
                 "\"{\\\"values\\\":[]}\"},"
                 "\"w\":{\"dtype\":\"U8\",\"shape\":[1],\"data_offsets\":[0,1]}}",
                 "a", 1, "w: no const of mobilenet.graph uses this tensor");
}

static void test_sizes(void **state) {
  (void)state;
  mn_graph graph;
  mn_error err = {0};
  uint8_t bytes[16] = {0};
  assert_int_equal(load(&graph, bytes, 7, &err), MN_ERR_FORMAT);
  bytes[0] = 9;
  assert_int_equal(load(&graph, bytes, 16, &err), MN_ERR_FORMAT);
  bytes[3] = 2; /* 32 MiB */
  assert_int_equal(load(&graph, bytes, 16, &err), MN_ERR_LIMIT);
}

static void test_unwritable_names(void **state) {
  (void)state;
  mn_graph graph;
  mn_error err = {0};
  uint8_t *bytes;
  size_t size;
  mn_graph_init(&graph);
  make_input(&graph, "caf\xE9", MN_F32, SHAPE(1));
  assert_int_equal(mn_safetensors_save(&graph, &bytes, &size, &err), MN_ERR_UNSUPPORTED);
  assert_null(bytes);
  mn_graph_free(&graph);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(test_round_trip),          cmocka_unit_test(test_format_number),
      cmocka_unit_test(test_aligned_and_ordered), cmocka_unit_test(test_unaligned_and_cap),
      cmocka_unit_test(test_written_by_python),   cmocka_unit_test(test_tensor_refusals),
      cmocka_unit_test(test_metadata_refusals),   cmocka_unit_test(test_graph_refusals),
      cmocka_unit_test(test_unused_tensor),       cmocka_unit_test(test_sizes),
      cmocka_unit_test(test_unwritable_names),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
