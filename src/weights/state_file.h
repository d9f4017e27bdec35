/* SPDX-License-Identifier: Apache-2.0
 * The kinds of files that a state dictionary may come in; each is told and read by one file. */
#ifndef MN_WEIGHTS_STATE_FILE_H
#define MN_WEIGHTS_STATE_FILE_H

#include "weights/weights.h"

/* A safetensors file that is no network of ours. */
bool mn_state_is_safetensors(const uint8_t *bytes, size_t size);
mn_status mn_state_load_safetensors(mn_state *state, mn_error *err);

/* A zip archive with a file data.pkl. */
bool mn_state_is_torch(const uint8_t *bytes, size_t size);
mn_status mn_state_load_torch(mn_state *state, mn_error *err);

/* Appends; the name is copied. */
mn_status mn_state_add(mn_state *state, const mn_state_tensor *tensor, mn_error *err);
#endif
