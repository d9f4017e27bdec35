/* SPDX-License-Identifier: Apache-2.0
 * The command `mobilenet`: finds the verb, parses its options, runs it. */
#include <locale.h>
#include <string.h>

#include "help.h"
#include "interrupt.h"
#include "message.h"
#include "options.h"

/* The spellings that every command is expected to know. */
static const char *common_spelling(const char *word) {
  if (strcmp(word, "--help") == 0 || strcmp(word, "-h") == 0) return "help";
  if (strcmp(word, "--version") == 0 || strcmp(word, "-V") == 0) return "version";
  return word;
}

static int run_verb(const cli_verb *verb, int argc, char **argv) {
  cli_options options;
  int code = options_parse(&options, verb, argc, argv);
  if (code == EXIT_DONE) {
    if (options.given[OPTION_HELP]) {
      help_verb(stdout, verb);
    } else {
      code = verb->run(&options);
    }
  }
  options_free(&options);
  return code;
}

static int refuse_verb(const char *word) {
  const char *nearest = verb_nearest(word);
  if (nearest) {
    say("'%s' is no verb of mobilenet; the nearest is '%s' ('mobilenet help' lists them)", word,
        nearest);
  } else {
    say("'%s' is no verb of mobilenet ('mobilenet help' lists them); a picture is named by "
        "'mobilenet classify PICTURE'",
        word);
  }
  return EXIT_USAGE;
}

int main(int argc, char **argv) {
  setlocale(LC_CTYPE, "");
  interrupt_watch();
  if (argc < 2) {
    help_overview(stderr);
    return EXIT_USAGE;
  }
  const cli_verb *verb = verb_find(common_spelling(argv[1]));
  if (!verb) {
    return refuse_verb(argv[1]);
  }
  return finish_output(run_verb(verb, argc - 2, argv + 2));
}
