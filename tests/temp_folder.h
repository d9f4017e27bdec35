/* SPDX-License-Identifier: Apache-2.0
 * A folder for what a test writes, gone when it ends. */
#ifndef MN_TESTS_TEMP_FOLDER_H
#define MN_TESTS_TEMP_FOLDER_H

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

static char temp_root[64];

static inline int temp_make(void **state) {
  (void)state;
  snprintf(temp_root, sizeof temp_root, "/tmp/mn_test_XXXXXX");
  return mkdtemp(temp_root) ? 0 : 1;
}

static inline int temp_drop(void **state) {
  (void)state;
  char command[128];
  snprintf(command, sizeof command, "rm -rf '%s'", temp_root);
  return system(command);
}

/* A path in it; good until the fourth next call. */
static inline const char *temp_path(const char *path) {
  static char full[4][512];
  static int next;
  char *to = full[next++ % 4];
  snprintf(to, sizeof full[0], "%s/%s", temp_root, path);
  return to;
}

/* Writes a file there, making the folders on its way. */
static inline void temp_put(const char *path, const char *text) {
  char full[512];
  snprintf(full, sizeof full, "%s/%s", temp_root, path);
  for (char *slash = full + strlen(temp_root) + 1; (slash = strchr(slash, '/')); ++slash) {
    *slash = '\0';
    mkdir(full, 0777);
    *slash = '/';
  }
  FILE *file = fopen(full, "wb");
  assert_non_null(file);
  fputs(text, file);
  fclose(file);
}

#endif
