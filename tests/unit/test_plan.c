/* SPDX-License-Identifier: Apache-2.0
 * Plans: memory that is reused, shared and aliased gives the same bytes as memory that is not, over
 * random networks; pieces that live together never overlap; bytes are exact; sizes re-plan. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>

#include "../tiny_net.h"
#include "base/threads.h"
#include "plan/plan.h"
#include "run/session.h"

enum { MOST_VALUES = 24, HEIGHT = 6, WIDTH = 5 };

/* A random float network under construction: values that later nodes may read. */
typedef struct web {
  mn_graph g;
  uint64_t seed;
  mn_id live[MOST_VALUES];
  int count;
} web;

static int pick(web *w, int below) { return (int)(tiny_random(&w->seed) % (uint64_t)below); }

static int32_t channels_of(const web *w, mn_id id) { return w->g.values[id].shape.dim[3]; }

static mn_id new_value(web *w, const mn_shape *shape) {
  char name[32];
  snprintf(name, sizeof name, "v%d", w->count);
  mn_id id = mn_graph_add_value(&w->g, name, MN_F32, shape);
  assert_int_not_equal(id, MN_NONE);
  w->live[w->count++] = id;
  return id;
}

static mn_node *new_node(web *w, mn_op op, const mn_id *in, int32_t in_count,
                         const mn_shape *shape) {
  mn_id out = new_value(w, shape);
  mn_id node = mn_graph_add_node(&w->g, op, w->g.values[out].name, in, in_count, &out, 1);
  assert_int_not_equal(node, MN_NONE);
  return &w->g.nodes[node];
}

static void add_pointwise(web *w, mn_id in) {
  char name[32];
  mn_shape out = w->g.values[in].shape;
  out.dim[3] = 1 + pick(w, 20);
  snprintf(name, sizeof name, "w%d", w->count);
  mn_id ins[2] = {in, tiny_const(&w->g, name, MN_F32,
                                 (mn_shape){4, {out.dim[3], 1, 1, channels_of(w, in)}}, &w->seed)};
  mn_node *node = new_node(w, MN_OP_CONV2D, ins, 2, &out);
  node->attr.conv.window = (mn_window){1, 1, 1, 1, 1, 1, MN_PAD_SAME, 0, 0, 0, 0};
}

static void add_depthwise(web *w, mn_id in) {
  char name[32];
  mn_shape out = w->g.values[in].shape;
  snprintf(name, sizeof name, "w%d", w->count);
  mn_id ins[2] = {in,
                  tiny_const(&w->g, name, MN_F32, (mn_shape){3, {3, 3, out.dim[3], 0}}, &w->seed)};
  mn_node *node = new_node(w, MN_OP_DWCONV2D, ins, 2, &out);
  node->attr.conv.window = (mn_window){3, 3, 1, 1, 1, 1, MN_PAD_SAME, 0, 0, 0, 0};
  node->attr.conv.multiplier = 1;
}

static void add_sum(web *w, mn_id a) {
  for (int tries = 0; tries < 8; tries++) {
    mn_id b = w->live[pick(w, w->count)];
    if (!mn_shape_equal(&w->g.values[a].shape, &w->g.values[b].shape)) continue;
    mn_id ins[2] = {a, b};
    mn_shape shape = w->g.values[a].shape;
    new_node(w, MN_OP_ADD, ins, 2, &shape);
    return;
  }
}

static void add_concat(web *w) {
  mn_id ins[3];
  int inputs = 1 + pick(w, 3);
  mn_shape shape = {4, {1, HEIGHT, WIDTH, 0}};
  for (int i = 0; i < inputs; i++) {
    ins[i] = w->live[pick(w, w->count)];
    shape.dim[3] += channels_of(w, ins[i]);
  }
  if (shape.dim[3] > 200) return;
  new_node(w, MN_OP_CONCAT, ins, inputs, &shape)->attr.concat.axis = 3;
}

