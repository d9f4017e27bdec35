/* SPDX-License-Identifier: Apache-2.0
 * Parameters and multiply-adds of every published width and resolution, to the unit; odd widths and
 * sizes; architecture names. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <string.h>

#include "zoo/zoo.h"

typedef struct row {
  const char *arch;
  int32_t classes;
  uint64_t params, macs;
  bool keep_last; /* torchvision's expansions with an unscaled last layer */
} row;

/* Counts of convolution and dense weights, their biases, and batch norm's gamma and beta. Sources:
 * TensorFlow slim's tables and checkpoints, torchvision's and timm's published counts, where they
 * are right; recomputed from the papers' block tables where they are not. */
static const row rows[] = {
    {"v1-1.0-224", 1000, 4231976, 568740352, false},
    {"v1-1.0-192", 1000, 4231976, 418121728, false},
    {"v1-1.0-160", 1000, 4231976, 290675200, false},
    {"v1-1.0-128", 1000, 4231976, 186400768, false},
    {"v1-1.0-224", 1001, 4233001, 568741376, false},
    {"v1-0.75-224", 1000, 2585560, 325400448, false},
    {"v1-0.75-192", 1000, 2585560, 239273472, false},
    {"v1-0.75-160", 1000, 2585560, 166396800, false},
    {"v1-0.75-128", 1000, 2585560, 106770432, false},
    {"v1-0.75-224", 1001, 2586329, 325401216, false},
    {"v1-0.5-224", 1000, 1331592, 149497088, false},
    {"v1-0.5-192", 1000, 1331592, 109970432, false},
    {"v1-0.5-160", 1000, 1331592, 76524800, false},
    {"v1-0.5-128", 1000, 1331592, 49160192, false},
    {"v1-0.5-224", 1001, 1332105, 149497600, false},
    {"v1-0.25-224", 1000, 470072, 41030272, false},
    {"v1-0.25-192", 1000, 470072, 30212608, false},
    {"v1-0.25-160", 1000, 470072, 21059200, false},
    {"v1-0.25-128", 1000, 470072, 13570048, false},
    {"v1-0.25-224", 1001, 470329, 41030528, false},
    {"v1-1.0-32@cifar", 10, 3217226, 46354432, false},
    {"v2-1.0-32@cifar", 10, 2296922, 91154944, false},
    {"v1-.25-96", 2, 213586, 7489664, false},
    {"v2-1.4-224", 1000, 6108776, 582195824, false},
    {"v2-1.3-224", 1000, 5386792, 509374560, false},
    {"v2-1.0-224", 1000, 3504872, 300774272, false},
    {"v2-1.0-192", 1000, 3504872, 221316608, false},
    {"v2-1.0-160", 1000, 3504872, 154083200, false},
    {"v2-1.0-128", 1000, 3504872, 99074048, false},
    {"v2-1.0-96", 1000, 3504872, 56289152, false},
    {"v2-0.75-224", 1000, 2636424, 209069792, false},
    {"v2-0.75-192", 1000, 2636424, 153941888, false},
    {"v2-0.75-160", 1000, 2636424, 107295200, false},
    {"v2-0.75-128", 1000, 2636424, 69129728, false},
    {"v2-0.75-96", 1000, 2636424, 39445472, false},
    {"v2-0.5-224", 1000, 1968680, 97131840, false},
    {"v2-0.5-192", 1000, 1968680, 71701760, false},
    {"v2-0.5-160", 1000, 1968680, 50184000, false},
    {"v2-0.5-128", 1000, 1968680, 32578560, false},
    {"v2-0.5-96", 1000, 1968680, 18885440, false},
    {"v2-0.35-224", 1000, 1677128, 59285808, false},
    {"v2-0.35-192", 1000, 1677128, 43896512, false},
    {"v2-0.35-160", 1000, 1677128, 30874800, false},
    {"v2-0.35-128", 1000, 1677128, 20220672, false},
    {"v2-0.35-96", 1000, 1677128, 11934128, false},
    {"v2-1.0-224", 1001, 3506153, 300775552, false},
    {"v2-.35-144", 1000, 1677128, 26660752, false},
    {"v2-0.35-144@mcunet", 1000, 750280, 23499152, false},
    {"v2-0.3-64@mcunet", 1000, 634408, 4542080, false},
    {"v3-large-1.0-224", 1000, 5483032, 216589760, false},
    {"v3-large-0.75-224@torchvision", 1000, 3377576, 140033816, false},
    {"v3-large-0.75-224@torchvision", 1000, 3928296, 140584216, true},
    {"v3-large-min-1.0-224", 1000, 3924288, 209136704, false},
    {"v3-small-1.0-224", 1000, 2542856, 56510400, false},
    {"v3-small-0.75-224@torchvision", 1000, 1653920, 39115576, false},
    {"v3-small-0.75-224@torchvision", 1000, 2020768, 39482168, true},
    {"v3-small-min-1.0-224", 1000, 2044736, 52288448, false},
    {"v4-small-1.0-224", 1000, 3774024, 186005568, false},
    {"v4-small-1.0-256", 1000, 3774024, 242178048, false},
    {"v4-medium-1.0-224", 1000, 9715512, 827649984, false},
    {"v4-medium-1.0-256", 1000, 9715512, 1080244224, false},
    {"v4-large-1.0-256", 1000, 32590864, 2835269632, false},
    {"v4-large-1.0-384", 1000, 32590864, 6376220672, false},
    {"v3-large-1.0-224", 1000, 5483032, 216589760, false},
    {"v3-large-1.0-224", 1001, 5484313, 216591040, false},
    {"v3-large-0.75-224", 1000, 3993528, 154560624, false},
    {"v3-large-0.75-224", 1001, 3994809, 154561904, false},
    {"v3-small-1.0-224", 1000, 2542856, 56510400, false},
    {"v3-small-1.0-224", 1001, 2543881, 56511424, false},
    {"v3-small-0.75-224", 1000, 2041872, 43399344, false},
    {"v3-small-0.75-224", 1001, 2042897, 43400368, false},
    /* torchvision's own networks, counted in it. Its deeplabv3 without the auxiliary classifier. */
    {"v3-large-1.0-320+ssdlite@torchvision", 91, 3440060, 583171904, false},
    {"v3-large-1.0-520+lraspp@torchvision", 21, 3221538, 2086219688, false},
    {"v3-large-1.0-224x225+lraspp@torchvision", 21, 3221538, 402262480, false},
    {"v3-large-1.0-97x161+lraspp@torchvision", 21, 3221538, 145063472, false},
    {"v3-large-1.0-520+deeplab@torchvision", 21, 11025477, 10436350688, false},
    {"v3-large-1.0-224x225+deeplab@torchvision", 21, 11025477, 2012589424, false},
    {"v3-large-1.0-97x161+deeplab@torchvision", 21, 11025477, 735681768, false},
};

