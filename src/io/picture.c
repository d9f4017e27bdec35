/* SPDX-License-Identifier: Apache-2.0
 * Picture files: tells the format by content, calls its decoder, applies the EXIF orientation. */
#include "mobilenet/io.h"

#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#include "base/alloc.h"
#include "base/checked.h"
#include "base/file.h"
#include "io/decoders.h"

struct mn_picture {
  mn_image image;
  uint8_t *pixels; /* [height][width][3] */
  int32_t full[2]; /* width and height that the file states */
};

enum { DEFAULT_MAX_PIXELS = 100000000 };
static const size_t max_stream_bytes = (size_t)1 << 30;

mn_status mn_decoded_check(const mn_encoded *in, const uint64_t size[2], mn_error *err) {
  const uint64_t width = size[0], height = size[1];
  if (width == 0 || height == 0) {
    return mn_fail(err, MN_ERR_FORMAT, in->name, "the picture is %llu x %llu, expected pixels",
                   (unsigned long long)width, (unsigned long long)height);
  }
  if (width > INT32_MAX || height > INT32_MAX || width > in->max_pixels / height) {
    return mn_fail(err, MN_ERR_LIMIT, in->name,
                   "the picture has %llu x %llu pixels, more than the limit of %llu",
                   (unsigned long long)width, (unsigned long long)height,
                   (unsigned long long)in->max_pixels);
  }
  return MN_OK;
}

mn_status mn_decoded_reserve(mn_decoded *out, const mn_encoded *in, const uint64_t size[2],
                             unsigned bytes_per_pixel, mn_error *err) {
  const uint64_t width = size[0], height = size[1];
  mn_status status = mn_decoded_check(in, size, err);
  if (status) return status;
  size_t bytes = 0;
  if (!mn_mul_size((size_t)width, (size_t)height, &bytes) ||
      !mn_mul_size(bytes, bytes_per_pixel, &bytes)) {
    return mn_fail(err, MN_ERR_LIMIT, in->name, "the picture does not fit this machine's memory");
  }
  out->pixels = mn_alloc(bytes);
  if (!out->pixels) return mn_fail_memory(err, bytes);
  out->width = (int32_t)width;
  out->height = (int32_t)height;
  return MN_OK;
}

static uint8_t over_white(unsigned value, unsigned alpha) {
  unsigned sum = value * alpha + 255 * (255 - alpha) + 128;
  return (uint8_t)((sum + (sum >> 8)) >> 8);
}

void mn_decoded_over_white(uint8_t *pixels, size_t count) {
  for (size_t i = 0; i < count; ++i) {
    const uint8_t *from = pixels + i * 4;
    uint8_t alpha = from[3], *to = pixels + i * 3;
    for (int c = 0; c < 3; ++c) to[c] = over_white(from[c], alpha);
  }
}

typedef mn_status decode_fn(mn_decoded *out, const mn_encoded *in, mn_error *err);

/* A kind of file, told by bytes at an offset. Without a decoder it is known and refused by name. */
typedef struct kind {
  const char *name;
  size_t offset;
  size_t length;
  const char *magic;
  decode_fn *decode;
} kind;

