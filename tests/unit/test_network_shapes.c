/* SPDX-License-Identifier: Apache-2.0
 * Networks at sizes that no stride divides: the shape of every convolution is the one that
 * torchvision, timm and Keras give (tests/oracle/network_shapes.py), and outputs of all heads are
 * as large as their contract says. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "post/anchors.h"
#include "zoo/zoo.h"

enum { MOST = 512, LINE = 2048 };

typedef struct map_shape {
  int32_t h, w, c;
} map_shape;

/* Largest first, as the golden lines are. */
static int compare(const void *a, const void *b) {
  const map_shape *x = a, *y = b;
  if (x->h != y->h) return x->h < y->h ? 1 : -1;
  if (x->w != y->w) return x->w < y->w ? 1 : -1;
  return x->c < y->c ? 1 : x->c > y->c ? -1 : 0;
}

static void build(mn_graph *graph, const char *name) {
  mn_arch arch;
  mn_error err;
  if (mn_arch_parse(&arch, name, 0, &err)) fail_msg("%s", err.text);
  if (mn_zoo_build(graph, &arch, MN_ZOO_ZEROS, 0, &err)) fail_msg("%s", err.text);
}

/* The convolutions before a classifier's pool. */
static int collect(const mn_graph *graph, map_shape *shapes) {
  int count = 0;
  for (mn_id n = 0; n < graph->node_count; n++) {
    const mn_node *node = &graph->nodes[n];
    bool conv = node->op == MN_OP_CONV2D || node->op == MN_OP_DWCONV2D;
    if (!conv || strcmp(node->name, "features") == 0) continue;
    const int32_t *dim = graph->values[node->out[0]].shape.dim;
    assert_true(count < MOST);
    shapes[count++] = (map_shape){dim[1], dim[2], dim[3]};
  }
  qsort(shapes, (size_t)count, sizeof *shapes, compare);
  return count;
}

/* " HxWxC*TIMES ..." */
static void describe(const map_shape *shapes, int count, char *text) {
  size_t used = 0;
  for (int i = 0, end; i < count; i = end) {
    for (end = i + 1; end < count && compare(&shapes[i], &shapes[end]) == 0;) end++;
    used += (size_t)snprintf(text + used, LINE - used, " %dx%dx%d*%d", shapes[i].h, shapes[i].w,
                             shapes[i].c, end - i);
    assert_true(used < LINE);
  }
}

static void every_convolution_at_odd_sizes(void **state) {
  (void)state;
  static map_shape shapes[MOST];
  char line[LINE], got[LINE], name[96];
  int networks = 0;
  FILE *file = fopen(MN_TEST_DIR "/golden/network_shapes.txt", "r");
  assert_non_null(file);
  while (fgets(line, sizeof line, file)) {
    int length;
    if (line[0] == '#' || sscanf(line, "%95s%n", name, &length) != 1) continue;
    mn_graph graph;
    build(&graph, name);
    describe(shapes, collect(&graph, shapes), got);
    line[strcspn(line, "\n")] = '\0';
    if (strcmp(got, line + length) != 0) {
      fail_msg("%s has\n%s, expected\n%s", name, got, line + length);
    }
    mn_graph_free(&graph);
    networks++;
  }
  assert_int_equal(fclose(file), 0);
  assert_int_equal(networks, 57);
}

static const mn_shape *output(const mn_graph *graph, int32_t index) {
  return &graph->values[graph->outputs[index]].shape;
}

static int32_t half(int32_t size) { return (size + 1) / 2; }

/* As many rows as the anchors of maps that halve, rounding up, from stride 16 on. */
static int32_t anchor_rows(int32_t h, int32_t w, bool tensorflow) {
  mn_anchor_maps maps = {6, {{0, 0}}, h, w, .2, .95};
  for (int i = 0; i < 4; i++) {
    h = half(h);
    w = half(w);
  }
  for (int i = 0; i < maps.count; i++) {
    maps.size[i][0] = h;
    maps.size[i][1] = w;
    h = half(h);
    w = half(w);
  }
  return tensorflow ? mn_anchors_tf_count(&maps) : mn_anchors_torch_count(&maps);
}

static void outputs_of_every_head(void **state) {
  (void)state;
  const int32_t sizes[][2] = {{33, 47}, {97, 161}, {224, 225}};
  const char *const flavours[] = {"tf", "torchvision"};
  for (int f = 0; f < MN_FAMILY_COUNT; f++) {
    for (int s = 0; s < 3; s++) {
      for (int head = 1; mn_head_name((mn_head)head); head++) {
        for (int v = 0; v < 2; v++) {
          int32_t h = sizes[s][0], w = sizes[s][1];
          char name[96];
          snprintf(name, sizeof name, "%s-0.5-%dx%d+%s@%s", mn_family_name((mn_family)f), h, w,
                   mn_head_name((mn_head)head), flavours[v]);
          mn_graph graph;
          build(&graph, name);
          if (mn_head_detects((mn_head)head)) {
            int32_t rows = anchor_rows(h, w, v == 0);
            assert_true(mn_shape_equal(output(&graph, 0), &(mn_shape){3, {1, rows, 4}}));
            assert_true(mn_shape_equal(output(&graph, 1), &(mn_shape){3, {1, rows, 91}}));
          } else {
            assert_true(mn_shape_equal(output(&graph, 0), &(mn_shape){4, {1, h, w, 21}}));
          }
          mn_graph_free(&graph);
        }
      }
    }
  }
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(every_convolution_at_odd_sizes),
      cmocka_unit_test(outputs_of_every_head),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
