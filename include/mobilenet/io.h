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

/* A labelled set of pictures for classification: a folder per class (names sorted bytewise), or a
 * CSV or TSV file of path and class (docs/data.md). */
typedef struct mn_dataset mn_dataset;

typedef struct mn_dataset_options {
  size_t struct_size;
  const char *split;     /* "train", "val", "test"; NULL = val, else test, else everything */
  int64_t limit;         /* at most this many pictures, taken evenly over the set; 0 = all */
  const mn_model *model; /* resolves class names to output indices by the model's labels; or NULL */
} mn_dataset_options;

/* Errors: IO, FORMAT (naming file and line), ARGUMENT (no such split, naming those there are). */
MN_API mn_status mn_dataset_open(mn_dataset **out, const char *path,
                                 const mn_dataset_options *options, mn_error *err);
MN_API void mn_dataset_free(mn_dataset *dataset);
MN_API int64_t mn_dataset_count(const mn_dataset *dataset);
MN_API int mn_dataset_class_count(const mn_dataset *dataset);
/* Path and class of one picture, class as an index of real classes. Live as long as the dataset. */
MN_API const char *mn_dataset_path(const mn_dataset *dataset, int64_t index);
MN_API int mn_dataset_class(const mn_dataset *dataset, int64_t index);

#ifdef __cplusplus
}
#endif
#endif
