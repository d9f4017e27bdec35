/* SPDX-License-Identifier: Apache-2.0
 * Real networks against LiteRT's reference kernels: every model of the test assets
 * ($MOBILENET_TEST_ASSETS/models/classify), every input of tests/golden/models/models.txt, every
 * instruction set of this machine, one and two threads, for speed and for memory. Integer outputs
 * must be equal; floats within 1e-5. tests/oracle/models_goldens.py made the goldens and states the
 * input rules. Skipped when the variable is not set; tests/oracle/first_difference.py finds a
 * guilty layer. */
#include <math.h>
#include "base/cpu.h"
#include "mobilenet/mobilenet.h"
#include "model_pictures.h"

enum { MAX_CASES = 32 };
#ifdef MN_TEST_SLOW
enum { STRIDE = 9 }; /* every ninth input: sanitizers, emulators take minutes instead of seconds */
#else
enum { STRIDE = 1 };
#endif

static const char *assets;

typedef struct golden_case {
  char input[24];
  char hash[24]; /* 16 hex digits, or "-" for a float model */
  char best[120];
} golden_case;

/* One model under test. */
typedef struct subject {
  const char *name;
  const char *contract; /* for a bare float file */
  float scale, offset;  /* a float input is byte / scale + offset */
} subject;

static const subject subjects[] = {
    {"mobilenet_v1_0.25_128_quant", NULL, 0, 0},
    {"mobilenet_v1_0.25_224_quant", NULL, 0, 0},
    {"mobilenet_v1_0.75_192_quant", NULL, 0, 0},
    {"mobilenet_v2_1.0_224_quant", NULL, 0, 0},
    {"tf2_mobilenet_v2_1.0_224_ptq", NULL, 0, 0},
    {"v3-large-minimalistic_224_1.0_uint8", NULL, 0, 0},
    {"v3-small_224_1.0_uint8", NULL, 0, 0},
    {"vww_96_int8", NULL, 0, 0},
    {"vww_96_float", "unit", 255.0f, 0.0f},
    {"mobilenet_v1_0.25_224_float", "tf", 127.5f, -1.0f},
};

/* The session's input, of any type, from pixels of the same shape. */
static void set_input(mn_session *session, const mn_tensor_info *info, const subject *net,
                      const uint8_t *pixels) {
  void *input = mn_session_input(session, 0);
  assert_non_null(input);
  int count = info->dims[1] * info->dims[2] * 3;
  for (int i = 0; i < count; ++i) {
    if (info->type == MN_U8) ((uint8_t *)input)[i] = pixels[i];
    if (info->type == MN_I8) ((int8_t *)input)[i] = (int8_t)(pixels[i] - 128);
    if (info->type == MN_F32) ((float *)input)[i] = (float)pixels[i] / net->scale + net->offset;
  }
}

/* ---- the goldens -------------------------------------------------------------------------- */

static int read_cases(const char *model, golden_case *cases) {
  FILE *file = open_golden("models/models.txt");
  char line[320], name[80];
  int count = 0;
  while (fgets(line, sizeof line, file)) {
    golden_case c;
    if (sscanf(line, "%79s %23s %23s %119[^\n]", name, c.input, c.hash, c.best) != 4) continue;
    if (strcmp(name, model)) continue;
    assert_true(count < MAX_CASES);
    cases[count++] = c;
  }
  fclose(file);
  assert_true(count > 0);
  return count;
}

static double value_of(const void *output, mn_type type, int i) {
  if (type == MN_F32) return (double)((const float *)output)[i];
  return type == MN_U8 ? ((const uint8_t *)output)[i] : ((const int8_t *)output)[i];
}

/* The five best as the goldens write them: "index:value ...", ties by lowest index. */
static void write_best(char *text, size_t size, const void *output, const mn_tensor_info *info) {
  int count = info->dims[info->rank - 1], taken[5];
  size_t length = 0;
  for (int k = 0; k < 5 && k < count; ++k) {
    int best = -1;
    for (int i = 0; i < count; ++i) {
      bool seen = false;
      for (int j = 0; j < k; ++j) seen = seen || taken[j] == i;
      if (seen) continue;
      if (best < 0 || value_of(output, info->type, i) > value_of(output, info->type, best))
        best = i;
    }
    taken[k] = best;
    length += (size_t)snprintf(text + length, size - length, "%s%d:%g", k ? " " : "", best,
                               value_of(output, info->type, best));
  }
}

static int check_integers(const golden_case *c, const void *output, const mn_tensor_info *info,
                          const char *where) {
  uint64_t hash = 0xcbf29ce484222325u;
  char text[24], best[120];
  for (size_t i = 0; i < info->bytes; ++i)
    hash = (hash ^ ((const uint8_t *)output)[i]) * 0x100000001b3u;
  snprintf(text, sizeof text, "%016llx", (unsigned long long)hash);
  if (!strcmp(text, c->hash)) return 0;
  write_best(best, sizeof best, output, info);
  print_error("%s: best five %s, expected %s\n", where, best, c->best);
  return 1;
}

