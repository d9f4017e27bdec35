/* SPDX-License-Identifier: Apache-2.0
 * Drawing on photos: colors that can be told apart and read, labels inside the picture and off
 * each other, what is not drawn on left as it was, on photos of every kind and size. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "draw.h"
#include "label_place.h"
#include "mobilenet/io.h"
#include "png_file.h"

static const char drawn[] = "test_draw.png";
static uint32_t seed = 1;

static double random_share(void) {
  seed = seed * 1664525u + 1013904223u;
  return (seed >> 8) / 16777216.0;
}

/* ---- Colors --------------------------------------------------------------------------------- */

/* What a person without red (protan) or green cones sees, as display values. Vienot, Brettel,
 * Mollon, "Digital video colourmaps for checking the legibility of displays by dichromats",
 * 1999. */
static void seen_by_dichromat(palette_color color, bool protan, double seen[2]) {
  const double r = pow(color.red / 255.0, 2.2), g = pow(color.green / 255.0, 2.2);
  const double b = pow(color.blue / 255.0, 2.2);
  const double yellow = protan ? 0.11238 * r + 0.88762 * g : 0.29275 * r + 0.70725 * g;
  const double blue = protan ? 0.00401 * r - 0.00401 * g + b : -0.02234 * r + 0.02234 * g + b;
  seen[0] = pow(yellow, 1 / 2.2);
  seen[1] = pow(fmax(blue, 0), 1 / 2.2);
}

static void first_colors_differ_for_every_eye(void **state) {
  (void)state;
  for (int protan = 0; protan < 2; protan++) {
    for (int i = 0; i < 7; i++) {
      for (int j = 0; j < i; j++) {
        double a[2], b[2];
        seen_by_dichromat(palette_class_color(i), protan, a);
        seen_by_dichromat(palette_class_color(j), protan, b);
        /* a tenth of the range, in one of the two dimensions that are left */
        assert_true(fmax(fabs(a[0] - b[0]), fabs(a[1] - b[1])) > 0.1);
      }
    }
  }
}

static void colors_are_distinct_and_legible(void **state) {
  (void)state;
  for (int i = 0; i < 256; i++) {
    const palette_color color = palette_class_color(i);
    /* WCAG AA asks 4.5 of text */
    assert_true(palette_contrast(color, palette_text_color(color)) >= 4.5);
    for (int j = 0; j < i; j++) {
      const palette_color other = palette_class_color(j);
      assert_true(memcmp(&color, &other, sizeof color) != 0);
    }
  }
  assert_float_equal(palette_contrast((palette_color){0, 0, 0}, (palette_color){255, 255, 255}), 21,
                     1e-9);
}

/* ---- Labels --------------------------------------------------------------------------------- */

static void a_label_stands_on_its_box(void **state) {
  (void)state;
  const place_rect box = {100, 100, 200, 150};
  place_rect label = {0, 0, 80, 20};
  place_labels(&(place_scene){640, 480, &box, &label, 1});
  assert_float_equal(label.x, 100, 0);
  assert_float_equal(label.y, 80, 0);
}

static void a_box_at_the_top_has_its_label_within(void **state) {
  (void)state;
  const place_rect box = {0, 0, 640, 480};
  place_rect label = {0, 0, 80, 20};
  place_labels(&(place_scene){640, 480, &box, &label, 1});
  assert_float_equal(label.x, 0, 0);
  assert_float_equal(label.y, 0, 0);
}

enum { MANY = 20 };

static void random_scene(place_rect *boxes, place_rect *labels, int count) {
  for (int i = 0; i < count; i++) {
    const double width = 5 + 300 * random_share(), height = 5 + 300 * random_share();
    boxes[i] = (place_rect){(640 - width) * random_share(), (480 - height) * random_share(), width,
                            height};
    labels[i] = (place_rect){0, 0, 30 + 90 * random_share(), 20};
  }
}

static void labels_stay_inside_and_apart(void **state) {
  (void)state;
  for (int scene = 0; scene < 500; scene++) {
    place_rect boxes[MANY], labels[MANY];
    const int count = 1 + scene % MANY;
    random_scene(boxes, labels, count);
    place_labels(&(place_scene){640, 480, boxes, labels, count});
    for (int i = 0; i < count; i++) {
      assert_true(labels[i].x >= 0 && labels[i].x + labels[i].width <= 640);
      assert_true(labels[i].y >= 0 && labels[i].y + labels[i].height <= 480);
      for (int j = 0; j < i; j++) assert_true(place_shared_area(labels[i], labels[j]) < 1e-9);
    }
  }
}

