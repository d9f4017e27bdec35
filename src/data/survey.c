/* SPDX-License-Identifier: Apache-2.0
 * See survey.h. Pictures are decoded in the threads of a pool, some at a time, between which the
 * caller is told how far it is. */
#include "data/survey.h"

#include <string.h>

#include "base/alloc.h"
#include "base/hash.h"
#include "base/threads.h"
#include "data/dataset.h"

enum { AT_A_TIME = 128, LEAST_SIDE = 96 /* thrice what a look has */ };

typedef struct survey_work {
  mn_survey *survey;
  const mn_dataset *set;
  size_t begin;            /* of the pictures at this time */
  uint64_t (*pixels)[256]; /* [workers] mask pixels of each class */
  bool *out_of_memory;     /* [workers] */
} survey_work;

static mn_status look_at_mask(survey_work *w, int worker, size_t i, mn_error *err) {
  mn_mask_file *mask;
  mn_file file;
  mn_status status = mn_dataset_map_mask(w->set, (int64_t)i, &file, err);
  if (status) return status;
  const char *path = mn_dataset_mask_path(w->set, (int64_t)i);
  w->survey->mask_files[i] = mn_hash_bytes(MN_HASH_BEGIN, file.bytes, file.size);
  status = mn_mask_file_decode(&mask, file.bytes, file.size, path, err);
  mn_file_close(&file);
  if (status) return status;
  int32_t width, height;
  const uint8_t *classes = mn_mask_file_classes(mask, &width, &height);
  const mn_size size = w->survey->sizes[i];
  if (width == size.width && height == size.height) {
    const size_t count = (size_t)width * (size_t)height;
    for (size_t p = 0; p < count; ++p) w->pixels[worker][classes[p]]++;
  } else {
    status = mn_fail(err, MN_ERR_SHAPE, path, "the mask is %d x %d, its picture %d x %d",
                     (int)width, (int)height, (int)size.width, (int)size.height);
  }
  mn_mask_file_free(mask);
  return status;
}

static mn_status look_at(survey_work *w, int worker, size_t i, mn_error *err) {
  mn_file file;
  mn_picture *picture = NULL;
  mn_status status = mn_dataset_map(w->set, (int64_t)i, &file, err);
  if (status) return status;
  const char *path = mn_dataset_path(w->set, (int64_t)i);
  const mn_picture_options options = {.struct_size = sizeof options, .least_side = LEAST_SIDE};
  status = mn_picture_decode(&picture, file.bytes, file.size, path, &options, err);
  if (!status) {
    mn_size *size = &w->survey->sizes[i];
    w->survey->looks[i] = mn_look_at(mn_picture_image(picture), file.bytes, file.size);
    mn_picture_full_size(picture, &size->width, &size->height);
  }
  mn_picture_free(picture);
  mn_file_close(&file);
  if (!status && mn_dataset_mask_path(w->set, (int64_t)i)) {
    status = look_at_mask(w, worker, i, err);
  }
  return status;
}

static void look_at_some(void *context, int worker, size_t begin, size_t end) {
  survey_work *w = context;
  for (size_t i = w->begin + begin; i < w->begin + end; ++i) {
    mn_error err = {0};
    mn_status status = look_at(w, worker, i, &err);
    if (!status) continue;
    w->survey->looks[i] = (mn_look){0}; /* a mask may be what is wrong with it */
    const size_t bytes = strlen(err.text) + 1;
    w->survey->complaints[i] = mn_alloc(bytes);
    if (status == MN_ERR_MEMORY || !w->survey->complaints[i]) {
      w->out_of_memory[worker] = true;
    } else {
      memcpy(w->survey->complaints[i], err.text, bytes);
    }
  }
}

static mn_status look_at_all(survey_work *w, const mn_survey_options *options, int workers,
                             mn_error *err) {
  const size_t count = w->survey->count;
  for (w->begin = 0; w->begin < count; w->begin += AT_A_TIME) {
    const size_t left = count - w->begin, some = left < AT_A_TIME ? left : AT_A_TIME;
    mn_threads_run(options->threads, workers, some, look_at_some, w);
    if (options->progress && options->progress(options->user, w->begin + some, count)) {
      return mn_fail(err, MN_ERR_CANCELLED, NULL, "looking at the pictures was stopped");
    }
  }
  for (int i = 0; i < workers; ++i) {
    if (w->out_of_memory[i]) return mn_fail_memory(err, sizeof(mn_picture *));
    for (int c = 0; c < 256; ++c) w->survey->mask_pixels[c] += w->pixels[i][c];
  }
  for (size_t i = 0; i < count; ++i) w->survey->unusable += w->survey->complaints[i] != NULL;
  return MN_OK;
}

static bool reserve(mn_survey *survey, size_t count) {
  survey->count = count;
  survey->looks = mn_alloc_zero(count * sizeof *survey->looks);
  survey->sizes = mn_alloc_zero(count * sizeof *survey->sizes);
  survey->complaints = mn_alloc_zero(count * sizeof *survey->complaints);
  survey->mask_files = mn_alloc_zero(count * sizeof *survey->mask_files);
  return survey->looks && survey->sizes && survey->complaints && survey->mask_files;
}

mn_status mn_survey_make(mn_survey *survey, const mn_dataset *set, const mn_survey_options *options,
                         mn_error *err) {
  memset(survey, 0, sizeof *survey);
  const int workers = mn_threads_count(options->threads);
  survey_work w = {.survey = survey, .set = set};
  w.pixels = mn_alloc_zero((size_t)workers * sizeof *w.pixels);
  w.out_of_memory = mn_alloc_zero((size_t)workers * sizeof *w.out_of_memory);
  const bool fits = reserve(survey, (size_t)mn_dataset_count(set)) && w.pixels && w.out_of_memory;
  mn_status status = fits ? look_at_all(&w, options, workers, err)
                          : mn_fail_memory(err, survey->count * sizeof *survey->looks);
  mn_free(w.pixels);
  mn_free(w.out_of_memory);
  if (status) mn_survey_free(survey);
  return status;
}

void mn_survey_free(mn_survey *survey) {
  for (size_t i = 0; survey->complaints && i < survey->count; ++i) mn_free(survey->complaints[i]);
  mn_free(survey->looks);
  mn_free(survey->sizes);
  mn_free(survey->complaints);
  mn_free(survey->mask_files);
  memset(survey, 0, sizeof *survey);
}

int32_t mn_survey_mask_classes(const mn_survey *survey) {
  int32_t classes = 255;
  while (classes > 0 && !survey->mask_pixels[classes - 1]) classes--;
  return classes;
}
