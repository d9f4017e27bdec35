/* SPDX-License-Identifier: Apache-2.0
 *
 * io.h - picture files and labelled datasets (libmobilenet_io).
 *
 * The format is told by content, never by name: JPEG (baseline and progressive, gray, CMYK, YCCK),
 * PNG (every type, alpha over white), WebP, BMP, PPM and PGM. EXIF orientation is applied. Of an
 * animated or multi-frame file, the first frame.
 */
#ifndef MOBILENET_IO_H
#define MOBILENET_IO_H

#include "image.h"

#ifdef __cplusplus
extern "C" {
#endif

typedef struct mn_picture mn_picture;

typedef struct mn_picture_options {
  size_t struct_size;
  uint64_t max_pixels; /* refused before allocation; 0 = 100 million */
  /* A JPEG file may be decoded at a half, a quarter or an eighth of its size, several times as
   * fast, as long as its shorter side keeps so many pixels. 0 = only at its own size. */
  int32_t least_side;
} mn_picture_options;

/* Reads and decodes a picture file; "-" is standard input. Errors: IO, FORMAT, UNSUPPORTED, LIMIT,
 * MEMORY; the sentence names file and reason. */
MN_API mn_status mn_picture_read(mn_picture **out, const char *path,
                                 const mn_picture_options *options, mn_error *err);
/* Decodes a picture from memory. `name` is for error texts only. */
MN_API mn_status mn_picture_decode(mn_picture **out, const void *bytes, size_t size,
                                   const char *name, const mn_picture_options *options,
                                   mn_error *err);
MN_API void mn_picture_free(mn_picture *picture);
/* The decoded pixels; they live as long as the picture. */
MN_API const mn_image *mn_picture_image(const mn_picture *picture);
/* The size that the file states, as it is shown: larger than the image's with least_side only. */
MN_API void mn_picture_full_size(const mn_picture *picture, int32_t *width, int32_t *height);

/* Pixels as a JPEG file; quality 1 to 100. *bytes is to be freed with mn_jpeg_free. Errors:
 * ARGUMENT, MEMORY. */
MN_API mn_status mn_jpeg_encode(const mn_image *image, int quality, unsigned char **bytes,
                                size_t *size, mn_error *err);
MN_API void mn_jpeg_free(unsigned char *bytes);

/* A mask as a PNG file keeps it: palette or gray, the class of every pixel as its index or level,
 * 255 where it says nothing. */
typedef struct mn_mask_file mn_mask_file;
MN_API mn_status mn_mask_file_read(mn_mask_file **out, const char *path, mn_error *err);
/* The same from memory. `name` is for error texts only. */
MN_API mn_status mn_mask_file_decode(mn_mask_file **out, const void *bytes, size_t size,
                                     const char *name, mn_error *err);
MN_API void mn_mask_file_free(mn_mask_file *mask);
/* Its classes, [height][width] without gaps; they live as long as the mask. */
MN_API const uint8_t *mn_mask_file_classes(const mn_mask_file *mask, int32_t *width,
                                           int32_t *height);

/* A labelled set of pictures (docs/data.md). For classification a folder per class (names sorted
 * bytewise), or a CSV or TSV file of path and class; with boxes a folder with instances.json
 * (COCO), Annotations/ (Pascal VOC) or labels/ (YOLO) beside images/; with masks a folder with
 * masks/ beside images/. A tar archive of any of these is read where it is, never unpacked. */
typedef struct mn_dataset mn_dataset;

typedef struct mn_dataset_options {
  size_t struct_size;
  const char *split;     /* "train", "val", "test"; NULL = val, else test, else everything */
  int64_t limit;         /* at most this many pictures, taken evenly over the set; 0 = all */
  const mn_model *model; /* resolves class names to output indices by the model's labels; or NULL */
  mn_task task;          /* NONE: the model's; without one, CLASSIFY */
} mn_dataset_options;

/* A labelled box. */
typedef struct mn_box {
  int32_t class_index; /* real classes from 0 */
  uint8_t crowd;       /* covers many: detections inside neither count nor cost, however many */
  uint8_t difficult;   /* found or not, it neither counts nor costs */
  double box[4];       /* x0 y0 x1 y1, in pixels of the picture */
  double area;         /* of the object, as COCO states it; of the box where nothing is stated */
} mn_box;

/* Errors: IO, FORMAT (naming file and line), ARGUMENT (no such split, naming those there are). */
MN_API mn_status mn_dataset_open(mn_dataset **out, const char *path,
                                 const mn_dataset_options *options, mn_error *err);
MN_API void mn_dataset_free(mn_dataset *dataset);
MN_API int64_t mn_dataset_count(const mn_dataset *dataset);
MN_API int mn_dataset_class_count(const mn_dataset *dataset);
/* The name of a class of a set that was opened without a model; NULL when classes are numbers. */
MN_API const char *mn_dataset_class_name(const mn_dataset *dataset, int class_index);
/* Path and class of one picture, class as an index of real classes. Live as long as the dataset.
 * In an archive the path goes on after the archive's own: "pets.tar/images/cat.jpg". */
MN_API const char *mn_dataset_path(const mn_dataset *dataset, int64_t index);
MN_API int mn_dataset_class(const mn_dataset *dataset, int64_t index);

/* Reads and decodes picture `index`, wherever the set is. Errors: as mn_picture_read; ARGUMENT. */
MN_API mn_status mn_dataset_read_picture(const mn_dataset *dataset, int64_t index,
                                         const mn_picture_options *options, mn_picture **out,
                                         mn_error *err);

/* What the set was opened for. */
MN_API mn_task mn_dataset_task(const mn_dataset *dataset);
/* Of a set with boxes: how many picture `index` has, and all of them. The picture's size turns
 * fractions, as YOLO states them, into pixels. */
MN_API int mn_dataset_box_count(const mn_dataset *dataset, int64_t index);
MN_API void mn_dataset_boxes(const mn_dataset *dataset, int64_t index, int32_t width,
                             int32_t height, mn_box *boxes /* [mn_dataset_box_count] */);
/* Of a set with masks: the mask's file. Lives as long as the dataset. */
MN_API const char *mn_dataset_mask_path(const mn_dataset *dataset, int64_t index);
MN_API mn_status mn_dataset_read_mask(const mn_dataset *dataset, int64_t index, mn_mask_file **out,
                                      mn_error *err);
/* What was left out and why, a sentence each: files that are no pictures, boxes without area,
 * classes that the model does not know, pictures without a mask. */
MN_API int mn_dataset_note_count(const mn_dataset *dataset);
MN_API const char *mn_dataset_note(const mn_dataset *dataset, int note);

#ifdef __cplusplus
}
#endif
#endif
