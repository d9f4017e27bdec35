/* SPDX-License-Identifier: Apache-2.0
 * The recipes that have a name. Three are published and say where they are from; for two there is
 * nothing to cite, and docs/training.md says why they are what they are. */
#include <stdio.h>
#include <string.h>

#include "base/error.h"
#include "train/recipe.h"

typedef struct named_recipe {
  const char *name, *purpose;
  mn_recipe recipe;
} named_recipe;

/* Numbers that a recipe does not use are those that its alternatives usually have, so that changing
 * the optimizer or erasing takes one field. */
#define USUAL_ADAMW .beta1 = 0.9, .beta2 = 0.999, .epsilon = 1e-8
#define USUAL_QAT \
  .qat = {.start = 0.75, .range_decay = 0.99, .range_freeze = 0.9, .norm_freeze = 0.85}
#define USUAL_ERASE .erase_area = {0.02, 0.33}, .erase_aspect = {0.3, 3.3}

static const named_recipe recipes[] = {
    /* tensorflow/models research/slim: nets/mobilenet/README.md (how V2's 72.0 % was made: rate,
     * batch, smoothing, average, 0.98 each 2.5 epochs, 5.5 million steps of 96 or 412 epochs),
     * train_image_classifier.py (RMSProp's numbers, the average's warm-up),
     * nets/mobilenet/mobilenet.py (batch norm, dropout, no decay of depthwise weights),
     * preprocessing/inception_preprocessing.py (crop, flip, two colours in its fast mode; a change
     * of brightness is added there, and at most 32 of 255). */
    {"slim",
     "as TensorFlow's slim trained MobileNet V1 and V2 on ImageNet",
     {.epochs = 412,
      .batch = 96,
      .accumulate = 1,
      .optimizer = {.kind = MN_RMSPROP_TF,
                    .momentum = 0.9,
                    .decay = 0.9,
                    .beta1 = 0.9,
                    .beta2 = 0.999,
                    .epsilon = 1},
      .rate = 0.045,
      .backbone_share = 1,
      .layer_decay = 1,
      .weight_decay = 4e-5,
      .schedule = MN_SCHEDULE_STEP,
      .every_epochs = 2.5,
      .factor = 0.98,
      .average = 0.9999,
      .average_warmup = true,
      .dropout = 0.2,
      .norm_momentum = 0.003,
      .norm_epsilon = 0.001,
      USUAL_QAT,
      .augment = {.crop = MN_CROP_INCEPTION,
                  .area = {0.05, 1},
                  .aspect = {0.75, 1.33},
                  .flip = 0.5,
                  USUAL_ERASE,
                  .brightness = 32.0 / 255,
                  .saturation = 0.5,
                  .smoothing = 0.1}}},
    /* pytorch/vision references/classification/README.md: 8 processes of 32 pictures, decay of all
     * parameters; RandomResizedCrop's own ranges, batch norm's own numbers. */
    {"torchvision",
     "as torchvision trained MobileNet V2 on ImageNet",
     {.epochs = 300,
      .batch = 256,
      .accumulate = 1,
      .optimizer = {.kind = MN_SGD, .momentum = 0.9, .decay = 0.9, USUAL_ADAMW},
      .rate = 0.045,
      .backbone_share = 1,
      .layer_decay = 1,
      .weight_decay = 4e-5,
      .decay_all = true,
      .schedule = MN_SCHEDULE_STEP,
      .every_epochs = 1,
      .factor = 0.98,
      .dropout = 0.2,
      .norm_momentum = 0.1,
      .norm_epsilon = 1e-5,
      USUAL_QAT,
      .augment = {.crop = MN_CROP_INCEPTION,
                  .area = {0.08, 1},
                  .aspect = {3.0 / 4, 4.0 / 3},
                  .flip = 0.5,
                  USUAL_ERASE}}},
    {"small-data",
     "a network from nothing, when there are hundreds or thousands of pictures",
     {.epochs = 200,
      .batch = 32,
      .accumulate = 1,
      .optimizer = {.kind = MN_SGD, .momentum = 0.9, .nesterov = true, .decay = 0.9, USUAL_ADAMW},
      .rate = 0.05,
      .backbone_share = 1,
      .layer_decay = 1,
      .weight_decay = 1e-4,
      .clip = 5,
      .schedule = MN_SCHEDULE_COSINE,
      .warmup_epochs = 5,
      .average = 0.999,
      .average_warmup = true,
      .dropout = 0.2,
      .norm_momentum = 0.03,
      USUAL_QAT,
      .seen = 1,
      .augment = {.crop = MN_CROP_INCEPTION,
                  .area = {0.25, 1},
                  .aspect = {3.0 / 4, 4.0 / 3},
                  .flip = 0.5,
                  .rand_ops = 2,
                  .rand_magnitude = 9,
                  .erase = 0.1,
                  USUAL_ERASE,
                  .fill = {124, 116, 104},
                  .mixup = 0.2,
                  .smoothing = 0.1}}},
    {"finetune",
     "a network that has learned other classes before",
     {.epochs = 16,
      .batch = 32,
      .accumulate = 1,
      .optimizer = {.kind = MN_ADAMW, .momentum = 0.9, .decay = 0.9, USUAL_ADAMW},
      .rate = 1e-3,
      .backbone_share = 1,
      .layer_decay = 1,
      .weight_decay = 0.01,
      .clip = 5,
      .schedule = MN_SCHEDULE_COSINE,
      .warmup_epochs = 1,
      .average = 0.99,
      .average_warmup = true,
      .dropout = 0.2,
      .norm_momentum = 0.03,
      .unfold = true,
      USUAL_QAT,
      .seen = 1,
      .augment = {.crop = MN_CROP_INCEPTION,
                  .area = {0.35, 1},
                  .aspect = {3.0 / 4, 4.0 / 3},
                  .flip = 0.5,
                  .brightness = 0.2,
                  .contrast = 0.2,
                  .saturation = 0.2,
                  USUAL_ERASE,
                  .fill = {124, 116, 104},
                  .smoothing = 0.1}}},
    {"qat",
     "a trained network, which goes on in 8 bits (--qat)",
     {.epochs = 10,
      .batch = 32,
      .accumulate = 1,
      .optimizer = {.kind = MN_ADAMW, .momentum = 0.9, .decay = 0.9, USUAL_ADAMW},
      .rate = 1e-4,
      .backbone_share = 1,
      .layer_decay = 1,
      .weight_decay = 0.01,
      .clip = 5,
      .schedule = MN_SCHEDULE_COSINE,
      .warmup_epochs = 0.5,
      .average = 0.99,
      .average_warmup = true,
      .dropout = 0.2,
      .norm_momentum = 0.03,
      .qat = {.start = 0, .range_decay = 0.99, .range_freeze = 0.5, .norm_freeze = 0.3},
      .augment = {.crop = MN_CROP_INCEPTION,
                  .area = {0.35, 1},
                  .aspect = {3.0 / 4, 4.0 / 3},
                  .flip = 0.5,
                  .brightness = 0.2,
                  .contrast = 0.2,
                  .saturation = 0.2,
                  USUAL_ERASE,
                  .fill = {124, 116, 104},
                  .smoothing = 0.1}}},
    /* kuangliu/pytorch-cifar main.py, with one cycle (PyTorch's own shares) for its 200 epochs of
     * cosine: Smith and Topin, "Super-Convergence" (2018). */
    {"cifar",
     "CIFAR-10 and other small pictures, in a sixth of the usual epochs",
     {.epochs = 35,
      .batch = 128,
      .accumulate = 1,
      .optimizer = {.kind = MN_SGD, .momentum = 0.9, .decay = 0.9, USUAL_ADAMW},
      .rate = 0.1,
      .backbone_share = 1,
      .layer_decay = 1,
      .weight_decay = 5e-4,
      .decay_all = true,
      .schedule = MN_SCHEDULE_ONE_CYCLE,
      .first_share = 1.0 / 25,
      .last_share = 1.0 / 25 / 1e4,
      .rising = 0.3,
      .norm_momentum = 0.1,
      .norm_epsilon = 1e-5,
      USUAL_QAT,
      .augment = {.crop = MN_CROP_PADDED, .padding = 4, .flip = 0.5, USUAL_ERASE}}},
};
enum { RECIPES = sizeof recipes / sizeof *recipes };

