/* SPDX-License-Identifier: Apache-2.0
 * Masks out of a session, one byte for each pixel of the picture that went in. The map is laid over
 * the input as the contract's sampling says, the input over the picture by its fit. */
#include "api/picture_plan.h"
#include "post/mask.h"

/* The network's output for one picture of the batch. */
static mn_status find_map(const mn_session *session, int index, mn_mask_map *map, mn_error *err) {
  const mn_plan *plan = session->plan;
  if (plan->graph.contract.task != MN_TASK_SEGMENT || !mn_graph_mask_classes(&plan->graph)) {
    return mn_fail(err, MN_ERR_CONTRACT, NULL, "the model gives no class for each pixel");
  }
  mn_tensor_info info;
  mn_plan_output_info(plan, 0, &info);
  size_t bytes = info.bytes / (size_t)info.dims[0];
  *map = (mn_mask_map){
      .data = (const unsigned char *)mn_session_output(session, 0) + (size_t)index * bytes,
      .type = info.type,
      .height = info.dims[1],
      .width = info.dims[2],
      .channels = info.rank == 4 ? info.dims[3] : 1,
      .scale = info.scale,
      .zero = info.zero_point,
  };
  return MN_OK;
}

/* Pixel i of the picture, its centre at i + 0.5, through the input (pixels from its corner) to the
 * map. picture = input * scale + offset. */
static mn_mask_axis axis_of(double scale, double offset, int32_t input, int32_t map,
                            mn_sampling sampling) {
  double step = (double)map / input, shift = -0.5; /* map index = input place * step + shift */
  if (sampling == MN_SAMPLING_ALIGN_CORNERS && input > 1) {
    step = (double)(map - 1) / (input - 1);
    shift = -0.5 * step;
  }
  return (mn_mask_axis){
      .scale = step / scale,
      .offset = (0.5 - offset) / scale * step + shift,
      .first = shift,
      .last = input * step + shift,
  };
}

static mn_status start_job(const mn_session *session, int index, const mn_mask *mask,
                           mn_mask_job *job, mn_error *err) {
  mn_size size;
  mn_fit_back back;
  mn_error_clear(err);
  mn_status status = mn_session_picture_back(session, index, &size, &back, err);
  if (!status) status = find_map(session, index, &job->map, err);
  if (status) return status;
  if (mask->width != size.width || mask->height != size.height ||
      mask->stride < (size_t)size.width) {
    return mn_fail(err, MN_ERR_ARGUMENT, "mask", "it is %d x %d, expected the picture's %d x %d",
                   mask->width, mask->height, size.width, size.height);
  }
  const mn_contract *contract = &session->plan->graph.contract;
  const mn_fit_rule *rule = &mn_session_pictures(session)->preprocess.rule;
  mn_sampling sampling = contract->segment.sampling;
  job->x = axis_of(back.scale_x, back.offset_x, rule->width, job->map.width, sampling);
  job->y = axis_of(back.scale_y, back.offset_y, rule->height, job->map.height, sampling);
  job->score = contract->score;
  job->out = *mask;
  job->outside = contract->segment.ignore < 0 ? 0 : (uint8_t)contract->segment.ignore;
  return MN_OK;
}

mn_status mn_session_mask(const mn_session *session, int index, const mn_mask *mask,
                          mn_error *err) {
  mn_mask_job job;
  mn_status status = start_job(session, index, mask, &job, err);
  return status ? status : mn_mask_classes(&job, err);
}

mn_status mn_session_alpha(const mn_session *session, int index, const mn_mask *mask,
                           mn_error *err) {
  mn_mask_job job;
  mn_status status = start_job(session, index, mask, &job, err);
  if (status) return status;
  bool binary = job.map.channels <= 2 && job.map.type != MN_I32 && job.map.type != MN_I64;
  if (!binary) {
    return mn_fail(err, MN_ERR_CONTRACT, NULL,
                   "the model tells more than one class from the background: it has classes, no "
                   "soft mask");
  }
  job.outside = 0;
  return mn_mask_alpha(&job, err);
}
