/* SPDX-License-Identifier: Apache-2.0
 * Planning a model: the public options, and room in the session for preparing pictures. */
#include "plan/plan.h"
#include "api/model.h"
#include "api/picture_plan.h"
#include "base/cpu.h"
#include "base/struct_size.h"
#include "run/session.h"

static const uint64_t default_memory_cap = (uint64_t)1 << 32;
enum { DEFAULT_IMAGE_SIZE = 16384, MOST_THREADS = 1024, MOST_BATCH = 65536 };

static mn_status read_options(const mn_plan_options *options, mn_plan_options *used,
                              mn_error *err) {
  mn_options_read(used, sizeof *used, options);
  if (used->threads < 0 || used->threads > MOST_THREADS) {
    return mn_fail(err, MN_ERR_ARGUMENT, "threads", "%d is not between 0 and %d", used->threads,
                   MOST_THREADS);
  }
  if (used->batch < 0 || used->batch > MOST_BATCH) {
    return mn_fail(err, MN_ERR_ARGUMENT, "batch", "%d is not between 0 and %d", used->batch,
                   MOST_BATCH);
  }
  if ((unsigned)used->goal > MN_PLAN_LAYERS) {
    return mn_fail(err, MN_ERR_ARGUMENT, "goal", "%d is no mn_plan_goal", (int)used->goal);
  }
  if (used->precision != MN_F32 && used->precision != MN_BF16) {
    return mn_fail(err, MN_ERR_ARGUMENT, "precision", "%s is not computed in, only f32 and bf16",
                   mn_type_name(used->precision));
  }
  if (used->height < 0 || used->width < 0) {
    return mn_fail(err, MN_ERR_ARGUMENT, "size", "%d x %d is negative", used->height, used->width);
  }
  if (used->max_image_width <= 0) used->max_image_width = DEFAULT_IMAGE_SIZE;
  if (used->max_image_height <= 0) used->max_image_height = DEFAULT_IMAGE_SIZE;
  return MN_OK;
}

/* The preprocessing of input 0 at the plan's size. */
static mn_status prepare_pictures(const mn_model *model, const mn_plan_options *options,
                                  mn_preprocess *preprocess, mn_error *err) {
  const mn_value *input = &model->graph.values[model->graph.inputs[0]];
  mn_preprocess_target target = {
      .height = options->height ? options->height : input->shape.dim[1],
      .width = options->width ? options->width : input->shape.dim[2],
      .channels = input->shape.dim[3],
      .type = input->type,
      .scale = input->quant.count == 1 ? input->quant.scale[0] : 0,
      .zero_point = input->quant.count == 1 ? input->quant.zero[0] : 0,
      .max_image_width = options->max_image_width,
      .max_image_height = options->max_image_height,
  };
  return mn_preprocess_init(preprocess, &model->graph.contract, &target, err);
}

/* Why pictures cannot become input 0; NULL when they can. */
static const mn_error *refusal_of(const mn_model *model, const mn_plan_options *options) {
  if (!model->graph.has_contract) return &model->no_contract;
  bool sized = options->height && options->width;
  return model->graph.open_size && !sized ? &model->no_size : NULL;
}

mn_status mn_plan_new(mn_plan **out, const mn_model *model, const mn_plan_options *options,
                      mn_error *err) {
  *out = NULL;
  mn_error_clear(err);
  mn_plan_options used;
  mn_picture_plan pictures = {.refusal = NULL};
  mn_plan_request request = {0};
  mn_status status = read_options(options, &used, err);
  if (!status) status = mn_cpu_level(used.isa, &request.features, err);
  if (!status) pictures.refusal = refusal_of(model, &used);
  if (!status && !pictures.refusal) {
    status = prepare_pictures(model, &used, &pictures.preprocess, err);
  }
  if (status) return status;
  request.batch = used.batch;
  request.height = used.height;
  request.width = used.width;
  request.precision = used.precision;
  request.threads = used.threads;
  request.goal = used.goal;
  request.memory_cap = used.memory_cap ? used.memory_cap : default_memory_cap;
  request.keep_all = used.keep_all != 0;
  if (!pictures.refusal) {
    int32_t own = model->graph.values[model->graph.inputs[0]].shape.dim[0];
    request.extra_bytes = mn_picture_sizes_bytes(used.batch > 0 ? used.batch : own) +
                          pictures.preprocess.scratch_bytes;
  }
  mn_plan *plan;
  status = mn_plan_build(&plan, &model->graph, &request, err);
  if (status) return status;
  plan->user = mn_arena_copy(&plan->arena, &pictures, sizeof pictures);
  if (!plan->user) {
    mn_plan_free(plan);
    return mn_fail_memory(err, sizeof pictures);
  }
  *out = plan;
  return MN_OK;
}

size_t mn_plan_arena_bytes(const mn_plan *plan) { return plan->arena_bytes; }

size_t mn_plan_least_bytes(const mn_plan *plan) { return plan->least_bytes; }

size_t mn_plan_packed_bytes(const mn_plan *plan) { return plan->packed_bytes; }

mn_status mn_plan_input_info(const mn_plan *plan, int index, mn_tensor_info *info) {
  if (index < 0 || index >= plan->graph.input_count) return MN_ERR_ARGUMENT;
  mn_plan_value_info(plan, plan->graph.inputs[index], info);
  return MN_OK;
}

mn_status mn_plan_output_info(const mn_plan *plan, int index, mn_tensor_info *info) {
  if (index < 0 || index >= plan->graph.output_count) return MN_ERR_ARGUMENT;
  mn_plan_value_info(plan, plan->graph.outputs[index], info);
  return MN_OK;
}

int mn_plan_step_count(const mn_plan *plan) { return plan->step_count; }

static size_t operand_bytes(const mn_operand *operand) {
  return mn_operand_pixels(operand) * mn_operand_channels(operand) * mn_type_bytes(operand->type);
}

/* Maps inside a chain have no place and are not counted. Packed constants stand for all of the
 * step's. */
static void count_traffic(const mn_plan *plan, const mn_step *step, mn_step_info *info) {
  info->weight_bytes += step->packed_bytes;
  if (plan->places[step->out.value].piece != MN_NONE) {
    info->activation_bytes += operand_bytes(&step->out);
  }
  for (int32_t i = 0; i < step->node->in_count; i++) {
    if (!mn_operand_present(step, i)) continue;
    if (!step->in[i].data && plan->places[step->in[i].value].piece != MN_NONE) {
      info->activation_bytes += operand_bytes(&step->in[i]);
    } else if (step->in[i].data && step->packed_bytes == 0) {
      info->weight_bytes += operand_bytes(&step->in[i]);
    }
  }
}

mn_status mn_plan_step(const mn_plan *plan, int index, mn_step_info *info) {
  if (index < 0 || index >= plan->step_count) return MN_ERR_ARGUMENT;
  int32_t count;
  mn_step *step = &plan->steps[index];
  const mn_step *parts = mn_plan_parts(step, &count);
  *info = (mn_step_info){
      .node = step->node->name,
      .op = step->part_count ? "strips" : mn_op_name(step->node->op),
      .kernel = step->kernel_name,
      .macs = mn_plan_step_macs(plan, step),
      .type = parts[0].in[0].type,
  };
  for (int32_t i = 0; i < count; i++) {
    const mn_kernel *kernel = parts[i].kernel;
    if (kernel && kernel->slot == MN_SLOT_gemm_bf16) info->type = MN_BF16;
    count_traffic(plan, &parts[i], info);
  }
  return MN_OK;
}
