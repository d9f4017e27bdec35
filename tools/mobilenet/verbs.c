/* SPDX-License-Identifier: Apache-2.0
 * The tables of verbs.def and options.def, and finding a verb by name. */
#include "verbs.h"

#include <limits.h>
#include <string.h>

enum { MANY = INT_MAX };
#define BIT(id) ((uint64_t)1 << OPTION_##id)
#define USE_MODEL BIT(MODEL)
#define USE_CONTRACT (BIT(CONTRACT) | BIT(LABELS) | BIT(ANCHORS))
#define USE_SPEED (BIT(THREADS) | BIT(ISA) | BIT(PLAN) | BIT(PRECISION))

const option_spec option_specs[OPTION_COUNT] = {
#define OPTION(id, letter, name, kind, value, least, most, completion, about) \
  {letter, name, OPTION_##kind, value, least, most, completion, about},
#include "options.def"
#undef OPTION
};

#define VERB(name, arguments, least, most, takes, needs, summary, about, examples) \
  verb_fn cmd_##name;
#include "verbs.def"
#undef VERB

const cli_verb verbs[] = {
#define VERB(name, arguments, least, most, takes, needs, summary, about, examples) \
  {#name, arguments, least, most, (takes) | BIT(HELP), needs, summary, about, examples, cmd_##name},
#include "verbs.def"
#undef VERB
};
const int verb_count = sizeof verbs / sizeof verbs[0];

const cli_verb *verb_find(const char *name) {
  for (int i = 0; i < verb_count; i++) {
    if (strcmp(verbs[i].name, name) == 0) return &verbs[i];
  }
  return NULL;
}

const char *verb_nearest(const char *name) {
  int best = 0, best_distance = INT_MAX;
  for (int i = 0; i < verb_count; i++) {
    int distance = edit_distance(name, verbs[i].name);
    if (distance < best_distance) {
      best_distance = distance;
      best = i;
    }
  }
  return is_near(best_distance, name) ? verbs[best].name : NULL;
}

bool is_near(int distance, const char *word) {
  return distance <= 2 && distance < (int)strlen(word);
}

int edit_distance(const char *a, const char *b) {
  enum { LONGEST = 63 };
  size_t la = strlen(a), lb = strlen(b);
  if (la > LONGEST || lb > LONGEST) return LONGEST + 1;
  int row[LONGEST + 1];
  for (size_t j = 0; j <= lb; j++) row[j] = (int)j;
  for (size_t i = 1; i <= la; i++) {
    int diagonal = row[0];
    row[0] = (int)i;
    for (size_t j = 1; j <= lb; j++) {
      int replaced = diagonal + (a[i - 1] != b[j - 1]);
      int shorter = row[j] < row[j - 1] ? row[j] + 1 : row[j - 1] + 1;
      diagonal = row[j];
      row[j] = replaced < shorter ? replaced : shorter;
    }
  }
  return row[lb];
}
