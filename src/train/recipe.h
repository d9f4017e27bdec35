/* SPDX-License-Identifier: Apache-2.0
 * A recipe: every number that decides how a network is trained, in one struct that is printed in
 * full, stands in the model file and can be read back from it. recipe.def lists the fields,
 * recipes_named.c the recipes that have a name and where their numbers are from. */
#ifndef MN_TRAIN_RECIPE_H
#define MN_TRAIN_RECIPE_H

#include "train/augment.h"
#include "train/optimizer.h"
#include "train/schedule.h"
#include "wire/json.h"

typedef enum mn_products { MN_PRODUCTS_F32, MN_PRODUCTS_BF16 } mn_products;

/* What the fields mean is in recipe.def. */
typedef struct mn_recipe {
  int32_t epochs, batch, accumulate;
  mn_products precision;
  mn_optimizer optimizer;
  double rate, backbone_share, layer_decay;
  double weight_decay;
  bool decay_all;
  double clip;
  mn_schedule_kind schedule;
  double warmup_epochs, warmup_share;
  double every_epochs, factor;
  double first_share, last_share, rising;
  double average;
  bool average_warmup;
  double dropout;
  double norm_momentum, norm_epsilon;
  bool frozen_norm, sync_norm, unfold;
  int32_t frozen_views;
  struct {
    double start, range_decay, range_freeze, norm_freeze;
  } qat;
  double seen;
  mn_augment augment;
} mn_recipe;

/* Names, and for whom each is, in a sentence; NULL past the last. */
const char *mn_recipe_name(int index);
const char *mn_recipe_purpose(int index);
/* Error: ARGUMENT, with the names there are. */
mn_status mn_recipe_find(mn_recipe *out, const char *name, mn_error *err);

/* One field from text: a number, true or false, a word. Errors: ARGUMENT, with what
 * the field may be; MEMORY. */
mn_status mn_recipe_set(mn_recipe *recipe, const char *key, const char *text, mn_error *err);
/* Refuses what cannot be meant. Error: ARGUMENT, naming the field. */
mn_status mn_recipe_check(const mn_recipe *recipe, mn_error *err);

/* Boxes and masks cannot follow what bends pictures or mixes them: the crop becomes the task's own,
 * and RandAugment, erasing, mixup and label smoothing are left out. */
void mn_recipe_adapt(mn_recipe *recipe, mn_task task);
/* Another number of pictures in a step: the rate in proportion (Goyal et al., 2017). */
void mn_recipe_set_batch(mn_recipe *recipe, int32_t batch);

/* The rates of a run. */
mn_schedule mn_recipe_schedule(const mn_recipe *recipe, int64_t steps_per_epoch);

/* Every field in a line, with what it means. In the arena; NULL when out of memory. */
const char *mn_recipe_text(const mn_recipe *recipe, mn_arena *arena);
/* An object, canonical: the same recipe is the same bytes. */
void mn_recipe_write(const mn_recipe *recipe, mn_json_writer *writer);
/* Fields that the object lacks stay. Errors: ARGUMENT, as those of set and check. */
mn_status mn_recipe_read(mn_recipe *recipe, const mn_json *object, mn_error *err);

#endif
