/* SPDX-License-Identifier: Apache-2.0
 * See contract_fields.h. */
#include "contract/contract_fields.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

void mn_write_name(mn_json_writer *out, const char *key, const char *name) {
  mn_json_key(out, key);
  mn_json_string(out, name, strlen(name));
}

mn_status mn_field_refuse(mn_error *err, const char *path, const char *expected) {
  return mn_fail(err, MN_ERR_FORMAT, "contract", "%s must be %s", path, expected);
}

mn_status mn_field_name(mn_field from, const char *const *names, int *out, mn_error *err) {
  const mn_json *value = mn_json_get(from.object, from.key);
  char list[160] = "one of";
  if (!value) return MN_OK;
  for (int i = 0; names[i]; i++) {
    if (mn_json_is(value, names[i])) {
      *out = i;
      return MN_OK;
    }
    size_t used = strlen(list);
    snprintf(list + used, sizeof list - used, "%s %s", i ? "," : "", names[i]);
  }
  return mn_field_refuse(err, from.path, list);
}

mn_status mn_field_whole(mn_field from, int32_t least, int32_t most, int32_t *out, mn_error *err) {
  const mn_json *value = mn_json_get(from.object, from.key);
  char range[64];
  if (!value) return MN_OK;
  if (mn_json_i32(value, out) && *out >= least && *out <= most) return MN_OK;
  snprintf(range, sizeof range, "a whole number from %d to %d", least, most);
  return mn_field_refuse(err, from.path, range);
}

mn_status mn_field_number(mn_field from, mn_number_range range, double *out, mn_error *err) {
  const mn_json *value = mn_json_get(from.object, from.key);
  char text[64];
  if (!value) return MN_OK;
  if (value->kind == MN_JSON_NUMBER && value->number >= range.least &&
      value->number <= range.most) {
    *out = value->number;
    return MN_OK;
  }
  snprintf(text, sizeof text, "a number from %g to %g", range.least, range.most);
  return mn_field_refuse(err, from.path, text);
}

mn_status mn_field_numbers(mn_field from, double *out, size_t count, mn_error *err) {
  const mn_json *list = mn_json_get(from.object, from.key);
  char text[64];
  if (!list) return MN_OK;
  snprintf(text, sizeof text, "a list of %zu numbers", count);
  if (list->kind != MN_JSON_ARRAY || list->count != count) {
    return mn_field_refuse(err, from.path, text);
  }
  for (const mn_json *item = list->first; item; item = item->next) {
    if (item->kind != MN_JSON_NUMBER || !isfinite(item->number)) {
      return mn_field_refuse(err, from.path, text);
    }
    *out++ = item->number;
  }
  return MN_OK;
}
