/* SPDX-License-Identifier: Apache-2.0
 *
 * mobilenet.h - run small convolutional networks: open a model, plan it, run it.
 *
 * A complete program (a raw tensor in, a raw tensor out; see image.h for photos):
 *
 *     mn_model *model; mn_plan *plan; mn_session *session; mn_error err;
 *     if (mn_model_open(&model, "net.tflite", NULL, &err)) { puts(err.text); return 1; }
 *     if (mn_plan_new(&plan, model, NULL, &err)) { puts(err.text); return 1; }
 *     if (mn_session_new(&session, plan, NULL, &err)) { puts(err.text); return 1; }
 *     fill(mn_session_input(session, 0));
 *     if (mn_session_run(session, &err)) { puts(err.text); return 1; }
 *     use(mn_session_output(session, 0));
 *     mn_session_free(session); mn_plan_free(plan); mn_model_free(model);
 *
 * The nouns
 *   model    what to compute: the network, its weights and its contract (how a picture becomes an
 *            input, what the outputs mean). Immutable once open.
 *   plan     how: for one batch, size, instruction set and thread count. Immutable.
 *   session  where: one block of memory, its size known beforehand, in which runs happen.
 *   threads  a pool of threads that sessions borrow; NULL everywhere means the calling thread only.
 *
 * Ownership   *_new and *_open give the caller an object to *_free; *_free accepts NULL. A model
 *             must outlive its plans, a plan its sessions, a pool the sessions that borrow it.
 * Errors      every call that can fail returns mn_status (MN_OK is 0), sets *out to NULL on
 *             failure, and fills *err, when err is not NULL, with one sentence for a person.
 * Threads     a model and a plan may be used by many threads at once; a session by one at a time.
 * Memory      mn_session_run allocates nothing. The library never prints, exits or aborts.
 * Options     option structs begin with struct_size = sizeof the struct; a shorter (older) one
 *             takes defaults for what it lacks, and a field that is 0 or NULL means the default.
 */
#ifndef MOBILENET_MOBILENET_H
#define MOBILENET_MOBILENET_H

#include <stddef.h>
#include <stdint.h>

#if defined(__GNUC__)
#define MN_API __attribute__((visibility("default")))
#else
#define MN_API
#endif

