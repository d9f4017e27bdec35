/* SPDX-License-Identifier: Apache-2.0
 * `mobilenet version`: version, build, and what this CPU offers. */
#include "json_writer.h"
#include "message.h"
#include "options.h"

verb_fn cmd_version;

int cmd_version(const cli_options *options) {
  if (options->given[OPTION_JSON]) {
    json_writer line = {stdout, false};
    json_open_object(&line, NULL);
    json_text(&line, "version", mn_version());
    json_text(&line, "isa", mn_isa());
    json_close_object(&line);
    json_end_line(&line);
    return EXIT_DONE;
  }
  printf("mobilenet %s\n", mn_version());
  printf("  built with  %s%s\n",
#if defined(__clang__)
         "",
#else
         "gcc ",
#endif
         __VERSION__);
  printf("  kernels     %s\n", mn_isa());
  printf("  threads     %d\n", mn_threads_available());
  return EXIT_DONE;
}
