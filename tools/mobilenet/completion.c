/* SPDX-License-Identifier: Apache-2.0
 * The bash completion, made from the table of verbs. */
#include <string.h>

#include "help.h"

static const char *const prologue =
    "# bash completion of mobilenet; made by 'mobilenet help --bash'\n"
    "_mobilenet() {\n"
    "  local word=${COMP_WORDS[COMP_CWORD]} before=${COMP_WORDS[COMP_CWORD-1]} options\n"
    "  COMPREPLY=()\n";

static void print_value_cases(FILE *out) {
  fputs("  case $before in\n", out);
  for (int i = 0; i < OPTION_COUNT; i++) {
    const option_spec *spec = &option_specs[i];
    if (spec->kind == OPTION_FLAG) continue;
    fputs("    ", out);
    if (spec->letter) fprintf(out, "-%c|", spec->letter);
    fprintf(out, "--%s) ", spec->name);
    if (strcmp(spec->completion, "file") == 0) {
      fputs("compopt -o default; ", out);
    } else if (spec->completion[0]) {
      fprintf(out, "COMPREPLY=($(compgen -W \"%s\" -- \"$word\")); ", spec->completion);
    }
    fputs("return ;;\n", out);
  }
  fputs("  esac\n", out);
}

static void print_option_cases(FILE *out) {
  fputs("  case ${COMP_WORDS[1]} in\n", out);
  for (int v = 0; v < verb_count; v++) {
    fprintf(out, "    %s) options=\"", verbs[v].name);
    for (int i = 0; i < OPTION_COUNT; i++) {
      if (verb_takes(&verbs[v], i)) fprintf(out, "--%s ", option_specs[i].name);
    }
    fputs("\" ;;\n", out);
  }
  fputs("  esac\n", out);
}

static void print_verb_words(FILE *out, const char *condition) {
  fprintf(out, "  if %s; then\n    COMPREPLY=($(compgen -W \"", condition);
  for (int i = 0; i < verb_count; i++) fprintf(out, "%s ", verbs[i].name);
  fputs("\" -- \"$word\"))\n    return\n  fi\n", out);
}

void help_completion(FILE *out) {
  fputs(prologue, out);
  print_verb_words(out, "((COMP_CWORD == 1)) || [[ ${COMP_WORDS[1]} == help && $word != -* ]]");
  print_value_cases(out);
  print_option_cases(out);
  fputs(
      "  if [[ $word == -* ]]; then\n"
      "    COMPREPLY=($(compgen -W \"$options\" -- \"$word\"))\n"
      "  else\n"
      "    compopt -o default\n"
      "  fi\n"
      "}\n"
      "complete -F _mobilenet mobilenet\n",
      out);
}
