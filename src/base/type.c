/* SPDX-License-Identifier: Apache-2.0
 * Element types: sizes and names. */
#include "mobilenet/mobilenet.h"

typedef struct type_info {
  const char *name;
  size_t bytes;
} type_info;

static const type_info types[] = {
    [MN_F32] = {"f32", 4}, [MN_F16] = {"f16", 2}, [MN_BF16] = {"bf16", 2}, [MN_U8] = {"u8", 1},
    [MN_I8] = {"i8", 1},   [MN_I32] = {"i32", 4}, [MN_I64] = {"i64", 8},   [MN_BOOL] = {"bool", 1},
};

static int known(mn_type type) { return (unsigned)type < sizeof types / sizeof types[0]; }

size_t mn_type_bytes(mn_type type) { return known(type) ? types[type].bytes : 0; }

const char *mn_type_name(mn_type type) { return known(type) ? types[type].name : "?"; }

const char *mn_version(void) { return MN_VERSION; }
