/* SPDX-License-Identifier: Apache-2.0
 * What the networks are made of. A builder walks from the picture on: each call appends layers to
 * the current value. Failure sticks, so that a network reads as its table and checks once, at the
 * end. */
#ifndef MN_ZOO_BLOCKS_H
#define MN_ZOO_BLOCKS_H

#include "zoo/zoo.h"

/* Nonlinearities that follow a batch norm. */
typedef enum mn_nonlinearity { MN_LINEAR, MN_RELU, MN_RELU6, MN_HARD_SWISH } mn_nonlinearity;

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
  mn_node nothing;  /* what an append returns after a failure */
  bool failed;      /* out of memory */
} mn_net;

void mn_net_begin(mn_net *net);

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

/* V2's block: expand 1x1, depthwise, SE, project 1x1 (linear), residual where shapes allow.
 * V2 paper (1801.04381) figure 3; V3 paper (1905.02244) figure 4. */
typedef struct mn_inverted_residual {
  int32_t kernel, stride;
  int32_t expanded; /* channels; equal to the input's: no expansion */
  int32_t out;
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

/* ---- One network each ------------------------------------------------------------------------ */

void mn_build_v1(mn_net *net);
void mn_build_v2(mn_net *net);
void mn_build_v3(mn_net *net);
void mn_build_v4(mn_net *net);

#endif
