/* SPDX-License-Identifier: Apache-2.0
 * A batch in groups gives the bytes of the batch at once, over random networks; as many images a
 * group as fit; and where images meet there is one group. */
#include "../golden/random_net.h"
#include "plan_run.h"

enum { NETWORKS = 300, BATCH = 6, MOST_BYTES = 1 << 20 };

static mn_plan *plan_of(const mn_graph *g, mn_plan_goal goal, int batch) {
  return plan_for(g, NULL, (mn_plan_request){.goal = goal, .batch = batch});
}

/* Output 0's bytes, twice run. */
static size_t run(const mn_plan *plan, unsigned char *to) {
  mn_session *session;
  mn_error err;
  mn_tensor_info in, out;
  assert_int_equal(mn_session_new(&session, plan, NULL, &err), MN_OK);
  mn_plan_value_info(plan, plan->graph.inputs[0], &in);
  mn_plan_value_info(plan, plan->graph.outputs[0], &out);
  assert_true(out.bytes <= MOST_BYTES);
  for (int i = 0; i < 2; i++) {
    random_net_input(&plan->graph.values[plan->graph.inputs[0]], 1, mn_session_input(session, 0),
                     in.bytes);
    assert_int_equal(mn_session_run(session, &err), MN_OK);
  }
  memcpy(to, mn_session_output(session, 0), out.bytes);
  mn_session_free(session);
  return out.bytes;
}

static unsigned char expected[MOST_BYTES], got[MOST_BYTES];

/* How many groups there were. */
static int32_t expect_same(const mn_graph *g, mn_plan_goal goal, int batch) {
  mn_plan *whole = plan_of(g, MN_PLAN_LAYERS, batch), *plan = plan_of(g, goal, batch);
  const int32_t groups = plan->groups;
  assert_int_equal(whole->groups, 1);
  const size_t bytes = run(whole, expected);
  assert_int_equal(run(plan, got), bytes);
  assert_memory_equal(got, expected, bytes);
  mn_plan_free(whole);
  mn_plan_free(plan);
  return groups;
}

static void random_networks_give_the_same_bytes(void **state) {
  (void)state;
  int32_t parted = 0;
  for (uint32_t seed = 1; seed <= NETWORKS; seed++) {
    mn_graph g;
    random_net_make(&g, seed);
    parted += expect_same(&g, MN_PLAN_MEMORY, BATCH) == BATCH;
    expect_same(&g, MN_PLAN_SPEED, BATCH);
    mn_graph_free(&g);
  }
  assert_true(parted > NETWORKS / 2);
}

/* ---- Images of a group ----------------------------------------------------------------------- */

static mn_id make_conv(mn_graph *g, const char *name, const char *weights, mn_shape shape,
                       int32_t stride, mn_id in) {
  const bool depthwise = shape.rank == 3;
  const mn_window window = make_window(depthwise ? shape.dim[0] : 1, stride, MN_PAD_SAME);
  const mn_attr attr = {.conv = {window, MN_ACT_RELU6, depthwise}};
  const mn_id w = make_const(g, weights, MN_F32, shape);
  return make_node(g, depthwise ? MN_OP_DWCONV2D : MN_OP_CONV2D, name, MN_F32, attr,
                   IDS(in, w, MN_NONE));
}

static void finish(mn_graph *g, mn_id in, mn_id out) {
  mn_error err;
  mn_shape shapes[16];
  assert_true(mn_graph_set_inputs(g, &in, 1) && mn_graph_set_outputs(g, &out, 1));
  assert_true(g->value_count <= 16);
  if (mn_graph_infer(g, &g->values[in].shape, shapes, &err)) fail_msg("%s", err.text);
  for (int32_t i = 0; i < g->value_count; i++) g->values[i].shape = shapes[i];
  if (mn_graph_verify(g, &err)) fail_msg("%s", err.text);
}

/* Two images' maps are within the limit of a group, three's are not. */
static void as_many_images_as_fit(void **state) {
  (void)state;
  mn_graph g;
  mn_graph_init(&g);
  const mn_id in = make_input(&g, "in", MN_F32, SHAPE(1, 32, 32, 8));
  const mn_id wide = make_conv(&g, "wide", "w1", SHAPE(100, 1, 1, 8), 1, in);
  const mn_id down = make_conv(&g, "down", "w2", SHAPE(3, 3, 100), 2, wide);
  finish(&g, in, make_conv(&g, "out", "w3", SHAPE(8, 1, 1, 100), 1, down));
  assert_int_equal(expect_same(&g, MN_PLAN_SPEED, BATCH), BATCH / 2);
  assert_int_equal(expect_same(&g, MN_PLAN_SPEED, 7), 7); /* nothing else divides it */
  mn_graph_free(&g);
}

/* ---- Where images meet ----------------------------------------------------------------------- */

static mn_id reshape(mn_graph *g, const char *name, mn_shape shape, mn_id in) {
  return make_node(g, MN_OP_RESHAPE, name, MN_F32, (mn_attr){.reshape = {shape}}, IDS(in));
}

static mn_id softmax_over_all(mn_graph *g, mn_id in) {
  const mn_id flat = reshape(g, "flat", SHAPE(-1), in);
  return make_node(g, MN_OP_SOFTMAX, "out", MN_F32, (mn_attr){.softmax = {1}}, IDS(flat));
}

/* [batch, 1, 1, 6] + [batch] by columns: image 0's number is for column 0 of every image. */
static mn_id sum_across(mn_graph *g, mn_id in) {
  const mn_attr all = {.reduce = {1 << 1 | 1 << 2 | 1 << 3, false}};
  const mn_attr map = {.reduce = {1 << 1 | 1 << 2, true}};
  const mn_id numbers = make_node(g, MN_OP_MEAN, "numbers", MN_F32, all, IDS(in));
  const mn_id rows = make_node(g, MN_OP_MEAN, "rows", MN_F32, map, IDS(in));
  return make_node(g, MN_OP_ADD, "out", MN_F32, (mn_attr){0}, IDS(rows, numbers));
}

static mn_id batches_stacked(mn_graph *g, mn_id in) {
  const mn_attr relu = {.eltwise = {MN_ACT_RELU}};
  const mn_id other = make_node(g, MN_OP_RELU, "other", MN_F32, relu, IDS(in));
  return make_node(g, MN_OP_CONCAT, "out", MN_F32, (mn_attr){.concat = {0, MN_ACT_NONE}},
                   IDS(in, other));
}

static mn_id mean_of_images(mn_graph *g, mn_id in) {
  return make_node(g, MN_OP_MEAN, "out", MN_F32, (mn_attr){.reduce = {1, true}}, IDS(in));
}

static void images_that_meet_stay_together(void **state) {
  (void)state;
  mn_id (*const make[])(mn_graph *, mn_id) = {softmax_over_all, sum_across, batches_stacked,
                                              mean_of_images};
  for (size_t i = 0; i < sizeof make / sizeof make[0]; i++) {
    mn_graph g;
    mn_graph_init(&g);
    const mn_id in = make_input(&g, "in", MN_F32, SHAPE(BATCH, 5, 3, BATCH));
    finish(&g, in, make[i](&g, in));
    assert_int_equal(expect_same(&g, MN_PLAN_MEMORY, BATCH), 1);
    mn_graph_free(&g);
  }
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(random_networks_give_the_same_bytes),
      cmocka_unit_test(as_many_images_as_fit),
      cmocka_unit_test(images_that_meet_stay_together),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
