/* SPDX-License-Identifier: Apache-2.0
 * The one preprocessing function: a decoded picture becomes the exact input tensor that the
 * contract describes. Prepared once per plan; running it allocates nothing. It does not check that
 * a contract suits a model: contract/ does. docs/preprocessing.md states each step. */
#ifndef MN_IMAGE_PREPROCESS_H
#define MN_IMAGE_PREPROCESS_H

#include "contract/contract.h"
#include "image/fit.h"

/* The tensor to be filled, and the largest pictures to be expected. */
typedef struct mn_preprocess_target {
  int32_t height, width, channels; /* channels 1 or 3 */
  mn_type type;                    /* F32, U8 or I8 */
  float scale;                     /* of an integer tensor; used by MN_MAP_AFFINE */
  int32_t zero_point;
  int32_t max_image_width, max_image_height; /* 0 = 16384 */
} mn_preprocess_target;

typedef struct mn_preprocess {
  mn_fit_rule rule;
  mn_resize resize;
  mn_pixel_order order;
  uint8_t pad_value;
  int32_t channels;
  mn_size largest;
  size_t element_bytes, tensor_bytes; /* of one picture */
  size_t scratch_bytes;               /* what mn_preprocess_run needs */
  union {
    uint8_t byte[3][256]; /* u8, and i8 as its bit pattern */
    float real[3][256];
  } table; /* tensor element of a pixel, by tensor channel */
} mn_preprocess;

/* Errors: CONTRACT (pixel order, map or value that does not go with the tensor), SHAPE (a size that
 * is not positive), LIMIT (too large for this machine). */
mn_status mn_preprocess_init(mn_preprocess *pp, const mn_contract *contract,
                             const mn_preprocess_target *target, mn_error *err);

/* Fills `tensor` ([height][width][channels], tensor_bytes) from the picture. `scratch` is
 * scratch_bytes, 8-byte aligned. Errors: ARGUMENT (an empty picture), LIMIT (a picture larger than
 * max_image_*). */
mn_status mn_preprocess_run(const mn_preprocess *pp, const mn_image *image, void *scratch,
                            void *tensor, mn_error *err);

#endif
