/* SPDX-License-Identifier: Apache-2.0
 * Random small networks for tests: a seed gives a graph (float, u8 or i8) and its input. Every
 * choice comes from the seed by integer arithmetic, so that the same seed is the same network on
 * every machine. Quantization obeys what TFLite demands of each operator. */
#ifndef MN_TESTS_RANDOM_NET_H
#define MN_TESTS_RANDOM_NET_H

#include "../unit/graph_maker.h"

typedef struct random_net {
  mn_graph *g;
  uint64_t state;
  mn_type type;
  mn_id now;       /* the newest value */
  int32_t count;   /* names given out */
  float magnitude; /* of float constants: keeps sums near 1, where rounding is small */
} random_net;

static inline uint64_t random_word(random_net *r) {
  uint64_t z = (r->state += 0x9e3779b97f4a7c15u); /* splitmix64 */
  z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9u;
  z = (z ^ (z >> 27)) * 0x94d049bb133111ebu;
  return z ^ (z >> 31);
}

/* lo..hi, both possible. */
static inline int32_t pick(random_net *r, int32_t lo, int32_t hi) {
  return lo + (int32_t)(random_word(r) % (uint64_t)(hi - lo + 1));
}

static inline float pick_scale(random_net *r, float about) {
  return about * (0.5f + (float)pick(r, 0, 1000) / 1000.0f);
}

static inline int32_t lowest_code(mn_type type) { return type == MN_I8 ? -128 : 0; }

static inline int32_t pick_zero(random_net *r, mn_type type) {
  int32_t low = lowest_code(type), kind = pick(r, 0, 5);
  return kind == 0 ? low + pick(r, 0, 255) : kind == 1 ? low + 128 : low + pick(r, 90, 160);
}

/* One number a statement: the order of a call's arguments is the compiler's own. */
static inline void quantize_random(random_net *r, mn_id value) {
  int32_t zero = pick_zero(r, r->type);
  float scale = pick_scale(r, 0.02f);
  make_quant(r->g, value, scale, zero);
}

static inline const char *next_name(random_net *r, char text[16]) {
  snprintf(text, 16, "v%d", r->count++);
  return text;
}

static inline bool is_float(const random_net *r) { return r->type == MN_F32; }

/* ---- Constants ------------------------------------------------------------------------------- */

static inline void fill_random(random_net *r, mn_type type, void *data, int32_t elements) {
  for (int32_t i = 0; i < elements; i++) {
    int32_t q = pick(r, 0, 255);
    if (type == MN_F32)
      ((float *)data)[i] = r->magnitude * (float)(pick(r, 0, 2000) - 1000) / 1000.0f;
    if (type == MN_U8) ((uint8_t *)data)[i] = (uint8_t)q;
    if (type == MN_I8) ((int8_t *)data)[i] = (int8_t)(q < 1 ? 0 : q - 128);
    if (type == MN_I32) ((int32_t *)data)[i] = pick(r, -2000, 2000);
  }
}

static inline mn_id random_const(random_net *r, mn_type type, mn_shape shape) {
  char name[16];
  int32_t elements;
  assert_true(mn_shape_elements(&shape, &elements));
  void *data = mn_arena_array(&r->g->arena, (size_t)elements, mn_type_bytes(type));
  assert_non_null(data);
  fill_random(r, type, data, elements);
  mn_id id = mn_graph_add_const(r->g, next_name(r, name), type, &shape, data);
  assert_int_not_equal(id, MN_NONE);
  return id;
}

/* ---- Nodes ----------------------------------------------------------------------------------- */

static inline const mn_value *value_now(const random_net *r) { return &r->g->values[r->now]; }
static inline float scale_now(const random_net *r) {
  return value_now(r)->quant.count ? value_now(r)->quant.scale[0] : 1.0f;
}

static inline bool is_map(const random_net *r) { return value_now(r)->shape.rank == 4; }

/* Adds the node, infers its shape, makes its output the newest value; scale 0 keeps the input's
 * quantization. */
static inline void add_node(random_net *r, mn_op op, mn_type type, mn_attr attr, int32_t count,
                            const mn_id *in, float scale, int32_t zero) {
  char name[16];
  mn_quant same = r->g->values[in[0]].quant;
  mn_id out = make_node(r->g, op, next_name(r, name), type, attr, count, in);
  if (type == MN_U8 || type == MN_I8) {
    if (scale > 0) {
      make_quant(r->g, out, scale, zero);
    } else {
      r->g->values[out].quant = same;
    }
  }
  mn_shape *shapes = calloc((size_t)r->g->value_count, sizeof *shapes);
  mn_shape inputs[1] = {r->g->values[r->g->inputs[0]].shape};
  mn_error err = {0};
  assert_non_null(shapes);
  if (mn_graph_infer(r->g, inputs, shapes, &err)) fail_msg("%s", err.text);
  r->g->values[out].shape = shapes[out];
  free(shapes);
  r->now = out;
}

