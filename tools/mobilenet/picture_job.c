/* SPDX-License-Identifier: Apache-2.0
 * Pictures through a model, one after the other. A picture that fails is named and the others are
 * done; a model that cannot do its task ends everything. */
#include "picture_job.h"

#include <string.h>

#include "interrupt.h"
#include "message.h"
#include "stopwatch.h"
#include "terminal.h"

/* "tench" of "tench, Tinca tinca". */
static void print_first_name(const char *label) {
  char name[64];
  snprintf(name, sizeof name, "%.*s", (int)strcspn(label, ","), label);
  print_safe(stdout, name);
}

/* The first line: which model this is and what it knows. */
static void introduce(const opened_model *opened) {
  enum { SHOWN = 8 };
  const int count = mn_model_class_count(opened->model);
  print_safe(stdout, opened->name);
  if (opened->is_default) fputs(" (ships with mobilenet)", stdout);
  if (count > 0) printf(" knows %d classes", count);
  for (int i = 0; i < count && i < SHOWN && mn_model_class_label(opened->model, i); i++) {
    fputs(i > 0 ? ", " : ": ", stdout);
    print_first_name(mn_model_class_label(opened->model, i));
  }
  puts(count > SHOWN ? ", ..." : "");
}

json_writer json_picture_begin(const picture_job *job) {
  json_writer line = {stdout, false};
  json_open_object(&line, NULL);
  json_text(&line, "image", job->path);
  return line;
}

void json_picture_end(json_writer *line, const picture_job *job) {
  json_open_object(line, "ms");
  json_ms(line, "decode", job->ms.decode);
  json_ms(line, "preprocess", job->ms.preprocess);
  json_ms(line, "infer", job->ms.infer);
  json_ms(line, "post", job->ms.post);
  if (job->ms.draw > 0) json_ms(line, "draw", job->ms.draw);
  json_close_object(line);
  json_close_object(line);
  json_end_line(line);
}

static void print_times(const picture_times *ms) {
  printf("  %.1f ms: decode %.1f, preprocess %.1f, infer %.1f, post %.1f",
         ms->decode + ms->preprocess + ms->infer + ms->post + ms->draw, ms->decode, ms->preprocess,
         ms->infer, ms->post);
  if (ms->draw > 0) printf(", draw %.1f", ms->draw);
  putchar('\n');
}

static void print_answer(const picture_verb *verb, const picture_job *job) {
  if (job->as_json) {
    verb->print_json(job);
    return;
  }
  putchar('\n');
  print_safe(stdout, job->path);
  putchar('\n');
  verb->print_text(job);
  print_times(&job->ms);
  flush_output();
}

/* Runs the network on the decoded picture and takes its answer. */
static mn_status infer(const picture_verb *verb, picture_job *job, mn_error *err) {
  mn_session *session = job->runner.session;
  double start = now_ms();
  mn_status status = mn_session_set_image(session, 0, job->image, err);
  double prepared = now_ms();
  if (status == MN_OK) status = mn_session_run(session, err);
  double done = now_ms();
  if (status == MN_OK) status = verb->answer(job, err);
  job->ms.preprocess = prepared - start;
  job->ms.infer = done - prepared;
  job->ms.post = now_ms() - done;
  return status;
}

static int draw(const picture_verb *verb, picture_job *job) {
  double start = now_ms();
  int code = verb->draw ? verb->draw(job) : EXIT_DONE;
  job->ms.draw = verb->draw ? now_ms() - start : 0;
  return code;
}

static int do_decoded(const picture_verb *verb, picture_job *job) {
  mn_error err = {0};
  mn_status status = infer(verb, job, &err);
  if (status == MN_ERR_LIMIT) {
    say("%s: %s", job->path, err.text);
    return EXIT_SOME_FAILED;
  }
  if (status != MN_OK) {
    say("%s: %s", job->runner.opened.path, err.text);
    return EXIT_UNUSABLE;
  }
  int code = draw(verb, job);
  print_answer(verb, job);
  return code;
}

static int do_picture(const picture_verb *verb, picture_job *job) {
  mn_error err = {0};
  mn_picture *picture;
  double start = now_ms();
  if (mn_picture_read(&picture, job->path, NULL, &err)) {
    say("%s", err.text);
    return EXIT_SOME_FAILED;
  }
  job->ms.decode = now_ms() - start;
  job->image = mn_picture_image(picture);
  int code = do_decoded(verb, job);
  mn_picture_free(picture);
  return code;
}

static int do_pictures(const picture_verb *verb, picture_job *job) {
  int code = job->pictures.failures > 0 ? EXIT_SOME_FAILED : EXIT_DONE;
  for (job->index = 0; job->index < job->pictures.count; job->index++) {
    if (interrupted()) return EXIT_INTERRUPTED;
    job->path = job->pictures.paths[job->index];
    int one = do_picture(verb, job);
    if (one == EXIT_UNUSABLE) return one;
    if (one != EXIT_DONE) code = one;
    if (ferror(stdout)) return EXIT_SOME_FAILED;
  }
  return code;
}

static int list_pictures(picture_job *job) {
  for (int i = 0; i < job->options->arg_count; i++) {
    if (!picture_list_add(&job->pictures, job->options->args[i])) return say_out_of_memory();
  }
  return EXIT_DONE;
}

int picture_job_run(const picture_verb *verb, const cli_options *options, void *own) {
  picture_job job = {.options = options, .as_json = options->given[OPTION_JSON], .own = own};
  int code = runner_open(&job.runner, options, NULL, &(runner_sizes){0});
  if (code == EXIT_DONE) code = runner_check_pictures(&job.runner);
  if (code == EXIT_DONE) code = model_check_task(&job.runner.opened, verb->task);
  if (code == EXIT_DONE) code = list_pictures(&job);
  if (code == EXIT_DONE) code = verb->begin(&job);
  if (code == EXIT_DONE) {
    model_say_assumptions(&job.runner.opened);
    if (!job.as_json) introduce(&job.runner.opened);
    code = do_pictures(verb, &job);
  }
  picture_list_free(&job.pictures);
  runner_close(&job.runner);
  return code;
}
