/* SPDX-License-Identifier: Apache-2.0
 * Workers take the next `batch` pictures under a lock; complaints are kept and said in order. */
#include "eval_workers.h"

#include <inttypes.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "interrupt.h"
#include "message.h"
#include "progress.h"
#include "terminal.h"

enum { POLL_NS = 50 * 1000 * 1000 };

typedef struct worker_team {
  evaluation *eval;
  pthread_mutex_t lock; /* of everything below */
  pthread_cond_t news;
  int64_t next, done;
  int busy;       /* workers that have not ended */
  bool stop;      /* an error that ends everything */
  mn_error error; /* that error */
} worker_team;

int evaluation_prepare(evaluation *eval, const cli_options *options) {
  mn_error err = {0};
  int code = model_open(&eval->runner.opened, options, NULL);
  if (code != EXIT_DONE) return code;
  mn_plan_options plan = {.struct_size = sizeof plan,
                          .batch = eval->batch,
                          .height = options->height,
                          .width = options->width,
                          .threads = 1,
                          .isa = options->text[OPTION_ISA],
                          .memory_cap = UINT64_MAX};
  if (!options_goal(options, &plan.goal)) return EXIT_USAGE;
  if (!options_precision(options, &plan.precision)) return EXIT_USAGE;
  if (mn_plan_new(&eval->runner.plan, eval->runner.opened.model, &plan, &err)) {
    return say_error(&err);
  }
  if (mn_session_new(&eval->runner.session, eval->runner.plan, NULL, &err)) {
    return say_error(&err);
  }
  code = runner_check_pictures(&eval->runner);
  mn_session_free(eval->runner.session); /* each worker makes its own */
  eval->runner.session = NULL;
  return code;
}

void evaluation_complain(evaluation *eval, int64_t index, const char *text) {
  eval->pictures[index].state = PICTURE_FAILED;
  eval->pictures[index].complaint = strdup(text);
}

/* Puts one picture into the batch; a picture that cannot be used is noted and left out. */
static mn_status load_picture(evaluation *eval, mn_session *session, int64_t index, int slot,
                              mn_error *err) {
  mn_picture *picture;
  mn_status status = mn_dataset_read_picture(eval->dataset, index, NULL, &picture, err);
  bool usable = status == MN_OK;
  if (usable) {
    const mn_image *image = mn_picture_image(picture);
    eval->pictures[index].width = image->width;
    eval->pictures[index].height = image->height;
    status = mn_session_set_image(session, slot, image, err);
  }
  mn_picture_free(picture);
  if (status == MN_OK) return MN_OK;
  if (usable && status != MN_ERR_LIMIT) return status;
  evaluation_complain(eval, index, err->text);
  return MN_OK;
}

static mn_status score_batch(evaluation *eval, mn_session *session, int64_t begin, int64_t end,
                             mn_error *err) {
  mn_status status = MN_OK;
  for (int64_t i = begin; i < end && status == MN_OK; i++) {
    status = load_picture(eval, session, i, (int)(i - begin), err);
  }
  if (status == MN_OK) status = mn_session_run(session, err);
  for (int64_t i = begin; i < end && status == MN_OK; i++) {
    if (eval->pictures[i].state == PICTURE_FAILED) continue;
    status = eval->task->score(eval, session, (int)(i - begin), i, err);
    if (eval->pictures[i].state == PICTURE_OPEN) eval->pictures[i].state = PICTURE_SCORED;
  }
  return status;
}

/* The next pictures for a worker; false when there are none or all should end. */
static bool take_batch(worker_team *team, int64_t *begin, int64_t *end) {
  const evaluation *eval = team->eval;
  bool more = !team->stop && !interrupted() && team->next < eval->count;
  if (!more) return false;
  *begin = team->next;
  *end = team->next + eval->batch < eval->count ? team->next + eval->batch : eval->count;
  team->next = *end;
  return true;
}

