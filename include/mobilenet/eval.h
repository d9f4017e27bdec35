/* SPDX-License-Identifier: Apache-2.0
 *
 * eval.h - scores of detectors and segmenters (libmobilenet_io): mean average precision by COCO's
 * rules, equal to pycocotools on the same boxes, and intersection over union of masks. Top-1 and
 * top-5 of a classifier are a count over mn_session_top.
 */
#ifndef MOBILENET_EVAL_H
#define MOBILENET_EVAL_H

#include "io.h"

#ifdef __cplusplus
extern "C" {
#endif

/* ---- Boxes ---------------------------------------------------------------------------------- */

/* What is true and what was found in one picture. Borrowed. */
typedef struct mn_map_picture {
  const mn_box *boxes;            /* [box_count] */
  const mn_detection *detections; /* [detection_count] */
  int32_t box_count, detection_count;
} mn_map_picture;

typedef struct mn_map_query {
  const mn_map_picture *pictures; /* [picture_count] */
  int64_t picture_count;
  int32_t class_count;
} mn_map_query;

typedef struct mn_map_scores {
  double map;          /* mean over IoU .50, .55 ... .95 and over the classes that have a box */
  double map50;        /* at IoU .50 alone */
  int32_t class_count; /* classes averaged over; 0: there was no box, and both scores are 0 */
} mn_map_scores;

/* Of one class. */
typedef struct mn_map_class {
  int64_t boxes;   /* that count: neither crowd nor difficult */
  double ap, ap50; /* 0 when boxes is 0, and then not part of the mean */
} mn_map_class;

/* Average precision as COCO defines it: 101 recall points, all areas, the best 100 detections of a
 * class in a picture. Equal scores rank by the picture's index, then as given. `classes` is
 * [class_count] or NULL. Boxes and detections of other classes are not looked at.
 * Errors: ARGUMENT (a score that is not a number), MEMORY. */
MN_API mn_status mn_map_score(const mn_map_query *query, mn_map_scores *out, mn_map_class *classes,
                              mn_error *err);

/* ---- Masks ---------------------------------------------------------------------------------- */

/* The pixel that a mask says nothing about. */
#define MN_MASK_IGNORED 255

/* Counts of pixels by true and predicted class. One thread at a time. */
typedef struct mn_confusion mn_confusion;

/* Of 1 to 255 classes. Errors: ARGUMENT, MEMORY. */
MN_API mn_status mn_confusion_new(mn_confusion **out, int class_count, mn_error *err);
MN_API void mn_confusion_free(mn_confusion *confusion);

/* Counts `count` pixels; those whose truth is MN_MASK_IGNORED are left out, those whose prediction
 * is have no class, and so are wrong.
 * Errors: ARGUMENT (a class beyond class_count, stated; then nothing was counted). */
MN_API mn_status mn_confusion_add(mn_confusion *confusion, const uint8_t *truth,
                                  const uint8_t *prediction, size_t count, mn_error *err);
/* Adds what another of as many classes counted. Errors: ARGUMENT. */
MN_API mn_status mn_confusion_merge(mn_confusion *confusion, const mn_confusion *other,
                                    mn_error *err);

typedef struct mn_miou_scores {
  double miou;           /* mean IoU over the classes that occur in truth or prediction */
  double miou_truth;     /* over the classes that occur in the truth */
  double pixel_accuracy; /* share of pixels whose class is right */
  uint64_t pixels;       /* counted; 0: every score is 0 */
} mn_miou_scores;

/* Of one class. */
typedef struct mn_miou_class {
  uint64_t truth, prediction; /* pixels */
  double iou;                 /* 0 when the class occurs in neither */
} mn_miou_class;

/* `classes` is [class_count] or NULL. */
MN_API void mn_confusion_score(const mn_confusion *confusion, mn_miou_scores *out,
                               mn_miou_class *classes);

#ifdef __cplusplus
}
#endif
#endif
