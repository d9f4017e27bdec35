/* SPDX-License-Identifier: Apache-2.0
 * Batches: the same bytes for any number of threads, batches ahead, memory to keep pictures in, and
 * wherever one begins; every picture once an epoch; as inference where nothing is augmented; shared
 * among machines; with boxes and masks that stay with their pixels. */
#define _POSIX_C_SOURCE 200809L
#include "../made_picture.h"
#include "../temp_folder.h"
#include "image/preprocess.h"
#include "train/feed.h"

enum { H = 20, W = 24, CLASSES = 3, BATCH = 6, FLOATS = H * W * 3 };

static mn_error last;
static mn_contract contract;

static void put_ppm(const char *path, int width, int height, const uint8_t *pixels) {
  temp_put(path, "");
  FILE *file = fopen(temp_path(path), "wb");
  assert_non_null(file);
  fprintf(file, "P6 %d %d 255\n", width, height);
  assert_int_equal(fwrite(pixels, 3, (size_t)(width * height), file), width * height);
  fclose(file);
}

/* 25 pictures of several sizes, of which one cannot be read. */
static void make_set(void) {
  char path[64];
  for (int i = 0; i < 25; ++i) {
    const int width = 16 + i * 3 % 40, height = 60 - i;
    uint8_t *pixels = make_picture(width, height, (uint32_t)i + 1, i % 3);
    snprintf(path, sizeof path, "set/%c/%02d.ppm", 'a' + i % CLASSES, i);
    put_ppm(path, width, height, pixels);
    free(pixels);
  }
  temp_put("set/b/13.ppm", "P6 9 9 255\nshort");
}

static mn_dataset *open_set(const char *path, mn_task task) {
  const mn_dataset_options options = {.struct_size = sizeof options, .task = task};
  mn_dataset *set;
  if (mn_dataset_open(&set, temp_path(path), &options, &last)) fail_msg("%s", last.text);
  return set;
}

/* All of a set. */
static mn_part whole(const mn_dataset *set) {
  static int64_t items[64];
  const mn_part part = {set, items, mn_dataset_count(set)};
  assert_true(part.count <= 64);
  for (int64_t i = 0; i < part.count; ++i) items[i] = i;
  return part;
}

static mn_feed_options usual(void) {
  mn_contract_default(&contract);
  contract.input.map = MN_MAP_AFFINE;
  for (int c = 0; c < 3; ++c) contract.input.scale[c] = 1 / 127.5, contract.input.offset[c] = -1;
  const mn_feed_options options = {.contract = &contract,
                                   .height = H,
                                   .width = W,
                                   .batch = BATCH,
                                   .classes = CLASSES,
                                   .training = true,
                                   .augment = {.crop = MN_CROP_INCEPTION,
                                               .area = {0.2, 1},
                                               .aspect = {0.75, 1.34},
                                               .flip = 0.5,
                                               .rand_ops = 1,
                                               .rand_magnitude = 9,
                                               .brightness = 0.4,
                                               .mixup = 0.2,
                                               .smoothing = 0.1},
                                   .seed = 5};
  return options;
}

static mn_feed *open_feed(const mn_part *part, const mn_feed_options *options) {
  mn_feed *feed;
  if (mn_feed_new(&feed, part, options, &last)) fail_msg("%s", last.text);
  return feed;
}

/* A hash of the next batch, and what it says of itself. */
static unsigned long long next_hash(mn_feed *feed, mn_feed_batch *batch) {
  static float pixels[BATCH * FLOATS], targets[BATCH * CLASSES];
  if (mn_feed_next(feed, pixels, targets, batch, &last)) fail_msg("%s", last.text);
  const size_t count = (size_t)batch->count;
  return fnv((const uint8_t *)pixels, count * FLOATS * sizeof *pixels) ^
         fnv((const uint8_t *)targets, count * CLASSES * sizeof *targets) * 3 ^
         fnv((const uint8_t *)batch->items, count * sizeof *batch->items) * 7;
}

enum { BATCHES = 5, EPOCHS = 3 };

