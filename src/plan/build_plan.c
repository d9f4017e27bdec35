/* SPDX-License-Identifier: Apache-2.0
 * A plan from start to end: passes, lowering, lifetimes, placement, packing. */
#include <string.h>

#include "base/alloc.h"
#include "base/checked.h"
#include "base/threads.h"
#include "passes/passes.h"
#include "plan/plan.h"

enum { SHARED_WORK = 32 << 10, BYTE_WORK = 2 };

static void set_offset(const mn_plan *plan, mn_operand *operand) {
  if (operand->value == MN_NONE || plan->places[operand->value].piece == MN_NONE) return;
  const mn_place *place = &plan->places[operand->value];
  operand->offset = plan->pieces[place->piece].offset + place->offset;
}

static void set_part_offsets(const mn_plan *plan, mn_step *part) {
  for (int32_t i = 0; i < part->node->in_count; i++) set_offset(plan, &part->in[i]);
  set_offset(plan, &part->out);
  for (int32_t i = 1; i < part->node->out_count; i++) set_offset(plan, &part->more_out[i - 1]);
}

static void set_offsets(mn_plan *plan) {
  for (int32_t s = 0; s < plan->step_count; s++) {
    int32_t count;
    mn_step *step = &plan->steps[s], *parts = mn_plan_parts(step, &count);
    for (int32_t i = 0; i < count; i++) set_part_offsets(plan, &parts[i]);
    if (plan->scratch[s] != MN_NONE) step->scratch_offset = plan->pieces[plan->scratch[s]].offset;
  }
}

static uint64_t bytes_of(const mn_operand *operand) {
  if (operand->value == MN_NONE || operand->data) return 0;
  return mn_operand_pixels(operand) * mn_operand_channels(operand) * mn_type_bytes(operand->type);
}

/* Which steps are worth a meeting of workers: half a microsecond of products, or of maps in
 * caches. */
static void mark_shared(mn_plan *plan) {
  for (int32_t s = 0; s < plan->step_count; s++) {
    mn_step *step = &plan->steps[s];
    uint64_t work = mn_plan_step_macs(plan, step) + BYTE_WORK * bytes_of(&step->out);
    for (int32_t i = 0; i < step->node->in_count; i++) work += BYTE_WORK * bytes_of(&step->in[i]);
    step->shared = plan->threads > 1 && step->slices > 1 && work >= SHARED_WORK;
  }
}

/* Bytes of all packs, the slack after the last one included; false when no size_t holds them. */
static bool count_packs(mn_plan *plan, size_t *total) {
  *total = MN_ALIGN;
  for (int32_t s = 0, count; s < plan->step_count; s++) {
    const mn_step *parts = mn_plan_parts(&plan->steps[s], &count);
    for (int32_t i = 0; i < count; i++) {
      if (!mn_add_size(*total, mn_aligned(parts[i].packed_bytes), total)) return false;
    }
  }
  return true;
}

static mn_status pack_weights(mn_plan *plan, uint64_t cap, mn_error *err) {
  size_t total;
  if (!count_packs(plan, &total)) return mn_fail_memory(err, SIZE_MAX);
  const uint64_t needed =
      (uint64_t)total + plan->arena_bytes + plan->extra_bytes + plan->batch_bytes;
  if (cap && needed > cap) {
    return mn_fail(err, MN_ERR_LIMIT, "memory_cap",
                   "activations and packed weights would need %llu bytes, at most %llu are allowed",
                   (unsigned long long)needed, (unsigned long long)cap);
  }
  plan->packed = mn_alloc_aligned(total);
  if (!plan->packed) return mn_fail_memory(err, total);
  plan->packed_bytes = total;
  unsigned char *to = plan->packed;
  for (int32_t s = 0, count; s < plan->step_count; s++) {
    mn_step *parts = mn_plan_parts(&plan->steps[s], &count);
    for (int32_t i = 0; i < count; i++) {
      parts[i].packed = to;
      if (parts[i].impl->pack) parts[i].impl->pack(&parts[i], to);
      to += mn_aligned(parts[i].packed_bytes);
    }
  }
  memset(to, 0, MN_ALIGN);
  return MN_OK;
}

