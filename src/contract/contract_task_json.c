/* SPDX-License-Identifier: Apache-2.0
 * The contract's sections for detectors ("detect": anchors, box coder, suppression) and segmenters
 * ("segment": sampling, ignored class), as JSON. */
#include <math.h>
#include <string.h>

#include "contract/contract_fields.h"

enum { MOST_ROWS = 1 << 20, MOST_SCALE = 1000, BOX = 4 };

static const char *const anchor_names[] = {"in_graph", "ssd", "ssdlite-torch", NULL};
static const char *const coder_names[] = {"ssd", "torch", NULL};
static const char *const sampling_names[] = {"half_pixel", "align_corners", NULL};

/* ---- Writing -------------------------------------------------------------------------------- */

static void write_number(mn_json_writer *out, const char *key, double number) {
  mn_json_key(out, key);
  mn_json_double(out, number);
}

static void write_whole(mn_json_writer *out, const char *key, int32_t number) {
  mn_json_key(out, key);
  mn_json_int(out, number);
}

static void write_table(mn_json_writer *out, const mn_contract *contract) {
  const float *value = contract->detect.table;
  mn_json_key(out, "anchors");
  mn_json_begin(out, '[');
  for (int32_t i = 0; i < contract->detect.table_count; i++) {
    mn_json_begin(out, '[');
    for (int c = 0; c < BOX; c++) mn_json_float(out, *value++);
    mn_json_end(out, ']');
  }
  mn_json_end(out, ']');
}

void mn_write_detect(mn_json_writer *out, const mn_contract *contract) {
  if (contract->detect.anchors == MN_ANCHORS_IN_GRAPH) return;
  mn_json_key(out, "detect");
  mn_json_begin(out, '{');
  if (contract->detect.anchors == MN_ANCHORS_TABLE) {
    write_table(out, contract);
  } else {
    mn_write_name(out, "anchors", anchor_names[contract->detect.anchors]);
  }
  write_whole(out, "candidates", contract->detect.candidates);
  mn_write_name(out, "coder", coder_names[contract->detect.coder]);
  write_whole(out, "detections", contract->detect.detections);
  write_number(out, "iou_threshold", contract->detect.iou_threshold);
  write_number(out, "max_scale", contract->detect.max_scale);
  write_number(out, "min_scale", contract->detect.min_scale);
  write_whole(out, "per_class", contract->detect.per_class);
  mn_json_key(out, "scale");
  mn_json_begin(out, '[');
  for (int i = 0; i < BOX; i++) mn_json_double(out, contract->detect.scale[i]);
  mn_json_end(out, ']');
  write_number(out, "score_threshold", contract->detect.score_threshold);
  mn_json_end(out, '}');
}

void mn_write_segment(mn_json_writer *out, const mn_contract *contract) {
  mn_json_key(out, "segment");
  mn_json_begin(out, '{');
  if (contract->segment.ignore >= 0) write_whole(out, "ignore", contract->segment.ignore);
  mn_write_name(out, "sampling", sampling_names[contract->segment.sampling]);
  mn_json_end(out, '}');
}

/* ---- Reading -------------------------------------------------------------------------------- */

static mn_status read_anchor(const mn_json *row, float *anchor, mn_error *err) {
  static const char expected[] = "a list of [centre y, centre x, height, width], sizes above 0";
  if (row->kind != MN_JSON_ARRAY || row->count != BOX) {
    return mn_field_refuse(err, "detect.anchors", expected);
  }
  int c = 0;
  for (const mn_json *item = row->first; item; item = item->next, c++) {
    bool number = item->kind == MN_JSON_NUMBER && fabs(item->number) <= MOST_SCALE;
    if (!number || (c >= 2 && item->number <= 0)) {
      return mn_field_refuse(err, "detect.anchors", expected);
    }
    anchor[c] = (float)item->number;
  }
  return MN_OK;
}

