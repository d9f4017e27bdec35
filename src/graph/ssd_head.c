/* SPDX-License-Identifier: Apache-2.0
 * Telling an SSD head by the shapes of a graph's outputs. */
#include "graph/graph.h"

/* Rows of a table of real numbers, [rows, columns] for one picture; 0 for anything else. */
static int32_t table_rows(const mn_value *value) {
  const mn_shape *shape = &value->shape;
  bool real = value->type == MN_F32 ||
              ((value->type == MN_U8 || value->type == MN_I8) && value->quant.count == 1);
  if (!real || (shape->rank != 2 && shape->rank != 3)) return 0;
  if (shape->rank == 3 && shape->dim[0] != 1) return 0;
  return shape->dim[shape->rank - 2];
}

static bool are_boxes(const mn_value *value) {
  return value->shape.dim[value->shape.rank - 1] == 4;
}

/* Where both tables have four columns the first is the boxes, as in every export of SSD known. */
bool mn_graph_ssd_head(const mn_graph *graph, mn_id *boxes, mn_id *scores) {
  if (graph->output_count != 2) return false;
  const mn_value *first = &graph->values[graph->outputs[0]];
  const mn_value *second = &graph->values[graph->outputs[1]];
  int32_t rows = table_rows(first);
  if (rows < 2 || table_rows(second) != rows) return false;
  if (!are_boxes(first) && !are_boxes(second)) return false;
  int at = are_boxes(first) ? 0 : 1;
  *boxes = graph->outputs[at];
  *scores = graph->outputs[1 - at];
  return true;
}
