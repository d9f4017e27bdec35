/* SPDX-License-Identifier: Apache-2.0
 * Losses and gradients against PyTorch and torchvision in double (tests/oracle/losses.py), against
 * differences of plain sums in double, and the same bits whatever the number of threads. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
/* after those three */
#include <cmocka.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/cpu.h"
#include "numbers.h"
#include "post/anchors.h"
#include "train/loss.h"
#include "train/ssd_match.h"

#define GOLDEN MN_TEST_DIR "/golden/losses.txt"
enum { MOST = 2048, PICTURES = 3, SSD_COLUMNS = 5 };

static float *fill(float *to, uint64_t tensor, size_t count, float scale) {
  for (size_t i = 0; i < count; i++) to[i] = number(tensor, i) * scale;
  return to;
}

static mn_loss_means alone; /* no threads; kernels as a test says */

/* 0 to count - 1. */
static int32_t whole(uint64_t tensor, uint64_t index, int32_t count) {
  return (int32_t)floor(((double)number(tensor, index) + 1) / 2 * count);
}

/* ---- the inputs of the golden cases ---------------------------------------------------------- */

typedef struct inputs {
  float logits[MOST], targets[MOST], weights[32], gradient[MOST];
  int32_t classes[MOST];
  uint8_t labels[MOST];
} inputs;

static const float *class_weights(inputs *in, size_t classes, int weighted) {
  for (size_t c = 0; c < classes; c++) in->weights[c] = 1 + number(3, c) / 2;
  return weighted ? in->weights : NULL;
}

static mn_soft_loss_args soft_case(inputs *in, size_t rows, size_t classes, int weighted) {
  fill(in->logits, 1, rows * classes, 4);
  for (size_t i = 0; i < rows * classes; i++) in->targets[i] = fabsf(number(2, i));
  return (mn_soft_loss_args){.logits = in->logits,
                             .targets = in->targets,
                             .class_weights = class_weights(in, classes, weighted),
                             .gradient = in->gradient,
                             .rows = rows,
                             .classes = classes};
}

static mn_label_loss_args label_case(inputs *in, size_t rows, size_t classes, int weighted) {
  fill(in->logits, 4, rows * classes, 4);
  for (size_t i = 0; i < rows; i++) {
    const int32_t label = whole(5, i, (int32_t)classes + 1);
    in->labels[i] = label == (int32_t)classes ? 255 : (uint8_t)label;
  }
  return (mn_label_loss_args){.logits = in->logits,
                              .labels = in->labels,
                              .class_weights = class_weights(in, classes, weighted),
                              .gradient = in->gradient,
                              .rows = rows,
                              .classes = classes,
                              .ignored = 255};
}

static mn_focal_loss_args focal_case(inputs *in, size_t rows, size_t classes) {
  fill(in->logits, 6, rows * classes, 6);
  for (size_t i = 0; i < rows; i++) in->classes[i] = whole(7, i, (int32_t)classes + 2) - 1;
  return (mn_focal_loss_args){.logits = in->logits,
                              .classes = in->classes,
                              .gradient = in->gradient,
                              .rows = rows,
                              .column_count = classes};
}

/* ---- against PyTorch ------------------------------------------------------------------------- */

static double read_number(FILE *file) {
  double value;
  assert_int_equal(fscanf(file, "%lf", &value), 1);
  return value;
}

/* Elements of a gradient of softmax are differences of numbers up to 1. */
static void expect_loss(FILE *file, const char *what, mn_loss loss, const float *gradient,
                        size_t count) {
  const double expected = read_number(file), error = fabs(mn_loss_value(loss) - expected);
  double worst = 0, largest = 0;
  for (size_t i = 0; i < count; i++) {
    const double slope = read_number(file);
    worst = fmax(worst, fabs((double)gradient[i] - slope));
    largest = fmax(largest, fabs(slope));
  }
  printf("%s: loss within %.1e of it, gradient within %.1e of its largest\n", what,
         error / expected, worst / largest);
  assert_true(error <= 1e-6 * expected);
  assert_true(worst <= 1e-6 * largest);
}

