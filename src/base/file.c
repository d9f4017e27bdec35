/* SPDX-License-Identifier: Apache-2.0
 * POSIX files. Reading maps regular files and copies streams; writing is beside, fsync, rename. */
#define _POSIX_C_SOURCE 200809L
#include "base/file.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/alloc.h"

static mn_status map_open_file(mn_file *file, int fd, const char *path, mn_error *err) {
  struct stat st;
  if (fstat(fd, &st) != 0) return mn_fail(err, MN_ERR_IO, path, "%s", strerror(errno));
  if (S_ISDIR(st.st_mode)) return mn_fail(err, MN_ERR_IO, path, "is a folder, expected a file");
  if (!S_ISREG(st.st_mode)) {
    return mn_fail(err, MN_ERR_IO, path, "is a pipe or a device, expected a file");
  }
  if (st.st_size == 0) return mn_fail(err, MN_ERR_FORMAT, path, "the file is empty");
  void *mapping = mmap(NULL, (size_t)st.st_size, PROT_READ, MAP_PRIVATE, fd, 0);
  if (mapping == MAP_FAILED) return mn_fail(err, MN_ERR_IO, path, "%s", strerror(errno));
  file->mapping = mapping;
  file->bytes = mapping;
  file->size = (size_t)st.st_size;
  return MN_OK;
}

mn_status mn_file_map(mn_file *file, const char *path, mn_error *err) {
  memset(file, 0, sizeof *file);
  /* A pipe would be waited for until somebody writes to it. */
  int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
  if (fd < 0) return mn_fail(err, MN_ERR_IO, path, "%s", strerror(errno));
  mn_status status = map_open_file(file, fd, path, err);
  close(fd);
  return status;
}

mn_status mn_file_read_stream(mn_file *file, FILE *stream, const char *name, size_t limit,
                              mn_error *err) {
  memset(file, 0, sizeof *file);
  size_t size = 0, capacity = 0;
  uint8_t *bytes = NULL;
  for (;;) {
    if (size == capacity) {
      capacity = capacity ? capacity * 2 : 65536;
      uint8_t *grown = mn_realloc(bytes, capacity);
      if (!grown) {
        mn_free(bytes);
        return mn_fail_memory(err, capacity);
      }
      bytes = grown;
    }
    size_t got = fread(bytes + size, 1, capacity - size, stream);
    size += got;
    if (size > limit) {
      mn_free(bytes);
      return mn_fail(err, MN_ERR_LIMIT, name, "more than %zu bytes", limit);
    }
    if (got == 0) break;
  }
  if (ferror(stream)) {
    mn_free(bytes);
    return mn_fail(err, MN_ERR_IO, name, "%s", strerror(errno));
  }
  file->allocated = bytes;
  file->bytes = bytes;
  file->size = size;
  return MN_OK;
}

void mn_file_close(mn_file *file) {
  if (file->mapping) munmap(file->mapping, file->size);
  mn_free(file->allocated);
  memset(file, 0, sizeof *file);
}

static char *join(const char *a, const char *b) {
  size_t na = strlen(a), nb = strlen(b);
  char *text = mn_alloc(na + nb + 1);
  if (!text) return NULL;
  memcpy(text, a, na);
  memcpy(text + na, b, nb + 1);
  return text;
}

static void release(mn_file_writer *writer) {
  mn_free(writer->path);
  mn_free(writer->beside);
  memset(writer, 0, sizeof *writer);
}

mn_status mn_file_begin(mn_file_writer *writer, const char *path, mn_error *err) {
  memset(writer, 0, sizeof *writer);
  writer->path = join(path, "");
  writer->beside = join(path, ".part.XXXXXX");
  if (!writer->path || !writer->beside) {
    release(writer);
    return mn_fail_memory(err, strlen(path));
  }
  int fd = mkstemp(writer->beside);
  if (fd >= 0) writer->stream = fdopen(fd, "wb");
  if (!writer->stream) {
    mn_fail(err, MN_ERR_IO, path, "cannot be written: %s", strerror(errno));
    if (fd >= 0) {
      close(fd);
      unlink(writer->beside);
    }
    release(writer);
    return MN_ERR_IO;
  }
  /* mkstemp made the file private; give it the permissions that open would have given. */
  mode_t mask = umask(0);
  umask(mask);
  (void)fchmod(fd, 0666 & ~mask);
  return MN_OK;
}

mn_status mn_file_commit(mn_file_writer *writer, mn_error *err) {
  int ok =
      fflush(writer->stream) == 0 && !ferror(writer->stream) && fsync(fileno(writer->stream)) == 0;
  int saved = errno;
  if (fclose(writer->stream) != 0 && ok) {
    ok = 0;
    saved = errno;
  }
  writer->stream = NULL;
  if (ok && rename(writer->beside, writer->path) != 0) {
    ok = 0;
    saved = errno;
  }
  if (!ok) {
    unlink(writer->beside);
    mn_fail(err, MN_ERR_IO, writer->path, "cannot be written: %s", strerror(saved));
  }
  release(writer);
  return ok ? MN_OK : MN_ERR_IO;
}

void mn_file_abandon(mn_file_writer *writer) {
  if (writer->stream) fclose(writer->stream);
  if (writer->beside) unlink(writer->beside);
  release(writer);
}

mn_status mn_file_write(const char *path, const void *bytes, size_t size, mn_error *err) {
  mn_file_writer writer;
  mn_status status = mn_file_begin(&writer, path, err);
  if (status) return status;
  if (size && fwrite(bytes, 1, size, writer.stream) != size) {
    mn_fail(err, MN_ERR_IO, path, "cannot be written: %s", strerror(errno));
    mn_file_abandon(&writer);
    return MN_ERR_IO;
  }
  return mn_file_commit(&writer, err);
}
