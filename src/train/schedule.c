/* SPDX-License-Identifier: Apache-2.0
 * See schedule.h; formulas and sources: docs/training.md. */
#include "train/schedule.h"

#include <math.h>

/* From `from` at 0 to `to` at 1 along half a cosine. */
static double half_cosine(double from, double to, double part) {
  const double pi = 3.14159265358979323846;
  return to + (from - to) / 2 * (cos(pi * part) + 1);
}

/* PyTorch's peak is one step before `rising` of them are over. */
static double one_cycle(const mn_schedule *s, double t, double steps) {
  const double peak = fmax(s->rising * steps - 1, 0), end = steps - 1;
  if (t < peak) return half_cosine(s->first, s->rate, t / peak);
  return t < end ? half_cosine(s->rate, s->last, (t - peak) / (end - peak)) : s->last;
}

static double rate_after_warmup(const mn_schedule *s, double t) {
  const double steps = (double)(s->steps - s->warmup);
  switch (s->kind) {
    case MN_SCHEDULE_CONSTANT: break;
    case MN_SCHEDULE_COSINE: return t < steps ? half_cosine(s->rate, s->last, t / steps) : s->last;
    case MN_SCHEDULE_STEP: return s->rate * pow(s->factor, floor(t / s->every));
    case MN_SCHEDULE_EXPONENTIAL: return s->rate * pow(s->factor, t / s->every);
    case MN_SCHEDULE_ONE_CYCLE: return one_cycle(s, t, steps);
  }
  return s->rate;
}

double mn_schedule_rate(const mn_schedule *schedule, int64_t step) {
  if (step >= schedule->warmup)
    return rate_after_warmup(schedule, (double)(step - schedule->warmup));
  const double part = (double)step / (double)schedule->warmup;
  return schedule->warmup_first + (rate_after_warmup(schedule, 0) - schedule->warmup_first) * part;
}
