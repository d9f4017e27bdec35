/* SPDX-License-Identifier: Apache-2.0
 * ssd_detect as an operator of our own domain, which this library reads again, and a function that
 * defines it by ONNX's for everyone else: boxes are decoded with exponentials, suppression is
 * NonMaxSuppression, and the best of all classes are TopK over its finds and as many zeros as there
 * are rows, which fill what it leaves. For one picture. */
#include <math.h>

#include "format/onnx/onnx_save.h"

typedef struct part {
  char name[MN_ONNX_SAVED_NAME];
} part;

static const char *const operands[] = {"encodings", "class_scores", "anchors"};
static const char *const results[] = {"boxes", "classes", "scores", "count"};

typedef struct detector {
  mn_onnx_saver *saver;
  const mn_node *node;
  int32_t anchors, classes, rows;
} detector;

/* A node that reads these, up to NULL; attributes may follow before it is made. */
static mn_onnx_out reads(const detector *d, const part *const *in) {
  mn_onnx_out out = mn_onnx_begin(d->saver);
  for (; *in; in++) mn_onnx_put_in(&out, (*in)->name);
  return out;
}
#define READS(d, ...) reads(d, (const part *const[]){__VA_ARGS__, NULL})

static part made(mn_onnx_out *out, const char *type) {
  part p;
  mn_onnx_new_name(out->saver, p.name);
  mn_onnx_end(out, type, p.name);
  return p;
}

static part of_two(const detector *d, const char *type, const part *a, const part *b) {
  mn_onnx_out out = READS(d, a, b);
  return made(&out, type);
}

static part with_axis(mn_onnx_out out, const char *type, int32_t axis) {
  mn_onnx_put_int(&out, "axis", axis);
  return made(&out, type);
}

static part number(const detector *d, float value) {
  part p;
  mn_onnx_put_number(d->saver, value, p.name);
  return p;
}

static part list(const detector *d, const int32_t *values, int32_t count) {
  part p;
  mn_onnx_put_list(d->saver, values, count, p.name);
  return p;
}

static part reshaped(const detector *d, const part *x, const int32_t *shape, int32_t rank) {
  part to = list(d, shape, rank);
  return of_two(d, "Reshape", x, &to);
}

/* Columns `from` to `to` of the last axis. */
static part columns(const detector *d, const part *x, int32_t from, int32_t to) {
  part first = list(d, &from, 1), end = list(d, &to, 1), axis = list(d, &(int32_t){-1}, 1);
  mn_onnx_out out = READS(d, x, &first, &end, &axis);
  return made(&out, "Slice");
}

/* ---- Boxes ----------------------------------------------------------------------------------- */

static part pair(const detector *d, const float numbers[2]) {
  part p;
  mn_onnx_new_name(d->saver, p.name);
  mn_onnx_put_data(d->saver,
                   &(mn_onnx_data){p.name, ONNX_FLOAT, {1, {2}}, numbers, 2 * sizeof *numbers});
  return p;
}

/* Two columns times a factor for each. */
static part scaled(const detector *d, const part *x, int32_t first, const float factors[2]) {
  part two = columns(d, x, first, first + 2), by = pair(d, factors);
  return of_two(d, "Mul", &two, &by);
}

/* Between 0 and `most`, or below it when `low` is false. */
static part clipped(const detector *d, const part *x, bool low, float most) {
  part zero = {""}, limit = number(d, most);
  if (low) zero = number(d, 0);
  mn_onnx_out out = READS(d, x, &zero, &limit);
  return made(&out, "Clip");
}

/* Encodings as y, x, h, w. */
static part ordered(const detector *d, const part *encodings) {
  static const int32_t turned[4] = {1, 0, 3, 2};
  if (!d->node->attr.ssd_detect.torch_boxes) return columns(d, encodings, 0, 4);
  part order = list(d, turned, 4);
  return with_axis(READS(d, encodings, &order), "Gather", 2);
}

