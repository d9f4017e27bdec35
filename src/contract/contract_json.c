/* SPDX-License-Identifier: Apache-2.0
 * The contract as JSON (docs/contract.md): pictures, labels and scores; what detectors and
 * segmenters add is in contract_task_json.c. One table of names per enumeration serves reading,
 * writing and the sentence that refuses an unknown name. */
#include <stdio.h>
#include <string.h>

#include "contract/contract_fields.h"

enum { VERSION = 1, MOST_CHANNELS = 3, LARGEST_SIDE = 65536 };
/* Of the tree that the text is read into: a node takes 50 times what "0," does. */
enum { TREE_MOST = 64 << 20 };

static const char *const task_names[] = {"none", "classify", "detect", "segment", NULL};
static const char *const order_names[] = {"rgb", "bgr", "gray", NULL};
static const char *const fit_names[] = {"crop_then_resize", "resize_then_crop", "stretch",
                                        "letterbox", NULL};
static const char *const resize_names[] = {"pillow_bilinear", "pillow_bicubic", "tf1_bilinear",
                                           "opencv_linear", NULL};
static const char *const map_names[] = {"identity_u8", "minus128", "affine", NULL};
static const char *const score_names[] = {"none", "softmax", "sigmoid", NULL};

/* ---- Writing -------------------------------------------------------------------------------- */

static void write_triple(mn_json_writer *out, const char *key, const double *numbers) {
  mn_json_key(out, key);
  mn_json_begin(out, '[');
  for (int c = 0; c < MOST_CHANNELS; c++) mn_json_double(out, numbers[c]);
  mn_json_end(out, ']');
}

static void write_input(mn_json_writer *out, const mn_contract *contract) {
  mn_json_key(out, "input");
  mn_json_begin(out, '{');
  if (contract->input.fit == MN_FIT_CROP_THEN_RESIZE) {
    mn_json_key(out, "crop_fraction");
    mn_json_double(out, contract->input.crop_fraction);
  }
  mn_write_name(out, "fit", fit_names[contract->input.fit]);
  mn_write_name(out, "map", map_names[contract->input.map]);
  if (contract->input.map == MN_MAP_AFFINE) write_triple(out, "offset", contract->input.offset);
  mn_write_name(out, "order", order_names[contract->input.order]);
  if (contract->input.fit == MN_FIT_LETTERBOX) {
    mn_json_key(out, "pad_value");
    mn_json_int(out, contract->input.pad_value);
  }
  mn_write_name(out, "resize", resize_names[contract->input.resize]);
  if (contract->input.map == MN_MAP_AFFINE) write_triple(out, "scale", contract->input.scale);
  if (contract->input.fit == MN_FIT_RESIZE_THEN_CROP) {
    mn_json_key(out, "short_side");
    mn_json_int(out, contract->input.short_side);
  }
  mn_json_end(out, '}');
}

static void write_labels(mn_json_writer *out, const mn_contract *contract) {
  if (contract->labels.count == 0 && contract->labels.background < 0) return;
  mn_json_key(out, "labels");
  mn_json_begin(out, '{');
  if (contract->labels.background >= 0) {
    mn_json_key(out, "background");
    mn_json_int(out, contract->labels.background);
  }
  if (contract->labels.count > 0) {
    mn_json_key(out, "names");
    mn_json_begin(out, '[');
    for (int32_t i = 0; i < contract->labels.count; i++) {
      mn_json_string(out, contract->labels.names[i], strlen(contract->labels.names[i]));
    }
    mn_json_end(out, ']');
  }
  mn_json_end(out, '}');
}

char *mn_contract_to_json(const mn_contract *contract, mn_arena *arena) {
  mn_json_writer out = {0};
  mn_json_begin(&out, '{');
  if (contract->task == MN_TASK_DETECT) mn_write_detect(&out, contract);
  write_input(&out, contract);
  write_labels(&out, contract);
  mn_write_name(&out, "score", score_names[contract->score]);
  if (contract->task == MN_TASK_SEGMENT) mn_write_segment(&out, contract);
  mn_write_name(&out, "task", task_names[contract->task]);
  mn_json_key(&out, "version");
  mn_json_int(&out, VERSION);
  mn_json_end(&out, '}');
  char *text = out.failed ? NULL : mn_arena_string(arena, out.text, out.used);
  mn_json_writer_free(&out);
  return text;
}

/* ---- Reading -------------------------------------------------------------------------------- */

/* A pixel of 255 times it stays a float. */
static bool is_usable(const mn_json *item) {
  return item->kind == MN_JSON_NUMBER && item->number >= -1e30 && item->number <= 1e30;
}

/* Three numbers, or one for all channels. */
static mn_status read_triple(mn_field from, double *out, mn_error *err) {
  const mn_json *value = mn_json_get(from.object, from.key);
  const mn_json *item = value && value->kind == MN_JSON_ARRAY ? value->first : NULL;
  if (!item || (value->count != 1 && value->count != MOST_CHANNELS)) {
    return mn_field_refuse(err, from.path, "a list of three numbers");
  }
  for (int c = 0; c < MOST_CHANNELS; c++) {
    if (!is_usable(item)) return mn_field_refuse(err, from.path, "a list of three numbers");
    out[c] = item->number;
    if (item->next) item = item->next;
  }
  return MN_OK;
}

static mn_status read_map(mn_contract *contract, const mn_json *input, mn_error *err) {
  int map = -1;
  mn_status status = mn_field_name((mn_field){input, "map", "input.map"}, map_names, &map, err);
  if (status) return status;
  if (map < 0) return mn_field_refuse(err, "input.map", "given: identity_u8, minus128 or affine");
  contract->input.map = (mn_map)map;
  if (contract->input.map != MN_MAP_AFFINE) return MN_OK;
  status = read_triple((mn_field){input, "scale", "input.scale"}, contract->input.scale, err);
  if (status) return status;
  return read_triple((mn_field){input, "offset", "input.offset"}, contract->input.offset, err);
}

