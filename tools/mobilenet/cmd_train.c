/* SPDX-License-Identifier: Apache-2.0
 * `mobilenet train`: from a folder of photos to a model that names them, finds objects in them or
 * tells what every pixel shows. The run is kept beside the model
 * after every epoch, so that any end of it, Ctrl-C and a lost machine too, costs an epoch at most.
 */
#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "drop_gate.h"
#include "interrupt.h"
#include "json_writer.h"
#include "message.h"
#include "mobilenet/convert.h"
#include "mobilenet/train.h"
#include "mobilenet/zoo.h"
#include "mpirun.h"
#include "open_model.h"
#include "options.h"
#include "progress.h"
#include "report.h"
#include "runner.h"
#include "stopwatch.h"
#include "terminal.h"
#include "verbs.h"

verb_fn cmd_train;

enum { MOST_SETTINGS = 64, MOST_NOTES = 12 };

typedef struct course {
  const cli_options *options;
  const char *data, *out;
  char *labels;   /* of --labels */
  char run[4096]; /* the checkpoint's path */
  mn_model *start;
  mn_threads *threads;
  mn_training *training;
  mn_ranks ranks; /* count 0: this process alone */
  bool together;  /* all ranks do the same from here on */
  progress_bar bar;
  const char *doing;
  int32_t done;    /* epochs, those before a --resume too */
  double epoch_ms; /* that the last one took; 0: none is done */
} course;

/* ---- Recipes ------------------------------------------------------------------------------- */

static int show_recipe(const char *name) {
  mn_error err;
  char *text;
  if (strcmp(name, "list") == 0) {
    const char *purpose;
    for (int i = 0; mn_recipe_names(i, &purpose); i++) {
      printf("%-12s %s\n", mn_recipe_names(i, NULL), purpose);
    }
    return EXIT_DONE;
  }
  if (mn_recipe_show(name, &text, &err)) {
    say_error(&err);
    return EXIT_USAGE;
  }
  fputs(text, stdout);
  mn_text_free(text);
  return EXIT_DONE;
}

/* ---- Data and start ------------------------------------------------------------------------ */

static int on_progress(void *user, const char *what, int64_t done, int64_t count) {
  course *c = user;
  if (c->doing != what || done == 0) {
    progress_clear(&c->bar);
    progress_begin(&c->bar, what, count);
    if (c->training) {
      progress_again(&c->bar, mn_training_epochs(c->training) - c->done - 1, c->epoch_ms);
    }
    c->doing = what;
  }
  progress_update(&c->bar, done);
  return interrupted();
}

static mn_status open_trained(course *c, const char *from, const char *contract, mn_error *err) {
  const mn_open_options open = {.struct_size = sizeof open, .contract = contract};
  const mn_weights_options weights = {.struct_size = sizeof weights, .open = &open};
  return mn_weights_has(from) ? mn_model_open_weights(&c->start, from, &weights, err)
                              : mn_model_open(&c->start, from, &open, err);
}

static mn_status open_new(course *c, const char *name, const char *contract, mn_error *err) {
  const mn_zoo_options zoo = {.struct_size = sizeof zoo,
                              .seed = (uint64_t)options_number(c->options, OPTION_SEED, 1),
                              .contract = contract};
  return mn_model_from_zoo(&c->start, name, &zoo, err);
}

/* -a: a network by its name; --from: a model whose weights to start from. */
static int open_start(course *c) {
  mn_error err;
  char *contract;
  const char *name = c->options->text[OPTION_ARCH], *from = c->options->text[OPTION_FROM];
  if (!name && !from) {
    say("say what to train: -a ARCH for a new network (v1-0.25-128, v2-1.0-224, ...), or --from "
        "MODEL to go on from trained weights");
    return EXIT_USAGE;
  }
  if (name && from) {
    say("-a %s is a new network, --from %s a trained one: leave one of them out", name, from);
    return EXIT_USAGE;
  }
  const int code = contract_read(c->options, &contract);
  if (code != EXIT_DONE) return code;
  char *path = from ? model_path(from) : NULL;
  mn_status failed = MN_ERR_IO;
  if (!from || path) {
    failed = from ? open_trained(c, path, contract, &err) : open_new(c, name, contract, &err);
    if (failed) say_error(&err);
  }
  free(path);
  free(contract);
  if (!failed) return EXIT_DONE;
  return from ? EXIT_UNUSABLE : EXIT_USAGE;
}

