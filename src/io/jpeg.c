/* SPDX-License-Identifier: Apache-2.0
 * JPEG by libjpeg-turbo, with the decoder's defaults (accurate integer DCT, smooth chroma
 * upsampling), which are also Pillow's. Missing and undecodable data is an error, while what many
 * cameras and editors write without harm (stray bytes between markers, bytes after the end, no end
 * marker) is not. Four components are inverted CMYK, as every program that writes them has it. */
#include <setjmp.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

/* jpeglib.h needs stdio.h before it. */
#include <jpeglib.h>

#include <jerror.h>

#include "base/alloc.h"
#include "io/decoders.h"

/* Far beyond any encoder; a file of empty scans could otherwise keep the decoder busy for hours. */
enum { MAX_SCANS = 500 };

typedef struct jpeg_job {
  struct jpeg_decompress_struct info;
  struct jpeg_error_mgr errors;
  struct jpeg_source_mgr feed;
  struct jpeg_progress_mgr progress;
  jmp_buf escape;
  const mn_encoded *in;
  mn_decoded *out;
  mn_error *err;
  uint8_t *cmyk; /* [width][4], one row */
  mn_status status;
  bool ran_out; /* the decoder asked for bytes after the last */
} jpeg_job;

static jpeg_job *job_of(j_common_ptr info) { return info->client_data; }

static void give_up(jpeg_job *job, mn_status status) {
  job->status = status;
  longjmp(job->escape, 1);
}

static mn_status status_of_code(int code) {
  switch (code) {
    case JERR_OUT_OF_MEMORY: return MN_ERR_MEMORY;
    case JERR_ARITH_NOTIMPL:
    case JERR_BAD_PRECISION:
    case JERR_SOF_UNSUPPORTED:
    case JERR_CONVERSION_NOTIMPL:
    case JERR_CCIR601_NOTIMPL:
    case JERR_FRACT_SAMPLE_NOTIMPL:
    case JERR_NOT_COMPILED: return MN_ERR_UNSUPPORTED;
    default: return MN_ERR_FORMAT;
  }
}

static void fail_with_message(j_common_ptr info) {
  jpeg_job *job = job_of(info);
  char text[JMSG_LENGTH_MAX];
  info->err->format_message(info, text);
  mn_status status = status_of_code(info->err->msg_code);
  if (job->ran_out) {
    status = mn_fail(job->err, MN_ERR_FORMAT, job->in->name,
                     "the JPEG file is truncated: it ends after %zu bytes, before the picture does",
                     job->in->size);
  } else {
    mn_fail(job->err, status, job->in->name, "JPEG: %s", text);
  }
  give_up(job, status);
}

static void take_message(j_common_ptr info, int level) {
  if (level >= 0) return;
  switch (info->err->msg_code) {
    case JWRN_HIT_MARKER:
    case JWRN_HUFF_BAD_CODE:
    case JWRN_ARITH_BAD_CODE:
    case JWRN_BOGUS_PROGRESSION:
    case JWRN_MUST_RESYNC: fail_with_message(info); break;
    default: break;
  }
}

static void print_nothing(j_common_ptr info) { (void)info; }

static void feed_nothing(j_decompress_ptr info) { (void)info; }

static boolean feed_end_marker(j_decompress_ptr info) {
  static const JOCTET end_marker[2] = {0xff, JPEG_EOI};
  job_of((j_common_ptr)info)->ran_out = true;
  info->src->next_input_byte = end_marker;
  info->src->bytes_in_buffer = sizeof end_marker;
  return TRUE;
}

static void feed_skip(j_decompress_ptr info, long count) {
  if (count <= 0) return;
  struct jpeg_source_mgr *feed = info->src;
  if ((size_t)count > feed->bytes_in_buffer) {
    feed_end_marker(info);
  } else {
    feed->next_input_byte += count;
    feed->bytes_in_buffer -= (size_t)count;
  }
}

static void count_scans(j_common_ptr info) {
  jpeg_job *job = job_of(info);
  if (job->info.input_scan_number <= MAX_SCANS) return;
  mn_fail(job->err, MN_ERR_LIMIT, job->in->name, "JPEG: more than %d scans", MAX_SCANS);
  give_up(job, MN_ERR_LIMIT);
}

static void begin(jpeg_job *job) {
  job->info.err = jpeg_std_error(&job->errors);
  job->info.client_data = job;
  job->errors.error_exit = fail_with_message;
  job->errors.emit_message = take_message;
  job->errors.output_message = print_nothing;
  jpeg_create_decompress(&job->info);
  job->feed = (struct jpeg_source_mgr){.next_input_byte = job->in->bytes,
                                       .bytes_in_buffer = job->in->size,
                                       .init_source = feed_nothing,
                                       .fill_input_buffer = feed_end_marker,
                                       .skip_input_data = feed_skip,
                                       .resync_to_restart = jpeg_resync_to_restart,
                                       .term_source = feed_nothing};
  job->info.src = &job->feed;
  job->progress.progress_monitor = count_scans;
  job->info.progress = &job->progress;
}