/* [1,anchors,4]: y0, x0, y1, x1. */
static part decoded(const detector *d, const part *encodings, const part *anchors) {
  const mn_attr *attr = &d->node->attr;
  const float *s = attr->ssd_detect.scale, half[2] = {0.5f, 0.5f};
  const float moves[2] = {1 / s[0], 1 / s[1]}, grows[2] = {1 / s[2], 1 / s[3]};
  part four = ordered(d, encodings), move = columns(d, &four, 0, 2);
  part extents = scaled(d, anchors, 2, moves), centres = columns(d, anchors, 0, 2);
  part moved = of_two(d, "Mul", &move, &extents), at = of_two(d, "Add", &moved, &centres);
  part grown = scaled(d, &four, 2, grows), halves = scaled(d, anchors, 2, half);
  if (attr->ssd_detect.torch_boxes) grown = clipped(d, &grown, false, 4.135166556742356f);
  mn_onnx_out exponential = READS(d, &grown);
  part factor = made(&exponential, "Exp"), reach = of_two(d, "Mul", &factor, &halves);
  part low = of_two(d, "Sub", &at, &reach), high = of_two(d, "Add", &at, &reach);
  part boxes = with_axis(READS(d, &low, &high), "Concat", 2);
  return attr->ssd_detect.torch_boxes ? clipped(d, &boxes, true, 1) : boxes;
}

/* ---- Scores and suppression ------------------------------------------------------------------ */

/* [1,classes,anchors], without a background. */
static part class_scores(const detector *d, const part *scores) {
  mn_onnx_out turn = READS(d, scores);
  mn_onnx_put_ints(&turn, "perm", (int32_t[]){0, 2, 1}, 3);
  part turned = made(&turn, "Transpose");
  int32_t candidates = d->node->attr.ssd_detect.candidates;
  if (candidates == 0 || candidates >= d->anchors) return turned;
  /* Only the best of a class: what is below the last of them becomes less than any threshold. */
  part most = list(d, &candidates, 1), rest, last, below = number(d, -1);
  mn_onnx_out best = READS(d, &turned, &most);
  mn_onnx_new_name(d->saver, last.name);
  mn_onnx_put_result(&best, last.name);
  mn_onnx_put_int(&best, "axis", 2);
  rest = made(&best, "TopK");
  part from = columns(d, &last, candidates - 1, candidates);
  part good = of_two(d, "GreaterOrEqual", &turned, &from);
  (void)rest; /* the indices, which nothing reads */
  mn_onnx_out choice = READS(d, &good, &turned, &below);
  return made(&choice, "Where");
}

/* [1,1,anchors]: each anchor's best class stands for it. */
static part best_scores(const detector *d, const part *scores) {
  mn_onnx_out out = READS(d, scores);
  mn_onnx_put_ints(&out, "axes", (int32_t[]){2}, 1);
  mn_onnx_put_int(&out, "keepdims", 0);
  part best = made(&out, "ReduceMax");
  return reshaped(d, &best, (int32_t[]){1, 1, d->anchors}, 3);
}

/* [found,3]: picture, class, anchor; each class best first. */
static part suppressed(const detector *d, const part *boxes, const part *scores) {
  const mn_attr *attr = &d->node->attr;
  int32_t most = attr->ssd_detect.regular ? attr->ssd_detect.per_class : d->rows;
  /* ONNX takes what is above the threshold, we what is not below it. */
  part limit = list(d, &most, 1), overlap = number(d, attr->ssd_detect.iou_threshold);
  part threshold = number(d, nextafterf(attr->ssd_detect.score_threshold, -INFINITY));
  mn_onnx_out out = READS(d, boxes, scores, &limit, &overlap, &threshold);
  return made(&out, "NonMaxSuppression");
}

/* ---- Rows ------------------------------------------------------------------------------------ */

/* Of values of the finds, [found] or [found,4], those of the best rows; zeros where there is none.
 * They become output `index`. */
static void put_rows(const detector *d, const part *values, const part *best, int32_t index,
                     int32_t width) {
  float zeros[4] = {0};
  part filler,
      shape = list(d, width > 1 ? (int32_t[]){d->rows, width} : &d->rows, width > 1 ? 2 : 1);
  mn_onnx_new_name(d->saver, filler.name);
  mn_onnx_put_data(d->saver, &(mn_onnx_data){filler.name,
                                             ONNX_FLOAT,
                                             {width > 1 ? 2 : 1, {1, width}},
                                             zeros,
                                             (size_t)width * sizeof *zeros});
  part empty = of_two(d, "Expand", &filler, &shape);
  part all = with_axis(READS(d, values, &empty), "Concat", 0);
  part rows = with_axis(READS(d, &all, best), "Gather", 0), to;
  const int32_t dims[3] = {1, d->rows, width};
  to = list(d, dims, width > 1 ? 3 : 2);
  mn_onnx_out out = READS(d, &rows, &to);
  mn_onnx_end(&out, "Reshape", results[index]);
}

