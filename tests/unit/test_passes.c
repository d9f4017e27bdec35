/* SPDX-License-Identifier: Apache-2.0
 * The rewrites: a graph computes the same before and after (by a plain evaluation in double), takes
 * the expected form, and is left alone where a rewrite would not be exact. */
#include "graph_eval.h"

#include "base/alloc.h"
#include "passes/passes.h"
#include "plan/plan.h"

typedef mn_status pass(mn_graph *graph, mn_error *err);

/* Runs the pass: the graph verifies, keeps its output's name, and computes the same. */
static void expect_same(mn_graph *graph, pass *run) {
  mn_arena arena = {0};
  mn_error err = {0};
  int32_t count, after_count;
  const double *before = evaluate(graph, &arena, &count);
  const char *name = graph->values[graph->outputs[0]].name;
  if (run(graph, &err)) fail_msg("%s", err.text);
  if (mn_graph_verify(graph, &err)) fail_msg("%s", err.text);
  assert_string_equal(graph->values[graph->outputs[0]].name, name);
  const double *after = evaluate(graph, &arena, &after_count);
  assert_int_equal(count, after_count);
  bool flat = true;
  for (int32_t i = 0; i < count; i++) {
    double scale = fabs(before[i]) > 1 ? fabs(before[i]) : 1;
    if (!(fabs(before[i] - after[i]) <= 2e-6 * scale)) { /* new weights are floats */
      fail_msg("element %d: %.9g before, %.9g after", i, before[i], after[i]);
    }
    flat = flat && before[i] == before[0];
  }
  assert_false(flat); /* or the comparison says nothing */
  mn_arena_free(&arena);
}

static int32_t count_ops(const mn_graph *graph, mn_op op) {
  int32_t count = 0;
  for (int32_t n = 0; n < graph->node_count; n++) count += graph->nodes[n].op == op;
  return count;
}

/* ---- Batch normalization --------------------------------------------------------------------- */

static mn_id make_norm(mn_graph *g, const char *name, mn_id x, int32_t channels, mn_act act) {
  static const char *const parts[4] = {"gamma", "beta", "mean", "variance"};
  mn_id in[5] = {x};
  for (int i = 0; i < 4; i++) {
    char text[64];
    snprintf(text, sizeof text, "%s.%s", name, parts[i]);
    in[i + 1] = make_const(g, text, MN_F32, SHAPE(channels));
  }
  float *variance = mn_arena_copy(&g->arena, g->values[in[4]].data, (size_t)channels * 4);
  for (int32_t c = 0; c < channels; c++) variance[c] = fabsf(variance[c]) * 2;
  g->values[in[4]].data = variance;
  mn_attr attr = {.batch_norm = {1e-3f, act}};
  return make_node(g, MN_OP_BATCH_NORM, name, MN_F32, attr, 5, in);
}

static mn_id make_conv(mn_graph *g, const char *name, mn_id x, int32_t ic, int32_t oc) {
  char text[64];
  snprintf(text, sizeof text, "%s.weight", name);
  mn_attr attr = {.conv = {make_window(3, 1, MN_PAD_SAME), MN_ACT_NONE, 0}};
  mn_id w = make_const(g, text, MN_F32, SHAPE(oc, 3, 3, ic));
  return make_node(g, MN_OP_CONV2D, name, MN_F32, attr, IDS(x, w));
}

static mn_id start(mn_graph *g) {
  mn_graph_init(g);
  return make_input(g, "x", MN_F32, SHAPE(1, 5, 5, 3));
}

static void finish(mn_graph *g, mn_id out) {
  mn_id x = 0;
  make_done(g, 1, &x, 1, &out);
}

