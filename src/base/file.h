/* SPDX-License-Identifier: Apache-2.0
 * Whole files: mapped or read in, and written so that a name always holds a whole file. */
#ifndef MN_BASE_FILE_H
#define MN_BASE_FILE_H

#include <stdbool.h>
#include <stdio.h>

#include "base/error.h"

/* A file's bytes, mapped read-only where possible. Zero-initialize; close is safe twice. */
typedef struct mn_file {
  const uint8_t *bytes;
  size_t size;
  void *mapping;   /* not NULL: to be unmapped */
  void *allocated; /* not NULL: to be freed */
} mn_file;

mn_status mn_file_map(mn_file *file, const char *path, mn_error *err);
/* Reads a stream to its end, at most `limit` bytes (LIMIT error beyond). `name` for messages. */
mn_status mn_file_read_stream(mn_file *file, FILE *stream, const char *name, size_t limit,
                              mn_error *err);
void mn_file_close(mn_file *file);

/* A second file in the folder of another: a plain name, no link, a regular file. Zero-initialize;
 * close is safe twice. */
typedef struct mn_file_beside {
  int fd;
  bool is_open;
  uint64_t size;
} mn_file_beside;

mn_status mn_file_open_beside(mn_file_beside *file, const char *path, const char *name,
                              mn_error *err);
/* Exactly `size` bytes from `offset` on; IO when they are not there. */
mn_status mn_file_read_beside(const mn_file_beside *file, uint64_t offset, void *bytes, size_t size,
                              mn_error *err);
void mn_file_close_beside(mn_file_beside *file);

/* Atomic writing: write to a sibling, fsync, rename. After begin, write to `stream`, then commit,
 * or abandon to leave the old file as it was. */
typedef struct mn_file_writer {
  FILE *stream;
  char *path, *beside;
} mn_file_writer;

mn_status mn_file_begin(mn_file_writer *writer, const char *path, mn_error *err);
mn_status mn_file_commit(mn_file_writer *writer, mn_error *err);
void mn_file_abandon(mn_file_writer *writer);
/* begin + one write + commit. */
mn_status mn_file_write(const char *path, const void *bytes, size_t size, mn_error *err);

#endif
