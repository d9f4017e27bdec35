/* SPDX-License-Identifier: Apache-2.0
 * Mask files: PNG whose samples are class indices, read without a colour being looked up. */
#include <string.h>

#include "base/alloc.h"
#include "base/file.h"
#include "io/decoders.h"
#include "mobilenet/io.h"

struct mn_mask_file {
  mn_decoded decoded; /* pixels: [height][width] */
};

enum { MAX_PIXELS = 100000000 };

static mn_status decode_png(mn_mask_file *mask, const mn_encoded *in, mn_error *err) {
  static const char magic[] = "\x89PNG\r\n\x1a\n";
  if (in->size < 8 || memcmp(in->bytes, magic, 8) != 0) {
    return mn_fail(err, MN_ERR_FORMAT, in->name, "is not a PNG file, as masks are");
  }
  return mn_png_decode_indices(&mask->decoded, in, err);
}

mn_status mn_mask_file_decode(mn_mask_file **out, const void *bytes, size_t size, const char *name,
                              mn_error *err) {
  mn_error_clear(err);
  *out = NULL;
  const mn_encoded in = {bytes, size, name ? name : "mask", MAX_PIXELS, 0};
  mn_mask_file *mask = mn_alloc_zero(sizeof *mask);
  if (!mask) return mn_fail_memory(err, sizeof *mask);
  mn_status status = decode_png(mask, &in, err);
  if (status) {
    mn_mask_file_free(mask);
    return status;
  }
  *out = mask;
  return MN_OK;
}

mn_status mn_mask_file_read(mn_mask_file **out, const char *path, mn_error *err) {
  mn_error_clear(err);
  *out = NULL;
  mn_file file;
  mn_status status = mn_file_map(&file, path, err);
  if (status) return status;
  status = mn_mask_file_decode(out, file.bytes, file.size, path, err);
  mn_file_close(&file);
  return status;
}

void mn_mask_file_free(mn_mask_file *mask) {
  if (!mask) return;
  mn_free(mask->decoded.pixels);
  mn_free(mask);
}

const uint8_t *mn_mask_file_classes(const mn_mask_file *mask, int32_t *width, int32_t *height) {
  *width = mask->decoded.width;
  *height = mask->decoded.height;
  return mask->decoded.pixels;
}
