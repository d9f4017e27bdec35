/* SPDX-License-Identifier: Apache-2.0
 * See report.h: the page itself. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "message.h"
#include "new_file.h"
#include "report.h"
#include "svg.h"

static const char style[] =
    "body{margin:0 auto;max-width:1180px;padding:24px 32px 48px;background:" SVG_PAPER
    ";color:" SVG_INK
    ";font:15px/1.45 Helvetica,Arial,sans-serif}\n"
    "h1{font-size:26px;margin:8px 0}h2{font-size:18px;margin:36px 0 10px}\n"
    ".lead{font-size:19px;margin:4px 0 20px}.faint{color:" SVG_FAINT
    "}.wrong{color:#a9563f}\n"
    ".charts{display:grid;grid-template-columns:repeat(auto-fit,minmax(min(430px,100%),1fr));"
    "gap:16px}svg{max-width:100%;height:auto}\n"
    "table{border-collapse:collapse}th{font-weight:normal;text-align:left;padding:3px 12px 3px 0}\n"
    "td{padding:3px 8px}.n{text-align:right;white-space:nowrap;"
    "font-variant-numeric:tabular-nums}\n"
    ".bars td:nth-child(2){width:420px;background:#efe9df;padding:0}"
    ".bar{height:18px;background:#5f8a5a}\n"
    ".matrix{display:block;overflow-x:auto}.matrix td{border:1px solid " SVG_LINE
    ";min-width:44px}.matrix th{padding:3px 8px}\n"
    ".pictures{display:flex;flex-wrap:wrap;gap:14px}figure{margin:0;width:144px}\n"
    "figcaption{font-size:12px;line-height:1.35}figcaption,code,li{overflow-wrap:anywhere}\n"
    "pre{font:12px/1.4 Menlo,Consolas,monospace;background:#f3eee5;padding:12px;overflow:auto}\n";

/* ---- Scores ---------------------------------------------------------------------------------- */

/* What is said of a task in an epoch, and of what. */
typedef struct score {
  const char *name, *of;
  double (*trained)(const mn_trained_epoch *epoch);
  double (*held)(const mn_trained_epoch *epoch);
} score;

static double top1(const mn_trained_epoch *e) { return e->top1; }
static double eval_top1(const mn_trained_epoch *e) { return e->eval_top1; }
static double eval_map50(const mn_trained_epoch *e) { return e->eval_map50; }
static double eval_miou(const mn_trained_epoch *e) { return e->eval_miou; }
static double loss(const mn_trained_epoch *e) { return e->loss; }
static double rate(const mn_trained_epoch *e) { return e->rate; }

static score score_of(const mn_training *t) {
  switch (mn_training_task(t)) {
    case MN_TASK_DETECT: return (score){"mAP at 50 % overlap", "mAP50", NULL, eval_map50};
    case MN_TASK_SEGMENT:
      return (score){"mean IoU; pixels right in training", "mIoU", top1, eval_miou};
    default: return (score){"Pictures told right", "right", top1, eval_top1};
  }
}

/* Values of all epochs times `scale`; below 0 there was none. Freed by the caller. */
static double *values_of(const mn_trained_epoch *epochs, int count,
                         double (*value)(const mn_trained_epoch *), double scale) {
  double *values = malloc((size_t)count * sizeof *values + 1);
  for (int i = 0; values && i < count; i++) {
    const double v = value(&epochs[i]);
    values[i] = v < 0 ? NAN : scale * v;
  }
  return values;
}

static void draw_scores(FILE *file, const score *s, const mn_trained_epoch *epochs, int count) {
  double *held = values_of(epochs, count, s->held, 100);
  double *trained = s->trained ? values_of(epochs, count, s->trained, 100) : NULL;
  report_chart chart = {
      .title = s->name, .format = "%.1f %%", .count = count, .least = 100, .most = 0};
  if (held) {
    chart.series[chart.series_count++] = (report_series){"held back", "#5f8a5a", held};
  }
  if (trained) {
    chart.series[chart.series_count++] = (report_series){"trained on", "#d9a860", trained};
  }
  report_draw(file, &chart);
  free(held);
  free(trained);
}

static void draw_one(FILE *file, const char *title, const char *format, const char *color,
                     const double *values, int count) {
  const report_chart chart = {.title = title,
                              .format = format,
                              .count = count,
                              .series_count = values != NULL,
                              .series = {{"", color, values}}};
  report_draw(file, &chart);
}

