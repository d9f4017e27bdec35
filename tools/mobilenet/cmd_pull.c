/* SPDX-License-Identifier: Apache-2.0
 * `mobilenet pull`: models of the list into the cache. A file appears there once its digest is
 * right, and one pull at a time fetches it. */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "interrupt.h"
#include "json_writer.h"
#include "message.h"
#include "new_file.h"
#include "options.h"
#include "pull_fetch.h"
#include "pull_list.h"
#include "sha256.h"
#include "terminal.h"

verb_fn cmd_pull;

typedef struct pull_job {
  const pull_entry *entry;
  char *path, *part; /* the file in the cache, and it while it is fetched */
  const char *from;  /* where it came from; NULL when it was there */
  char sha256[SHA256_HEX];
  int64_t bytes;
  bool as_json;
} pull_job;

static bool digest_is_right(pull_job *job, const char *path) {
  struct stat info;
  if (!sha256_file(path, job->sha256) || stat(path, &info) != 0) return false;
  job->bytes = (int64_t)info.st_size;
  return strncmp(job->sha256, job->entry->sha256, strlen(job->entry->sha256)) == 0;
}

/* What a cut-off fetch left may be of another file: a wrong digest then means once more from the
 * start. */
static fetch_result pull_from(pull_job *job, const char *url) {
  const fetch_request request = {url, job->part, job->entry->bytes, interrupted};
  for (;;) {
    struct stat info;
    const bool continued = stat(job->part, &info) == 0 && info.st_size > 0;
    const fetch_result result = fetch_url(&request);
    if (result != FETCH_DONE) return result;
    if (digest_is_right(job, job->part)) {
      if (rename(job->part, job->path) == 0) return FETCH_DONE;
      say("%s cannot be written: %s", job->path, strerror(errno));
      return FETCH_FAILED;
    }
    unlink(job->part);
    if (continued) continue;
    say("%s: its SHA-256 is %s, expected %s%s; nothing is kept of it", url, job->sha256,
        job->entry->sha256, strlen(job->entry->sha256) < 64 ? "..." : "");
    return FETCH_FAILED;
  }
}

/* The mirror first, then the source. */
static fetch_result pull_anywhere(pull_job *job) {
  const char *mirror = getenv("MOBILENET_MIRROR");
  fetch_result result = FETCH_FAILED;
  if (mirror && mirror[0]) {
    char *url = fetch_mirror_url(mirror, job->entry->file);
    if (url) result = pull_from(job, url);
    free(url);
    job->from = mirror;
  }
  if (result != FETCH_FAILED) return result;
  job->from = job->entry->source;
  return pull_from(job, job->entry->source);
}

/* Waits for another pull of the same file; a descriptor, or -1 after saying why. */
static int lock(const pull_job *job) {
  char *path = malloc(strlen(job->path) + 6);
  if (!path) {
    say_out_of_memory();
    return -1;
  }
  sprintf(path, "%s.lock", job->path);
  int file = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0666);
  if (file < 0) say("%s cannot be written: %s", path, strerror(errno));
  free(path);
  if (file < 0 || flock(file, LOCK_EX | LOCK_NB) == 0) return file;
  say("%s: another pull is fetching it; waiting for that", job->entry->name);
  if (flock(file, LOCK_EX) == 0) return file;
  close(file);
  return -1;
}

static void print_pulled(const pull_job *job) {
  char size[32];
  if (job->as_json) {
    json_writer line = {stdout, false};
    json_open_object(&line, NULL);
    json_text(&line, "name", job->entry->name);
    json_text(&line, "file", job->path);
    json_text(&line, "sha256", job->sha256);
    json_integer(&line, "bytes", job->bytes);
    json_close_object(&line);
    json_end_line(&line);
    return;
  }
  printf("%s: %s, %s: ", job->entry->name, bytes_text(size, sizeof size, (uint64_t)job->bytes),
         job->entry->licence);
  fputs(job->from ? "from " : "was there: ", stdout);
  print_safe(stdout, job->from ? job->from : job->path);
  printf("\n  use it with -m %s\n", job->entry->name);
  flush_output();
}

