/* SPDX-License-Identifier: Apache-2.0
 * What a plan knows of pictures (mn_plan.user): how one becomes the input, or why none can. And
 * what a session remembers of those that it was given, in its extra block: their sizes, so that
 * answers can be given in their pixels; then the scratch of preparing one. */
#ifndef MN_API_PICTURE_PLAN_H
#define MN_API_PICTURE_PLAN_H

#include "base/alloc.h"
#include "image/preprocess.h"
#include "run/session.h"

typedef struct mn_picture_plan {
  mn_preprocess preprocess;
  const mn_error *refusal; /* the model's; NULL when pictures can be taken */
} mn_picture_plan;

/* Bytes that sizes take in front of the scratch. */
static inline size_t mn_picture_sizes_bytes(int32_t batch) {
  return mn_aligned((size_t)batch * sizeof(mn_size));
}

static inline const mn_picture_plan *mn_session_pictures(const mn_session *session) {
  return session->plan->user;
}

/* The size of the picture last set at position `index`; 0 x 0 when there was none. */
static inline mn_size *mn_session_picture_size(const mn_session *session, int index) {
  return (mn_size *)session->extra + index;
}

/* Error: the contract's refusal, or ARGUMENT when `index` is no position of the batch. */
mn_status mn_session_check_picture(const mn_session *session, int index, mn_error *err);

/* How places in the input become places in the picture at `index`, whose size is *size. Errors: as
 * above, ARGUMENT too when no picture was set there. */
mn_status mn_session_picture_back(const mn_session *session, int index, mn_size *size,
                                  mn_fit_back *back, mn_error *err);

#endif
