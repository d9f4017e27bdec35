/* SPDX-License-Identifier: Apache-2.0
 * A raw tensor in, a raw tensor out; libmobilenet alone. Feeds zeros and prints what comes out.
 * cc run_raw.c $(pkg-config --cflags --libs mobilenet) && ./a.out model */
#include <mobilenet/mobilenet.h>
#include <stdio.h>
#include <string.h>

static void print_tensor(const mn_tensor_info *info) {
  printf("%s %s [", info->name, mn_type_name(info->type));
  for (int i = 0; i < info->rank; i++) printf("%s%d", i ? "," : "", (int)info->dims[i]);
  printf("] %zu bytes\n", info->bytes);
}

int main(int argc, char **argv) {
  mn_model *model = NULL;
  mn_plan *plan = NULL;
  mn_session *session = NULL;
  mn_tensor_info in, out;
  mn_error err;
  mn_status status = MN_ERR_ARGUMENT;
  if (argc != 2) return 2;
  if (!mn_model_open(&model, argv[1], NULL, &err) && !mn_plan_new(&plan, model, NULL, &err) &&
      !mn_session_new(&session, plan, NULL, &err)) {
    mn_plan_input_info(plan, 0, &in);
    mn_plan_output_info(plan, 0, &out);
    print_tensor(&in);
    print_tensor(&out);
    memset(mn_session_input(session, 0), 0, in.bytes);
    status = mn_session_run(session, &err);
  }
  if (status) {
    fprintf(stderr, "%s\n", err.text);
  } else {
    const unsigned char *bytes = mn_session_output(session, 0);
    printf("first bytes of the output:");
    for (size_t i = 0; i < out.bytes && i < 8; i++) printf(" %02x", bytes[i]);
    printf("\n");
  }
  mn_session_free(session);
  mn_plan_free(plan);
  mn_model_free(model);
  return status != MN_OK;
}
