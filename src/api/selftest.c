/* SPDX-License-Identifier: Apache-2.0
 * mn_selftest: every kernel of this build that this CPU can run, on fixed data. 8-bit kernels must
 * give the same bytes on every machine, so their results are known by hash; float kernels must stay
 * within the rounding bound of the reference, whose own results are known by hash as well; and a
 * small network at every level of instruction sets. The parity test of the repository is far
 * wider; this one answers "does it work here?". */
#include "api/selftest.h"

#include <inttypes.h>
#include <math.h>
#include <stdio.h>

#include "base/alloc.h"
#include "base/cpu.h"
#include "base/error.h"
#include "mobilenet/diagnostics.h"

/* FNV-1a of the reference kernel's result. Floats are hashed as their bits: the reference uses no
 * fused multiply-add and no libm. */
static const uint64_t known[MN_SLOT_COUNT] = {
    [MN_SLOT_gemm_f32] = 0x20348ee795b21095u,
    [MN_SLOT_gemm_bf16] = 0xb83bc5fea52f4b66u,
    [MN_SLOT_gemm_q8] = 0x74f445f97c1a0bddu,
    [MN_SLOT_gemm_q8s] = 0x74f445f97c1a0bddu, /* the same product */
    [MN_SLOT_dense_q8] = 0xe53bfc5baa91ef47u,
    [MN_SLOT_dw_f32] = 0x38a0082486020229u,
    [MN_SLOT_sum_f32] = 0x5815236245a0d98fu,
    [MN_SLOT_sum_q8] = 0x6950f92a164a9d49u,
    [MN_SLOT_resize_f32] = 0x9b9a6da36227f78eu,
    [MN_SLOT_resize_u8] = 0xfbe43b6f4a935cb3u,
    [MN_SLOT_resize_i8] = 0x345b6b79a7a67d4bu,
    [MN_SLOT_dw_q8s] = 0x3ef155c007a1adfeu,
    [MN_SLOT_add_q8] = 0xc88eee6369e14e9du,
    [MN_SLOT_mul_q8] = 0xc34e03c6f612f48bu,
    [MN_SLOT_add_real_q8] = 0xd82dd21af52b036eu,
    [MN_SLOT_mul_real_q8] = 0xdba46a272243541eu,
    [MN_SLOT_lut8] = 0xc52fe9f22dc1c47cu,
    [MN_SLOT_add_f32] = 0xde1994e5d861ccf1u,
    [MN_SLOT_sub_f32] = 0xfd539fcf8121ed2cu,
    [MN_SLOT_mul_f32] = 0x5539284d3e2cb05cu,
    [MN_SLOT_clamp_f32] = 0x5774998eff99ca8eu,
    [MN_SLOT_hard_swish_f32] = 0xc7546816bb649f8au,
    [MN_SLOT_hard_sigmoid_f32] = 0x16ae5f82c58ac5f5u,
    [MN_SLOT_logistic_f32] = 0x1b02f7334602b30fu,
    [MN_SLOT_softmax_f32] = 0xc5428aef72cfdbc7u,
    [MN_SLOT_softmax_q8] = 0x1d4753e522a13a3cu,
    [MN_SLOT_arg_max_f32] = 0x8207a6b057e7b57eu,
    [MN_SLOT_arg_max_q8] = 0x752a47ccbc276f3eu,
};

/* Of the network in selftest_network.c: LiteRT's reference kernels (2.3.0) give the same. */
static const uint64_t known_network = 0xa514b3e9b56db540u;

uint64_t mn_selftest_hash(const void *data, size_t size) {
  const uint8_t *bytes = data;
  uint64_t hash = 14695981039346656037u;
  for (size_t i = 0; i < size; i++) hash = (hash ^ bytes[i]) * 1099511628211u;
  return hash;
}

/* Twice the error of one sum of TRIAL_K + 1 terms: two orders or fusings of it differ by no more.
 * |a| <= 4 and |b| <= 1 bound the terms. Functions of one element get the same allowance. */
static const double float_bound = 2.0 * TRIAL_K * (4.0 * TRIAL_K + 1.0) * 5.9604644775390625e-8;