static void hash_epochs(const mn_part *part, const mn_feed_options *options,
                        unsigned long long hashes[EPOCHS * BATCHES]) {
  mn_feed *feed = open_feed(part, options);
  assert_int_equal(mn_feed_batches(feed), BATCHES);
  for (int i = 0; i < EPOCHS * BATCHES; ++i) {
    mn_feed_batch batch;
    hashes[i] = next_hash(feed, &batch);
    assert_int_equal(batch.epoch, i / BATCHES);
    assert_int_equal(batch.index, i % BATCHES);
  }
  assert_non_null(strstr(mn_feed_note(feed, 0), "set/b/13.ppm: "));
  assert_null(mn_feed_note(feed, 1)); /* once, in three epochs */
  mn_feed_free(feed);
}

static void the_same_bytes_however_they_are_made(void **state) {
  (void)state;
  unsigned long long expected[EPOCHS * BATCHES], hashes[EPOCHS * BATCHES];
  mn_dataset *set = open_set("set", MN_TASK_CLASSIFY);
  const mn_part part = whole(set);
  mn_feed_options options = usual();
  hash_epochs(&part, &options, expected);
  for (int i = 1; i < EPOCHS * BATCHES; ++i) assert_true(expected[i] != expected[i - 1]);
  for (int trial = 0; trial < 16; ++trial) {
    options.threads = trial % 4;
    options.ahead = 1 + trial % 5;
    options.cache_bytes = trial < 4 ? 0 : trial < 8 ? 30000 : 1 << 20;
    hash_epochs(&part, &options, hashes);
    assert_memory_equal(hashes, expected, sizeof hashes);
  }
  options.seed = 6;
  hash_epochs(&part, &options, hashes);
  assert_true(hashes[0] != expected[0]);
  mn_dataset_free(set);
}

static void one_can_begin_anywhere(void **state) {
  (void)state;
  static const int places[] = {7, 0, 14, 3, 3, 9};
  unsigned long long expected[EPOCHS * BATCHES];
  mn_dataset *set = open_set("set", MN_TASK_CLASSIFY);
  const mn_part part = whole(set);
  mn_feed_options options = usual();
  hash_epochs(&part, &options, expected);
  options.threads = 2;
  options.cache_bytes = 1 << 20;
  mn_feed *feed = open_feed(&part, &options);
  for (size_t i = 0; i < sizeof places / sizeof *places; ++i) {
    mn_feed_batch batch;
    const int at = places[i];
    assert_int_equal(mn_feed_seek(feed, (uint32_t)(at / BATCHES), at % BATCHES, &last), MN_OK);
    for (int n = at; n < at + 3 && n < EPOCHS * BATCHES; ++n) {
      assert_true(next_hash(feed, &batch) == expected[n]);
    }
  }
  assert_int_equal(mn_feed_seek(feed, 0, BATCHES, &last), MN_ERR_ARGUMENT);
  mn_feed_free(feed);
  mn_dataset_free(set);
}

static void every_picture_once_an_epoch(void **state) {
  (void)state;
  mn_dataset *set = open_set("set", MN_TASK_CLASSIFY);
  const mn_part part = whole(set);
  mn_feed_options options = usual();
  options.threads = 1;
  mn_feed *feed = open_feed(&part, &options);
  int64_t order[EPOCHS][25];
  for (int e = 0; e < EPOCHS; ++e) {
    int seen[25] = {0}, count = 0;
    for (int b = 0; b < BATCHES; ++b) {
      mn_feed_batch batch;
      (void)next_hash(feed, &batch);
      for (int i = 0; i < batch.count; ++i) {
        seen[batch.items[i]]++;
        order[e][count++] = batch.items[i];
      }
    }
    assert_int_equal(count, 24); /* not the one that cannot be read */
    for (int i = 0; i < 25; ++i) {
      const bool bad = strstr(mn_dataset_path(set, i), "13.ppm") != NULL;
      assert_int_equal(seen[i], bad ? 0 : 1);
    }
    if (e) assert_true(memcmp(order[e], order[e - 1], 24 * sizeof order[e][0]) != 0);
  }
  const mn_feed_counts counts = mn_feed_count(feed);
  assert_true(counts.made >= 75 && counts.decoded == counts.made && counts.kept_pictures == 0);
  mn_feed_free(feed);
  options.drop_last = true;
  feed = open_feed(&part, &options);
  assert_int_equal(mn_feed_batches(feed), 4);
  mn_feed_free(feed);
  mn_dataset_free(set);
}

