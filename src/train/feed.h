/* SPDX-License-Identifier: Apache-2.0
 * Batches for training and for scoring, made ahead by threads of their own. What is in a batch is a
 * function of (set, options, epoch, index of the batch): the same bytes for any number of threads
 * and wherever one begins. */
#ifndef MN_TRAIN_FEED_H
#define MN_TRAIN_FEED_H

#include "data/parts.h"
#include "train/augment.h"

typedef struct mn_feed mn_feed;

typedef struct mn_feed_options {
  const mn_contract
      *contract;         /* borrowed: how a picture becomes input, which output is background */
  int32_t height, width; /* of the input */
  int32_t batch;
  int32_t classes; /* outputs of a classifier, a background included; 0: no targets are asked for */
  bool training;   /* in an order at random, augmented; else in order, as inference has it */
  bool drop_last;  /* leave out the last batch of an epoch when it is not full */
  mn_augment augment;
  uint64_t seed;
  int32_t threads;      /* that work ahead; 0: the caller does all, in mn_feed_next */
  int32_t ahead;        /* batches made ahead; 0: 3 */
  uint64_t cache_bytes; /* decoded pictures are kept until there are so many; 0: none */
  /* Pictures whose sides are both larger are made smaller first, by halving in the decoder (JPEG)
   * and the contract's method: less memory and work, but other pixels. 0: they stay as they are. */
  int32_t short_side;
  int32_t step;        /* batches of a step: an epoch has whole steps only; 0: 1 */
  int32_t rank, ranks; /* of each step's batches only this share of so many; 0, 0: all */
} mn_feed_options;

/* `part`, its set and the contract outlive the feed. Errors: ARGUMENT, MEMORY. */
mn_status mn_feed_new(mn_feed **out, const mn_part *part, const mn_feed_options *options,
                      mn_error *err);
void mn_feed_free(mn_feed *feed);

int64_t mn_feed_batches(const mn_feed *feed);       /* of an epoch, all ranks' */
size_t mn_feed_picture_floats(const mn_feed *feed); /* height * width * channels of the contract */

/* The next batch is this one, or the rank's first after it. Batches run on through epochs. */
mn_status mn_feed_seek(mn_feed *feed, uint32_t epoch, int64_t batch, mn_error *err);

/* What mn_feed_next tells of a batch; pointers live until the next call. */
typedef struct mn_feed_batch {
  uint32_t epoch;
  int64_t index; /* of the batch in its epoch */
  int32_t count; /* pictures: fewer than asked for in a last batch, or where some are unusable */
  const int64_t *items; /* [count] positions in the set */
  /* Of a set with boxes: those of picture i are boxes[begin[i] .. begin[i + 1] - 1], in pixels of
   * the input. */
  const mn_box *boxes;
  const int32_t *begin; /* [count + 1] */
  const uint8_t *masks; /* of a set with masks: [count][height][width], 255 says nothing */
} mn_feed_batch;

/* Fills `pixels` ([batch][height][width][channels], the first `count` of them) and, for a
 * classifier, `targets` ([batch][classes]; NULL when options.classes is 0). Pictures that cannot be
 * read are left out, and named once by mn_feed_note. Errors: MEMORY. */
mn_status mn_feed_next(mn_feed *feed, float *pixels, float *targets, mn_feed_batch *batch,
                       mn_error *err);

/* Sentences on pictures that could not be used, in the order they were met; NULL past the last. */
const char *mn_feed_note(mn_feed *feed, size_t index);

typedef struct mn_feed_counts {
  uint64_t made, decoded, kept_pictures, kept_bytes;
  bool full; /* a picture found no room */
} mn_feed_counts;
mn_feed_counts mn_feed_count(mn_feed *feed);

#endif