static mn_status read_table(mn_contract *contract, const mn_json *list, mn_arena *arena,
                            mn_error *err) {
  if (list->count < 1 || list->count > MOST_ROWS) {
    return mn_field_refuse(err, "detect.anchors", "a name, or a list of up to 1048576 boxes");
  }
  float *table = mn_arena_array(arena, list->count * BOX, sizeof *table);
  if (!table) return mn_fail_memory(err, list->count * BOX * sizeof *table);
  contract->detect.anchors = MN_ANCHORS_TABLE;
  contract->detect.table = table;
  contract->detect.table_count = (int32_t)list->count;
  mn_status status = MN_OK;
  for (const mn_json *row = list->first; row && !status; row = row->next, table += BOX) {
    status = read_anchor(row, table, err);
  }
  return status;
}

static mn_status read_anchors(mn_contract *contract, const mn_json *detect, mn_arena *arena,
                              mn_error *err) {
  const mn_json *anchors = mn_json_get(detect, "anchors");
  int rule = MN_ANCHORS_IN_GRAPH;
  if (anchors && anchors->kind == MN_JSON_ARRAY) return read_table(contract, anchors, arena, err);
  mn_field from = {detect, "anchors", "detect.anchors"};
  mn_status status = mn_field_name(from, anchor_names, &rule, err);
  contract->detect.anchors = (mn_anchor_rule)rule;
  return status;
}

static mn_status read_limits(mn_contract *contract, const mn_json *detect, mn_error *err) {
  struct {
    const char *key, *path;
    int32_t least, *out;
  } wholes[] = {
      {"detections", "detect.detections", 1, &contract->detect.detections},
      {"per_class", "detect.per_class", 1, &contract->detect.per_class},
      {"candidates", "detect.candidates", 0, &contract->detect.candidates},
  };
  for (size_t i = 0; i < sizeof wholes / sizeof *wholes; i++) {
    mn_field from = {detect, wholes[i].key, wholes[i].path};
    mn_status status = mn_field_whole(from, wholes[i].least, MOST_ROWS, wholes[i].out, err);
    if (status) return status;
  }
  return MN_OK;
}

static mn_status read_thresholds(mn_contract *contract, const mn_json *detect, mn_error *err) {
  const struct {
    const char *key, *path;
    mn_number_range range;
    double *out;
  } numbers[] = {
      {"score_threshold", "detect.score_threshold", {0, 1}, &contract->detect.score_threshold},
      {"iou_threshold", "detect.iou_threshold", {1e-6, 1}, &contract->detect.iou_threshold},
      {"min_scale", "detect.min_scale", {1e-3, 1}, &contract->detect.min_scale},
      {"max_scale", "detect.max_scale", {1e-3, 1}, &contract->detect.max_scale},
  };
  for (size_t i = 0; i < sizeof numbers / sizeof *numbers; i++) {
    mn_field from = {detect, numbers[i].key, numbers[i].path};
    mn_status status = mn_field_number(from, numbers[i].range, numbers[i].out, err);
    if (status) return status;
  }
  return MN_OK;
}

static mn_status read_coder(mn_contract *contract, const mn_json *detect, mn_error *err) {
  int coder = MN_CODER_SSD;
  mn_field from = {detect, "coder", "detect.coder"};
  mn_status status = mn_field_name(from, coder_names, &coder, err);
  contract->detect.coder = (mn_box_coder)coder;
  mn_field scale = {detect, "scale", "detect.scale"};
  if (!status) status = mn_field_numbers(scale, contract->detect.scale, BOX, err);
  for (int i = 0; i < BOX && !status; i++) {
    bool usable = contract->detect.scale[i] >= 1e-3 && contract->detect.scale[i] <= MOST_SCALE;
    if (!usable) status = mn_field_refuse(err, "detect.scale", "four numbers from 0.001 to 1000");
  }
  return status;
}

