/* SPDX-License-Identifier: Apache-2.0
 * Splits: which folders are some, and which of them are wanted. */
#define _POSIX_C_SOURCE 200809L
#include <stdio.h>
#include <string.h>

#include "base/alloc.h"
#include "data/splits.h"

static const char *const usual[] = {"val", "valid", "test", "train"};
enum { USUAL = sizeof usual / sizeof *usual };

bool mn_name_is_split(const char *name) {
  for (int i = 0; i < USUAL; ++i) {
    if (!strcmp(name, usual[i])) return true;
  }
  return false;
}

static mn_status add_split(mn_splits *splits, mn_tree *tree, const char *path, const char *name,
                           mn_error *err) {
  char *inner = mn_path_join(&tree->arena, path, strlen(path), name);
  if (!inner) return mn_fail_memory(err, strlen(path));
  if (mn_tree_has_folder(tree, inner))
    splits->list[splits->count++] = (mn_split){name, inner, false};
  return MN_OK;
}

static mn_status add_splits(mn_splits *splits, mn_tree *tree, const char *path,
                            const char *const *names, mn_error *err) {
  size_t count = 0;
  while (names[count]) count++;
  splits->list = mn_arena_array(&tree->arena, count + 1, sizeof *splits->list);
  if (!splits->list) return mn_fail_memory(err, count * sizeof *splits->list);
  mn_status status = MN_OK;
  for (size_t i = 0; !status && i < count; ++i) {
    status = add_split(splits, tree, path, names[i], err);
  }
  return status;
}

mn_status mn_splits_find(mn_splits *splits, mn_tree *tree, const char *path, bool any_name,
                         mn_error *err) {
  memset(splits, 0, sizeof *splits);
  if (!any_name) {
    const char *names[USUAL + 1] = {0};
    memcpy(names, usual, sizeof usual);
    return add_splits(splits, tree, path, names, err);
  }
  mn_names names = {0};
  mn_status status = mn_tree_list(tree, path, &names, err);
  const char **list = mn_alloc_zero((names.count + 1) * sizeof *list);
  if (!status && !list) status = mn_fail_memory(err, names.count * sizeof *list);
  for (size_t i = 0; !status && i < names.count; ++i) list[i] = names.list[i];
  if (!status) status = add_splits(splits, tree, path, list, err);
  mn_free(list);
  mn_names_free(&names);
  return status;
}

/* "val2017" is val. */
static bool is_year_of(const char *name, const char *split) {
  const size_t length = strlen(split), digits = strspn(name + strnlen(name, length), "0123456789");
  return !strncmp(name, split, length) && digits && !name[length + digits];
}

static bool is_called(const char *name, const char *split) {
  return !strcmp(name, split) || is_year_of(name, split);
}

static bool is_same_split(const char *asked, const char *name) {
  if (is_called(name, asked)) return true;
  if (!strcmp(asked, "val")) return is_called(name, "valid");
  return !strcmp(asked, "valid") && is_called(name, "val");
}

static mn_status fail_no_split(const mn_splits *splits, const char *path, const char *split,
                               mn_error *err) {
  if (!splits->count) {
    return mn_fail(err, MN_ERR_ARGUMENT, path, "there is no split %s: it has no split folders",
                   split);
  }
  char there[160] = "";
  for (size_t i = 0, used = 0; i < splits->count && used < sizeof there; ++i) {
    int wrote =
        snprintf(there + used, sizeof there - used, "%s%s", i ? ", " : "", splits->list[i].name);
    used += wrote > 0 ? (size_t)wrote : 0;
  }
  return mn_fail(err, MN_ERR_ARGUMENT, path, "there is no split %s; there are: %s", split, there);
}

static bool want(mn_splits *splits, const char *split) {
  bool found = false;
  for (size_t i = 0; i < splits->count; ++i) {
    splits->list[i].wanted = is_same_split(split, splits->list[i].name);
    found = found || splits->list[i].wanted;
  }
  return found;
}

mn_status mn_splits_choose(mn_splits *splits, const char *path, const char *split, mn_error *err) {
  if (split) return want(splits, split) ? MN_OK : fail_no_split(splits, path, split, err);
  if (want(splits, "val") || want(splits, "test")) return MN_OK;
  for (size_t i = 0; i < splits->count; ++i) splits->list[i].wanted = true;
  return MN_OK;
}
