/* SPDX-License-Identifier: Apache-2.0
 * A contract for people: its JSON laid out, without the names of a thousand classes. */
#ifndef MOBILENET_TOOL_CONTRACT_TEXT_H
#define MOBILENET_TOOL_CONTRACT_TEXT_H

/* Prints each member of the contract on a line of its own; nothing for NULL. */
void print_contract(const char *json);

#endif
