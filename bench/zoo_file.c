/* SPDX-License-Identifier: Apache-2.0
 * Writes a network of the zoo, with its random weights, to files of other programs' formats: what
 * `convert` refuses, because nobody but a benchmark wants an untrained model.
 *
 *   zoo_file NAME OUT.tflite OUT.onnx ... */
#include <stdio.h>

#include "mobilenet/convert.h"
#include "mobilenet/zoo.h"

static int fail(const mn_error *err) {
  fprintf(stderr, "zoo_file: %s\n", err->text);
  return 1;
}

int main(int argc, char **argv) {
  mn_model *model;
  mn_error err;
  int code = 0;
  if (argc < 3) {
    fputs("usage: zoo_file NAME OUT...\n", stderr);
    return 2;
  }
  if (mn_model_from_zoo(&model, argv[1], NULL, &err)) return fail(&err);
  for (int i = 2; code == 0 && i < argc; i++) {
    if (mn_model_save(model, argv[i], MN_FORMAT_BY_NAME, &err)) code = fail(&err);
  }
  mn_model_free(model);
  return code;
}