/* Files that TensorFlow's object detection API and DeepLab exported, with batch norms folded:
 * weights and biases, anchors left out. */
static const row tensorflow_files[] = {
    {"v1-0.75-300+ssd", 91, 4101231, 728036496, false}, /* coco_ssd_mobilenet_v1_1.0_quant_2018 */
    {"v2-1.0-300+ssd", 24, 4951996, 672993008, false},  /* object_detection_ssd_mobilenetv2_oidv4 */
    {"v2-1.0-513+deeplab", 21, 2097013, 2740709056, false},   /* deeplabv3_mnv2_pascal_quant */
    {"v2-0.5-257+deeplab-os8", 21, 688357, 725849344, false}, /* deeplabv3_257_mv_float */
};

static mn_cost total(const mn_graph *graph) {
  mn_cost sum = {0, 0};
  mn_shape shapes[2048];
  assert_true(graph->value_count <= 2048);
  for (int32_t i = 0; i < graph->value_count; i++) shapes[i] = graph->values[i].shape;
  for (mn_id n = 0; n < graph->node_count; n++) {
    mn_cost cost = mn_node_cost(graph, n, shapes);
    sum.macs += cost.macs;
    sum.params += cost.params;
  }
  return sum;
}

static void build(mn_graph *graph, const mn_arch *arch) {
  mn_error err;
  if (mn_zoo_build(graph, arch, MN_ZOO_ZEROS, 0, &err)) fail_msg("%s", err.text);
}

