/* SPDX-License-Identifier: Apache-2.0
 * The contract's defaults, its labels, its fit to a model, and what had to be assumed, in words. */
#include "contract/contract.h"

#include <stdio.h>
#include <string.h>

#include "wire/json.h"

void mn_contract_default(mn_contract *contract) {
  memset(contract, 0, sizeof *contract);
  contract->task = MN_TASK_CLASSIFY;
  contract->input.order = MN_PIXELS_RGB;
  contract->input.fit = MN_FIT_CROP_THEN_RESIZE;
  contract->input.crop_fraction = 0.875;
  contract->input.short_side = 256;
  contract->input.resize = MN_RESIZE_PILLOW_BILINEAR;
  contract->input.map = MN_MAP_IDENTITY_U8;
  for (int c = 0; c < 3; c++) contract->input.scale[c] = 1;
  contract->labels.background = -1;
  contract->score = MN_SCORE_NONE;
  contract->detect.min_scale = 0.2;
  contract->detect.max_scale = 0.95;
  for (int i = 0; i < 4; i++) contract->detect.scale[i] = i < 2 ? 10 : 5;
  contract->detect.iou_threshold = 0.6;
  contract->detect.detections = 100;
  contract->detect.per_class = 100;
  contract->segment.ignore = -1;
  contract->assumed = MN_ASSUMED_ALL;
}

/* ---- Labels --------------------------------------------------------------------------------- */

/* Length of the line at `text` without its ending, and where the next one begins. */
static size_t line_length(const char *text, size_t left, size_t *next) {
  const char *end = left ? memchr(text, '\n', left) : NULL;
  size_t length = end ? (size_t)(end - text) : left;
  *next = end ? length + 1 : left;
  return length && text[length - 1] == '\r' ? length - 1 : length;
}

static int32_t count_lines(const char *text, size_t length) {
  int32_t count = 0;
  size_t next;
  for (size_t at = 0; at < length && count < INT32_MAX; at += next, count++) {
    line_length(text + at, length - at, &next);
  }
  return count;
}

mn_status mn_contract_set_labels(mn_contract *contract, const char *text, size_t length,
                                 mn_arena *arena, mn_error *err) {
  if (length >= 3 && memcmp(text, "\xEF\xBB\xBF", 3) == 0) { /* a byte order mark */
    text += 3;
    length -= 3;
  }
  while (length && (text[length - 1] == '\n' || text[length - 1] == '\r')) length--;
  if (!mn_utf8_valid(text, length)) {
    return mn_fail(err, MN_ERR_FORMAT, "labels", "expected UTF-8 text, one label a line");
  }
  int32_t count = count_lines(text, length);
  if (count == 0) return mn_fail(err, MN_ERR_FORMAT, "labels", "expected at least one line");
  const char **names = mn_arena_array(arena, (size_t)count, sizeof *names);
  if (!names) return mn_fail_memory(err, (size_t)count * sizeof *names);
  size_t at = 0, next;
  for (int32_t i = 0; i < count; i++, at += next) {
    size_t n = line_length(text + at, length - at, &next);
    names[i] = mn_arena_string(arena, text + at, n);
    if (!names[i]) return mn_fail_memory(err, n + 1);
  }
  contract->labels.names = names;
  contract->labels.count = count;
  contract->assumed &= ~(unsigned)MN_ASSUMED_LABELS;
  return MN_OK;
}

/* ---- Does it fit the model ------------------------------------------------------------------ */

static mn_status check_input(const mn_contract *contract, const mn_contract_facts *facts,
                             mn_error *err) {
  int32_t channels = contract->input.order == MN_PIXELS_GRAY ? 1 : 3;
  if (facts->input_channels != channels) {
    return mn_fail(err, MN_ERR_CONTRACT, "contract",
                   "the model's input has %d channels, but its pixel order gives %d",
                   facts->input_channels, channels);
  }
  mn_type wanted = contract->input.map == MN_MAP_IDENTITY_U8 ? MN_U8
                   : contract->input.map == MN_MAP_MINUS128  ? MN_I8
                                                             : facts->input_type;
  if (facts->input_type != wanted) {
    return mn_fail(err, MN_ERR_CONTRACT, "contract",
                   "its pixel map makes a %s tensor, but the model's input is %s",
                   mn_type_name(wanted), mn_type_name(facts->input_type));
  }
  bool quantized = facts->input_type == MN_U8 || facts->input_type == MN_I8;
  if (contract->input.map == MN_MAP_AFFINE && facts->input_type != MN_F32 &&
      !(quantized && facts->input_scale > 0)) {
    return mn_fail(err, MN_ERR_CONTRACT, "contract",
                   "its affine pixel map needs a float or quantized input, the model's is %s",
                   mn_type_name(facts->input_type));
  }
  return MN_OK;
}

