/* SPDX-License-Identifier: Apache-2.0
 * What a report says of a classifier's pictures that are held back: which part of each class is
 * told, what is taken for what, and the mistakes that it was surest of. */
#include <stdlib.h>
#include <string.h>

#include "message.h"
#include "report.h"
#include "svg.h"

enum { MISTAKES = 24, THUMBNAIL = 144, QUALITY = 80, MOST_IN_TABLE = 40 };

typedef struct judged_set {
  const report_subject *subject;
  mn_model *model; /* its names */
  mn_judged_picture *pictures;
  int64_t count;
  int classes;
  int64_t *confusion; /* [truth][answer] */
} judged_set;

static const char *name_of(const judged_set *set, int class_index) {
  const char *name = mn_model_class_label(set->model, class_index);
  return name ? name : "?";
}

/* ---- Tables ---------------------------------------------------------------------------------- */

static int64_t row_sum(const judged_set *set, int truth) {
  int64_t sum = 0;
  for (int c = 0; c < set->classes; c++) sum += set->confusion[truth * set->classes + c];
  return sum;
}

static void write_recall(FILE *file, const judged_set *set) {
  fputs("<h2>Recall of each class</h2>\n<table class=\"bars\">\n", file);
  for (int c = 0; c < set->classes; c++) {
    const int64_t all = row_sum(set, c), right = set->confusion[c * set->classes + c];
    const double share = all ? 100.0 * (double)right / (double)all : 0;
    fputs("<tr><th>", file);
    markup_text(file, name_of(set, c));
    fprintf(file, "</th><td><div class=\"bar\" style=\"width:%.1f%%\"></div></td><td class=\"n\">",
            share);
    if (all) {
      fprintf(file, "%.1f %%</td><td class=\"n faint\">%lld of %lld</td></tr>\n", share,
              (long long)right, (long long)all);
    } else {
      fputs("</td><td class=\"n faint\">none held back</td></tr>\n", file);
    }
  }
  fputs("</table>\n", file);
}

/* Browns for what is wrong, green for what is right, deeper for a larger part of the row. */
static void write_cell(FILE *file, const judged_set *set, int truth, int answer, int64_t all) {
  const int64_t n = set->confusion[truth * set->classes + answer];
  const double share = all ? (double)n / (double)all : 0;
  const char *hue = truth == answer ? "95,138,90" : "169,86,63";
  fprintf(file, "<td class=\"n\" style=\"background:rgba(%s,%.2f)\">", hue,
          n ? 0.12 + 0.75 * share : 0);
  if (n) fprintf(file, "%lld", (long long)n);
  fputs("</td>", file);
}

static void write_confusion(FILE *file, const judged_set *set) {
  fputs("<h2>What is taken for what</h2>\n", file);
  if (set->classes > MOST_IN_TABLE) {
    fprintf(file, "<p>%d classes are too many for a table.</p>\n", set->classes);
    return;
  }
  fputs(
      "<p>Rows: what it is. Columns: what the model says.</p>\n<table class=\"matrix\">\n<tr><th>"
      "</th>",
      file);
  for (int c = 0; c < set->classes; c++) {
    fputs("<th>", file);
    markup_text(file, name_of(set, c));
    fputs("</th>", file);
  }
  fputs("</tr>\n", file);
  for (int t = 0; t < set->classes; t++) {
    const int64_t all = row_sum(set, t);
    fputs("<tr><th>", file);
    markup_text(file, name_of(set, t));
    fputs("</th>", file);
    for (int a = 0; a < set->classes; a++) write_cell(file, set, t, a, all);
    fputs("</tr>\n", file);
  }
  fputs("</table>\n", file);
}

/* ---- Mistakes -------------------------------------------------------------------------------- */

static int surer(const void *a, const void *b) {
  const mn_judged_picture *x = a, *y = b;
  const float dx = x->score - x->truth_score, dy = y->score - y->truth_score;
  if (dx != dy) return dx > dy ? -1 : 1;
  return strcmp(x->path, y->path);
}

static void write_base64(FILE *file, const unsigned char *bytes, size_t size) {
  static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
  for (size_t i = 0; i < size; i += 3) {
    const unsigned left = size - i < 3 ? (unsigned)(size - i) : 3;
    unsigned word = (unsigned)bytes[i] << 16;
    if (left > 1) word |= (unsigned)bytes[i + 1] << 8;
    if (left > 2) word |= bytes[i + 2];
    for (unsigned k = 0; k < 4; k++)
      fputc(k <= left ? digits[word >> (18 - 6 * k) & 63] : '=', file);
  }
}

