/* SPDX-License-Identifier: Apache-2.0
 * How well a classifier does, straight from its scores: top-1, top-5, which class was taken for
 * which. Ranks are post/topk.h's: the lower index among equals, what is no number last. Masks are
 * counted by eval.h. */
#ifndef MN_TRAIN_CLASS_TALLY_H
#define MN_TRAIN_CLASS_TALLY_H

#include <stddef.h>
#include <stdint.h>

typedef struct mn_class_tally {
  int32_t classes;
  int64_t pictures, top1, top5;
  int64_t *confusion; /* [classes, the truth][classes, the answer], or NULL: not wanted */
} mn_class_tally;

/* How many classes stand before `class_index`. */
int32_t mn_class_rank(const float *scores /* [classes] */, int32_t classes, int32_t class_index);
/* The class that no other stands before. */
int32_t mn_class_best(const float *scores /* [classes] */, int32_t classes);

/* Classes of `truth` are below tally->classes. */
void mn_class_tally_add(mn_class_tally *tally, const float *scores, /* [rows][classes] */
                        const int32_t *truth, size_t rows);

/* Of the pictures of a class, how many were told. -1 when it has none; needs the confusion. */
double mn_class_recall(const mn_class_tally *tally, int32_t class_index);

#endif
