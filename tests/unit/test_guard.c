/* SPDX-License-Identifier: Apache-2.0
 * Where the address sanitizer watches, a step has its own maps and each worker's scratch, and of
 * the arena nothing else; who watches a run, and who reads what came of it, has all. */
#include "base/alloc.h"
#include "base/poison.h"
#include "graph_maker.h"
#include "plan_run.h"

enum { LAYERS = 4, WORKERS = 2, SIDE = 30, CHANNELS = 3, SCRATCH = 100 };

/* Bytes of the arena that may be touched. */
static size_t in_step[LAYERS], between[LAYERS + 1];
static mn_op_impl probing; /* a ReLU that looks first */
static const mn_plan *probed;
static const unsigned char *arena;

static size_t count_open(void) {
  size_t open = 0;
#if MN_GAP
  for (size_t i = 0; i < probed->arena_bytes; i++) open += !__asan_address_is_poisoned(arena + i);
#endif
  return open;
}

static mn_status plan_probe(mn_step *step, const mn_op_request *request, mn_error *err) {
  const mn_status status = mn_op_impl_of(MN_OP_RELU)->plan(step, request, err);
  step->scratch_bytes = SCRATCH;
  step->slices = WORKERS;
  return status;
}

static void run_probe(const mn_step *step, const mn_run *run, size_t begin, size_t end) {
  if (begin == 0) in_step[step - probed->steps] = count_open();
  mn_op_impl_of(MN_OP_RELU)->run(step, run, begin, end);
}

static void watch(void *user, int step) {
  (void)user;
  between[step] = count_open();
}

static const mn_op_impl *probing_impl(mn_op op) { return op == MN_OP_RELU ? &probing : NULL; }

static void make_chain(mn_graph *g) {
  const mn_attr relu = {.eltwise = {MN_ACT_RELU}};
  static const char *const names[LAYERS] = {"a", "b", "c", "d"};
  mn_graph_init(g);
  mn_id in = make_input(g, "in", MN_F32, SHAPE(1, SIDE, SIDE, CHANNELS)), at = in;
  for (int i = 0; i < LAYERS; i++) at = make_node(g, MN_OP_RELU, names[i], MN_F32, relu, IDS(at));
  make_done(g, 1, &in, 1, &at);
}

static void fill(const mn_tensor_info *info, void *input) { memset(input, 0, info->bytes); }

static void a_step_has_its_own(void **state) {
  (void)state;
  if (!MN_GAP) skip();
  mn_graph g;
  mn_error err;
  make_chain(&g);
  probing = *mn_op_impl_of(MN_OP_RELU);
  probing.plan = plan_probe;
  probing.run = run_probe;
  probing.in_place = 0;
  const mn_plan_request request = {
      .goal = MN_PLAN_LAYERS, .threads = WORKERS, .impl_of = probing_impl};
  mn_plan *plan = plan_for(&g, NULL, request);
  mn_session *session = session_of(plan, NULL, fill);
  probed = plan;
  arena = session->team.arena;
  mn_session_on_step(session, watch, NULL);
  assert_int_equal(mn_session_run(session, &err), MN_OK);
  const size_t map = SIDE * SIDE * CHANNELS * sizeof(float);
  const size_t own = 2 * mn_aligned(map) + WORKERS * mn_aligned(SCRATCH);
  for (int i = 0; i < LAYERS; i++) assert_int_equal(in_step[i], own);
  for (int i = 0; i <= LAYERS; i++) assert_int_equal(between[i], plan->arena_bytes);
  assert_int_equal(count_open(), plan->arena_bytes);
  mn_session_free(session);
  mn_plan_free(plan);
  mn_graph_free(&g);
}

int main(void) {
  const struct CMUnitTest tests[] = {cmocka_unit_test(a_step_has_its_own)};
  return cmocka_run_group_tests(tests, NULL, NULL);
}