/* The outputs are probabilities, so 1e-5 of what they can be is 1e-5. Relative to the largest
 * output no such bound can hold: against a calculation in double, LiteRT itself is off by up to
 * 2.7e-5 of it and we by up to 3.6e-5, each by its own rounding. */
static int check_floats(const float *expected, const float *output, size_t count,
                        const char *where) {
  double worst = 0;
  for (size_t i = 0; i < count; ++i) {
    double difference = fabs((double)output[i] - (double)expected[i]);
    worst = isnan(difference) ? INFINITY : fmax(worst, difference);
  }
  if (worst <= 1e-5) return 0;
  print_error("%s: differs by %g\n", where, worst);
  return 1;
}

/* ---- the runs ----------------------------------------------------------------------------- */

/* Runs every case in one plan; how many outputs are not what they should be. */
static int run_cases(const subject *net, mn_plan *plan, mn_threads *threads, const char *level) {
  mn_error err;
  mn_session *session;
  mn_tensor_info in, out;
  golden_case cases[MAX_CASES];
  mn_session_options options = {.struct_size = sizeof options, .threads = threads};
  if (mn_session_new(&session, plan, &options, &err)) fail_msg("%s", err.text);
  assert_int_equal(mn_plan_input_info(plan, 0, &in), MN_OK);
  assert_int_equal(mn_plan_output_info(plan, 0, &out), MN_OK);
  assert_int_equal(in.dims[1], in.dims[2]);
  int count = read_cases(net->name, cases), wrong = 0;
  uint8_t *pixels = malloc((size_t)in.dims[1] * (size_t)in.dims[2] * 3);
  float *expected = malloc(out.bytes);
  assert_true(pixels && expected);
  char name[120], where[160];
  snprintf(name, sizeof name, "models/%s.f32", net->name);
  FILE *floats = out.type == MN_F32 ? open_golden(name) : NULL;
  for (int i = 0; i < count; ++i) {
    if (floats) assert_int_equal(fread(expected, 1, out.bytes, floats), out.bytes);
    if (i % STRIDE) continue;
    fill_picture(pixels, in.dims[1], cases[i].input);
    set_input(session, &in, net, pixels);
    if (mn_session_run(session, &err)) fail_msg("%s", err.text);
    const void *output = mn_session_output(session, 0);
    snprintf(where, sizeof where, "%.60s, %.24s, %.12s, %d threads", net->name, cases[i].input,
             level, mn_threads_count(threads));
    wrong += floats ? check_floats(expected, output, out.bytes / 4, where)
                    : check_integers(&cases[i], output, &out, where);
  }
  if (floats) fclose(floats);
  free(expected);
  free(pixels);
  mn_session_free(session);
  return wrong;
}

static int run_level(const subject *net, const mn_model *model, const char *level, int count,
                     mn_plan_goal goal) {
  mn_error err;
  mn_plan *plan;
  mn_threads *threads;
  mn_plan_options options = {
      .struct_size = sizeof options, .threads = count, .isa = level, .goal = goal};
  if (mn_threads_new(&threads, count, &err)) fail_msg("%s", err.text);
  if (mn_plan_new(&plan, model, &options, &err)) fail_msg("%s", err.text);
  int wrong = run_cases(net, plan, threads, level);
  mn_plan_free(plan);
  mn_threads_free(threads);
  return wrong;
}

static void test_model(void **state) {
  const subject *net = *state;
  mn_open_options options = {.struct_size = sizeof options, .contract = net->contract};
  mn_error err;
  mn_model *model;
  char path[512];
  mn_cpu_features ignored;
  const char *level;
  int wrong = 0;
  snprintf(path, sizeof path, "%s/models/classify/%s.tflite", assets, net->name);
  if (mn_model_open(&model, path, &options, &err)) fail_msg("%s", err.text);
  for (int i = 0; (level = mn_cpu_level_at(i)) != NULL; ++i) {
    if (mn_cpu_level(level, &ignored, NULL)) continue; /* this CPU lacks it */
    wrong += run_level(net, model, level, 1, MN_PLAN_SPEED);
    wrong += run_level(net, model, level, 2, MN_PLAN_SPEED);
    wrong += run_level(net, model, level, 1 + i % 2, MN_PLAN_MEMORY);
  }
  mn_model_free(model);
  assert_int_equal(wrong, 0);
}

int main(void) {
  enum { COUNT = sizeof subjects / sizeof *subjects };
  struct CMUnitTest tests[COUNT];
  assets = test_assets();
  if (!assets) return SKIPPED;
  for (size_t i = 0; i < COUNT; ++i) {
    tests[i] = (struct CMUnitTest){.name = subjects[i].name,
                                   .test_func = test_model,
                                   .initial_state = (void *)(uintptr_t)&subjects[i]};
  }
  return cmocka_run_group_tests_name("models", tests, NULL, NULL);
}
