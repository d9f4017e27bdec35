/* SPDX-License-Identifier: Apache-2.0
 * See drop_gate.h. */
#include "drop_gate.h"

#include <stdio.h>

#include "message.h"

/* Recalls are fractions of few pictures: 0.02 is 1 - 49/50, give or take rounding. */
static const double slack = 1e-9;

static const char *given(const cli_options *options) { return options->text[OPTION_MAX_DROP]; }

int drop_gate_options(const cli_options *options) {
  if (!given(options) || options->given[OPTION_QAT]) return EXIT_DONE;
  say("--max-drop says how far an int8 model may fall below floats: it goes with --qat");
  return EXIT_USAGE;
}

int drop_gate_data(const cli_options *options, const mn_training *training) {
  if (!given(options) || mn_training_pictures(training, 1) > 0) return EXIT_DONE;
  say("--max-drop has nothing to measure by: no picture is held back");
  return EXIT_UNUSABLE;
}

bool drop_gate_passes(const cli_options *options, const mn_trained_epoch *epoch) {
  return !given(options) || epoch->drop <= options->fraction[OPTION_MAX_DROP] + slack;
}

void drop_gate_print(const cli_options *options, const mn_trained_epoch *epoch) {
  if (drop_gate_passes(options, epoch)) return;
  printf("  %s%s%.1f points below floats, more than --max-drop %s: not written\n",
         epoch->drop_class, epoch->drop_class[0] ? " " : "", 100 * epoch->drop, given(options));
}

int32_t drop_gate_last(const cli_options *options, const mn_training *training) {
  const mn_trained_epoch *epochs;
  int32_t last = mn_training_history(training, &epochs);
  while (last > 0 && !drop_gate_passes(options, &epochs[last - 1])) last--;
  return last;
}

int drop_gate_end(const cli_options *options, const mn_training *training) {
  const mn_trained_epoch *epochs;
  const int32_t count = mn_training_history(training, &epochs);
  const int32_t last = drop_gate_last(options, training);
  const char *out = options->text[OPTION_OUT];
  if (last == 0 && given(options)) {
    say("%s is not written: no epoch came within --max-drop %s of floats", out, given(options));
    return EXIT_GATE;
  }
  if (last < count) {
    say("%s is of epoch %d, the last within --max-drop %s of floats", out, last, given(options));
  }
  return EXIT_DONE;
}
