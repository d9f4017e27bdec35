/* SPDX-License-Identifier: Apache-2.0
 * What the pixels of a photo show: a segmenter in, the share of each class out.
 * cc segment.c $(pkg-config --cflags --libs mobilenet_io) && ./a.out model photo.jpg */
#include <mobilenet/io.h>
#include <stdio.h>
#include <stdlib.h>

static void print_shares(const mn_model *model, const mn_mask *mask) {
  long pixels[256] = {0};
  for (int y = 0; y < mask->height; y++) {
    for (int x = 0; x < mask->width; x++)
      pixels[mask->classes[(size_t)y * mask->stride + (size_t)x]]++;
  }
  for (int i = 0; i < mn_model_class_count(model) && i < 256; i++) {
    const char *label = mn_model_class_label(model, i);
    double share = 100.0 * (double)pixels[i] / ((double)mask->width * mask->height);
    if (pixels[i] > 0) printf("%5.1f%%  %s\n", share, label ? label : "(no label)");
  }
}

int main(int argc, char **argv) {
  mn_model *model = NULL;
  mn_plan *plan = NULL;
  mn_session *session = NULL;
  mn_picture *photo = NULL;
  mn_mask mask = {0};
  mn_error err;
  if (argc != 3) return 2;
  int failed =
      mn_model_open(&model, argv[1], NULL, &err) || mn_plan_new(&plan, model, NULL, &err) ||
      mn_session_new(&session, plan, NULL, &err) || mn_picture_read(&photo, argv[2], NULL, &err) ||
      mn_session_set_image(session, 0, mn_picture_image(photo), &err) ||
      mn_session_run(session, &err);
  if (!failed) { /* the mask has the photo's size, in memory of ours */
    mask.width = mn_picture_image(photo)->width;
    mask.height = mn_picture_image(photo)->height;
    mask.stride = (size_t)mask.width;
    mask.classes = malloc(mask.stride * (size_t)mask.height);
    failed = !mask.classes || mn_session_mask(session, 0, &mask, &err);
  }
  if (failed) {
    fprintf(stderr, "%s\n", err.text);
  } else {
    print_shares(model, &mask);
  }
  free(mask.classes);
  mn_picture_free(photo);
  mn_session_free(session);
  mn_plan_free(plan);
  mn_model_free(model);
  return failed;
}