static void kept_pictures_are_decoded_once(void **state) {
  (void)state;
  mn_dataset *set = open_set("set", MN_TASK_CLASSIFY);
  const mn_part part = whole(set);
  mn_feed_options options = usual();
  options.cache_bytes = 1 << 20;
  mn_feed *feed = open_feed(&part, &options);
  mn_feed_batch batch;
  for (int i = 0; i < EPOCHS * BATCHES; ++i) (void)next_hash(feed, &batch);
  const mn_feed_counts counts = mn_feed_count(feed);
  assert_int_equal(counts.kept_pictures, 24);
  assert_int_equal(counts.made, 75);
  assert_int_equal(counts.decoded, 24 + 3); /* the one that cannot be read is tried each time */
  assert_true(counts.kept_bytes > 24 * 16 * 36 * 3 && counts.kept_bytes < 1 << 20);
  mn_feed_free(feed);
  mn_dataset_free(set);
}

static void as_inference_without_training(void **state) {
  (void)state;
  static float pixels[BATCH * FLOATS], targets[BATCH * CLASSES], expected[FLOATS];
  static uint64_t scratch[1 << 16];
  static const mn_fit fits[] = {MN_FIT_CROP_THEN_RESIZE, MN_FIT_RESIZE_THEN_CROP, MN_FIT_STRETCH,
                                MN_FIT_LETTERBOX};
  mn_dataset *set = open_set("set", MN_TASK_CLASSIFY);
  const mn_part part = whole(set);
  for (int f = 0; f < 4; ++f) {
    mn_feed_options options = usual();
    options.training = false;
    options.threads = 1;
    contract.input.fit = fits[f];
    contract.input.short_side = 22;
    contract.input.pad_value = 77;
    contract.input.order = f == 2 ? MN_PIXELS_BGR : MN_PIXELS_RGB;
    const mn_preprocess_target target = {.height = H, .width = W, .channels = 3, .type = MN_F32};
    mn_preprocess pp;
    assert_int_equal(mn_preprocess_init(&pp, &contract, &target, &last), MN_OK);
    mn_feed *feed = open_feed(&part, &options);
    int64_t item = 0;
    for (int b = 0; b < BATCHES; ++b) {
      mn_feed_batch batch;
      assert_int_equal(mn_feed_next(feed, pixels, targets, &batch, &last), MN_OK);
      for (int i = 0; i < batch.count; ++i, ++item) {
        mn_picture *picture;
        if (strstr(mn_dataset_path(set, item), "13.ppm")) item++;
        assert_int_equal(batch.items[i], item);
        assert_int_equal(mn_dataset_read_picture(set, item, NULL, &picture, &last), MN_OK);
        assert_true(pp.scratch_bytes <= sizeof scratch);
        assert_int_equal(
            mn_preprocess_run(&pp, mn_picture_image(picture), scratch, expected, &last), MN_OK);
        assert_memory_equal(pixels + i * FLOATS, expected, sizeof expected);
        for (int c = 0; c < CLASSES; ++c) {
          assert_true(targets[i * CLASSES + c] == (float)(c == mn_dataset_class(set, item)));
        }
        mn_picture_free(picture);
      }
    }
    mn_feed_free(feed);
  }
  mn_dataset_free(set);
}

/* Batches of machines that share steps, in turns, are those of one machine, through epochs and
 * after going back to a step. */
