/* SPDX-License-Identifier: Apache-2.0
 * Tables of bytes in ONNX's arithmetic. */
#include "ops/real_codes.h"

#include "kernels/ref/real_code.h"

void mn_real_table(uint8_t table[256], const mn_operand *in, const mn_operand *out,
                   float (*function)(float)) {
  for (int byte = 0; byte < 256; byte++) {
    int32_t code = mn_code_of_byte(in->type, byte) - mn_operand_zero(in);
    float real = mn_operand_scale(in) * (float)code;
    if (function) real = function(real);
    table[byte] = (uint8_t)mn_code_of_steps(real / mn_operand_scale(out), mn_operand_zero(out),
                                            mn_code_min(out->type), mn_code_max(out->type));
  }
}
