/* SPDX-License-Identifier: Apache-2.0
 * See ranks.h. */
#include "train/ranks.h"

#include <string.h>

#include "base/alloc.h"
#include "base/error.h"

static bool power_of_two(int32_t n) { return n > 0 && (n & (n - 1)) == 0; }

mn_status mn_ranks_share(const mn_ranks *ranks, mn_recipe *recipe, mn_error *err) {
  const int32_t count = ranks ? ranks->count : 1;
  if (recipe->sync_norm && recipe->accumulate > 1 && recipe->accumulate != count) {
    return mn_fail(err, MN_ERR_ARGUMENT, "sync_norm",
                   "batch norms over the %d batches of a step need %d processes, and there %s %d",
                   recipe->accumulate, recipe->accumulate, count == 1 ? "is" : "are", count);
  }
  if (count == 1) return MN_OK;
  if (recipe->accumulate == 1 && recipe->batch % count == 0) {
    recipe->accumulate = count;
    recipe->batch /= count;
  }
  const int32_t batches = recipe->accumulate;
  if (batches % count == 0 && power_of_two(batches / count)) return MN_OK;
  return mn_fail(err, MN_ERR_ARGUMENT, "accumulate",
                 "%d processes cannot share the %d batches of a step: set accumulate=%d, %d, %d or "
                 "so on (%d pictures a batch)",
                 count, batches, count, 2 * count, 4 * count, recipe->batch);
}

/* What each rank brings. */
typedef struct said {
  int64_t same;
  mn_status status;
  mn_error err;
} said;

static mn_status first_error(const said *all, int32_t count, mn_error *err) {
  for (int32_t r = 0; r < count; r++) {
    if (!all[r].status) continue;
    *err = all[r].err;
    if (r > 0) mn_fail(err, all[r].status, "ranks", "process %d: %s", r, all[r].err.text);
    return all[r].status;
  }
  for (int32_t r = 1; r < count; r++) {
    if (all[r].same == all[0].same) continue;
    return mn_fail(err, MN_ERR_FORMAT, "ranks",
                   "process %d has other pictures, another recipe or another checkpoint than "
                   "process 0",
                   r);
  }
  return MN_OK;
}

mn_status mn_ranks_agree(const mn_ranks *ranks, mn_status mine, int64_t same, mn_error *err) {
  if (!ranks || ranks->count == 1) return mine;
  said *all = mn_alloc_zero(((size_t)ranks->count + 1) * sizeof *all);
  if (!all) return mn_fail_memory(err, (size_t)ranks->count * sizeof *all);
  said *own = &all[ranks->count];
  *own = (said){.same = same, .status = mine};
  if (mine) own->err = *err;
  mn_status status = MN_ERR_CANCELLED;
  if (ranks->gather(ranks->user, own, all, sizeof *own)) {
    mn_fail(err, status, "ranks", "another process of this run has ended");
  } else {
    status = first_error(all, ranks->count, err);
  }
  mn_free(all);
  return status;
}