static void test_batchnorm_layers(void **state) {
  (void)state;
  mn_graph g;
  mn_id x = start(&g);
  mn_id y = make_norm(&g, "n1", make_conv(&g, "c1", x, 3, 4), 4, MN_ACT_RELU6);
  mn_attr dw = {.conv = {make_window(3, 2, MN_PAD_EXPLICIT), MN_ACT_NONE, 2}};
  mn_id w = make_const(&g, "dw.weight", MN_F32, SHAPE(3, 3, 8));
  mn_id b = make_const(&g, "dw.bias", MN_F32, SHAPE(8));
  y = make_node(&g, MN_OP_DWCONV2D, "dw", MN_F32, dw, IDS(y, w, b));
  y = make_norm(&g, "n2", y, 8, MN_ACT_NONE);
  mn_id fc = make_const(&g, "fc.weight", MN_F32, SHAPE(6, 32));
  mn_attr dense = {.dense = {MN_ACT_NONE, false}};
  y = make_node(&g, MN_OP_DENSE, "fc", MN_F32, dense, IDS(y, fc));
  finish(&g, make_norm(&g, "n3", y, 6, MN_ACT_RELU));
  expect_same(&g, mn_pass_fold_batchnorm);
  assert_int_equal(g.node_count, 3);
  assert_int_equal(g.value_count, 1 + 3 * 3); /* x, and weights, bias, output of each layer */
  assert_int_equal(g.nodes[0].attr.conv.act, MN_ACT_RELU6);
  assert_int_equal(g.nodes[2].attr.dense.act, MN_ACT_RELU);
  mn_graph_free(&g);
}

/* The constants of the graph it was copied from are not written. */
static void test_batchnorm_borrows(void **state) {
  (void)state;
  mn_graph g, copy;
  mn_error err;
  mn_id x = start(&g);
  finish(&g, make_norm(&g, "n", make_conv(&g, "c", x, 3, 4), 4, MN_ACT_NONE));
  mn_id w = mn_graph_find_value(&g, "c.weight");
  float first = ((const float *)g.values[w].data)[0];
  assert_int_equal(mn_graph_copy(&copy, &g, &err), MN_OK);
  expect_same(&copy, mn_pass_fold_batchnorm);
  assert_true(((const float *)g.values[w].data)[0] == first);
  assert_int_equal(g.node_count, 2);
  mn_graph_free(&copy);
  mn_graph_free(&g);
}

static void test_batchnorm_stays(void **state) {
  (void)state;
  mn_graph g;
  mn_attr linear = {.eltwise = {MN_ACT_NONE}};
  mn_id x = start(&g);
  mn_id before = make_norm(&g, "first", x, 3, MN_ACT_NONE); /* nothing to fold into */
  mn_id conv = make_conv(&g, "c", before, 3, 4);
  mn_id norm = make_norm(&g, "n", conv, 4, MN_ACT_NONE); /* conv is read twice */
  finish(&g, make_node(&g, MN_OP_ADD, "sum", MN_F32, linear, IDS(conv, norm)));
  expect_same(&g, mn_pass_fold_batchnorm);
  assert_int_equal(count_ops(&g, MN_OP_BATCH_NORM), 2);
  mn_graph_free(&g);
}

static void test_batchnorm_shared_weights(void **state) {
  (void)state;
  mn_graph g;
  mn_attr attr = {.conv = {make_window(1, 1, MN_PAD_EXPLICIT), MN_ACT_NONE, 0}};
  mn_attr linear = {.eltwise = {MN_ACT_NONE}};
  mn_id x = start(&g);
  mn_id w = make_const(&g, "w", MN_F32, SHAPE(4, 1, 1, 3));
  mn_id a = make_node(&g, MN_OP_CONV2D, "a", MN_F32, attr, IDS(x, w));
  mn_id b = make_node(&g, MN_OP_CONV2D, "b", MN_F32, attr, IDS(x, w));
  a = make_norm(&g, "na", a, 4, MN_ACT_NONE);
  finish(&g, make_node(&g, MN_OP_ADD, "sum", MN_F32, linear, IDS(a, b)));
  expect_same(&g, mn_pass_fold_batchnorm);
  assert_int_equal(count_ops(&g, MN_OP_BATCH_NORM), 1);
  mn_graph_free(&g);
}

