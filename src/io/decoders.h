/* SPDX-License-Identifier: Apache-2.0
 * What picture.c and the decoders agree on: bytes in, dense RGB pixels out. A decoder reserves the
 * pixels through mn_decoded_reserve, so that the size limit comes before any allocation, and leaves
 * them to picture.c to free, also when it fails. */
#ifndef MN_IO_DECODERS_H
#define MN_IO_DECODERS_H

#include "base/error.h"

typedef struct mn_encoded {
  const uint8_t *bytes;
  size_t size;
  const char *name; /* for error texts */
  uint64_t max_pixels;
  int32_t least_side; /* mn_picture_options.least_side */
} mn_encoded;

typedef struct mn_decoded {
  uint8_t *pixels; /* [height][width][3], or more bytes; NULL until reserved */
  int32_t width, height;
  int32_t full_width, full_height; /* that the file states; 0: the same */
  int orientation;                 /* EXIF 1..8; 0 or 1: as stored */
} mn_decoded;

/* Checks a size against the limit. Errors: FORMAT (a size of zero), LIMIT. */
mn_status mn_decoded_check(const mn_encoded *in, const uint64_t size[2], mn_error *err);
/* Checks the size and allocates width * height * bytes_per_pixel. Errors: those, MEMORY. */
mn_status mn_decoded_reserve(mn_decoded *out, const mn_encoded *in, const uint64_t size[2],
                             unsigned bytes_per_pixel, mn_error *err);

/* RGBA to RGB over white, in place: round((c * a + 255 * (255 - a)) / 255). */
void mn_decoded_over_white(uint8_t *pixels, size_t count);

/* Orientation in TIFF-structured EXIF data, with or without its "Exif" prefix; 0 when it says
 * nothing valid. */
int mn_exif_orientation(const uint8_t *bytes, size_t size);

mn_status mn_jpeg_decode(mn_decoded *out, const mn_encoded *in, mn_error *err);
mn_status mn_png_decode(mn_decoded *out, const mn_encoded *in, mn_error *err);
/* Samples of a palette or gray PNG as stored: pixels is [height][width]. */
mn_status mn_png_decode_indices(mn_decoded *out, const mn_encoded *in, mn_error *err);
mn_status mn_webp_decode(mn_decoded *out, const mn_encoded *in, mn_error *err);
mn_status mn_bmp_decode(mn_decoded *out, const mn_encoded *in, mn_error *err);
mn_status mn_pnm_decode(mn_decoded *out, const mn_encoded *in, mn_error *err);

#endif
