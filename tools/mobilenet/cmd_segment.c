/* SPDX-License-Identifier: Apache-2.0
 * `mobilenet segment`: pictures in, the class of every pixel out: as shares for people, as JSON
 * lines, drawn over the picture, or as mask files. */
#include <stdlib.h>
#include <string.h>

#include "class_name.h"
#include "draw.h"
#include "message.h"
#include "new_file.h"
#include "output_names.h"
#include "picture_job.h"
#include "png_file.h"
#include "terminal.h"
#include "voc_palette.h"

verb_fn cmd_segment;

enum { VALUES = 256, TINT = 150 };

typedef struct class_share {
  int class_index;
  size_t pixels;
} class_share;

typedef struct segmentation {
  uint8_t *classes;           /* [height][width] */
  uint8_t *alpha;             /* [height][width] */
  size_t room;                /* of each */
  bool soft;                  /* the model tells one class from the rest: alpha is how much */
  class_share shares[VALUES]; /* [count], largest first */
  int count, label_columns;
  output_names names; /* of the files, when there are any */
  char *drawn, *masked;
} segmentation;

static int make_folder(const picture_job *job, option_id option, const char *name) {
  const char *folder = job->options->text[option];
  return !folder || folder_make(folder, name) ? EXIT_DONE : EXIT_UNUSABLE;
}

static int begin(picture_job *job) {
  segmentation *all = job->own;
  const char *drawn = job->options->text[OPTION_OUT], *masks = job->options->text[OPTION_MASK];
  all->label_columns = class_columns(job->runner.opened.model);
  if (drawn && masks && strcmp(drawn, masks) == 0) {
    say("-o and --mask write files of the same names: they need two folders");
    return EXIT_USAGE;
  }
  if (!drawn && !masks) return EXIT_DONE;
  if (!output_names_make(&all->names, &job->pictures)) return say_out_of_memory();
  int code = make_folder(job, OPTION_OUT, "-o");
  return code == EXIT_DONE ? make_folder(job, OPTION_MASK, "--mask") : code;
}

/* ---- The answer ------------------------------------------------------------------------------ */

static int by_share(const void *a, const void *b) {
  const class_share *left = a, *right = b;
  if (left->pixels != right->pixels) return left->pixels < right->pixels ? 1 : -1;
  return left->class_index - right->class_index;
}

/* What the model knows; pixels that it has not seen are none of it. */
static void count_shares(segmentation *all, size_t pixels, int class_count) {
  size_t of[VALUES] = {0};
  for (size_t i = 0; i < pixels; i++) of[all->classes[i]]++;
  all->count = 0;
  for (int i = 0; i < VALUES && i < class_count; i++) {
    if (of[i] > 0) all->shares[all->count++] = (class_share){i, of[i]};
  }
  qsort(all->shares, (size_t)all->count, sizeof all->shares[0], by_share);
}

static bool make_room(segmentation *all, size_t pixels) {
  if (pixels <= all->room) return true;
  free(all->classes);
  free(all->alpha);
  all->classes = malloc(pixels);
  all->alpha = malloc(pixels);
  all->room = all->classes && all->alpha ? pixels : 0;
  return all->room > 0;
}

static mn_status answer(picture_job *job, mn_error *err) {
  segmentation *all = job->own;
  const size_t width = (size_t)job->image->width, pixels = width * (size_t)job->image->height;
  mn_mask mask = {NULL, job->image->width, job->image->height, width};
  if (!make_room(all, pixels)) return MN_ERR_MEMORY;
  mask.classes = all->classes;
  mn_status status = mn_session_mask(job->runner.session, 0, &mask, err);
  if (status != MN_OK) return status;
  const int class_count = mn_model_class_count(job->runner.opened.model);
  count_shares(all, pixels, class_count);
  mask.classes = all->alpha;
  all->soft = class_count == 2 && mn_session_alpha(job->runner.session, 0, &mask, NULL) == MN_OK;
  return MN_OK;
}

static double share_of(const picture_job *job, const class_share *share) {
  return (double)share->pixels / ((double)job->image->width * job->image->height);
}

static const char *label_of(const picture_job *job, const class_share *share) {
  return mn_model_class_label(job->runner.opened.model, share->class_index);
}

/* ---- Files ----------------------------------------------------------------------------------- */

/* Class 0 is no object where it says so. */
static bool is_background(const picture_job *job, int class_index) {
  const char *label = mn_model_class_label(job->runner.opened.model, class_index);
  return class_index == 0 && label && strstr(label, "background");
}

/* Under a tint shades of one color look alike, so that classes get hues, which the palette has
 * after its first colors. The order is one in which Pascal VOC's persons (15) are a blue that
 * neither skin nor wood has, and what is often beside them is far from it; binary models look for
 * them. */
static palette_color color_of(const picture_job *job, int class_index) {
  enum { HUES = 21, STEP = 5, FIRST = 18, PERSON_COLOR = 1 };
  if (mn_model_class_count(job->runner.opened.model) == 2) return palette_class_color(PERSON_COLOR);
  const int at = class_index < HUES ? (class_index * STEP + FIRST) % HUES : class_index;
  return palette_class_color(HUES + at);
}

