/* SPDX-License-Identifier: Apache-2.0
 * Members of the contract's JSON, one by one: what contract_json.c (pictures, labels) and
 * contract_task_json.c (detection, segmentation) share. A member that is absent leaves *out as it
 * was; a wrong one is refused by its path. */
#ifndef MN_CONTRACT_CONTRACT_FIELDS_H
#define MN_CONTRACT_CONTRACT_FIELDS_H

#include "contract/contract.h"
#include "wire/json.h"

/* A member, and what it is called in messages. */
typedef struct mn_field {
  const mn_json *object;
  const char *key, *path;
} mn_field;

typedef struct mn_number_range {
  double least, most;
} mn_number_range;

mn_status mn_field_refuse(mn_error *err, const char *path, const char *expected);
/* One of `names`, which ends with NULL. */
mn_status mn_field_name(mn_field from, const char *const *names, int *out, mn_error *err);
mn_status mn_field_whole(mn_field from, int32_t least, int32_t most, int32_t *out, mn_error *err);
mn_status mn_field_number(mn_field from, mn_number_range range, double *out, mn_error *err);
/* Exactly `count` numbers, finite. */
mn_status mn_field_numbers(mn_field from, double *out, size_t count, mn_error *err);

void mn_write_name(mn_json_writer *out, const char *key, const char *name);

/* ---- contract_task_json.c -------------------------------------------------------------------- */

/* The members "detect" and "segment", in that order. */
void mn_write_detect(mn_json_writer *out, const mn_contract *contract);
void mn_write_segment(mn_json_writer *out, const mn_contract *contract);
mn_status mn_read_task_sections(mn_contract *contract, const mn_json *root, mn_arena *arena,
                                mn_error *err);

#endif
