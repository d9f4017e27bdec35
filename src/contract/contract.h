/* SPDX-License-Identifier: Apache-2.0
 * The contract: what a picture must become before the network sees it, and what its outputs mean.
 * A plain struct, its canonical JSON, and its derivation from what a bare file shows
 * (docs/contract.md). It travels in the graph and in every file we write. */
#ifndef MN_CONTRACT_CONTRACT_H
#define MN_CONTRACT_CONTRACT_H

#include <stdbool.h>

#include "base/arena.h"
#include "base/error.h"
#include "mobilenet/image.h"

typedef enum mn_pixel_order { MN_PIXELS_RGB, MN_PIXELS_BGR, MN_PIXELS_GRAY } mn_pixel_order;

/* How a picture of any shape becomes the input's height x width. */
typedef enum mn_fit {
  MN_FIT_CROP_THEN_RESIZE, /* central square of crop_fraction x short side, then resize (default) */
  MN_FIT_RESIZE_THEN_CROP, /* short side to short_side, then the central height x width */
  MN_FIT_STRETCH,          /* the whole picture, aspect not kept */
  MN_FIT_LETTERBOX         /* the whole picture, aspect kept, the rest pad_value */
} mn_fit;

/* How a resized pixel becomes a tensor element. */
typedef enum mn_map {
  MN_MAP_IDENTITY_U8, /* u8 tensor: the pixel */
  MN_MAP_MINUS128,    /* i8 tensor: pixel - 128 */
  MN_MAP_AFFINE       /* real = pixel * scale[c] + offset[c], quantized by the tensor's own
                         parameters when it is an integer one */
} mn_map;

typedef enum mn_score { MN_SCORE_NONE, MN_SCORE_SOFTMAX, MN_SCORE_SIGMOID } mn_score;

/* Where a detector's anchors come from. */
typedef enum mn_anchor_rule {
  MN_ANCHORS_IN_GRAPH, /* the graph ends in detections; the rest of the section is unused */
  MN_ANCHORS_SSD,   /* TensorFlow's multiple grids, by min_scale and max_scale (post/anchors.h) */
  MN_ANCHORS_TORCH, /* torchvision's SSDLite (post/anchors.h) */
  MN_ANCHORS_TABLE  /* as listed */
} mn_anchor_rule;

/* How encodings become boxes. */
typedef enum mn_box_coder {
  MN_CODER_SSD,  /* TensorFlow: y, x, h, w */
  MN_CODER_TORCH /* torchvision: x, y, w, h, sizes at most 62.5 anchors, clipped to the picture */
} mn_box_coder;

/* How a map of classes is brought to the picture's size. */
typedef enum mn_sampling { MN_SAMPLING_HALF_PIXEL, MN_SAMPLING_ALIGN_CORNERS } mn_sampling;

/* Bits of mn_contract.assumed: fields that nothing has stated. Defaults set all; reading JSON, a
 * preset and labels clear theirs; derivation fills the fields whose bits are set and clears those
 * that it read rather than assumed. */
enum {
  MN_ASSUMED_FIT = 1u << 0,
  MN_ASSUMED_RESIZE = 1u << 1,
  MN_ASSUMED_ORDER = 1u << 2,
  MN_ASSUMED_MAP = 1u << 3,
  MN_ASSUMED_SCORE = 1u << 4,
  MN_ASSUMED_LABELS = 1u << 5,
  MN_ASSUMED_BACKGROUND = 1u << 6,
  MN_ASSUMED_INPUT = MN_ASSUMED_FIT | MN_ASSUMED_RESIZE | MN_ASSUMED_ORDER | MN_ASSUMED_MAP,
  MN_ASSUMED_ALL = (1u << 7) - 1
};

typedef struct mn_contract {
  mn_task task;
  struct {
    mn_pixel_order order;
    mn_fit fit;
    double crop_fraction; /* of the short side; CROP_THEN_RESIZE, 0 < f <= 1 */
    int32_t short_side;   /* RESIZE_THEN_CROP */
    mn_resize resize;
    int32_t pad_value; /* LETTERBOX, 0..255 */
    mn_map map;
    double scale[3], offset[3]; /* AFFINE, in the order that the tensor's channels have */
  } input;
  struct {
    const char *const *names; /* [count], of every output, background included */
    int32_t count;            /* 0: no labels */
    int32_t background;       /* output index that is no class; -1: none */
  } labels;
  mn_score score; /* applied to the output to give 0..1; NONE when it already is */
  struct {
    mn_anchor_rule anchors;
    double min_scale, max_scale; /* SSD */
    const float *table;          /* TABLE: [table_count][4] centre y, centre x, h, w in 0..1 */
    int32_t table_count;
    mn_box_coder coder;
    double scale[4]; /* encodings are divided by it: y, x, h, w */
    double score_threshold, iou_threshold;
    int32_t detections; /* most of a picture */
    int32_t per_class;  /* most of a class */
    int32_t candidates; /* most of a class before suppression; 0: all */
  } detect;
  struct {
    mn_sampling sampling;
    int32_t ignore; /* a class that masks have and outputs do not; -1: none */
  } segment;
  unsigned assumed;
} mn_contract;

