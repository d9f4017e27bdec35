/* SPDX-License-Identifier: Apache-2.0
 * Intersection over union from one confusion matrix over a whole set: a class that is rare in one
 * picture weighs as its pixels over the set do. */
#include <stdbool.h>
#include <string.h>

#include "base/alloc.h"
#include "base/error.h"
#include "mobilenet/eval.h"

struct mn_confusion {
  int32_t classes;
  uint64_t counts[]; /* [classes of the truth][classes of the prediction, and none] */
};

static size_t row_of(const mn_confusion *confusion) { return (size_t)confusion->classes + 1; }

static size_t cells_of(const mn_confusion *confusion) {
  return (size_t)confusion->classes * row_of(confusion);
}

mn_status mn_confusion_new(mn_confusion **out, int class_count, mn_error *err) {
  *out = NULL;
  if (class_count < 1 || class_count > MN_MASK_IGNORED) {
    return mn_fail(err, MN_ERR_ARGUMENT, "class_count", "is %d, expected 1 to %d", class_count,
                   MN_MASK_IGNORED);
  }
  const size_t cells = (size_t)class_count * ((size_t)class_count + 1);
  const size_t bytes = sizeof(mn_confusion) + cells * sizeof(uint64_t);
  mn_confusion *confusion = mn_alloc_zero(bytes);
  if (!confusion) return mn_fail_memory(err, bytes);
  confusion->classes = class_count;
  *out = confusion;
  return MN_OK;
}

void mn_confusion_free(mn_confusion *confusion) { mn_free(confusion); }

static mn_status check_pixels(const uint8_t *truth, const uint8_t *prediction, size_t count,
                              int32_t classes, mn_error *err) {
  for (size_t i = 0; i < count; ++i) {
    if (truth[i] == MN_MASK_IGNORED) continue;
    const bool none = prediction[i] == MN_MASK_IGNORED;
    if (truth[i] >= classes || (prediction[i] >= classes && !none)) {
      return mn_fail(err, MN_ERR_ARGUMENT, NULL,
                     "a pixel of class %d, but the classes are 0 to %d (%d is ignored)",
                     truth[i] >= classes ? truth[i] : prediction[i], (int)classes - 1,
                     MN_MASK_IGNORED);
    }
  }
  return MN_OK;
}

mn_status mn_confusion_add(mn_confusion *confusion, const uint8_t *truth, const uint8_t *prediction,
                           size_t count, mn_error *err) {
  const size_t row = row_of(confusion);
  mn_status status = check_pixels(truth, prediction, count, confusion->classes, err);
  if (status) return status;
  for (size_t i = 0; i < count; ++i) {
    if (truth[i] == MN_MASK_IGNORED) continue;
    const size_t found = prediction[i] == MN_MASK_IGNORED ? row - 1 : prediction[i];
    confusion->counts[truth[i] * row + found]++;
  }
  return MN_OK;
}

mn_status mn_confusion_merge(mn_confusion *confusion, const mn_confusion *other, mn_error *err) {
  if (confusion->classes != other->classes) {
    return mn_fail(err, MN_ERR_ARGUMENT, "other", "has %d classes, expected %d",
                   (int)other->classes, (int)confusion->classes);
  }
  for (size_t i = 0; i < cells_of(other); ++i) confusion->counts[i] += other->counts[i];
  return MN_OK;
}

static mn_miou_class score_class(const mn_confusion *confusion, size_t class) {
  const size_t row = row_of(confusion);
  mn_miou_class score = {0};
  for (size_t i = 0; i < row; ++i) score.truth += confusion->counts[class * row + i];
  for (size_t i = 0; i + 1 < row; ++i) score.prediction += confusion->counts[i * row + class];
  const uint64_t both = confusion->counts[class * row + class];
  const uint64_t either = score.truth + score.prediction - both;
  if (either) score.iou = (double)both / (double)either;
  return score;
}

void mn_confusion_score(const mn_confusion *confusion, mn_miou_scores *out,
                        mn_miou_class *classes) {
  double sum = 0, sum_truth = 0;
  uint64_t right = 0;
  int32_t occur = 0, occur_truth = 0;
  memset(out, 0, sizeof *out);
  for (int32_t c = 0; c < confusion->classes; ++c) {
    const mn_miou_class score = score_class(confusion, (size_t)c);
    if (classes) classes[c] = score;
    const bool in_truth = score.truth > 0;
    sum += score.iou;
    sum_truth += in_truth ? score.iou : 0;
    occur += in_truth || score.prediction > 0;
    occur_truth += in_truth;
    out->pixels += score.truth;
    right += confusion->counts[(size_t)c * row_of(confusion) + (size_t)c];
  }
  if (!out->pixels) return;
  out->miou = sum / occur;
  out->miou_truth = sum_truth / occur_truth;
  out->pixel_accuracy = (double)right / (double)out->pixels;
}