static inline void add_same(random_net *r, mn_op op, mn_attr attr) {
  add_node(r, op, r->type, attr, 1, &r->now, 0, 0);
}

/* None, mostly: what is cut off shows nothing. */
static inline mn_act pick_act(random_net *r) { return (mn_act)(pick(r, 0, 2) ? 0 : pick(r, 1, 3)); }

/* A window that fits into the newest map. */
static inline mn_window pick_window(random_net *r, bool dilated, bool explicit_pads) {
  const mn_shape *x = &value_now(r)->shape;
  mn_window w = {.stride_h = pick(r, 1, 3), .stride_w = pick(r, 1, 3), .pad_rule = MN_PAD_SAME};
  w.kernel_h = pick(r, 1, x->dim[1] < 5 ? x->dim[1] : 5);
  w.kernel_w = pick(r, 1, x->dim[2] < 5 ? x->dim[2] : 5);
  w.dilation_h = w.dilation_w = 1;
  if (pick(r, 0, 2) == 0) w.kernel_h = w.kernel_w = w.stride_h = w.stride_w = 1;
  if (dilated && pick(r, 0, 3) == 0) {
    w.stride_h = w.stride_w = 1;
    w.dilation_h = pick(r, 1, 3);
    w.dilation_w = pick(r, 1, 3);
    return w;
  }
  if (pick(r, 0, 1)) w.pad_rule = MN_PAD_EXPLICIT;
  if (explicit_pads && w.pad_rule == MN_PAD_EXPLICIT && pick(r, 0, 1)) {
    w.pad_top = pick(r, 0, 2);
    w.pad_bottom = pick(r, 0, 2);
    w.pad_left = pick(r, 0, 2);
    w.pad_right = pick(r, 0, 2);
  }
  return w;
}

/* Weights and bias of a layer of `channels` outputs with `depth` products each; the output's scale
 * is set so that codes spread over the range without saturating everywhere. */
static inline void add_layer(random_net *r, mn_op op, mn_shape shape, int32_t channels,
                             int32_t axis, int32_t depth, mn_attr attr) {
  mn_type type = r->type;
  float w_scale = pick_scale(r, 0.01f), spread = 1;
  while (spread * spread < (float)depth) spread += 1;
  r->magnitude = 1 / spread;
  mn_id in[3] = {r->now, random_const(r, type, shape), MN_NONE};
  r->magnitude = 1;
  if (!is_float(r)) {
    bool each = type == MN_I8 && op != MN_OP_DENSE && pick(r, 0, 1);
    int32_t count = each ? channels : 1;
    float *scales = mn_arena_array(&r->g->arena, (size_t)count, sizeof *scales);
    int32_t zero = type == MN_U8 ? pick(r, 100, 156) : 0;
    assert_non_null(scales);
    for (int32_t i = 0; i < count; i++) scales[i] = each ? pick_scale(r, 0.01f) : w_scale;
    assert_true(mn_graph_set_quant(r->g, in[1], count, axis, scales, type == MN_U8 ? &zero : NULL));
  }
  if (pick(r, 0, 4)) {
    in[2] = random_const(r, is_float(r) ? MN_F32 : MN_I32, (mn_shape){1, {channels}});
    const mn_quant *quant = &r->g->values[in[1]].quant;
    float *scales = mn_arena_array(&r->g->arena, (size_t)channels, sizeof *scales);
    assert_non_null(scales);
    for (int32_t i = 0; i < quant->count; i++) scales[i] = scale_now(r) * quant->scale[i];
    if (quant->count) assert_true(mn_graph_set_quant(r->g, in[2], quant->count, 0, scales, NULL));
  }
  float out_scale = pick_scale(r, scale_now(r) * w_scale * spread * 40);
  add_node(r, op, type, attr, in[2] == MN_NONE ? 2 : 3, in, out_scale, pick_zero(r, type));
}

static inline void add_conv(random_net *r) {
  mn_attr attr = {.conv = {pick_window(r, true, true), pick_act(r), 0}};
  const mn_window *w = &attr.conv.window;
  int32_t ic = value_now(r)->shape.dim[3], oc = pick(r, 1, 20);
  add_layer(r, MN_OP_CONV2D, (mn_shape){4, {oc, w->kernel_h, w->kernel_w, ic}}, oc, 0,
            w->kernel_h * w->kernel_w * ic, attr);
}

