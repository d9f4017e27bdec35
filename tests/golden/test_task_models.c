/* SPDX-License-Identifier: Apache-2.0
 * Detectors and segmenters of the test assets against LiteRT's reference kernels, inner tensors
 * among them (tests/golden/tasks, made by tests/oracle/task_goldens.py): integers equal, floats
 * within what the model's rounding allows. Every picture on the best instruction set with one and
 * two threads, one picture on the scalar kernels. Skipped without $MOBILENET_TEST_ASSETS. */
#include <math.h>

#include "mobilenet/mobilenet.h"
#include "model_pictures.h"

#ifdef MN_TEST_SLOW
enum { FIRST_ONLY = 1 }; /* sanitized code takes minutes for what takes seconds */
#else
enum { FIRST_ONLY = 0 };
#endif

/* Head outputs and logits are not probabilities: they reach 10 to 40, and LiteRT's own sums differ
 * from exact ones by about 1e-5 of that. */
typedef struct subject {
  const char *model;
  double tolerance; /* of floats, absolute */
} subject;

static const subject subjects[] = {
    {"detect/coco_ssd_mobilenet_v1_1.0_quant_2018_06_29", 1e-6},
    {"detect/object_detection_ssd_mobilenetv2_oidv4_fp16", 2e-4},
    {"segment/deeplabv3_mnv2_pascal_quant", 0},
    {"segment/deeplabv3_257_mv_float", 2e-4},
};

typedef struct golden {
  char input[24], tensor[80], hash[24]; /* hash: 16 hex digits, or "float" */
  int first, count;                     /* of a float tensor's samples */
} golden;

/* The next golden of a model; false at the end. */
static bool next_golden(FILE *file, const char *model, golden *g) {
  char line[320], name[80];
  while (fgets(line, sizeof line, file)) {
    if (sscanf(line, "%79s %23s %79s %23s %d %d", name, g->input, g->tensor, g->hash, &g->first,
               &g->count) == 6 &&
        !strcmp(name, model)) {
      return true;
    }
  }
  return false;
}

static void set_picture(mn_session *session, const mn_tensor_info *info, const char *input) {
  const int size = info->dims[1], count = size * size * 3;
  uint8_t *pixels = malloc((size_t)count);
  assert_non_null(pixels);
  assert_int_equal(info->dims[2], size);
  fill_picture(pixels, size, input);
  void *tensor = mn_session_input(session, 0);
  for (int i = 0; i < count; i++) {
    if (info->type == MN_U8) ((uint8_t *)tensor)[i] = pixels[i];
    if (info->type == MN_F32) ((float *)tensor)[i] = (float)pixels[i] / 127.5f - 1.0f;
  }
  free(pixels);
}

static bool equal_hash(const void *data, size_t bytes, const char *expected) {
  uint64_t hash = 0xcbf29ce484222325u;
  char text[24];
  for (size_t i = 0; i < bytes; ++i) hash = (hash ^ ((const uint8_t *)data)[i]) * 0x100000001b3u;
  snprintf(text, sizeof text, "%016llx", (unsigned long long)hash);
  return !strcmp(text, expected);
}

/* The largest difference of the samples that the golden keeps. */
static double float_difference(const float *data, size_t elements, const golden *g) {
  FILE *file = open_golden("tasks/tasks.f32");
  const size_t step = elements > 4096 ? 997 : 1;
  double worst = 0;
  assert_int_equal((elements + step - 1) / step, g->count);
  assert_int_equal(fseek(file, 4L * g->first, SEEK_SET), 0);
  for (size_t i = 0; i < elements; i += step) {
    float expected;
    assert_int_equal(fread(&expected, sizeof expected, 1, file), 1);
    double difference = fabs((double)data[i] - (double)expected);
    worst = isnan(difference) ? INFINITY : fmax(worst, difference);
  }
  fclose(file);
  return worst;
}

static int check(const mn_session *session, const subject *s, const golden *g, const char *where) {
  mn_tensor_info info;
  mn_error err;
  const void *data;
  if (mn_session_tensor(session, g->tensor, &data, &info, &err)) fail_msg("%s", err.text);
  if (strcmp(g->hash, "float")) {
    if (equal_hash(data, info.bytes, g->hash)) return 0;
    print_error("%s, %s, %s, %s: not equal\n", s->model, g->input, g->tensor, where);
    return 1;
  }
  double worst = float_difference(data, info.bytes / sizeof(float), g);
  if (worst <= s->tolerance) return 0;
  print_error("%s, %s, %s, %s: differs by %g\n", s->model, g->input, g->tensor, where, worst);
  return 1;
}

/* Runs each picture once and compares all tensors that goldens have of it. */
static int run_pictures(const subject *s, const mn_plan *plan, mn_threads *threads, bool first) {
  mn_error err;
  mn_session *session;
  mn_tensor_info info;
  golden g;
  char shown[24] = "", where[32];
  int wrong = 0, seen = 0;
  mn_session_options options = {.struct_size = sizeof options, .threads = threads};
  if (mn_session_new(&session, plan, &options, &err)) fail_msg("%s", err.text);
  mn_plan_input_info(plan, 0, &info);
  snprintf(where, sizeof where, "%d threads", mn_threads_count(threads));
  FILE *file = open_golden("tasks/tasks.txt");
  while (next_golden(file, s->model, &g)) {
    if (strcmp(shown, g.input)) {
      if (first && seen) break;
      seen++;
      strcpy(shown, g.input);
      set_picture(session, &info, g.input);
      if (mn_session_run(session, &err)) fail_msg("%s", err.text);
    }
    wrong += check(session, s, &g, where);
  }
  fclose(file);
  assert_true(seen > 0);
  mn_session_free(session);
  return wrong;
}

static int run_plan(const subject *s, const mn_model *model, const char *isa, int count) {
  mn_error err;
  mn_plan *plan;
  mn_threads *threads;
  mn_plan_options options = {
      .struct_size = sizeof options, .threads = count, .isa = isa, .keep_all = 1};
  if (mn_threads_new(&threads, count, &err)) fail_msg("%s", err.text);
  if (mn_plan_new(&plan, model, &options, &err)) fail_msg("%s", err.text);
  int wrong = run_pictures(s, plan, threads, isa != NULL || FIRST_ONLY);
  mn_plan_free(plan);
  mn_threads_free(threads);
  return wrong;
}

static void test_model(void **state) {
  const subject *s = *state;
  mn_error err;
  mn_model *model;
  char path[512];
  snprintf(path, sizeof path, "%s/models/%s.tflite", test_assets(), s->model);
  if (mn_model_open(&model, path, NULL, &err)) fail_msg("%s", err.text);
  int wrong = run_plan(s, model, NULL, 1) + run_plan(s, model, NULL, 2);
  if (!FIRST_ONLY) wrong += run_plan(s, model, "scalar", 2);
  mn_model_free(model);
  assert_int_equal(wrong, 0);
}

int main(void) {
  enum { COUNT = sizeof subjects / sizeof *subjects };
  struct CMUnitTest tests[COUNT];
  if (!test_assets()) return SKIPPED;
  for (size_t i = 0; i < COUNT; ++i) {
    tests[i] = (struct CMUnitTest){.name = subjects[i].model,
                                   .test_func = test_model,
                                   .initial_state = (void *)(uintptr_t)&subjects[i]};
  }
  return cmocka_run_group_tests_name("task models", tests, NULL, NULL);
}
