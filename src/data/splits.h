/* SPDX-License-Identifier: Apache-2.0
 * Which folders of a set are its splits, and which of them are wanted. */
#ifndef MN_DATA_SPLITS_H
#define MN_DATA_SPLITS_H

#include "data/tree.h"

typedef struct mn_split {
  const char *name, *path;
  bool wanted;
} mn_split;

typedef struct mn_splits {
  mn_split *list; /* [count], in the tree's arena */
  size_t count;   /* 0: there are none */
} mn_splits;

/* The folders of a set that are splits: train, val, valid and test; with `any_name`, every folder
 * in it. Errors: IO, MEMORY. */
mn_status mn_splits_find(mn_splits *splits, mn_tree *tree, const char *path, bool any_name,
                         mn_error *err);
/* Wants the split of that name (a year may follow: val is val2017 too, and valid); without a name
 * val, else test, else all. Error: ARGUMENT, naming those there are. */
mn_status mn_splits_choose(mn_splits *splits, const char *path, const char *split, mn_error *err);

#endif
