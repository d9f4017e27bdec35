/* SPDX-License-Identifier: Apache-2.0
 * The address of a file at a mirror. */
#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "message.h"
#include "pull_fetch.h"

/* "file://" and the folder with what a URL cannot hold escaped, slashes kept. */
static char *folder_url(const char *folder) {
  char *path = realpath(folder, NULL);
  if (!path) {
    say("MOBILENET_MIRROR: '%s' is no folder and no http or https address: %s", folder,
        strerror(errno));
    return NULL;
  }
  char *url = malloc(3 * strlen(path) + 8);
  char *to = url;
  if (url) to += sprintf(to, "file://");
  for (const char *s = path; url && *s; s++) {
    const bool plain = strchr("/-_.~", *s) || (*s >= '0' && *s <= '9') ||
                       (*s >= 'A' && *s <= 'Z') || (*s >= 'a' && *s <= 'z');
    to += sprintf(to, plain ? "%c" : "%%%02X", (unsigned char)*s);
  }
  free(path);
  if (!url) say_out_of_memory();
  return url;
}

char *fetch_mirror_url(const char *mirror, const char *file) {
  const bool is_url = strncmp(mirror, "http://", 7) == 0 || strncmp(mirror, "https://", 8) == 0;
  char *base = is_url ? strdup(mirror) : folder_url(mirror);
  if (!base) return NULL;
  size_t length = strlen(base);
  while (length > 0 && base[length - 1] == '/') length--;
  char *url = malloc(length + strlen(file) + 2);
  if (url) sprintf(url, "%.*s/%s", (int)length, base, file);
  free(base);
  return url;
}