static void expect_rows(FILE *file, const char *what, mn_loss loss, const float *gradient,
                        size_t rows, size_t columns) {
  static float kept[MOST];
  size_t count = 0, expected;
  for (size_t r = 0; r < rows; r++) {
    bool any = false;
    for (size_t c = 0; c < columns; c++) any = any || gradient[r * columns + c] != 0;
    if (!any) continue;
    memcpy(kept + count++ * columns, gradient + r * columns, columns * sizeof *kept);
  }
  assert_int_equal(fscanf(file, " gradient %zu", &expected), 1);
  assert_int_equal(count, expected);
  expect_loss(file, what, loss, kept, count * columns);
}

enum { ANCHORS = 126 };

/* The script's pictures(): with 5, 0 and 2 boxes, the last two in one place. */
static int32_t boxes_of(uint64_t picture, mn_box *boxes) {
  static const int32_t counts[PICTURES] = {5, 0, 2};
  for (int32_t b = 0; b < counts[picture]; b++) {
    const uint64_t at = picture == 2 ? 0 : (uint64_t)b * 4;
    double *box = boxes[b].box;
    boxes[b] = (mn_box){.class_index = whole(30 + picture, (uint64_t)b, 4)};
    for (uint64_t k = 0; k < 2; k++) {
      box[k] = ((double)number(20 + picture, at + k) + 1) / 2 * 40;
      box[k + 2] = box[k] + 4 + ((double)number(20 + picture, at + k + 2) + 1) * 10;
    }
  }
  return counts[picture];
}

static void match_pictures(int32_t *classes, float *targets) {
  static float anchors[ANCHORS][4];
  const mn_anchor_maps maps = {3, {{4, 4}, {2, 2}, {1, 1}}, 64, 64, 0.2, 0.95};
  assert_int_equal(mn_anchors_torch_count(&maps), ANCHORS);
  mn_anchors_torch(&maps, anchors[0]);
  const mn_ssd_matcher matcher = {anchors[0], ANCHORS, 0.5, true, {10, 10, 5, 5}};
  for (uint64_t p = 0; p < PICTURES; p++) {
    mn_box boxes[5];
    const mn_ssd_truth truth = {boxes, boxes_of(p, boxes), 64, 64};
    mn_ssd_match(&matcher, &truth, classes + p * ANCHORS, targets + p * ANCHORS * 4);
  }
}

static void expect_ssd(FILE *file, inputs *in) {
  static float encodings[PICTURES * ANCHORS * 4], losses[PICTURES * ANCHORS];
  const size_t rows = PICTURES * ANCHORS;
  match_pictures(in->classes, in->targets);
  for (size_t i = 0; i < rows; i++) assert_int_equal(in->classes[i], (int)read_number(file));
  fill(encodings, 40, rows * 4, 6);
  fill(in->logits, 41, rows * SSD_COLUMNS, 4);
  const mn_box_loss_args boxes = {.encodings = encodings,
                                  .targets = in->targets,
                                  .classes = in->classes,
                                  .gradient = in->gradient,
                                  .rows = rows};
  expect_rows(file, "boxes", mn_box_loss(&boxes, &alone), in->gradient, rows, 4);
  const mn_mined_loss_args mined = {.logits = in->logits,
                                    .classes = in->classes,
                                    .gradient = in->gradient,
                                    .losses = losses,
                                    .pictures = PICTURES,
                                    .anchors = ANCHORS,
                                    .column_count = SSD_COLUMNS,
                                    .negatives = 3};
  expect_rows(file, "mined", mn_mined_loss(&mined, &alone), in->gradient, rows, SSD_COLUMNS);
}

