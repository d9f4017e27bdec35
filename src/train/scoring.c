/* SPDX-License-Identifier: Apache-2.0
 * See scoring.h. */
#include "train/scoring.h"

#include "base/alloc.h"
#include "run/session.h"

static mn_status score_batches(const mn_scoring *s, mn_session *session, int32_t *truth,
                               mn_class_tally *tally, mn_error *err) {
  const int64_t batches = mn_feed_batches(s->feed);
  mn_status status = mn_feed_seek(s->feed, 0, 0, err);
  for (int64_t b = 0; b < batches && !status; b++) {
    mn_feed_batch batch;
    status = mn_feed_next(s->feed, mn_session_input(session, 0), NULL, &batch, err);
    if (!status) status = mn_session_run(session, err);
    if (status) break;
    for (int32_t i = 0; i < batch.count; i++) {
      truth[i] = mn_dataset_class(s->part->set, batch.items[i]);
    }
    mn_class_tally_add(tally, mn_session_output(session, 0), truth, (size_t)batch.count);
  }
  return status;
}

mn_status mn_scoring_run(const mn_scoring *s, mn_class_tally *tally, mn_error *err) {
  const mn_plan_request request = {.batch = s->batch,
                                   .height = s->height,
                                   .width = s->width,
                                   .threads = mn_threads_count(s->threads),
                                   .features = s->features};
  mn_plan *plan;
  mn_session *session = NULL;
  mn_status status = mn_plan_build(&plan, s->graph, &request, err);
  if (status) return status;
  const mn_session_options with = {.struct_size = sizeof with, .threads = s->threads};
  status = mn_session_new(&session, plan, &with, err);
  int32_t *truth = mn_alloc_zero((size_t)s->batch * sizeof *truth);
  if (!status && !truth) status = mn_fail_memory(err, (size_t)s->batch * sizeof *truth);
  if (!status) status = score_batches(s, session, truth, tally, err);
  mn_free(truth);
  mn_session_free(session);
  mn_plan_free(plan);
  return status;
}
