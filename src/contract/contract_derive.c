/* SPDX-License-Identifier: Apache-2.0
 * What a bare model file shows without doubt, by the table in docs/contract.md. Never guesses how a
 * float model wants its pixels. */
#include "contract/contract.h"

/* Within one percent: files store scales with a few digits, and 1/127 stands for 1/127.5. */
static bool near(double scale, double expected) {
  return scale > expected * 0.99 && scale < expected * 1.01;
}

/* An int8 input whose real values are the pixels mapped to [0,1], [-1,1] or [0,255]. */
static bool minus128_quantization(const mn_contract_facts *facts) {
  double scale = (double)facts->input_scale;
  int32_t zero = facts->input_zero;
  if (zero == -128) return near(scale, 1.0 / 255) || near(scale, 1);
  return (zero == -1 || zero == 0) && (near(scale, 1 / 127.5) || near(scale, 1.0 / 128));
}

/* Whether quantize((pixel - mean) / std) is the pixel itself (u8) or pixel - 128 (i8), give or take
 * one: such a file states the float model's normalization beside an input that takes pixels. */
static bool quantizes_to_pixels(const mn_contract_facts *facts) {
  double shift = facts->input_type == MN_I8 ? 128 : 0;
  for (int c = 0; c < facts->input_channels; c++) {
    for (int pixel = 0; pixel < 256; pixel += 255) { /* affine: the ends bound all between */
      double real = (pixel - (double)facts->mean[c]) / (double)facts->std[c];
      double off = real / (double)facts->input_scale + facts->input_zero + shift - pixel;
      if (!(off >= -1.5 && off <= 1.5)) return false;
    }
  }
  return true;
}

static void set_affine(mn_contract *contract, const mn_contract_facts *facts) {
  contract->input.map = MN_MAP_AFFINE;
  for (int c = 0; c < 3; c++) {
    int from = c < facts->input_channels ? c : 0;
    double mean = (double)facts->mean[from], deviation = (double)facts->std[from];
    contract->input.scale[c] = 1 / deviation;
    contract->input.offset[c] = mean == 0 ? 0 : -mean / deviation;
  }
  contract->assumed &= ~(unsigned)MN_ASSUMED_MAP;
}

static bool usable_normalization(const mn_contract_facts *facts) {
  if (!facts->has_normalization) return false;
  for (int c = 0; c < facts->input_channels; c++) {
    double deviation = (double)facts->std[c], mean = (double)facts->mean[c];
    if (!(deviation > 0) || deviation - deviation != 0 || mean - mean != 0) return false;
  }
  return true;
}

static mn_status derive_map(mn_contract *contract, const mn_contract_facts *facts, mn_error *err) {
  bool quantized = facts->input_scale > 0;
  bool normalized = usable_normalization(facts);
  if (facts->input_type == MN_U8) {
    contract->input.map = MN_MAP_IDENTITY_U8;
    if (normalized && quantized && !quantizes_to_pixels(facts)) set_affine(contract, facts);
    return MN_OK;
  }
  if (facts->input_type == MN_I8 && quantized) {
    contract->input.map = MN_MAP_MINUS128;
    if (normalized && !quantizes_to_pixels(facts)) set_affine(contract, facts);
    if (normalized || minus128_quantization(facts)) return MN_OK;
  }
  if (facts->input_type == MN_F32 && normalized) {
    set_affine(contract, facts);
    return MN_OK;
  }
  return mn_fail(err, MN_ERR_CONTRACT, NULL,
                 "this model takes %s as input and does not say how a picture becomes it: say so "
                 "with --contract (a JSON file, or tf, torch, caffe, unit, raw), or write it into "
                 "the file with convert",
                 mn_type_name(facts->input_type));
}

/* The preset "raw" means pixels as they are, in whatever type the input has. */
static void fit_identity(mn_contract *contract, mn_type type) {
  if (contract->input.map != MN_MAP_IDENTITY_U8) return;
  if (type == MN_I8) contract->input.map = MN_MAP_MINUS128;
  if (type == MN_F32) contract->input.map = MN_MAP_AFFINE;
}

