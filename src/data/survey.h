/* SPDX-License-Identifier: Apache-2.0
 * Every picture of a set looked at once, before training: which can be read, how large they are,
 * what they look like, which classes their masks hold. */
#ifndef MN_DATA_SURVEY_H
#define MN_DATA_SURVEY_H

#include "data/look.h"
#include "image/fit.h"
#include "mobilenet/io.h"

typedef struct mn_survey {
  mn_look *looks;       /* [count] */
  mn_size *sizes;       /* [count]; 0 x 0 when it cannot be read */
  char **complaints;    /* [count], of a picture that cannot be used; else NULL */
  uint64_t *mask_files; /* [count] a hash of the mask's bytes; 0: there is none */
  size_t count, unusable;
  uint64_t mask_pixels[256]; /* how many of each class, over all masks */
} mn_survey;

/* Called now and then; not 0 stops the survey. */
typedef int mn_survey_progress(void *user, size_t done, size_t count);

typedef struct mn_survey_options {
  mn_threads *threads; /* borrowed; NULL: the calling thread only */
  mn_survey_progress *progress;
  void *user;
} mn_survey_options;

/* The same for every number of threads. Errors: MEMORY, CANCELLED. */
mn_status mn_survey_make(mn_survey *survey, const mn_dataset *set, const mn_survey_options *options,
                         mn_error *err);
void mn_survey_free(mn_survey *survey);
/* One more than the highest class that a mask holds, 255 aside. */
int32_t mn_survey_mask_classes(const mn_survey *survey);

#endif
