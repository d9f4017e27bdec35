/* SPDX-License-Identifier: Apache-2.0
 * Serves training steps of one network to train_peers.py: forward, loss, backward and an update by
 * SGD with momentum, of one batch that stays. Its first weights go to a file, so that another
 * framework can begin with the same.
 *
 *   train_bench NETWORK BATCH THREADS PIXELS WEIGHTS wall|cpu|steps [bf16]
 *
 * PIXELS: float [batch][height][width][3]. WEIGHTS: all parameters end to end. Then lines of JSON:
 * at first the losses of three steps, and for each line N on standard input N milliseconds, of a
 * clock on the wall or of the process's own. `steps`: the time of each operator, instead. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/cpu.h"
#include "train/objective.h"
#include "train/train_ops.h"
#include "train/trainer.h"
#include "zoo/zoo.h"

enum { CLASSES = 10, FIRST_STEPS = 3, MOST_OPS = 128, ROUNDS = 5 };

typedef struct service {
  mn_graph model;
  mn_objective *objective;
  mn_trainer *trainer;
  mn_threads *threads;
  int32_t batch;
  bool bf16;
} service;

static clockid_t clock_used = CLOCK_MONOTONIC;

static double now_ms(void) {
  struct timespec t;
  clock_gettime(clock_used, &t);
  return (double)t.tv_sec * 1e3 + (double)t.tv_nsec * 1e-6;
}

static int fail(const char *what) {
  fprintf(stderr, "train_bench: %s\n", what);
  return 1;
}

static bool open_trainer(service *s, const char *network, int threads, mn_error *err) {
  mn_arch arch;
  mn_trainer_options options = {
      .batch = s->batch,
      .optimizer = {.kind = MN_SGD, .momentum = 0.9},
      .backbone_share = 1,
      .norm_momentum = 0.1,
      .features = mn_cpu_detect(),
      .bf16 = s->bf16,
  };
  if (mn_threads_new(&s->threads, threads, err) || mn_arch_parse(&arch, network, CLASSES, err) ||
      mn_zoo_build(&s->model, &arch, MN_ZOO_RANDOM, 1, err) ||
      mn_objective_classes(&s->objective, err)) {
    return false;
  }
  options.threads = s->threads;
  options.objective = s->objective;
  return mn_trainer_new(&s->trainer, &s->model, &options, err) == MN_OK;
}

static size_t pixel_count(const service *s) {
  const mn_graph *graph = &s->trainer->stepper->training.graph;
  const mn_shape *shape = &graph->values[graph->inputs[0]].shape;
  size_t count = 1;
  for (int32_t i = 0; i < shape->rank; i++) count *= (size_t)shape->dim[i];
  return count;
}

static bool read_batch(const service *s, float *pixels, const char *path) {
  FILE *file = fopen(path, "rb");
  if (!file) return false;
  const bool whole = fread(pixels, sizeof *pixels, pixel_count(s), file) == pixel_count(s);
  fclose(file);
  return whole;
}

static bool write_weights(const service *s, const char *path) {
  const mn_training_graph *training = &s->trainer->stepper->training;
  FILE *file = fopen(path, "wb");
  bool written = file != NULL;
  for (int32_t i = 0; i < training->parameter_count && written; i++) {
    const mn_parameter *p = &training->parameters[i];
    written = fwrite(p->data, sizeof *p->data, p->count, file) == p->count;
  }
  return file && fclose(file) == 0 && written;
}

/* The input's memory serves other maps after the forward pass: it is filled before every step. */
static double step(const service *s, const float *pixels, double *ms) {
  mn_trained_step done;
  float *targets = mn_trainer_targets(s->trainer);
  memcpy(mn_trainer_pixels(s->trainer), pixels, pixel_count(s) * sizeof *pixels);
  for (int32_t i = 0; i < s->batch * CLASSES; i++) {
    targets[i] = i % CLASSES == i / CLASSES % CLASSES ? 1.0f : 0.0f;
  }
  const double begin = now_ms();
  mn_trainer_step(s->trainer, 0.01, &done);
  *ms = now_ms() - begin;
  return done.loss;
}

static void serve(const service *s, const float *pixels) {
  char line[32];
  double ms;
  printf("{\"version\": \"%s %s\", \"losses\": [", mn_version(), mn_isa());
  for (int i = 0; i < FIRST_STEPS; i++) printf("%s%.9g", i ? ", " : "", step(s, pixels, &ms));
  printf("]}\n");
  fflush(stdout);
  while (fgets(line, sizeof line, stdin)) {
    printf("[");
    for (long i = 0, runs = strtol(line, NULL, 10); i < runs; i++) {
      step(s, pixels, &ms);
      printf("%s%.4f", i ? ", " : "", ms);
    }
    printf("]\n");
    fflush(stdout);
  }
}

/* ---- Where the time goes -------------------------------------------------------------------- */

static const mn_plan *watched;
static double last_ms, op_ms[MOST_OPS];

/* Of this thread: other work on the machine counts less. */
static double thread_ms(void) {
  struct timespec t;
  clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t);
  return (double)t.tv_sec * 1e3 + (double)t.tv_nsec * 1e-6;
}

static void on_step(void *user, int index) {
  const double now = thread_ms();
  (void)user;
  if (index > 0) op_ms[watched->steps[index - 1].node->op] += now - last_ms;
  last_ms = thread_ms();
}

static void profile(const service *s, const float *pixels) {
  double ms, all = 0, known = 0;
  step(s, pixels, &ms);
  watched = s->trainer->stepper->plan;
  mn_session_on_step(s->trainer->stepper->session, on_step, NULL);
  for (int i = 0; i < ROUNDS; i++) {
    const double begin = last_ms = thread_ms();
    step(s, pixels, &ms);
    all += thread_ms() - begin;
  }
  for (int op = 0; op < MOST_OPS; op++) {
    if (op_ms[op] > 0) printf("%-18s %9.2f ms\n", mn_train_op_name((mn_op)op), op_ms[op] / ROUNDS);
    known += op_ms[op];
  }
  printf("%-18s %9.2f ms\n%-18s %9.2f ms\n", "loss and update", (all - known) / ROUNDS, "a step",
         all / ROUNDS);
  printf("%-18s %9.1f MB\n", "memory of maps", (double)watched->arena_bytes * 1e-6);
}

int main(int argc, char **argv) {
  mn_error err;
  service s = {.batch = argc > 2 ? (int32_t)strtol(argv[2], NULL, 10) : 0};
  if (argc < 7) return fail("NETWORK BATCH THREADS PIXELS WEIGHTS wall|cpu|steps [bf16]");
  s.bf16 = argc > 7 && strcmp(argv[7], "bf16") == 0;
  if (strcmp(argv[6], "cpu") == 0) clock_used = CLOCK_PROCESS_CPUTIME_ID;
  if (!open_trainer(&s, argv[1], (int)strtol(argv[3], NULL, 10), &err)) return fail(err.text);
  float *pixels = malloc(pixel_count(&s) * sizeof *pixels);
  if (!pixels || !read_batch(&s, pixels, argv[4])) return fail("the pixels cannot be read");
  if (!write_weights(&s, argv[5])) return fail("the weights cannot be written");
  if (strcmp(argv[6], "steps") == 0) {
    profile(&s, pixels);
  } else {
    serve(&s, pixels);
  }
  free(pixels);
  mn_trainer_free(s.trainer);
  mn_objective_free(s.objective);
  mn_graph_free(&s.model);
  mn_threads_free(s.threads);
  return 0;
}
