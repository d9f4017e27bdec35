/* SPDX-License-Identifier: Apache-2.0
 * A model in training on the pictures held back, as whoever uses it would run it: from the picture
 * itself, and with answers in its pixels. Threads share the pictures; each has a session. */
#include <string.h>

#include "api/training.h"
#include "base/alloc.h"
#include "base/threads.h"

typedef struct held_run {
  const mn_training *training;
  mn_plan *plan;
  mn_session **sessions; /* [workers] */
  mn_error *errors;      /* [workers]; status 0: none yet */
  mn_held_visit *visit;
  void *user;
} held_run;

static mn_status run_picture(const held_run *run, int worker, int64_t index, mn_error *err) {
  const mn_part *part = &run->training->parts.held;
  mn_session *session = run->sessions[worker];
  mn_picture *picture;
  mn_status status = mn_dataset_read_picture(part->set, part->items[index], NULL, &picture, err);
  if (status) return status;
  const mn_image *image = mn_picture_image(picture);
  const mn_held_picture held = {index, worker, image->width, image->height};
  status = mn_session_set_image(session, 0, image, err);
  mn_picture_free(picture);
  if (!status) status = mn_session_run(session, err);
  return status ? status : run->visit(run->user, session, &held, err);
}

static void run_share(void *context, int worker, size_t begin, size_t end) {
  const held_run *run = context;
  mn_error *err = &run->errors[worker];
  for (size_t i = begin; i < end && !err->status; i++) {
    err->status = run_picture(run, worker, (int64_t)i, err);
  }
}

static mn_status open_sessions(held_run *run, int workers, mn_error *err) {
  run->sessions = mn_alloc_zero((size_t)workers * sizeof *run->sessions);
  run->errors = mn_alloc_zero((size_t)workers * sizeof *run->errors);
  if (!run->sessions || !run->errors) return mn_fail_memory(err, (size_t)workers);
  mn_status status = MN_OK;
  for (int i = 0; i < workers && !status; i++) {
    status = mn_session_new(&run->sessions[i], run->plan, NULL, err);
  }
  return status;
}

mn_status mn_training_run_held(const mn_training *t, bool floats, mn_held_visit *visit, void *user,
                               mn_error *err) {
  const int workers = mn_threads_count(t->options.threads);
  held_run run = {.training = t, .visit = visit, .user = user};
  mn_model *model;
  mn_status status =
      floats ? mn_training_floats(t, &model, err) : mn_training_model(t, &model, err);
  if (status) return status;
  status = mn_plan_new(&run.plan, model, NULL, err);
  if (!status) status = open_sessions(&run, workers, err);
  if (!status) {
    mn_threads_run(t->options.threads, workers, (size_t)t->parts.held.count, run_share, &run);
    for (int i = 0; i < workers && !status; i++) {
      status = run.errors[i].status;
      if (status) *err = run.errors[i];
    }
  }
  for (int i = 0; run.sessions && i < workers; i++) mn_session_free(run.sessions[i]);
  mn_free(run.sessions);
  mn_free(run.errors);
  mn_plan_free(run.plan);
  mn_model_free(model);
  return status;
}
