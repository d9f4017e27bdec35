/* SPDX-License-Identifier: Apache-2.0
 * Reading models/pull.tsv. It comes with the source, yet is checked: a file name with a slash would
 * be written outside the cache. */
#include "pull_list.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "message.h"
#include "open_model.h"

enum { FIELDS = 7, MOST_BYTES = 1 << 20 };

static char *read_list_file(const char *path) {
  FILE *file = fopen(path, "rb");
  char *text = file ? malloc(MOST_BYTES + 1) : NULL;
  if (text) {
    text[fread(text, 1, MOST_BYTES, file)] = '\0';
  } else {
    say("%s cannot be read: %s", path, strerror(errno));
  }
  if (file) fclose(file);
  return text;
}

static bool is_digest(const char *text) {
  const size_t length = strlen(text);
  return strspn(text, "0123456789abcdef") == length && (length == 64 || length == 8);
}

static bool is_file_name(const char *text) {
  return text[0] != '\0' && text[0] != '.' && !strchr(text, '/');
}

/* Cuts a line at its tabs. */
static bool parse_line(char *line, pull_entry *entry) {
  char *fields[FIELDS], *end;
  int count = 0;
  for (char *s = line; s && count < FIELDS; count++) {
    fields[count] = s;
    s = strchr(s, '\t');
    if (s && count + 1 == FIELDS) return false;
    if (s) *s++ = '\0';
  }
  if (count != FIELDS) return false;
  *entry = (pull_entry){.name = fields[0],
                        .file = fields[1],
                        .bytes = strtoll(fields[2], &end, 10),
                        .sha256 = fields[3],
                        .licence = fields[4],
                        .accuracy = fields[5],
                        .source = fields[6]};
  return *end == '\0' && entry->bytes > 0 && is_digest(entry->sha256) &&
         is_file_name(entry->file) && entry->name[0] != '\0';
}

static bool parse_list(pull_list *list, const char *path) {
  int number = 0;
  for (char *line = list->text, *next; line && *line; line = next) {
    next = strchr(line, '\n');
    if (next) *next++ = '\0';
    number++;
    if (line[0] == '#' || line[0] == '\0') continue;
    if (!parse_line(line, &list->entries[list->count++])) {
      say("%s: line %d is no name, file, bytes, SHA-256, licence, accuracy and source, parted by "
          "tabs",
          path, number);
      return false;
    }
  }
  return true;
}

bool pull_list_read(pull_list *list) {
  *list = (pull_list){0};
  char *path = model_shipped_path("pull", ".tsv");
  if (!path) {
    say("the list of models, pull.tsv, is not where mobilenet was built or installed; "
        "MOBILENET_MODELS can name its folder");
    return false;
  }
  list->text = read_list_file(path);
  size_t lines = 1;
  for (const char *s = list->text; s && *s; s++) lines += *s == '\n';
  list->entries = list->text ? calloc(lines, sizeof *list->entries) : NULL;
  const bool done = list->entries && parse_list(list, path);
  free(path);
  return done;
}

void pull_list_free(pull_list *list) {
  free(list->entries);
  free(list->text);
}

const pull_entry *pull_list_find(const pull_list *list, const char *name) {
  for (int i = 0; i < list->count; i++) {
    if (strcmp(list->entries[i].name, name) == 0) return &list->entries[i];
  }
  return NULL;
}

char *pull_cache_path(const char *file) {
  static const struct {
    const char *variable, *under;
  } places[] = {
      {"MOBILENET_HOME", ""}, {"XDG_CACHE_HOME", "/mobilenet"}, {"HOME", "/.cache/mobilenet"}};
  for (size_t i = 0; i < sizeof places / sizeof places[0]; i++) {
    const char *folder = getenv(places[i].variable);
    if (!folder || !folder[0]) continue;
    const size_t size = strlen(folder) + strlen(places[i].under) + strlen(file) + 2;
    char *path = malloc(size);
    if (!path) break;
    snprintf(path, size, "%s%s/%s", folder, places[i].under, file);
    return path;
  }
  say("there is no folder for fetched models; name one in MOBILENET_HOME");
  return NULL;
}
