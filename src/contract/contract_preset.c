/* SPDX-License-Identifier: Apache-2.0
 * Ready-made input parts: how the usual training frameworks feed a picture to a network.
 * Means and deviations: torchvision's ImageNet transforms; Caffe's ImageNet mean (BGR). */
#include <string.h>

#include "contract/contract.h"

typedef struct preset {
  const char *name;
  mn_pixel_order order;
  mn_fit fit;
  mn_map map;
  double mean[3], deviation[3]; /* of pixels 0..255, in the tensor's channel order */
} preset;

static const preset presets[] = {
    {"tf",
     MN_PIXELS_RGB,
     MN_FIT_CROP_THEN_RESIZE,
     MN_MAP_AFFINE,
     {127.5, 127.5, 127.5},
     {127.5, 127.5, 127.5}},
    {"torch",
     MN_PIXELS_RGB,
     MN_FIT_RESIZE_THEN_CROP,
     MN_MAP_AFFINE,
     {0.485 * 255, 0.456 * 255, 0.406 * 255},
     {0.229 * 255, 0.224 * 255, 0.225 * 255}},
    {"caffe",
     MN_PIXELS_BGR,
     MN_FIT_CROP_THEN_RESIZE,
     MN_MAP_AFFINE,
     {103.939, 116.779, 123.68},
     {1, 1, 1}},
    {"unit", MN_PIXELS_RGB, MN_FIT_CROP_THEN_RESIZE, MN_MAP_AFFINE, {0, 0, 0}, {255, 255, 255}},
    {"raw", MN_PIXELS_RGB, MN_FIT_CROP_THEN_RESIZE, MN_MAP_IDENTITY_U8, {0, 0, 0}, {1, 1, 1}},
};

mn_status mn_contract_preset(mn_contract *contract, const char *name, mn_error *err) {
  for (size_t i = 0; i < sizeof presets / sizeof presets[0]; i++) {
    const preset *p = &presets[i];
    if (strcmp(p->name, name) != 0) continue;
    contract->input.order = p->order;
    contract->input.fit = p->fit;
    contract->input.crop_fraction = 0.875;
    contract->input.short_side = 256;
    contract->input.resize = MN_RESIZE_PILLOW_BILINEAR;
    contract->input.map = p->map;
    for (int c = 0; c < 3; c++) {
      contract->input.scale[c] = 1 / p->deviation[c];
      contract->input.offset[c] = p->mean[c] == 0 ? 0 : -p->mean[c] / p->deviation[c];
    }
    contract->assumed &= ~(unsigned)MN_ASSUMED_INPUT;
    return MN_OK;
  }
  return mn_fail(err, MN_ERR_ARGUMENT, "contract",
                 "%s is neither a JSON file nor one of tf, torch, caffe, unit, raw", name);
}