static inline void add_depthwise(random_net *r) {
  mn_attr attr = {.conv = {pick_window(r, true, true), pick_act(r), pick(r, 0, 2) ? 1 : 2}};
  const mn_window *w = &attr.conv.window;
  int32_t channels = value_now(r)->shape.dim[3] * attr.conv.multiplier;
  add_layer(r, MN_OP_DWCONV2D, (mn_shape){3, {w->kernel_h, w->kernel_w, channels}}, channels, 2,
            w->kernel_h * w->kernel_w, attr);
}

static inline void add_pool(random_net *r) {
  mn_attr attr = {.pool = {pick_window(r, false, false), pick_act(r), pick(r, 0, 3) == 0}};
  add_same(r, pick(r, 0, 1) ? MN_OP_AVG_POOL : MN_OP_MAX_POOL, attr);
}

/* With an earlier value of the same shape and type when there is one, else a constant vector. */
static inline void add_pair(random_net *r) {
  mn_op op = (mn_op[]){MN_OP_ADD, MN_OP_SUB, MN_OP_MUL}[pick(r, 0, 2)];
  mn_attr attr = {.eltwise = {pick_act(r)}};
  const mn_value *x = value_now(r);
  mn_id in[2] = {r->now, MN_NONE};
  for (mn_id i = 0; i < r->now; i++) {
    const mn_value *y = &r->g->values[i];
    bool fits =
        y->kind != MN_KIND_CONST && y->type == x->type && mn_shape_equal(&y->shape, &x->shape);
    if (fits && pick(r, 0, 2)) in[1] = i;
  }
  if (in[1] == MN_NONE) {
    in[1] = random_const(r, r->type, (mn_shape){1, {x->shape.dim[x->shape.rank - 1]}});
    if (!is_float(r)) quantize_random(r, in[1]);
  }
  float a = scale_now(r), b = is_float(r) ? 1.0f : r->g->values[in[1]].quant.scale[0];
  if (pick(r, 0, 1)) {
    mn_id first = in[0];
    in[0] = in[1];
    in[1] = first;
  }
  int32_t zero = pick_zero(r, r->type);
  float scale = pick_scale(r, op == MN_OP_MUL ? a * b * 60 : a + b);
  add_node(r, op, r->type, attr, 2, in, scale, zero);
}

static inline void add_pad_op(random_net *r) {
  mn_attr attr = {.pad = {{0, pick(r, 0, 2), pick(r, 0, 2), pick(r, 0, 1)},
                          {0, pick(r, 0, 2), pick(r, 0, 2), pick(r, 0, 1)}}};
  add_same(r, MN_OP_PAD, attr);
}

static inline void add_concat(random_net *r) {
  mn_attr attr = {.concat = {pick(r, 1, 3), MN_ACT_NONE}};
  mn_id in[2] = {r->now, r->now};
  add_node(r, MN_OP_CONCAT, r->type, attr, 2, in, 0, 0);
}

static inline void add_resize(random_net *r) {
  mn_attr attr = {.resize = {.height = pick(r, 1, 12), .width = pick(r, 1, 12)}};
  attr.resize.align_corners = pick(r, 0, 2) == 0;
  attr.resize.half_pixel = !attr.resize.align_corners && pick(r, 0, 1);
  add_same(r, pick(r, 0, 1) ? MN_OP_RESIZE_BILINEAR : MN_OP_RESIZE_NEAREST, attr);
}

static inline void add_unary(random_net *r) {
  mn_attr none = {0}, act = {.eltwise = {(mn_act)pick(r, 1, 3)}};
  float out = pick_scale(r, scale_now(r));
  switch (pick(r, 0, 2)) {
    case 0: add_node(r, MN_OP_RELU, r->type, act, 1, &r->now, out, pick_zero(r, r->type)); break;
    case 1:
      add_node(r, MN_OP_HARD_SWISH, r->type, none, 1, &r->now, out, pick_zero(r, r->type));
      break;
    default:
      add_node(r, MN_OP_LOGISTIC, r->type, none, 1, &r->now, 1.0f / 256, lowest_code(r->type));
      break;
  }
}

/* To the other 8-bit type, or to another scale of the same. */
static inline void add_requantize(random_net *r) {
  mn_attr none = {0};
  if (is_float(r)) return;
  mn_type to = pick(r, 0, 1) ? MN_U8 : MN_I8;
  float out = pick_scale(r, scale_now(r) * 1.2f);
  r->type = to;
  add_node(r, MN_OP_QUANTIZE, to, none, 1, &r->now, out, pick_zero(r, to));
}

