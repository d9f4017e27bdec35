/* SPDX-License-Identifier: Apache-2.0
 * Detections out of a session, in pixels of the picture that went in. */
#include "api/picture_plan.h"

/* The detector's four outputs for one picture of the batch. */
typedef struct outputs {
  const float *boxes;   /* [rows][4] y0, x0, y1, x1 in 0..1 of the input */
  const float *classes; /* [rows] */
  const float *scores;  /* [rows] */
  int rows;             /* that hold a detection */
} outputs;

static mn_status find_outputs(const mn_session *session, int index, outputs *out, mn_error *err) {
  const mn_plan *plan = session->plan;
  mn_tensor_info info[4];
  if (plan->graph.contract.task != MN_TASK_DETECT || plan->graph.output_count != 4) {
    return mn_fail(err, MN_ERR_CONTRACT, NULL, "the model is not a detector");
  }
  for (int i = 0; i < 4; i++) mn_plan_output_info(plan, i, &info[i]);
  const size_t most = (size_t)info[0].dims[1], at = (size_t)index * most;
  out->boxes = (const float *)mn_session_output(session, 0) + at * 4;
  out->classes = (const float *)mn_session_output(session, 1) + at;
  out->scores = (const float *)mn_session_output(session, 2) + at;
  const float count = ((const float *)mn_session_output(session, 3))[index];
  out->rows = !(count > 0) ? 0 : count < (float)most ? (int)count : (int)most;
  return MN_OK;
}

/* Within 0..most; NaN is 0. */
static float clip(double v, int32_t most) {
  return !(v > 0) ? 0 : v < most ? (float)v : (float)most;
}

static void place_box(const float *box, const mn_preprocess *pp, const mn_fit_back *back,
                      mn_size size, float *out) {
  for (int i = 0; i < 4; i += 2) {
    double y = (double)box[i] * pp->rule.height, x = (double)box[i + 1] * pp->rule.width;
    out[i] = clip(x * back->scale_x + back->offset_x, size.width);
    out[i + 1] = clip(y * back->scale_y + back->offset_y, size.height);
  }
}

mn_status mn_session_detections(const mn_session *session, int index, mn_detection *detections,
                                int *count, mn_error *err) {
  const int capacity = *count;
  outputs out = {0};
  mn_size size;
  mn_fit_back back;
  mn_error_clear(err);
  *count = 0;
  mn_status status = mn_session_picture_back(session, index, &size, &back, err);
  if (!status) status = find_outputs(session, index, &out, err);
  if (status) return status;
  const mn_contract *contract = &session->plan->graph.contract;
  for (int i = 0; i < out.rows && *count < capacity; i++) {
    const float class_value = out.classes[i];
    const int class_index = class_value >= 0 && class_value < 1e6f ? (int)class_value : 0;
    mn_detection *one = &detections[(*count)++];
    one->class_index = class_index;
    one->score = out.scores[i];
    one->label = class_index < contract->labels.count ? contract->labels.names[class_index] : NULL;
    place_box(out.boxes + 4 * i, &mn_session_pictures(session)->preprocess, &back, size, one->box);
  }
  return MN_OK;
}

int mn_plan_detections(const mn_plan *plan) {
  const mn_graph *graph = &plan->graph;
  if (graph->contract.task != MN_TASK_DETECT || graph->output_count != 4) return 0;
  mn_tensor_info info;
  mn_plan_output_info(plan, 0, &info);
  return info.dims[1];
}
