/* SPDX-License-Identifier: Apache-2.0
 * See coded_run.h. */
#include "train/coded_run.h"

#include <math.h>
#include <string.h>

#include "train/code_scale.h"

void mn_coded_put(mn_session *session, const float *reals, size_t count) {
  const mn_graph *graph = &session->plan->graph;
  const mn_value *value = &graph->values[graph->inputs[0]];
  void *input = mn_session_input(session, 0);
  if (value->type != MN_I8) {
    memcpy(input, reals, count * sizeof *reals);
    return;
  }
  const double scale = (double)value->quant.scale[0], zero = value->quant.zero[0];
  int8_t *codes = input;
  for (size_t i = 0; i < count; i++) {
    const double code = floor((double)reals[i] / scale + zero + 0.5);
    codes[i] = (int8_t)fmin(fmax(code, MN_CODE_LOW), MN_CODE_HIGH);
  }
}

void mn_coded_get(const mn_session *session, float *reals, size_t count) {
  const mn_graph *graph = &session->plan->graph;
  const mn_value *value = &graph->values[graph->outputs[0]];
  const void *output = mn_session_output(session, 0);
  if (value->type != MN_I8) {
    memcpy(reals, output, count * sizeof *reals);
    return;
  }
  const int8_t *codes = output;
  for (size_t i = 0; i < count; i++) {
    reals[i] = value->quant.scale[0] * (float)(codes[i] - value->quant.zero[0]);
  }
}
