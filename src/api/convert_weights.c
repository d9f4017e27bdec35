/* SPDX-License-Identifier: Apache-2.0
 * State dictionaries as public models: the network that their names and shapes tell, filled, with
 * the contract of the library that they come from. */
#include <stdio.h>
#include <string.h>

#include "api/model.h"
#include "base/alloc.h"
#include "base/struct_size.h"
#include "mobilenet/convert.h"
#include "weights/weights.h"

/* What is known of a state dictionary before its network is built. */
typedef struct finding {
  mn_state state;
  const mn_weight_names *names;
  mn_arch arch;
  bool told; /* the caller named the architecture */
} finding;

static bool is_tensorflow(const mn_flavour *flavour) { return strcmp(flavour->name, "tf") == 0; }

/* timm's V3 with TensorFlow's weights pads and normalizes as TensorFlow does, under the same names
 * and shapes: only what the file is called can tell. */
static bool may_be_tensorflow(const finding *found) {
  return found->names->naming == MN_NAMING_TIMM && !is_tensorflow(&found->arch.flavour) &&
         (found->arch.family == MN_FAMILY_V3_LARGE || found->arch.family == MN_FAMILY_V3_SMALL);
}

static mn_status take_architecture(finding *found, const char *architecture, mn_error *err) {
  int32_t classes = found->arch.classes;
  mn_status status = mn_arch_parse(&found->arch, architecture, classes, err);
  if (!status &&
      (found->arch.family != found->names->family || found->arch.head != found->names->head)) {
    status = mn_fail(err, MN_ERR_ARGUMENT, architecture,
                     "the tensors are of %s, which is not of that family", found->names->model);
  }
  if (!status) mn_weights_flavour(&found->arch, found->names, found->arch.flavour.name);
  found->told = true;
  return status;
}

static mn_status recognize(finding *found, const mn_load_request *request, const char *architecture,
                           mn_error *err) {
  mn_status status = mn_state_load(&found->state, request, err);
  if (status) return status;
  found->names = mn_weight_names_find(&found->state);
  if (!found->names) {
    return mn_fail(err, MN_ERR_UNSUPPORTED, request->name,
                   "its tensors (%s first by name) are of no network that is known: torchvision's "
                   "mobilenet_v2, mobilenet_v3_large and _small, also in ssdlite320, lraspp and "
                   "deeplabv3, timm's mobilenetv1_*, "
                   "mobilenetv2_*, mobilenetv3_*, tf_mobilenetv3_*, mobilenetv4_conv_*",
                   found->state.tensors[0].name);
  }
  status = mn_weights_recognize(&found->state, found->names, &found->arch, err);
  if (status) return status;
  if (architecture) return take_architecture(found, architecture, err);
  if (may_be_tensorflow(found) && strstr(request->name, "tf_mobilenetv3")) {
    mn_weights_flavour(&found->arch, found->names, "tf");
  }
  return MN_OK;
}

/* Pictures as that library prepares them for this network. */
static void set_pictures(mn_contract *contract, const finding *found) {
  const mn_arch *arch = &found->arch;
  bool tensorflow = is_tensorflow(&arch->flavour);
  /* timm's thin V4 were trained later, with other pictures. */
  bool half =
      tensorflow || found->names->half || (arch->family == MN_FAMILY_V4_SMALL && arch->width < 1);
  int32_t size = arch->height > arch->width_px ? arch->height : arch->width_px;
  mn_contract_default(contract);
  mn_contract_preset(contract, half ? "tf" : "torch", NULL);
  bool classifies = arch->head == MN_HEAD_CLASSIFIER;
  contract->input.fit = classifies ? MN_FIT_RESIZE_THEN_CROP : MN_FIT_STRETCH;
  contract->input.short_side = (int32_t)(size / found->names->crop_fraction);
  contract->input.resize = tensorflow ? MN_RESIZE_PILLOW_BILINEAR : found->names->resize;
}

