/* SPDX-License-Identifier: Apache-2.0
 * Finding and opening the model that -m names, or the one that ships with mobilenet. */
#ifndef MOBILENET_TOOL_OPEN_MODEL_H
#define MOBILENET_TOOL_OPEN_MODEL_H

#include "mobilenet/image.h"
#include "options.h"

typedef struct opened_model {
  mn_model *model;
  char *path;
  char name[96]; /* the file's name without folder and ending */
  bool is_default;
  bool is_architecture; /* untrained, by its name */
  double open_ms;
} opened_model;

/* Opens `spec` (NULL: -m, else the default model) with --contract and --labels; a verb that takes
 * --classes opens architectures too, others only files and models that ship. Returns EXIT_DONE,
 * or another exit code after saying why. */
int model_open(opened_model *opened, const cli_options *options, const char *spec);
/* The model that a verb's only argument or -m names; NULL in *spec for neither. EXIT_USAGE, after
 * saying so, for both. */
int model_argument(const cli_options *options, const char **spec);
/* Says so, and which verb is the model's, when its task is another. EXIT_DONE or another code. */
int model_check_task(const opened_model *opened, mn_task task);
void model_close(opened_model *opened);

/* The file that `spec` names: a path, or a model that ships or was fetched. NULL after saying that
 * there is none. The caller frees it. */
char *model_path(const char *spec);
/* The file of that name and ending in a folder of models that ship with mobilenet, or NULL. The
 * caller frees it. */
char *model_shipped_path(const char *name, const char *ending);

/* What --contract says: the text of a file, or a preset's name, to be freed by the caller; NULL in
 * *text without the option. EXIT_DONE, or another code after saying why. */
int contract_read(const cli_options *options, char **text);

/* A whole text file that an option names, NUL-terminated; NULL after saying why not. The caller
 * frees it. */
char *text_file_read(const char *path, const char *option);

/* Says on standard error, in one line, what of the contract was assumed rather than read. */
void model_say_assumptions(const opened_model *opened);

#endif
