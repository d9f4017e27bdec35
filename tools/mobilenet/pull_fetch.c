/* SPDX-License-Identifier: Apache-2.0
 * Fetching through libcurl. Failures that pass (no connection, cut off, busy servers) are tried
 * again after a growing pause; as long as a try brings something, the count starts over. A part of
 * its own (part.h). */
#include "pull_fetch.h"

#include <curl/curl.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "message.h"
#include "part.h"
#include "progress.h"

enum { TRIES = 4, FIRST_PAUSE_MS = 500, STALLED_SECONDS = 30 };

typedef struct transfer {
  const fetch_request *request;
  progress_bar progress;
  int64_t have; /* in the file before this try */
  CURLcode code;
  long status; /* HTTP's */
  int file_errno;
  char reason[CURL_ERROR_SIZE];
} transfer;

static bool stops(const transfer *t) { return t->request->stop(); }

static int64_t file_bytes(const char *path) {
  struct stat info;
  return stat(path, &info) == 0 ? (int64_t)info.st_size : 0;
}

static int on_progress(void *of, curl_off_t total, curl_off_t done, curl_off_t up_total,
                       curl_off_t up) {
  transfer *t = of;
  (void)total;
  (void)up_total;
  (void)up;
  progress_update(&t->progress, (t->have + done) / 1024);
  return stops(t);
}

static void set_options(CURL *curl, transfer *t, FILE *file) {
  curl_easy_setopt(curl, CURLOPT_URL, t->request->url);
  curl_easy_setopt(curl, CURLOPT_PROTOCOLS_STR, "http,https,file");
  curl_easy_setopt(curl, CURLOPT_REDIR_PROTOCOLS_STR, "http,https");
  curl_easy_setopt(curl, CURLOPT_FOLLOWLOCATION, 1L);
  curl_easy_setopt(curl, CURLOPT_MAXREDIRS, 10L);
  curl_easy_setopt(curl, CURLOPT_FAILONERROR, 1L);
  curl_easy_setopt(curl, CURLOPT_USERAGENT, "mobilenet");
  curl_easy_setopt(curl, CURLOPT_CONNECTTIMEOUT, (long)STALLED_SECONDS);
  curl_easy_setopt(curl, CURLOPT_LOW_SPEED_LIMIT, 1L);
  curl_easy_setopt(curl, CURLOPT_LOW_SPEED_TIME, (long)STALLED_SECONDS);
  curl_easy_setopt(curl, CURLOPT_NOSIGNAL, 1L);
  curl_easy_setopt(curl, CURLOPT_ERRORBUFFER, t->reason);
  curl_easy_setopt(curl, CURLOPT_WRITEDATA, file);
  curl_easy_setopt(curl, CURLOPT_RESUME_FROM_LARGE, (curl_off_t)t->have);
  curl_easy_setopt(curl, CURLOPT_NOPROGRESS, 0L);
  curl_easy_setopt(curl, CURLOPT_XFERINFOFUNCTION, on_progress);
  curl_easy_setopt(curl, CURLOPT_XFERINFODATA, t);
}

/* One try, from where the file ends. */
static void try_once(transfer *t) {
  t->have = file_bytes(t->request->part);
  t->status = 0;
  t->file_errno = 0;
  t->reason[0] = '\0';
  t->code = CURLE_WRITE_ERROR;
  CURL *curl = curl_easy_init();
  FILE *file = fopen(t->request->part, "ab");
  if (!file) t->file_errno = errno;
  if (curl && file) {
    set_options(curl, t, file);
    errno = 0;
    t->code = curl_easy_perform(curl);
    if (t->code == CURLE_WRITE_ERROR) t->file_errno = errno ? errno : EIO;
    curl_easy_getinfo(curl, CURLINFO_RESPONSE_CODE, &t->status);
  }
  if (file && (fflush(file) != 0 || fsync(fileno(file)) != 0)) {
    t->file_errno = errno;
    t->code = CURLE_WRITE_ERROR;
  }
  if (file) fclose(file);
  curl_easy_cleanup(curl);
}

/* The server cannot continue there: it does not know ranges, or its file ends before. */
static bool must_start_over(const transfer *t) {
  return t->have > 0 && (t->code == CURLE_RANGE_ERROR || t->code == CURLE_BAD_DOWNLOAD_RESUME ||
                         (t->code == CURLE_HTTP_RETURNED_ERROR && t->status == 416));
}

static bool may_pass(const transfer *t) {
  switch (t->code) {
    case CURLE_COULDNT_RESOLVE_HOST:
    case CURLE_COULDNT_RESOLVE_PROXY:
    case CURLE_COULDNT_CONNECT:
    case CURLE_OPERATION_TIMEDOUT:
    case CURLE_PARTIAL_FILE:
    case CURLE_GOT_NOTHING:
    case CURLE_SEND_ERROR:
    case CURLE_RECV_ERROR:
    case CURLE_SSL_CONNECT_ERROR: return true;
    case CURLE_HTTP_RETURNED_ERROR: return t->status >= 500 || t->status == 408 || t->status == 429;
    default: return false;
  }
}

static void pause_ms(const transfer *t, int milliseconds) {
  enum { SLICE_MS = 50 };
  const struct timespec slice = {0, SLICE_MS * 1000000L};
  for (int past = 0; past < milliseconds && !stops(t); past += SLICE_MS) {
    nanosleep(&slice, NULL);
  }
}

static fetch_result refuse(transfer *t) {
  progress_clear(&t->progress);
  if (stops(t)) return FETCH_INTERRUPTED;
  if (t->file_errno) {
    say("%s cannot be written: %s", t->request->part, strerror(t->file_errno));
  } else if (t->code == CURLE_HTTP_RETURNED_ERROR) {
    say("%s: the server answers %ld", t->request->url, t->status);
  } else {
    say("%s: %s", t->request->url, t->reason[0] ? t->reason : curl_easy_strerror(t->code));
  }
  return FETCH_FAILED;
}

static fetch_result fetch(const fetch_request *request) {
  transfer t = {.request = request};
  int pause = FIRST_PAUSE_MS;
  progress_begin(&t.progress, "KiB", request->bytes / 1024);
  for (int tries = 1;; tries++) {
    try_once(&t);
    if (t.code == CURLE_OK) break;
    if (stops(&t) || t.file_errno) return refuse(&t);
    if (must_start_over(&t)) {
      if (truncate(request->part, 0) != 0) return refuse(&t);
      continue;
    }
    if (file_bytes(request->part) > t.have) {
      tries = 0;
      pause = FIRST_PAUSE_MS;
    }
    if (!may_pass(&t) || tries >= TRIES) return refuse(&t);
    pause_ms(&t, pause);
    pause *= 2;
  }
  progress_clear(&t.progress);
  return FETCH_DONE;
}

extern const fetch_part mobilenet_fetch;
PART_PUBLIC const fetch_part mobilenet_fetch = {fetch};
