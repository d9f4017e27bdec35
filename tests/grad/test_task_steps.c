/* SPDX-License-Identifier: Apache-2.0
 * A step of training an SSDLite and an LR-ASPP on V3-Large against PyTorch in double
 * (tests/oracle/train_tasks.py): the loss and the gradient of every parameter, for this CPU's
 * kernels, AVX2's and the reference; and the same bits from one thread and three. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
/* after those three */
#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>

#include "filled_network.h"
#include "passes/passes.h"
#include "train/trainer.h"

#define GOLDEN MN_TEST_DIR "/golden/train_tasks.txt"
enum {
  SIZE = 128,
  BATCH = 4,
  CLASSES = 10, /* of a detector with the background */
  VOID = 3,     /* of masks */
  MASK_TENSOR = 1500,
  BOX_TENSOR = 1600,
  LABEL_TENSOR = 1700
};
static const int32_t box_counts[BATCH] = {3, 0, 2, 1};

typedef struct task_step {
  mn_graph model;
  mn_objective *objective;
  mn_trainer *trainer;
  mn_threads *threads;
  double loss, largest; /* loss; PyTorch's largest norm of a gradient */
} task_step;

/* From 0 to 1, as the script has it. */
static double unit(uint64_t tensor, size_t i) { return ((double)number(tensor, i) + 1) / 2; }

static int32_t whole(uint64_t tensor, size_t i, int32_t count) {
  return (int32_t)(unit(tensor, i) * count);
}

static int32_t make_boxes(mn_box *boxes, int32_t *begin) {
  int32_t count = 0;
  for (int32_t p = 0; p < BATCH; p++) {
    begin[p] = count;
    for (int32_t b = 0; b < box_counts[p]; b++) {
      mn_box *box = &boxes[count++];
      *box = (mn_box){.class_index = whole((uint64_t)(LABEL_TENSOR + p), (size_t)b, CLASSES - 1)};
      for (size_t c = 0; c < 2; c++) {
        const uint64_t tensor = (uint64_t)(BOX_TENSOR + p);
        box->box[c] = unit(tensor, 4 * (size_t)b + c) * 64;
        box->box[c + 2] = box->box[c] + 16 + unit(tensor, 4 * (size_t)b + c + 2) * 48;
      }
    }
  }
  return begin[BATCH] = count;
}

static void take_batch(mn_objective *objective) {
  enum { PIXELS = BATCH * SIZE * SIZE };
  mn_box boxes[16];
  int32_t begin[BATCH + 1];
  uint8_t *masks = malloc(PIXELS);
  assert_non_null(masks);
  for (size_t i = 0; i < PIXELS; i++) {
    const int32_t label = whole(MASK_TENSOR, i, CLASSES + 1);
    masks[i] = (uint8_t)(label == CLASSES ? 255 : label);
  }
  make_boxes(boxes, begin);
  const mn_feed_batch batch = {.count = BATCH, .boxes = boxes, .begin = begin, .masks = masks};
  objective->take(objective, &batch);
  free(masks);
}

static void make_objective(task_step *s, bool boxes) {
  mn_error err;
  const mn_mask_terms masks = {SIZE, SIZE, VOID};
  mn_box_terms terms = {.torch_boxes = true,
                        .scale = {10, 10, 5, 5},
                        .threshold = 0.5,
                        .negatives = 3,
                        .width = SIZE,
                        .height = SIZE};
  float *anchors;
  int32_t count;
  if (boxes) {
    check(mn_contract_set_anchors(&s->model.contract, "ssdlite-torch", &s->model.arena, &err),
          &err);
    check(mn_detector_anchors(&s->model, &anchors, &count, &err), &err);
    terms.anchors = anchors;
    terms.anchor_count = (size_t)count;
    check(mn_objective_boxes(&s->objective, &terms, &err), &err);
  } else {
    check(mn_objective_masks(&s->objective, &masks, &err), &err);
  }
}

static void run_step(task_step *s, const char *name, int32_t input, uint32_t features,
                     int threads) {
  mn_error err;
  mn_trained_step done;
  memset(s, 0, sizeof *s);
  build_network(&s->model, name, CLASSES);
  make_objective(s, strstr(name, "ssd") != NULL);
  check(mn_threads_new(&s->threads, threads, &err), &err);
  const mn_trainer_options options = {.objective = s->objective,
                                      .batch = BATCH,
                                      .optimizer = {.kind = MN_SGD},
                                      .backbone_share = 1,
                                      .norm_momentum = 0.1,
                                      .threads = s->threads,
                                      .features = features};
  check(mn_trainer_new(&s->trainer, &s->model, &options, &err), &err);
  fill_network(s->trainer->stepper);
  const mn_graph *graph = &s->trainer->stepper->training.graph;
  set_numbers(mn_trainer_pixels(s->trainer), &graph->values[graph->inputs[0]].shape,
              (uint64_t)input);
  take_batch(s->objective);
  assert_true(mn_trainer_step(s->trainer, 1e-3, &done));
  s->loss = done.loss;
}

static void end(task_step *s) {
  mn_trainer_free(s->trainer);
  mn_objective_free(s->objective);
  mn_threads_free(s->threads);
  mn_graph_free(&s->model);
}

/* ---- Against PyTorch ------------------------------------------------------------------------- */

static double worst;

