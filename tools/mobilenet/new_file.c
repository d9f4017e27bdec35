/* SPDX-License-Identifier: Apache-2.0
 * Writing beside and renaming, so that a reader or an interruption never sees half a file. What is
 * there and is no file, such as /dev/stdout, is written where it is: nothing may take its place. */
#include "new_file.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "message.h"

static bool refuse(const char *path, int reason) {
  say("%s cannot be written: %s", path, reason ? strerror(reason) : "the disk took only a part");
  return false;
}

/* A link, a device, a pipe. */
static bool is_other(const char *path) {
  struct stat info;
  return lstat(path, &info) == 0 && !S_ISREG(info.st_mode);
}

bool new_file_begin(new_file *out, const char *path) {
  const size_t size = strlen(path) + 32;
  *out = (new_file){.path = path};
  if (!is_other(path)) {
    out->beside = malloc(size);
    if (!out->beside) {
      say_out_of_memory();
      return false;
    }
    snprintf(out->beside, size, "%s.%ld.part", path, (long)getpid());
  }
  out->file = fopen(out->beside ? out->beside : path, "wb");
  if (out->file) return true;
  refuse(path, errno);
  free(out->beside);
  out->beside = NULL;
  return false;
}

bool new_file_end(new_file *out, bool good) {
  int reason = 0;
  errno = 0;
  bool whole = fflush(out->file) == 0 && !ferror(out->file);
  if (!whole) reason = errno;
  if (fclose(out->file) != 0 && whole) {
    reason = errno;
    whole = false;
  }
  if (whole && good && out->beside && rename(out->beside, out->path) != 0) {
    reason = errno;
    whole = false;
  }
  if (out->beside && (!whole || !good)) unlink(out->beside);
  if (!whole) refuse(out->path, reason);
  free(out->beside);
  return whole && good;
}

bool folder_make(const char *path, const char *option) {
  struct stat info;
  if (mkdir(path, 0777) == 0) return true;
  int reason = errno;
  if (reason == EEXIST && stat(path, &info) == 0) {
    if (S_ISDIR(info.st_mode)) return true;
    reason = ENOTDIR;
  }
  say("%s: the folder '%s' cannot be made: %s", option, path, strerror(reason));
  return false;
}