/* Asking for bf16 where nothing can be computed in it is a mistake. */
static mn_status check_precision(const mn_plan *plan, mn_type precision, mn_error *err) {
  for (int32_t s = 0; s < plan->step_count && precision == MN_BF16; s++) {
    const mn_kernel *kernel = plan->steps[s].kernel;
    if (kernel && kernel->slot == MN_SLOT_gemm_bf16) return MN_OK;
  }
  if (precision != MN_BF16) return MN_OK;
  return mn_fail(err, MN_ERR_ARGUMENT, "precision",
                 "bf16 is for convolutions and dense layers of floats, and this model has none");
}

/* Not where the gated map is to be kept, or weights are rounded. */
static bool fuses_gates(const mn_plan_request *request) {
  return !request->impl_of && !request->keep_all && request->precision != MN_BF16;
}

static mn_status build(mn_plan *plan, const mn_graph *graph, const mn_plan_request *request,
                       mn_error *err) {
  mn_status status = mn_graph_copy(&plan->graph, graph, err);
  if (!status && !request->impl_of) status = mn_passes_run(&plan->graph, err);
  if (!status && !request->impl_of) status = mn_pass_fuse_hard_swish(&plan->graph, err);
  if (!status && fuses_gates(request)) status = mn_pass_fuse_gate(&plan->graph, err);
  if (!status) status = mn_plan_lower(plan, request, err);
  if (!status) status = check_precision(plan, request->precision, err);
  if (status) return status;
  mn_plan_lifetimes(plan);
  if (!plan->keep_all && request->goal != MN_PLAN_LAYERS) {
    status = mn_plan_chain(plan, request->goal, err);
    if (status) return status;
    mn_plan_lifetimes(plan);
  }
  status = mn_plan_place(plan, request->goal, err);
  if (status) return status;
  size_t session;
  if (!mn_add_size(plan->extra_bytes, plan->batch_bytes, &session) || session > SIZE_MAX / 2 ||
      plan->arena_bytes > SIZE_MAX / 2 - session) {
    return mn_fail_memory(err, SIZE_MAX);
  }
  set_offsets(plan);
  mark_shared(plan);
  status = pack_weights(plan, request->memory_cap, err);
  return status ? status : mn_plan_fetch_ahead(plan, err);
}

mn_status mn_plan_build(mn_plan **out, const mn_graph *graph, const mn_plan_request *request,
                        mn_error *err) {
  *out = NULL;
  mn_plan *plan = mn_alloc_zero(sizeof *plan);
  if (!plan) return mn_fail_memory(err, sizeof *plan);
  mn_graph_init(&plan->graph);
  plan->threads = request->threads > 0 ? request->threads : 1;
  plan->features = request->features;
  plan->keep_all = request->keep_all;
  plan->extra_bytes = mn_aligned(request->extra_bytes);
  mn_status status = build(plan, graph, request, err);
  if (status) {
    mn_plan_free(plan);
    return status;
  }
  *out = plan;
  return MN_OK;
}

/* Some step reads what training has changed. */
static bool reads_state(const mn_plan *plan, const mn_step *step) {
  for (int32_t i = 0; i < step->node->in_count; i++) {
    const mn_id id = step->in[i].value;
    if (id != MN_NONE && plan->graph.values[id].kind == MN_KIND_STATE) return true;
  }
  return false;
}

static void repack_steps(void *context, int worker, size_t begin, size_t end) {
  const mn_plan *plan = context;
  (void)worker;
  for (size_t s = begin; s < end; s++) {
    const mn_step *step = &plan->steps[s];
    if (!step->impl->pack || !reads_state(plan, step)) continue;
    step->impl->pack(step, (void *)(uintptr_t)step->packed);
  }
}

void mn_plan_repack(const mn_plan *plan, mn_threads *threads) {
  const size_t steps = (size_t)plan->step_count;
  mn_threads_run(threads, mn_threads_count(threads), steps, repack_steps, (void *)(uintptr_t)plan);
}

uint64_t mn_plan_step_macs(const mn_plan *plan, const mn_step *step) {
  int32_t count;
  const mn_step *parts = mn_plan_parts((mn_step *)(uintptr_t)step, &count);
  uint64_t macs = step->macs;
  for (int32_t i = 0; i < count; i++) {
    mn_id node = (mn_id)(parts[i].node - plan->graph.nodes);
    macs += mn_node_cost(&plan->graph, node, plan->shapes).macs;
  }
  return macs;
}

void mn_plan_free(mn_plan *plan) {
  if (!plan) return;
  mn_free(plan->packed);
  mn_graph_free(&plan->graph);
  mn_arena_free(&plan->arena);
  mn_free(plan);
}
