/* SPDX-License-Identifier: Apache-2.0
 * How many pictures a second are read and augmented: feed_bench DATA SIZE THREADS. For each recipe
 * a line without and one with decoded pictures kept, the best of five epochs: pictures a second of
 * wall time, and milliseconds of processor time each, which is what training beside it loses. */
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "train/feed.h"

static const struct {
  const char *name;
  mn_augment augment;
} recipes[] = {
    {"crop, flip",
     {.crop = MN_CROP_INCEPTION, .area = {0.08, 1}, .aspect = {0.75, 4.0 / 3}, .flip = 0.5}},
    {"+ colours",
     {.crop = MN_CROP_INCEPTION,
      .area = {0.08, 1},
      .aspect = {0.75, 4.0 / 3},
      .flip = 0.5,
      .brightness = 0.4,
      .contrast = 0.4,
      .saturation = 0.4}},
    {"+ RandAugment, erase",
     {.crop = MN_CROP_INCEPTION,
      .area = {0.08, 1},
      .aspect = {0.75, 4.0 / 3},
      .flip = 0.5,
      .rand_ops = 2,
      .rand_magnitude = 9,
      .erase = 0.25,
      .erase_area = {0.02, 0.33},
      .erase_aspect = {0.3, 3.3}}},
};

static double seconds(clockid_t clock) {
  struct timespec t;
  clock_gettime(clock, &t);
  return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

/* Wall and processor seconds of a picture, the best of five epochs after one. */
static int measure(const mn_part *part, const mn_feed_options *options, double best[2]) {
  mn_feed *feed;
  mn_feed_batch batch;
  mn_error err;
  if (mn_feed_new(&feed, part, options, &err)) {
    fprintf(stderr, "%s\n", err.text);
    return 1;
  }
  float *pixels = malloc((size_t)options->batch * mn_feed_picture_floats(feed) * sizeof *pixels);
  float *targets = malloc((size_t)options->batch * (size_t)options->classes * sizeof *targets);
  best[0] = best[1] = 1e9;
  for (int epoch = 0; pixels && targets && epoch < 6; ++epoch) {
    const double wall = seconds(CLOCK_MONOTONIC), cpu = seconds(CLOCK_PROCESS_CPUTIME_ID);
    for (int64_t b = 0; b < mn_feed_batches(feed); ++b) {
      if (mn_feed_next(feed, pixels, targets, &batch, &err)) return 1;
    }
    const double took[2] = {seconds(CLOCK_MONOTONIC) - wall,
                            seconds(CLOCK_PROCESS_CPUTIME_ID) - cpu};
    for (int i = 0; epoch && i < 2; ++i) {
      const double each = took[i] / (double)part->count;
      if (each < best[i]) best[i] = each;
    }
  }
  free(pixels);
  free(targets);
  mn_feed_free(feed);
  return 0;
}

int main(int argc, char **argv) {
  if (argc != 4) return 2;
  mn_parts parts;
  mn_error err;
  if (mn_parts_open(&parts, argv[1], &(mn_parts_options){.seed = 1}, &err)) {
    fprintf(stderr, "%s\n", err.text);
    return 1;
  }
  mn_contract contract;
  mn_contract_default(&contract);
  if (mn_contract_preset(&contract, "tf", &err)) return 1;
  mn_feed_options options = {.contract = &contract,
                             .height = atoi(argv[2]),
                             .width = atoi(argv[2]),
                             .batch = 32,
                             .classes = mn_dataset_class_count(parts.train.set),
                             .training = true,
                             .drop_last = true,
                             .threads = atoi(argv[3])};
  for (size_t r = 0; r < sizeof recipes / sizeof *recipes; ++r) {
    for (int kept = 0; kept < 2; ++kept) {
      double best[2];
      options.augment = recipes[r].augment;
      options.cache_bytes = kept ? (uint64_t)1 << 33 : 0;
      if (measure(&parts.train, &options, best)) return 1;
      printf("%-22s %-8s %6.0f images/s  %6.3f ms of processor time\n", recipes[r].name,
             kept ? "kept" : "decoded", 1 / best[0], best[1] * 1e3);
    }
  }
  mn_parts_free(&parts);
  return 0;
}