/* There and back: a view of a view. */
static void add_reshapes(web *w, mn_id in) {
  mn_shape back = w->g.values[in].shape;
  mn_shape flat = {2, {HEIGHT * WIDTH, back.dim[3], 0, 0}};
  mn_id flat_id = mn_graph_add_value(&w->g, "", MN_F32, &flat);
  char name[32];
  snprintf(name, sizeof name, "flat%d", w->count);
  w->g.values[flat_id].name = mn_arena_string(&w->g.arena, name, strlen(name));
  mn_id node = mn_graph_add_node(&w->g, MN_OP_RESHAPE, name, &in, 1, &flat_id, 1);
  assert_int_not_equal(node, MN_NONE);
  w->g.nodes[node].attr.reshape.shape = flat;
  new_node(w, MN_OP_RESHAPE, &flat_id, 1, &back)->attr.reshape.shape = back;
}

static void grow(web *w) {
  mn_id in = w->live[pick(w, w->count)];
  mn_shape shape = w->g.values[in].shape;
  switch (pick(w, 6)) {
    case 0: add_pointwise(w, in); break;
    case 1: add_depthwise(w, in); break;
    case 2: add_sum(w, in); break;
    case 3: add_concat(w); break;
    case 4: add_reshapes(w, in); break;
    default: new_node(w, MN_OP_HARD_SWISH, &in, 1, &shape); break; /* no pass fuses it */
  }
}

static void build_web(web *w, uint64_t seed) {
  memset(w, 0, sizeof *w);
  w->seed = seed;
  mn_graph_init(&w->g);
  mn_id input = new_value(w, &(mn_shape){4, {1, HEIGHT, WIDTH, 4}});
  w->g.values[input].kind = MN_KIND_INPUT;
  while (w->count < MOST_VALUES) grow(w);
  mn_id outputs[2] = {w->live[MOST_VALUES - 1], w->live[MOST_VALUES / 2]};
  assert_true(mn_graph_set_inputs(&w->g, &input, 1));
  assert_true(mn_graph_set_outputs(&w->g, outputs, 2));
  mn_error err;
  if (mn_graph_verify(&w->g, &err)) fail_msg("seed %llu: %s", (unsigned long long)seed, err.text);
}

static mn_plan *plan_of(const mn_graph *g, const mn_plan_request *request) {
  mn_plan *plan;
  mn_error err;
  if (mn_plan_build(&plan, g, request, &err)) fail_msg("%s", err.text);
  return plan;
}

/* Runs on a fixed input; the outputs one after another, malloced. */
static unsigned char *run_once(const mn_plan *plan, mn_threads *threads, size_t *bytes) {
  mn_session *session;
  mn_error err;
  mn_session_options options = {.struct_size = sizeof options, .threads = threads};
  assert_int_equal(mn_session_new(&session, plan, &options, &err), MN_OK);
  mn_tensor_info info;
  mn_plan_value_info(plan, plan->graph.inputs[0], &info);
  uint64_t seed = 7;
  unsigned char *input = mn_session_input(session, 0);
  for (size_t i = 0; i < info.bytes; i++) input[i] = (unsigned char)tiny_random(&seed);
  if (info.type == MN_F32) {
    for (size_t i = 0; i < info.bytes / 4; i++) {
      ((float *)(void *)input)[i] = (float)(tiny_random(&seed) % 256) / 128.0f - 1.0f;
    }
  }
  assert_int_equal(mn_session_run(session, &err), MN_OK);
  *bytes = 0;
  unsigned char *all = NULL;
  for (int32_t i = 0; i < plan->graph.output_count; i++) {
    mn_plan_value_info(plan, plan->graph.outputs[i], &info);
    all = realloc(all, *bytes + info.bytes);
    memcpy(all + *bytes, mn_session_output(session, i), info.bytes);
    *bytes += info.bytes;
  }
  mn_session_free(session);
  return all;
}

static void expect_same(const mn_plan *a, const mn_plan *b, mn_threads *threads) {
  size_t bytes_a, bytes_b;
  unsigned char *out_a = run_once(a, NULL, &bytes_a), *out_b = run_once(b, threads, &bytes_b);
  assert_int_equal(bytes_a, bytes_b);
  assert_memory_equal(out_a, out_b, bytes_a);
  free(out_a);
  free(out_b);
}