/* ---- Activations ----------------------------------------------------------------------------- */

static void test_fuse_float(void **state) {
  (void)state;
  mn_graph g;
  mn_attr relu6 = {.eltwise = {MN_ACT_RELU6}}, relu = {.eltwise = {MN_ACT_RELU}};
  mn_attr linear = {.eltwise = {MN_ACT_NONE}};
  mn_id x = start(&g);
  mn_id a = make_node(&g, MN_OP_RELU, "a.relu", MN_F32, relu6, IDS(make_conv(&g, "a", x, 3, 3)));
  mn_id b = make_node(&g, MN_OP_ADD, "b", MN_F32, linear, IDS(a, x));
  b = make_node(&g, MN_OP_RELU, "b.relu", MN_F32, relu, IDS(b));
  finish(&g, make_node(&g, MN_OP_RELU, "twice", MN_F32, relu6, IDS(b)));
  expect_same(&g, mn_pass_fuse_activation);
  assert_int_equal(g.node_count, 3); /* a relu after an activation stays */
  assert_int_equal(g.nodes[0].attr.conv.act, MN_ACT_RELU6);
  assert_int_equal(g.nodes[1].attr.eltwise.act, MN_ACT_RELU);
  mn_graph_free(&g);
}

/* int8 conv and relu6; `scale` is the relu's. With `keep` the conv is an output too. */
static void make_int8_relu(mn_graph *g, float scale, bool keep) {
  mn_graph_init(g);
  mn_id x = make_input(g, "x", MN_I8, SHAPE(1, 4, 4, 3));
  make_quant(g, x, 0.05f, 3);
  mn_id w = make_const(g, "w", MN_I8, SHAPE(5, 1, 1, 3));
  make_quant(g, w, 0.01f, 0);
  mn_attr conv = {.conv = {make_window(1, 1, MN_PAD_EXPLICIT), MN_ACT_NONE, 0}};
  mn_attr relu6 = {.eltwise = {MN_ACT_RELU6}};
  mn_id y = make_node(g, MN_OP_CONV2D, "y", MN_I8, conv, IDS(x, w));
  make_quant(g, y, 0.06f, -10);
  mn_id z = make_node(g, MN_OP_RELU, "z", MN_I8, relu6, IDS(y));
  make_quant(g, z, scale, -10);
  make_done(g, 1, &x, keep ? 2 : 1, (const mn_id[]){z, y});
}

static void run_int8(const mn_graph *g, int8_t *out, size_t size) {
  mn_plan *plan;
  mn_session *session;
  mn_error err = {0};
  mn_plan_request request = {.threads = 1};
  if (mn_plan_build(&plan, g, &request, &err)) fail_msg("%s", err.text);
  if (mn_session_new(&session, plan, NULL, &err)) fail_msg("%s", err.text);
  int8_t *input = mn_session_input(session, 0);
  for (int i = 0; i < 48; i++) input[i] = (int8_t)(i * 37 % 256 - 128);
  assert_int_equal(mn_session_run(session, &err), MN_OK);
  memcpy(out, mn_session_output(session, 0), size);
  mn_session_free(session);
  mn_plan_free(plan);
}

static void test_fuse_int8(void **state) {
  (void)state;
  mn_graph apart, joined;
  mn_error err = {0};
  int8_t before[80], after[80];
  make_int8_relu(&apart, 0.06f, true); /* never fused: the conv has another reader */
  assert_int_equal(mn_pass_fuse_activation(&apart, &err), MN_OK);
  assert_int_equal(apart.node_count, 2);
  make_int8_relu(&joined, 0.06f, false);
  assert_int_equal(mn_pass_fuse_activation(&joined, &err), MN_OK);
  assert_int_equal(mn_graph_verify(&joined, &err), MN_OK);
  assert_int_equal(joined.node_count, 1);
  run_int8(&apart, before, sizeof before);
  run_int8(&joined, after, sizeof after);
  assert_memory_equal(before, after, sizeof before);
  mn_graph_free(&apart);
  mn_graph_free(&joined);
  make_int8_relu(&joined, 0.05f, false); /* rescales as well */
  assert_int_equal(mn_pass_fuse_activation(&joined, &err), MN_OK);
  assert_int_equal(joined.node_count, 2);
  mn_graph_free(&joined);
}