/* ImageNet's names stay marked as assumed. */
static mn_status derive_labels(mn_contract *contract, const mn_contract_facts *facts,
                               mn_arena *arena, mn_error *err) {
  bool imagenet = facts->output_count == 1000 || facts->output_count == 1001;
  contract->labels.count = 0;
  if (!imagenet) {
    contract->assumed &= ~(unsigned)MN_ASSUMED_LABELS;
    return MN_OK;
  }
  bool background = facts->output_count == 1001;
  mn_status status = mn_contract_set_imagenet_labels(contract, background, arena, err);
  contract->assumed |= MN_ASSUMED_LABELS;
  return status;
}

static mn_status derive_outputs(mn_contract *contract, const mn_contract_facts *facts,
                                mn_arena *arena, mn_error *err) {
  if (contract->assumed & MN_ASSUMED_SCORE) {
    contract->score = facts->output_normalized ? MN_SCORE_NONE : MN_SCORE_SOFTMAX;
    if (facts->output_normalized) contract->assumed &= ~(unsigned)MN_ASSUMED_SCORE;
  }
  if (contract->assumed & MN_ASSUMED_BACKGROUND) {
    contract->labels.background = facts->output_count == 1001 ? 0 : -1;
    if (facts->output_count != 1001) contract->assumed &= ~(unsigned)MN_ASSUMED_BACKGROUND;
  }
  if (!(contract->assumed & MN_ASSUMED_LABELS)) return MN_OK;
  return derive_labels(contract, facts, arena, err);
}

/* Detectors and segmenters answer for every part of a picture, so that they see all of it. */
static void derive_whole_picture(mn_contract *contract) {
  if (contract->input.fit == MN_FIT_LETTERBOX) return;
  contract->input.fit = MN_FIT_STRETCH;
}

/* A sigmoid in the graph has made scores of the one channel that has a score at all. */
static void derive_segment(mn_contract *contract, const mn_contract_facts *facts) {
  if (contract->assumed & MN_ASSUMED_SCORE) contract->score = MN_SCORE_NONE;
  if (contract->assumed & MN_ASSUMED_LABELS) {
    contract->labels.names = mn_mask_names(facts->output_count);
    contract->labels.count = contract->labels.names ? facts->output_count : 0;
  }
  if (facts->align_corners) contract->segment.sampling = MN_SAMPLING_ALIGN_CORNERS;
  bool guessed = contract->assumed & MN_ASSUMED_LABELS && facts->output_count == 21;
  contract->assumed &= MN_ASSUMED_INPUT;
  if (guessed) contract->assumed |= MN_ASSUMED_LABELS;
}

static mn_status derive_task(mn_contract *contract, const mn_contract_facts *facts, mn_arena *arena,
                             mn_error *err) {
  if (contract->task != MN_TASK_DETECT) contract->task = facts->task;
  if (contract->task == MN_TASK_CLASSIFY) {
    return derive_outputs(contract, facts, arena, err);
  }
  if (contract->task != MN_TASK_NONE) derive_whole_picture(contract);
  if (contract->task == MN_TASK_SEGMENT) {
    derive_segment(contract, facts);
    return MN_OK;
  }
  if (contract->assumed & MN_ASSUMED_SCORE) contract->score = MN_SCORE_NONE;
  contract->assumed &= (unsigned)MN_ASSUMED_INPUT;
  return MN_OK;
}

mn_status mn_contract_derive(mn_contract *contract, const mn_contract_facts *facts, mn_arena *arena,
                             mn_error *err) {
  if (contract->assumed == 0) return mn_contract_check(contract, facts, err);
  if (facts->input_channels != 1 && facts->input_channels != 3) {
    return mn_fail(err, MN_ERR_CONTRACT, NULL,
                   "this model's input has %d channels, expected a picture's 1 or 3",
                   facts->input_channels);
  }
  if (facts->input_channels == 1) contract->input.order = MN_PIXELS_GRAY;
  if (contract->assumed & MN_ASSUMED_MAP) {
    mn_status status = derive_map(contract, facts, err);
    if (status) return status;
  } else {
    fit_identity(contract, facts->input_type);
  }
  mn_status status = derive_task(contract, facts, arena, err);
  return status ? status : mn_contract_check(contract, facts, err);
}
