/* SPDX-License-Identifier: Apache-2.0
 * See guard.h. Pieces are whole: what of a map a step may touch, and when, is not asked. */
#include "run/guard.h"

#include "base/poison.h"

/* Between the scratch of one worker and that of the next. */
static void close_scratch(const mn_session *session, const mn_step *step, size_t bytes) {
  const unsigned char *scratch = session->team.arena + step->scratch_offset;
  for (size_t end = step->scratch_bytes; end <= bytes; end += step->scratch_bytes) {
    mn_poison(scratch + end - MN_GAP, MN_GAP);
  }
}

void mn_guard_step(const mn_session *session, int32_t step) {
  const mn_plan *plan = session->plan;
  mn_poison(session->team.arena, plan->arena_bytes);
  for (int32_t i = 0; i < plan->piece_count; i++) {
    const mn_piece *piece = &plan->pieces[i];
    if (step < piece->first || step > piece->last || piece->bytes == 0) continue;
    mn_unpoison(session->team.arena + piece->offset, piece->bytes - MN_GAP);
  }
  if (step == plan->step_count || plan->scratch[step] == MN_NONE) return;
  close_scratch(session, &plan->steps[step], plan->pieces[plan->scratch[step]].bytes);
}

void mn_guard_open(const mn_session *session) {
  mn_unpoison(session->team.arena, session->plan->arena_bytes);
}
