/* SPDX-License-Identifier: Apache-2.0
 * Fine-tuning with a part of the network as it is. A classifier's backbone that stays as a whole
 * is asked once for each picture, and what is trained begins behind it. */
#include "api/training.h"
#include "train/freeze.h"
#include "train/head.h"

static int features_progress(void *user, int64_t done, int64_t count) {
  const mn_train_options *o = &((const mn_training *)user)->options;
  return o->progress ? o->progress(o->user, "features", done, count) : 0;
}

/* Features of both sides, where those of training fit the memory for pictures. */
static mn_status keep_features(mn_training *t, mn_id head, mn_error *err) {
  mn_status status = mn_freeze_split(&t->graph, head, &t->backbone, &t->last, err);
  if (status) return status;
  mn_features_request request = {.backbone = &t->backbone,
                                 .part = &t->parts.train,
                                 .feed = mn_training_feed(t),
                                 .views = t->recipe.frozen_views,
                                 .threads = t->options.threads,
                                 .features = t->features,
                                 .progress = features_progress,
                                 .user = t};
  request.feed.classes = mn_dataset_class_count(t->parts.train.set); /* no objective is open yet */
  if (mn_features_bytes(&request) > request.feed.cache_bytes) return MN_OK;
  status = mn_features_new(&t->kept, &request, err);
  request.part = &t->parts.held;
  request.views = 0;
  if (!status && t->parts.held.count) status = mn_features_new(&t->kept_held, &request, err);
  return status;
}

mn_status mn_training_freeze(mn_training *t, mn_error *err) {
  if (!t->options.freeze) return MN_OK;
  if (!t->options.fine_tune) {
    return mn_fail(err, MN_ERR_ARGUMENT, "freeze",
                   "a new network has learned nothing that could stay; start from a trained one");
  }
  const mn_id head = t->head > 0 ? t->head - 1 : mn_head_layer(&t->graph);
  mn_status status = mn_freeze_nodes(&t->graph, head, t->options.freeze, &t->frozen, err);
  if (!status && t->frozen >= t->graph.node_count) {
    return mn_fail(err, MN_ERR_ARGUMENT, "freeze", "all layers would stay: nothing is made anew");
  }
  if (status || t->frozen != head || t->task != &mn_train_classes || t->options.int8) return status;
  return keep_features(t, head, err);
}

mn_status mn_training_snapshot(const mn_training *t, mn_graph *out, mn_error *err) {
  mn_graph last;
  if (!t->kept) return mn_trainer_snapshot(t->trainer, out, err);
  mn_status status = mn_trainer_snapshot(t->trainer, &last, err);
  if (status) return status;
  status = mn_freeze_join(&t->graph, &last, out, err);
  mn_graph_free(&last);
  return status;
}
