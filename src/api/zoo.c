/* SPDX-License-Identifier: Apache-2.0
 * Networks by name as public models. */
#include "mobilenet/zoo.h"

#include "api/model.h"
#include "base/alloc.h"
#include "base/struct_size.h"
#include "format/format.h"
#include "zoo/zoo.h"

int mn_zoo_has(const char *name) { return mn_arch_looks_like(name); }

const char *mn_zoo_family(int index) {
  return index >= 0 && index < MN_FAMILY_COUNT ? mn_family_name((mn_family)index) : NULL;
}

mn_status mn_zoo_parse(mn_zoo_name *parsed, const char *name, mn_error *err) {
  mn_arch arch;
  mn_error_clear(err);
  mn_status status = mn_arch_parse(&arch, name, 1, err);
  if (status) return status;
  *parsed = (mn_zoo_name){
      mn_family_name(arch.family), arch.flavour.name, arch.width, arch.height, arch.width_px,
      mn_head_name(arch.head)};
  return MN_OK;
}

/* Pictures as the flavour's own training prepares them. A raw detector has no task before its
 * anchors are known, but sees the whole picture. */
static mn_status set_contract(mn_model *model, const mn_arch *arch, const char *contract,
                              mn_error *err) {
  mn_graph *graph = &model->graph;
  mn_contract_facts facts;
  mn_format_facts(graph, &facts);
  const bool boxes = facts.task == MN_TASK_DETECT;
  if (boxes) {
    facts = (mn_contract_facts){.input_type = MN_F32, .input_channels = 3};
  }
  bool tensorflow = !arch->flavour.symmetric_pad;
  mn_open_options options = {.struct_size = sizeof options,
                             .contract = contract     ? contract
                                         : tensorflow ? "tf"
                                                      : "torch"};
  mn_status status = mn_model_settle_contract(model, &options, &facts, err);
  if (status || !boxes || contract) return status;
  graph->contract.input.fit = MN_FIT_STRETCH;
  model->contract_json = mn_contract_to_json(&graph->contract, &graph->arena);
  return model->contract_json ? MN_OK : mn_fail_memory(err, 0);
}

mn_status mn_model_from_zoo(mn_model **out, const char *name, const mn_zoo_options *options,
                            mn_error *err) {
  *out = NULL;
  mn_error_clear(err);
  mn_zoo_options used;
  mn_options_read(&used, sizeof used, options);
  mn_arch arch;
  mn_status status = mn_arch_parse(&arch, name, used.classes, err);
  if (status) return status;
  mn_model *model = mn_alloc_zero(sizeof *model);
  if (!model) return mn_fail_memory(err, sizeof *model);
  mn_zoo_weights weights = used.counts_only ? MN_ZOO_ZEROS : MN_ZOO_RANDOM;
  status = mn_zoo_build(&model->graph, &arch, weights, used.seed, err);
  if (!status) status = set_contract(model, &arch, used.contract, err);
  if (status) {
    mn_model_free(model);
    return status;
  }
  *out = model;
  return MN_OK;
}