static void expect_near(double got, double expected, double scale, const char *what, int32_t k) {
  const double error = fabs(got - expected) / scale;
  if (error > worst) worst = error;
  if (!(error <= 1e-4)) fail_msg("%s %d: %.9g, expected %.9g", what, k, got, expected);
}

static void expect_parameter(const task_step *s, int32_t k, const char *line) {
  const mn_stepper *stepper = s->trainer->stepper;
  const mn_parameter *p = &stepper->training.parameters[k];
  const mn_shape *shape = &stepper->model->values[p->model_value].shape;
  const float *gradient = mn_stepper_gradient(stepper, k);
  size_t count;
  double norm, picked[4], sum = 0;
  assert_int_equal(sscanf(line, "parameter %zu %lf %lf %lf %lf %lf", &count, &norm, &picked[0],
                          &picked[1], &picked[2], &picked[3]),
                   6);
  assert_int_equal(p->count, count);
  for (size_t i = 0; i < count; i++) sum += (double)gradient[i] * (double)gradient[i];
  /* A gradient that is 0 but for rounding has no size of its own. */
  const double scale = norm > 1e-6 * s->largest ? norm : s->largest;
  expect_near(sqrt(sum), norm, scale, "norm of parameter", k);
  for (size_t i = 0; i < 4; i++) {
    const float got = gradient[place(shape, p->depthwise, count * i / 4)];
    expect_near((double)got, picked[i], scale, "parameter", k);
  }
}

static void expect_golden(uint32_t features) {
  FILE *file = fopen(GOLDEN, "r");
  assert_non_null(file);
  task_step s = {.loss = 0};
  char line[256], name[64];
  int32_t classes, batch, input, parameters = 0, networks = 0;
  while (fgets(line, sizeof line, file)) {
    double loss;
    if (line[0] == 'n') {
      assert_int_equal(sscanf(line, "network %63s %d %d %d", name, &classes, &batch, &input), 4);
      assert_int_equal(classes, CLASSES);
      assert_int_equal(batch, BATCH);
      if (networks++) end(&s);
      run_step(&s, name, input, features, 1);
      parameters = 0;
      worst = 0;
    } else if (line[0] == 'l') {
      assert_int_equal(sscanf(line, "loss %lf %lf", &loss, &s.largest), 2);
      expect_near(s.loss, loss, loss, "loss", 0);
    } else {
      expect_parameter(&s, parameters++, line);
      if (parameters == s.trainer->stepper->training.parameter_count) {
        printf("%s: loss %.6f, %d parameters, worst error %.1e\n", name, s.loss, parameters, worst);
      }
    }
  }
  assert_int_equal(parameters, s.trainer->stepper->training.parameter_count);
  assert_int_equal(networks, 2);
  end(&s);
  fclose(file);
}

static void test_against_pytorch(void **state) {
  (void)state;
  expect_golden(mn_cpu_detect());
}

static void test_levels(void **state) {
  (void)state;
  expect_golden(0);
  expect_golden(mn_cpu_detect() & (MN_AVX2 | MN_FMA));
}

static void test_thread_counts(void **state) {
  (void)state;
  static const char *const names[] = {"v3-small-0.35-128+ssdlite@torchvision",
                                      "v3-small-0.35-128+lraspp@torchvision"};
  for (int i = 0; i < 2; i++) {
    task_step one, three;
    run_step(&one, names[i], 1001, mn_cpu_detect(), 1);
    run_step(&three, names[i], 1001, mn_cpu_detect(), 3);
    assert_true(one.loss == three.loss);
    for (int32_t k = 0; k < one.trainer->stepper->training.parameter_count; k++) {
      const mn_parameter *p = &one.trainer->stepper->training.parameters[k];
      assert_memory_equal(p->data, three.trainer->stepper->training.parameters[k].data,
                          p->count * sizeof(float));
    }
    end(&one);
    end(&three);
  }
}

/* ---- What is no such network ----------------------------------------------------------------- */

static void test_other_outputs(void **state) {
  (void)state;
  mn_error err;
  mn_graph model;
  mn_trainer *trainer;
  mn_objective *objective;
  const mn_mask_terms masks = {SIZE, SIZE, VOID};
  const float anchors[8] = {0};
  const mn_box_terms boxes = {.anchors = anchors, .anchor_count = 2};
  build_network(&model, "v2-0.25-64", CLASSES);
  mn_trainer_options options = {.batch = 2, .backbone_share = 1, .norm_momentum = 0.1};
  check(mn_objective_masks(&objective, &masks, &err), &err);
  options.objective = objective;
  assert_int_equal(mn_trainer_new(&trainer, &model, &options, &err), MN_ERR_SHAPE);
  assert_non_null(strstr(err.text, "scores of every pixel of the input, [batch,128,128,classes]"));
  mn_objective_free(objective);
  check(mn_objective_boxes(&objective, &boxes, &err), &err);
  options.objective = objective;
  assert_int_equal(mn_trainer_new(&trainer, &model, &options, &err), MN_ERR_SHAPE);
  assert_non_null(strstr(err.text, "encodings and scores of boxes, [batch,2,4]"));
  mn_objective_free(objective);
  mn_graph_free(&model);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(test_against_pytorch), cmocka_unit_test(test_levels),
      cmocka_unit_test(test_thread_counts), cmocka_unit_test(test_other_outputs)};
  return cmocka_run_group_tests(tests, NULL, NULL);
}