static const kind kinds[] = {
    {"JPEG", 0, 3, "\xff\xd8\xff", mn_jpeg_decode},
    {"PNG", 0, 8, "\x89PNG\r\n\x1a\n", mn_png_decode},
    {"WebP", 8, 4, "WEBP", mn_webp_decode},
    {"BMP", 0, 2, "BM", mn_bmp_decode},
    {"PGM", 0, 2, "P2", mn_pnm_decode},
    {"PPM", 0, 2, "P3", mn_pnm_decode},
    {"PGM", 0, 2, "P5", mn_pnm_decode},
    {"PPM", 0, 2, "P6", mn_pnm_decode},
    {"a PBM bitmap", 0, 2, "P1", NULL},
    {"a PBM bitmap", 0, 2, "P4", NULL},
    {"a PAM picture", 0, 2, "P7", NULL},
    {"a GIF picture", 0, 4, "GIF8", NULL},
    {"a TIFF picture", 0, 4, "II*\0", NULL},
    {"a TIFF picture", 0, 4, "MM\0*", NULL},
    {"a BigTIFF picture", 0, 4, "II+\0", NULL},
    {"an AVIF picture", 4, 8, "ftypavif", NULL},
    {"an AVIF picture", 4, 8, "ftypavis", NULL},
    {"a HEIC picture", 4, 7, "ftyphei", NULL},
    {"a HEIF picture", 4, 8, "ftypmif1", NULL},
    {"a JPEG XL picture", 0, 2, "\xff\x0a", NULL},
    {"a JPEG XL picture", 0, 8, "\0\0\0\x0cJXL ", NULL},
    {"a JPEG 2000 picture", 0, 8, "\0\0\0\x0cjP  ", NULL},
    {"a JPEG 2000 codestream", 0, 4, "\xff\x4f\xff\x51", NULL},
    {"an icon", 0, 4, "\0\0\1\0", NULL},
    {"a Photoshop document", 0, 4, "8BPS", NULL},
    {"an OpenEXR picture", 0, 4, "\x76\x2f\x31\x01", NULL},
    {"a QOI picture", 0, 4, "qoif", NULL},
    {"a PDF document", 0, 4, "%PDF", NULL},
    {"an SVG drawing", 0, 4, "<svg", NULL},
    {"an XML file", 0, 5, "<?xml", NULL},
    {"a video", 4, 4, "ftyp", NULL},
};

static const kind *sniff(const mn_encoded *in) {
  for (size_t i = 0; i < sizeof kinds / sizeof *kinds; ++i) {
    const kind *k = &kinds[i];
    if (!mn_within(k->offset, k->length, in->size)) continue;
    if (!memcmp(in->bytes + k->offset, k->magic, k->length)) return k;
  }
  return NULL;
}

static mn_status refuse(const mn_encoded *in, const kind *k, mn_error *err) {
  if (k) {
    return mn_fail(err, MN_ERR_UNSUPPORTED, in->name,
                   "is %s; expected JPEG, PNG, WebP, BMP, PPM or PGM: convert it to PNG first",
                   k->name);
  }
  char first[3 * 8 + 1] = "";
  for (size_t i = 0; i < 8 && i < in->size; ++i) {
    snprintf(first + i * 3, sizeof first - i * 3, " %02x", in->bytes[i]);
  }
  return mn_fail(err, MN_ERR_FORMAT, in->name,
                 "is not a picture: it begins with the bytes%s; expected JPEG, PNG, WebP, BMP, PPM "
                 "or PGM",
                 first);
}

/* Which stored pixel is shown at (x, y) of a picture of width x height stored pixels. */
static size_t stored_at(const mn_decoded *d, int32_t x, int32_t y) {
  int32_t right = d->width - 1, bottom = d->height - 1, sx = x, sy = y;
  switch (d->orientation) {
    case 2: sx = right - x; break;
    case 3: sx = right - x, sy = bottom - y; break;
    case 4: sy = bottom - y; break;
    case 5: sx = y, sy = x; break;
    case 6: sx = y, sy = bottom - x; break;
    case 7: sx = right - y, sy = bottom - x; break;
    case 8: sx = right - y, sy = x; break;
    default: break;
  }
  return (size_t)sy * (size_t)d->width + (size_t)sx;
}

static mn_status orient(mn_decoded *decoded, mn_error *err) {
  if (decoded->orientation < 2) return MN_OK;
  bool swapped = decoded->orientation > 4;
  int32_t width = swapped ? decoded->height : decoded->width;
  int32_t height = swapped ? decoded->width : decoded->height;
  size_t bytes = (size_t)width * (size_t)height * 3;
  uint8_t *turned = mn_alloc(bytes), *to = turned;
  if (!turned) return mn_fail_memory(err, bytes);
  for (int32_t y = 0; y < height; ++y) {
    for (int32_t x = 0; x < width; ++x, to += 3) {
      memcpy(to, decoded->pixels + stored_at(decoded, x, y) * 3, 3);
    }
  }
  mn_free(decoded->pixels);
  decoded->pixels = turned;
  decoded->width = width;
  decoded->height = height;
  return MN_OK;
}