static void machines_share_steps(void **state) {
  (void)state;
  static float one[BATCH * FLOATS], some[BATCH * FLOATS];
  static float targets[BATCH * CLASSES], some_targets[BATCH * CLASSES];
  mn_dataset *set = open_set("set", MN_TASK_CLASSIFY);
  const mn_part part = whole(set);
  for (int machines = 1; machines <= 4; machines *= 2) {
    mn_feed_options options = usual();
    options.step = 4; /* of the five batches of an epoch the last is left out */
    mn_feed *all = open_feed(&part, &options), *shared[4];
    for (int m = 0; m < machines; ++m) {
      options.rank = m;
      options.ranks = machines;
      options.threads = m % 3;
      shared[m] = open_feed(&part, &options);
    }
    assert_int_equal(mn_feed_batches(all), 4);
    for (int b = 0; b < 16; ++b) {
      mn_feed_batch batch, piece;
      mn_feed *whose = shared[b % 4 * machines / 4];
      assert_int_equal(mn_feed_next(all, one, targets, &batch, &last), MN_OK);
      assert_int_equal(mn_feed_next(whose, some, some_targets, &piece, &last), MN_OK);
      assert_int_equal(batch.index, b % 4);
      assert_int_equal(piece.index, batch.index);
      assert_int_equal(piece.epoch, batch.epoch);
      assert_int_equal(piece.count, batch.count);
      assert_memory_equal(one, some, (size_t)batch.count * FLOATS * sizeof *one);
      assert_memory_equal(targets, some_targets, (size_t)batch.count * CLASSES * sizeof *targets);
      if (b != 9) continue;
      mn_feed_seek(all, 7, 0, &last);
      for (int m = 0; m < machines; ++m) mn_feed_seek(shared[m], 7, 0, &last);
      b = 11;
    }
    for (int m = 0; m < machines; ++m) mn_feed_free(shared[m]);
    mn_feed_free(all);
  }
  mn_dataset_free(set);
}

static void a_background_has_a_column(void **state) {
  (void)state;
  static float pixels[BATCH * FLOATS], targets[BATCH * (CLASSES + 1)];
  mn_dataset *set = open_set("set", MN_TASK_CLASSIFY);
  const mn_part part = whole(set);
  mn_feed_options options = usual();
  mn_feed_batch batch;
  options.training = false;
  contract.labels.background = 0;
  options.classes = CLASSES + 1;
  mn_feed *feed = open_feed(&part, &options);
  assert_int_equal(mn_feed_next(feed, pixels, targets, &batch, &last), MN_OK);
  for (int i = 0; i < batch.count; ++i) {
    const int class = mn_dataset_class(set, batch.items[i]);
    assert_true(targets[i * (CLASSES + 1) + class + 1] == 1 && targets[i * (CLASSES + 1)] == 0);
  }
  mn_feed_free(feed);
  mn_dataset_free(set);
}

/* ---- Boxes and masks ------------------------------------------------------------------------ */

/* A grey PNG of stored blocks, for masks. */
static uint32_t crc_of(const uint8_t *bytes, size_t size) {
  uint32_t crc = 0xffffffff;
  for (size_t i = 0; i < size; ++i) {
    crc ^= bytes[i];
    for (int k = 0; k < 8; ++k) crc = crc >> 1 ^ (crc & 1 ? 0xedb88320 : 0);
  }
  return ~crc;
}

static void put_u32(uint8_t *to, uint32_t v) {
  for (int i = 0; i < 4; ++i) to[i] = (uint8_t)(v >> (24 - 8 * i));
}

static void put_chunk(FILE *file, const char *type, const uint8_t *data, size_t size) {
  static uint8_t chunk[1 << 14];
  put_u32(chunk, (uint32_t)size);
  memcpy(chunk + 4, type, 4);
  if (size) memcpy(chunk + 8, data, size);
  put_u32(chunk + 8 + size, crc_of(chunk + 4, size + 4));
  assert_int_equal(fwrite(chunk, 1, size + 12, file), size + 12);
}