static void say_data(const course *c) {
  int count = 0;
  while (mn_training_note(c->training, count)) count++;
  for (int i = 0; i < count && i < MOST_NOTES; i++) say("%s", mn_training_note(c->training, i));
  if (count > MOST_NOTES) say("and %d more like these", count - MOST_NOTES);
  if (c->options->given[OPTION_JSON]) return;
  printf("%s: %lld pictures to train on, %lld held back\n", c->data,
         (long long)mn_training_pictures(c->training, 0),
         (long long)mn_training_pictures(c->training, 1));
}

/* Of --cache; 0: as much as is usual. No picture fits one byte. */
static uint64_t cache_bytes(const cli_options *options) {
  const uint64_t given = (uint64_t)options_number(options, OPTION_CACHE, 0);
  return options->given[OPTION_CACHE] && given == 0 ? 1 : given;
}

static int prepare(course *c) {
  mn_error err;
  const cli_options *o = c->options;
  const char *settings[MOST_SETTINGS + 2];
  char epochs[32], batch[32];
  mn_train_options options = {
      .struct_size = sizeof options,
      .recipe = o->text[OPTION_RECIPE],
      .settings = settings,
      .fine_tune = o->text[OPTION_FROM] != NULL,
      .height = o->height,
      .width = o->width,
      .freeze = o->text[OPTION_FREEZE],
      .seed = (uint64_t)options_number(o, OPTION_SEED, 1),
      .held_back = o->given[OPTION_HELD_BACK] ? o->fraction[OPTION_HELD_BACK] : 0,
      .head = o->text[OPTION_HEAD],
      .ignore = (int32_t)options_number(o, OPTION_IGNORE, 0),
      .progress = on_progress,
      .user = c,
      .ranks = c->ranks.count > 1 ? &c->ranks : NULL,
      .int8 = o->given[OPTION_QAT],
      .cache_bytes = cache_bytes(o),
  };
  if (o->text[OPTION_LABELS]) {
    c->labels = text_file_read(o->text[OPTION_LABELS], "labels");
    if (!c->labels) return EXIT_UNUSABLE;
    options.labels = c->labels;
  }
  int position = 0;
  const char *setting;
  while (options.setting_count < MOST_SETTINGS &&
         (setting = options_next(o, OPTION_SET, &position)) != NULL) {
    settings[options.setting_count++] = setting;
  }
  if (o->given[OPTION_EPOCHS]) {
    snprintf(epochs, sizeof epochs, "epochs=%lld", (long long)o->number[OPTION_EPOCHS]);
    settings[options.setting_count++] = epochs;
  }
  if (o->given[OPTION_BATCH]) {
    snprintf(batch, sizeof batch, "batch=%lld", (long long)o->number[OPTION_BATCH]);
    settings[options.setting_count++] = batch;
  }
  const int threads = options_threads(o);
  if (threads == 0) return EXIT_USAGE;
  if (mn_threads_new(&c->threads, threads, &err)) return say_error(&err);
  options.threads = c->threads;
  mn_status status = mn_training_new(&c->training, c->start, c->data, &options, &err);
  c->together = status != MN_ERR_CANCELLED;
  progress_clear(&c->bar);
  if (status == MN_ERR_CANCELLED) return EXIT_INTERRUPTED;
  if (status) return say_error(&err);
  say_data(c);
  return drop_gate_data(o, c->training);
}

/* ---- Epochs -------------------------------------------------------------------------------- */

/* What is told of the pictures held back: of each task its own. */
typedef struct held_score {
  const char *key, *text;
  double value;
  const char *float_key; /* of the same weights as floats, with --qat */
  double floats;
} held_score;

