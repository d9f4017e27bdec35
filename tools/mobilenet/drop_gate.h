/* SPDX-License-Identifier: Apache-2.0
 * --max-drop: which epochs of a training for 8 bits come near enough to floats, in all that is held
 * back and in every class, to be written. */
#ifndef MOBILENET_TOOL_DROP_GATE_H
#define MOBILENET_TOOL_DROP_GATE_H

#include "mobilenet/train.h"
#include "options.h"

/* Whether the options go together. EXIT_DONE, or EXIT_USAGE after saying why not. */
int drop_gate_options(const cli_options *options);
/* Whether there is something to measure by. EXIT_DONE, or EXIT_UNUSABLE after saying why not. */
int drop_gate_data(const cli_options *options, const mn_training *training);

/* True without the option. */
bool drop_gate_passes(const cli_options *options, const mn_trained_epoch *epoch);
/* For a person: why an epoch is not written. */
void drop_gate_print(const cli_options *options, const mn_trained_epoch *epoch);
/* The last of all epochs that passes; 0: none does. */
int32_t drop_gate_last(const cli_options *options, const mn_training *training);
/* At the end: says which epoch the file is of, if not the last. EXIT_GATE: it is of none. */
int drop_gate_end(const cli_options *options, const mn_training *training);

#endif
