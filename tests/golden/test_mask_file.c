/* SPDX-License-Identifier: Apache-2.0
 * Masks keep the samples of gray and palette PNG files, of every depth up to 8 bits, interlaced or
 * not, with transparency or not (tests/oracle/mask_goldens.py); other files are refused. */
#include <inttypes.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "mobilenet/io.h"

static const char *picture(const char *name) {
  static char path[512];
  snprintf(path, sizeof path, "%s/golden/pictures/%s", MN_TEST_DIR, name);
  return path;
}

static uint64_t fnv(const uint8_t *bytes, size_t count) {
  uint64_t value = 0xcbf29ce484222325;
  for (size_t i = 0; i < count; ++i) value = (value ^ bytes[i]) * 0x100000001b3;
  return value;
}

static void samples_are_kept(void **state) {
  (void)state;
  char path[512], name[64];
  int width, height, files = 0;
  uint64_t hash;
  snprintf(path, sizeof path, "%s/golden/masks.txt", MN_TEST_DIR);
  FILE *file = fopen(path, "r");
  assert_non_null(file);
  for (; fscanf(file, "%63s %d %d %" SCNx64, name, &width, &height, &hash) == 4; ++files) {
    mn_mask_file *mask;
    mn_error err;
    if (mn_mask_file_read(&mask, picture(name), &err)) fail_msg("%s", err.text);
    int32_t size[2];
    const uint8_t *classes = mn_mask_file_classes(mask, &size[0], &size[1]);
    assert_int_equal(size[0], width);
    assert_int_equal(size[1], height);
    if (fnv(classes, (size_t)width * (size_t)height) != hash) fail_msg("%s differs", name);
    mn_mask_file_free(mask);
  }
  assert_int_equal(files, 26);
  fclose(file);
}

static void other_files_are_refused(void **state) {
  (void)state;
  static const struct {
    const char *name, *words;
    mn_status status;
  } refused[] = {
      {"png_rgb8.png", "3 channels of 8 bits; expected a palette or gray", MN_ERR_UNSUPPORTED},
      {"png_gray16.png", "1 channel of 16 bits", MN_ERR_UNSUPPORTED},
      {"png_gray_alpha8.png", "2 channels of 8 bits", MN_ERR_UNSUPPORTED},
      {"jpeg_gray.jpg", "is not a PNG file", MN_ERR_FORMAT},
      {"nothing.png", "No such file", MN_ERR_IO},
  };
  for (size_t i = 0; i < sizeof refused / sizeof *refused; ++i) {
    mn_mask_file *mask;
    mn_error err;
    assert_int_equal(mn_mask_file_read(&mask, picture(refused[i].name), &err), refused[i].status);
    assert_null(mask);
    if (!strstr(err.text, refused[i].words)) fail_msg("'%s'", err.text);
  }
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(samples_are_kept),
      cmocka_unit_test(other_files_are_refused),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