static void put_mask(const char *path, int width, int height, const uint8_t *classes) {
  static uint8_t data[1 << 13];
  const size_t raw = (size_t)(width + 1) * (size_t)height;
  uint8_t head[13] = {0, 0, 0, 0, 0, 0, 0, 0, 8, 0, 0, 0, 0}, *at = data;
  uint32_t a = 1, b = 0;
  const uint8_t begin[7] = {
      0x78, 1, 1, (uint8_t)raw, (uint8_t)(raw >> 8), (uint8_t)~raw, (uint8_t)(~raw >> 8)};
  memcpy(at, begin, sizeof begin);
  at += sizeof begin;
  for (int y = 0; y < height; ++y) {
    *at++ = 0;
    memcpy(at, classes + y * width, (size_t)width);
    at += width;
  }
  for (uint8_t *p = data + sizeof begin; p < at; ++p) {
    a = (a + *p) % 65521;
    b = (b + a) % 65521;
  }
  put_u32(at, b << 16 | a);
  put_u32(head, (uint32_t)width);
  put_u32(head + 4, (uint32_t)height);
  temp_put(path, "");
  FILE *file = fopen(temp_path(path), "wb");
  assert_non_null(file);
  fwrite("\x89PNG\r\n\x1a\n", 1, 8, file);
  put_chunk(file, "IHDR", head, sizeof head);
  put_chunk(file, "IDAT", data, (size_t)(at + 4 - data));
  put_chunk(file, "IEND", NULL, 0);
  fclose(file);
}

/* Black pictures with a red rectangle, with YOLO boxes and with masks. */
static void make_scenes(void) {
  char path[64], text[128];
  temp_put("scenes/names.yaml", "names: [red]\n");
  for (int i = 0; i < 12; ++i) {
    const int width = 50 + i, height = 64 - 2 * i, x = 3 + i, y = 12 - i, w = 20, h = 18;
    uint8_t *pixels = calloc((size_t)(width * height), 3),
            *mask = calloc((size_t)(width * height), 1);
    assert_true(pixels && mask);
    for (int at = 0; at < width * height; ++at) {
      const int px = at % width, py = at / width;
      if (px < x || px >= x + w || py < y || py >= y + h) continue;
      pixels[at * 3] = 255;
      mask[at] = 1;
    }
    snprintf(path, sizeof path, "scenes/images/%02d.ppm", i);
    put_ppm(path, width, height, pixels);
    snprintf(path, sizeof path, "scenes/masks/%02d.png", i);
    put_mask(path, width, height, mask);
    snprintf(text, sizeof text, "0 %.9f %.9f %.9f %.9f\n", (x + w / 2.0) / width,
             (y + h / 2.0) / height, (double)w / width, (double)h / height);
    snprintf(path, sizeof path, "scenes/labels/%02d.txt", i);
    temp_put(path, text);
    free(pixels);
    free(mask);
  }
}

/* The smallest box around what is red (1 above 0) in a picture of the batch. */
static bool around_red(const float *pixels, double box[4]) {
  box[0] = box[1] = 1e9;
  box[2] = box[3] = -1;
  for (int at = 0; at < H * W; ++at) {
    if (pixels[at * 3] < 0) continue;
    const double x = at % W, y = at / W;
    box[0] = x < box[0] ? x : box[0];
    box[1] = y < box[1] ? y : box[1];
    box[2] = x + 1 > box[2] ? x + 1 : box[2];
    box[3] = y + 1 > box[3] ? y + 1 : box[3];
  }
  return box[2] > 0;
}

static void boxes_come_with_their_pictures(void **state) {
  (void)state;
  static float pixels[BATCH * FLOATS];
  mn_dataset *set = open_set("scenes", MN_TASK_DETECT);
  const mn_part part = whole(set);
  mn_feed_options options = usual();
  options.augment = (mn_augment){.crop = MN_CROP_SSD, .ssd = {2, {0.3, 1}}, .flip = 0.5};
  options.classes = 0;
  options.threads = 2;
  int boxes = 0;
  for (options.short_side = 0; options.short_side <= 40; options.short_side += 40) {
    mn_feed *feed = open_feed(&part, &options);
    for (int b = 0; b < 60; ++b) {
      mn_feed_batch batch;
      assert_int_equal(mn_feed_next(feed, pixels, NULL, &batch, &last), MN_OK);
      assert_int_equal(batch.count, BATCH);
      assert_null(batch.masks);
      for (int i = 0; i < batch.count; ++i) {
        double red[4];
        assert_in_range(batch.begin[i + 1] - batch.begin[i], 0, 1);
        if (batch.begin[i] == batch.begin[i + 1]) continue;
        const mn_box *box = &batch.boxes[batch.begin[i]];
        if (box->box[2] - box->box[0] < 3 || box->box[3] - box->box[1] < 3) continue; /* zoomed */
        assert_true(around_red(pixels + i * FLOATS, red));
        for (int c = 0; c < 4; ++c) {
          assert_true(red[c] - box->box[c] < 1.1 && box->box[c] - red[c] < 1.1);
        }
        boxes++;
      }
    }
    mn_feed_free(feed);
  }
  assert_true(boxes > 500);
  mn_dataset_free(set);
}

