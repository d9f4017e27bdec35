/* SPDX-License-Identifier: Apache-2.0
 * Any bytes as a picture file: an error with a sentence, or an image within the limit whose last
 * byte can be read. */
#include <stdlib.h>

#include "mobilenet/io.h"

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size) {
  mn_picture_options options = {sizeof options, 1 << 16};
  mn_picture *picture;
  mn_error err = {0};
  mn_status status = mn_picture_decode(&picture, bytes, size, "fuzz", &options, &err);
  if ((status == MN_OK) != (picture != NULL) || (status && !err.text[0])) abort();
  if (status) return 0;
  const mn_image *image = mn_picture_image(picture);
  if (image->width < 1 || image->height < 1) abort();
  if ((uint64_t)image->width * (uint64_t)image->height > options.max_pixels) abort();
  volatile uint8_t last = image->pixels[image->stride * (size_t)image->height - 1];
  (void)last;
  mn_picture_free(picture);
  return 0;
}