enum { MOST_SCORES = 2 };

static int scores_of(const course *c, const mn_trained_epoch *e, held_score *scores) {
  switch (mn_training_task(c->training)) {
    case MN_TASK_DETECT:
      scores[0] =
          (held_score){"eval_map", "mAP ", e->eval_map, "eval_map_float", e->eval_map_float};
      scores[1] = (held_score){"eval_map50", "mAP50 ", e->eval_map50, "eval_map50_float",
                               e->eval_map50_float};
      return 2;
    case MN_TASK_SEGMENT:
      scores[0] =
          (held_score){"eval_miou", "mIoU ", e->eval_miou, "eval_miou_float", e->eval_miou_float};
      return 1;
    default:
      scores[0] =
          (held_score){"eval_top1", "", e->eval_top1, "eval_top1_float", e->eval_top1_float};
      return 1;
  }
}

static void json_part(json_writer *line, const char *key, double part) {
  json_float(line, key, part < 0 ? NAN : part);
}

/* In the order of the classes. */
static void json_recall(const course *c, json_writer *line) {
  double recall;
  json_open_array(line, "eval_recall");
  for (int i = 0; mn_training_class(c->training, i, &recall); i++) json_part(line, NULL, recall);
  json_close_array(line);
}

static void json_int8(const mn_trained_epoch *e, const held_score *scores, int count,
                      json_writer *line) {
  for (int i = 0; i < count; i++) json_part(line, scores[i].float_key, scores[i].floats);
  json_part(line, "codes_differ", e->codes_differ);
  json_part(line, "layer_differs", e->layer_differs);
  json_text(line, "layer", e->layer);
  json_float(line, "drop", e->drop);
  json_text(line, "drop_class", e->drop_class[0] ? e->drop_class : NULL);
}

static void print_int8(const mn_trained_epoch *e, const held_score *scores, int count) {
  if (scores[0].floats < 0) return;
  printf("  int8; as floats ");
  for (int i = 0; i < count; i++) {
    printf("%s%s%.1f %%", i ? "  " : "", scores[i].text, 100 * scores[i].floats);
  }
  if (e->codes_differ >= 0) {
    printf("; %.2f %% of codes are not what training had, %.1f %% in %s", 100 * e->codes_differ,
           100 * e->layer_differs, e->layer);
  }
  printf("\n");
}

static void print_json(const course *c, const mn_trained_epoch *e, const held_score *scores,
                       int count) {
  json_writer line = {stdout, false};
  json_open_object(&line, NULL);
  json_integer(&line, "epoch", e->epoch);
  json_double(&line, "loss", e->loss);
  if (e->top1 >= 0) json_double(&line, "top1", e->top1);
  for (int i = 0; i < count; i++) {
    json_double(&line, scores[i].key, scores[i].value < 0 ? NAN : scores[i].value);
  }
  json_float(&line, "images_per_s", e->images_per_s);
  json_double(&line, "lr", e->rate);
  if (c->ranks.count > 1) json_double(&line, "waited_s", e->waited_s);
  if (e->worst_recall >= 0) json_recall(c, &line);
  if (c->options->given[OPTION_QAT]) json_int8(e, scores, count, &line);
  json_close_object(&line);
  json_end_line(&line);
}

static void print_epoch(const course *c, const mn_trained_epoch *e) {
  held_score scores[MOST_SCORES];
  const int count = scores_of(c, e, scores);
  if (c->options->given[OPTION_JSON]) {
    print_json(c, e, scores, count);
    return;
  }
  printf("epoch %*d/%d  loss %.4f  ", e->epochs > 99 ? 3 : 2, e->epoch, e->epochs, e->loss);
  if (e->top1 >= 0) printf("trained on %5.1f %%  ", 100 * e->top1);
  for (int i = 0; i < count && scores[i].value >= 0; i++) {
    if (i == 0) fputs("held back ", stdout);
    printf("%s%5.1f %%  ", scores[i].text, 100 * scores[i].value);
  }
  if (e->worst_recall >= 0) {
    printf("worst: %s %.1f %%  ", mn_training_class(c->training, e->worst_class, NULL),
           100 * e->worst_recall);
  }
  printf("rate %.2g  %.0f images/s\n", e->rate, e->images_per_s);
  print_int8(e, scores, count);
  drop_gate_print(c->options, e);
  fflush(stdout);
}