/* Column `index` of the finds. */
static part column(const detector *d, const part *finds, int32_t index) {
  part at = list(d, &index, 1), cut = with_axis(READS(d, finds, &at), "Gather", 1);
  return reshaped(d, &cut, (int32_t[]){-1}, 1);
}

static part as_floats(const detector *d, const part *x) {
  mn_onnx_out out = READS(d, x);
  mn_onnx_put_int(&out, "to", ONNX_FLOAT);
  return made(&out, "Cast");
}

/* Which rows of the finds and the zeros behind them are the best: [rows]. */
static part best_rows(const detector *d, const part *scores) {
  float nothing = 0;
  part filler, size = list(d, &d->rows, 1), values, most = list(d, &d->rows, 1);
  mn_onnx_new_name(d->saver, filler.name);
  mn_onnx_put_data(d->saver,
                   &(mn_onnx_data){filler.name, ONNX_FLOAT, {1, {1}}, &nothing, sizeof nothing});
  part empty = of_two(d, "Expand", &filler, &size);
  part all = with_axis(READS(d, scores, &empty), "Concat", 0);
  mn_onnx_out out = READS(d, &all, &most);
  mn_onnx_new_name(d->saver, values.name);
  mn_onnx_put_result(&out, values.name);
  return made(&out, "TopK");
}

/* How many there are: the finds, at most all rows. */
static void put_count(const detector *d, const part *finds) {
  mn_onnx_out measure = READS(d, finds);
  part shape = made(&measure, "Shape"), first = list(d, &(int32_t){0}, 1);
  part count = with_axis(READS(d, &shape, &first), "Gather", 0), real = as_floats(d, &count);
  part most = number(d, (float)d->rows);
  mn_onnx_out out = READS(d, &real, &most);
  mn_onnx_end(&out, "Min", results[3]);
}

/* The class of each find: its own, or its anchor's best. */
static part found_classes(const detector *d, const part *finds, const part *scores,
                          const part *anchors) {
  if (d->node->attr.ssd_detect.regular) {
    part own = column(d, finds, 1);
    return as_floats(d, &own);
  }
  mn_onnx_out out = READS(d, scores);
  mn_onnx_put_int(&out, "axis", 2);
  mn_onnx_put_int(&out, "keepdims", 0);
  part best = made(&out, "ArgMax"), flat = reshaped(d, &best, (int32_t[]){-1}, 1);
  part own = with_axis(READS(d, &flat, anchors), "Gather", 0);
  return as_floats(d, &own);
}

static void put_body(const detector *d, int32_t score_columns) {
  const part encodings = {"encodings"}, given = {"anchors"};
  part scores = {"class_scores"}, boxes = decoded(d, &encodings, &given);
  if (score_columns > d->classes) scores = columns(d, &scores, 1, score_columns);
  part ranked =
      d->node->attr.ssd_detect.regular ? class_scores(d, &scores) : best_scores(d, &scores);
  part finds = suppressed(d, &boxes, &ranked), anchors = column(d, &finds, 2);
  part found = of_two(d, "GatherND", &ranked, &finds), best = best_rows(d, &found);
  part flat = reshaped(d, &boxes, (int32_t[]){-1, 4}, 2);
  part places = with_axis(READS(d, &flat, &anchors), "Gather", 0);
  part classes = found_classes(d, &finds, &scores, &anchors);
  put_rows(d, &places, &best, 0, 4);
  put_rows(d, &classes, &best, 1, 1);
  put_rows(d, &found, &best, 2, 1);
  put_count(d, &finds);
}

/* ---- The operator and what defines it -------------------------------------------------------- */

typedef struct whole_attribute {
  const char *name;
  int32_t value;
} whole_attribute;

enum { WHOLE = 7, REAL = 3 };
static const char *const real_names[REAL] = {"score_threshold", "iou_threshold", "scale"};

