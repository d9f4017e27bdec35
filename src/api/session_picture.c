/* SPDX-License-Identifier: Apache-2.0
 * Pictures into a session, classes out of it. */
#include "api/picture_plan.h"
#include "post/topk.h"

static mn_status need_contract(const mn_session *session, mn_error *err) {
  const mn_error *refusal = mn_session_pictures(session)->refusal;
  if (!refusal) return MN_OK;
  if (err) *err = *refusal;
  return refusal->status;
}

mn_status mn_session_check_picture(const mn_session *session, int index, mn_error *err) {
  mn_status status = need_contract(session, err);
  if (status) return status;
  mn_tensor_info info;
  mn_plan_input_info(session->plan, 0, &info);
  if (index >= 0 && index < info.dims[0]) return MN_OK;
  return mn_fail(err, MN_ERR_ARGUMENT, "index", "%d is not a position of a batch of %d", index,
                 info.dims[0]);
}

mn_status mn_session_picture_back(const mn_session *session, int index, mn_size *size,
                                  mn_fit_back *back, mn_error *err) {
  mn_status status = mn_session_check_picture(session, index, err);
  if (status) return status;
  mn_placement placement;
  *size = *mn_session_picture_size(session, index);
  if (size->width < 1) {
    return mn_fail(err, MN_ERR_ARGUMENT, "index", "no picture was set at position %d", index);
  }
  status = mn_fit_place(&mn_session_pictures(session)->preprocess.rule, *size, &placement, err);
  if (!status) *back = mn_fit_invert(&placement);
  return status;
}

mn_status mn_session_set_image(mn_session *session, int index, const mn_image *image,
                               mn_error *err) {
  mn_error_clear(err);
  mn_status status = mn_session_check_picture(session, index, err);
  if (status) return status;
  mn_tensor_info info;
  mn_plan_input_info(session->plan, 0, &info);
  size_t picture_bytes = info.bytes / (size_t)info.dims[0];
  unsigned char *tensor = (unsigned char *)mn_session_input(session, 0);
  unsigned char *scratch = (unsigned char *)session->extra + mn_picture_sizes_bytes(info.dims[0]);
  status = mn_preprocess_run(&mn_session_pictures(session)->preprocess, image, scratch,
                             tensor + (size_t)index * picture_bytes, err);
  if (status) return status;
  *mn_session_picture_size(session, index) = (mn_size){image->width, image->height};
  return MN_OK;
}

mn_status mn_session_top(const mn_session *session, int index, int k, mn_class *classes, int *count,
                         mn_error *err) {
  mn_error_clear(err);
  *count = 0;
  const mn_plan *plan = session->plan;
  mn_status status = mn_session_check_picture(session, index, err);
  if (status) return status;
  if (plan->graph.contract.task != MN_TASK_CLASSIFY) {
    return mn_fail(err, MN_ERR_CONTRACT, NULL, "the model is not a classifier");
  }
  if (k < 1) return mn_fail(err, MN_ERR_ARGUMENT, "k", "%d is not a positive number", k);
  mn_tensor_info info;
  mn_plan_output_info(plan, 0, &info);
  size_t row_bytes = info.bytes / (size_t)info.dims[0];
  mn_scores scores = {
      .data = (const unsigned char *)mn_session_output(session, 0) + (size_t)index * row_bytes,
      .type = info.type,
      .count = info.dims[info.rank - 1],
      .scale = info.scale,
      .zero = info.zero_point,
  };
  *count = mn_topk(&scores, &plan->graph.contract, k, classes);
  return MN_OK;
}