/* Decoded pictures in memory, after the first epoch, where there is something to choose. */
static void say_cache(const course *c) {
  const cli_options *o = c->options;
  const double mega = 1024.0 * 1024;
  mn_kept_pictures cache;
  mn_training_kept(c->training, &cache);
  if (cache.kept == 0 || (!cache.full && !o->given[OPTION_CACHE])) return;
  const double all = (double)cache.bytes / (double)cache.kept * (double)cache.pictures;
  if (cache.full) {
    say("%lld of %lld pictures stay decoded in memory, %.0f MB; --cache %.0fM would hold about all",
        (long long)cache.kept, (long long)cache.pictures, ceil((double)cache.bytes / mega),
        ceil(1.05 * all / mega));
  } else {
    say("%lld pictures stay decoded in memory, %.0f MB", (long long)cache.kept,
        ceil((double)cache.bytes / mega));
  }
}

/* The run always, the model where it is good enough. */
static int save_all(const course *c, const mn_trained_epoch *epoch) {
  mn_error err;
  mn_model *model = NULL;
  if (c->ranks.rank > 0) return EXIT_DONE;
  if (mn_training_save(c->training, c->run, &err)) return say_error(&err);
  if (!drop_gate_passes(c->options, epoch)) return EXIT_DONE;
  if (mn_training_model(c->training, &model, &err)) return say_error(&err);
  mn_status status = mn_model_save(model, c->out, MN_FORMAT_BY_NAME, &err);
  mn_model_free(model);
  return status ? say_error(&err) : EXIT_DONE;
}

/* flowers.safetensors: the page is flowers.report.html. */
static int report(const course *c) {
  char path[4096];
  const char *from = c->options->text[OPTION_FROM];
  const report_subject subject = {c->training, c->out, c->data,
                                  from ? from : c->options->text[OPTION_ARCH],
                                  drop_gate_last(c->options, c->training)};
  snprintf(path, sizeof path, "%.*s.report.html", (int)(strlen(c->out) - strlen(".safetensors")),
           c->out);
  return report_write(&subject, path) ? EXIT_DONE : EXIT_UNUSABLE;
}

static int resume(course *c) {
  mn_error err;
  if (!c->options->given[OPTION_RESUME]) return EXIT_DONE;
  if (mn_training_resume(c->training, c->run, &c->done, &err)) return say_error(&err);
  say("%s: going on after epoch %d", c->run, c->done);
  return EXIT_DONE;
}

static int say_stopped(const course *c) {
  const char *what =
      c->ranks.count > 1 ? "this run was stopped, or one of its processes has ended" : "stopped";
  if (c->done > 0) {
    say("%s; --resume goes on after epoch %d", what, c->done);
  } else {
    say("%s within the first epoch; nothing is kept of it", what);
  }
  return EXIT_INTERRUPTED;
}

static int train(course *c) {
  mn_trained_epoch epoch;
  mn_error err;
  int code = resume(c);
  c->together = code != EXIT_DONE;
  while (code == EXIT_DONE && c->done < mn_training_epochs(c->training)) {
    const bool first = c->epoch_ms == 0;
    const double begin = now_ms();
    mn_status status = mn_training_epoch(c->training, &epoch, &err);
    progress_clear(&c->bar);
    c->doing = NULL;
    if (status == MN_ERR_CANCELLED) return say_stopped(c);
    if (status) return say_error(&err);
    c->done = epoch.epoch;
    print_epoch(c, &epoch);
    if (first && c->ranks.rank == 0) say_cache(c);
    code = save_all(c, &epoch);
    c->epoch_ms = now_ms() - begin;
  }
  c->together |= code == EXIT_DONE;
  if (code == EXIT_DONE && c->ranks.rank == 0) {
    code = report(c);
    remove(c->run);
    if (code == EXIT_DONE) code = drop_gate_end(c->options, c->training);
  }
  if (code == EXIT_DONE && !c->options->given[OPTION_JSON]) {
    const mn_task task = mn_training_task(c->training);
    print_safe(stdout, c->out);
    printf("\n  mobilenet %s -m ", task == MN_TASK_DETECT    ? "detect"
                                   : task == MN_TASK_SEGMENT ? "segment"
                                                             : "classify");
    print_word(stdout, c->out);
    puts(" PHOTO");
  }
  return code;
}

