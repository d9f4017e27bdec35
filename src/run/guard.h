/* SPDX-License-Identifier: Apache-2.0
 * Where the address sanitizer watches: a step that touches what is not its own is found, although
 * all of it is one block. */
#ifndef MN_RUN_GUARD_H
#define MN_RUN_GUARD_H

#include "run/session.h"

/* Closes the arena but for the pieces that are alive in a step, less their gaps. */
void mn_guard_step(const mn_session *session, int32_t step);
/* Opens all of it. */
void mn_guard_open(const mn_session *session);

#endif
