/* SPDX-License-Identifier: Apache-2.0
 * A second file beside another one. It is read, not mapped: whoever shortens it meanwhile makes an
 * error, not a signal. */
#define _POSIX_C_SOURCE 200809L
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/alloc.h"
#include "base/file.h"

/* The path up to its last slash, then the name; mn_free it. */
static char *replace_name(const char *path, const char *name) {
  const char *slash = strrchr(path, '/');
  size_t folder = slash ? (size_t)(slash - path) + 1 : 0, length = strlen(name);
  char *text = mn_alloc(folder + length + 1);
  if (!text) return NULL;
  memcpy(text, path, folder);
  memcpy(text + folder, name, length + 1);
  return text;
}

static mn_status open_regular(mn_file_beside *file, const char *path, mn_error *err) {
  struct stat st;
  file->fd = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
  if (file->fd < 0 && errno == ELOOP) {
    return mn_fail(err, MN_ERR_IO, path, "is a link, which is not followed");
  }
  if (file->fd < 0) return mn_fail(err, MN_ERR_IO, path, "%s", strerror(errno));
  file->is_open = true;
  if (fstat(file->fd, &st) != 0) return mn_fail(err, MN_ERR_IO, path, "%s", strerror(errno));
  if (!S_ISREG(st.st_mode)) return mn_fail(err, MN_ERR_IO, path, "is not a regular file");
  file->size = (uint64_t)st.st_size;
  return MN_OK;
}

mn_status mn_file_open_beside(mn_file_beside *file, const char *path, const char *name,
                              mn_error *err) {
  char *whole = replace_name(path, name);
  if (!whole) return mn_fail_memory(err, strlen(path));
  mn_status status = open_regular(file, whole, err);
  if (status) mn_file_close_beside(file);
  mn_free(whole);
  return status;
}

mn_status mn_file_read_beside(const mn_file_beside *file, uint64_t offset, void *bytes, size_t size,
                              mn_error *err) {
  for (size_t got = 0; got < size;) {
    ssize_t count = pread(file->fd, (uint8_t *)bytes + got, size - got, (off_t)(offset + got));
    if (count < 0 && errno == EINTR) continue;
    if (count < 0) return mn_fail(err, MN_ERR_IO, NULL, "%s", strerror(errno));
    if (count == 0) return mn_fail(err, MN_ERR_IO, NULL, "the file of weights became shorter");
    got += (size_t)count;
  }
  return MN_OK;
}

void mn_file_close_beside(mn_file_beside *file) {
  if (file->is_open) close(file->fd);
  *file = (mn_file_beside){.is_open = false};
}