/* ---- Hard-swish ------------------------------------------------------------------------------ */

typedef struct pieces {
  mn_graph *g;
  mn_id x, three, sixth;
} pieces;

static pieces make_pieces(mn_graph *g, float three, float sixth) {
  pieces p = {g, start(g), 0, 0};
  p.three = make_floats(g, "three", SHAPE(1), &three);
  p.sixth = make_floats(g, "sixth", SHAPE(1), &sixth);
  return p;
}

static mn_id mul(const pieces *p, const char *name, mn_id a, mn_id b) {
  mn_attr linear = {.eltwise = {MN_ACT_NONE}};
  return make_node(p->g, MN_OP_MUL, name, MN_F32, linear, IDS(a, b));
}

/* relu6(x + 3), in one node or two. */
static mn_id shifted(const pieces *p, bool fused) {
  mn_attr linear = {.eltwise = {MN_ACT_NONE}}, relu6 = {.eltwise = {MN_ACT_RELU6}};
  mn_id sum = make_node(p->g, MN_OP_ADD, "t", MN_F32, fused ? relu6 : linear, IDS(p->three, p->x));
  return fused ? sum : make_node(p->g, MN_OP_RELU, "t6", MN_F32, relu6, IDS(sum));
}

static mn_id spell(const pieces *p, int spelling, bool fused) {
  mn_id t = shifted(p, fused);
  switch (spelling) {
    case 0: return mul(p, "y", p->x, mul(p, "s", t, p->sixth));
    case 1: return mul(p, "y", mul(p, "s", p->sixth, t), p->x);
    case 2: return mul(p, "y", mul(p, "s", p->x, t), p->sixth);
    case 3: return mul(p, "y", p->sixth, mul(p, "s", t, p->x));
    case 4: return mul(p, "y", mul(p, "s", p->x, p->sixth), t);
    default: return mul(p, "y", t, mul(p, "s", p->sixth, p->x));
  }
}

static void test_hard_swish_spellings(void **state) {
  (void)state;
  for (int i = 0; i < 12; i++) {
    mn_graph g;
    pieces p = make_pieces(&g, 3, 1.0f / 6);
    finish(&g, spell(&p, i / 2, i % 2));
    expect_same(&g, mn_pass_match_hard_swish);
    assert_int_equal(g.node_count, 1);
    assert_int_equal(g.nodes[0].op, MN_OP_HARD_SWISH);
    assert_int_equal(g.value_count, 2);
    mn_graph_free(&g);
  }
}

static void test_hard_sigmoid(void **state) {
  (void)state;
  mn_graph g;
  pieces p = make_pieces(&g, 3, 1.0f / 6);
  mn_id gate = mul(&p, "gate", shifted(&p, true), p.sixth);
  mn_id other = make_conv(&g, "c", p.x, 3, 3);
  finish(&g, mul(&p, "y", other, gate)); /* a gate of something else, as in SE */
  expect_same(&g, mn_pass_match_hard_swish);
  assert_int_equal(count_ops(&g, MN_OP_HARD_SIGMOID), 1);
  assert_int_equal(count_ops(&g, MN_OP_MUL), 1);
  assert_int_equal(g.node_count, 3);
  mn_graph_free(&g);
}

static void test_not_hard_swish(void **state) {
  (void)state;
  static const float constants[][2] = {{3, 0.16667f}, {2.999f, 1.0f / 6}, {-3, 1.0f / 6}};
  for (size_t i = 0; i < sizeof constants / sizeof constants[0]; i++) {
    mn_graph g;
    pieces p = make_pieces(&g, constants[i][0], constants[i][1]);
    finish(&g, spell(&p, 0, true));
    expect_same(&g, mn_pass_match_hard_swish);
    assert_int_equal(g.node_count, 3);
    mn_graph_free(&g);
  }
}