/* The same object found six times: each label still has a place of its own. */
static void labels_of_equal_boxes_are_stacked(void **state) {
  (void)state;
  place_rect boxes[6], labels[6];
  for (int i = 0; i < 6; i++) {
    boxes[i] = (place_rect){200, 100, 150, 200};
    labels[i] = (place_rect){0, 0, 120, 20};
  }
  place_labels(&(place_scene){640, 480, boxes, labels, 6});
  for (int i = 0; i < 6; i++) {
    for (int j = 0; j < i; j++) assert_true(place_shared_area(labels[i], labels[j]) < 1e-9);
  }
}

/* ---- Photos --------------------------------------------------------------------------------- */

typedef enum photo_kind { DARK, BRIGHT, BUSY } photo_kind;

static mn_image make_photo(int width, int height, photo_kind kind) {
  const size_t size = 3 * (size_t)width * (size_t)height;
  uint8_t *pixels = malloc(size);
  assert_non_null(pixels);
  for (size_t i = 0; i < size; i++) {
    pixels[i] = kind == DARK ? 0 : kind == BRIGHT ? 255 : (uint8_t)(256 * random_share());
  }
  return (mn_image){pixels, width, height, 3 * (size_t)width};
}

static mn_picture *read_drawn(void) {
  mn_picture *picture = NULL;
  mn_error err = {MN_OK, "", ""};
  assert_int_equal(mn_picture_read(&picture, drawn, NULL, &err), MN_OK);
  return picture;
}

static int count_pixels(const mn_image *image, palette_color color) {
  int count = 0;
  for (int y = 0; y < image->height; y++) {
    const uint8_t *row = image->pixels + (size_t)y * image->stride;
    for (int x = 0; x < image->width; x++) count += memcmp(row + 3 * x, &color, 3) == 0;
  }
  return count;
}

static mn_picture *draw_one(const mn_image *photo, palette_color color) {
  const float w = (float)photo->width, h = (float)photo->height;
  const draw_object object = {{0.2f * w, 0.3f * h, 0.8f * w, 0.9f * h}, color, "person 87%"};
  draw_canvas *canvas = draw_canvas_new(photo, "photo");
  assert_non_null(canvas);
  assert_true(draw_objects(canvas, &object, 1));
  assert_true(draw_canvas_write(canvas, drawn));
  draw_canvas_free(canvas);
  return read_drawn();
}

/* Line and plate show in the class's own color, and letters on the plate in black or white,
 * whatever lies below. */
static void boxes_and_labels_show_on_every_photo(void **state) {
  (void)state;
  static const int sizes[][2] = {{64, 64}, {200, 120}, {640, 480}, {2000, 1500}};
  for (int size = 0; size < 4; size++) {
    for (int kind = DARK; kind <= BUSY; kind++) {
      const mn_image photo = make_photo(sizes[size][0], sizes[size][1], (photo_kind)kind);
      const palette_color color = palette_class_color(size);
      mn_picture *picture = draw_one(&photo, color);
      const mn_image *image = mn_picture_image(picture);
      const double area = (double)image->width * image->height;
      const int own = count_pixels(image, color);
      assert_int_equal(image->width % photo.width, 0);
      assert_int_equal(image->width / photo.width, image->height / photo.height);
      assert_true(own > image->width + image->height && own < 0.2 * area);
      mn_picture_free(picture);
      free((void *)(uintptr_t)photo.pixels);
    }
  }
}

static void the_rest_of_the_photo_is_left_alone(void **state) {
  (void)state;
  const mn_image photo = make_photo(640, 480, BUSY);
  mn_picture *picture = draw_one(&photo, palette_class_color(0));
  const mn_image *image = mn_picture_image(picture);
  int differ = 0;
  assert_int_equal(image->width, 640);
  for (int y = 0; y < 480; y++) {
    const uint8_t *a = photo.pixels + (size_t)y * photo.stride;
    const uint8_t *b = image->pixels + (size_t)y * image->stride;
    if (y < 100 || y > 440) assert_memory_equal(a, b, 640 * 3);
    for (int x = 0; x < 640; x++) differ += memcmp(a + 3 * x, b + 3 * x, 3) != 0;
  }
  assert_true(differ > 3000 && differ < 30000);
  mn_picture_free(picture);
  free((void *)(uintptr_t)photo.pixels);
}

