/* SPDX-License-Identifier: Apache-2.0
 * Walking folders for pictures. Content decides, as it does when decoding; a file named like a
 * picture is listed too, so that a damaged one is reported and not passed over. */
#include "picture_list.h"

#include <dirent.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/stat.h>

#include "message.h"

static bool append(picture_list *list, char *path) {
  if (!path) return false;
  if (list->count == list->capacity) {
    int capacity = list->capacity ? list->capacity * 2 : 16;
    char **paths = realloc(list->paths, (size_t)capacity * sizeof *paths);
    if (!paths) {
      free(path);
      return false;
    }
    list->paths = paths;
    list->capacity = capacity;
  }
  list->paths[list->count++] = path;
  return true;
}

static bool named_like_picture(const char *name) {
  static const char *const endings[] = {"jpg", "jpeg", "png", "webp", "bmp", "ppm", "pgm"};
  const char *dot = strrchr(name, '.');
  for (size_t i = 0; dot && i < sizeof endings / sizeof endings[0]; i++) {
    if (strcasecmp(dot + 1, endings[i]) == 0) return true;
  }
  return false;
}

static bool begins_like_picture(const char *path) {
  char head[12] = {0};
  FILE *file = fopen(path, "rb");
  if (!file) return false;
  size_t length = fread(head, 1, sizeof head, file);
  fclose(file);
  return length == sizeof head &&
         (memcmp(head, "\xFF\xD8\xFF", 3) == 0 || memcmp(head, "\x89PNG\r\n\x1A\n", 8) == 0 ||
          (memcmp(head, "RIFF", 4) == 0 && memcmp(head + 8, "WEBP", 4) == 0));
}

static int not_hidden(const struct dirent *entry) { return entry->d_name[0] != '.'; }

static int bytewise(const struct dirent **a, const struct dirent **b) {
  return strcmp((*a)->d_name, (*b)->d_name);
}

static char *join(const char *folder, const char *name) {
  size_t length = strlen(folder), size = length + strlen(name) + 2;
  char *path = malloc(size);
  const char *slash = length > 0 && folder[length - 1] == '/' ? "" : "/";
  if (path) snprintf(path, size, "%s%s%s", folder, slash, name);
  return path;
}

static bool walk(picture_list *list, const char *folder);

/* Takes over `path`. */
static bool add_entry(picture_list *list, char *path, const char *name) {
  struct stat info;
  if (!path) return false;
  bool is_link = lstat(path, &info) == 0 && S_ISLNK(info.st_mode);
  if (stat(path, &info) == 0) {
    if (S_ISREG(info.st_mode) && (named_like_picture(name) || begins_like_picture(path))) {
      return append(list, path);
    }
    if (S_ISDIR(info.st_mode) && !is_link) {
      bool done = walk(list, path);
      free(path);
      return done;
    }
  }
  free(path);
  return true;
}

static bool walk(picture_list *list, const char *folder) {
  struct dirent **entries;
  int count = scandir(folder, &entries, not_hidden, bytewise);
  if (count < 0) {
    say("%s: the folder cannot be read: %s", folder, strerror(errno));
    list->failures++;
    return true;
  }
  bool done = true;
  for (int i = 0; i < count; i++) {
    if (done) done = add_entry(list, join(folder, entries[i]->d_name), entries[i]->d_name);
    free(entries[i]);
  }
  free(entries);
  return done;
}

bool picture_list_add(picture_list *list, const char *argument) {
  struct stat info;
  if (stat(argument, &info) != 0 || !S_ISDIR(info.st_mode)) return append(list, strdup(argument));
  int before = list->count, failures = list->failures;
  if (!walk(list, argument)) return false;
  if (list->count == before && list->failures == failures) {
    say("%s: the folder holds no picture (JPEG, PNG, WebP, BMP, PPM or PGM)", argument);
    list->failures++;
  }
  return true;
}

void picture_list_free(picture_list *list) {
  for (int i = 0; i < list->count; i++) free(list->paths[i]);
  free(list->paths);
}