static void test_hard_swish_into_layers(void **state) {
  (void)state;
  mn_graph g;
  mn_attr none = {0};
  mn_id x = start(&g);
  mn_id a = make_node(&g, MN_OP_HARD_SWISH, "a", MN_F32, none, IDS(make_conv(&g, "ca", x, 3, 3)));
  mn_id b = make_node(&g, MN_OP_HARD_SWISH, "b", MN_F32, none, IDS(a)); /* one a layer */
  mn_id c = make_conv(&g, "c", b, 3, 3);                                /* read twice */
  mn_id d = make_node(&g, MN_OP_HARD_SWISH, "d", MN_F32, none, IDS(c));
  finish(&g, make_node(&g, MN_OP_ADD, "y", MN_F32, none, IDS(c, d)));
  expect_same(&g, mn_pass_fuse_hard_swish);
  assert_int_equal(count_ops(&g, MN_OP_HARD_SWISH), 2);
  assert_int_equal(g.nodes[0].attr.conv.act, MN_ACT_HARD_SWISH);
  mn_graph_free(&g);
}

/* ---- Pads ------------------------------------------------------------------------------------ */

static void make_padded_conv(mn_graph *g, mn_attr pads, mn_pad_rule rule) {
  mn_id x = start(g);
  mn_id padded = make_node(g, MN_OP_PAD, "padded", MN_F32, pads, IDS(x));
  mn_attr attr = {.conv = {make_window(3, 2, rule), MN_ACT_NONE, 0}};
  mn_id w = make_const(g, "w", MN_F32, SHAPE(4, 3, 3, 3 + pads.pad.after[3]));
  finish(g, make_node(g, MN_OP_CONV2D, "c", MN_F32, attr, IDS(padded, w)));
}

static void test_pad_into_conv(void **state) {
  (void)state;
  mn_graph g;
  make_padded_conv(&g, (mn_attr){.pad = {{0, 0, 1, 0}, {0, 2, 1, 0}}}, MN_PAD_EXPLICIT);
  expect_same(&g, mn_pass_fold_pad);
  assert_int_equal(g.node_count, 1);
  assert_int_equal(g.nodes[0].attr.conv.window.pad_bottom, 2);
  assert_int_equal(g.nodes[0].attr.conv.window.pad_left, 1);
  mn_graph_free(&g);
}

/* ---- Space to batch -------------------------------------------------------------------------- */

typedef struct atrous {
  int32_t block_h, block_w, pads[4], crops[4];
  mn_pad_rule rule; /* of the layer within */
} atrous;

static void make_atrous(mn_graph *g, const atrous *how, bool depthwise) {
  const int32_t *p = how->pads, *c = how->crops;
  mn_attr split = {.space_batch = {how->block_h, how->block_w, p[0], p[1], p[2], p[3]}};
  mn_attr join = {.space_batch = {how->block_h, how->block_w, c[0], c[1], c[2], c[3]}};
  mn_attr attr = {.conv = {make_window(3, 1, how->rule), MN_ACT_NONE, depthwise}};
  mn_id parts = make_node(g, MN_OP_SPACE_TO_BATCH, "parts", MN_F32, split, IDS(start(g)));
  mn_id w = depthwise ? make_const(g, "w", MN_F32, SHAPE(3, 3, 3))
                      : make_const(g, "w", MN_F32, SHAPE(4, 3, 3, 3));
  mn_op op = depthwise ? MN_OP_DWCONV2D : MN_OP_CONV2D;
  mn_id y = make_node(g, op, "c", MN_F32, attr, IDS(parts, w));
  finish(g, make_node(g, MN_OP_BATCH_TO_SPACE, "y", MN_F32, join, IDS(y)));
}

