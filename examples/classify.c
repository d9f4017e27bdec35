/* SPDX-License-Identifier: Apache-2.0
 * The shortest useful program: a model and a photo in, five labels out.
 * cc classify.c $(pkg-config --cflags --libs mobilenet_io) && ./a.out model photo.jpg */
#include <mobilenet/io.h>
#include <stdio.h>

int main(int argc, char **argv) {
  mn_model *model = NULL;
  mn_plan *plan = NULL;
  mn_session *session = NULL;
  mn_picture *photo = NULL;
  mn_class top[5];
  mn_error err;
  int count = 0;
  if (argc != 3) return 2;
  if (mn_model_open(&model, argv[1], NULL, &err) || mn_plan_new(&plan, model, NULL, &err) ||
      mn_session_new(&session, plan, NULL, &err) || mn_picture_read(&photo, argv[2], NULL, &err) ||
      mn_session_set_image(session, 0, mn_picture_image(photo), &err) ||
      mn_session_run(session, &err) || mn_session_top(session, 0, 5, top, &count, &err)) {
    fprintf(stderr, "%s\n", err.text);
  }
  for (int i = 0; i < count; i++) {
    printf("%4.1f%%  %s\n", 100 * (double)top[i].score, top[i].label ? top[i].label : "(no label)");
  }
  mn_picture_free(photo);
  mn_session_free(session);
  mn_plan_free(plan);
  mn_model_free(model);
  return count == 0;
}