static void read_orientation(jpeg_job *job) {
  for (jpeg_saved_marker_ptr m = job->info.marker_list; m; m = m->next) {
    if (m->data_length < 6 || memcmp(m->data, "Exif\0", 5) != 0) continue;
    job->out->orientation = mn_exif_orientation(m->data, m->data_length);
    return;
  }
}

/* Fewer pixels come out of the inverse transform itself: every block is still read. */
static void choose_scale(jpeg_job *job) {
  const int64_t least = job->in->least_side, width = job->info.image_width;
  const int64_t height = job->info.image_height, shorter = width < height ? width : height;
  unsigned by = 1;
  while (least > 0 && by < 8 && shorter >= least * (int64_t)by * 2) by *= 2;
  job->info.scale_num = 1;
  job->info.scale_denom = by;
  jpeg_calc_output_dimensions(&job->info);
}

static void read_header(jpeg_job *job) {
  jpeg_save_markers(&job->info, JPEG_APP0 + 1, 0xffff);
  jpeg_read_header(&job->info, TRUE);
  const uint64_t full[2] = {job->info.image_width, job->info.image_height};
  mn_status status = mn_decoded_check(job->in, full, job->err);
  if (status) give_up(job, status);
  job->out->full_width = (int32_t)full[0];
  job->out->full_height = (int32_t)full[1];
  choose_scale(job);
  const uint64_t size[2] = {job->info.output_width, job->info.output_height};
  status = mn_decoded_reserve(job->out, job->in, size, 3, job->err);
  if (status) give_up(job, status);
  read_orientation(job);
  int components = job->info.num_components;
  if (components != 1 && components != 3 && components != 4) {
    mn_fail(job->err, MN_ERR_UNSUPPORTED, job->in->name,
            "JPEG: %d components, expected 1 (gray), 3 (colour) or 4 (CMYK)", components);
    give_up(job, MN_ERR_UNSUPPORTED);
  }
  job->info.out_color_space = components == 4 ? JCS_CMYK : JCS_RGB;
  if (components != 4) return;
  job->cmyk = mn_alloc((size_t)job->out->width * 4);
  if (!job->cmyk) give_up(job, mn_fail_memory(job->err, (size_t)job->out->width * 4));
}

/* A file cut between two scans decodes without a complaint, to a blurred or gray picture. */
static void require_all_scans(jpeg_job *job) {
  if (!job->ran_out || !jpeg_has_multiple_scans(&job->info)) return;
  bool complete = job->info.progressive_mode && job->info.coef_bits;
  for (int c = 0; complete && c < job->info.num_components; ++c) {
    for (int k = 0; k < DCTSIZE2; ++k) complete = complete && job->info.coef_bits[c][k] == 0;
  }
  if (complete) return;
  give_up(job, mn_fail(job->err, MN_ERR_FORMAT, job->in->name,
                       "the JPEG file is truncated: it ends after %zu bytes, before its last scan",
                       job->in->size));
}

/* round(a * b / 255) */
static unsigned multiply(unsigned a, unsigned b) {
  unsigned t = a * b + 128;
  return (t + (t >> 8)) >> 8;
}

/* Inverted CMYK: 255 is no ink. */
static void cmyk_row_to_rgb(const uint8_t *cmyk, uint8_t *rgb, int32_t width) {
  for (int32_t x = 0; x < width; ++x, cmyk += 4, rgb += 3) {
    unsigned light = cmyk[3];
    for (int c = 0; c < 3; ++c) rgb[c] = (uint8_t)(light - multiply(255u - cmyk[c], light));
  }
}

static void read_rows(jpeg_job *job) {
  jpeg_start_decompress(&job->info);
  require_all_scans(job);
  size_t row_bytes = (size_t)job->out->width * 3;
  while (job->info.output_scanline < job->info.output_height) {
    uint8_t *to = job->out->pixels + job->info.output_scanline * row_bytes;
    JSAMPROW row = job->cmyk ? job->cmyk : to;
    if (jpeg_read_scanlines(&job->info, &row, 1) != 1) continue;
    if (job->cmyk) cmyk_row_to_rgb(job->cmyk, to, job->out->width);
  }
}

static void run(jpeg_job *job) {
  if (setjmp(job->escape)) return;
  begin(job);
  read_header(job);
  read_rows(job);
}

mn_status mn_jpeg_decode(mn_decoded *out, const mn_encoded *in, mn_error *err) {
  jpeg_job job = {.in = in, .out = out, .err = err};
  run(&job);
  jpeg_destroy_decompress(&job.info);
  mn_free(job.cmyk);
  return job.status;
}