/* A picture, its longer side THUMBNAIL, as a data URI. */
static bool write_thumbnail(FILE *file, const mn_image *image, mn_error *err) {
  const int32_t longer = image->width > image->height ? image->width : image->height;
  const int32_t width = image->width * THUMBNAIL / longer,
                height = image->height * THUMBNAIL / longer;
  mn_image small = {.width = width ? width : 1, .height = height ? height : 1};
  small.stride = (size_t)small.width * 3;
  uint8_t *pixels = malloc(small.stride * (size_t)small.height);
  unsigned char *bytes;
  size_t size;
  small.pixels = pixels;
  if (!pixels) return false;
  bool done = mn_image_resize(image, MN_RESIZE_PILLOW_BILINEAR, pixels, small.width, small.height,
                              err) == MN_OK &&
              mn_jpeg_encode(&small, QUALITY, &bytes, &size, err) == MN_OK;
  free(pixels);
  if (!done) return false;
  fputs("<img alt=\"\" src=\"data:image/jpeg;base64,", file);
  write_base64(file, bytes, size);
  fputs("\">", file);
  mn_jpeg_free(bytes);
  return true;
}

static bool write_mistake(FILE *file, const judged_set *set, const mn_judged_picture *judged,
                          int64_t index) {
  const mn_picture_options options = {.struct_size = sizeof options, .least_side = THUMBNAIL};
  mn_picture *picture;
  mn_error err;
  if (mn_training_read_held(set->subject->training, index, &options, &picture, &err)) {
    say_error(&err);
    return false;
  }
  fputs("<figure>", file);
  const bool done = write_thumbnail(file, mn_picture_image(picture), &err);
  mn_picture_free(picture);
  if (!done) {
    say_error(&err);
    return false;
  }
  const char *slash = strrchr(judged->path, '/');
  fputs("<figcaption><b>", file);
  markup_text(file, name_of(set, judged->truth));
  fprintf(file, "</b> %.0f %%<br>taken for <b class=\"wrong\">", 100 * (double)judged->truth_score);
  markup_text(file, name_of(set, judged->answer));
  fprintf(file, "</b> %.0f %%<br><span class=\"faint\">", 100 * (double)judged->score);
  markup_text(file, slash ? slash + 1 : judged->path);
  fputs("</span></figcaption></figure>\n", file);
  return true;
}

/* Which of the pictures held back a path is. */
static int64_t index_of(const judged_set *set, const char *path) {
  int64_t i = 0;
  while (i + 1 < set->count && set->pictures[i].path != path) i++;
  return i;
}

static bool write_mistakes(FILE *file, const judged_set *set) {
  mn_judged_picture *wrong = malloc((size_t)set->count * sizeof *wrong + 1);
  size_t count = 0;
  bool good = wrong != NULL;
  for (int64_t i = 0; good && i < set->count; i++) {
    if (set->pictures[i].answer != set->pictures[i].truth) wrong[count++] = set->pictures[i];
  }
  if (count) qsort(wrong, count, sizeof *wrong, surer);
  fprintf(file, "<h2>Mistakes that it was surest of</h2>\n<p>%zu of %lld pictures held back are ",
          count, (long long)set->count);
  fprintf(file, "told wrong%s.</p>\n<div class=\"pictures\">\n",
          count > MISTAKES ? "; the first 24" : "");
  for (size_t i = 0; good && i < count && i < MISTAKES; i++) {
    good = write_mistake(file, set, &wrong[i], index_of(set, wrong[i].path));
  }
  fputs("</div>\n", file);
  free(wrong);
  return good;
}

/* ---- All of it ------------------------------------------------------------------------------- */

static mn_status judge(judged_set *set, mn_error *err) {
  const mn_training *t = set->subject->training;
  mn_status status = mn_training_model(t, &set->model, err);
  if (status) return status;
  set->classes = mn_model_class_count(set->model);
  set->confusion = calloc((size_t)set->classes * (size_t)set->classes + 1, sizeof *set->confusion);
  set->pictures = calloc((size_t)set->count + 1, sizeof *set->pictures);
  if (!set->confusion || !set->pictures) {
    snprintf(err->text, sizeof err->text, "there is no memory for the report");
    return MN_ERR_MEMORY;
  }
  status = mn_training_judge(t, set->pictures, err);
  for (int64_t i = 0; i < set->count && !status; i++) {
    const mn_judged_picture *p = &set->pictures[i];
    set->confusion[p->truth * set->classes + p->answer]++;
  }
  return status;
}

bool report_classes(FILE *file, const report_subject *subject) {
  judged_set set = {.subject = subject, .count = mn_training_pictures(subject->training, 1)};
  mn_error err;
  if (set.count == 0 || mn_training_task(subject->training) != MN_TASK_CLASSIFY) return true;
  bool good = judge(&set, &err) == MN_OK;
  if (!good) say_error(&err);
  if (good) {
    write_recall(file, &set);
    write_confusion(file, &set);
    good = write_mistakes(file, &set);
  }
  free(set.confusion);
  free(set.pictures);
  mn_model_free(set.model);
  return good;
}
