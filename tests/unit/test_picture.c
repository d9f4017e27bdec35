/* SPDX-License-Identifier: Apache-2.0
 * Picture files of every kind against the pixels that they must decode to
 * (tests/oracle/picture_goldens.py), then the same files cut at every length and with every byte
 * changed, the size limit, and the sentences of what is refused. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "mobilenet/io.h"

#define PICTURES MN_TEST_DIR "/golden/pictures/"

typedef struct sample {
  char name[80];
  int width, height;
  unsigned long long hash;
} sample;

static unsigned long long fnv(const uint8_t *bytes, size_t size) {
  unsigned long long value = 0xcbf29ce484222325u;
  for (size_t i = 0; i < size; ++i) value = (value ^ bytes[i]) * 0x100000001b3u;
  return value;
}

static FILE *open_index(void) {
  FILE *index = fopen(PICTURES "index.txt", "r");
  assert_non_null(index);
  return index;
}

static bool next_sample(FILE *index, sample *s) {
  char line[200];
  while (fgets(line, sizeof line, index)) {
    if (line[0] == '#') continue;
    int got = sscanf(line, "%79s %d %d %llx", s->name, &s->width, &s->height, &s->hash);
    assert_int_equal(got, 4);
    return true;
  }
  return false;
}

static uint8_t *load(const char *name, size_t *size) {
  char path[512];
  snprintf(path, sizeof path, PICTURES "%s", name);
  FILE *file = fopen(path, "rb");
  if (!file) fail_msg("%s is missing", path);
  fseek(file, 0, SEEK_END);
  *size = (size_t)ftell(file);
  rewind(file);
  uint8_t *bytes = malloc(*size);
  assert_int_equal(fread(bytes, 1, *size, file), *size);
  fclose(file);
  return bytes;
}

static void decodes_every_sample(void **state) {
  (void)state;
  FILE *index = open_index();
  sample s;
  int count = 0;
  for (; next_sample(index, &s); ++count) {
    char path[512];
    snprintf(path, sizeof path, PICTURES "%s", s.name);
    mn_picture *picture;
    mn_error err;
    if (mn_picture_read(&picture, path, NULL, &err)) fail_msg("%s", err.text);
    const mn_image *image = mn_picture_image(picture);
    if (image->width != s.width || image->height != s.height) {
      fail_msg("%s: %d x %d, expected %d x %d", s.name, image->width, image->height, s.width,
               s.height);
    }
    assert_int_equal(image->stride, (size_t)s.width * 3);
    if (fnv(image->pixels, image->stride * (size_t)s.height) != s.hash) {
      fail_msg("%s: the pixels differ", s.name);
    }
    mn_picture_free(picture);
  }
  fclose(index);
  assert_in_range(count, 90, 1000);
}

/* The decoder gets a block of exactly the bytes that are left, so that a sanitizer sees any read
 * beyond. Samples whose picture is whole without their last bytes may decode at those lengths. */
static void every_cut_is_an_error_or_a_picture(void **state) {
  (void)state;
  FILE *index = open_index();
  sample s;
  while (next_sample(index, &s)) {
    size_t size;
    uint8_t *bytes = load(s.name, &size);
    for (size_t cut = 0; cut < size; ++cut) {
      uint8_t *part = malloc(cut ? cut : 1);
      memcpy(part, bytes, cut);
      mn_picture *picture;
      mn_error err;
      mn_status status = mn_picture_decode(&picture, part, cut, s.name, NULL, &err);
      assert_true(status ? picture == NULL : picture != NULL);
      if (status) assert_non_null(strstr(err.text, s.name));
      if (!status && cut < size * 3 / 4) fail_msg("%s: %zu of %zu bytes pass", s.name, cut, size);
      mn_picture_free(picture);
      free(part);
    }
    free(bytes);
  }
  fclose(index);
}

static void every_changed_byte_is_an_error_or_a_picture(void **state) {
  (void)state;
  FILE *index = open_index();
  sample s;
  int refused = 0;
  mn_picture_options options = {.struct_size = sizeof options, .max_pixels = 1 << 20};
  while (next_sample(index, &s)) {
    size_t size;
    uint8_t *bytes = load(s.name, &size);
    for (size_t at = 0; at < size; ++at) {
      static const uint8_t changes[] = {0x01, 0x80, 0xff};
      uint8_t change = changes[at % 3];
      bytes[at] ^= change;
      mn_picture *picture;
      mn_status status = mn_picture_decode(&picture, bytes, size, s.name, &options, NULL);
      refused += status != MN_OK;
      assert_true(status ? picture == NULL : picture != NULL);
      mn_picture_free(picture);
      bytes[at] ^= change;
    }
    free(bytes);
  }
  fclose(index);
  assert_in_range(refused, 1000, 1000000);
}

