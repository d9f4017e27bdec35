/* SPDX-License-Identifier: Apache-2.0
 * The table of a state dictionary's tensors, and which kind of file they are in. */
#include <stdlib.h>
#include <string.h>

#include "base/checked.h"
#include "weights/state_file.h"
#include "weights/weights.h"

mn_status mn_state_spend(const mn_state *state, size_t more, mn_error *err) {
  size_t spent;
  uint64_t cap = state->request->memory_cap;
  bool exact = mn_add_size(state->arena.used, more, &spent);
  if (exact && (cap == 0 || spent <= cap)) return MN_OK;
  return mn_fail(err, MN_ERR_LIMIT, state->request->name,
                 "it needs more than the memory cap of %llu bytes", (unsigned long long)cap);
}

/* Room for one more; what an array outgrows stays in the arena. */
static mn_status grow(mn_state *state, mn_error *err) {
  if (state->count < state->capacity) return MN_OK;
  int32_t wanted = state->capacity ? state->capacity : 128;
  if (!mn_mul_i32(wanted, state->capacity ? 2 : 1, &wanted)) return mn_fail_memory(err, 0);
  size_t bytes = (size_t)wanted * sizeof *state->tensors;
  mn_status status = mn_state_spend(state, bytes, err);
  if (status) return status;
  mn_state_tensor *tensors = mn_arena_take(&state->arena, bytes);
  if (!tensors) return mn_fail_memory(err, bytes);
  if (state->count) memcpy(tensors, state->tensors, (size_t)state->count * sizeof *tensors);
  state->tensors = tensors;
  state->capacity = wanted;
  return MN_OK;
}

/* Names are shown to people: only what identifiers and numbers are made of. */
static bool is_name(const char *name) {
  const char *c = name;
  while (*c > ' ' && *c < 127) c++;
  return c > name && *c == '\0';
}

mn_status mn_state_add(mn_state *state, const mn_state_tensor *tensor, mn_error *err) {
  if (!is_name(tensor->name)) {
    return mn_fail(err, MN_ERR_FORMAT, state->request->name,
                   "it has a tensor whose name is not of printable letters");
  }
  mn_status status = grow(state, err);
  size_t length = strlen(tensor->name);
  if (!status) status = mn_state_spend(state, length + 1, err);
  if (status) return status;
  mn_state_tensor *added = &state->tensors[state->count];
  *added = *tensor;
  added->name = mn_arena_string(&state->arena, tensor->name, length);
  if (!added->name) return mn_fail_memory(err, length);
  state->count++;
  return MN_OK;
}

static int compare(const void *a, const void *b) {
  const mn_state_tensor *x = a, *y = b;
  return strcmp(x->name, y->name);
}

/* torch.nn.DataParallel puts "module." before every name. */
static void strip_module(mn_state *state) {
  static const char prefix[] = "module.";
  size_t length = sizeof prefix - 1;
  for (int32_t i = 0; i < state->count; i++) {
    const char *name = state->tensors[i].name;
    if (strncmp(name, prefix, length) != 0 || !name[length]) return;
  }
  for (int32_t i = 0; i < state->count; i++) state->tensors[i].name += length;
}

static mn_status sort(mn_state *state, mn_error *err) {
  if (state->count == 0) {
    return mn_fail(err, MN_ERR_FORMAT, state->request->name, "it holds no tensors");
  }
  strip_module(state);
  qsort(state->tensors, (size_t)state->count, sizeof *state->tensors, compare);
  for (int32_t i = 1; i < state->count; i++) {
    if (compare(&state->tensors[i - 1], &state->tensors[i]) != 0) continue;
    return mn_fail(err, MN_ERR_FORMAT, state->request->name, "it has two tensors called %.200s",
                   state->tensors[i].name);
  }
  return MN_OK;
}

mn_state_tensor *mn_state_find(const mn_state *state, const char *name) {
  mn_state_tensor key = {.name = name};
  if (state->count == 0) return NULL;
  return bsearch(&key, state->tensors, (size_t)state->count, sizeof key, compare);
}

bool mn_state_has(const uint8_t *bytes, size_t size) {
  return mn_state_is_torch(bytes, size) || mn_state_is_safetensors(bytes, size);
}

mn_status mn_state_load(mn_state *state, const mn_load_request *request, mn_error *err) {
  memset(state, 0, sizeof *state);
  state->request = request;
  mn_status status = mn_state_is_torch(request->bytes, request->size)
                         ? mn_state_load_torch(state, err)
                         : mn_state_load_safetensors(state, err);
  return status ? status : sort(state, err);
}

void mn_state_free(mn_state *state) { mn_arena_free(&state->arena); }