#ifdef __cplusplus
extern "C" {
#endif

#define MN_VERSION "0.1.0"
#define MN_MAX_RANK 4

/* ---- Errors ------------------------------------------------------------------------------- */

typedef enum mn_status {
  MN_OK = 0,
  MN_ERR_ARGUMENT,    /* the caller passed something that cannot be meant */
  MN_ERR_MEMORY,      /* an allocation failed */
  MN_ERR_IO,          /* a file could not be read or written */
  MN_ERR_FORMAT,      /* a file is damaged, or not what it claims to be */
  MN_ERR_UNSUPPORTED, /* a valid file asks for something this build does not do */
  MN_ERR_CONTRACT,    /* the model does not say how a picture becomes its input */
  MN_ERR_SHAPE,       /* sizes that do not fit together */
  MN_ERR_LIMIT,       /* beyond a limit (memory cap, picture size) */
  MN_ERR_CANCELLED    /* a progress callback asked to stop */
} mn_status;

/* What went wrong, owned by the caller. `where` names the file, node or argument. */
typedef struct mn_error {
  mn_status status;
  char where[96];
  char text[384]; /* a whole sentence, `where` included */
} mn_error;

/* A short fixed name of a status, such as "format error". Never NULL. */
MN_API const char *mn_status_text(mn_status status);

/* The library's version, MN_VERSION of the time it was built. */
MN_API const char *mn_version(void);

/* The instruction-set level that kernels use by default on this machine: "scalar", "avx2",
 * "avxvnni", "avx512", "avx512vnni", "avx512bf16", "amx", or on ARM "neon", "dotprod", "i8mm",
 * "bf16"; the environment variable MOBILENET_ISA lowers it. */
MN_API const char *mn_isa(void);

/* ---- Tensors ------------------------------------------------------------------------------ */

typedef enum mn_type { MN_F32 = 0, MN_F16, MN_BF16, MN_U8, MN_I8, MN_I32, MN_I64, MN_BOOL } mn_type;

/* Bytes of one element. */
MN_API size_t mn_type_bytes(mn_type type);
/* "f32", "f16", "bf16", "u8", "i8", "i32", "i64", "bool". */
MN_API const char *mn_type_name(mn_type type);

/* A tensor of a model or plan, NHWC and dense. real = scale * (q - zero_point) when scale > 0;
 * scale is 0 for a tensor that is not quantized. `name` lives as long as the model. */
typedef struct mn_tensor_info {
  const char *name;
  mn_type type;
  int32_t rank;
  int32_t dims[MN_MAX_RANK];
  size_t bytes;
  float scale;
  int32_t zero_point;
} mn_tensor_info;

/* ---- Threads ------------------------------------------------------------------------------ */

typedef struct mn_threads mn_threads;

/* A pool of `count` threads, the caller's included; 0 = as many as this process may use (affinity
 * and cgroup quota counted). Sessions may share a pool: their runs then take turns on it. */
MN_API mn_status mn_threads_new(mn_threads **out, int count, mn_error *err);
MN_API void mn_threads_free(mn_threads *threads);
/* Threads in the pool; 1 for NULL. */
MN_API int mn_threads_count(const mn_threads *threads);
/* How many threads this process may use: affinity and cgroup quota, at least 1. */
MN_API int mn_threads_available(void);

/* ---- Models ------------------------------------------------------------------------------- */

typedef struct mn_model mn_model;

typedef struct mn_open_options {
  size_t struct_size;
  /* What a bare file does not say: canonical JSON of a contract (docs/contract.md), or one of the
   * names tf, torch, caffe, unit, raw. NULL: what the file says, else what can be derived. */
  const char *contract;
  /* Labels, one a line, in the order of the outputs. NULL: the file's own. */
  const char *labels;
  uint64_t memory_cap; /* refuse a file that would need more; 0 = 2 GiB */
  /* A detector whose file ends in raw boxes and scores: what its boxes are relative to. "ssd",
   * "ssdlite-torch", or a JSON list of [centre y, centre x, height, width] (docs/contract.md).
   * NULL: what the contract says. */
  const char *anchors;
} mn_open_options;

/* Opens a model file (.tflite, .onnx, native .safetensors), told by content. The file is mapped and
 * must not change while the model is open. Errors: IO, FORMAT, UNSUPPORTED, LIMIT, MEMORY. */
MN_API mn_status mn_model_open(mn_model **out, const char *path, const mn_open_options *options,
                               mn_error *err);

/* The same from memory. `bytes` is borrowed and must outlive the model. */
MN_API mn_status mn_model_open_memory(mn_model **out, const void *bytes, size_t size,
                                      const mn_open_options *options, mn_error *err);
MN_API void mn_model_free(mn_model *model);

MN_API int mn_model_input_count(const mn_model *model);
MN_API int mn_model_output_count(const mn_model *model);
/* The model's own shapes, before any plan binds others. Error: ARGUMENT, index out of range. */
MN_API mn_status mn_model_input_info(const mn_model *model, int index, mn_tensor_info *info);
MN_API mn_status mn_model_output_info(const mn_model *model, int index, mn_tensor_info *info);

/* Labels of the outputs; count 0 when the model has none. Strings live as long as the model. */
MN_API int mn_model_label_count(const mn_model *model);
MN_API const char *mn_model_label(const mn_model *model, int index);
/* The contract as canonical JSON. Lives as long as the model; NULL when the model has none. */
MN_API const char *mn_model_contract(const mn_model *model);
/* How the model was trained, as canonical JSON: recipe, seed, data, version; docs/file-format.md.
 * Lives as long as the model; NULL when the file does not say. */
MN_API const char *mn_model_training(const mn_model *model);
/* One line saying which contract fields were assumed rather than read, or NULL. */
MN_API const char *mn_model_assumptions(const mn_model *model);

typedef struct mn_model_summary {
  uint64_t params;        /* elements of all weights, biases included */
  uint64_t macs;          /* multiply-adds for one image at the model's own size */
  uint64_t weights_bytes; /* bytes of all constants */
  int32_t node_count;
  /* How its 8-bit operators round: "litert" as LiteRT's reference kernels, "onnx" as ONNX defines
   * it, in float and half to even. NULL when it has none. */
  const char *arithmetic;
} mn_model_summary;
MN_API mn_status mn_model_summarize(const mn_model *model, mn_model_summary *summary,
                                    mn_error *err);

/* One layer, in execution order. */
typedef struct mn_layer_info {
  const char *name;
  const char *op;
  mn_tensor_info output;
  uint64_t params, macs;
} mn_layer_info;
MN_API mn_status mn_model_layer(const mn_model *model, int index, mn_layer_info *info);

/* ---- Plans -------------------------------------------------------------------------------- */

typedef struct mn_plan mn_plan;

/* What to save where one costs the other, by running layers in strips of rows: those around maps
 * larger than a cache (speed), or all where that lowers the most memory in use at a time (memory).
 * Results are the same to the bit. */
typedef enum mn_plan_goal {
  MN_PLAN_SPEED = 0,
  MN_PLAN_MEMORY,
  MN_PLAN_LAYERS /* neither: layer by layer, each a step of its own */
} mn_plan_goal;

typedef struct mn_plan_options {
  size_t struct_size;
  int32_t batch;         /* images a run; 0 = 1 */
  int32_t height, width; /* input size; 0 = the model's own */
  int32_t threads;       /* most threads a run may use; 0 = 1 */
  const char *isa;       /* NULL = best; see mn_isa */
  int32_t keep_all;      /* 1: keep every inner tensor readable after a run (debugging) */
  int32_t max_image_width, max_image_height; /* pictures a session must resize; 0 = 16384 each */
  mn_plan_goal goal;                         /* ignored with keep_all */
  uint64_t memory_cap; /* refuse a plan that, with one session, would need more; 0 = 4 GiB */
  /* MN_F32, or MN_BF16: convolutions and dense layers of floats round what they multiply to bf16
   * and add in f32; faster where the CPU multiplies bf16 (docs/numerics.md). */
  mn_type precision;
} mn_plan_options;

/* Binds sizes, chooses kernels, packs weights, lays out memory. Errors: SHAPE (a size the network
 * cannot take, naming the node that fixes it), ARGUMENT (unknown isa; bf16 of a model without
 * such layers of floats), LIMIT, MEMORY. */
MN_API mn_status mn_plan_new(mn_plan **out, const mn_model *model, const mn_plan_options *options,
                             mn_error *err);
MN_API void mn_plan_free(mn_plan *plan);

/* Bytes of a session's one block, exact: a session runs in this many, and is refused with fewer. */
MN_API size_t mn_plan_session_bytes(const mn_plan *plan);
MN_API size_t mn_plan_arena_bytes(const mn_plan *plan);  /* of these, activations and scratch */
MN_API size_t mn_plan_least_bytes(const mn_plan *plan);  /* that no placement could go below */
MN_API size_t mn_plan_packed_bytes(const mn_plan *plan); /* weights laid out for the kernels */
MN_API mn_status mn_plan_input_info(const mn_plan *plan, int index, mn_tensor_info *info);
MN_API mn_status mn_plan_output_info(const mn_plan *plan, int index, mn_tensor_info *info);

/* One executed step and the kernel chosen for it. */
typedef struct mn_step_info {
  const char *node;
  const char *op;
  const char *kernel;
  uint64_t macs;
  mn_type type;              /* what it computes in: of its first input, or bf16 */
  uint64_t weight_bytes;     /* constants it reads, as laid out for the kernel */
  uint64_t activation_bytes; /* what else it reads, and what it writes */
} mn_step_info;
MN_API int mn_plan_step_count(const mn_plan *plan);
MN_API mn_status mn_plan_step(const mn_plan *plan, int index, mn_step_info *info);

/* ---- Sessions ----------------------------------------------------------------------------- */

typedef struct mn_session mn_session;

typedef struct mn_session_options {
  size_t struct_size;
  mn_threads *threads; /* borrowed; NULL = the calling thread only */
  void *memory;        /* caller's block, 64-byte aligned; NULL = allocated by the library */
  size_t memory_bytes; /* at least mn_plan_session_bytes */
} mn_session_options;

/* Errors: ARGUMENT (block too small or unaligned, saying the bytes needed), MEMORY. */
MN_API mn_status mn_session_new(mn_session **out, const mn_plan *plan,
                                const mn_session_options *options, mn_error *err);
MN_API void mn_session_free(mn_session *session);

/* Dense NHWC data of an input or output, inside the session's block; NULL when index is out of
 * range. Inputs are consumed by a run: fill them again before the next. */
MN_API void *mn_session_input(mn_session *session, int index);
MN_API const void *mn_session_output(const mn_session *session, int index);

/* Runs the network once. Allocates nothing; the result is the same for every thread count. */
MN_API mn_status mn_session_run(mn_session *session, mn_error *err);

/* An inner tensor by name after a run of a plan with keep_all, or any input or output. Error:
 * ARGUMENT, naming the nearest names when there is none such. */
MN_API mn_status mn_session_tensor(const mn_session *session, const char *name, const void **data,
                                   mn_tensor_info *info, mn_error *err);

/* Called before each step of a run when set: profiling. `step` counts from 0; a last call has
 * step = mn_plan_step_count. */
typedef void mn_step_fn(void *user, int step);
MN_API void mn_session_on_step(mn_session *session, mn_step_fn *fn, void *user);

#ifdef __cplusplus
}
#endif
#endif