static void overlay(const picture_job *job, draw_canvas *canvas) {
  const segmentation *all = job->own;
  draw_tint tints[VALUES] = {{{0, 0, 0}, 0}};
  for (int i = 0; i < VALUES; i++) {
    if (all->soft) {
      tints[i] = (draw_tint){color_of(job, 1), (uint8_t)(i * TINT / 255)};
    } else if (!is_background(job, i)) {
      tints[i] = (draw_tint){color_of(job, i), TINT};
    }
  }
  const draw_map map = {all->soft ? all->alpha : all->classes, (size_t)job->image->width, tints,
                        !all->soft};
  draw_overlay(canvas, &map);
}

/* The colors that are there, largest first, with their shares. */
static bool legend(const picture_job *job, draw_canvas *canvas) {
  enum { TEXT = 160 };
  const segmentation *all = job->own;
  draw_legend_entry *entries = calloc(VALUES, sizeof *entries);
  char(*texts)[TEXT] = calloc(VALUES, sizeof *texts), buffer[32];
  int count = 0;
  for (int i = 0; entries && texts && i < all->count; i++) {
    const class_share *share = &all->shares[i];
    if (is_background(job, share->class_index)) continue;
    const char *name = class_name(label_of(job, share), share->class_index, buffer, sizeof buffer);
    const double percent = 100 * share_of(job, share);
    snprintf(texts[count], TEXT, percent < 0.1 ? "%.120s <0.1%%" : "%.120s %.1f%%", name, percent);
    entries[count] = (draw_legend_entry){color_of(job, share->class_index), texts[count]};
    count++;
  }
  const bool ready = entries && texts;
  if (!ready) say_out_of_memory();
  const bool done = ready && (count == 0 || draw_legend(canvas, entries, count));
  free(entries);
  free(texts);
  return done;
}

static bool draw_picture(const picture_job *job, const char *path) {
  draw_canvas *canvas = draw_canvas_new(job->image, job->path);
  if (!canvas) return false;
  overlay(job, canvas);
  const bool done = legend(job, canvas) && draw_canvas_write(canvas, path);
  draw_canvas_free(canvas);
  return done;
}

/* A pixel of the file is its class, or how much it belongs to the one that a soft mask is of. */
static bool write_mask(const picture_job *job, const char *path) {
  const segmentation *all = job->own;
  palette_color colors[VALUES];
  if (all->soft) {
    gray_palette(colors);
  } else {
    voc_palette(colors);
  }
  const png_pixels pixels = {.rows = all->soft ? all->alpha : all->classes,
                             .stride = (size_t)job->image->width,
                             .width = job->image->width,
                             .height = job->image->height,
                             .palette = colors,
                             .palette_count = VALUES};
  return png_file_write(path, &pixels);
}

typedef bool file_writer(const picture_job *job, const char *path);

/* One file about the picture, when the option asks for it; its path in *path, NULL when none was
 * written. */
static int write_one(const picture_job *job, option_id option, file_writer *writer, char **path) {
  const segmentation *all = job->own;
  free(*path);
  *path = NULL;
  if (!job->options->text[option]) return EXIT_DONE;
  *path = output_path(&all->names, job->index, job->options->text[option]);
  if (!*path) return say_out_of_memory();
  if (writer(job, *path)) return EXIT_DONE;
  free(*path);
  *path = NULL;
  return EXIT_SOME_FAILED;
}

static int write_files(picture_job *job) {
  segmentation *all = job->own;
  const int masked = write_one(job, OPTION_MASK, write_mask, &all->masked);
  const int drawn = write_one(job, OPTION_OUT, draw_picture, &all->drawn);
  return masked != EXIT_DONE ? masked : drawn;
}

/* ---- Words ----------------------------------------------------------------------------------- */

static void print_json(const picture_job *job) {
  const segmentation *all = job->own;
  json_writer line = json_picture_begin(job);
  json_integer(&line, "width", job->image->width);
  json_integer(&line, "height", job->image->height);
  json_open_array(&line, "classes");
  for (int i = 0; i < all->count; i++) {
    json_open_class(&line, label_of(job, &all->shares[i]), all->shares[i].class_index);
    json_float(&line, "share", share_of(job, &all->shares[i]));
    json_close_object(&line);
  }
  json_close_array(&line);
  json_picture_end(&line, job);
}

static void print_file(const char *what, const char *path) {
  if (!path) return;
  printf("  %s: ", what);
  print_safe(stdout, path);
  putchar('\n');
}

static void print_text(const picture_job *job) {
  const segmentation *all = job->own;
  for (int i = 0; i < all->count; i++) {
    const class_share *share = &all->shares[i];
    print_class_share(label_of(job, share), share->class_index, all->label_columns,
                      share_of(job, share));
  }
  print_file("mask", all->masked);
  print_file("drawn", all->drawn);
}

int cmd_segment(const cli_options *options) {
  const bool files = options->text[OPTION_OUT] || options->text[OPTION_MASK];
  const picture_verb verb = {.task = MN_TASK_SEGMENT,
                             .begin = begin,
                             .answer = answer,
                             .draw = files ? write_files : NULL,
                             .print_json = print_json,
                             .print_text = print_text};
  segmentation *all = calloc(1, sizeof *all);
  if (!all) return say_out_of_memory();
  int code = picture_job_run(&verb, options, all);
  free(all->classes);
  free(all->alpha);
  free(all->drawn);
  free(all->masked);
  output_names_free(&all->names);
  free(all);
  return code;
}
