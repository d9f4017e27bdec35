/* SPDX-License-Identifier: Apache-2.0
 * Where a set's files are: in folders on disk, or in a tar archive, which stays mapped and is never
 * unpacked. Readers of sets see paths; below an archive they go on after its own name:
 * "pets.tar/images/cat.jpg". */
#ifndef MN_DATA_TREE_H
#define MN_DATA_TREE_H

#include "base/file.h"
#include "data/names.h"
#include "data/tar.h"

typedef struct mn_tree {
  mn_arena arena;      /* every name and path */
  const char *archive; /* the archive's path; NULL: folders on disk */
  size_t archive_length;
  mn_file file;
  mn_tar tar;
} mn_tree;

/* Makes a zeroed tree that of an archive, when `path` is one or leads into one; leaves it as it is
 * when `path` is a folder or another kind of file. To be closed in any case. Errors: IO, FORMAT,
 * UNSUPPORTED (compressed), LIMIT, MEMORY. */
mn_status mn_tree_open(mn_tree *tree, const char *path, mn_error *err);
/* The same of bytes that outlive the tree. */
mn_status mn_tree_open_memory(mn_tree *tree, const uint8_t *bytes, size_t size, const char *name,
                              mn_error *err);
void mn_tree_close(mn_tree *tree);
/* Moves *path in an archive to where a set begins: below folders that hold nothing but one folder,
 * as long as that is neither a class nor a split. Error: MEMORY. */
mn_status mn_tree_root(mn_tree *tree, const char **path, mn_error *err);

/* Appends what is in a folder, sorted, hidden files left out. Errors: IO, MEMORY. */
mn_status mn_tree_list(mn_tree *tree, const char *path, mn_names *names, mn_error *err);
bool mn_tree_has_folder(const mn_tree *tree, const char *path);
bool mn_tree_has_file(const mn_tree *tree, const char *path);
/* A file's bytes; mn_file_close when done. Of an archive they live as long as the tree. */
mn_status mn_tree_map(const mn_tree *tree, const char *path, mn_file *file, mn_error *err);

#endif
