/* SPDX-License-Identifier: Apache-2.0
 * Telling names apart: pictures whose names are equal take their ending, then one folder more of
 * their path, all of them alike, so that a name does not depend on the order of arguments. */
#include "output_names.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

enum { MOST_LEVELS = 64 };

typedef struct named_picture {
  char *name;
  int index; /* in the list */
  int level; /* 0: the bare name; 1: with its ending; n: with n - 1 folders too */
  bool clashes;
} named_picture;

/* Where the last `parts` parts of the path begin. */
static const char *last_parts(const char *path, int parts) {
  const char *from = path + strlen(path);
  while (from > path && (from[-1] != '/' || --parts > 0)) from--;
  return from;
}

/* The name at a level: parts joined by '_'. */
static char *name_at(const char *path, int level) {
  if (strcmp(path, "-") == 0) path = "stdin";
  char *name = strdup(last_parts(path, level > 1 ? level : 1));
  if (!name) return NULL;
  char *dot = strrchr(name, '.');
  if (level == 0 && dot && dot != name) *dot = '\0';
  for (char *s = name; *s; s++) {
    if (*s == '/') *s = '_';
  }
  return name;
}

static int by_name(const void *a, const void *b) {
  const named_picture *x = a, *y = b;
  const int order = strcmp(x->name, y->name);
  return order ? order : x->index - y->index;
}

/* Sorts by name; whether any name is there twice. */
static bool find_clashes(named_picture *named, int count) {
  bool any = false;
  qsort(named, (size_t)count, sizeof *named, by_name);
  for (int i = 0; i < count; i++) named[i].clashes = false;
  for (int i = 1; i < count; i++) {
    if (strcmp(named[i - 1].name, named[i].name) != 0) continue;
    named[i - 1].clashes = named[i].clashes = any = true;
  }
  return any;
}

static bool lengthen(named_picture *named, const picture_list *pictures) {
  for (int i = 0; i < pictures->count; i++) {
    if (!named[i].clashes) continue;
    char *longer = name_at(pictures->paths[named[i].index], ++named[i].level);
    if (!longer) return false;
    free(named[i].name);
    named[i].name = longer;
  }
  return true;
}

static bool is_taken(const named_picture *named, int count, const char *name) {
  for (int i = 0; i < count; i++) {
    if (strcmp(named[i].name, name) == 0) return true;
  }
  return false;
}

/* One path named twice, or paths that differ in what '_' stands for: numbers from the second on. */
static bool number(named_picture *named, int count) {
  for (int i = 1, next = 2; i < count; i++) {
    const bool same = strcmp(named[i].name, named[i - 1].name) == 0;
    if (!same || !named[i].clashes) continue;
    const size_t size = strlen(named[i].name) + 16;
    char *numbered = malloc(size);
    if (!numbered) return false;
    do snprintf(numbered, size, "%s-%d", named[i - 1].name, next++);
    while (is_taken(named, count, numbered));
    free(named[i].name);
    named[i].name = numbered;
  }
  return true;
}

static bool tell_apart(named_picture *named, const picture_list *pictures) {
  for (int i = 0; i < pictures->count; i++) {
    named[i] = (named_picture){.name = name_at(pictures->paths[i], 0), .index = i};
    if (!named[i].name) return false;
  }
  for (int level = 0; level < MOST_LEVELS; level++) {
    if (!find_clashes(named, pictures->count)) return true;
    if (!lengthen(named, pictures)) return false;
  }
  for (int i = 0; find_clashes(named, pictures->count) && i < pictures->count; i++) {
    if (!number(named, pictures->count)) return false;
  }
  return true;
}

bool output_names_make(output_names *out, const picture_list *pictures) {
  const size_t count = pictures->count > 0 ? (size_t)pictures->count : 1;
  named_picture *named = calloc(count, sizeof *named);
  *out = (output_names){calloc(count, sizeof *out->names), pictures->count, pictures};
  const bool done = named && out->names && tell_apart(named, pictures);
  for (int i = 0; named && out->names && i < pictures->count; i++) {
    out->names[named[i].index] = named[i].name;
  }
  free(named);
  return done;
}

void output_names_free(output_names *out) {
  for (int i = 0; out->names && i < out->count; i++) free(out->names[i]);
  free(out->names);
}

static bool is_input(const picture_list *pictures, const char *path) {
  struct stat made, given;
  if (stat(path, &made) != 0) return false;
  for (int i = 0; i < pictures->count; i++) {
    if (stat(pictures->paths[i], &given) != 0) continue;
    if (made.st_dev == given.st_dev && made.st_ino == given.st_ino) return true;
  }
  return false;
}

char *output_path(const output_names *out, int index, const char *folder) {
  const size_t size = strlen(folder) + strlen(out->names[index]) + 16;
  char *path = malloc(size);
  if (!path) return NULL;
  snprintf(path, size, "%s/%s.png", folder, out->names[index]);
  if (is_input(out->pictures, path)) {
    snprintf(path, size, "%s/%s.new.png", folder, out->names[index]);
  }
  return path;
}
