/* SPDX-License-Identifier: Apache-2.0
 * ssd_detect as ONNX operators: boxes are decoded with exponentials, suppression is
 * NonMaxSuppression, and the best of all classes are TopK over its finds and as many zeros as there
 * are rows, which fill what it leaves. For one picture. */
#include <math.h>
#include <string.h>

#include "base/alloc.h"
#include "format/onnx/onnx_save.h"

typedef struct part {
  char name[MN_ONNX_SAVED_NAME];
} part;

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

/* Columns `from` to `to` of the last of three axes. */
static part columns(const detector *d, const part *x, int32_t from, int32_t to) {
  part first = list(d, &from, 1), end = list(d, &to, 1), axis = list(d, &(int32_t){2}, 1);
  mn_onnx_out out = READS(d, x, &first, &end, &axis);
  return made(&out, "Slice");
}

/* ---- Boxes ----------------------------------------------------------------------------------- */

/* Two of each anchor's four numbers, [1,anchors,2], times a factor for each. */
static part table(const detector *d, int32_t first, const float factor[2]) {
  const mn_value *anchors = &d->saver->graph->values[d->node->in[2]];
  size_t count = 2 * (size_t)d->anchors, bytes = count * sizeof(float);
  float *numbers = mn_alloc(bytes), real[4];
  part p;
  mn_onnx_new_name(d->saver, p.name);
  if (!numbers) {
    d->saver->out.failed = true;
    return p;
  }
  for (size_t i = 0; i < (size_t)d->anchors; i++) {
    for (size_t k = 0; k < 4; k++) {
      const size_t at = 4 * i + k;
      if (anchors->type == MN_F32) {
        memcpy(&real[k], (const float *)anchors->data + at, sizeof real[k]);
      } else {
        int32_t code = anchors->type == MN_U8 ? ((const uint8_t *)anchors->data)[at]
                                              : ((const int8_t *)anchors->data)[at];
        real[k] = (float)(code - anchors->quant.zero[0]) * anchors->quant.scale[0];
      }
    }
    for (size_t k = 0; k < 2; k++) numbers[2 * i + k] = real[(size_t)first + k] * factor[k];
  }
  mn_onnx_put_data(d->saver,
                   &(mn_onnx_data){p.name, ONNX_FLOAT, {3, {1, d->anchors, 2}}, numbers, bytes});
  mn_free(numbers);
  return p;
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
static part decoded(const detector *d) {
  const mn_attr *attr = &d->node->attr;
  const float *s = attr->ssd_detect.scale, one[2] = {1, 1}, half[2] = {0.5f, 0.5f};
  const float moves[2] = {1 / s[0], 1 / s[1]}, grows[2] = {1 / s[2], 1 / s[3]};
  part encodings, growth;
  mn_onnx_real_name(d->saver, d->node->in[0], encodings.name);
  part four = ordered(d, &encodings), move = columns(d, &four, 0, 2);
  part sizes = columns(d, &four, 2, 4), extents = table(d, 2, moves), centres = table(d, 0, one);
  part moved = of_two(d, "Mul", &move, &extents), at = of_two(d, "Add", &moved, &centres);
  mn_onnx_new_name(d->saver, growth.name);
  mn_onnx_put_data(d->saver,
                   &(mn_onnx_data){growth.name, ONNX_FLOAT, {1, {2}}, grows, sizeof grows});
  part grown = of_two(d, "Mul", &sizes, &growth), halves = table(d, 2, half);
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
  mn_pb_put_text(&best.node, ONNX_NODE_OUTPUT, last.name);
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
  char name[MN_ONNX_SAVED_NAME];
  mn_onnx_value_name(d->saver, d->node->out[index], "", name);
  mn_onnx_end(&out, "Reshape", name);
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
  mn_pb_put_text(&out.node, ONNX_NODE_OUTPUT, values.name);
  return made(&out, "TopK");
}

/* How many there are: the finds, at most all rows. */
static void put_count(const detector *d, const part *finds) {
  mn_onnx_out measure = READS(d, finds);
  part shape = made(&measure, "Shape"), first = list(d, &(int32_t){0}, 1);
  part count = with_axis(READS(d, &shape, &first), "Gather", 0), real = as_floats(d, &count);
  part most = number(d, (float)d->rows);
  mn_onnx_out out = READS(d, &real, &most);
  char name[MN_ONNX_SAVED_NAME];
  mn_onnx_value_name(d->saver, d->node->out[3], "", name);
  mn_onnx_end(&out, "Min", name);
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

static void put_detector(const detector *d, int32_t score_columns) {
  part scores, boxes = decoded(d);
  mn_onnx_real_name(d->saver, d->node->in[1], scores.name);
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

mn_status mn_onnx_save_detect(mn_onnx_saver *saver, const mn_node *node) {
  const mn_value *values = saver->graph->values;
  const mn_shape *boxes = &values[node->in[0]].shape, *scores = &values[node->in[1]].shape;
  if (boxes->dim[0] != 1 ||
      (!node->attr.ssd_detect.regular && node->attr.ssd_detect.per_anchor > 1)) {
    return mn_fail(saver->err, MN_ERR_UNSUPPORTED, node->name,
                   "%s cannot be written to ONNX: it is of several pictures, or keeps several "
                   "classes of an anchor",
                   mn_op_name(node->op));
  }
  const detector d = {saver, node, boxes->dim[1], node->attr.ssd_detect.classes,
                      node->attr.ssd_detect.detections};
  put_detector(&d, scores->dim[2]);
  return MN_OK;
}
