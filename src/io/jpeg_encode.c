/* SPDX-License-Identifier: Apache-2.0
 * Pixels as a JPEG file in memory, by libjpeg-turbo: what pages show of pictures. */
#include <setjmp.h>
#include <stdio.h>
#include <string.h>

/* jpeglib.h needs stdio.h before it. */
#include <jpeglib.h>

#include "base/alloc.h"
#include "base/error.h"
#include "mobilenet/io.h"

enum { FIRST_BYTES = 1 << 14, MOST_SIDE = 65500 };

typedef struct encoding {
  struct jpeg_compress_struct info;
  struct jpeg_error_mgr errors;
  struct jpeg_destination_mgr sink;
  jmp_buf escape;
  unsigned char *bytes;
  size_t capacity;
} encoding;

static void fail(j_common_ptr info) { longjmp(((encoding *)info->client_data)->escape, 1); }

static void say_nothing(j_common_ptr info) { (void)info; }

/* Twice the room, what is there stays. */
static boolean grow(j_compress_ptr info) {
  encoding *e = info->client_data;
  const size_t used = e->capacity;
  const size_t capacity = used ? 2 * used : FIRST_BYTES;
  unsigned char *more = mn_alloc(capacity);
  if (!more) fail((j_common_ptr)info);
  if (used) memcpy(more, e->bytes, used);
  mn_free(e->bytes);
  e->bytes = more;
  e->capacity = capacity;
  e->sink.next_output_byte = more + used;
  e->sink.free_in_buffer = capacity - used;
  return TRUE;
}

static void begin(j_compress_ptr info) { grow(info); }

static void end(j_compress_ptr info) { (void)info; }

static void compress(encoding *e, const mn_image *image, int quality) {
  e->info.image_width = (JDIMENSION)image->width;
  e->info.image_height = (JDIMENSION)image->height;
  e->info.input_components = 3;
  e->info.in_color_space = JCS_RGB;
  jpeg_set_defaults(&e->info);
  jpeg_set_quality(&e->info, quality, TRUE);
  jpeg_start_compress(&e->info, TRUE);
  while (e->info.next_scanline < e->info.image_height) {
    /* The interface lacks a const: rows are read. */
    JSAMPROW row = (JSAMPROW)(uintptr_t)(image->pixels + e->info.next_scanline * image->stride);
    jpeg_write_scanlines(&e->info, &row, 1);
  }
  jpeg_finish_compress(&e->info);
}

mn_status mn_jpeg_encode(const mn_image *image, int quality, unsigned char **bytes, size_t *size,
                         mn_error *err) {
  *bytes = NULL;
  *size = 0;
  mn_error_clear(err);
  if (image->width < 1 || image->height < 1 || image->width > MOST_SIDE ||
      image->height > MOST_SIDE) {
    return mn_fail(err, MN_ERR_ARGUMENT, "jpeg", "%d x %d, expected sides of 1 to %d", image->width,
                   image->height, (int)MOST_SIDE);
  }
  encoding *e = mn_alloc_zero(sizeof *e);
  if (!e) return mn_fail_memory(err, sizeof *e);
  e->info.err = jpeg_std_error(&e->errors);
  e->errors.error_exit = fail;
  e->errors.output_message = say_nothing;
  e->info.client_data = e;
  mn_status status = MN_OK;
  if (setjmp(e->escape)) {
    status = mn_fail_memory(err, e->capacity); /* nothing else can go wrong with plain pixels */
  } else {
    jpeg_create_compress(&e->info);
    e->sink.init_destination = begin;
    e->sink.empty_output_buffer = grow;
    e->sink.term_destination = end;
    e->info.dest = &e->sink;
    compress(e, image, quality);
  }
  jpeg_destroy_compress(&e->info);
  *size = e->capacity - e->sink.free_in_buffer;
  *bytes = e->bytes;
  if (status) {
    mn_jpeg_free(e->bytes);
    *bytes = NULL;
  }
  mn_free(e);
  return status;
}

void mn_jpeg_free(unsigned char *bytes) { mn_free(bytes); }
