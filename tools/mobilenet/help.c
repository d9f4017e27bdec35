/* SPDX-License-Identifier: Apache-2.0
 * Help for the terminal, and the facts that the manual page shares with it. */
#include "help.h"

#include <string.h>

#include "terminal.h"

const help_entry help_exit_codes[] = {
    {"0", "all done"},
    {"1", "some inputs failed: each is named on standard error, the others were done"},
    {"2", "wrong usage"},
    {"3", "the model or the data cannot be used"},
    {"4", "a gate was missed"},
    {"130", "stopped by Ctrl-C; what was done until then is printed"},
    {NULL, NULL},
};

const help_entry help_environment[] = {
    {"MOBILENET_THREADS", "threads to use when --threads is not given"},
    {"MOBILENET_ISA", "highest instruction set to use when --isa is not given"},
    {"MOBILENET_MODELS", "folder that is searched first for the models that ship with mobilenet"},
    {"MOBILENET_HOME", "where fetched models are kept (~/.cache/mobilenet)"},
    {"MOBILENET_MIRROR", "folder or address that pull asks first"},
    {NULL, NULL},
};

char *option_usage(char *text, size_t size, const option_spec *spec) {
  char letter[8] = "    ";
  if (spec->letter) snprintf(letter, sizeof letter, "-%c, ", spec->letter);
  snprintf(text, size, "%s--%s%s%s", letter, spec->name, spec->value[0] ? " " : "", spec->value);
  return text;
}

/* Prints words from column `indent` on, breaking lines before column `width`. */
static void print_wrapped(FILE *out, const char *text, int indent, int width) {
  int column = indent;
  while (*text) {
    int length = (int)strcspn(text, " ");
    if (column > indent && column + 1 + length > width) {
      fprintf(out, "\n%*s", indent, "");
      column = indent;
    } else if (column > indent) {
      fputc(' ', out);
      column++;
    }
    fprintf(out, "%.*s", length, text);
    column += length;
    text += length;
    text += strspn(text, " ");
  }
  fputc('\n', out);
}

static int help_width(FILE *out) {
  int width = terminal_width(out);
  return width > 100 ? 100 : width;
}

static void print_entries(FILE *out, const char *title, const help_entry *entries, int indent) {
  fprintf(out, "\n%s\n", title);
  for (; entries->name; entries++) {
    fprintf(out, "  %-*s", indent - 2, entries->name);
    print_wrapped(out, entries->about, indent, help_width(out));
  }
}

void help_overview(FILE *out) {
  fputs("mobilenet: run, score, measure and convert MobileNets\n\n", out);
  fputs("usage: mobilenet VERB [options] arguments\n\n", out);
  for (int i = 0; i < verb_count; i++) {
    fprintf(out, "  %-12s%s\n", verbs[i].name, verbs[i].summary);
  }
  print_entries(out, "exit code", help_exit_codes, 8);
  print_entries(out, "environment", help_environment, 22);
  fputs("\ntry: mobilenet classify PHOTO.jpg      mobilenet help classify\n", out);
}

static void print_examples(FILE *out, const char *examples) {
  fputs(strchr(examples, '\n')[1] ? "\nexamples\n" : "\nexample\n", out);
  while (*examples) {
    int length = (int)strcspn(examples, "\n");
    fprintf(out, "  %.*s\n", length, examples);
    examples += length + 1;
  }
}

void help_verb(FILE *out, const cli_verb *verb) {
  enum { INDENT = 30 };
  char usage[80];
  fprintf(out, "mobilenet %s: %s\n\n", verb->name, verb->summary);
  fprintf(out, "usage: mobilenet %s [options]%s%s\n", verb->name, verb->arguments[0] ? " " : "",
          verb->arguments);
  if (verb->about[0]) {
    fputc('\n', out);
    print_wrapped(out, verb->about, 0, help_width(out));
  }
  fputs("\noptions\n", out);
  for (int i = 0; i < OPTION_COUNT; i++) {
    if (!verb_takes(verb, i)) continue;
    fprintf(out, "  %-*s", INDENT - 2, option_usage(usage, sizeof usage, &option_specs[i]));
    print_wrapped(out, option_specs[i].about, INDENT, help_width(out));
  }
  print_examples(out, verb->examples);
}
