/* SPDX-License-Identifier: Apache-2.0
 * The table of verbs and options (verbs.def, options.def) as data. The parser, the help texts, the
 * manual page and the shell completion all read it, so they cannot disagree. */
#ifndef MOBILENET_TOOL_VERBS_H
#define MOBILENET_TOOL_VERBS_H

#include <stdbool.h>
#include <stdint.h>

typedef enum option_id {
#define OPTION(id, letter, name, kind, value, least, most, completion, about) OPTION_##id,
#include "options.def"
#undef OPTION
  OPTION_COUNT
} option_id;

typedef enum option_kind {
  OPTION_FLAG,
  OPTION_NUMBER,   /* a whole number within least..most */
  OPTION_FRACTION, /* a number from 0 to 1 */
  OPTION_POINTS,   /* percentage points, 0 to 100, kept as a fraction */
  OPTION_EXTENT,   /* height x width, each within least..most */
  OPTION_BYTES,    /* a whole number, with K, M, G or T for powers of 1024 */
  OPTION_TEXT,
  OPTION_TEXTS /* may be repeated */
} option_kind;

typedef struct option_spec {
  char letter; /* 0: none */
  const char *name;
  option_kind kind;
  const char *value; /* placeholder of the value */
  int64_t least, most;
  const char *completion; /* "file", "folder", words, or "" */
  const char *about;
} option_spec;

struct cli_options;
typedef int verb_fn(const struct cli_options *options); /* returns the exit code */

typedef struct cli_verb {
  const char *name;
  const char *arguments;
  int least, most; /* how many arguments */
  uint64_t takes;  /* bit i: option i */
  uint64_t needs;
  const char *summary, *about, *examples;
  verb_fn *run;
} cli_verb;

extern const option_spec option_specs[OPTION_COUNT];
extern const cli_verb verbs[];
extern const int verb_count;

static inline bool verb_takes(const cli_verb *verb, int option) {
  return (verb->takes >> option & 1u) != 0;
}

/* By name, or NULL. */
const cli_verb *verb_find(const char *name);
/* The verb that is spelled almost so, or NULL. */
const char *verb_nearest(const char *name);

/* Edits (insert, delete, replace) that make `a` into `b`; long words count as far apart. */
int edit_distance(const char *a, const char *b);
/* Whether a word that many edits away can be what was meant. */
bool is_near(int distance, const char *word);

#endif