static void *work(void *user) {
  worker_team *team = user;
  evaluation *eval = team->eval;
  mn_session *session = NULL;
  mn_error err = {0};
  mn_status status = mn_session_new(&session, eval->runner.plan, NULL, &err);
  int64_t begin, end;
  pthread_mutex_lock(&team->lock);
  while (status == MN_OK && take_batch(team, &begin, &end)) {
    pthread_mutex_unlock(&team->lock);
    status = score_batch(eval, session, begin, end, &err);
    pthread_mutex_lock(&team->lock);
    team->done += end - begin;
  }
  if (status != MN_OK && !team->stop) {
    team->stop = true;
    team->error = err;
  }
  team->busy--;
  pthread_cond_signal(&team->news);
  pthread_mutex_unlock(&team->lock);
  mn_session_free(session);
  return NULL;
}

/* Shows progress until the last worker ends. */
static void watch(worker_team *team) {
  progress_bar bar;
  progress_begin(&bar, "images", team->eval->count);
  pthread_mutex_lock(&team->lock);
  while (team->busy > 0) {
    struct timespec until;
    clock_gettime(CLOCK_REALTIME, &until);
    until.tv_nsec += POLL_NS;
    until.tv_sec += until.tv_nsec / 1000000000;
    until.tv_nsec %= 1000000000;
    pthread_cond_timedwait(&team->news, &team->lock, &until);
    progress_update(&bar, team->done);
  }
  pthread_mutex_unlock(&team->lock);
  progress_clear(&bar);
}

static int run_team(worker_team *team, pthread_t *threads) {
  int started = 0;
  pthread_mutex_init(&team->lock, NULL);
  pthread_cond_init(&team->news, NULL);
  pthread_mutex_lock(&team->lock);
  while (started < team->eval->workers &&
         pthread_create(&threads[started], NULL, work, team) == 0) {
    started++;
  }
  team->busy = started;
  pthread_mutex_unlock(&team->lock);
  watch(team);
  for (int i = 0; i < started; i++) pthread_join(threads[i], NULL);
  pthread_mutex_destroy(&team->lock);
  pthread_cond_destroy(&team->news);
  if (started == 0) {
    say("no thread could be started");
    return EXIT_UNUSABLE;
  }
  if (!team->stop) return EXIT_DONE;
  say("%s", team->error.text);
  return EXIT_UNUSABLE;
}

static void say_complaints(evaluation *eval) {
  for (int64_t i = 0; i < eval->count; i++) {
    const eval_picture *picture = &eval->pictures[i];
    if (picture->state != PICTURE_FAILED) continue;
    say("%s", picture->complaint ? picture->complaint : mn_dataset_path(eval->dataset, i));
    eval->failed++;
  }
}

int64_t evaluation_scored(const evaluation *eval) {
  int64_t scored = 0;
  for (int64_t i = 0; i < eval->count; i++) scored += eval->pictures[i].state == PICTURE_SCORED;
  return scored;
}

void evaluation_print_head(const evaluation *eval, double ms) {
  const int64_t scored = evaluation_scored(eval);
  print_safe(stdout, eval->runner.opened.name);
  printf("%s\n", eval->runner.opened.is_default ? " (ships with mobilenet)" : "");
  printf("  images  %" PRId64 "  in %.1f s, %.1f images/s\n", scored, ms / 1e3,
         (double)scored / ms * 1e3);
}

int evaluation_run(evaluation *eval) {
  if (eval->workers > eval->count) eval->workers = (int)eval->count;
  eval->pictures = calloc((size_t)eval->count, sizeof *eval->pictures);
  pthread_t *threads = calloc((size_t)eval->workers, sizeof *threads);
  int code = eval->pictures && threads ? eval->task->prepare(eval) : say_out_of_memory();
  if (code == EXIT_DONE) {
    worker_team team = {.eval = eval};
    code = run_team(&team, threads);
    say_complaints(eval);
  }
  free(threads);
  return code;
}

void evaluation_free(evaluation *eval) {
  if (eval->results) eval->task->free(eval);
  for (int64_t i = 0; eval->pictures && i < eval->count; i++) free(eval->pictures[i].complaint);
  free(eval->pictures);
  mn_dataset_free(eval->dataset);
  runner_close(&eval->runner);
}
