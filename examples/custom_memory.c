/* SPDX-License-Identifier: Apache-2.0
 * A session in memory of the caller's: its size is known beforehand, one byte less is refused, and
 * a run allocates nothing. cc custom_memory.c $(pkg-config --cflags --libs mobilenet) */
#include <mobilenet/mobilenet.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

int main(int argc, char **argv) {
  mn_model *model = NULL;
  mn_plan *plan = NULL;
  mn_session *session = NULL;
  mn_session_options options = {.struct_size = sizeof options};
  mn_error err;
  int result = 1;
  if (argc != 2) return 2;
  if (mn_model_open(&model, argv[1], NULL, &err) || mn_plan_new(&plan, model, NULL, &err)) {
    fprintf(stderr, "%s\n", err.text);
    goto done;
  }
  size_t bytes = mn_plan_session_bytes(plan);
  options.memory = aligned_alloc(64, (bytes + 63) / 64 * 64);
  if (!options.memory) goto done;

  options.memory_bytes = bytes - 1;
  if (mn_session_new(&session, plan, &options, &err) == MN_OK) goto done;
  printf("with %zu bytes: %s\n", bytes - 1, err.text);

  options.memory_bytes = bytes;
  if (mn_session_new(&session, plan, &options, &err)) {
    fprintf(stderr, "%s\n", err.text);
    goto done;
  }
  mn_tensor_info in;
  mn_plan_input_info(plan, 0, &in);
  memset(mn_session_input(session, 0), 0, in.bytes);
  result = mn_session_run(session, &err) != MN_OK;
  printf("with %zu bytes: %s\n", bytes, result ? err.text : "runs");
done:
  mn_session_free(session);
  free(options.memory);
  mn_plan_free(plan);
  mn_model_free(model);
  return result;
}
