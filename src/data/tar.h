/* SPDX-License-Identifier: Apache-2.0
 * What is in a tar archive, by name and place; nothing is unpacked. Reads ustar, names and sizes of
 * pax headers, GNU's long names and base-256 sizes, and the older kind without a magic. */
#ifndef MN_DATA_TAR_H
#define MN_DATA_TAR_H

#include <stdbool.h>

#include "base/arena.h"
#include "base/error.h"

typedef struct mn_tar_entry {
  const char *name; /* "set/a/1.jpg": parts between single slashes, none of them "." or ".." */
  bool is_folder;
  size_t offset, size; /* of a file's bytes */
} mn_tar_entry;

typedef struct mn_tar {
  mn_tar_entry *list; /* [count] by name, each name once (of two, the later); in the arena */
  size_t count;
  size_t left_out; /* entries that are neither files nor folders, or links to nothing */
} mn_tar;

/* Whether bytes begin with a tar header. */
bool mn_tar_is(const uint8_t *bytes, size_t size);

/* Lists an archive. `name` is for messages. Errors: FORMAT (naming the byte), UNSUPPORTED (sparse
 * files), LIMIT (names of more than 4096 bytes), MEMORY. */
mn_status mn_tar_read(mn_tar *tar, mn_arena *arena, const uint8_t *bytes, size_t size,
                      const char *name, mn_error *err);

/* The entry of a name; NULL: there is none. Folders that no entry states are not found. */
const mn_tar_entry *mn_tar_find(const mn_tar *tar, const char *name);
/* The first entry that does not sort before "FOLDER/", FOLDER being name[0 .. length - 1]: what is
 * below the folder follows from there. */
size_t mn_tar_below(const mn_tar *tar, const char *name, size_t length);

#endif