static void bytes_after_the_end_change_nothing(void **state) {
  (void)state;
  static const uint8_t tail[7] = {0xff, 0xd8, 'P', '6', 0, 9, 0xff};
  FILE *index = open_index();
  sample s;
  while (next_sample(index, &s)) {
    size_t size;
    uint8_t *bytes = load(s.name, &size);
    bytes = realloc(bytes, size + sizeof tail);
    memcpy(bytes + size, tail, sizeof tail);
    mn_picture *picture;
    mn_error err;
    if (!strcmp(s.name, "jpeg_no_end_marker.jpg")) {
      free(bytes);
      continue;
    }
    if (mn_picture_decode(&picture, bytes, size + sizeof tail, s.name, NULL, &err)) {
      fail_msg("%s", err.text);
    }
    const mn_image *image = mn_picture_image(picture);
    if (fnv(image->pixels, image->stride * (size_t)image->height) != s.hash) {
      fail_msg("%s: the pixels differ", s.name);
    }
    mn_picture_free(picture);
    free(bytes);
  }
  fclose(index);
}

static mn_status decode_text(const char *bytes, size_t size, mn_error *err) {
  mn_picture *picture;
  mn_status status = mn_picture_decode(&picture, bytes, size, "x.bin", NULL, err);
  mn_picture_free(picture);
  return status;
}

static void other_types_are_named(void **state) {
  (void)state;
  mn_error err;
  assert_int_equal(decode_text("GIF89a\1\0\1\0", 10, &err), MN_ERR_UNSUPPORTED);
  assert_non_null(strstr(err.text, "x.bin: is a GIF picture"));
  assert_non_null(strstr(err.text, "convert it to PNG"));
  assert_int_equal(decode_text("II*\0\10\0\0\0", 8, &err), MN_ERR_UNSUPPORTED);
  assert_non_null(strstr(err.text, "TIFF"));
  assert_int_equal(decode_text("\0\0\0\x1c"
                               "ftypheic",
                               12, &err),
                   MN_ERR_UNSUPPORTED);
  assert_non_null(strstr(err.text, "HEIC"));
  assert_int_equal(decode_text("hello world", 11, &err), MN_ERR_FORMAT);
  assert_non_null(strstr(err.text, "68 65 6c 6c 6f"));
  assert_int_equal(decode_text("", 0, &err), MN_ERR_FORMAT);
  assert_non_null(strstr(err.text, "empty"));
}

static void the_reason_of_a_damage_is_said(void **state) {
  (void)state;
  static const struct {
    const char *name;
    const char *reason;
  } cases[] = {{"jpeg_420.jpg", "truncated"}, {"jpeg_progressive.jpg", "truncated"},
               {"png_rgb8.png", "truncated"}, {"webp_lossy.webp", "truncated"},
               {"bmp_24.bmp", "truncated"},   {"pnm_rgb_binary_255.ppm", "truncated"}};
  for (size_t i = 0; i < sizeof cases / sizeof *cases; ++i) {
    size_t size;
    uint8_t *bytes = load(cases[i].name, &size);
    mn_picture *picture;
    mn_error err;
    assert_int_equal(mn_picture_decode(&picture, bytes, size * 2 / 3, "p", NULL, &err),
                     MN_ERR_FORMAT);
    if (!strstr(err.text, cases[i].reason)) fail_msg("%s: %s", cases[i].name, err.text);
    free(bytes);
  }
  size_t size;
  uint8_t *bytes = load("png_rgb8.png", &size);
  bytes[60] ^= 1;
  mn_error err;
  mn_picture *picture;
  assert_int_equal(mn_picture_decode(&picture, bytes, size, "p", NULL, &err), MN_ERR_FORMAT);
  assert_non_null(strstr(err.text, "p: PNG: "));
  free(bytes);
}

static void the_limit_comes_before_the_memory(void **state) {
  (void)state;
  static const char *const names[] = {"jpeg_420.jpg", "png_rgb8.png", "webp_lossy.webp",
                                      "bmp_24.bmp", "pnm_rgb_binary_255.ppm"};
  for (size_t i = 0; i < sizeof names / sizeof *names; ++i) {
    size_t size;
    uint8_t *bytes = load(names[i], &size);
    mn_picture_options options = {.struct_size = sizeof options, .max_pixels = 10};
    mn_picture *picture;
    mn_error err;
    assert_int_equal(mn_picture_decode(&picture, bytes, size, "p", &options, &err), MN_ERR_LIMIT);
    assert_non_null(strstr(err.text, "limit of 10"));
    free(bytes);
  }
  static const char huge[] = "P6 2147483647 2147483647 255\n";
  mn_error err;
  assert_int_not_equal(decode_text(huge, sizeof huge - 1, &err), MN_OK);
}

