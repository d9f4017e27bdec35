/* SPDX-License-Identifier: Apache-2.0
 * Runs of graphs whose input and output may be int8 codes, with floats on both sides. */
#ifndef MN_TRAIN_CODED_RUN_H
#define MN_TRAIN_CODED_RUN_H

#include "run/session.h"

/* Puts `count` reals into input 0, rounded to codes as a picture is (ties up). */
void mn_coded_put(mn_session *session, const float *reals, size_t count);
/* Gets `count` reals of output 0. */
void mn_coded_get(const mn_session *session, float *reals, size_t count);

#endif