static void published_counts_to_the_unit(void **state) {
  (void)state;
  for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
    mn_arch arch;
    mn_graph graph;
    mn_error err;
    if (mn_arch_parse(&arch, rows[i].arch, rows[i].classes, &err)) fail_msg("%s", err.text);
    if (rows[i].keep_last) arch.flavour.last_scaled = false;
    build(&graph, &arch);
    mn_cost cost = total(&graph);
    if (cost.params != rows[i].params || cost.macs != rows[i].macs) {
      fail_msg("%s: %llu parameters and %llu MACs, expected %llu and %llu", rows[i].arch,
               (unsigned long long)cost.params, (unsigned long long)cost.macs,
               (unsigned long long)rows[i].params, (unsigned long long)rows[i].macs);
    }
    mn_graph_free(&graph);
  }
}

static uint64_t gammas(const mn_graph *graph) {
  uint64_t count = 0;
  for (mn_id n = 0; n < graph->node_count; n++) {
    const mn_node *node = &graph->nodes[n];
    if (node->op == MN_OP_BATCH_NORM) {
      count += (uint64_t)graph->values[node->in[1]].shape.dim[0];
    }
  }
  return count;
}

static void tensorflow_files_hold_the_same(void **state) {
  (void)state;
  for (size_t i = 0; i < sizeof tensorflow_files / sizeof tensorflow_files[0]; i++) {
    const row *file = &tensorflow_files[i];
    mn_arch arch;
    mn_graph graph;
    mn_error err;
    if (mn_arch_parse(&arch, file->arch, file->classes, &err)) fail_msg("%s", err.text);
    build(&graph, &arch);
    mn_cost cost = total(&graph);
    uint64_t folded = cost.params - gammas(&graph);
    if (folded != file->params || cost.macs != file->macs) {
      fail_msg("%s: %llu weights and biases and %llu MACs, expected %llu and %llu", file->arch,
               (unsigned long long)folded, (unsigned long long)cost.macs,
               (unsigned long long)file->params, (unsigned long long)file->macs);
    }
    mn_graph_free(&graph);
  }
}

/* Every family at widths and sizes that no table has. */
static void any_width_and_size(void **state) {
  (void)state;
  const double widths[] = {0.05, 0.1, 0.37, 0.8, 1.15, 2.0};
  const int32_t sizes[][2] = {{32, 32}, {33, 47}, {97, 61}, {224, 32}, {160, 321}};
  const char *const flavours[] = {"tf", "torchvision", "timm", "mcunet"};
  for (int f = 0; f < MN_FAMILY_COUNT; f++) {
    for (int w = 0; w < 6; w++) {
      for (int s = 0; s < 5; s++) {
        mn_arch arch = {.family = (mn_family)f,
                        .width = widths[w],
                        .height = sizes[s][0],
                        .width_px = sizes[s][1],
                        .classes = 7,
                        .output_stride = 8 << (s % 3)};
        assert_true(mn_flavour_find(&arch.flavour, flavours[(w + s) % 4], arch.family));
        mn_graph graph;
        build(&graph, &arch);
        mn_graph_free(&graph);
        arch.head = (mn_head)(1 + (f + w + s) % 5);
        build(&graph, &arch);
        mn_graph_free(&graph);
      }
    }
  }
}

/* The map before the pool is the picture over the output stride. */
static void output_stride_keeps_the_map(void **state) {
  (void)state;
  for (int32_t stride = 8; stride <= 32; stride *= 2) {
    mn_arch arch;
    mn_graph graph;
    mn_error err;
    assert_int_equal(mn_arch_parse(&arch, "v2-1.0-224", 10, &err), MN_OK);
    arch.output_stride = stride;
    build(&graph, &arch);
    const mn_value *head = &graph.values[mn_graph_find_value(&graph, "head")];
    assert_int_equal(head->shape.dim[1], 224 / stride);
    mn_graph_free(&graph);
  }
}

