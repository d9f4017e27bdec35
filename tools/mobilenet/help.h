/* SPDX-License-Identifier: Apache-2.0
 * Texts made from the table: help for the terminal, the manual page, the bash completion. */
#ifndef MOBILENET_TOOL_HELP_H
#define MOBILENET_TOOL_HELP_H

#include <stdio.h>

#include "verbs.h"

void help_overview(FILE *out);
void help_verb(FILE *out, const cli_verb *verb);
void help_manual(FILE *out);
void help_completion(FILE *out);

/* "-m, --model MODEL" as people read it; returns text. */
char *option_usage(char *text, size_t size, const option_spec *spec);

/* What the exit codes and environment variables mean; the last has name NULL. */
typedef struct help_entry {
  const char *name, *about;
} help_entry;
extern const help_entry help_exit_codes[];
extern const help_entry help_environment[];

#endif