/* Judges floats element by element. */
static bool judge_floats(const mn_trial *trial, const mn_trial *reference, char *text,
                         size_t size) {
  double worst = 0;
  for (int i = 0; i < TRIAL_COUNT; i++) {
    const double got = (double)trial->out_f32[i], expected = (double)reference->out_f32[i];
    const double difference = fabs(got - expected);
    if (!(difference <= float_bound)) {
      snprintf(text, size, "element %d is %.9g, the reference gives %.9g", i, got, expected);
      return false;
    }
    if (difference > worst) worst = difference;
  }
  snprintf(text, size, "within %.2g of the reference (allowed %.2g)", worst, float_bound);
  return true;
}

static bool judge_hash(const mn_trial *trial, mn_slot slot, char *text, size_t size) {
  const uint64_t got = mn_trial_is_float(slot)
                           ? mn_selftest_hash(trial->out_f32, sizeof trial->out_f32)
                           : mn_selftest_hash(trial->out_q8, sizeof trial->out_q8);
  const bool same = got == known[slot];
  if (same) {
    snprintf(text, size, "the known bytes, %016" PRIx64, got);
  } else {
    snprintf(text, size, "its bytes hash to %016" PRIx64 ", known is %016" PRIx64, got,
             known[slot]);
  }
  return same;
}

bool mn_selftest_kernel(mn_trial *trial, mn_trial *reference, const mn_kernel *kernel, char *text,
                        size_t size) {
  if (!mn_trial_run(trial, kernel)) {
    snprintf(text, size, "its tile of %d channels is wider than the self-test's data",
             (int)kernel->tile.cols);
    return false;
  }
  const mn_kernel *plain = mn_kernel_select(kernel->slot, 0);
  if (!mn_trial_is_float(kernel->slot) || !plain || plain == kernel) {
    return judge_hash(trial, kernel->slot, text, size);
  }
  return mn_trial_run(reference, plain) && judge_floats(trial, reference, text, size);
}

typedef struct tally {
  int passed, failed;
} tally;

/* Counts and reports a check; false when the caller asked to end. */
static bool report(const mn_selftest_check *check, mn_selftest_fn *fn, void *user, tally *counts) {
  counts->passed += check->passed != 0;
  counts->failed += check->passed == 0;
  return !fn || fn(user, check) == 0;
}

static bool check_kernels(mn_trial *trials, mn_selftest_fn *fn, void *user, tally *counts) {
  size_t count;
  const mn_kernel *kernels = mn_kernel_list(&count);
  const mn_cpu_features have = mn_cpu_detect();
  for (size_t i = 0; i < count; i++) {
    char text[160] = "";
    if ((kernels[i].needs & ~have) != 0) continue;
    const bool passed = mn_selftest_kernel(&trials[0], &trials[1], &kernels[i], text, sizeof text);
    if (!report(&(mn_selftest_check){kernels[i].name, passed, text}, fn, user, counts))
      return false;
  }
  return true;
}

/* The network at every level that this CPU has. */
static bool check_networks(mn_selftest_fn *fn, void *user, tally *counts) {
  const char *level;
  mn_cpu_features ignored;
  for (int i = 0; (level = mn_cpu_level_at(i)) != NULL; i++) {
    char name[48], text[sizeof((mn_error *)NULL)->text];
    mn_error err = {0};
    uint64_t hash = 0;
    if (mn_cpu_level(level, &ignored, NULL)) continue;
    snprintf(name, sizeof name, "network_i8 (%s)", level);
    const bool ran = mn_selftest_network(level, &hash, &err) == MN_OK;
    const bool passed = ran && hash == known_network;
    snprintf(text, sizeof text,
             passed ? "the known outputs, %016" PRIx64 : "its outputs hash to %016" PRIx64, hash);
    if (!ran) snprintf(text, sizeof text, "%s", err.text);
    if (!report(&(mn_selftest_check){name, passed, text}, fn, user, counts)) return false;
  }
  return true;
}

mn_status mn_selftest(mn_selftest_fn *fn, void *user, int *passed, int *failed, mn_error *err) {
  tally counts = {0, 0};
  mn_trial *trials = mn_alloc(2 * sizeof *trials);
  if (!trials) return mn_fail_memory(err, 2 * sizeof *trials);
  const bool done = check_kernels(trials, fn, user, &counts) && check_networks(fn, user, &counts);
  mn_free(trials);
  *passed = counts.passed;
  *failed = counts.failed;
  if (done) return MN_OK;
  return mn_fail(err, MN_ERR_CANCELLED, "selftest", "stopped by the caller");
}
