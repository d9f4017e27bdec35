/* SPDX-License-Identifier: Apache-2.0
 * Mean average precision of a detector, by COCO's rules (mobilenet/eval.h), in all and class by
 * class. */
#include "mobilenet/eval.h"

#include <inttypes.h>
#include <stdlib.h>

#include "class_name.h"
#include "eval_workers.h"
#include "message.h"
#include "terminal.h"

enum { MOST_DETECTIONS = 100 }; /* of a picture, the best */

/* What was found in one picture and what is there; both freed with the results. */
typedef struct picture_boxes {
  mn_detection *detections;
  mn_box *boxes;
  int detection_count, box_count;
} picture_boxes;

typedef struct class_row {
  int class;
  mn_map_class score;
} class_row;

static int class_count(const evaluation *eval) {
  return mn_model_class_count(eval->runner.opened.model);
}

static const char *class_label(const evaluation *eval, int class) {
  return mn_model_class_label(eval->runner.opened.model, class);
}

/* Without labels a class is a position, which means the same only for as many. */
static int prepare(evaluation *eval) {
  const int classes = mn_dataset_class_count(eval->dataset), known = class_count(eval);
  if (classes != known) {
    say("%s has %d classes, but the model knows %d and has no labels: name them with --labels",
        eval->data, classes, known);
    return EXIT_UNUSABLE;
  }
  eval->results = calloc((size_t)eval->count, sizeof(picture_boxes));
  return eval->results ? EXIT_DONE : say_out_of_memory();
}

static void free_boxes(evaluation *eval) {
  picture_boxes *all = eval->results;
  for (int64_t i = 0; i < eval->count; i++) {
    free(all[i].detections);
    free(all[i].boxes);
  }
  free(all);
}

static mn_status score_picture(evaluation *eval, const mn_session *session, int slot, int64_t index,
                               mn_error *err) {
  picture_boxes *mine = (picture_boxes *)eval->results + index;
  const eval_picture *picture = &eval->pictures[index];
  int room = mn_plan_detections(eval->runner.plan);
  mine->box_count = mn_dataset_box_count(eval->dataset, index);
  mine->detections = malloc((size_t)(room + 1) * sizeof *mine->detections);
  mine->boxes = malloc((size_t)(mine->box_count + 1) * sizeof *mine->boxes);
  if (!mine->detections || !mine->boxes) {
    evaluation_complain(eval, index, "out of memory");
    return MN_OK;
  }
  mn_dataset_boxes(eval->dataset, index, picture->width, picture->height, mine->boxes);
  mn_status status = mn_session_detections(session, slot, mine->detections, &room, err);
  mine->detection_count = room < MOST_DETECTIONS ? room : MOST_DETECTIONS;
  return status;
}

/* Pictures that failed, or were not reached, are left out. */
static mn_status score_all(const evaluation *eval, mn_map_scores *scores, mn_map_class *classes,
                           mn_error *err) {
  const picture_boxes *all = eval->results;
  mn_map_picture *pictures = calloc((size_t)eval->count, sizeof *pictures);
  if (!pictures) {
    *err = (mn_error){.status = MN_ERR_MEMORY, .text = "out of memory"};
    return MN_ERR_MEMORY;
  }
  int64_t count = 0;
  for (int64_t i = 0; i < eval->count; i++) {
    if (eval->pictures[i].state != PICTURE_SCORED) continue;
    pictures[count++] =
        (mn_map_picture){all[i].boxes, all[i].detections, all[i].box_count, all[i].detection_count};
  }
  const mn_map_query query = {pictures, count, class_count(eval)};
  mn_status status = mn_map_score(&query, scores, classes, err);
  free(pictures);
  return status;
}

static void print_json(const evaluation *eval, const mn_map_scores *scores,
                       const mn_map_class *classes) {
  json_writer line = {stdout, false};
  json_open_object(&line, NULL);
  json_integer(&line, "images", evaluation_scored(eval));
  json_double(&line, "map", scores->map);
  json_double(&line, "map50", scores->map50);
  if (classes) json_open_array(&line, "classes");
  for (int c = 0; classes && c < class_count(eval); c++) {
    if (classes[c].boxes == 0) continue;
    json_open_class(&line, class_label(eval, c), c);
    json_integer(&line, "boxes", classes[c].boxes);
    json_double(&line, "map", classes[c].ap);
    json_double(&line, "map50", classes[c].ap50);
    json_close_object(&line);
  }
  if (classes) json_close_array(&line);
  json_close_object(&line);
  json_end_line(&line);
}

static int worst_first(const void *a, const void *b) {
  const class_row *x = a, *y = b;
  if (x->score.ap50 != y->score.ap50) return x->score.ap50 < y->score.ap50 ? -1 : 1;
  return x->class - y->class;
}

static int print_classes(const evaluation *eval, const mn_map_class *classes) {
  enum { BAR = 20 };
  class_row *rows = calloc((size_t)class_count(eval) + 1, sizeof *rows);
  if (!rows) return say_out_of_memory();
  for (int c = 0; c < class_count(eval); c++) rows[c] = (class_row){c, classes[c]};
  qsort(rows, (size_t)class_count(eval), sizeof *rows, worst_first);
  printf("\n  %-*s%8s%10s%10s\n", CLASS_COLUMNS, "class, worst first", "boxes", "AP", "AP50");
  for (int i = 0; i < class_count(eval); i++) {
    const mn_map_class *score = &rows[i].score;
    if (score->boxes == 0) continue;
    print_class(class_label(eval, rows[i].class), rows[i].class, CLASS_COLUMNS);
    printf("%8" PRId64 "%10.3f%10.3f  ", score->boxes, score->ap, score->ap50);
    print_bar(stdout, score->ap50, BAR);
    putchar('\n');
  }
  free(rows);
  return EXIT_DONE;
}

static int print_scores(const evaluation *eval, const mn_map_scores *scores,
                        const mn_map_class *classes, double ms) {
  evaluation_print_head(eval, ms);
  printf("  mAP     %.3f  mean over IoU .50 to .95 and %d classes that have boxes\n", scores->map,
         (int)scores->class_count);
  printf("  mAP50   %.3f\n", scores->map50);
  return classes ? print_classes(eval, classes) : EXIT_DONE;
}

static int report(const evaluation *eval, const cli_options *options, double ms) {
  const bool each = options->given[OPTION_PER_CLASS];
  mn_map_scores scores;
  mn_error err = {0};
  mn_map_class *classes = each ? calloc((size_t)class_count(eval) + 1, sizeof *classes) : NULL;
  if (each && !classes) return say_out_of_memory();
  int code = EXIT_DONE;
  if (score_all(eval, &scores, classes, &err)) {
    code = say_error(&err);
  } else if (options->given[OPTION_JSON]) {
    print_json(eval, &scores, classes);
  } else {
    code = print_scores(eval, &scores, classes, ms);
  }
  free(classes);
  return code;
}

const eval_task eval_boxes = {prepare, score_picture, report, free_boxes};