static mn_status decode(mn_picture *picture, const mn_encoded *in, mn_error *err) {
  const kind *k = sniff(in);
  if (!k || !k->decode) return refuse(in, k, err);
  mn_decoded decoded = {0};
  mn_status status = k->decode(&decoded, in, err);
  if (!status) status = orient(&decoded, err);
  if (status) {
    mn_free(decoded.pixels);
    return mn_error_at(err, status, in->name);
  }
  const bool swapped = decoded.orientation > 4;
  const int32_t full[2] = {decoded.full_width, decoded.full_height};
  picture->full[0] = full[0] ? full[swapped] : decoded.width;
  picture->full[1] = full[0] ? full[!swapped] : decoded.height;
  picture->pixels = decoded.pixels;
  picture->image = (mn_image){.pixels = decoded.pixels,
                              .width = decoded.width,
                              .height = decoded.height,
                              .stride = (size_t)decoded.width * 3};
  return MN_OK;
}

/* A shorter, older struct lacks its last fields. */
static mn_picture_options read_options(const mn_picture_options *given) {
  mn_picture_options options = {0};
  const size_t size = given ? given->struct_size : 0;
  memcpy(&options, given ? given : &options, size < sizeof options ? size : sizeof options);
  if (!options.max_pixels) options.max_pixels = DEFAULT_MAX_PIXELS;
  return options;
}

mn_status mn_picture_decode(mn_picture **out, const void *bytes, size_t size, const char *name,
                            const mn_picture_options *options, mn_error *err) {
  mn_error_clear(err);
  if (!out) return mn_fail(err, MN_ERR_ARGUMENT, NULL, "out must not be NULL");
  *out = NULL;
  if (!bytes && size) return mn_fail(err, MN_ERR_ARGUMENT, NULL, "bytes must not be NULL");
  const mn_picture_options chosen = read_options(options);
  mn_encoded in = {bytes, size, name ? name : "picture", chosen.max_pixels, chosen.least_side};
  if (size == 0) return mn_fail(err, MN_ERR_FORMAT, in.name, "the file is empty");
  mn_picture *picture = mn_alloc_zero(sizeof *picture);
  if (!picture) return mn_fail_memory(err, sizeof *picture);
  mn_status status = decode(picture, &in, err);
  if (status) {
    mn_free(picture);
    return status;
  }
  *out = picture;
  return MN_OK;
}

mn_status mn_picture_read(mn_picture **out, const char *path, const mn_picture_options *options,
                          mn_error *err) {
  mn_error_clear(err);
  if (!out) return mn_fail(err, MN_ERR_ARGUMENT, NULL, "out must not be NULL");
  *out = NULL;
  if (!path) return mn_fail(err, MN_ERR_ARGUMENT, NULL, "path must not be NULL");
  bool standard_input = !strcmp(path, "-");
  const char *name = standard_input ? "standard input" : path;
  mn_file file = {0};
  mn_status status = standard_input ? mn_file_read_stream(&file, stdin, name, max_stream_bytes, err)
                                    : mn_file_map(&file, path, err);
  if (status) return status;
  status = mn_picture_decode(out, file.bytes, file.size, name, options, err);
  mn_file_close(&file);
  return status;
}

void mn_picture_free(mn_picture *picture) {
  if (!picture) return;
  mn_free(picture->pixels);
  mn_free(picture);
}

const mn_image *mn_picture_image(const mn_picture *picture) {
  return picture ? &picture->image : NULL;
}

void mn_picture_full_size(const mn_picture *picture, int32_t *width, int32_t *height) {
  *width = picture->full[0];
  *height = picture->full[1];
}
