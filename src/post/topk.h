/* SPDX-License-Identifier: Apache-2.0
 * From a classifier's output row to its best classes. */
#ifndef MN_POST_TOPK_H
#define MN_POST_TOPK_H

#include "contract/contract.h"

/* One row of scores as the network left it. */
typedef struct mn_scores {
  const void *data; /* [count], dense */
  mn_type type;     /* F32, U8 or I8 */
  int32_t count;
  float scale; /* real = scale * (q - zero), for U8 and I8 */
  int32_t zero;
} mn_scores;

/* Writes the k best, best first, equal outputs by lowest index; the contract says the score
 * function, the background index (left out, classes count past it) and the labels. Returns how many
 * were written: at most the number of classes. NaN ranks last. Allocates nothing. */
int mn_topk(const mn_scores *scores, const mn_contract *contract, int k, mn_class *classes);

#endif
