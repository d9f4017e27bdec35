/* SPDX-License-Identifier: Apache-2.0
 * A page about a training: curves, what is told from what, the worst mistakes as pictures, the
 * recipe, and what there was to say of the data. One file of HTML that needs no other. */
#ifndef MOBILENET_TOOL_REPORT_H
#define MOBILENET_TOOL_REPORT_H

#include <stdbool.h>
#include <stdio.h>

#include "mobilenet/train.h"

typedef struct report_subject {
  const mn_training *training;
  const char *model; /* the file's name */
  const char *data;  /* where the pictures are */
  const char *start; /* the network or model that training began with */
  int32_t written;   /* the epoch that the file is of; 0: none was good enough */
} report_subject;

/* Writes the page; false after saying why not. */
bool report_write(const report_subject *subject, const char *path);

/* ---- report_curves.c -- */

enum { REPORT_SERIES = 3 };

typedef struct report_series {
  const char *name, *color;
  const double *values; /* [count]; one that is no number is left out */
} report_series;

typedef struct report_chart {
  const char *title;
  const char *format; /* of a value, for printf: "%.1f %%" */
  int count, series_count;
  double least, most; /* the axis holds these at least */
  report_series series[REPORT_SERIES];
} report_chart;

/* A chart over epochs, as SVG within the page. */
void report_draw(FILE *file, const report_chart *chart);

/* ---- report_classes.c -- */

/* Recall of each class, the confusion matrix, and the worst mistakes. False after saying why. */
bool report_classes(FILE *file, const report_subject *subject);

#endif