static void expect_golden(void) {
  static inputs in;
  FILE *file = fopen(GOLDEN, "r");
  assert_non_null(file);
  char name[16];
  size_t rows, columns;
  int cases = 0, weighted;
  for (; fscanf(file, "%15s %zu %zu", name, &rows, &columns) == 3; cases++) {
    const size_t count = rows * columns;
    assert_true(count <= MOST);
    if (strcmp(name, "soft") == 0) {
      assert_int_equal(fscanf(file, "%d", &weighted), 1);
      const mn_soft_loss_args args = soft_case(&in, rows, columns, weighted);
      expect_loss(file, name, mn_soft_loss(&args, &alone), in.gradient, count);
    } else if (strcmp(name, "labels") == 0) {
      assert_int_equal(fscanf(file, "%d", &weighted), 1);
      const mn_label_loss_args args = label_case(&in, rows, columns, weighted);
      expect_loss(file, name, mn_label_loss(&args, &alone), in.gradient, count);
    } else if (strcmp(name, "focal") == 0) {
      mn_focal_loss_args args = focal_case(&in, rows, columns);
      args.alpha = read_number(file);
      args.gamma = read_number(file);
      expect_loss(file, name, mn_focal_loss(&args, &alone), in.gradient, count);
    } else {
      assert_string_equal(name, "ssd");
      read_number(file); /* its classes */
      expect_ssd(file, &in);
    }
  }
  assert_int_equal(cases, 8);
  fclose(file);
}

static void test_as_pytorch(void **state) {
  (void)state;
  const uint32_t best = mn_cpu_detect(), levels[3] = {0, MN_AVX2 | MN_FMA, best};
  for (int i = 0; i < 3; i++) {
    alone.kernels = mn_grad_kernels_select(levels[i] & best);
    printf("%s:\n", alone.kernels->name);
    expect_golden();
  }
}

/* ---- against differences in double ----------------------------------------------------------- */

static double entropy(const double *x, size_t classes, size_t class) {
  double sum = 0;
  for (size_t c = 0; c < classes; c++) sum += exp(x[c] - x[class]);
  return log(sum);
}

static double soft_value(const void *context, const double *x) {
  const mn_soft_loss_args *a = context;
  double sum = 0;
  for (size_t r = 0; r < a->rows; r++) {
    for (size_t c = 0; c < a->classes; c++) {
      const double weight = a->class_weights ? (double)a->class_weights[c] : 1;
      sum += weight * (double)a->targets[r * a->classes + c] *
             entropy(x + r * a->classes, a->classes, c);
    }
  }
  return sum / (double)a->rows;
}

static double label_value(const void *context, const double *x) {
  const mn_label_loss_args *a = context;
  double sum = 0, count = 0;
  for (size_t r = 0; r < a->rows; r++) {
    if (a->labels[r] == 255) continue;
    const double weight = a->class_weights ? (double)a->class_weights[a->labels[r]] : 1;
    sum += weight * entropy(x + r * a->classes, a->classes, a->labels[r]);
    count += weight;
  }
  return sum / count;
}

static double focal_value(const void *context, const double *x) {
  const mn_focal_loss_args *a = context;
  double sum = 0, count = 0;
  for (size_t i = 0; i < a->rows * a->column_count; i++) {
    const int32_t class = a->classes[i / a->column_count];
    const bool there = class == (int32_t)(i % a->column_count) + 1;
    const double p = 1 / (1 + exp(there ? -x[i] : x[i]));
    count += class > 0 && i % a->column_count == 0;
    if (class < 0) continue;
    sum += (there ? a->alpha : 1 - a->alpha) * pow(1 - p, a->gamma) * -log(p);
  }
  return sum / count;
}

typedef double value_fn(const void *args, const double *x);

/* (f(x + h) - f(x - h)) / 2h is off by about h * h; the gradient by a rounding to float. */
static void expect_slopes(value_fn *value, const void *args, const inputs *in, size_t count) {
  static double x[MOST];
  const double h = 1e-5;
  double largest = 0;
  for (size_t i = 0; i < count; i++) {
    x[i] = (double)in->logits[i];
    largest = fmax(largest, fabs((double)in->gradient[i]));
  }
  for (size_t i = 0; i < count; i++) {
    const double at = x[i];
    x[i] = at + h;
    const double above = value(args, x);
    x[i] = at - h;
    const double slope = (above - value(args, x)) / (2 * h);
    x[i] = at;
    if (!(fabs(slope - (double)in->gradient[i]) <= 1e-6 * largest)) {
      fail_msg("element %zu: %.9g, expected %.9g", i, (double)in->gradient[i], slope);
    }
  }
}

