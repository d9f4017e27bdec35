/* SPDX-License-Identifier: Apache-2.0
 * Random small networks, written by our TFLite writer, read back and run by us, against LiteRT's
 * reference kernels: integers to the bit, floats within 1e-5 of the tensor's largest magnitude;
 * with every instruction set of this machine, one thread and two. Goldens:
 * tests/oracle/random_tflite.py, which calls this program as
 *
 *     test_random_nets write FOLDER FIRST COUNT
 *
 * to get SEED.tflite, SEED.in and our SEED.out. */
#include "random_net.h"

#include <math.h>

#include "base/alloc.h"
#include "base/cpu.h"
#include "base/file.h"
#include "format/format.h"

typedef struct result {
  mn_type type;
  size_t bytes;
  uint8_t *data; /* freed with free */
} result;

typedef struct made {
  uint8_t *tflite; /* freed with mn_free */
  size_t tflite_size;
  void *input; /* freed with free */
  size_t input_size;
} made;

static made make(uint32_t seed) {
  mn_graph graph;
  mn_error err = {0};
  made m;
  random_net_make(&graph, seed);
  if (mn_tflite_save(&graph, &m.tflite, &m.tflite_size, &err)) fail_msg("%u: %s", seed, err.text);
  const mn_value *input = &graph.values[graph.inputs[0]];
  int32_t elements;
  assert_true(mn_shape_elements(&input->shape, &elements));
  m.input_size = (size_t)elements * mn_type_bytes(input->type);
  m.input = malloc(m.input_size);
  assert_non_null(m.input);
  random_net_input(input, seed, m.input, m.input_size);
  mn_graph_free(&graph);
  return m;
}

static void release(made *m) {
  mn_free(m->tflite);
  free(m->input);
}

/* Reads the file and runs it once. */
static result run(const made *m, uint32_t seed, const char *isa, mn_threads *threads) {
  mn_model *model = NULL;
  mn_plan *plan = NULL;
  mn_session *session = NULL;
  mn_tensor_info info;
  mn_error err = {0};
  mn_plan_options plan_options = {
      .struct_size = sizeof plan_options, .isa = isa, .threads = mn_threads_count(threads)};
  mn_session_options options = {.struct_size = sizeof options, .threads = threads};
  if (mn_model_open_memory(&model, m->tflite, m->tflite_size, NULL, &err) ||
      mn_plan_new(&plan, model, &plan_options, &err) ||
      mn_session_new(&session, plan, &options, &err)) {
    fail_msg("seed %u: %s", seed, err.text);
  }
  memcpy(mn_session_input(session, 0), m->input, m->input_size);
  if (mn_session_run(session, &err)) fail_msg("seed %u: %s", seed, err.text);
  assert_int_equal(mn_plan_output_info(plan, 0, &info), MN_OK);
  result r = {info.type, info.bytes, malloc(info.bytes)};
  assert_non_null(r.data);
  memcpy(r.data, mn_session_output(session, 0), r.bytes);
  mn_session_free(session);
  mn_plan_free(plan);
  mn_model_free(model);
  return r;
}

/* ---- Against the goldens -------------------------------------------------------------------- */

/* One line: "SEED TYPE BYTES" and a hash (integers) or some floats, evenly chosen (floats), and the
 * largest magnitude of them all. */
typedef struct golden {
  uint32_t seed;
  char type[8];
  size_t bytes;
  const char *rest;
} golden;

static uint64_t hash_of(const uint8_t *data, size_t bytes) {
  uint64_t hash = 14695981039346656037u; /* FNV-1a */
  for (size_t i = 0; i < bytes; i++) hash = (hash ^ data[i]) * 1099511628211u;
  return hash;
}

