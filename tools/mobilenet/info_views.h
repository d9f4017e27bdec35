/* SPDX-License-Identifier: Apache-2.0
 * What `info` shows besides a model's layers: a family's grid, the same network with full
 * convolutions, and a drawing. Each returns the exit code. */
#ifndef MOBILENET_TOOL_INFO_VIEWS_H
#define MOBILENET_TOOL_INFO_VIEWS_H

#include "options.h"
#include "runner.h"

/* --grid FAMILY: every width and resolution; with -o its picture. */
int info_grid(const cli_options *options);
/* --standard-conv: layer by layer beside full convolutions. */
int info_standard(const cli_options *options, const opened_model *opened);

#endif