static int pull_locked(pull_job *job) {
  struct stat info;
  if (stat(job->path, &info) == 0) {
    if (digest_is_right(job, job->path)) {
      print_pulled(job);
      return EXIT_DONE;
    }
    say("%s is damaged: its SHA-256 is not the list's; fetching it anew", job->path);
  }
  const fetch_result result = pull_anywhere(job);
  if (result == FETCH_INTERRUPTED) return EXIT_INTERRUPTED;
  if (result != FETCH_DONE) {
    say("%s: could not be fetched", job->entry->name);
    return EXIT_SOME_FAILED;
  }
  print_pulled(job);
  return EXIT_DONE;
}

/* Makes the folder of `path` and those above it. */
static bool make_folders(char *path) {
  for (char *slash = strchr(path + 1, '/'); slash; slash = strchr(slash + 1, '/')) {
    *slash = '\0';
    const bool made = folder_make(path, "MOBILENET_HOME");
    *slash = '/';
    if (!made) return false;
  }
  return true;
}

static int pull_one(const pull_entry *entry, bool as_json) {
  pull_job job = {.entry = entry, .as_json = as_json, .path = pull_cache_path(entry->file)};
  int code = EXIT_UNUSABLE;
  if (job.path) job.part = malloc(strlen(job.path) + 6);
  if (job.part && make_folders(job.path)) {
    sprintf(job.part, "%s.part", job.path);
    const int file = lock(&job);
    if (file >= 0) {
      code = pull_locked(&job);
      close(file);
    }
  }
  free(job.part);
  free(job.path);
  return code;
}

static void list_json(const pull_entry *entry, const char *path) {
  json_writer line = {stdout, false};
  json_open_object(&line, NULL);
  json_text(&line, "name", entry->name);
  json_text(&line, "file", path);
  json_text(&line, "sha256", entry->sha256);
  json_integer(&line, "bytes", entry->bytes);
  json_text(&line, "licence", entry->licence);
  json_text(&line, "accuracy", entry->accuracy);
  json_text(&line, "source", entry->source);
  json_close_object(&line);
  json_end_line(&line);
}

/* "file" is null, and a line has no mark, for what is not in the cache. */
static int list_all(const pull_list *list, bool as_json) {
  char size[32];
  if (!as_json) printf("  %-30s %10s  %-14s %-13s source\n", "name", "size", "accuracy", "licence");
  for (int i = 0; i < list->count; i++) {
    const pull_entry *entry = &list->entries[i];
    char *path = pull_cache_path(entry->file);
    if (!path) return EXIT_UNUSABLE;
    const bool there = access(path, R_OK) == 0;
    if (as_json) {
      list_json(entry, there ? path : NULL);
    } else {
      printf("%c %-30s %10s  %-14s %-13s %s\n", there ? '*' : ' ', entry->name,
             bytes_text(size, sizeof size, (uint64_t)entry->bytes), entry->accuracy, entry->licence,
             entry->source);
    }
    free(path);
  }
  if (!as_json) puts("* is in the cache");
  return EXIT_DONE;
}

static int refuse_name(const pull_list *list, const char *name) {
  int best = -1, least = 0;
  for (int i = 0; i < list->count; i++) {
    const int distance = edit_distance(name, list->entries[i].name);
    if (best >= 0 && distance >= least) continue;
    best = i;
    least = distance;
  }
  if (best >= 0 && is_near(least, name)) {
    say("'%s' is not on the list of models; the nearest is '%s'", name, list->entries[best].name);
  } else {
    say("'%s' is not on the list of models; 'mobilenet pull --list' shows it", name);
  }
  return EXIT_USAGE;
}

static int pull_all(const pull_list *list, const cli_options *options) {
  int code = EXIT_DONE;
  for (int i = 0; i < options->arg_count; i++) {
    if (!pull_list_find(list, options->args[i])) return refuse_name(list, options->args[i]);
  }
  for (int i = 0; i < options->arg_count; i++) {
    const int one = pull_one(pull_list_find(list, options->args[i]), options->given[OPTION_JSON]);
    if (one == EXIT_INTERRUPTED || one == EXIT_UNUSABLE) return one;
    if (one != EXIT_DONE) code = one;
  }
  return code;
}

int cmd_pull(const cli_options *options) {
  pull_list list;
  if (options->arg_count == 0 && !options->given[OPTION_LIST]) {
    say("'pull' needs the name of a model, or --list to show them");
    return EXIT_USAGE;
  }
  int code = EXIT_UNUSABLE;
  if (pull_list_read(&list)) {
    code = options->given[OPTION_LIST] ? list_all(&list, options->given[OPTION_JSON])
                                       : pull_all(&list, options);
  }
  pull_list_free(&list);
  return code;
}
