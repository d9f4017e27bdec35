/* SPDX-License-Identifier: Apache-2.0
 * mantissa * 10^exponent. Up to 15 digits with a power of at most 22, which is everything that a
 * label file holds, one correctly rounded operation makes the nearest double. */
#include "data/decimal.h"

#include <math.h>
#include <stdint.h>

enum { MOST_DIGITS = 18, MOST_EXPONENT = 400 };

typedef struct cursor {
  const char *at, *end;
} cursor;

static bool is_digit(const cursor *c) { return c->at < c->end && *c->at >= '0' && *c->at <= '9'; }

static bool accept(cursor *c, char wanted) {
  if (c->at == c->end || *c->at != wanted) return false;
  c->at++;
  return true;
}

static bool accept_minus(cursor *c) {
  if (accept(c, '-')) return true;
  accept(c, '+');
  return false;
}

typedef struct digits {
  uint64_t mantissa;
  int count, significant, exponent;
} digits;

/* Digits beyond those a double can hold only move the point. */
static void read_digits(cursor *c, digits *d, bool fraction) {
  for (; is_digit(c); c->at++, d->count++) {
    if (d->significant < MOST_DIGITS) {
      d->mantissa = d->mantissa * 10 + (uint64_t)(*c->at - '0');
      d->significant += d->mantissa > 0;
      d->exponent -= fraction;
    } else {
      d->exponent += !fraction;
    }
    if (d->exponent > MOST_EXPONENT) d->exponent = MOST_EXPONENT;
    if (d->exponent < -MOST_EXPONENT) d->exponent = -MOST_EXPONENT;
  }
}

static bool read_exponent(cursor *c, int *out) {
  const bool negative = accept_minus(c);
  int value = 0;
  if (!is_digit(c)) return false;
  for (; is_digit(c); c->at++) {
    if (value < MOST_EXPONENT) value = value * 10 + (*c->at - '0');
  }
  *out += negative ? -value : value;
  return true;
}

bool mn_decimal_parse(const char *text, size_t length, double *out) {
  cursor c = {text, text + length};
  const bool negative = accept_minus(&c);
  digits d = {0};
  read_digits(&c, &d, false);
  if (accept(&c, '.')) read_digits(&c, &d, true);
  if (!d.count) return false;
  if ((accept(&c, 'e') || accept(&c, 'E')) && !read_exponent(&c, &d.exponent)) return false;
  if (c.at != c.end) return false;
  const double mantissa = (double)d.mantissa;
  double value = mantissa;
  if (d.exponent > 0) value = mantissa * pow(10, d.exponent);
  if (d.exponent < 0) value = mantissa / pow(10, -d.exponent);
  *out = negative ? -value : value;
  return isfinite(value) && value <= 1e300;
}