static mn_status read_crop(mn_contract *contract, const mn_json *input, mn_error *err) {
  const mn_json *value = mn_json_get(input, "crop_fraction");
  if (!value) return MN_OK;
  if (value->kind != MN_JSON_NUMBER || !(value->number > 0 && value->number <= 1)) {
    return mn_field_refuse(err, "input.crop_fraction", "a number above 0 and at most 1");
  }
  contract->input.crop_fraction = value->number;
  return MN_OK;
}

static mn_status read_input(mn_contract *contract, const mn_json *root, mn_error *err) {
  const mn_json *input = mn_json_get(root, "input");
  int order = MN_PIXELS_RGB, resize = MN_RESIZE_PILLOW_BILINEAR;
  bool whole = contract->task == MN_TASK_DETECT || contract->task == MN_TASK_SEGMENT;
  int fit = whole ? MN_FIT_STRETCH : MN_FIT_CROP_THEN_RESIZE;
  if (!input || input->kind != MN_JSON_OBJECT) return mn_field_refuse(err, "input", "an object");
  mn_status status = read_map(contract, input, err);
  if (!status) status = read_crop(contract, input, err);
  if (!status)
    status = mn_field_name((mn_field){input, "order", "input.order"}, order_names, &order, err);
  if (!status) status = mn_field_name((mn_field){input, "fit", "input.fit"}, fit_names, &fit, err);
  if (!status) {
    status = mn_field_name((mn_field){input, "resize", "input.resize"}, resize_names, &resize, err);
  }
  if (!status) {
    status = mn_field_whole((mn_field){input, "short_side", "input.short_side"}, 1, LARGEST_SIDE,
                            &contract->input.short_side, err);
  }
  if (!status) {
    status = mn_field_whole((mn_field){input, "pad_value", "input.pad_value"}, 0, 255,
                            &contract->input.pad_value, err);
  }
  contract->input.order = (mn_pixel_order)order;
  contract->input.fit = (mn_fit)fit;
  contract->input.resize = (mn_resize)resize;
  return status;
}

static mn_status read_label_names(mn_contract *contract, const mn_json *list, mn_arena *arena,
                                  mn_error *err) {
  if (list->kind != MN_JSON_ARRAY || list->count > INT32_MAX) {
    return mn_field_refuse(err, "labels.names", "a list of strings");
  }
  if (list->count == 0) return MN_OK;
  const char **names = mn_arena_array(arena, list->count, sizeof *names);
  if (!names) return mn_fail_memory(err, list->count * sizeof *names);
  size_t n = 0;
  for (const mn_json *item = list->first; item; item = item->next) {
    if (item->kind != MN_JSON_STRING)
      return mn_field_refuse(err, "labels.names", "a list of strings");
    names[n] = mn_arena_string(arena, item->text, item->length);
    if (!names[n++]) return mn_fail_memory(err, item->length + 1);
  }
  contract->labels.names = names;
  contract->labels.count = (int32_t)n;
  return MN_OK;
}

static mn_status read_labels(mn_contract *contract, const mn_json *root, mn_arena *arena,
                             mn_error *err) {
  const mn_json *labels = mn_json_get(root, "labels");
  if (!labels) return MN_OK;
  if (labels->kind != MN_JSON_OBJECT) return mn_field_refuse(err, "labels", "an object");
  const mn_json *names = mn_json_get(labels, "names");
  mn_status status = names ? read_label_names(contract, names, arena, err) : MN_OK;
  if (status) return status;
  int32_t last = contract->labels.count ? contract->labels.count - 1 : INT32_MAX;
  return mn_field_whole((mn_field){labels, "background", "labels.background"}, -1, last,
                        &contract->labels.background, err);
}

static mn_status read_version(const mn_json *root, mn_error *err) {
  const mn_json *value = mn_json_get(root, "version");
  int32_t version = VERSION;
  if (value && (!mn_json_i32(value, &version) || version < 1)) {
    return mn_field_refuse(err, "version", "a positive whole number");
  }
  if (version > VERSION) {
    return mn_fail(err, MN_ERR_UNSUPPORTED, "contract", "is of version %d, this build reads %d",
                   version, VERSION);
  }
  return MN_OK;
}

static mn_status read_root(mn_contract *contract, const mn_json *root, mn_arena *arena,
                           mn_error *err) {
  int task = MN_TASK_CLASSIFY, score = MN_SCORE_NONE;
  if (root->kind != MN_JSON_OBJECT) return mn_field_refuse(err, "the text", "a JSON object");
  mn_status status = read_version(root, err);
  if (!status) status = mn_field_name((mn_field){root, "task", "task"}, task_names, &task, err);
  contract->task = (mn_task)task;
  if (!status) status = read_input(contract, root, err);
  if (!status) status = read_labels(contract, root, arena, err);
  if (!status) status = mn_field_name((mn_field){root, "score", "score"}, score_names, &score, err);
  if (!status) status = mn_read_task_sections(contract, root, arena, err);
  contract->score = (mn_score)score;
  contract->assumed = 0;
  return status;
}

mn_status mn_contract_from_json(mn_contract *contract, const char *text, size_t length,
                                mn_arena *arena, mn_error *err) {
  mn_arena tree = {0};
  mn_json_source source = {text, length, "contract", TREE_MOST};
  const mn_json *root;
  mn_contract_default(contract);
  mn_status status = mn_json_parse(&root, &source, &tree, err);
  if (!status) status = read_root(contract, root, arena, err);
  mn_arena_free(&tree);
  return status;
}