static void test_space_batch_is_a_dilation(void **state) {
  (void)state;
  static const atrous cases[] = {
      {2, 2, {2, 3, 2, 3}, {0, 1, 0, 1}, MN_PAD_EXPLICIT},
      {2, 3, {2, 3, 3, 4}, {0, 1, 0, 1}, MN_PAD_EXPLICIT}, /* unequal, padded to whole blocks */
      {3, 2, {4, 6, 3, 4}, {1, 3, 1, 2}, MN_PAD_EXPLICIT}, /* cropped in front */
      {2, 1, {0, 1, 0, 0}, {0, 1, 0, 0}, MN_PAD_EXPLICIT}, /* no pads of its own */
  };
  for (size_t i = 0; i < 2 * (sizeof cases / sizeof cases[0]); i++) {
    const atrous *how = &cases[i / 2];
    mn_graph g;
    make_atrous(&g, how, i % 2);
    expect_same(&g, mn_pass_fold_space_batch);
    assert_int_equal(g.node_count, 1);
    const mn_window *w = &g.nodes[0].attr.conv.window;
    assert_int_equal(w->dilation_h, how->block_h);
    assert_int_equal(w->dilation_w, how->block_w);
    assert_int_equal(w->pad_top, how->pads[0] - how->crops[0]);
    assert_int_equal(w->pad_right, how->pads[3] - how->crops[3]);
    mn_graph_free(&g);
  }
}

static void test_space_batch_stays(void **state) {
  (void)state;
  static const atrous cases[] = {
      {2, 2, {0, 1, 0, 1}, {0, 1, 0, 1}, MN_PAD_SAME},     /* pads between the parts */
      {2, 2, {2, 3, 2, 3}, {3, 0, 0, 1}, MN_PAD_EXPLICIT}, /* crops more than it pads */
      {2, 2, {6, 1, 0, 1}, {0, 0, 0, 0}, MN_PAD_EXPLICIT}, /* a window of pads only */
  };
  for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
    mn_graph g;
    make_atrous(&g, &cases[i], false);
    expect_same(&g, mn_pass_fold_space_batch);
    assert_int_equal(g.node_count, 3);
    mn_graph_free(&g);
  }
}

static void test_pad_stays(void **state) {
  (void)state;
  static const struct {
    mn_attr pads;
    mn_pad_rule rule;
  } cases[] = {
      {{.pad = {{0, 0, 0, 0}, {0, 1, 1, 0}}}, MN_PAD_SAME},     /* depends on the size */
      {{.pad = {{0, 0, 0, 0}, {0, 1, 1, 1}}}, MN_PAD_EXPLICIT}, /* channels */
      {{.pad = {{0, 3, 0, 0}, {0, 0, 0, 0}}}, MN_PAD_EXPLICIT}, /* a window of pads only */
  };
  for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
    mn_graph g;
    make_padded_conv(&g, cases[i].pads, cases[i].rule);
    expect_same(&g, mn_pass_fold_pad);
    assert_int_equal(g.node_count, 2);
    mn_graph_free(&g);
  }
}

/* ---- Constants and dead code ----------------------------------------------------------------- */

