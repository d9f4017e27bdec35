/* SPDX-License-Identifier: Apache-2.0
 * A user of the installed package: the whole way of the header's program, as far as a missing file
 * lets it come. Built with MN_CONSUMER_IO it needs libmobilenet_io too, with MN_CONSUMER_TRAIN
 * libmobilenet_train. */
#include <mobilenet/image.h>
#include <mobilenet/mobilenet.h>
#include <stdio.h>
#include <string.h>
#ifdef MN_CONSUMER_IO
#include <mobilenet/io.h>
#endif
#ifdef MN_CONSUMER_TRAIN
#include <mobilenet/convert.h>
#endif

int main(void) {
  mn_model *model = NULL;
  mn_error err;
  if (strcmp(mn_version(), MN_VERSION) != 0) return 1;
  if (mn_model_open(&model, "no such file", NULL, &err) != MN_ERR_IO || model) return 2;
  if (!strstr(err.text, "no such file")) return 3;
#ifdef MN_CONSUMER_IO
  mn_picture *picture = NULL;
  static const unsigned char pgm[] = "P5 2 1 255\n\x10\x20";
  if (mn_picture_decode(&picture, pgm, sizeof pgm - 1, "two pixels", NULL, &err)) return 4;
  if (mn_picture_image(picture)->pixels[3] != 0x20) return 5;
  mn_picture_free(picture);
#endif
#ifdef MN_CONSUMER_TRAIN
  if (model && mn_model_save(model, "x.safetensors", MN_FORMAT_BY_NAME, &err)) return 6;
#endif
  printf("mobilenet %s on %s: %s\n", mn_version(), mn_isa(), err.text);
  return 0;
}
