/* SPDX-License-Identifier: Apache-2.0
 * Steps of several batches. With frozen statistics they are a step of one large batch; the bits do
 * not depend on how many processes (here: threads of this one) share them; a batch that could not
 * be filled counts for nothing; a process that is gone ends the run. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
/* after those three */
#include <cmocka.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>

#include "filled_network.h"
#include "train/deploy.h"
#include "train/objective.h"
#include "train/ranks.h"
#include "train/trainer.h"

enum { CLASSES = 10, BATCH = 4, STEPS = 3, MOST_RANKS = 6 };
static const char network[] = "v3-small-0.35-64";

/* ---- Processes ------------------------------------------------------------------------------ */

typedef struct meeting {
  pthread_mutex_t lock;
  pthread_cond_t change;
  int count, here, round;
  bool broken;
  const void *brought[MOST_RANKS];
} meeting;

typedef struct seat {
  meeting *at;
  int rank, calls_left; /* until it is gone; negative: it stays */
} seat;

/* Waits for all; true: somebody does not come any more. */
static bool meet(meeting *m) {
  pthread_mutex_lock(&m->lock);
  const int round = m->round;
  if (++m->here == m->count) {
    m->here = 0;
    m->round++;
    pthread_cond_broadcast(&m->change);
  }
  while (round == m->round && !m->broken) pthread_cond_wait(&m->change, &m->lock);
  const bool broken = m->broken;
  pthread_mutex_unlock(&m->lock);
  return broken;
}

static bool leaves(seat *s) {
  if (s->calls_left != 0) {
    s->calls_left -= s->calls_left > 0;
    return false;
  }
  pthread_mutex_lock(&s->at->lock);
  s->at->broken = true;
  pthread_cond_broadcast(&s->at->change);
  pthread_mutex_unlock(&s->at->lock);
  return true;
}

static int swap(seat *s, const void *piece, void *out, size_t bytes, size_t offset) {
  meeting *m = s->at;
  if (leaves(s)) return 1;
  pthread_mutex_lock(&m->lock);
  m->brought[s->rank] = piece;
  pthread_mutex_unlock(&m->lock);
  if (meet(m)) return 1;
  for (int r = 0; r < m->count; r++) {
    memcpy((char *)out + (size_t)r * bytes, (const char *)m->brought[r] + offset, bytes);
  }
  return meet(m);
}

static int exchange(void *user, const void *pieces, void *out, size_t bytes) {
  seat *s = user;
  return swap(s, pieces, out, bytes, (size_t)s->rank * bytes);
}

static int gather(void *user, const void *piece, void *out, size_t bytes) {
  return swap(user, piece, out, bytes, 0);
}

/* ---- Runs ----------------------------------------------------------------------------------- */

typedef struct run {
  mn_trainer_options options;
  int32_t ranks, rank, batch, batches;
  int32_t unfilled; /* a batch of each step, or -1 */
  int steps;
  bool int8; /* trained for 8 bits */
  mn_arena arena;
  seat seat;
  mn_ranks link;
  mn_graph model;
  mn_objective *objective;
  mn_trainer *trainer;
  double losses[STEPS];
  mn_status status;
} run;

static run usual(void) {
  return (run){.options = {.optimizer = {.kind = MN_SGD, .momentum = 0.9},
                           .weight_decay = 1e-3,
                           .clip = 1,
                           .average = 0.9,
                           .backbone_share = 1,
                           .norm_momentum = 0.1,
                           .dropout = 0.2,
                           .seed = 11},
               .ranks = 1,
               .batch = BATCH,
               .batches = 1,
               .unfilled = -1,
               .steps = STEPS,
               .seat = {.calls_left = -1}};
}

static const mn_code_points *find_codes(run *r) {
  mn_error err;
  mn_code_points *codes = mn_arena_take(&r->arena, sizeof *codes);
  assert_non_null(codes);
  mn_contract_default(&r->model.contract);
  check(mn_contract_preset(&r->model.contract, "tf", &err), &err);
  r->model.has_contract = true;
  check(mn_deploy_prepare(&r->model, &err), &err);
  check(mn_code_points_prepared(codes, &r->model, &r->arena, &err), &err);
  return codes;
}

static void open_run(run *r) {
  mn_error err;
  build_network(&r->model, network, CLASSES);
  r->arena = (mn_arena){0};
  check(mn_objective_classes(&r->objective, &err), &err);
  r->link = (mn_ranks){sizeof r->link, r->rank, r->ranks, &r->seat, exchange, gather};
  r->seat.rank = r->rank;
  mn_trainer_options o = r->options;
  o.objective = r->objective;
  o.features = mn_cpu_detect();
  o.batch = r->batch;
  o.batches = r->batches;
  o.ranks = &r->link;
  if (r->int8) o.codes = find_codes(r);
  check(mn_trainer_new(&r->trainer, &r->model, &o, &err), &err);
  fill_network(r->trainer->stepper);
  if (!r->int8) return;
  const mn_trainer_stage stage = {.rounded = true, .range_share = 0.1f};
  check(mn_trainer_enter(r->trainer, stage, &err), &err);
}