/* "v2-0.35-224@torchvision". */
static void arch_text(char text[64], const mn_arch *arch, const char *flavour) {
  char width[16] = "";
  if (arch->width_px != arch->height) snprintf(width, sizeof width, "x%d", arch->width_px);
  const char *head = mn_head_name(arch->head);
  snprintf(text, 64, "%s-%g-%d%s%s%s@%s", mn_family_name(arch->family), arch->width, arch->height,
           width, head ? "+" : "", head ? head : "", flavour);
}

/* What nobody said, in one line. */
static mn_status set_assumptions(mn_model *model, const finding *found, bool stated,
                                 mn_error *err) {
  mn_contract *contract = &model->graph.contract;
  if (!stated) contract->assumed |= MN_ASSUMED_INPUT;
  const char *rest = mn_contract_assumptions(contract, &model->graph.arena);
  if (!found->told) {
    char name[64], text[768], other[128] = "";
    arch_text(name, &found->arch, "tf");
    if (may_be_tensorflow(found)) {
      snprintf(other, sizeof other, " (as %s, if it is timm's tf_%s)", name, found->names->model);
    }
    arch_text(name, &found->arch, found->arch.flavour.name);
    int used = snprintf(text, sizeof text, "taken for %s by its names and shapes%s%s%s", name,
                        other, rest ? "; " : "", rest ? rest : "");
    rest = mn_arena_string(&model->graph.arena, text, (size_t)used);
    if (!rest) return mn_fail_memory(err, sizeof text);
  }
  model->assumptions = (char *)rest;
  return MN_OK;
}

/* torchvision's detector; with as many classes as COCO has it was trained on COCO. */
static mn_status set_detector(mn_graph *graph, const finding *found, mn_error *err) {
  mn_contract *contract = &graph->contract;
  mn_status status = mn_contract_set_anchors(contract, "ssdlite-torch", &graph->arena, err);
  if (status || found->arch.classes != MN_COCO_CLASSES) return status;
  const char *labels = mn_coco_labels();
  return mn_contract_set_labels(contract, labels, strlen(labels), &graph->arena, err);
}

static mn_status build(mn_model *model, finding *found, const mn_open_options *options,
                       mn_error *err) {
  mn_graph *graph = &model->graph;
  mn_status status = mn_weights_bind(graph, &found->state, found->names, &found->arch, err);
  if (!status) status = mn_graph_verify(graph, err);
  if (status) return status;
  mn_contract_facts facts;
  set_pictures(&graph->contract, found);
  mn_format_facts(graph, &facts);
  if (found->arch.head == MN_HEAD_SSDLITE) status = set_detector(graph, found, err);
  if (!status) status = mn_model_settle_contract(model, options, &facts, err);
  return status ? status : set_assumptions(model, found, options->contract != NULL, err);
}

mn_status mn_model_open_weights(mn_model **out, const char *path, const mn_weights_options *options,
                                mn_error *err) {
  *out = NULL;
  mn_error_clear(err);
  mn_weights_options used;
  mn_options_read(&used, sizeof used, options);
  mn_open_options open = mn_model_read_options(used.open);
  mn_file file = {0};
  finding found = {0};
  mn_model *model = mn_alloc_zero(sizeof *model);
  if (!model) return mn_fail_memory(err, sizeof *model);
  mn_graph_init(&model->graph);
  mn_status status = mn_file_map(&file, path, err);
  if (!status) {
    mn_load_request request = {file.bytes, file.size, path, open.memory_cap, NULL};
    status = recognize(&found, &request, used.architecture, err);
    if (!status) status = build(model, &found, &open, err);
    mn_state_free(&found.state);
    mn_error_at(err, status, path);
  }
  mn_file_close(&file);
  if (status) {
    mn_model_free(model);
    return status;
  }
  *out = model;
  return MN_OK;
}

int mn_weights_has(const char *path) {
  mn_file file = {0};
  if (mn_file_map(&file, path, NULL)) return 0;
  bool has = mn_state_has(file.bytes, file.size);
  mn_file_close(&file);
  return has;
}
