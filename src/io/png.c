/* SPDX-License-Identifier: Apache-2.0
 * PNG by libpng: every colour type and depth, interlaced or not. 16-bit samples keep their high
 * byte; transparency is composited over white; gamma and colour profiles are not applied. Masks
 * keep the stored samples instead. */
#include <setjmp.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#include <png.h>

#include "base/checked.h"
#include "io/decoders.h"

typedef struct png_job {
  png_structp png;
  png_infop info;
  jmp_buf escape;
  const mn_encoded *in;
  mn_decoded *out;
  mn_error *err;
  size_t at; /* bytes read */
  bool as_indices;
  mn_status status;
} png_job;

static PNG_NORETURN void give_up(png_job *job, mn_status status) {
  job->status = status;
  longjmp(job->escape, 1);
}

static PNG_NORETURN void on_error(png_structp png, png_const_charp text) {
  png_job *job = png_get_error_ptr(png);
  give_up(job, mn_fail(job->err, MN_ERR_FORMAT, job->in->name, "PNG: %s", text));
}

static void on_warning(png_structp png, png_const_charp text) {
  (void)png;
  (void)text;
}

static mn_status fail_truncated(png_job *job) {
  return mn_fail(job->err, MN_ERR_FORMAT, job->in->name,
                 "the PNG file is truncated: it ends after %zu bytes, before its end chunk",
                 job->in->size);
}

static void read_bytes(png_structp png, png_bytep to, size_t count) {
  png_job *job = png_get_io_ptr(png);
  if (count > job->in->size - job->at) give_up(job, fail_truncated(job));
  memcpy(to, job->in->bytes + job->at, count);
  job->at += count;
}

/* libpng allocates some chunks on the word of their length: none may reach beyond the file. */
static mn_status check_lengths(png_job *job) {
  enum { SIGNATURE = 8, LENGTH_AND_NAME = 8, CHECKSUM = 4 };
  const mn_encoded *in = job->in;
  size_t at = SIGNATURE;
  while (mn_within(at, LENGTH_AND_NAME, in->size)) {
    const uint8_t *chunk = in->bytes + at;
    size_t length = png_get_uint_32(chunk);
    at += LENGTH_AND_NAME;
    if (!mn_within(at, (uint64_t)length + CHECKSUM, in->size)) break;
    if (!memcmp(chunk + 4, "IEND", 4)) return MN_OK;
    at += length + CHECKSUM;
  }
  return fail_truncated(job);
}

/* Asks libpng for 8-bit RGB, or RGBA when anything is transparent; says which. */
static bool ask_for_rgb(png_job *job) {
  png_byte type = png_get_color_type(job->png, job->info);
  bool keyed = png_get_valid(job->png, job->info, PNG_INFO_tRNS) != 0;
  png_set_expand(job->png);
  png_set_strip_16(job->png);
  if (!(type & PNG_COLOR_MASK_COLOR)) png_set_gray_to_rgb(job->png);
  return keyed || (type & PNG_COLOR_MASK_ALPHA);
}

/* Asks libpng for the samples as they are, a byte each. */
static void ask_for_indices(png_job *job) {
  const png_byte type = png_get_color_type(job->png, job->info);
  const int depth = png_get_bit_depth(job->png, job->info);
  if ((type != PNG_COLOR_TYPE_PALETTE && type != PNG_COLOR_TYPE_GRAY) || depth > 8) {
    give_up(job, mn_fail(job->err, MN_ERR_UNSUPPORTED, job->in->name,
                         "the mask has %d channel%s of %d bits; expected a palette or gray PNG of "
                         "class indices, up to 8 bits",
                         png_get_channels(job->png, job->info),
                         png_get_channels(job->png, job->info) == 1 ? "" : "s", depth));
  }
  png_set_packing(job->png);
}

static void read_pixels(png_job *job) {
  png_read_info(job->png, job->info);
  const uint64_t size[2] = {png_get_image_width(job->png, job->info),
                            png_get_image_height(job->png, job->info)};
  if (job->as_indices) ask_for_indices(job);
  const unsigned pixel_bytes = job->as_indices ? 1 : (ask_for_rgb(job) ? 4 : 3);
  mn_status status = mn_decoded_reserve(job->out, job->in, size, pixel_bytes, job->err);
  if (status) give_up(job, status);
  int passes = png_set_interlace_handling(job->png);
  png_read_update_info(job->png, job->info);
  size_t row_bytes = (size_t)job->out->width * pixel_bytes;
  if (png_get_rowbytes(job->png, job->info) != row_bytes) {
    png_error(job->png, "a row is not of the expected size");
  }
  for (int pass = 0; pass < passes; ++pass) {
    for (int32_t y = 0; y < job->out->height; ++y) {
      png_read_row(job->png, job->out->pixels + (size_t)y * row_bytes, NULL);
    }
  }
  png_read_end(job->png, job->info);
  size_t count = (size_t)job->out->width * (size_t)job->out->height;
  if (pixel_bytes == 4) mn_decoded_over_white(job->out->pixels, count);
}

static void read_orientation(png_job *job) {
  png_uint_32 size = 0;
  png_bytep exif = NULL;
  if (!png_get_eXIf_1(job->png, job->info, &size, &exif) || !exif) return;
  job->out->orientation = mn_exif_orientation(exif, size);
}

static void run(png_job *job) {
  if (setjmp(job->escape)) return;
  job->png = png_create_read_struct(PNG_LIBPNG_VER_STRING, job, on_error, on_warning);
  if (job->png) job->info = png_create_info_struct(job->png);
  if (!job->info) {
    job->status = mn_fail(job->err, MN_ERR_MEMORY, job->in->name, "out of memory in libpng");
    return;
  }
  png_set_read_fn(job->png, job, read_bytes);
  png_set_user_limits(job->png, PNG_UINT_31_MAX, PNG_UINT_31_MAX);
  read_pixels(job);
  read_orientation(job);
}

static mn_status decode(mn_decoded *out, const mn_encoded *in, bool as_indices, mn_error *err) {
  png_job job = {.in = in, .out = out, .err = err, .as_indices = as_indices};
  job.status = check_lengths(&job);
  if (job.status) return job.status;
  run(&job);
  if (job.png) png_destroy_read_struct(&job.png, &job.info, NULL);
  return job.status;
}

mn_status mn_png_decode(mn_decoded *out, const mn_encoded *in, mn_error *err) {
  return decode(out, in, false, err);
}

mn_status mn_png_decode_indices(mn_decoded *out, const mn_encoded *in, mn_error *err) {
  return decode(out, in, true, err);
}
