/* SPDX-License-Identifier: Apache-2.0
 * Fetching one file from one address: resumed where it was cut, tried again when that may help. */
#ifndef MOBILENET_TOOL_PULL_FETCH_H
#define MOBILENET_TOOL_PULL_FETCH_H

#include <stdbool.h>
#include <stdint.h>

typedef enum fetch_result { FETCH_DONE, FETCH_FAILED, FETCH_INTERRUPTED } fetch_result;

typedef struct fetch_request {
  const char *url;    /* http, https or file */
  const char *part;   /* the file to fill; what it holds already is continued */
  int64_t bytes;      /* about as many as there will be, for the progress bar */
  bool (*stop)(void); /* asked often: whether to give up */
} fetch_request;

/* What the part offers. */
typedef struct fetch_part {
  fetch_result (*url)(const fetch_request *request);
} fetch_part;

/* FETCH_FAILED after saying why; what was fetched stays in `part`. */
fetch_result fetch_url(const fetch_request *request);

/* The address of a file at a mirror, a base URL or a folder. The caller frees it; NULL, after
 * saying why, when there is none. */
char *fetch_mirror_url(const char *mirror, const char *file);

#endif
