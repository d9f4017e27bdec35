/* SPDX-License-Identifier: Apache-2.0
 * Training for 8 bits: which epochs round, observe or freeze, and the int8 network that comes of a
 * training at any time. docs/training.md explains why. */
#include <stdio.h>
#include <string.h>

#include "api/training.h"
#include "base/alloc.h"
#include "train/code_compare.h"
#include "train/deploy.h"
#include "train/int8_graph.h"

enum { COMPARED = 4 }; /* pictures */

/* The first weights of what begins anew, by name, which rewriting leaves alone; NULL: there are
 * none. */
static const char *first_new_weights(const mn_training *t) {
  for (mn_id n = t->head - 1; n < t->graph.node_count; n++) {
    const mn_node *node = &t->graph.nodes[n];
    for (int32_t i = 1; i < node->in_count; i++) {
      const mn_value *value = node->in[i] == MN_NONE ? NULL : &t->graph.values[node->in[i]];
      if (value && value->kind == MN_KIND_CONST) return value->name;
    }
  }
  return NULL;
}

/* Rewriting renumbers nodes: that which reads these weights is where the head begins. */
static void find_head_again(mn_training *t, const char *weights) {
  const mn_id id = weights ? mn_graph_find_value(&t->graph, weights) : MN_NONE;
  for (mn_id n = 0; n < t->graph.node_count && id != MN_NONE; n++) {
    for (int32_t i = 1; i < t->graph.nodes[n].in_count; i++) {
      t->head = n + 1;
      if (t->graph.nodes[n].in[i] == id) return;
    }
  }
  t->head = t->graph.node_count + 1;
}

mn_status mn_training_prepare_int8(mn_training *t, mn_error *err) {
  if (!t->options.int8) return MN_OK;
  if (t->options.freeze) {
    return mn_fail(
        err, MN_ERR_ARGUMENT, "--freeze",
        "layers that stay as they are cannot learn to be rounded: leave out --freeze, or "
        "--qat");
  }
  const bool last = t->head == 0; /* the head is the last layer, wherever that goes */
  const char *weights = last ? NULL : first_new_weights(t);
  mn_status status = mn_deploy_prepare(&t->graph, err);
  if (status) return status;
  if (!last) find_head_again(t, weights);
  return mn_code_points_prepared(&t->codes, &t->graph, &t->graph.arena, err);
}

/* Epoch `epoch` is past this part of all. */
static bool is_past(const mn_training *t, int32_t epoch, double part) {
  return (double)epoch >= part * (double)t->recipe.epochs;
}

mn_status mn_training_enter_stage(mn_training *t, mn_error *err) {
  const mn_recipe *r = &t->recipe;
  if (!t->options.int8) return MN_OK;
  const bool settled =
      t->epoch > 0 && is_past(t, t->epoch, r->qat.range_freeze); /* one epoch observes */
  const mn_trainer_stage stage = {.rounded = is_past(t, t->epoch, r->qat.start),
                                  .range_share = settled ? 0 : (float)(1 - r->qat.range_decay),
                                  .frozen_norm = is_past(t, t->epoch, r->qat.norm_freeze)};
  const bool begins = stage.rounded && (t->epoch == 0 || !is_past(t, t->epoch - 1, r->qat.start));
  const mn_status status = begins ? mn_training_begin_rounding(t, err) : MN_OK;
  return status ? status : mn_trainer_enter(t->trainer, stage, err);
}

mn_status mn_training_deployed(const mn_training *t, mn_graph *out, mn_error *err) {
  if (!t->options.int8) return mn_training_snapshot(t, out, err);
  mn_graph floats;
  mn_status status = mn_trainer_snapshot(t->trainer, &floats, err);
  if (status) return status;
  status = mn_int8_graph(out, &floats, mn_trainer_ranges(t->trainer), err);
  mn_graph_free(&floats);
  return status;
}

/* The first pictures of batches that are evenly apart: of several classes. */
static mn_status take_pictures(const mn_training *t, float *pixels, float *batch_pixels,
                               int32_t *count, mn_error *err) {
  const int64_t batches = mn_feed_batches(t->scored);
  const size_t floats = mn_feed_picture_floats(t->scored);
  mn_status status = MN_OK;
  *count = 0;
  for (int64_t i = 0; i < COMPARED && i < batches && !status; i++) {
    mn_feed_batch batch = {.count = 0};
    status = mn_feed_seek(t->scored, 0, i * batches / COMPARED, err);
    if (!status) status = mn_feed_next(t->scored, batch_pixels, NULL, &batch, err);
    if (batch.count == 0) continue;
    memcpy(pixels + (size_t)(*count)++ * floats, batch_pixels, floats * sizeof *pixels);
  }
  return status;
}

static mn_status compare(const mn_training *t, const float *pixels, int32_t count,
                         mn_code_differences *differences, mn_error *err) {
  mn_graph floats, int8;
  mn_status status = mn_trainer_snapshot(t->trainer, &floats, err);
  if (status) return status;
  status = mn_training_deployed(t, &int8, err);
  if (status) {
    mn_graph_free(&floats);
    return status;
  }
  const mn_code_comparison how = {.prepared = &floats,
                                  .codes = &t->codes,
                                  .ranges = mn_trainer_ranges(t->trainer),
                                  .int8 = &int8,
                                  .pixels = pixels,
                                  .batch = count,
                                  .height = t->height,
                                  .width = t->width,
                                  .features = t->features};
  status = mn_code_compare(differences, &how, err);
  mn_graph_free(&int8);
  mn_graph_free(&floats);
  return status;
}

mn_status mn_training_compare_int8(const mn_training *t, mn_trained_epoch *report, mn_error *err) {
  const size_t floats = mn_feed_picture_floats(t->scored);
  float *pixels = mn_alloc_zero((MN_SCORED_BATCH + COMPARED) * floats * sizeof *pixels);
  if (!pixels) return mn_fail_memory(err, floats * sizeof *pixels);
  int32_t count;
  mn_code_differences found = {.codes = 0};
  mn_status status = take_pictures(t, pixels, pixels + COMPARED * floats, &count, err);
  if (!status && count) status = compare(t, pixels, count, &found, err);
  mn_free(pixels);
  if (status || found.codes == 0) return status;
  report->codes_differ = (double)found.differ / (double)found.codes;
  report->layer_differs = found.worst;
  snprintf(report->layer, sizeof report->layer, "%s", found.layer);
  return MN_OK;
}