static void odd_sizes_and_texts_are_drawn(void **state) {
  (void)state;
  static const int sizes[][2] = {{1, 1}, {1, 3000}, {5000, 2}, {33, 47}};
  static const char *const texts[] = {"", "\xff\xfe\x01", "\xec\x82\xac\xeb\x9e\x8c 12%",
                                      "a label far too long for any picture that it may meet"};
  for (int i = 0; i < 16; i++) {
    const mn_image photo = make_photo(sizes[i % 4][0], sizes[i % 4][1], BUSY);
    const draw_object objects[] = {{{0, 0, 0, 0}, palette_class_color(0), texts[i / 4]},
                                   {{-9, -9, 1e9f, 1e9f}, palette_class_color(1), texts[i / 4]}};
    draw_canvas *canvas = draw_canvas_new(&photo, "photo");
    assert_non_null(canvas);
    assert_true(draw_objects(canvas, objects, 2));
    assert_true(draw_legend(canvas, &(draw_legend_entry){{1, 2, 3}, texts[i / 4]}, 1));
    assert_true(draw_canvas_write(canvas, drawn));
    draw_canvas_free(canvas);
    free((void *)(uintptr_t)photo.pixels);
  }
}

static void an_overlay_blends_by_value(void **state) {
  (void)state;
  const mn_image photo = make_photo(300, 200, BRIGHT);
  uint8_t *values = calloc(300 * 200, 1);
  draw_tint tints[256] = {{{0, 0, 0}, 0}, {{10, 20, 30}, 255}, {{0, 0, 0}, 128}};
  assert_non_null(values);
  memset(values + 300 * 50, 1, 300 * 50);
  memset(values + 300 * 100, 2, 300 * 100);
  draw_canvas *canvas = draw_canvas_new(&photo, "photo");
  assert_non_null(canvas);
  draw_overlay(canvas, &(draw_map){values, 300, tints, false});
  assert_true(draw_legend(canvas, &(draw_legend_entry){{10, 20, 30}, "one"}, 1));
  assert_true(draw_canvas_write(canvas, drawn));
  draw_canvas_free(canvas);
  mn_picture *picture = read_drawn();
  const mn_image *image = mn_picture_image(picture);
  assert_int_equal(image->width, 300);
  assert_true(image->height > 212 && image->height < 240);
  const uint8_t *pixels = image->pixels;
  assert_int_equal(pixels[image->stride * 49], 255);
  assert_int_equal(pixels[image->stride * 50], 10);
  assert_int_equal(pixels[image->stride * 99 + 2], 30);
  assert_int_equal(pixels[image->stride * 100], 127);
  mn_picture_free(picture);
  free(values);
  free((void *)(uintptr_t)photo.pixels);
}

static void indices_are_written_as_a_palette(void **state) {
  (void)state;
  const uint8_t indices[] = {0, 1, 2, 2, 1, 0};
  const palette_color palette[] = {{0, 0, 0}, {10, 200, 30}, {250, 0, 9}};
  assert_true(png_file_write(drawn, &(png_pixels){indices, 3, 3, 2, palette, 3}));
  mn_picture *picture = read_drawn();
  const mn_image *image = mn_picture_image(picture);
  for (int i = 0; i < 6; i++) {
    const uint8_t *pixel = image->pixels + (size_t)(i / 3) * image->stride + 3 * (i % 3);
    assert_memory_equal(pixel, &palette[indices[i]], 3);
  }
  mn_picture_free(picture);
}

static void what_cannot_be_written_leaves_nothing(void **state) {
  (void)state;
  const uint8_t index = 0;
  const palette_color black = {0, 0, 0};
  const png_pixels pixels = {&index, 1, 1, 1, &black, 1};
  assert_false(png_file_write("no/such/folder/a.png", &pixels));
  assert_false(png_file_write(".", &pixels)); /* the rename fails */
  char beside[64];
  snprintf(beside, sizeof beside, "..%ld.part", (long)getpid());
  assert_int_not_equal(access(beside, F_OK), 0);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(first_colors_differ_for_every_eye),
      cmocka_unit_test(colors_are_distinct_and_legible),
      cmocka_unit_test(a_label_stands_on_its_box),
      cmocka_unit_test(a_box_at_the_top_has_its_label_within),
      cmocka_unit_test(labels_stay_inside_and_apart),
      cmocka_unit_test(labels_of_equal_boxes_are_stacked),
      cmocka_unit_test(boxes_and_labels_show_on_every_photo),
      cmocka_unit_test(the_rest_of_the_photo_is_left_alone),
      cmocka_unit_test(odd_sizes_and_texts_are_drawn),
      cmocka_unit_test(an_overlay_blends_by_value),
      cmocka_unit_test(indices_are_written_as_a_palette),
      cmocka_unit_test(what_cannot_be_written_leaves_nothing),
  };
  const int failed = cmocka_run_group_tests(tests, NULL, NULL);
  unlink(drawn);
  return failed;
}
