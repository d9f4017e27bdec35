/* SPDX-License-Identifier: Apache-2.0
 *
 * train.h - from labelled pictures to a classifier, a detector or a segmenter (libmobilenet_train).
 * docs/training.md explains what is done and why.
 *
 *   mn_model *start, *trained;
 *   mn_training *training;
 *   mn_trained_epoch epoch;
 *   mn_model_from_zoo(&start, "v1-0.25-128", NULL, &err);           zoo.h
 *   mn_training_new(&training, start, "photos/", NULL, &err);       a folder a class
 *   while (mn_training_epoch(training, &epoch, &err) == MN_OK && epoch.epoch < epoch.epochs) ...
 *   mn_training_model(training, &trained, &err);
 *   mn_model_save(trained, "flowers.safetensors", MN_FORMAT_BY_NAME, &err);    convert.h
 *
 * The same data, options and seed give the same bits with any number of threads, and after going on
 * from a checkpoint.
 */
#ifndef MOBILENET_TRAIN_H
#define MOBILENET_TRAIN_H

#include "io.h"

#ifdef __cplusplus
extern "C" {
#endif

typedef struct mn_training mn_training;

/* What is being done to how many of how many; not 0 cancels. */
typedef int mn_train_progress(void *user, const char *what, int64_t done, int64_t count);

/* Processes (ranks) that train one model together, by whatever connects them; `mobilenet train`
 * brings MPI. Each has the same pictures, model and options, and computes its share of every step's
 * batches; the bits do not depend on how many ranks there are. The two functions are called by one
 * thread at a time, by all ranks in the same order, and wait for all. Not 0: another rank is gone.
 */
typedef struct mn_ranks {
  size_t struct_size;
  int32_t rank, count;
  void *user;
  /* Piece i of `pieces` goes to rank i; `out` receives one from each, in their order. Both are
   * [count][bytes]. */
  int (*exchange)(void *user, const void *pieces, void *out, size_t bytes);
  /* `piece` goes to all: `out` is [count][bytes]. */
  int (*gather)(void *user, const void *piece, void *out, size_t bytes);
} mn_ranks;

typedef struct mn_train_options {
  size_t struct_size;
  const char *recipe;          /* a name of mn_recipe_names; NULL: small-data, or finetune */
  const char *const *settings; /* [setting_count] "key=value": other numbers than the recipe's */
  int32_t setting_count;
  int32_t fine_tune;     /* 1: the model's weights are trained ones, to start from */
  int32_t height, width; /* of the input; 0: the model's own */
  double held_back;      /* fraction of each class that is scored, not trained on, where the
                               data has no val split; 0: a fifth */
  uint64_t seed;
  mn_threads *threads;  /* NULL: the calling thread, and one that reads pictures */
  uint64_t cache_bytes; /* decoded pictures are kept in memory up to here; 0: 1 GiB, 1: none */
  mn_train_progress *progress;
  void *user;
  const mn_ranks *ranks; /* outlives the training; NULL: this process alone */
  /* A head for another task on a classifier's features: ssd, ssdlite (boxes), lraspp, deeplab,
   * deeplab-aspp (masks); NULL: the model's own. */
  const char *head;
  const char *labels; /* of masks: names of the classes from 0, one a line; NULL: the model's when
                         it has as many as the masks have classes, or numbers */
  int32_t ignore;     /* a class of masks that says nothing, besides 255; 0: there is none */
  /* With fine_tune, what stays as it is: "backbone", all before the last layer, whose outputs are
   * then computed once (recipe: frozen_views); or how many of the first layers. NULL: nothing. */
  const char *freeze;
  int32_t int8; /* 1: for 8 bits: what is trained, scored and given is an int8 model */
} mn_train_options;

/* Looks at every picture of `data` (docs/data.md: for a classifier a folder a class or a CSV or TSV
 * file, for a detector COCO, VOC or YOLO, for a segmenter masks; or a tar of it) and prepares to
 * train `start`, a float model that outlives the training, for its classes. Errors: UNSUPPORTED (a
 * model that is not float, or ends otherwise), ARGUMENT (recipe, setting, head), IO, FORMAT,
 * MEMORY, CANCELLED. */
MN_API mn_status mn_training_new(mn_training **out, const mn_model *start, const char *data,
                                 const mn_train_options *options, mn_error *err);
MN_API void mn_training_free(mn_training *training);

/* What a person should know of the data before hours pass: pictures that cannot be read, classes
 * without pictures, pictures that are on both sides. A sentence each; NULL past the last. */
MN_API const char *mn_training_note(const mn_training *training, int index);
/* Pictures to train on, and pictures held back. */
MN_API int64_t mn_training_pictures(const mn_training *training, int held_back);
MN_API int32_t mn_training_epochs(const mn_training *training);
/* What it is for: the head's, or the model's. */
MN_API mn_task mn_training_task(const mn_training *training);

typedef struct mn_trained_epoch {
  int32_t epoch, epochs; /* done, and in all */
  double loss;           /* mean over the pictures trained on, as they came by */
  double top1;         /* likewise: pictures, of a segmenter pixels, that were right; < 0: boxes */
  double eval_top1;    /* of those held back, by the weights that mn_training_model gives; < 0:
                            none are */
  double images_per_s; /* of training */
  double rate;         /* of the last step */
  double waited_s;     /* for other ranks */
  /* Of those held back, as eval.h defines them; < 0: none are, or it is not that task. */
  double eval_miou, eval_map, eval_map50;
  int32_t worst_class; /* of those held back, the class of which the least part was told, */
  double worst_recall; /* and that part; < 0: none are, or it is no classifier */
  /* Training for 8 bits; else < 0. The scores above are then the int8 network's, these those of the
   * same weights as floats. */
  double eval_top1_float, eval_miou_float, eval_map_float, eval_map50_float;
  double codes_differ;  /* share of the int8 network's codes that rounded floats, as training has
                             them, do not agree with, over some pictures held back */
  double layer_differs; /* the same of the layer that differs most by itself, */
  char layer[64];       /* and its name */
  /* How far it is below floats, at most: the score of all held back or that of a class (recall,
   * AP50, IoU). Floats are those that rounding began with, where these were trained, else the same
   * weights as floats. Less than 0: all are better; not a number: none are held back. */
  double drop;
  char drop_class[64]; /* the class; "": the score of all */
} mn_trained_epoch;

/* One epoch, then the score of the pictures held back. Errors: CANCELLED, FORMAT (the loss is no
 * number any more), MEMORY; after these the training is within an epoch and can only be freed: what
 * was before is in the last checkpoint. */
MN_API mn_status mn_training_epoch(mn_training *training, mn_trained_epoch *epoch, mn_error *err);

/* Decoded pictures that are in memory so far: what was read once needs no decoder again. */
typedef struct mn_kept_pictures {
  int64_t kept, pictures; /* of so many that every epoch reads */
  uint64_t bytes;
  int32_t full; /* 1: some of those that were read found no room */
} mn_kept_pictures;
MN_API void mn_training_kept(const mn_training *training, mn_kept_pictures *out);

/* The name of a class, NULL past the last, and which part of its pictures that are held back was
 * told after the last epoch: < 0 when there are none, or no epoch was done. */
MN_API const char *mn_training_class(const mn_training *training, int index, double *recall);

/* Writes all that the training is, to go on from after any end, between epochs. The file is a model
 * too. Errors: IO, MEMORY. */
MN_API mn_status mn_training_save(const mn_training *training, const char *path, mn_error *err);
/* Goes on from there, with the same data, model and options; *epoch receives how many are done.
 * Errors: FORMAT (not the same, saying so), IO, MEMORY. */
MN_API mn_status mn_training_resume(mn_training *training, const char *path, int32_t *epoch,
                                    mn_error *err);

/* The model as it is now, with labels and contract; it lives on its own. Errors: MEMORY. */
MN_API mn_status mn_training_model(const mn_training *training, mn_model **out, mn_error *err);

/* ---- What a report says of a run (mobilenet train writes MODEL.report.html) -- */

/* Every epoch done, those before a resume too; the list lives until the next epoch. How many. */
MN_API int32_t mn_training_history(const mn_training *training, const mn_trained_epoch **epochs);

typedef struct mn_judged_picture {
  const char *path; /* lives as long as the training */
  int32_t truth, answer;
  float truth_score, score; /* softmax of both */
} mn_judged_picture;

/* What the model as it is now says of each picture held back, a classifier's. `judged` has
 * mn_training_pictures(training, 1) places. Errors: UNSUPPORTED (another task), FORMAT, MEMORY. */
MN_API mn_status mn_training_judge(const mn_training *training, mn_judged_picture *judged,
                                   mn_error *err);
/* Reads one of them. Errors: as mn_picture_read. */
MN_API mn_status mn_training_read_held(const mn_training *training, int64_t index,
                                       const mn_picture_options *options, mn_picture **out,
                                       mn_error *err);
/* All numbers of the recipe as this training has it, as mn_recipe_show. */
MN_API mn_status mn_training_recipe(const mn_training *training, char **text, mn_error *err);

/* Names of recipes and whom each is for; NULL past the last. */
MN_API const char *mn_recipe_names(int index, const char **purpose);
/* All numbers of a recipe with what they mean, as text to be freed with mn_text_free. Error:
 * ARGUMENT, with the names there are. */
MN_API mn_status mn_recipe_show(const char *name, char **text, mn_error *err);
MN_API void mn_text_free(char *text);

#ifdef __cplusplus
}
#endif
#endif
