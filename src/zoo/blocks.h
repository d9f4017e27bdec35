/* SPDX-License-Identifier: Apache-2.0
 * What the networks are made of. A builder walks from the picture on: each call appends layers to
 * the current value. Failure sticks, so that a network reads as its table and checks once, at the
 * end. */
#ifndef MN_ZOO_BLOCKS_H
#define MN_ZOO_BLOCKS_H

#include "zoo/zoo.h"

/* Nonlinearities that follow a batch norm. */
typedef enum mn_nonlinearity { MN_LINEAR, MN_RELU, MN_RELU6, MN_HARD_SWISH } mn_nonlinearity;

/* A value that heads come back to. */
typedef struct mn_tap {
  mn_id value; /* MN_NONE: not passed yet */
  int32_t channels;
} mn_tap;

typedef struct mn_net {
  mn_graph *graph;
  const mn_arch *arch;
  mn_zoo_weights weights;
  uint64_t seed;
  const float *zeros; /* MN_ZOO_ZEROS: what every constant borrows */
  size_t zero_count;
  mn_id value;      /* where the walk stands */
  int32_t channels; /* of it */
  int32_t stride;   /* of the picture to it */
  int32_t rate;     /* dilation that further depthwise layers take, once output_stride is reached */
  int32_t output_stride; /* the arch's for the backbone; heads are never dilated by it */
  float epsilon;         /* of further batch norms */
  bool torch_weights;    /* further convolutions begin as PyTorch's layers do by themselves */
  int32_t min_depth;     /* fewest channels of a scaled layer */
  int32_t divisor;       /* what they are rounded to a multiple of: 8 or 1 */
  int32_t nominal;       /* the stride if none were dilated */
  mn_tap low;            /* output of the block that reaches nominal stride 8 */
  mn_tap middle;         /* last map of nominal stride 16; V2 and V3: expanded by the next block */
  mn_node nothing;       /* what an append returns after a failure */
  bool failed;           /* out of memory */
} mn_net;

void mn_net_begin(mn_net *net);
/* From here on a segmenter's head: torchvision leaves its batch norms and first weights as PyTorch
 * makes them. */
void mn_net_begin_segmenter(mn_net *net);

/* kernel x kernel convolution, batch norm, nonlinearity. Names: "<name>", "<name>.bn". */
void mn_net_conv(mn_net *net, const char *name, int32_t kernel, int32_t stride, int32_t out,
                 mn_nonlinearity act);
/* The same, one filter a channel. A stride beyond arch->output_stride becomes dilation. */
void mn_net_depthwise(mn_net *net, const char *name, int32_t kernel, int32_t stride,
                      mn_nonlinearity act);
/* 1x1 convolution with bias and no batch norm. */
void mn_net_pointwise_bias(mn_net *net, const char *name, int32_t out, mn_nonlinearity act);
/* V3, section 5.3: scales channels by a gate computed from their means. */
void mn_net_squeeze_excite(mn_net *net, const char *name, int32_t squeeze);
void mn_net_global_pool(mn_net *net, const char *name);
/* Fully connected with bias. */
void mn_net_dense(mn_net *net, const char *name, int32_t out);
/* value + from, when both have the same shape. */
void mn_net_residual(mn_net *net, const char *name, mn_id from);
/* A 3x3 convolution of stride 1 that looks `rate` pixels far, batch norm, ReLU. */
void mn_net_atrous(mn_net *net, const char *name, int32_t rate, int32_t out);
/* kernel x kernel convolution with bias and no batch norm. */
void mn_net_conv_bias(mn_net *net, const char *name, int32_t kernel, int32_t out);
/* 1x1 convolution with neither, then a logistic: a gate from 0 to 1. */
void mn_net_gate(mn_net *net, const char *name, int32_t out);
/* value * by, which may be one pixel. */
void mn_net_multiply(mn_net *net, const char *name, mn_id by);
/* Bilinear, to the height and width of `like`; PyTorch's pixel centres, or TensorFlow 1's corners
 * by flavour. */
void mn_net_resize_like(mn_net *net, const char *name, mn_id like);
/* Side by side along `axis`. */
void mn_net_concat(mn_net *net, const char *name, const mn_id *parts, int32_t count, int32_t axis);
/* [n,h,w,boxes*columns] to [n,h*w*boxes,columns]. */
void mn_net_rows(mn_net *net, const char *name, int32_t columns);
/* Here, and back to there. */
mn_tap mn_net_here(const mn_net *net);
void mn_net_return_to(mn_net *net, mn_tap tap);
/* The end of a block: notes `low` and `middle`. */
void mn_net_end_block(mn_net *net);
/* Channels at the arch's width: rounded to the divisor, at least min_depth. */
int32_t mn_net_depth(const mn_net *net, double channels);

/* V2's block: expand 1x1, depthwise, SE, project 1x1 (linear), residual where shapes allow.
 * V2 paper (1801.04381) figure 3; V3 paper (1905.02244) figure 4. */
typedef struct mn_inverted_residual {
  int32_t kernel, stride;
  int32_t expanded; /* channels; equal to the input's: no expansion */
  int32_t out;
  bool always;     /* an expansion, and at stride 1 a sum, whatever the channels */
  int32_t squeeze; /* 0: no SE */
  mn_nonlinearity act;
} mn_inverted_residual;
void mn_net_inverted_residual(mn_net *net, const char *name, const mn_inverted_residual *block);

/* The joined name "<name>.<part>" in the graph's arena. */
const char *mn_net_name(mn_net *net, const char *name, const char *part);
/* "<prefix><index>". */
const char *mn_net_numbered(mn_net *net, const char *prefix, int32_t index);

/* ---- width.c --------------------------------------------------------------------------------- */

/* The nearest multiple of 8, at least 8, never less than 90 % of `channels`.
 * Source: TensorFlow slim, nets/mobilenet/mobilenet.py, _make_divisible. */
int32_t mn_make_divisible(double channels);

/* ---- One network each, up to the last map of features ---------------------------------------- */

void mn_build_v1(mn_net *net);
void mn_build_v2(mn_net *net);
void mn_build_v3(mn_net *net);
void mn_build_v4(mn_net *net);

/* ---- One head each, from there to the outputs ------------------------------------------------ */

enum { MN_ZOO_OUTPUTS = 2 };
typedef struct mn_outputs {
  mn_id id[MN_ZOO_OUTPUTS];
  int32_t count;
} mn_outputs;

mn_outputs mn_build_classifier(mn_net *net);
mn_outputs mn_build_ssd(mn_net *net);
mn_outputs mn_build_lraspp(mn_net *net, mn_id picture);
mn_outputs mn_build_deeplab(mn_net *net, mn_id picture);
/* That of the arch. */
mn_outputs mn_build_head(mn_net *net, mn_id picture);

#endif
