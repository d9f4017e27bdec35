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

typedef enum mn_task { MN_TASK_NONE, MN_TASK_CLASSIFY } mn_task;

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
  int32_t output_count;   /* elements of the classifier's output */
  bool output_normalized; /* the last op is softmax or sigmoid */
  bool has_normalization; /* the file states mean and std (TFLite metadata) */
  float mean[3], std[3];
} mn_contract_facts;

/* Fills what is still open (bits of `assumed`) from `facts` by the table in docs/contract.md; after
 * a preset too, for its outputs. Checks the result. A contract that was read has nothing open and
 * is only checked. Error: CONTRACT, when the input map cannot be told without doubt; the sentence
 * names --contract. */
mn_status mn_contract_derive(mn_contract *contract, const mn_contract_facts *facts, mn_error *err);

/* Whether the contract fits the model: pixel map and order against the input's type and channels,
 * labels and background against the outputs. For contracts that were read. Error: CONTRACT. */
mn_status mn_contract_check(const mn_contract *contract, const mn_contract_facts *facts,
                            mn_error *err);

/* "assumed: ..." in one line for a person, in `arena`; NULL when nothing was assumed. */
char *mn_contract_assumptions(const mn_contract *contract, mn_arena *arena);

/* Splits label text (one a line, CR LF or LF, last empty line dropped) into contract->labels. */
mn_status mn_contract_set_labels(mn_contract *contract, const char *text, size_t length,
                                 mn_arena *arena, mn_error *err);

/* ImageNet's 1000 English names in the usual order (sorted WordNet ids), and with a first
 * "background" line when `background`. Static strings. */
const char *const *mn_imagenet_names(bool background);

#endif
