/* SPDX-License-Identifier: Apache-2.0
 *
 * image.h - pixels in, answers out. Decoded pixels become the exact input tensor that the model's
 * contract describes (docs/contract.md), and outputs become ranked classes. No file is read here:
 * io.h decodes JPEG, PNG and the rest.
 */
#ifndef MOBILENET_IMAGE_H
#define MOBILENET_IMAGE_H

#include "mobilenet.h"

#ifdef __cplusplus
extern "C" {
#endif

/* What a model is for, as its contract says. */
typedef enum mn_task {
  MN_TASK_NONE = 0, /* tensors in, tensors out */
  MN_TASK_CLASSIFY,
  MN_TASK_DETECT,
  MN_TASK_SEGMENT
} mn_task;

/* NONE too when the model has no contract. */
MN_API mn_task mn_model_task(const mn_model *model);

/* 8-bit RGB pixels, rows top to bottom; `stride` is bytes from row to row. Borrowed. */
typedef struct mn_image {
  const uint8_t *pixels; /* [height][stride], RGBRGB... */
  int32_t width, height;
  size_t stride;
} mn_image;

/* Named resampling methods (docs/contract.md says what each computes). */
typedef enum mn_resize {
  MN_RESIZE_PILLOW_BILINEAR = 0,
  MN_RESIZE_PILLOW_BICUBIC,
  MN_RESIZE_TF1_BILINEAR,
  MN_RESIZE_OPENCV_LINEAR
} mn_resize;

/* Crops, resizes and maps `image` into input 0 of a session, at position `index` of the batch, as
 * the contract says. Allocates nothing. Errors: CONTRACT (the model does not say how), LIMIT (the
 * picture is larger than the plan's max_image_*), ARGUMENT. */
MN_API mn_status mn_session_set_image(mn_session *session, int index, const mn_image *image,
                                      mn_error *err);

typedef struct mn_class {
  int32_t index;     /* real classes from 0, background excluded */
  float score;       /* 0..1 after the contract's score function */
  const char *label; /* lives as long as the model; NULL when there are no labels */
} mn_class;

/* The `k` best classes of picture `index` after a run, best first, equal scores by lowest class
 * index; *count gets how many were written (fewer when the model has fewer classes).
 * Errors: CONTRACT (not a classifier), ARGUMENT. */
MN_API mn_status mn_session_top(const mn_session *session, int index, int k, mn_class *classes,
                                int *count, mn_error *err);

typedef struct mn_detection {
  int32_t class_index; /* real classes from 0, background excluded */
  float score;         /* 0..1 */
  const char *label;   /* lives as long as the model; NULL when there are no labels */
  float box[4];        /* x0, y0, x1, y1 in pixels of the original picture, clipped to it */
} mn_detection;

/* The detections of picture `index` after a run, best first. *count is the room in `detections` on
 * entry and what was written on return; mn_plan_detections is always enough. Allocates nothing.
 * Errors: CONTRACT (not a detector), ARGUMENT (no such position, or no picture was set there). */
MN_API mn_status mn_session_detections(const mn_session *session, int index,
                                       mn_detection *detections, int *count, mn_error *err);

/* The most detections that a picture can have; 0 when the model is no detector. */
MN_API int mn_plan_detections(const mn_plan *plan);

/* One byte for each pixel of a picture; the caller's memory. */
typedef struct mn_mask {
  uint8_t *classes;      /* [height][stride] */
  int32_t width, height; /* the picture's */
  size_t stride;         /* at least width */
} mn_mask;

/* Writes the class of every pixel of picture `index` after a run, at the size that the picture has:
 * logits are interpolated and the largest wins, equal ones by lowest class. Values are outputs of
 * the model, the background included; of a model that gives one number a pixel, 1 from a half.
 * Pixels that the contract's fit cut away are the class to ignore, or 0 when there is none.
 * Allocates two rows of work memory. Errors: CONTRACT (the model makes no masks), ARGUMENT (no
 * picture was set there, another size than the picture's), MEMORY. */
MN_API mn_status mn_session_mask(const mn_session *session, int index, const mn_mask *mask,
                                 mn_error *err);

/* The soft mask of a model that tells one class from the background: 0 for not at all to 255, with
 * interpolated edges. Likewise; CONTRACT too when the model has more classes. */
MN_API mn_status mn_session_alpha(const mn_session *session, int index, const mn_mask *mask,
                                  mn_error *err);

/* How many real classes a model of any task knows, the background excluded; 0 when it has no
 * contract or no task. */
MN_API int mn_model_class_count(const mn_model *model);
/* The label of a real class, or NULL. Lives as long as the model. */
MN_API const char *mn_model_class_label(const mn_model *model, int class_index);
/* The class of masks that a segmenter was not trained on because it says nothing, besides 255; -1:
 * there is none. */
MN_API int mn_model_ignored_class(const mn_model *model);

/* Resizes RGB pixels by a named method. `out` has height * width * 3 bytes, dense. Allocates its
 * work memory and frees it. Errors: ARGUMENT, MEMORY. */
MN_API mn_status mn_image_resize(const mn_image *image, mn_resize method, uint8_t *out,
                                 int32_t width, int32_t height, mn_error *err);

#ifdef __cplusplus
}
#endif
#endif