static void draw_curves(FILE *file, const report_subject *subject) {
  const mn_trained_epoch *epochs;
  const int count = mn_training_history(subject->training, &epochs);
  const score s = score_of(subject->training);
  if (count == 0) return;
  double *losses = values_of(epochs, count, loss, 1), *rates = values_of(epochs, count, rate, 1);
  fputs("<h2>Epoch by epoch</h2>\n<div class=\"charts\">\n", file);
  draw_scores(file, &s, epochs, count);
  draw_one(file, "Loss", "%.4f", "#a9563f", losses, count);
  draw_one(file, "Learning rate at the end of the epoch", "%.2g", "#6a5a8c", rates, count);
  fputs("</div>\n", file);
  free(losses);
  free(rates);
}

/* ---- Words ----------------------------------------------------------------------------------- */

static void write_lead(FILE *file, const report_subject *subject) {
  const mn_trained_epoch *epochs;
  const int count = mn_training_history(subject->training, &epochs);
  const score s = score_of(subject->training);
  int best = 0;
  if (count == 0) return;
  for (int i = 1; i < count; i++) {
    if (s.held(&epochs[i]) > s.held(&epochs[best])) best = i;
  }
  const double last = s.held(&epochs[count - 1]);
  fputs("<p class=\"lead\">", file);
  if (last >= 0) {
    fprintf(file, "<b>%.1f %% %s</b> of %lld pictures held back, ", 100 * last, s.of,
            (long long)mn_training_pictures(subject->training, 1));
  }
  fprintf(file, "after %d of %d epochs", count, (int)mn_training_epochs(subject->training));
  if (last >= 0 && best != count - 1) {
    fprintf(file, " <span class=\"faint\">(most: %.1f %%, after %d)</span>",
            100 * s.held(&epochs[best]), best + 1);
  }
  fputs("</p>\n", file);
  if (subject->written == count) return;
  fputs("<p class=\"wrong\">This page is of the last epoch; ", file);
  if (subject->written > 0) {
    fprintf(file, "the model file is of epoch %d, the last within --max-drop.</p>\n",
            (int)subject->written);
  } else {
    fputs("no epoch came within --max-drop, and no model was written.</p>\n", file);
  }
}

static void write_row(FILE *file, const char *name, const char *text) {
  fprintf(file, "<tr><th class=\"faint\">%s</th><td>", name);
  markup_text(file, text);
  fputs("</td></tr>\n", file);
}

static void write_card(FILE *file, const report_subject *subject) {
  const mn_training *t = subject->training;
  char text[96];
  fputs("<h2>Data</h2>\n<table>\n", file);
  write_row(file, "pictures", subject->data);
  snprintf(text, sizeof text, "%lld", (long long)mn_training_pictures(t, 0));
  write_row(file, "trained on", text);
  snprintf(text, sizeof text, "%lld", (long long)mn_training_pictures(t, 1));
  write_row(file, "held back", text);
  write_row(file, "start", subject->start);
  fputs("</table>\n", file);
  if (!mn_training_note(t, 0)) return;
  fputs("<p>Said of them before training began:</p>\n<ul>\n", file);
  for (int i = 0; mn_training_note(t, i); i++) {
    fputs("<li>", file);
    markup_text(file, mn_training_note(t, i));
    fputs("</li>\n", file);
  }
  fputs("</ul>\n", file);
}

static void write_recipe(FILE *file, const report_subject *subject) {
  mn_error err;
  mn_model *model;
  char *text;
  if (mn_training_recipe(subject->training, &text, &err) == MN_OK) {
    fputs("<h2>Recipe</h2>\n<pre>", file);
    markup_text(file, text);
    fputs("</pre>\n", file);
    mn_text_free(text);
  }
  if (mn_training_model(subject->training, &model, &err)) return;
  fputs("<p class=\"faint\">In the model file: <code>", file);
  if (mn_model_training(model)) markup_text(file, mn_model_training(model));
  fputs("</code></p>\n", file);
  mn_model_free(model);
}

bool report_write(const report_subject *subject, const char *path) {
  new_file page;
  if (!new_file_begin(&page, path)) return false;
  fputs("<!DOCTYPE html>\n<html lang=\"en\"><head><meta charset=\"utf-8\"><title>", page.file);
  markup_text(page.file, subject->model);
  fprintf(page.file, "</title>\n<style>\n%s</style></head><body>\n<h1>", style);
  markup_text(page.file, subject->model);
  fputs("</h1>\n", page.file);
  write_lead(page.file, subject);
  draw_curves(page.file, subject);
  const bool good = report_classes(page.file, subject);
  write_card(page.file, subject);
  write_recipe(page.file, subject);
  fprintf(page.file, "<p class=\"faint\">mobilenet %s</p>\n</body></html>\n", mn_version());
  return new_file_end(&page, good);
}