static void expect_floats(const golden *g, const result *got, const char *isa) {
  const char *at = g->rest;
  char *end;
  size_t count = got->bytes / sizeof(float), samples = count < 32 ? count : 32;
  double largest = strtod(at, &end);
  for (size_t i = 0; i < samples; i++) {
    at = end;
    double wanted = strtod(at, &end),
           is = ((const float *)(const void *)got->data)[i * count / samples];
    assert_true(end != at);
    if (!(fabs(is - wanted) <= 1e-5 * largest)) {
      fail_msg("seed %u (%s): element %zu is %.9g, expected %.9g", g->seed, isa,
               i * count / samples, is, wanted);
    }
  }
}

static void expect_golden(const golden *g, const result *got, const char *isa) {
  assert_string_equal(mn_type_name(got->type), g->type);
  assert_int_equal(got->bytes, g->bytes);
  if (got->type == MN_F32) {
    expect_floats(g, got, isa);
  } else if (hash_of(got->data, got->bytes) != strtoull(g->rest, NULL, 16)) {
    fail_msg("seed %u (%s): the output is not LiteRT's", g->seed, isa);
  }
}

static void check_line(const char *line, mn_threads *two) {
  golden g = {0};
  int used = 0;
  assert_int_equal(sscanf(line, "%u %7s %zu %n", &g.seed, g.type, &g.bytes, &used), 3);
  g.rest = line + used;
  made m = make(g.seed);
  for (int level = 0; mn_cpu_level_at(level); level++) {
    mn_cpu_features features;
    const char *isa = mn_cpu_level_at(level);
    if (mn_cpu_level(isa, &features, NULL)) continue;
    for (int pool = 0; pool < 2; pool++) {
      result got = run(&m, g.seed, isa, pool ? two : NULL);
      expect_golden(&g, &got, isa);
      free(got.data);
    }
  }
  release(&m);
}

static void goldens(void **state) {
  (void)state;
  enum { LINE = 1024 };
  char path[512], line[LINE];
  mn_threads *two;
  int lines = 0;
  snprintf(path, sizeof path, "%s/golden/random_nets.txt", MN_TEST_DIR);
  FILE *file = fopen(path, "r");
  assert_non_null(file);
  assert_int_equal(mn_threads_new(&two, 2, NULL), MN_OK);
  while (fgets(line, sizeof line, file)) {
    if (line[0] == '#') continue;
    check_line(line, two);
    lines++;
  }
  mn_threads_free(two);
  fclose(file);
  assert_true(lines >= 100);
}

/* ---- For the script ------------------------------------------------------------------------- */

static void put_file(const char *folder, uint32_t seed, const char *ending, const void *data,
                     size_t bytes) {
  char path[512];
  mn_error err = {0};
  snprintf(path, sizeof path, "%s/%u.%s", folder, seed, ending);
  if (mn_file_write(path, data, bytes, &err)) fail_msg("%s", err.text);
}

static const char *write_folder;
static uint32_t write_first, write_count;

static void write_networks(void **state) {
  (void)state;
  for (uint32_t i = 0; i < write_count; i++) {
    uint32_t seed = write_first + i;
    made m = make(seed);
    put_file(write_folder, seed, "tflite", m.tflite, m.tflite_size);
    put_file(write_folder, seed, "in", m.input, m.input_size);
    result got = run(&m, seed, NULL, NULL);
    put_file(write_folder, seed, "out", got.data, got.bytes);
    free(got.data);
    release(&m);
  }
}

int main(int argc, char **argv) {
  const struct CMUnitTest tests[] = {cmocka_unit_test(goldens)};
  const struct CMUnitTest writing[] = {cmocka_unit_test(write_networks)};
  if (argc == 5 && strcmp(argv[1], "write") == 0) {
    write_folder = argv[2];
    write_first = (uint32_t)strtoul(argv[3], NULL, 10);
    write_count = (uint32_t)strtoul(argv[4], NULL, 10);
    return cmocka_run_group_tests(writing, NULL, NULL);
  }
  return cmocka_run_group_tests(tests, NULL, NULL);
}
