/* SPDX-License-Identifier: Apache-2.0
 * Every augmentation of pixels against torchvision's and Pillow's: the same bytes
 * (tests/oracle/augment_goldens.py). */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "../made_picture.h"
#include "train/levels.h"
#include "train/rand_augment.h"
#include "train/warp.h"

static const uint8_t outside[3] = {9, 8, 7};
static mn_workspace space;

/* Numbers of a line, as many as the operation has. */
typedef struct numbers {
  double at[6];
  int count;
} numbers;

static bool change_levels(mn_canvas *canvas, const char *op, const numbers *n) {
  if (!strcmp(op, "brightness")) {
    mn_adjust_brightness(canvas, n->at[0]);
  } else if (!strcmp(op, "contrast")) {
    mn_adjust_contrast(canvas, n->at[0]);
  } else if (!strcmp(op, "saturation")) {
    mn_adjust_saturation(canvas, n->at[0]);
  } else if (!strcmp(op, "hue")) {
    mn_adjust_hue(canvas, n->at[0]);
  } else if (!strcmp(op, "posterize")) {
    mn_posterize(canvas, (int)n->at[0]);
  } else if (!strcmp(op, "solarize")) {
    mn_solarize(canvas, n->at[0]);
  } else if (!strcmp(op, "autocontrast")) {
    mn_autocontrast(canvas);
  } else if (!strcmp(op, "equalize")) {
    mn_equalize(canvas);
  } else {
    return false;
  }
  return true;
}

static void change(mn_canvas *canvas, const char *op, const numbers *n) {
  if (change_levels(canvas, op, n)) return;
  if (!strcmp(op, "sharpness")) {
    assert_int_equal(mn_adjust_sharpness(canvas, n->at[0], &space, NULL), MN_OK);
  } else if (!strcmp(op, "rotate")) {
    const mn_warp warp = mn_warp_rotation(n->at[0], (mn_size){canvas->width, canvas->height});
    assert_int_equal(mn_warp_picture(canvas, &warp, outside, &space, NULL), MN_OK);
  } else if (!strcmp(op, "affine")) {
    mn_warp warp;
    memcpy(warp.m, n->at, sizeof warp.m);
    assert_int_equal(mn_warp_picture(canvas, &warp, outside, &space, NULL), MN_OK);
  } else if (!strcmp(op, "flip")) {
    mn_flip_picture(canvas);
  } else {
    const mn_rand_step step = {(mn_rand_op)n->at[0], (int)n->at[1], n->at[2] > 0};
    assert_string_equal(op, "rand");
    assert_int_equal(mn_rand_apply(&step, canvas, outside, &space, NULL), MN_OK);
  }
}

/* "op number... hash" into its parts. */
static void split_line(char *text, char op[16], numbers *n, unsigned long long *hash) {
  char *parts[9] = {0}, *at = strtok(text, " \n");
  int count = 0;
  for (; at && count < 9; at = strtok(NULL, " \n")) parts[count++] = at;
  assert_true(parts[0] && count >= 2);
  strncpy(op, parts[0], 15);
  n->count = count - 2;
  for (int i = 0; i < n->count; ++i) n->at[i] = strtod(parts[i + 1], NULL);
  *hash = strtoull(parts[count - 1], NULL, 16);
}

static int check_line(const char *line) {
  char text[200], op[16] = "";
  int width, height, kind, rest = 0;
  unsigned seed;
  numbers n = {0};
  unsigned long long hash;
  sscanf(line, "%d %d %u %d %n", &width, &height, &seed, &kind, &rest);
  snprintf(text, sizeof text, "%s", line + rest);
  split_line(text, op, &n, &hash);
  mn_canvas canvas = {make_picture(width, height, seed, kind), width, height};
  change(&canvas, op, &n);
  const bool right = fnv(canvas.pixels, (size_t)width * (size_t)height * 3) == hash;
  if (!right) print_message("differs: %s", line);
  free(canvas.pixels);
  return !right;
}

static int check_crop(const char *line) {
  int w, h, x, y, cw, ch, ow, oh;
  unsigned seed;
  unsigned long long pixels_hash, mask_hash;
  sscanf(line, "%d %d %d %d %d %d %d %d %u crop %llx %llx", &w, &h, &x, &y, &cw, &ch, &ow, &oh,
         &seed, &pixels_hash, &mask_hash);
  uint8_t *pixels = make_picture(w, h, seed, (int)(seed % 3));
  uint8_t *mask = malloc((size_t)w * (size_t)h), out[64 * 64 * 3], classes[64 * 64];
  assert_non_null(mask);
  for (int i = 0; i < w * h; ++i) mask[i] = pixels[i * 3];
  const mn_image picture = {pixels, w, h, (size_t)w * 3};
  const mn_placement view = {.crop = {x, y, cw, ch}, .resized = {ow, oh}, .window = {0, 0, ow, oh}};
  const mn_view_paint paint = {.method = MN_RESIZE_PILLOW_BILINEAR};
  mn_canvas canvas = {out, ow, oh};
  mn_classes target = {classes, ow, oh};
  assert_int_equal(mn_view_picture(&view, &picture, &paint, &space, &canvas, NULL), MN_OK);
  mn_view_mask(&view, mask, (mn_size){w, h}, 255, &target);
  const bool right = fnv(out, (size_t)ow * (size_t)oh * 3) == pixels_hash &&
                     fnv(classes, (size_t)ow * (size_t)oh) == mask_hash;
  if (!right) print_message("differs: %s", line);
  free(pixels);
  free(mask);
  return !right;
}

static void as_torchvision_and_pillow(void **state) {
  (void)state;
  char path[512], line[200];
  int lines = 0, wrong = 0;
  snprintf(path, sizeof path, "%s/golden/augment.txt", MN_TEST_DIR);
  FILE *file = fopen(path, "r");
  assert_non_null(file);
  while (fgets(line, sizeof line, file)) {
    if (line[0] == '#') continue;
    wrong += strstr(line, " crop ") ? check_crop(line) : check_line(line);
    lines++;
  }
  fclose(file);
  mn_workspace_free(&space);
  assert_true(lines > 900);
  assert_int_equal(wrong, 0);
}

int main(void) {
  const struct CMUnitTest tests[] = {cmocka_unit_test(as_torchvision_and_pillow)};
  return cmocka_run_group_tests(tests, NULL, NULL);
}