const char *mn_recipe_name(int index) {
  return index >= 0 && index < RECIPES ? recipes[index].name : NULL;
}

const char *mn_recipe_purpose(int index) {
  return index >= 0 && index < RECIPES ? recipes[index].purpose : NULL;
}

mn_status mn_recipe_find(mn_recipe *out, const char *name, mn_error *err) {
  char names[100] = "";
  size_t used = 0;
  for (int i = 0; i < RECIPES; i++) {
    *out = recipes[i].recipe;
    if (strcmp(name, recipes[i].name) == 0) return MN_OK;
    used +=
        (size_t)snprintf(names + used, sizeof names - used, "%s%s", i ? ", " : "", recipes[i].name);
  }
  return mn_fail(err, MN_ERR_ARGUMENT, name, "is no recipe, expected one of %s", names);
}

/* torchvision's ssdlite has the crop alone, its ssd zooms out too, which small sets need more; its
 * segmentation scales by 0.5 to 2. */
void mn_recipe_adapt(mn_recipe *recipe, mn_task task) {
  mn_augment *augment = &recipe->augment;
  if (task != MN_TASK_DETECT && task != MN_TASK_SEGMENT) return;
  augment->rand_ops = 0;
  augment->erase = 0;
  augment->mixup = 0;
  augment->smoothing = 0;
  recipe->dropout = 0;
  if (task == MN_TASK_DETECT) {
    augment->crop = MN_CROP_SSD;
    augment->ssd = (mn_crop_ssd_rule){.zoom_out = 4, .side = {0.3, 1}};
  } else {
    augment->crop = MN_CROP_JITTER;
    augment->scale = (mn_range){0.5, 2};
  }
}