static void test_constants(void **state) {
  (void)state;
  static const uint16_t halves[6] = {0x3C00, 0xC000, 0x3555, 0x0001, 0x8000, 0x7BFF};
  static const float expected[6] = {1, -2, 0.333251953125f, 5.9604644775390625e-8f, -0.0f, 65504};
  mn_graph g;
  mn_error err = {0};
  mn_attr none = {0}, to = {.reshape = {{2, {2, 3}}}};
  mn_graph_init(&g);
  mn_id x = make_input(&g, "x", MN_F32, SHAPE(1, 3));
  mn_id h = make_const(&g, "half", MN_F16, SHAPE(6));
  g.values[h].data = halves;
  mn_id f = make_node(&g, MN_OP_DEQUANTIZE, "full", MN_F32, none, IDS(h));
  mn_id r = make_node(&g, MN_OP_RESHAPE, "table", MN_F32, to, IDS(f));
  mn_id c = make_const(&g, "codes", MN_I8, SHAPE(2, 3));
  assert_true(
      mn_graph_set_quant(&g, c, 3, 1, (const float[]){1, 0.5f, 2}, (const int32_t[]){0, 1, -4}));
  mn_id d = make_node(&g, MN_OP_DEQUANTIZE, "decoded", MN_F32, none, IDS(c));
  mn_attr linear = {.eltwise = {MN_ACT_NONE}};
  mn_id s = make_node(&g, MN_OP_ADD, "s", MN_F32, linear, IDS(r, d));
  mn_id y = make_node(&g, MN_OP_ADD, "y", MN_F32, linear, IDS(s, x));
  make_done(&g, 1, &x, 1, &y);
  int8_t codes[6];
  memcpy(codes, g.values[c].data, sizeof codes);
  assert_int_equal(mn_pass_fold_constants(&g, &err), MN_OK);
  if (mn_graph_verify(&g, &err)) fail_msg("%s", err.text);
  assert_int_equal(g.node_count, 2);
  const float *table = g.values[mn_graph_find_value(&g, "table")].data;
  const float *decoded = g.values[mn_graph_find_value(&g, "decoded")].data;
  for (int i = 0; i < 6; i++) {
    static const float scale[3] = {1, 0.5f, 2};
    static const int32_t zero[3] = {0, 1, -4};
    assert_true(table[i] == expected[i] && signbit(table[i]) == signbit(expected[i]));
    assert_true(decoded[i] == scale[i % 3] * (float)(codes[i] - zero[i % 3]));
  }
  assert_int_equal(mn_graph_find_value(&g, "half"), MN_NONE);
  mn_graph_free(&g);
}

/* Nodes that each dequantize the same constant would multiply a small file in memory. */
static void test_constants_expanded_again_and_again(void **state) {
  (void)state;
  for (int nodes = 2; nodes <= 3; nodes++) {
    mn_graph g;
    mn_error err = {0};
    mn_attr none = {0};
    mn_id x = start(&g), y = x;
    mn_id code = make_const(&g, "code", MN_U8, SHAPE(1, 5, 5, 3));
    make_quant(&g, code, 0.5f, 7);
    for (int i = 0; i < nodes; i++) {
      char name[16], sum[16];
      snprintf(name, sizeof name, "d%d", i);
      snprintf(sum, sizeof sum, "s%d", i);
      mn_id d = make_node(&g, MN_OP_DEQUANTIZE, name, MN_F32, none, IDS(code));
      y = make_node(&g, MN_OP_ADD, sum, MN_F32, none, IDS(y, d));
    }
    finish(&g, y);
    assert_int_equal(mn_pass_fold_constants(&g, &err), nodes == 2 ? MN_OK : MN_ERR_LIMIT);
    mn_graph_free(&g);
  }
}

static void test_remove_dead(void **state) {
  (void)state;
  mn_graph g;
  mn_error err = {0};
  mn_attr relu = {.eltwise = {MN_ACT_RELU}}, none = {0};
  mn_graph_init(&g);
  mn_id unused = make_input(&g, "unused", MN_F32, SHAPE(2));
  mn_id x = make_input(&g, "x", MN_F32, SHAPE(1, 5, 5, 3));
  mn_id lost = make_conv(&g, "lost", x, 3, 4);
  make_node(&g, MN_OP_RELU, "lost.relu", MN_F32, relu, IDS(lost));
  mn_id y = make_conv(&g, "kept", x, 3, 4);
  mn_id z = make_node(&g, MN_OP_LOGISTIC, "z", MN_F32, none, IDS(y));
  make_done(&g, 2, (const mn_id[]){unused, x}, 2, (const mn_id[]){z, y});
  g.fixed_by = 3;
  assert_int_equal(mn_pass_remove_dead(&g, &err), MN_OK);
  if (mn_graph_verify(&g, &err)) fail_msg("%s", err.text);
  assert_int_equal(g.node_count, 2);
  assert_int_equal(g.value_count, 5);
  assert_string_equal(g.nodes[0].name, "kept");
  assert_int_equal(g.fixed_by, 1);
  assert_int_equal(g.input_count, 2);
  assert_string_equal(g.values[g.outputs[1]].name, "kept");
  mn_graph_free(&g);
}

