/* SPDX-License-Identifier: Apache-2.0
 * Objects in a photo: a detector in, boxes in the photo's own pixels out.
 * cc detect.c $(pkg-config --cflags --libs mobilenet_io) && ./a.out model photo.jpg */
#include <mobilenet/io.h>
#include <stdio.h>

enum { MOST = 100 };

int main(int argc, char **argv) {
  mn_model *model = NULL;
  mn_plan *plan = NULL;
  mn_session *session = NULL;
  mn_picture *photo = NULL;
  mn_detection found[MOST]; /* best first */
  mn_error err;
  int count = MOST;
  if (argc != 3) return 2;
  int failed =
      mn_model_open(&model, argv[1], NULL, &err) || mn_plan_new(&plan, model, NULL, &err) ||
      mn_session_new(&session, plan, NULL, &err) || mn_picture_read(&photo, argv[2], NULL, &err) ||
      mn_session_set_image(session, 0, mn_picture_image(photo), &err) ||
      mn_session_run(session, &err) || mn_session_detections(session, 0, found, &count, &err);
  if (failed) fprintf(stderr, "%s\n", err.text);
  for (int i = 0; !failed && i < count && found[i].score >= 0.4f; i++) {
    const float *box = found[i].box;
    printf("%4.1f%%  %s  x %.0f..%.0f, y %.0f..%.0f\n", 100 * (double)found[i].score,
           found[i].label ? found[i].label : "(no label)", (double)box[0], (double)box[2],
           (double)box[1], (double)box[3]);
  }
  mn_picture_free(photo);
  mn_session_free(session);
  mn_plan_free(plan);
  mn_model_free(model);
  return failed;
}