static void a_missing_file_is_named(void **state) {
  (void)state;
  mn_picture *picture;
  mn_error err;
  assert_int_equal(mn_picture_read(&picture, PICTURES "none.jpg", NULL, &err), MN_ERR_IO);
  assert_non_null(strstr(err.text, "none.jpg"));
  assert_null(picture);
  assert_int_equal(mn_picture_read(&picture, PICTURES, NULL, &err), MN_ERR_IO);
  assert_int_equal(mn_picture_read(NULL, PICTURES, NULL, &err), MN_ERR_ARGUMENT);
  assert_int_equal(mn_picture_read(&picture, NULL, NULL, &err), MN_ERR_ARGUMENT);
}

/* JPEG files at a half, a quarter, an eighth: near the means of 2 x 2, 4 x 4, 8 x 8 pixels. */
static void decode_smaller(const char *name, int least_side, int by) {
  size_t size;
  uint8_t *bytes = load(name, &size);
  const mn_picture_options options = {.struct_size = sizeof options, .least_side = least_side};
  mn_picture *full, *small;
  mn_error err;
  assert_int_equal(mn_picture_decode(&full, bytes, size, name, NULL, &err), MN_OK);
  assert_int_equal(mn_picture_decode(&small, bytes, size, name, &options, &err), MN_OK);
  const mn_image *f = mn_picture_image(full), *s = mn_picture_image(small);
  int32_t width, height;
  mn_picture_full_size(small, &width, &height);
  assert_true(width == f->width && height == f->height);
  assert_int_equal(s->width, (f->width + by - 1) / by);
  assert_int_equal(s->height, (f->height + by - 1) / by);
  double differences = 0;
  int count = 0;
  for (int y = 0; y < f->height / by; ++y) {
    for (int x = 0; x < f->width / by * 3; ++x, ++count) {
      int sum = 0;
      for (int i = 0; i < by * by; ++i) {
        sum += f->pixels[(size_t)(y * by + i / by) * f->stride +
                         (size_t)((x / 3 * by + i % by) * 3) + (size_t)(x % 3)];
      }
      differences += abs(sum / (by * by) - s->pixels[(size_t)y * s->stride + (size_t)x]);
    }
  }
  assert_true(count > 0 && differences / count < 8);
  mn_picture_free(full);
  mn_picture_free(small);
  free(bytes);
}

static void jpeg_files_can_be_decoded_smaller(void **state) {
  (void)state;
  static const char *const names[] = {"jpeg_444.jpg",  "jpeg_420.jpg",  "jpeg_progressive.jpg",
                                      "jpeg_gray.jpg", "jpeg_cmyk.jpg", "exif_6.jpg"};
  for (size_t i = 0; i < sizeof names / sizeof *names; ++i) {
    size_t size;
    uint8_t *bytes = load(names[i], &size);
    mn_picture *picture;
    int32_t width, height;
    assert_int_equal(mn_picture_decode(&picture, bytes, size, names[i], NULL, NULL), MN_OK);
    mn_picture_full_size(picture, &width, &height);
    mn_picture_free(picture);
    free(bytes);
    const int shorter = width < height ? width : height;
    decode_smaller(names[i], shorter, 1);
    decode_smaller(names[i], shorter / 2, 2);
    decode_smaller(names[i], shorter / 2 + 1, 1);
    decode_smaller(names[i], shorter / 4, 4);
    decode_smaller(names[i], 1, shorter >= 8 ? 8 : 4);
  }
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(decodes_every_sample),
      cmocka_unit_test(bytes_after_the_end_change_nothing),
      cmocka_unit_test(every_cut_is_an_error_or_a_picture),
      cmocka_unit_test(every_changed_byte_is_an_error_or_a_picture),
      cmocka_unit_test(other_types_are_named),
      cmocka_unit_test(the_reason_of_a_damage_is_said),
      cmocka_unit_test(the_limit_comes_before_the_memory),
      cmocka_unit_test(jpeg_files_can_be_decoded_smaller),
      cmocka_unit_test(a_missing_file_is_named),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