/* A block of V3 as PyTorch writes it, through the whole list. */
static void test_all(void **state) {
  (void)state;
  mn_graph g;
  mn_attr linear = {.eltwise = {MN_ACT_NONE}}, relu6 = {.eltwise = {MN_ACT_RELU6}};
  pieces p = make_pieces(&g, 3, 1.0f / 6);
  mn_attr pads = {.pad = {{0, 1, 1, 0}, {0, 1, 1, 0}}};
  mn_id y = make_node(&g, MN_OP_PAD, "pad", MN_F32, pads, IDS(p.x));
  mn_attr valid = {.conv = {make_window(3, 1, MN_PAD_EXPLICIT), MN_ACT_NONE, 0}};
  mn_id w = make_const(&g, "w", MN_F32, SHAPE(3, 3, 3, 3));
  y = make_node(&g, MN_OP_CONV2D, "conv", MN_F32, valid, IDS(y, w));
  y = make_norm(&g, "norm", y, 3, MN_ACT_NONE);
  mn_id t = make_node(&g, MN_OP_ADD, "t", MN_F32, linear, IDS(y, p.three));
  t = make_node(&g, MN_OP_RELU, "t6", MN_F32, relu6, IDS(t));
  mn_id swish = mul(&p, "swish", y, mul(&p, "gate", t, p.sixth));
  mn_id sum = make_node(&g, MN_OP_ADD, "sum", MN_F32, linear, IDS(swish, p.x));
  finish(&g, make_node(&g, MN_OP_RELU, "out", MN_F32, relu6, IDS(sum)));
  expect_same(&g, mn_passes_run);
  assert_int_equal(g.node_count, 3);
  assert_int_equal(g.nodes[0].op, MN_OP_CONV2D);
  assert_int_equal(g.nodes[1].op, MN_OP_HARD_SWISH);
  assert_int_equal(g.nodes[2].op, MN_OP_ADD);
  assert_int_equal(g.nodes[2].attr.eltwise.act, MN_ACT_RELU6);
  mn_graph_free(&g);
}

/* The list finds nothing more in its own result, and takes a graph with every operator. */
static void test_all_ops(void **state) {
  (void)state;
  mn_graph g;
  mn_error err = {0};
  make_every_op(&g);
  if (mn_passes_run(&g, &err)) fail_msg("%s", err.text);
  char *once = mn_graph_print(&g, &g.arena);
  if (mn_passes_run(&g, &err)) fail_msg("%s", err.text);
  assert_string_equal(once, mn_graph_print(&g, &g.arena));
  mn_graph_free(&g);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(test_batchnorm_layers),
      cmocka_unit_test(test_batchnorm_borrows),
      cmocka_unit_test(test_batchnorm_stays),
      cmocka_unit_test(test_batchnorm_shared_weights),
      cmocka_unit_test(test_fuse_float),
      cmocka_unit_test(test_fuse_int8),
      cmocka_unit_test(test_hard_swish_spellings),
      cmocka_unit_test(test_hard_sigmoid),
      cmocka_unit_test(test_not_hard_swish),
      cmocka_unit_test(test_hard_swish_into_layers),
      cmocka_unit_test(test_pad_into_conv),
      cmocka_unit_test(test_pad_stays),
      cmocka_unit_test(test_space_batch_is_a_dilation),
      cmocka_unit_test(test_space_batch_stays),
      cmocka_unit_test(test_constants),
      cmocka_unit_test(test_constants_expanded_again_and_again),
      cmocka_unit_test(test_remove_dead),
      cmocka_unit_test(test_all),
      cmocka_unit_test(test_all_ops),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
