/* SPDX-License-Identifier: Apache-2.0
 * The manual page mobilenet(1) as roff, made from the table of verbs. */
#include <ctype.h>
#include <string.h>

#include "help.h"
#include "mobilenet/mobilenet.h"

/* Text in which nothing is taken for a roff request. */
static void roff(FILE *out, const char *text) {
  for (bool at_start = true; *text; at_start = *text++ == '\n') {
    if (at_start && (*text == '.' || *text == '\'')) fputs("\\&", out);
    switch (*text) {
      case '\\': fputs("\\e", out); break;
      case '-': fputs("\\-", out); break;
      default: fputc(*text, out);
    }
  }
}

static void section(FILE *out, const char *title) { fprintf(out, ".SH %s\n", title); }

static void print_entries(FILE *out, const char *title, const help_entry *entries) {
  section(out, title);
  for (; entries->name; entries++) {
    fprintf(out, ".TP\n.B %s\n", entries->name);
    roff(out, entries->about);
    fputs(".\n", out);
  }
}

static void print_verb(FILE *out, const cli_verb *verb) {
  fprintf(out, ".SS %s\n.B mobilenet %s\n[options] ", verb->name, verb->name);
  roff(out, verb->arguments);
  fputs("\n.PP\n", out);
  fputc(toupper((unsigned char)verb->summary[0]), out);
  roff(out, verb->summary + 1);
  fputs(".\n", out);
  roff(out, verb->about);
  fputs("\n.PP\nOptions:", out);
  const char *separator = " ";
  for (int i = 0; i < OPTION_COUNT; i++) {
    if (!verb_takes(verb, i)) continue;
    fputs(separator, out);
    roff(out, "--");
    roff(out, option_specs[i].name);
    separator = ", ";
  }
  fputs(".\n.PP\n.nf\n.RS 4\n", out);
  roff(out, verb->examples);
  fputs(".RE\n.fi\n", out);
}

static void print_options(FILE *out) {
  section(out, "OPTIONS");
  for (int i = 0; i < OPTION_COUNT; i++) {
    char usage[80];
    const char *text = option_usage(usage, sizeof usage, &option_specs[i]);
    while (isspace((unsigned char)*text)) text++;
    fputs(".TP\n.B ", out);
    roff(out, text);
    fputc('\n', out);
    roff(out, option_specs[i].about);
    fputs(".\n", out);
  }
}

void help_manual(FILE *out) {
  fprintf(out, ".TH MOBILENET 1 \"\" \"mobilenet %s\" \"User Commands\"\n", mn_version());
  section(out, "NAME");
  fputs("mobilenet \\- run, score, measure and convert MobileNets\n", out);
  section(out, "SYNOPSIS");
  fputs(".B mobilenet\n.I VERB\n[options] arguments\n", out);
  section(out, "DESCRIPTION");
  fputs(
      "One command for small convolutional networks. Without \\-m the model that ships with\n"
      "mobilenet is used. With \\-\\-json one JSON object a line goes to standard output and\n"
      "nothing else does; progress and diagnostics go to standard error. Times are\n"
      "milliseconds, sizes bytes, scores and accuracies fractions of 1.\n",
      out);
  section(out, "VERBS");
  for (int i = 0; i < verb_count; i++) print_verb(out, &verbs[i]);
  print_options(out);
  print_entries(out, "EXIT STATUS", help_exit_codes);
  print_entries(out, "ENVIRONMENT", help_environment);
}
