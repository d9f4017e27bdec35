/* SPDX-License-Identifier: Apache-2.0
 * `mobilenet selftest`: whether the kernels compute on this very machine what they should. */
#include "interrupt.h"
#include "json_writer.h"
#include "message.h"
#include "mobilenet/diagnostics.h"
#include "options.h"

verb_fn cmd_selftest;

static int report(void *user, const mn_selftest_check *check) {
  const bool *as_json = user;
  if (!*as_json) {
    printf("  %s  %-28s%s\n", check->passed ? "ok    " : "FAILED", check->name, check->text);
  } else if (!check->passed) {
    say("selftest: %s: %s", check->name, check->text);
  }
  return interrupted();
}

int cmd_selftest(const cli_options *options) {
  mn_error err = {0};
  bool as_json = options->given[OPTION_JSON];
  int passed = 0, failed = 0;
  mn_status status = mn_selftest(report, &as_json, &passed, &failed, &err);
  if (status == MN_ERR_CANCELLED) return EXIT_INTERRUPTED;
  if (status != MN_OK) return say_error(&err);
  if (as_json) {
    json_writer line = {stdout, false};
    json_open_object(&line, NULL);
    json_integer(&line, "passed", passed);
    json_integer(&line, "failed", failed);
    json_close_object(&line);
    json_end_line(&line);
  } else {
    printf("%d passed, %d failed\n", passed, failed);
  }
  return failed > 0 ? EXIT_GATE : EXIT_DONE;
}
