/* SPDX-License-Identifier: Apache-2.0
 * Fine-tuning of a network whose batch norms were folded: they come back before training. */
#include "api/training.h"
#include "train/head.h"
#include "train/unfold.h"

enum { PICTURES = 512, BATCH = 4 };
static const float usual_epsilon = 1e-3f;

static mn_status measure(mn_training *t, const mn_unfolded *norms, mn_error *err) {
  const int64_t pictures = t->parts.train.count < PICTURES ? t->parts.train.count : PICTURES;
  const mn_feed_options options = {
      .contract = &t->graph.contract,
      .height = t->height,
      .width = t->width,
      .batch = BATCH,
      .training = true, /* as the norms will see them: of all classes, augmented */
      .augment = t->recipe.augment,
      .seed = t->options.seed,
      .threads = mn_threads_count(t->options.threads),
  };
  mn_unfold_request request = {
      .batch = BATCH,
      .height = t->height,
      .width = t->width,
      .batches = (pictures + BATCH - 1) / BATCH,
      .threads = t->options.threads,
      .features = t->features,
  };
  mn_status status = mn_feed_new(&request.feed, &t->parts.train, &options, err);
  if (!status) status = mn_unfold_measure(&t->graph, norms, &request, err);
  mn_feed_free(request.feed);
  return status;
}

mn_status mn_training_unfold(mn_training *t, mn_error *err) {
  if (!t->recipe.unfold || !t->options.fine_tune || t->options.freeze) return MN_OK;
  const mn_id end = t->head > 0 ? t->head - 1 : mn_head_layer(&t->graph);
  const double epsilon = t->recipe.norm_epsilon;
  mn_unfolded norms;
  mn_status status =
      mn_unfold(&t->graph, end, epsilon > 0 ? (float)epsilon : usual_epsilon, &norms, err);
  if (status || norms.count == 0) return status;
  if (t->head > 0) t->head += norms.count;
  return measure(t, &norms, err);
}