static void close_run(run *r) {
  mn_trainer_free(r->trainer);
  mn_objective_free(r->objective);
  mn_graph_free(&r->model);
  mn_arena_free(&r->arena);
}

/* Pictures `first` and so on of a step. */
static void fill_batch(run *r, int step, int32_t first) {
  const mn_graph *graph = &r->trainer->stepper->training.graph;
  mn_shape shape = graph->values[graph->inputs[0]].shape;
  const size_t picture = elements_of(&shape) / (size_t)r->batch;
  shape.dim[0] = 1;
  float *targets = mn_trainer_targets(r->trainer);
  for (int32_t i = 0; i < r->batch; i++) {
    const int32_t number = first + i;
    set_numbers(mn_trainer_pixels(r->trainer) + (size_t)i * picture, &shape,
                (uint64_t)(5000 + 100 * step + number));
    for (int32_t c = 0; c < CLASSES; c++) {
      targets[i * CLASSES + c] = c == 3 * number % CLASSES ? 1.0f : 0.0f;
    }
  }
}

static void *work(void *context) {
  run *r = context;
  mn_error err;
  mn_trained_step done;
  const int32_t mine = r->batches / r->ranks;
  for (int step = 0; step < r->steps && !r->status; step++) {
    for (int32_t i = 0; i < mine; i++) {
      const int32_t index = r->rank * mine + i;
      fill_batch(r, step, index * r->batch);
      mn_trainer_batch(r->trainer, index != r->unfilled);
    }
    r->status = mn_trainer_update(r->trainer, 0.05, &done, &err);
    r->losses[step] = done.loss;
  }
  return NULL;
}

static void work_together(run *runs, int count, meeting *m) {
  pthread_t threads[MOST_RANKS];
  *m = (meeting){.count = count};
  pthread_mutex_init(&m->lock, NULL);
  pthread_cond_init(&m->change, NULL);
  for (int i = 0; i < count; i++) {
    runs[i].ranks = count;
    runs[i].rank = i;
    runs[i].seat.at = m;
    open_run(&runs[i]);
  }
  for (int i = 0; i < count; i++) {
    assert_int_equal(pthread_create(&threads[i], NULL, work, &runs[i]), 0);
  }
  for (int i = 0; i < count; i++) pthread_join(threads[i], NULL);
  pthread_cond_destroy(&m->change);
  pthread_mutex_destroy(&m->lock);
}

static run work_alone(run r) {
  open_run(&r);
  work(&r);
  assert_int_equal(r.status, MN_OK);
  return r;
}

/* ---- What is the same ----------------------------------------------------------------------- */

static void expect_same(const run *a, const run *b) {
  const mn_training_graph *one = &a->trainer->stepper->training;
  const mn_training_graph *other = &b->trainer->stepper->training;
  for (int32_t k = 0; k < one->parameter_count; k++) {
    const size_t bytes = one->parameters[k].count * sizeof(float);
    assert_memory_equal(one->parameters[k].data, other->parameters[k].data, bytes);
    assert_memory_equal(a->trainer->averages[k], b->trainer->averages[k], bytes);
  }
  for (int32_t k = 0; k < one->running_count; k++) {
    assert_memory_equal(one->running[k].data, other->running[k].data,
                        one->running[k].count * sizeof(float));
  }
  assert_int_equal(one->range_count > 0, a->int8);
  for (int32_t k = 0; k < one->range_count; k++) {
    assert_true(one->ranges[k].low == other->ranges[k].low);
    assert_true(one->ranges[k].high == other->ranges[k].high);
  }
  assert_memory_equal(a->losses, b->losses, sizeof a->losses);
}

/* The norm of the difference of all weights over that of how far they moved. */
static double apart(const run *a, const run *b, const run *begin) {
  double difference = 0, moved = 0;
  const mn_training_graph *one = &a->trainer->stepper->training;
  for (int32_t k = 0; k < one->parameter_count; k++) {
    const float *x = one->parameters[k].data;
    const float *y = b->trainer->stepper->training.parameters[k].data;
    const float *z = begin->trainer->stepper->training.parameters[k].data;
    for (size_t i = 0; i < one->parameters[k].count; i++) {
      difference += ((double)x[i] - (double)y[i]) * ((double)x[i] - (double)y[i]);
      moved += ((double)x[i] - (double)z[i]) * ((double)x[i] - (double)z[i]);
    }
  }
  return sqrt(difference / moved);
}