static inline void add_map_node(random_net *r) {
  switch (pick(r, 0, 11)) {
    case 0:
    case 1:
    case 2: add_conv(r); break;
    case 3:
    case 4: add_depthwise(r); break;
    case 5: add_pool(r); break;
    case 6: add_pair(r); break;
    case 7: add_pad_op(r); break;
    case 8: add_concat(r); break;
    case 9: add_resize(r); break;
    case 10: add_unary(r); break;
    default: add_requantize(r); break;
  }
}

/* ---- Heads ----------------------------------------------------------------------------------- */

/* To rows: a mean over the map, or the whole map as one row. */
static inline void add_flatten(random_net *r) {
  mn_attr mean = {.reduce = {6, pick(r, 0, 1)}}, flat = {.reshape = {{2, {0, -1}}}};
  if (pick(r, 0, 1)) {
    int32_t zero = pick_zero(r, r->type);
    float scale = pick(r, 0, 1) ? pick_scale(r, scale_now(r)) : scale_now(r);
    add_node(r, MN_OP_MEAN, r->type, mean, 1, &r->now, scale, zero);
  }
  if (value_now(r)->shape.rank != 2) add_same(r, MN_OP_RESHAPE, flat);
}

static inline void add_head(random_net *r) {
  mn_attr none = {0}, dense = {.dense = {pick_act(r), pick(r, 0, 1)}};
  mn_attr soft = {.softmax = {(float)pick(r, 1, 4) / 2}};
  int32_t classes = pick(r, 2, 40), kind = pick(r, 0, 4);
  add_flatten(r);
  int32_t length = value_now(r)->shape.dim[1];
  if (kind > 0)
    add_layer(r, MN_OP_DENSE, (mn_shape){2, {classes, length}}, classes, 0, length, dense);
  if (kind == 2) {
    add_node(r, MN_OP_SOFTMAX, r->type, soft, 1, &r->now, 1.0f / 256, lowest_code(r->type));
  }
  if (kind == 3 && !is_float(r)) {
    add_node(r, MN_OP_DEQUANTIZE, MN_F32, none, 1, &r->now, 0, 0);
  }
  if (kind == 4) {
    mn_type to = pick(r, 0, 1) ? MN_I32 : MN_I64;
    mn_attr best = {.arg_max = {1, to}};
    add_node(r, MN_OP_ARG_MAX, to, best, 1, &r->now, 0, 0);
  }
}

/* ---- The network ---------------------------------------------------------------------------- */

/* Initializes and fills `g`, verified. */
static inline void random_net_make(mn_graph *g, uint32_t seed) {
  random_net r = {
      .g = g, .state = seed, .type = (mn_type[]){MN_U8, MN_I8, MN_F32}[seed % 3], .magnitude = 1};
  mn_error err = {0};
  mn_graph_init(g);
  mn_shape shape = SHAPE(1, pick(&r, 1, 11), pick(&r, 1, 11), pick(&r, 1, pick(&r, 0, 3) ? 9 : 40));
  r.now = make_input(g, "input", r.type, shape);
  if (!is_float(&r)) quantize_random(&r, r.now);
  assert_true(mn_graph_set_inputs(g, &r.now, 1));
  int32_t nodes = pick(&r, 1, 7);
  for (int32_t i = 0; i < nodes; i++) add_map_node(&r);
  if (pick(&r, 0, 2) || g->node_count == 0) add_head(&r);
  assert_true(mn_graph_set_outputs(g, &r.now, 1));
  if (mn_graph_verify(g, &err)) fail_msg("seed %u: %s", seed, err.text);
}

/* The input's bytes: random, or at the ends of the range. */
static inline void random_net_input(const mn_value *input, uint32_t seed, void *data,
                                    size_t bytes) {
  random_net r = {.state = seed ^ 0x5eed0000u};
  bool extreme = pick(&r, 0, 3) == 0;
  if (input->type == MN_F32) {
    for (size_t i = 0; i < bytes / 4; i++) {
      ((float *)data)[i] = (float)(pick(&r, 0, 4000) - 2000) / (extreme ? 250.0f : 1000.0f);
    }
    return;
  }
  for (size_t i = 0; i < bytes; i++) {
    int32_t q = pick(&r, 0, 255);
    ((uint8_t *)data)[i] = (uint8_t)(extreme ? (q & 1) * 255 : q);
  }
}

#endif
