/* SPDX-License-Identifier: Apache-2.0
 * A training, and what of it is the task's: train.c runs the epochs, train_TASK.c makes the network
 * for the data, its objective, and the score of what is held back. */
#ifndef MN_API_TRAINING_H
#define MN_API_TRAINING_H

#include "api/model.h"
#include "mobilenet/train.h"
#include "run/session.h"
#include "train/checkpoint.h"
#include "train/features.h"
#include "train/recipe.h"
#include "train/trainer.h"

/* Of what is held back; < 0: there is none. */
typedef struct mn_held_scores {
  double all;      /* top-1, mAP50 or mIoU */
  double map;      /* of boxes */
  double *classes; /* [class_count] recall, AP50 or IoU */
} mn_held_scores;

typedef struct mn_train_task {
  mn_task task;
  /* Makes t->graph, a float graph of `start` that ends in what the objective judges, for the data's
   * classes, with what its contract says of outputs; t->head, unless that is the last layer. */
  mn_status (*make_graph)(mn_training *t, const mn_model *start, mn_error *err);
  /* Makes t->objective, once size and graph are settled. */
  mn_status (*make_objective)(mn_training *t, mn_error *err);
  /* What the model as it is now is worth, or the same weights as floats. */
  mn_status (*measure)(const mn_training *t, bool floats, mn_held_scores *out, mn_error *err);
  /* Fills what `report` says of the pictures held back, from t->now and, in int8, t->floats. */
  void (*tell)(const mn_training *t, mn_trained_epoch *report);
  /* From the trained graph to the one that is used; NULL: the same. */
  mn_status (*finish)(mn_graph *graph, mn_error *err);
} mn_train_task;

extern const mn_train_task mn_train_classes, mn_train_boxes, mn_train_masks;

struct mn_training {
  mn_train_options options;
  const mn_train_task *task;
  mn_recipe recipe;
  mn_schedule schedule;
  mn_parts parts;
  mn_graph graph; /* what is trained, with its contract */
  int32_t head;   /* as mn_trainer_options has it */
  mn_objective *objective;
  mn_trainer *trainer;
  mn_code_points codes; /* training for 8 bits, else no groups; in the graph's arena */
  bool anew;            /* a part of the network has no trained weights at the beginning */
  /* Of the last epoch; of its weights as floats; of floats when rounding began. In the graph's
   * arena. */
  mn_held_scores now, floats, before;
  int32_t class_count;    /* without a background of boxes */
  mn_feed *feed, *scored; /* scored: NULL when no picture is held back */
  int32_t height, width, epoch;
  int32_t frozen; /* the graph's first nodes, which stay as they are */
  /* Of a classifier whose backbone stays: it, what is trained behind it, and the pictures' features
   * of both sides, in place of the feeds'; NULL: they are not kept. */
  mn_graph backbone, last;
  mn_features *kept, *kept_held;
  int64_t *words;            /* what a checkpoint keeps of it: scores before rounding, and ... */
  mn_trained_epoch *history; /* ... [epoch], with room for all */
  uint64_t data;             /* mn_parts_fingerprint */
  bool divided;              /* the recipe's batch, among processes */
  int64_t fingerprint;
  uint32_t features;
};

/* How pictures are trained on. */
mn_feed_options mn_training_feed(const mn_training *t);

/* train_freeze.c: finds what is frozen, and makes the features where they are to be kept. */
mn_status mn_training_freeze(mn_training *t, mn_error *err);
/* A copy of the whole network as it is now. Errors: MEMORY. */
mn_status mn_training_snapshot(const mn_training *t, mn_graph *out, mn_error *err);

/* train_unfold.c: gives layers that were trained before their batch norms back, if the recipe says
 * so and nothing stays frozen. */
mn_status mn_training_unfold(mn_training *t, mn_error *err);

enum { MN_SCORED_BATCH = 16 }; /* of t->scored */

/* ---- train_codes.c: training for 8 bits ------------------------------------------------------ */

/* Makes of t->graph one that int8 can say, and finds its codes; nothing without options.int8. */
mn_status mn_training_prepare_int8(mn_training *t, mn_error *err);
/* Enters the stage of the epoch in hand. */
mn_status mn_training_enter_stage(mn_training *t, mn_error *err);
/* The network that is deployed, as it is now: int8, or mn_training_snapshot's. */
mn_status mn_training_deployed(const mn_training *t, mn_graph *out, mn_error *err);
/* How far training's codes are from the integers', over a few pictures held back. */
mn_status mn_training_compare_int8(const mn_training *t, mn_trained_epoch *report, mn_error *err);

/* ---- train_drop.c ---------------------------------------------------------------------------- */

/* Room for scores of classes, once these are named. Error: MEMORY. */
mn_status mn_training_make_scores(mn_training *t, mn_error *err);
/* What floats are worth at the moment that rounding begins. */
mn_status mn_training_begin_rounding(mn_training *t, mn_error *err);
/* How far the epoch's int8 network is below floats. */
void mn_training_note_drop(const mn_training *t, mn_trained_epoch *report);

/* Names of the data's classes in the contract, numbers where it has none; after `background`, the
 * name of output 0, unless that is NULL. Error: MEMORY. */
mn_status mn_training_name_classes(mn_training *t, const char *background, mn_error *err);

/* ---- train_record.c ------------------------------------------------------------------------ */

/* Keeps what an epoch was, for the checkpoint, and takes it from there. Errors: MEMORY. */
mn_status mn_training_remember(mn_training *t, const mn_trained_epoch *epoch, mn_error *err);
mn_run_history mn_training_words(const mn_training *t);
mn_status mn_training_recall(mn_training *t, const mn_run_history *history, int32_t epochs,
                             mn_error *err);
/* How the model was trained, as the file has it: graph->training. Error: MEMORY. */
mn_status mn_training_write_card(const mn_training *t, mn_graph *graph, mn_error *err);

/* ---- train_head.c ---------------------------------------------------------------------------- */

/* By the head that is asked for, or by the model. Error: ARGUMENT. */
mn_status mn_training_find_task(const mn_train_task **out, const mn_model *start, const char *head,
                                mn_error *err);
/* t->graph and t->head of a detector or segmenter with so many columns of scores. */
mn_status mn_training_make_head(mn_training *t, const mn_model *start, int32_t classes,
                                mn_error *err);

/* ---- train_held.c ---------------------------------------------------------------------------- */

typedef struct mn_held_picture {
  int64_t index; /* in parts.held */
  int worker;
  int32_t width, height;
} mn_held_picture;

/* Looks at what a session says of a picture; in several threads at a time. */
typedef mn_status mn_held_visit(void *user, const mn_session *session, const mn_held_picture *held,
                                mn_error *err);

/* The model as it is now, on all pictures that are held back; `floats`: not in int8. Errors: those
 * of a picture, of a plan and of visit. */
mn_status mn_training_run_held(const mn_training *t, bool floats, mn_held_visit *visit, void *user,
                               mn_error *err);
/* train.c: as mn_training_model, but never in int8. */
mn_status mn_training_floats(const mn_training *t, mn_model **out, mn_error *err);

#endif