static void test_slopes(void **state) {
  (void)state;
  static inputs in;
  for (int weighted = 0; weighted < 2; weighted++) {
    const mn_soft_loss_args soft = soft_case(&in, 7, 9, weighted);
    mn_soft_loss(&soft, &alone);
    expect_slopes(soft_value, &soft, &in, 63);
    const mn_label_loss_args labels = label_case(&in, 20, 8, weighted);
    mn_label_loss(&labels, &alone);
    expect_slopes(label_value, &labels, &in, 160);
    mn_focal_loss_args focal = focal_case(&in, 20, 5);
    focal.alpha = 0.25;
    focal.gamma = 2 + 0.5 * weighted;
    mn_focal_loss(&focal, &alone);
    expect_slopes(focal_value, &focal, &in, 100);
  }
}

/* ---- mining ---------------------------------------------------------------------------------- */

typedef struct mining {
  float logits[8][2], gradient[8][2], losses[8];
  int32_t classes[8];
} mining;

static mn_loss mine(mining *m, double negatives, size_t least) {
  const mn_mined_loss_args args = {.logits = m->logits[0],
                                   .classes = m->classes,
                                   .gradient = m->gradient[0],
                                   .losses = m->losses,
                                   .pictures = 1,
                                   .anchors = 8,
                                   .column_count = 2,
                                   .negatives = negatives,
                                   .least = least};
  return mn_mined_loss(&args, &alone);
}

static void expect_mined(const mining *m, const char *counted) {
  for (int i = 0; i < 8; i++) assert_int_equal(m->gradient[i][0] != 0, counted[i] == 'x');
}

static void test_mining(void **state) {
  (void)state;
  static const float errors[8] = {0, 3, 1, 2, 2, 2, 5, 1};
  mining m = {.classes = {1}};
  for (int i = 0; i < 8; i++) m.logits[i][1] = errors[i];
  assert_true(mine(&m, 3, 0).divisor == 1);
  expect_mined(&m, "xx.x..x."); /* of three equals, the first */
  mine(&m, 100, 0);
  expect_mined(&m, "xxxxxxxx");
  mine(&m, 0, 0);
  expect_mined(&m, "x.......");
  m.classes[0] = 0; /* a picture without boxes teaches nothing ... */
  assert_true(mn_loss_value(mine(&m, 3, 0)) == 0);
  expect_mined(&m, "........");
  mine(&m, 3, 3); /* ... unless told to */
  expect_mined(&m, ".x.x..x.");
  m.logits[7][0] = NAN;
  assert_true(isnan(mn_loss_value(mine(&m, 3, 3))));
}

static void test_matching(void **state) {
  (void)state;
  /* two squares side by side and one of both; centre y, x, h, w */
  const float anchors[3][4] = {
      {0.5f, 0.25f, 0.5f, 0.5f}, {0.5f, 0.75f, 0.5f, 0.5f}, {0.5f, 0.5f, 1.0f, 1.0f}};
  mn_ssd_matcher matcher = {anchors[0], 3, 0.5, false, {10, 10, 5, 5}};
  mn_box boxes[3] = {{.class_index = 4, .box = {0, 25, 60, 75}},
                     {.class_index = 6, .box = {50, 20, 50, 80}}, /* no area */
                     {.class_index = 7, .crowd = 1, .box = {50, 25, 100, 75}}};
  const mn_ssd_truth truth = {boxes, 3, 100, 100};
  int32_t classes[3];
  float t[3][4];
  assert_int_equal(mn_ssd_match(&matcher, &truth, classes, t[0]), 1);
  assert_int_equal(classes[0], 5);
  assert_int_equal(classes[1] + classes[2], 0);
  const float y = 0, x = 1, h = 0, w = 5 * logf(0.6f / 0.5f);
  assert_true(fabsf(t[0][0] - y) + fabsf(t[0][1] - x) + fabsf(t[0][2] - h) < 1e-6f);
  assert_true(fabsf(t[0][3] - w) < 1e-6f);
  matcher.torch_boxes = true;
  mn_ssd_match(&matcher, &truth, classes, t[0]);
  assert_true(fabsf(t[0][0] - x) + fabsf(t[0][1] - y) + fabsf(t[0][3] - h) < 1e-6f);
  assert_true(fabsf(t[0][2] - w) < 1e-6f);
  boxes[0].box[0] = 10; /* overlaps nothing by half, but one the most */
  boxes[0].box[2] = 20;
  assert_int_equal(mn_ssd_match(&matcher, &truth, classes, t[0]), 1);
  assert_int_equal(classes[0], 5);
}

