/* SPDX-License-Identifier: Apache-2.0
 * The parsed command line of one verb. Text borrows argv. */
#ifndef MOBILENET_TOOL_OPTIONS_H
#define MOBILENET_TOOL_OPTIONS_H

#include "mobilenet/mobilenet.h"
#include "verbs.h"

typedef struct option_value {
  option_id id;
  const char *text;
} option_value;

typedef struct cli_options {
  const cli_verb *verb;
  bool given[OPTION_COUNT];
  const char *text[OPTION_COUNT]; /* the last value given, or NULL */
  int64_t number[OPTION_COUNT];   /* OPTION_NUMBER and OPTION_BYTES, when given */
  double fraction[OPTION_COUNT];  /* OPTION_FRACTION, OPTION_POINTS, when given */
  int32_t height, width;          /* OPTION_EXTENT, 0 when not given */
  option_value *values;           /* every value in order, for repeated options */
  int value_count;
  const char **args;
  int arg_count;
} cli_options;

/* Parses what follows the verb. Options and arguments may mix; "--" ends options; "--name=value"
 * and "--name value" are the same. Returns EXIT_DONE, or EXIT_USAGE after saying what is wrong and
 * what would be right. */
int options_parse(cli_options *options, const cli_verb *verb, int argc, char **argv);
void options_free(cli_options *options);

/* The number given, or `fallback`. */
int64_t options_number(const cli_options *options, option_id id, int64_t fallback);
double options_fraction(const cli_options *options, option_id id, double fallback);

/* The next value of a repeated option from *position on, or NULL; start with *position = 0. */
const char *options_next(const cli_options *options, option_id id, int *position);

/* --threads, else MOBILENET_THREADS, else what this process may use. 0, after saying so, when the
 * variable holds no such number. */
int options_threads(const cli_options *options);
/* Names of mn_plan_goal. */
enum { GOAL_COUNT = 3 };
extern const char *const goal_names[GOAL_COUNT];

/* --plan. False after saying what it takes. */
bool options_goal(const cli_options *options, mn_plan_goal *goal);
/* --precision, likewise. */
bool options_precision(const cli_options *options, mn_type *precision);

#endif
