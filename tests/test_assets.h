/* SPDX-License-Identifier: Apache-2.0
 * Where the real models and pictures are that tests may use and the project does not contain. */
#ifndef MN_TESTS_TEST_ASSETS_H
#define MN_TESTS_TEST_ASSETS_H

#include <stdio.h>
#include <stdlib.h>

/* $MOBILENET_TEST_ASSETS, or NULL after saying SKIPPED. */
static inline const char *test_assets(void) {
  const char *assets = getenv("MOBILENET_TEST_ASSETS");
  if (assets && *assets) return assets;
  puts("SKIPPED: MOBILENET_TEST_ASSETS does not name the folder of test models");
  return NULL;
}

#endif