static void masks_come_with_their_pictures(void **state) {
  (void)state;
  static float pixels[BATCH * FLOATS];
  mn_dataset *set = open_set("scenes", MN_TASK_SEGMENT);
  const mn_part part = whole(set);
  mn_feed_options options = usual();
  options.augment = (mn_augment){.crop = MN_CROP_JITTER, .scale = {0.5, 2}, .flip = 0.5};
  options.classes = 0;
  options.threads = 2;
  options.cache_bytes = 1 << 20;
  int ones = 0, ignored = 0, wrong = 0, all = 0;
  for (options.short_side = 0; options.short_side <= 30; options.short_side += 30) {
    mn_feed *feed = open_feed(&part, &options);
    for (int b = 0; b < 30; ++b) {
      mn_feed_batch batch;
      assert_int_equal(mn_feed_next(feed, pixels, NULL, &batch, &last), MN_OK);
      for (int at = 0; at < batch.count * H * W; ++at) {
        const uint8_t class = batch.masks[at];
        assert_true(class < 2 || class == 255);
        ones += class == 1;
        ignored += class == 255;
        wrong += (class == 1) != (pixels[at * 3] > 0);
        all++;
      }
    }
    mn_feed_free(feed);
  }
  assert_true(ones > all / 20 && ignored > all / 50);
  assert_true(wrong < all / 40); /* along edges */
  mn_survey survey;
  assert_int_equal(mn_survey_make(&survey, set, &(mn_survey_options){0}, &last), MN_OK);
  assert_int_equal(mn_survey_mask_classes(&survey), 2);
  assert_int_equal(survey.mask_pixels[1], 12 * 20 * 18);
  mn_survey_free(&survey);
  mn_dataset_free(set);
}

/* ---- What is refused ------------------------------------------------------------------------ */

static void expect_refused(const mn_part *part, const mn_feed_options *options,
                           const char *sentence) {
  mn_feed *feed;
  assert_int_equal(mn_feed_new(&feed, part, options, &last), MN_ERR_ARGUMENT);
  assert_null(feed);
  assert_string_equal(last.text, sentence);
}

static void what_cannot_be_meant_is_refused(void **state) {
  (void)state;
  mn_dataset *set = open_set("set", MN_TASK_CLASSIFY);
  mn_part part = whole(set);
  mn_feed_options options = usual();
  options.classes = 4;
  expect_refused(&part, &options, "classes: 4 outputs for a set of 3 classes");
  options = usual();
  options.batch = 0;
  expect_refused(&part, &options, "batch: 0, expected 1 to 65536");
  options = usual();
  options.augment.flip = 2;
  expect_refused(&part, &options, "flip: 2, expected 0 to 1");
  options = usual();
  options.threads = -1;
  expect_refused(&part, &options, "threads: -1 is not between 0 and 1024");
  options = usual();
  options.drop_last = true;
  part.count = 5;
  expect_refused(&part, &options, "pictures: 5, expected 6 to 4294967295");
  mn_dataset_free(set);
}

static int make_folders(void **state) {
  if (temp_make(state)) return 1;
  make_set();
  make_scenes();
  return 0;
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(the_same_bytes_however_they_are_made),
      cmocka_unit_test(one_can_begin_anywhere),
      cmocka_unit_test(every_picture_once_an_epoch),
      cmocka_unit_test(kept_pictures_are_decoded_once),
      cmocka_unit_test(as_inference_without_training),
      cmocka_unit_test(machines_share_steps),
      cmocka_unit_test(a_background_has_a_column),
      cmocka_unit_test(boxes_come_with_their_pictures),
      cmocka_unit_test(masks_come_with_their_pictures),
      cmocka_unit_test(what_cannot_be_meant_is_refused),
  };
  return cmocka_run_group_tests(tests, make_folders, temp_drop);
}