/* ---- sums ------------------------------------------------------------------------------------ */

enum { PIXELS = 5000, MASK_CLASSES = 7 };

static void test_thread_counts(void **state) {
  (void)state;
  static float logits[PIXELS * MASK_CLASSES], one[PIXELS * MASK_CLASSES],
      other[PIXELS * MASK_CLASSES];
  static uint8_t labels[PIXELS];
  fill(logits, 50, PIXELS * MASK_CLASSES, 8);
  for (uint64_t i = 0; i < PIXELS; i++) labels[i] = (uint8_t)whole(51, i, MASK_CLASSES);
  mn_label_loss_args args = {.logits = logits,
                             .labels = labels,
                             .gradient = one,
                             .rows = PIXELS,
                             .classes = MASK_CLASSES,
                             .ignored = 3};
  const mn_loss expected = mn_label_loss(&args, &alone);
  args.gradient = other;
  for (int count = 2; count <= 5; count++) {
    mn_loss_means means = alone;
    assert_int_equal(mn_threads_new(&means.threads, count, NULL), MN_OK);
    const mn_loss loss = mn_label_loss(&args, &means);
    assert_true(loss.sum == expected.sum && loss.divisor == expected.divisor);
    assert_memory_equal(one, other, sizeof one);
    mn_threads_free(means.threads);
  }
}

/* Halves of a batch that know its divisor add up to it. */
static void test_parts_of_a_batch(void **state) {
  (void)state;
  static inputs whole_batch, in;
  const mn_soft_loss_args args = soft_case(&whole_batch, 6, 19, 1);
  const mn_loss all = mn_soft_loss(&args, &alone);
  mn_soft_loss_args half = soft_case(&in, 6, 19, 1);
  half.rows = 3;
  half.divisor = 6;
  const mn_loss first = mn_soft_loss(&half, &alone);
  half.logits += 3 * 19;
  half.targets += 3 * 19;
  half.gradient += 3 * 19;
  const mn_loss second = mn_soft_loss(&half, &alone);
  assert_memory_equal(in.gradient, whole_batch.gradient, 6 * 19 * sizeof(float));
  assert_true(fabs(first.sum + second.sum - all.sum) <= 1e-12 * all.sum);
  assert_true(first.divisor + second.divisor == all.divisor);
}

static void test_extremes(void **state) {
  (void)state;
  float logits[2][3] = {{1000, -1000, 0}, {0, 0, 0}}, gradient[2][3];
  uint8_t labels[2] = {1, 255};
  const mn_label_loss_args args = {.logits = logits[0],
                                   .labels = labels,
                                   .gradient = gradient[0],
                                   .rows = 2,
                                   .classes = 3,
                                   .ignored = 255};
  assert_true(mn_loss_value(mn_label_loss(&args, &alone)) == 2000);
  assert_true(gradient[0][0] == 1 && gradient[0][1] == -1 && gradient[0][2] == 0);
  logits[0][2] = NAN;
  assert_true(isnan(mn_loss_value(mn_label_loss(&args, &alone))));
  labels[0] = 255;
  assert_true(mn_loss_value(mn_label_loss(&args, &alone)) == 0);
  for (int i = 0; i < 6; i++) assert_true(gradient[i / 3][i % 3] == 0);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(test_as_pytorch),    cmocka_unit_test(test_slopes),
      cmocka_unit_test(test_mining),        cmocka_unit_test(test_matching),
      cmocka_unit_test(test_thread_counts), cmocka_unit_test(test_parts_of_a_batch),
      cmocka_unit_test(test_extremes)};
  return cmocka_run_group_tests(tests, NULL, NULL);
}
