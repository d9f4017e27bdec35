/* SPDX-License-Identifier: Apache-2.0
 * Networks of the zoo for tests, with random weights. After cmocka.h. */
#ifndef MN_TESTS_ZOO_MAKER_H
#define MN_TESTS_ZOO_MAKER_H

#include "zoo/zoo.h"

static inline void make_network(mn_graph *graph, const char *name, int32_t classes) {
  mn_arch arch;
  mn_error err;
  if (mn_arch_parse(&arch, name, classes, &err) ||
      mn_zoo_build(graph, &arch, MN_ZOO_RANDOM, 1, &err)) {
    fail_msg("%s: %s", err.where, err.text);
  }
}

#endif
