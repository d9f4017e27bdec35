/* SPDX-License-Identifier: Apache-2.0
 * ONNX's arithmetic from codes to codes: dequantize, compute, quantize, each in float
 * (docs/numerics.md). Private to ops. */
#ifndef MN_OPS_REAL_CODES_H
#define MN_OPS_REAL_CODES_H

#include "ops/operand.h"

/* The bytes that stand for function(x), where x is what each byte stands for; NULL: for x. */
void mn_real_table(uint8_t table[256], const mn_operand *in, const mn_operand *out,
                   float (*function)(float));

#endif
