/* SPDX-License-Identifier: Apache-2.0
 * `mobilenet preprocess`: the exact input tensor that a picture becomes, as .npy. */
#include <sys/stat.h>

#include "contract_text.h"
#include "json_writer.h"
#include "message.h"
#include "mobilenet/io.h"
#include "npy.h"
#include "runner.h"
#include "tensor_text.h"

verb_fn cmd_preprocess;

static void print_result(const cli_options *options, const cli_runner *runner,
                         const mn_tensor_info *info) {
  char shape[64];
  const char *contract = mn_model_contract(runner->opened.model);
  if (options->given[OPTION_JSON]) {
    json_writer line = {stdout, false};
    json_open_object(&line, NULL);
    json_shape(&line, "shape", info);
    json_text(&line, "type", mn_type_name(info->type));
    json_raw(&line, "contract", contract);
    json_close_object(&line);
    json_end_line(&line);
    return;
  }
  printf("%s: %s %s for input '%s' of %s\n", options->text[OPTION_OUT], mn_type_name(info->type),
         tensor_shape_text(shape, sizeof shape, info), info->name, runner->opened.name);
  print_contract(contract);
}

static int preprocess(const cli_options *options, const cli_runner *runner) {
  mn_error err = {0};
  mn_picture *picture;
  mn_tensor_info info;
  if (mn_picture_read(&picture, options->args[0], NULL, &err)) {
    say("%s", err.text);
    return EXIT_SOME_FAILED;
  }
  mn_status status = mn_session_set_image(runner->session, 0, mn_picture_image(picture), &err);
  mn_picture_free(picture);
  if (status == MN_OK && mn_plan_input_info(runner->plan, 0, &info) == MN_OK) {
    if (!npy_write(options->text[OPTION_OUT], &info, mn_session_input(runner->session, 0))) {
      return EXIT_UNUSABLE;
    }
    print_result(options, runner, &info);
    return EXIT_DONE;
  }
  say("%s: %s", status == MN_ERR_LIMIT ? options->args[0] : runner->opened.path, err.text);
  return status == MN_ERR_LIMIT ? EXIT_SOME_FAILED : EXIT_UNUSABLE;
}

/* The tensor would take the photo's place. */
static int check_out(const cli_options *options) {
  struct stat in, out;
  if (stat(options->args[0], &in) != 0 || stat(options->text[OPTION_OUT], &out) != 0 ||
      in.st_dev != out.st_dev || in.st_ino != out.st_ino) {
    return EXIT_DONE;
  }
  say("%s is the picture itself: -o needs another name", options->text[OPTION_OUT]);
  return EXIT_USAGE;
}

int cmd_preprocess(const cli_options *options) {
  cli_runner runner;
  if (check_out(options) != EXIT_DONE) return EXIT_USAGE;
  int code = runner_open(&runner, options, NULL, &(runner_sizes){0});
  if (code == EXIT_DONE) code = runner_check_pictures(&runner);
  if (code == EXIT_DONE) {
    model_say_assumptions(&runner.opened);
    code = preprocess(options, &runner);
  }
  runner_close(&runner);
  return code;
}
