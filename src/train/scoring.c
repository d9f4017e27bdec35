/* SPDX-License-Identifier: Apache-2.0
 * See scoring.h. */
#include "train/scoring.h"

#include "base/alloc.h"
#include "train/coded_run.h"

/* Floats of a batch, whatever the graph's own types. */
typedef struct buffers {
  float *pixels, *scores;
  int32_t *truth;
  size_t floats; /* of the pixels */
} buffers;

static mn_status score_batches(const mn_scoring *s, mn_session *session, const buffers *of,
                               mn_class_tally *tally, mn_error *err) {
  const int64_t batches = mn_feed_batches(s->feed);
  mn_status status = mn_feed_seek(s->feed, 0, 0, err);
  for (int64_t b = 0; b < batches && !status; b++) {
    mn_feed_batch batch;
    status = mn_feed_next(s->feed, of->pixels, NULL, &batch, err);
    if (status) break;
    mn_coded_put(session, of->pixels, of->floats);
    status = mn_session_run(session, err);
    if (status) break;
    for (int32_t i = 0; i < batch.count; i++) {
      of->truth[i] = mn_dataset_class(s->part->set, batch.items[i]);
    }
    mn_coded_get(session, of->scores, (size_t)batch.count * (size_t)tally->classes);
    mn_class_tally_add(tally, of->scores, of->truth, (size_t)batch.count);
  }
  return status;
}

static mn_status make_buffers(const mn_scoring *s, int32_t classes, buffers *of, mn_error *err) {
  const size_t batch = (size_t)s->batch;
  of->floats = batch * mn_feed_picture_floats(s->feed);
  of->pixels = mn_alloc_zero(of->floats * sizeof *of->pixels);
  of->scores = mn_alloc_zero(batch * (size_t)classes * sizeof *of->scores);
  of->truth = mn_alloc_zero(batch * sizeof *of->truth);
  return of->pixels && of->scores && of->truth ? MN_OK : mn_fail_memory(err, of->floats);
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
  buffers of = {.pixels = NULL};
  if (!status) status = make_buffers(s, tally->classes, &of, err);
  if (!status) status = score_batches(s, session, &of, tally, err);
  mn_free(of.pixels);
  mn_free(of.scores);
  mn_free(of.truth);
  mn_session_free(session);
  mn_plan_free(plan);
  return status;
}
