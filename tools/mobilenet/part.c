/* SPDX-License-Identifier: Apache-2.0
 * Loading a part. It stays until the process ends, as the libraries below it expect. */
#include "part.h"

#include <dlfcn.h>
#include <stdio.h>

#include "message.h"

const void *part_load(const char *name) {
  char file[64];
  snprintf(file, sizeof file, "%s.so", name);
  void *part = dlopen(file, RTLD_NOW | RTLD_LOCAL);
  const void *table = part ? dlsym(part, name) : NULL;
  if (!table) say("a part of this installation cannot be loaded: %s", dlerror());
  return table;
}