/* The folder of the model, which is written after the first epoch and may be hours away. */
static int check_folder(const char *out) {
  char folder[4096];
  const char *slash = strrchr(out, '/');
  const int length = slash ? (int)(slash - out) + (slash == out) : 1;
  snprintf(folder, sizeof folder, "%.*s", length, slash ? out : ".");
  if (access(folder, W_OK | X_OK) == 0) return EXIT_DONE;
  say("%s cannot be written: the folder '%s': %s", out, folder, strerror(errno));
  return EXIT_UNUSABLE;
}

/* Whether --resume has a run to go on with, and without it none is written over. */
static int check_run(const course *c) {
  const bool stopped = access(c->run, F_OK) == 0, given = c->options->given[OPTION_RESUME];
  if (!stopped && !given && access(c->out, F_OK) == 0) {
    say("%s is there: the new model takes its place after the first epoch, not before", c->out);
  }
  if (stopped == given) return EXIT_DONE;
  if (!given) {
    say("%s is of a run that was stopped: --resume goes on with it, or remove it", c->run);
    return EXIT_USAGE;
  }
  say("%s: there is no run to go on with%s; without --resume one is begun", c->run,
      access(c->out, F_OK) == 0 ? ", that of the model there came to its end" : "");
  return EXIT_UNUSABLE;
}

/* flowers.safetensors: the run is flowers.run.safetensors. */
static int name_run(course *c) {
  static const char ending[] = ".safetensors";
  const size_t length = c->out ? strlen(c->out) : 0, tail = sizeof ending - 1;
  if (!c->out) {
    say("say where the model goes: -o NAME.safetensors");
    return EXIT_USAGE;
  }
  if (length <= tail || strcmp(c->out + length - tail, ending) != 0 || length > 4000) {
    say("%s: a model in training is written as NAME.safetensors; 'mobilenet convert' makes other "
        "formats of it",
        c->out);
    return EXIT_USAGE;
  }
  snprintf(c->run, sizeof c->run, "%.*s.run.safetensors", (int)(length - tail), c->out);
  const int code = check_folder(c->out);
  return code == EXIT_DONE ? check_run(c) : code;
}

/* Started by mpirun, this is one of several processes that train together. */
static int meet_ranks(course *c) {
  if (ranks_count() == 1) return EXIT_DONE;
  return ranks_join(&c->ranks, interrupted) ? EXIT_DONE : EXIT_UNUSABLE;
}

int cmd_train(const cli_options *options) {
  if (options->text[OPTION_SHOW_RECIPE]) return show_recipe(options->text[OPTION_SHOW_RECIPE]);
  course c = {.options = options, .data = options->args[0], .out = options->text[OPTION_OUT]};
  if (options->arg_count == 0) {
    say("say which pictures: a folder with a folder a class, or with boxes or masks");
    return EXIT_USAGE;
  }
  interrupt_watch();
  ranks_hush();
  int code = drop_gate_options(options);
  if (code == EXIT_DONE) code = name_run(&c);
  if (code == EXIT_DONE) code = open_start(&c);
  if (code == EXIT_DONE) code = meet_ranks(&c);
  if (code == EXIT_DONE) code = prepare(&c);
  if (code == EXIT_DONE) code = train(&c);
  mn_training_free(c.training);
  mn_threads_free(c.threads);
  mn_model_free(c.start);
  if (code != EXIT_INTERRUPTED) ranks_leave(c.together, code);
  free(c.labels);
  return code;
}
