/* SPDX-License-Identifier: Apache-2.0
 * Networks filled as the scripts of the goldens fill theirs. For cmocka programs. */
#ifndef MN_TESTS_GRAD_FILLED_NETWORK_H
#define MN_TESTS_GRAD_FILLED_NETWORK_H

#include <math.h>
#include <string.h>

#include "numbers.h"
#include "train/stepper.h"
#include "zoo/zoo.h"

static inline void check(mn_status status, const mn_error *err) {
  if (status) fail_msg("%s: %s", err->where, err->text);
}

/* Where PyTorch's element i of a tensor is here: [oc][ic][kh][kw] is [oc][kh][kw][ic], and of
 * depthwise weights [c][1][kh][kw] is [kh][kw][c]. */
static inline size_t place(const mn_shape *s, bool depthwise, size_t i) {
  if (s->rank < 3) return i;
  const size_t taps = (size_t)(depthwise ? s->dim[0] * s->dim[1] : s->dim[1] * s->dim[2]);
  const size_t channels = (size_t)(depthwise ? s->dim[2] : s->dim[3]);
  if (depthwise) return i % taps * channels + i / taps;
  const size_t tap = i % taps, ic = i / taps % channels, oc = i / taps / channels;
  return (oc * taps + tap) * channels + ic;
}

/* Where element i of [n,c,h,w] is in `shape`, which has the channels last. */
static inline size_t channels_last(const mn_shape *shape, size_t i) {
  if (shape->rank != 4) return i;
  const size_t h = (size_t)shape->dim[1], w = (size_t)shape->dim[2], c = (size_t)shape->dim[3];
  const size_t column = i % w, row = i / w % h, channel = i / w / h % c, n = i / w / h / c;
  return ((n * h + row) * w + column) * c + channel;
}

static inline size_t elements_of(const mn_shape *shape) {
  int32_t count = 0;
  assert_true(mn_shape_elements(shape, &count));
  return (size_t)count;
}

static inline void set_numbers(float *to, const mn_shape *shape, uint64_t tensor) {
  for (size_t i = 0; i < elements_of(shape); i++) to[channels_last(shape, i)] = number(tensor, i);
}

/* What the scripts give every parameter. */
static inline void fill_network(mn_stepper *stepper) {
  for (int32_t k = 0; k < stepper->training.parameter_count; k++) {
    const mn_parameter *p = &stepper->training.parameters[k];
    const mn_value *value = &stepper->model->values[p->model_value];
    const mn_shape *shape = &value->shape;
    const double rows = (double)shape->dim[p->depthwise ? shape->rank - 1 : 0];
    const double scale = p->vector ? (double)0.3f : sqrt(6 / ((double)p->count / rows));
    const float offset = strstr(value->name, "gamma") ? 1.0f : 0.0f;
    for (size_t i = 0; i < p->count; i++) {
      p->data[place(shape, p->depthwise, i)] = number((uint64_t)k, i) * (float)scale + offset;
    }
  }
  mn_stepper_changed(stepper);
}

static inline void build_network(mn_graph *model, const char *name, int32_t classes) {
  mn_error err;
  mn_arch arch;
  check(mn_arch_parse(&arch, name, classes, &err), &err);
  check(mn_zoo_build(model, &arch, MN_ZOO_RANDOM, 1, &err), &err);
}

#endif
