/* SPDX-License-Identifier: Apache-2.0
 * PNG through libpng, compressed for speed: what is drawn on a photo is looked at, not archived. */
#include "png_file.h"

#include <png.h>
#include <setjmp.h>
#include <stdlib.h>

#include "message.h"
#include "new_file.h"

enum { FAST = 3 };

typedef struct png_job {
  png_structp png;
  png_infop info;
  uint8_t *row; /* [width][3] */
} png_job;

/* A failed write shows in the file itself, where new_file_end finds its reason. */
static void on_error(png_structp png, png_const_charp text) {
  (void)text;
  longjmp(png_jmpbuf(png), 1);
}

static void on_warning(png_structp png, png_const_charp text) {
  (void)png;
  (void)text;
}

static void write_header(const png_job *job, const png_pixels *pixels) {
  const int type = pixels->palette ? PNG_COLOR_TYPE_PALETTE : PNG_COLOR_TYPE_RGB;
  png_set_compression_level(job->png, FAST);
  png_set_filter(job->png, 0, pixels->palette ? PNG_FILTER_NONE : PNG_FILTER_SUB);
  png_set_IHDR(job->png, job->info, (png_uint_32)pixels->width, (png_uint_32)pixels->height, 8,
               type, PNG_INTERLACE_NONE, PNG_COMPRESSION_TYPE_DEFAULT, PNG_FILTER_TYPE_DEFAULT);
  if (pixels->palette) {
    png_color colors[PNG_MAX_PALETTE_LENGTH];
    for (int i = 0; i < pixels->palette_count; i++) {
      colors[i] =
          (png_color){pixels->palette[i].red, pixels->palette[i].green, pixels->palette[i].blue};
    }
    png_set_PLTE(job->png, job->info, colors, pixels->palette_count);
  }
  png_write_info(job->png, job->info);
}

static void write_rows(const png_job *job, const png_pixels *pixels) {
  for (int y = 0; y < pixels->height; y++) {
    const uint8_t *row = (const uint8_t *)pixels->rows + (size_t)y * pixels->stride;
    if (!pixels->palette) {
      const uint32_t *words = (const uint32_t *)(const void *)row;
      for (int x = 0; x < pixels->width; x++) {
        job->row[3 * x] = (uint8_t)(words[x] >> 16);
        job->row[3 * x + 1] = (uint8_t)(words[x] >> 8);
        job->row[3 * x + 2] = (uint8_t)words[x];
      }
      row = job->row;
    }
    png_write_row(job->png, row);
  }
}

/* Has no variables of its own: a failure comes back here by longjmp. */
static bool write_all(const png_job *job, const png_pixels *pixels, FILE *file) {
  if (setjmp(png_jmpbuf(job->png))) return false;
  png_init_io(job->png, file);
  write_header(job, pixels);
  write_rows(job, pixels);
  png_write_end(job->png, job->info);
  return true;
}

bool png_file_write(const char *path, const png_pixels *pixels) {
  png_job job = {0};
  new_file out;
  bool done = false;
  job.png = png_create_write_struct(PNG_LIBPNG_VER_STRING, NULL, on_error, on_warning);
  job.info = job.png ? png_create_info_struct(job.png) : NULL;
  job.row = malloc(3 * (size_t)pixels->width);
  if (!job.info || !job.row) {
    say_out_of_memory();
  } else if (new_file_begin(&out, path)) {
    done = new_file_end(&out, write_all(&job, pixels, out.file));
  }
  png_destroy_write_struct(&job.png, &job.info);
  free(job.row);
  return done;
}