/* Defaults of every field: classifier, RGB, central 0.875, Pillow bilinear, identity, no labels. */
void mn_contract_default(mn_contract *contract);

/* Canonical JSON (sorted keys, no white space, shortest round-trip numbers), in `arena`; NULL when
 * out of memory. `assumed` is not written: a saved contract is a stated one. */
char *mn_contract_to_json(const mn_contract *contract, mn_arena *arena);

/* Parses JSON text. Unknown optional keys are ignored; a wrong type or value is refused by name.
 * Strings are copied into `arena`. */
mn_status mn_contract_from_json(mn_contract *contract, const char *text, size_t length,
                                mn_arena *arena, mn_error *err);

/* A preset: "tf" [-1,1], "torch" (ImageNet mean and std, resize 256 then crop), "caffe" (BGR minus
 * mean), "unit" [0,1], "raw" (pixels as they are); each sets only the input part.
 * Error: ARGUMENT, listing the names. */
mn_status mn_contract_preset(mn_contract *contract, const char *name, mn_error *err);

/* What the model's input and output show, for derivation. */
typedef struct mn_contract_facts {
  mn_type input_type;
  int32_t input_channels;
  float input_scale; /* 0: not quantized */
  int32_t input_zero;
  mn_task task;           /* what the outputs look like; NONE when nothing known */
  int32_t output_count;   /* columns of scores of a picture, an anchor or a pixel; 0: unknown */
  bool align_corners;     /* SEGMENT: how the network itself enlarges its maps */
  int32_t raw_anchors;    /* DETECT: rows of an SSD head without decoding; 0: the graph decodes */
  bool output_normalized; /* the last op is softmax or sigmoid */
  bool has_normalization; /* the file states mean and std (TFLite metadata) */
  float mean[3], std[3];
} mn_contract_facts;

/* Fills what is still open (bits of `assumed`) from `facts` by the table in docs/contract.md;
 * after a preset too, for its outputs. Names go into `arena`. Checks the result. A contract that
 * was read has nothing open and is only checked. Error: CONTRACT, when the input map cannot be
 * told without doubt; the sentence names --contract. */
mn_status mn_contract_derive(mn_contract *contract, const mn_contract_facts *facts, mn_arena *arena,
                             mn_error *err);

/* Whether the contract fits the model: pixel map and order against the input's type and channels,
 * labels and background against the outputs. For contracts that were read. Error: CONTRACT. */
mn_status mn_contract_check(const mn_contract *contract, const mn_contract_facts *facts,
                            mn_error *err);

/* "assumed: ..." in one line for a person, in `arena`; NULL when nothing was assumed. */
char *mn_contract_assumptions(const mn_contract *contract, mn_arena *arena);

/* Splits label text (one a line, CR LF or LF, empty lines at the end dropped) into
 * contract->labels. */
mn_status mn_contract_set_labels(mn_contract *contract, const char *text, size_t length,
                                 mn_arena *arena, mn_error *err);

/* Makes the contract one of a raw SSD head: "ssd" (TensorFlow's anchors, coder and suppression),
 * "ssdlite-torch" (torchvision's), or a JSON list of anchors with the rest as "ssd". Scores,
 * background and thresholds take that detector's usual values. */
mn_status mn_contract_set_anchors(mn_contract *contract, const char *text, mn_arena *arena,
                                  mn_error *err);

/* The labels become ImageNet's 1000 English names in the usual order (sorted WordNet ids), with a
 * first "background" when asked for. Error: MEMORY. */
mn_status mn_contract_set_imagenet_labels(mn_contract *contract, bool background, mn_arena *arena,
                                          mn_error *err);

/* Names of a map of 21 classes, Pascal VOC's, and of a binary one; else NULL. Static strings. */
const char *const *mn_mask_names(int32_t classes);

#endif