static void names_are_read_exactly(void **state) {
  (void)state;
  mn_arch arch;
  mn_error err;
  assert_int_equal(mn_arch_parse(&arch, "v3-large-min-0.75-192x160@timm", 5, &err), MN_OK);
  assert_int_equal(arch.family, MN_FAMILY_V3_LARGE_MIN);
  assert_int_equal(arch.height, 192);
  assert_int_equal(arch.width_px, 160);
  assert_string_equal(arch.flavour.name, "timm");
  const char *const wrong[] = {"v5-1.0-224",
                               "v1",
                               "v1-",
                               "v1-1.0",
                               "v1-x-224",
                               "v1-9-224",
                               "v1-nan-224",
                               "v1-1.0-8",
                               "v1-1.0-224x",
                               "v1-1.0-224@",
                               "v1-1.0-224y",
                               "v1-1.0-224@keras",
                               "v1-1.0-999999",
                               "v1-1.0--224",
                               "",
                               "v3-1.0-224",
                               "v4-small-1.0-32@cifar",
                               "v2-1.0-32+ssdlite@cifar"};
  for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++) {
    if (mn_arch_parse(&arch, wrong[i], 5, &err) != MN_ERR_ARGUMENT) fail_msg("%s", wrong[i]);
  }
  assert_int_equal(mn_arch_parse(&arch, "v1-1.0-224", -1, &err), MN_ERR_ARGUMENT);
}

static void heads_and_strides_are_read(void **state) {
  (void)state;
  mn_arch arch;
  mn_error err;
  assert_int_equal(mn_arch_parse(&arch, "v2-1.0-513x257+deeplab-aspp-os8@tf", 0, &err), MN_OK);
  assert_int_equal(arch.head, MN_HEAD_DEEPLAB_ASPP);
  assert_int_equal(arch.output_stride, 8);
  assert_int_equal(arch.classes, 21);
  assert_int_equal(arch.width_px, 257);
  assert_int_equal(mn_arch_parse(&arch, "v3-large-1.0-320+ssdlite@torchvision", 0, &err), MN_OK);
  assert_int_equal(arch.head, MN_HEAD_SSDLITE);
  assert_int_equal(arch.output_stride, 32);
  assert_int_equal(arch.classes, 91);
  assert_int_equal(mn_arch_parse(&arch, "v3-small-1.0-224+lraspp", 3, &err), MN_OK);
  assert_int_equal(arch.output_stride, 16);
  assert_int_equal(arch.classes, 3);
  assert_int_equal(mn_arch_parse(&arch, "v1-1.0-224-os16", 0, &err), MN_OK);
  assert_int_equal(arch.output_stride, 16);
  assert_int_equal(arch.classes, 1000);
  const char *const wrong[] = {"v1-1.0-224+",    "v1-1.0-224+yolo", "v1-1.0-224+ssdlit",
                               "v1-1.0-224-os4", "v1-1.0-224-os",   "v1-1.0-224-os16+ssd",
                               "v1-1.0+ssd"};
  for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++) {
    if (mn_arch_parse(&arch, wrong[i], 0, &err) != MN_ERR_ARGUMENT) fail_msg("%s", wrong[i]);
  }
}

static void random_weights_repeat(void **state) {
  (void)state;
  mn_arch arch;
  mn_graph a, b, c;
  mn_error err;
  assert_int_equal(mn_arch_parse(&arch, "v1-0.25-32", 5, &err), MN_OK);
  assert_int_equal(mn_zoo_build(&a, &arch, MN_ZOO_RANDOM, 1, &err), MN_OK);
  assert_int_equal(mn_zoo_build(&b, &arch, MN_ZOO_RANDOM, 1, &err), MN_OK);
  assert_int_equal(mn_zoo_build(&c, &arch, MN_ZOO_RANDOM, 2, &err), MN_OK);
  mn_id w = mn_graph_find_value(&a, "stem.weight");
  assert_memory_equal(a.values[w].data, b.values[w].data, a.values[w].bytes);
  assert_memory_not_equal(a.values[w].data, c.values[w].data, a.values[w].bytes);
  mn_graph_free(&a);
  mn_graph_free(&b);
  mn_graph_free(&c);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(published_counts_to_the_unit),
      cmocka_unit_test(tensorflow_files_hold_the_same),
      cmocka_unit_test(any_width_and_size),
      cmocka_unit_test(heads_and_strides_are_read),
      cmocka_unit_test(output_stride_keeps_the_map),
      cmocka_unit_test(names_are_read_exactly),
      cmocka_unit_test(random_weights_repeat),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
