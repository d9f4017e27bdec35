/* SPDX-License-Identifier: Apache-2.0
 * Any bytes as a picture file: an error with a sentence, or an image within the limit whose last
 * byte can be read. */
#include <stdlib.h>

#include "mobilenet/io.h"

static void decode(const uint8_t *bytes, size_t size, int32_t least_side) {
  const mn_picture_options options = {sizeof options, 1 << 16, least_side};
  mn_picture *picture;
  mn_error err = {0};
  mn_status status = mn_picture_decode(&picture, bytes, size, "fuzz", &options, &err);
  if ((status == MN_OK) != (picture != NULL) || (status && !err.text[0])) abort();
  if (status) return;
  const mn_image *image = mn_picture_image(picture);
  if (image->width < 1 || image->height < 1) abort();
  if ((uint64_t)image->width * (uint64_t)image->height > options.max_pixels) abort();
  volatile uint8_t last = image->pixels[image->stride * (size_t)image->height - 1];
  (void)last;
  int32_t width, height;
  mn_picture_full_size(picture, &width, &height);
  if (width < image->width || height < image->height) abort();
  if (!least_side && (width > image->width || height > image->height)) abort();
  mn_picture_free(picture);
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size) {
  decode(bytes, size, 0);
  decode(bytes, size, 3);
  return 0;
}