static mn_status read_detect(mn_contract *contract, const mn_json *detect, mn_arena *arena,
                             mn_error *err) {
  if (detect->kind != MN_JSON_OBJECT) return mn_field_refuse(err, "detect", "an object");
  mn_status status = read_anchors(contract, detect, arena, err);
  if (!status) status = read_coder(contract, detect, err);
  if (!status) status = read_limits(contract, detect, err);
  if (!status) status = read_thresholds(contract, detect, err);
  return status;
}

static mn_status read_segment(mn_contract *contract, const mn_json *segment, mn_error *err) {
  int sampling = MN_SAMPLING_HALF_PIXEL;
  if (segment->kind != MN_JSON_OBJECT) return mn_field_refuse(err, "segment", "an object");
  mn_field from = {segment, "sampling", "segment.sampling"};
  mn_status status = mn_field_name(from, sampling_names, &sampling, err);
  contract->segment.sampling = (mn_sampling)sampling;
  mn_field ignore = {segment, "ignore", "segment.ignore"};
  if (!status) status = mn_field_whole(ignore, -1, 255, &contract->segment.ignore, err);
  return status;
}

mn_status mn_read_task_sections(mn_contract *contract, const mn_json *root, mn_arena *arena,
                                mn_error *err) {
  const mn_json *detect = mn_json_get(root, "detect");
  const mn_json *segment = mn_json_get(root, "segment");
  mn_status status = detect ? read_detect(contract, detect, arena, err) : MN_OK;
  if (!status && segment) status = read_segment(contract, segment, err);
  return status;
}

/* ---- By name -------------------------------------------------------------------------------- */

/* TensorFlow's ssd_mobilenet configurations. */
static void set_ssd(mn_contract *contract) {
  contract->score = MN_SCORE_SIGMOID;
  contract->detect.anchors = MN_ANCHORS_SSD;
  contract->detect.score_threshold = 1e-8;
  contract->detect.iou_threshold = 0.6;
}

/* torchvision's ssdlite320_mobilenet_v3_large. */
static void set_torch(mn_contract *contract) {
  contract->score = MN_SCORE_SOFTMAX;
  contract->detect.anchors = MN_ANCHORS_TORCH;
  contract->detect.coder = MN_CODER_TORCH;
  contract->detect.score_threshold = 0.001;
  contract->detect.iou_threshold = 0.55;
  contract->detect.detections = 300;
  contract->detect.per_class = 300;
  contract->detect.candidates = 300;
}

static mn_status set_table(mn_contract *contract, const char *text, mn_arena *arena,
                           mn_error *err) {
  enum { TREE_MOST = 256 << 20 };
  mn_arena tree = {0};
  mn_json_source source = {text, strlen(text), "anchors", TREE_MOST};
  const mn_json *root;
  mn_status status = mn_json_parse(&root, &source, &tree, err);
  if (!status) status = read_table(contract, root, arena, err);
  mn_arena_free(&tree);
  return status;
}

mn_status mn_contract_set_anchors(mn_contract *contract, const char *text, mn_arena *arena,
                                  mn_error *err) {
  mn_status status = MN_OK;
  if (strcmp(text, "ssdlite-torch") == 0) {
    set_torch(contract);
  } else {
    bool table = text[strspn(text, " \t\r\n")] == '[';
    set_ssd(contract);
    if (table) status = set_table(contract, text, arena, err);
    if (!table && strcmp(text, "ssd") != 0) {
      status = mn_fail(err, MN_ERR_ARGUMENT, "anchors",
                       "'%s' is neither ssd, ssdlite-torch nor a JSON list of boxes", text);
    }
  }
  contract->task = MN_TASK_DETECT;
  if (contract->input.fit != MN_FIT_LETTERBOX) contract->input.fit = MN_FIT_STRETCH;
  contract->labels.background = 0;
  contract->assumed &= ~(unsigned)(MN_ASSUMED_SCORE | MN_ASSUMED_BACKGROUND);
  return status;
}
