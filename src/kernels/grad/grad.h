/* SPDX-License-Identifier: Apache-2.0
 * Kernels of training, float: sums over pixels that backward passes need. They are written once, in
 * grad_f32.h, for any width of vector, and compiled for each level of the CPU. The order of every
 * sum depends on its arguments only. */
#ifndef MN_KERNELS_GRAD_GRAD_H
#define MN_KERNELS_GRAD_GRAD_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* c[m][n] += sum over p of a[p][m] * b[p][n]: a layer's gradient of its weights. */
typedef struct mn_outer_args {
  const float *a; /* [pixels][a_stride] */
  const float *b; /* [pixels][b_stride] */
  float *c;       /* [m][c_stride] */
  size_t a_stride, b_stride, c_stride;
  size_t pixels, m, n;
} mn_outer_args;

/* out[c] = sum over t of a[t][c] * b[t][c]. */
typedef struct mn_taps_args {
  const float *const *a, *const *b; /* [taps] of [channels] */
  size_t taps, channels;
  float *out;
} mn_taps_args;

/* One row of outputs of a depthwise layer: sums[k][c] += sum over x of
 * in[x * stride + k * dilation - pad][c] * gradient[x][c], of those inputs that there are. */
typedef struct mn_dw_outer_args {
  const float *in;       /* [in_width][in_stride] */
  const float *gradient; /* [width][gradient_stride] */
  float *sums;           /* [kernel_w][sums_stride] */
  size_t in_stride, gradient_stride, sums_stride;
  size_t in_width, width, kernel_w, stride, dilation, pad, channels;
} mn_dw_outer_args;

/* Activations as batch norm applies them. */
typedef enum mn_grad_act {
  MN_GRAD_LINEAR,
  MN_GRAD_RELU,
  MN_GRAD_RELU6,
  MN_GRAD_HARD_SWISH,
  MN_GRAD_HARD_SIGMOID
} mn_grad_act;

/* Per-channel numbers of a batch norm: z = (x - mean) * inverse * gamma + beta. */
typedef struct mn_norm_args {
  const float *x, *gradient;                   /* [pixels][channels]; gradient of act(z) */
  const float *mean, *inverse, *gamma, *beta;  /* [channels] */
  const float *gamma_gradient, *beta_gradient; /* [channels], for the gradient of x */
  float *out;                                  /* [pixels][channels] */
  double *first, *second;                      /* [channels], of sums */
  size_t pixels, channels;
  bool more;   /* sums go on from what they are */
  float count; /* pixels of the whole batch; 0: statistics are frozen */
  mn_grad_act act;
} mn_norm_args;

/* out = gradient * act'(x); of [count]. */
typedef struct mn_act_gradient_args {
  const float *x, *gradient;
  float *out;
  size_t count;
  mn_grad_act act;
} mn_act_gradient_args;

/* p = scale * e^(x - most) / sum: `most` is a row's largest x, `sum` its sum of e^(x - most), no
 * number when one of x is none. */
typedef struct mn_softmax_args {
  const float *x;      /* [rows][columns] */
  const float *scales; /* [rows] */
  float *p;            /* [rows][columns], not x */
  float *most;         /* [rows] */
  double *sums;        /* [rows] */
  size_t rows, columns;
} mn_softmax_args;

/* Sigmoid focal loss of logits x: the sum of weight * (1 - p)^gamma * -log(p), p being how much of
 * what is true x says: sigmoid(x) of the row's class, else 1 - that. */
typedef struct mn_focal_args {
  const float *x;         /* [rows][columns] */
  const int32_t *classes; /* [rows]: a column and 1, or 0 */
  float *gradient;        /* [rows][columns], times `scale` */
  size_t rows, columns;
  float there, absent; /* weights of the row's class and of the others */
  float gamma, scale;
} mn_focal_args;

/* x said in 8-bit codes: out = scale * r, r = x / scale rounded to the nearest even and held to
 * [low, high], which are codes without their zero point. */
typedef struct mn_fake_quant_args {
  const float *x, *gradient; /* [count] */
  float *out;                /* [count]; may be x or gradient */
  size_t count;
  float scale, low, high;
} mn_fake_quant_args;

typedef struct mn_grad_kernels {
  const char *name;
  void (*outer)(const mn_outer_args *args);
  void (*taps)(const mn_taps_args *args);
  void (*dw_outer)(const mn_dw_outer_args *args);
  void (*act_gradient)(const mn_act_gradient_args *args);
  /* first = sum of x - shift, second = sum of its square; shift is the first pixel, in `mean`. */
  void (*moments)(const mn_norm_args *args);
  /* out = act(z). */
  void (*norm)(const mn_norm_args *args);
  /* first = sum of g, second = sum of g * (x - mean) * inverse, with g = gradient * act'(z). */
  void (*norm_sums)(const mn_norm_args *args);
  /* out = gradient of x. */
  void (*norm_gradient)(const mn_norm_args *args);
  /* Moves *low down and *high up to where x[count] is; what is no number moves neither. */
  void (*extremes)(const float *x, size_t count, float *low, float *high);
  void (*fake_quant)(const mn_fake_quant_args *args);
  /* out = gradient where x was not held to an end, else 0. */
  void (*fake_quant_gradient)(const mn_fake_quant_args *args);
  /* to [count] = x rounded to bf16, as base/half.h does. */
  void (*round)(const float *x, size_t count, float *to);
  /* to [count][2] = a[i], b[i] likewise, as bf16. */
  void (*round_pairs)(const float *a, const float *b, size_t count, uint16_t *to);
  void (*softmax)(const mn_softmax_args *args);
  double (*focal)(const mn_focal_args *args);
} mn_grad_kernels;

extern const mn_grad_kernels mn_grad_kernels_ref, mn_grad_kernels_avx2, mn_grad_kernels_avx512;

/* The best for these mn_cpu_features. */
const mn_grad_kernels *mn_grad_kernels_select(uint32_t features);

#endif