static void expect_apart(const mn_plan *plan) {
  for (int32_t i = 0; i < plan->piece_count; i++) {
    const mn_piece *a = &plan->pieces[i];
    assert_int_equal(a->offset % 64, 0);
    assert_true(a->offset + a->bytes < plan->arena_bytes);
    for (int32_t j = i + 1; j < plan->piece_count; j++) {
      const mn_piece *b = &plan->pieces[j];
      bool together = a->first <= b->last && b->first <= a->last;
      bool overlap = a->offset < b->offset + b->bytes && b->offset < a->offset + a->bytes;
      assert_false(together && overlap);
    }
  }
}

static void reused_memory_gives_the_same_bytes(void **state) {
  (void)state;
  size_t aliased = 0;
  for (uint64_t seed = 1; seed <= 200; seed++) {
    web w;
    build_web(&w, seed);
    mn_plan *kept = plan_of(&w.g, &(mn_plan_request){.keep_all = true});
    mn_plan *reused = plan_of(&w.g, &(mn_plan_request){0});
    expect_same(kept, reused, NULL);
    expect_apart(reused);
    assert_true(reused->arena_bytes <= kept->arena_bytes);
    aliased += (size_t)(kept->piece_count - reused->piece_count);
    mn_plan_free(kept);
    mn_plan_free(reused);
    mn_graph_free(&w.g);
  }
  assert_true(aliased > 150); /* the networks do exercise sharing */
}

static void threads_do_not_change_a_bit(void **state) {
  (void)state;
  mn_threads *threads;
  mn_error err;
  assert_int_equal(mn_threads_new(&threads, 3, &err), MN_OK);
  const mn_type types[] = {MN_F32, MN_U8, MN_I8};
  for (int i = 0; i < 3; i++) {
    mn_graph g;
    assert_true(tiny_net_build(&g, types[i], 64));
    mn_plan *one = plan_of(&g, &(mn_plan_request){.batch = 2});
    mn_plan *three = plan_of(&g, &(mn_plan_request){.batch = 2, .threads = 3});
    expect_same(one, three, threads);
    mn_plan_free(one);
    mn_plan_free(three);
    mn_graph_free(&g);
  }
  mn_threads_free(threads);
}

static void bytes_are_exact(void **state) {
  (void)state;
  mn_graph g;
  mn_error err;
  mn_session *session;
  assert_true(tiny_net_build(&g, MN_I8, 32));
  mn_plan *plan = plan_of(&g, &(mn_plan_request){.threads = 2});
  size_t bytes = mn_plan_session_bytes(plan);
  void *block = aligned_alloc(64, (bytes + 63) / 64 * 64);
  mn_session_options options = {sizeof options, NULL, block, bytes - 1};
  assert_int_equal(mn_session_new(&session, plan, &options, &err), MN_ERR_ARGUMENT);
  assert_null(session);
  options.memory_bytes = bytes;
  assert_int_equal(mn_session_new(&session, plan, &options, &err), MN_OK);
  assert_int_equal(mn_session_run(session, &err), MN_OK);
  mn_session_free(session);
  options.memory = (char *)block + 1;
  assert_int_equal(mn_session_new(&session, plan, &options, &err), MN_ERR_ARGUMENT);
  free(block);
  mn_plan_free(plan);
  mn_graph_free(&g);
}

static void another_size_and_batch_replan(void **state) {
  (void)state;
  mn_graph g;
  mn_error err;
  assert_true(tiny_net_build(&g, MN_F32, 32));
  mn_plan *plan = plan_of(&g, &(mn_plan_request){.batch = 4, .height = 45, .width = 99});
  mn_tensor_info info;
  mn_plan_value_info(plan, plan->graph.outputs[0], &info);
  assert_int_equal(info.dims[0], 4);
  assert_int_equal(info.dims[1], 5);
  size_t bytes;
  free(run_once(plan, NULL, &bytes));
  mn_plan_free(plan);
  mn_plan *refused;
  mn_plan_request tiny = {.height = 70000, .width = 70000};
  assert_int_equal(mn_plan_build(&refused, &g, &tiny, &err), MN_ERR_SHAPE);
  assert_null(refused);
  mn_graph_free(&g);
}