static void list_whole(const mn_attr *attr, whole_attribute list[WHOLE]) {
  const whole_attribute all[WHOLE] = {
      {"detections", attr->ssd_detect.detections},  {"classes", attr->ssd_detect.classes},
      {"per_anchor", attr->ssd_detect.per_anchor},  {"per_class", attr->ssd_detect.per_class},
      {"candidates", attr->ssd_detect.candidates},  {"regular", attr->ssd_detect.regular},
      {"torch_boxes", attr->ssd_detect.torch_boxes}};
  for (int i = 0; i < WHOLE; i++) list[i] = all[i];
}

static mn_status put_call(mn_onnx_saver *saver, const mn_node *node) {
  const mn_attr *attr = &node->attr;
  char name[MN_ONNX_SAVED_NAME];
  whole_attribute whole[WHOLE];
  const mn_value *anchors = &saver->graph->values[node->in[2]];
  const mn_onnx_layout layout = {.order = {0, 1, 2, 3}, .shape = anchors->shape};
  mn_status status = mn_onnx_put_constant(saver, node->in[2], &layout);
  if (status) return status;
  mn_onnx_out out = mn_onnx_begin(saver);
  for (int i = 0; i < 3; i++) {
    mn_onnx_real_name(saver, node->in[i], name);
    mn_onnx_put_in(&out, name);
  }
  list_whole(attr, whole);
  for (int i = 0; i < WHOLE; i++) mn_onnx_put_int(&out, whole[i].name, whole[i].value);
  mn_onnx_put_float(&out, real_names[0], attr->ssd_detect.score_threshold);
  mn_onnx_put_float(&out, real_names[1], attr->ssd_detect.iou_threshold);
  mn_onnx_put_floats(&out, real_names[2], attr->ssd_detect.scale, 4);
  mn_pb_put_text(&out.node, ONNX_NODE_DOMAIN, MN_ONNX_DOMAIN);
  for (int i = 0; i < 4; i++) {
    mn_onnx_value_name(saver, node->out[i], "", name);
    if (i < 3) mn_onnx_put_result(&out, name);
  }
  mn_onnx_end(&out, MN_ONNX_DETECT, name);
  return MN_OK;
}

/* Its body is that of this detector: attributes are for those who need none. */
static void put_function(mn_onnx_saver *saver, const mn_node *node) {
  const mn_value *values = saver->graph->values;
  whole_attribute whole[WHOLE];
  mn_onnx_saver inner = {.graph = saver->graph, .in_function = true};
  const detector d = {&inner, node, values[node->in[0]].shape.dim[1], node->attr.ssd_detect.classes,
                      node->attr.ssd_detect.detections};
  mn_pb_put_text(&inner.out, ONNX_FUNCTION_NAME, MN_ONNX_DETECT);
  for (int i = 0; i < 3; i++) mn_pb_put_text(&inner.out, ONNX_FUNCTION_INPUT, operands[i]);
  for (int i = 0; i < 4; i++) mn_pb_put_text(&inner.out, ONNX_FUNCTION_OUTPUT, results[i]);
  list_whole(&node->attr, whole);
  for (int i = 0; i < WHOLE; i++) {
    mn_pb_put_text(&inner.out, ONNX_FUNCTION_ATTRIBUTE, whole[i].name);
  }
  for (int i = 0; i < REAL; i++) mn_pb_put_text(&inner.out, ONNX_FUNCTION_ATTRIBUTE, real_names[i]);
  put_body(&d, values[node->in[1]].shape.dim[2]);
  mn_onnx_put_opset(&inner.out, ONNX_FUNCTION_OPSET, "", MN_ONNX_SAVED_OPSET);
  mn_pb_put_text(&inner.out, ONNX_FUNCTION_DOMAIN, MN_ONNX_DOMAIN);
  mn_pb_put_message(saver->model, ONNX_MODEL_FUNCTION, &inner.out);
}

mn_status mn_onnx_save_detect(mn_onnx_saver *saver, const mn_node *node) {
  const mn_shape *boxes = &saver->graph->values[node->in[0]].shape;
  const bool keeps_many = !node->attr.ssd_detect.regular && node->attr.ssd_detect.per_anchor > 1;
  if (boxes->dim[0] != 1 || keeps_many || saver->has_detector) {
    return mn_fail(saver->err, MN_ERR_UNSUPPORTED, node->name,
                   "%s cannot be written to ONNX: it is of several pictures, keeps several classes "
                   "of an anchor, or is the second",
                   mn_op_name(node->op));
  }
  saver->has_detector = true;
  put_function(saver, node);
  return put_call(saver, node);
}