/* Sums in another order, through a network whose gradients grow from layer to layer: 1e-5. */
static void test_one_large_batch(void **state) {
  (void)state;
  run r = usual(), first = usual();
  r.options.frozen_norm = true;
  open_run(&first);
  r.batch = 4 * BATCH;
  run large = work_alone(r);
  r.batch = BATCH;
  r.batches = 4;
  run small = work_alone(r);
  const double far = apart(&large, &small, &first);
  printf("four batches are one within %.1e of the way\n", far);
  assert_true(far < 1e-5);
  for (int i = 0; i < STEPS; i++) {
    assert_true(fabs(large.losses[i] - small.losses[i]) < 1e-5 * large.losses[i]);
  }
  close_run(&large);
  close_run(&small);
  close_run(&first);
}

/* One rank and so many, the batches of a step among them. */
static void expect_any_ranks(run r, int ranks) {
  static run shared[MOST_RANKS];
  meeting m;
  run alone = work_alone(r);
  for (int i = 0; i < ranks; i++) shared[i] = r;
  work_together(shared, ranks, &m);
  for (int i = 0; i < ranks; i++) {
    assert_int_equal(shared[i].status, MN_OK);
    expect_same(&alone, &shared[i]);
    close_run(&shared[i]);
  }
  close_run(&alone);
}

static void test_rank_counts(void **state) {
  (void)state;
  static const int cases[][2] = {{4, 2}, {4, 4}, {3, 3}, {6, 3}, {6, 6}}; /* batches, ranks */
  for (size_t c = 0; c < sizeof cases / sizeof *cases; c++) {
    run r = usual();
    r.batches = cases[c][0];
    expect_any_ranks(r, cases[c][1]);
  }
}

/* Ranges of activations, too, are those that all batches of the step make. */
static void test_int8(void **state) {
  (void)state;
  run r = usual();
  r.int8 = true;
  r.batches = 4;
  expect_any_ranks(r, 2);
  r.batches = 3;
  expect_any_ranks(r, 3);
}

/* Batch norms over all processes are those of one large batch; all get the same bits. A step each:
 * through batch norms rounding grows a hundredfold in three. */
static void test_synchronized_norms(void **state) {
  (void)state;
  static run shared[4];
  meeting m;
  run r = usual(), first = usual();
  open_run(&first);
  r.steps = 1;
  r.batch = 4 * BATCH;
  run large = work_alone(r);
  r.batch = BATCH;
  r.batches = 4;
  r.options.sync_norm = true;
  for (int i = 0; i < 4; i++) shared[i] = r;
  work_together(shared, 4, &m);
  const double far = apart(&large, &shared[0], &first);
  printf("batch norms over four processes: within %.1e of the way\n", far);
  assert_true(far < 2e-4);
  for (int i = 0; i < 4; i++) {
    assert_int_equal(shared[i].status, MN_OK);
    expect_same(&shared[0], &shared[i]);
  }
  assert_true(fabs(large.losses[0] - shared[0].losses[0]) < 1e-6 * large.losses[0]);
  for (int i = 0; i < 4; i++) close_run(&shared[i]);
  close_run(&large);
  close_run(&first);
}

static void test_unfilled_batch(void **state) {
  (void)state;
  run r = usual();
  run one = work_alone(r);
  r.batches = 2;
  r.unfilled = 1;
  run two = work_alone(r);
  expect_same(&one, &two);
  close_run(&one);
  close_run(&two);
}

static void test_gone(void **state) {
  (void)state;
  run runs[2] = {usual(), usual()};
  meeting m;
  for (int i = 0; i < 2; i++) runs[i].batches = 2;
  runs[1].seat.calls_left = 7;
  work_together(runs, 2, &m);
  for (int i = 0; i < 2; i++) {
    assert_int_equal(runs[i].status, MN_ERR_CANCELLED);
    close_run(&runs[i]);
  }
}

static void test_sharing(void **state) {
  (void)state;
  mn_error err;
  mn_ranks ranks = {.struct_size = sizeof ranks, .count = 4};
  mn_recipe recipe;
  check(mn_recipe_find(&recipe, "cifar", &err), &err);
  check(mn_ranks_share(NULL, &recipe, &err), &err);
  assert_int_equal(recipe.batch, 128);
  check(mn_ranks_share(&ranks, &recipe, &err), &err);
  assert_int_equal(recipe.batch, 32);
  assert_int_equal(recipe.accumulate, 4);
  recipe.accumulate = 12; /* three each are no branch of the tree */
  assert_int_equal(mn_ranks_share(&ranks, &recipe, &err), MN_ERR_ARGUMENT);
  assert_non_null(strstr(err.text, "accumulate=4, 8, 16"));
}

int main(void) {
  const struct CMUnitTest tests[] = {cmocka_unit_test(test_one_large_batch),
                                     cmocka_unit_test(test_rank_counts),
                                     cmocka_unit_test(test_int8),
                                     cmocka_unit_test(test_synchronized_norms),
                                     cmocka_unit_test(test_unfilled_batch),
                                     cmocka_unit_test(test_gone),
                                     cmocka_unit_test(test_sharing)};
  return cmocka_run_group_tests(tests, NULL, NULL);
}