/* A batch is its pictures one by one. */
static void a_batch_equals_its_pictures(void **state) {
  (void)state;
  mn_graph g;
  mn_error err;
  assert_true(tiny_net_build(&g, MN_U8, 32));
  mn_plan *single = plan_of(&g, &(mn_plan_request){0});
  mn_plan *batch = plan_of(&g, &(mn_plan_request){.batch = 3});
  mn_session *one, *three;
  assert_int_equal(mn_session_new(&one, single, NULL, &err), MN_OK);
  assert_int_equal(mn_session_new(&three, batch, NULL, &err), MN_OK);
  size_t picture = 32 * 32 * 3;
  unsigned char pixels[3][32 * 32 * 3];
  uint64_t seed = 3;
  for (size_t i = 0; i < sizeof pixels; i++)
    pixels[i / picture][i % picture] = (unsigned char)tiny_random(&seed);
  memcpy(mn_session_input(three, 0), pixels, sizeof pixels);
  assert_int_equal(mn_session_run(three, &err), MN_OK);
  for (size_t i = 0; i < 3; i++) {
    memcpy(mn_session_input(one, 0), pixels[i], picture);
    assert_int_equal(mn_session_run(one, &err), MN_OK);
    assert_memory_equal(mn_session_output(one, 0),
                        (const unsigned char *)mn_session_output(three, 0) + 5 * i, 5);
  }
  mn_session_free(one);
  mn_session_free(three);
  mn_plan_free(single);
  mn_plan_free(batch);
  mn_graph_free(&g);
}

static void inner_tensors_are_read_by_name(void **state) {
  (void)state;
  mn_graph g;
  mn_error err;
  mn_session *session;
  mn_tensor_info info;
  const void *data;
  assert_true(tiny_net_build(&g, MN_F32, 32));
  mn_plan *plan = plan_of(&g, &(mn_plan_request){.keep_all = true});
  assert_int_equal(mn_session_new(&session, plan, NULL, &err), MN_OK);
  assert_int_equal(mn_session_run(session, &err), MN_OK);
  assert_int_equal(mn_session_tensor(session, "dw", &data, &info, &err), MN_OK);
  assert_int_equal(info.dims[3], 8);
  assert_int_equal(mn_session_tensor(session, "nowhere", &data, &info, &err), MN_ERR_ARGUMENT);
  mn_session_free(session);
  mn_plan_free(plan);
  plan = plan_of(&g, &(mn_plan_request){0});
  assert_int_equal(mn_session_new(&session, plan, NULL, &err), MN_OK);
  assert_int_equal(mn_session_tensor(session, "dw", &data, &info, &err), MN_ERR_ARGUMENT);
  assert_int_equal(mn_session_tensor(session, "scores", &data, &info, &err), MN_OK);
  mn_session_free(session);
  mn_plan_free(plan);
  mn_graph_free(&g);
}

/* 2^15 rows of 2^29 columns, each channel repeated, are 2^47 bytes. One row is one slice: of 2^16
 * workers one needs it. */
