/* SPDX-License-Identifier: Apache-2.0
 * Which pictures look alike: the same photo saved again, made smaller or a little brighter, frames
 * of one video that follow each other. Such pictures must not be on both sides of a split. Told by
 * signs of low frequencies (Zauner, "Implementation and benchmarking of perceptual image hash
 * functions", 2010) and the mean colour. */
#ifndef MN_DATA_LOOK_H
#define MN_DATA_LOOK_H

#include <stdbool.h>

#include "base/error.h"
#include "mobilenet/image.h"

typedef struct mn_look {
  uint64_t file; /* a hash of the file's bytes */
  uint64_t hash;
  uint8_t mean[3]; /* colour */
  bool seen;       /* else the picture could not be read, and looks like none */
  bool flat; /* too even for the hash to say anything: alike only when the files are the same */
} mn_look;

mn_look mn_look_at(const mn_image *image, const void *file, size_t size);
bool mn_look_alike(const mn_look *a, const mn_look *b);

/* Groups pictures that look alike, also through others: groups[i] is the first of i's group.
 * Error: MEMORY. */
mn_status mn_look_group(const mn_look *looks, size_t count, uint32_t *groups, mn_error *err);

#endif