static mn_status check_labels(const mn_contract *contract, const mn_contract_facts *facts,
                              mn_error *err) {
  if (facts->output_count == 0) return MN_OK;
  if (contract->labels.count && contract->labels.count != facts->output_count) {
    return mn_fail(err, MN_ERR_CONTRACT, "labels",
                   "%d named, but the model has %d outputs (background included)",
                   contract->labels.count, facts->output_count);
  }
  if (contract->labels.background >= facts->output_count) {
    return mn_fail(err, MN_ERR_CONTRACT, "contract",
                   "its background is output %d, but the model has %d outputs",
                   contract->labels.background, facts->output_count);
  }
  return MN_OK;
}

static mn_status check_anchors(const mn_contract *contract, const mn_contract_facts *facts,
                               mn_error *err) {
  bool stated = contract->detect.anchors != MN_ANCHORS_IN_GRAPH;
  if (facts->raw_anchors > 0 && !stated) {
    return mn_fail(err, MN_ERR_CONTRACT, NULL,
                   "this detector gives %d raw boxes and does not say which anchors they are "
                   "relative to: say so with --anchors (ssd, ssdlite-torch, a JSON file of boxes; "
                   "in a contract detect.anchors), or write them into the file with convert",
                   facts->raw_anchors);
  }
  if (stated && facts->raw_anchors == 0) {
    return mn_fail(err, MN_ERR_CONTRACT, "contract",
                   "its detect.anchors are for a model that gives box encodings [1,anchors,4] and "
                   "scores [1,anchors,classes], which this one does not");
  }
  if (stated && contract->labels.background > 0) {
    return mn_fail(err, MN_ERR_CONTRACT, "contract",
                   "a detector's background is its first score, not output %d",
                   contract->labels.background);
  }
  return MN_OK;
}

mn_status mn_contract_check(const mn_contract *contract, const mn_contract_facts *facts,
                            mn_error *err) {
  if (contract->task == MN_TASK_NONE) return MN_OK;
  mn_status status = check_input(contract, facts, err);
  if (!status && contract->task == MN_TASK_DETECT) status = check_anchors(contract, facts, err);
  return status ? status : check_labels(contract, facts, err);
}

/* ---- What was assumed ----------------------------------------------------------------------- */

/* A sentence under construction; cut at the end of `text`, which holds every combination. */
typedef struct phrase {
  char text[512];
  size_t used;
} phrase;

static void say(phrase *out, const char *words) {
  int n = snprintf(out->text + out->used, sizeof out->text - out->used, "%s%s",
                   out->used ? ", " : "assumed: ", words);
  if (n > 0) out->used += (size_t)n;
  if (out->used >= sizeof out->text) out->used = sizeof out->text - 1;
}

static void say_fit(phrase *out, const mn_contract *contract) {
  char text[64];
  switch (contract->input.fit) {
    case MN_FIT_CROP_THEN_RESIZE:
      snprintf(text, sizeof text, "central square of %g", contract->input.crop_fraction);
      break;
    case MN_FIT_RESIZE_THEN_CROP:
      snprintf(text, sizeof text, "short side to %d, then the centre", contract->input.short_side);
      break;
    case MN_FIT_STRETCH: snprintf(text, sizeof text, "whole picture stretched"); break;
    default: snprintf(text, sizeof text, "whole picture with borders"); break;
  }
  say(out, text);
}

static const char *map_words(mn_map map) {
  switch (map) {
    case MN_MAP_IDENTITY_U8: return "pixels as they are";
    case MN_MAP_MINUS128: return "pixel - 128";
    default: return "pixels scaled and shifted";
  }
}

static const char *resize_words(mn_resize resize) {
  switch (resize) {
    case MN_RESIZE_PILLOW_BILINEAR: return "Pillow bilinear";
    case MN_RESIZE_PILLOW_BICUBIC: return "Pillow bicubic";
    case MN_RESIZE_TF1_BILINEAR: return "TensorFlow 1 bilinear";
    default: return "OpenCV linear";
  }
}

static const char *order_words(mn_pixel_order order) {
  return order == MN_PIXELS_GRAY ? "gray" : order == MN_PIXELS_BGR ? "BGR" : "RGB";
}

char *mn_contract_assumptions(const mn_contract *contract, mn_arena *arena) {
  unsigned assumed = contract->assumed;
  phrase out = {.used = 0};
  if (assumed & MN_ASSUMED_MAP) say(&out, map_words(contract->input.map));
  if (assumed & MN_ASSUMED_ORDER) say(&out, order_words(contract->input.order));
  if (assumed & MN_ASSUMED_FIT) say_fit(&out, contract);
  if (assumed & MN_ASSUMED_RESIZE) say(&out, resize_words(contract->input.resize));
  if (assumed & MN_ASSUMED_SCORE) {
    say(&out, contract->score == MN_SCORE_SOFTMAX ? "scores by softmax" : "outputs are scores");
  }
  if (assumed & MN_ASSUMED_BACKGROUND) say(&out, "output 0 is background");
  if (assumed & MN_ASSUMED_LABELS) {
    bool masks = contract->task == MN_TASK_SEGMENT;
    say(&out, masks ? "Pascal VOC's class names" : "ImageNet's class names");
  }
  return out.used ? mn_arena_string(arena, out.text, out.used) : NULL;
}