static void a_block_beyond_the_cap_is_refused(void **state) {
  (void)state;
  mn_graph g;
  mn_error err;
  mn_plan *plan;
  uint64_t seed = 1;
  mn_shape wide = {4, {1, 1, 1 << 29, 1}}, wider = {4, {1, 1, 1 << 29, 2}};
  mn_graph_init(&g);
  mn_id in = mn_graph_add_value(&g, "in", MN_F32, &wide);
  g.values[in].kind = MN_KIND_INPUT;
  mn_id out = mn_graph_add_value(&g, "out", MN_F32, &wider);
  mn_id weights = tiny_const(&g, "w", MN_F32, (mn_shape){3, {1 << 15, 1, 2}}, &seed);
  mn_id node = mn_graph_add_node(&g, MN_OP_DWCONV2D, "out", (mn_id[]){in, weights}, 2, &out, 1);
  assert_true(weights != MN_NONE && out != MN_NONE && node != MN_NONE);
  g.nodes[node].attr.conv.window = (mn_window){1 << 15, 1, 1, 1, 1, 1, MN_PAD_SAME, 0, 0, 0, 0};
  g.nodes[node].attr.conv.multiplier = 2;
  assert_true(mn_graph_set_inputs(&g, &in, 1) && mn_graph_set_outputs(&g, &out, 1));
  assert_int_equal(mn_graph_verify(&g, &err), MN_OK);
  mn_plan_request request = {.threads = 1};
  mn_plan *alone = plan_of(&g, &request);
  request.threads = 1 << 16;
  plan = plan_of(&g, &request);
  assert_int_equal(plan->arena_bytes, alone->arena_bytes);
  mn_plan_free(alone);
  mn_plan_free(plan);
  request.memory_cap = (uint64_t)1 << 40;
  assert_int_equal(mn_plan_build(&plan, &g, &request, &err), MN_ERR_LIMIT);
  mn_graph_free(&g);
}

static void a_plan_beyond_the_cap_is_refused(void **state) {
  (void)state;
  mn_graph g;
  mn_error err;
  mn_plan *plan;
  assert_true(tiny_net_build(&g, MN_F32, 32));
  plan = plan_of(&g, &(mn_plan_request){0});
  size_t needed = plan->arena_bytes + plan->packed_bytes;
  mn_plan_free(plan);
  mn_plan_request request = {.memory_cap = needed};
  mn_plan_free(plan_of(&g, &request));
  request.memory_cap--;
  assert_int_equal(mn_plan_build(&plan, &g, &request, &err), MN_ERR_LIMIT);
  assert_null(plan);
  assert_non_null(strstr(err.text, "memory_cap"));
  mn_graph_free(&g);
}

/* 1 / scale is infinite here, and 0 times it no number: once converted to an integer as it was. */
static void a_concat_to_the_least_scale_plans(void **state) {
  (void)state;
  mn_graph g;
  mn_error err;
  mn_plan *plan;
  const float one = 1, least = 3e-45f;
  const int32_t lowest = -128;
  mn_shape row = {2, {1, 4}};
  mn_graph_init(&g);
  mn_id in = mn_graph_add_value(&g, "in", MN_I8, &row);
  g.values[in].kind = MN_KIND_INPUT;
  mn_id out = mn_graph_add_value(&g, "out", MN_I8, &row);
  assert_true(mn_graph_set_quant(&g, in, 1, 0, &one, NULL));
  assert_true(mn_graph_set_quant(&g, out, 1, 0, &least, &lowest));
  mn_id node = mn_graph_add_node(&g, MN_OP_CONCAT, "out", &in, 1, &out, 1);
  assert_int_not_equal(node, MN_NONE);
  g.nodes[node].attr.concat.axis = 1;
  assert_true(mn_graph_set_inputs(&g, &in, 1) && mn_graph_set_outputs(&g, &out, 1));
  assert_int_equal(mn_graph_verify(&g, &err), MN_OK);
  assert_int_equal(mn_plan_build(&plan, &g, &(mn_plan_request){0}, &err), MN_OK);
  mn_plan_free(plan);
  mn_graph_free(&g);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(reused_memory_gives_the_same_bytes),
      cmocka_unit_test(threads_do_not_change_a_bit),
      cmocka_unit_test(bytes_are_exact),
      cmocka_unit_test(another_size_and_batch_replan),
      cmocka_unit_test(a_batch_equals_its_pictures),
      cmocka_unit_test(inner_tensors_are_read_by_name),
      cmocka_unit_test(a_block_beyond_the_cap_is_refused),
      cmocka_unit_test(a_plan_beyond_the_cap_is_refused),
      cmocka_unit_test(a_concat_to_the_least_scale_plans),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
