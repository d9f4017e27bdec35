/* SPDX-License-Identifier: Apache-2.0
 * Parts of the command that are loaded when they are first needed. Drawing stands on Pango and
 * fetching on libcurl; with what those stand on they take longer to load than a verb that uses
 * neither takes to run. A part is a shared object, found by the command's run path: beside it, as
 * it is built, or in lib/mobilenet, as it is installed. It has one public name, that of its table
 * of functions; what it shares with the command it has twice. */
#ifndef MOBILENET_TOOL_PART_H
#define MOBILENET_TOOL_PART_H

#if defined(__GNUC__)
#define PART_PUBLIC __attribute__((visibility("default")))
#else
#define PART_PUBLIC
#endif

/* The table of the part of that name; NULL after saying why it cannot be loaded. */
const void *part_load(const char *name);

#endif
