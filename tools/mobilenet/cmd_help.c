/* SPDX-License-Identifier: Apache-2.0
 * `mobilenet help`: the overview, one verb, the manual page, the completion script. */
#include "help.h"
#include "message.h"
#include "options.h"

verb_fn cmd_help;

static int refuse_topic(const char *word) {
  const char *nearest = verb_nearest(word);
  if (nearest) {
    say("there is no verb '%s' to explain; the nearest is '%s' ('mobilenet help' lists them)", word,
        nearest);
  } else {
    say("there is no verb '%s' to explain ('mobilenet help' lists them)", word);
  }
  return EXIT_USAGE;
}

int cmd_help(const cli_options *options) {
  if (options->given[OPTION_MAN]) {
    help_manual(stdout);
  } else if (options->given[OPTION_BASH]) {
    help_completion(stdout);
  } else if (options->arg_count == 0) {
    help_overview(stdout);
  } else {
    const cli_verb *verb = verb_find(options->args[0]);
    if (!verb) {
      return refuse_topic(options->args[0]);
    }
    help_verb(stdout, verb);
  }
  return EXIT_DONE;
}
