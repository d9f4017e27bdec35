/* SPDX-License-Identifier: Apache-2.0
 * Every allocation of a piece of work refused in turn: the work ends with MN_ERR_MEMORY, nothing
 * leaks (blocks are counted here, and the address sanitizer's build counts again), nothing crashes,
 * and the same work succeeds right after. */
#define _POSIX_C_SOURCE 200809L
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
/* after those three */
#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>

#include "../temp_folder.h"
#include "../tiny_model.h"
#include "base/alloc.h"
#include "heap.h"
#include "mobilenet/convert.h"
#include "mobilenet/eval.h"
#include "mobilenet/image.h"
#include "mobilenet/io.h"

typedef mn_status work_fn(void *context, mn_error *err);

static void refuse_each(work_fn *work, void *context) {
  long live = heap_live(), refused = 0;
  for (;; refused++) {
    mn_error err = {MN_OK, "", ""};
    heap_fail_after(refused);
    mn_status status = work(context, &err);
    int failed = heap_failed();
    heap_fail_after(-1);
    if (status != (failed ? MN_ERR_MEMORY : MN_OK)) {
      fail_msg("allocation %ld refused: status %d, \"%s\"", refused + 1, (int)status, err.text);
    }
    if (failed && !err.text[0]) fail_msg("allocation %ld refused: no sentence", refused + 1);
    if (heap_live() != live) {
      fail_msg("allocation %ld refused: %ld blocks leaked", refused + 1, heap_live() - live);
    }
    if (!failed) break;
  }
  assert_true(refused > 0);
  print_message("%ld allocations, each refused once\n", refused);
}

typedef struct bytes_of {
  uint8_t *bytes;
  size_t size;
} bytes_of;

static mn_status open_and_run(void *context, mn_error *err) {
  const bytes_of *file = context;
  mn_model *model = NULL;
  mn_plan *plan = NULL;
  mn_session *session = NULL;
  mn_status status = mn_model_open_memory(&model, file->bytes, file->size, NULL, err);
  if (status) assert_null(model);
  mn_plan_options options = {.struct_size = sizeof options, .goal = MN_PLAN_MEMORY};
  if (!status && (status = mn_plan_new(&plan, model, &options, err))) assert_null(plan);
  if (!status && (status = mn_session_new(&session, plan, NULL, err))) assert_null(session);
  if (!status) {
    mn_tensor_info info;
    assert_int_equal(mn_plan_input_info(plan, 0, &info), MN_OK);
    memset(mn_session_input(session, 0), 0, info.bytes);
    status = mn_session_run(session, err);
  }
  mn_session_free(session);
  mn_plan_free(plan);
  mn_model_free(model);
  return status;
}

static void open_native(mn_type type) {
  bytes_of file;
  tiny_file(type, &file.bytes, &file.size);
  refuse_each(open_and_run, &file);
  mn_free(file.bytes);
}

static void test_native_f32(void **state) {
  (void)state;
  open_native(MN_F32);
}

static void test_native_i8(void **state) {
  (void)state;
  open_native(MN_I8);
}

static void test_tflite(void **state) {
  (void)state;
  mn_graph graph;
  bytes_of file;
  mn_error err;
  tiny_model(&graph, MN_I8);
  assert_int_equal(mn_tflite_save(&graph, &file.bytes, &file.size, &err), MN_OK);
  mn_graph_free(&graph);
  refuse_each(open_and_run, &file);
  mn_free(file.bytes);
}

typedef struct save_job {
  const mn_model *model;
  mn_format format;
} save_job;

static mn_status save(void *context, mn_error *err) {
  const save_job *job = context;
  mn_status status = mn_model_save(job->model, "test_alloc_fail.model", job->format, err);
  bool written = access("test_alloc_fail.model", F_OK) == 0;
  assert_int_equal(written, status == MN_OK);
  if (written) unlink("test_alloc_fail.model");
  return status;
}

static mn_status open_weights(void *context, mn_error *err) {
  mn_model *model;
  mn_status status = mn_model_open_weights(&model, context, NULL, err);
  if (status) assert_null(model);
  mn_model_free(model);
  return status;
}

static void test_weights(void **state) {
  (void)state;
  char pth[] = MN_TEST_DIR "/golden/weights/tv_v3_small.pth";
  char safetensors[] = MN_TEST_DIR "/golden/weights/tv_v2.safetensors";
  refuse_each(open_weights, pth);
  refuse_each(open_weights, safetensors);
}

static void test_save(void **state) {
  (void)state;
  bytes_of file;
  mn_error err;
  mn_model *model;
  tiny_file(MN_I8, &file.bytes, &file.size);
  assert_int_equal(mn_model_open_memory(&model, file.bytes, file.size, NULL, &err), MN_OK);
  unlink("test_alloc_fail.model");
  refuse_each(save, &(save_job){model, MN_FORMAT_SAFETENSORS});
  refuse_each(save, &(save_job){model, MN_FORMAT_TFLITE});
  mn_model_free(model);
  mn_free(file.bytes);
}

static mn_status decode(void *context, mn_error *err) {
  const bytes_of *file = context;
  mn_picture *picture = NULL;
  mn_status status = mn_picture_decode(&picture, file->bytes, file->size, "picture", NULL, err);
  if (status) assert_null(picture);
  mn_picture_free(picture);
  return status;
}

static void test_decode(void **state) {
  (void)state;
  static uint8_t ppm[] = "P6 2 2 255\n............";
  static uint8_t png[] = {/* 1 x 1, red */
                          0x89, 'P',  'N',  'G',  '\r', '\n', 0x1a, '\n', 0,    0,    0,    13,
                          'I',  'H',  'D',  'R',  0,    0,    0,    1,    0,    0,    0,    1,
                          8,    2,    0,    0,    0,    0x90, 0x77, 0x53, 0xde, 0,    0,    0,
                          12,   'I',  'D',  'A',  'T',  0x08, 0xd7, 0x63, 0xf8, 0xcf, 0xc0, 0,
                          0,    0x03, 0x01, 0x01, 0,    0x18, 0xdd, 0x8d, 0xb0, 0,    0,    0,
                          0,    'I',  'E',  'N',  'D',  0xae, 0x42, 0x60, 0x82};
  refuse_each(decode, &(bytes_of){ppm, sizeof ppm - 1});
  refuse_each(decode, &(bytes_of){png, sizeof png});
}

static mn_status resize(void *context, mn_error *err) {
  static uint8_t in[8 * 8 * 3], out[5 * 5 * 3];
  return mn_image_resize(&(mn_image){in, 8, 8, 24}, *(mn_resize *)context, out, 5, 5, err);
}

static void test_resize(void **state) {
  (void)state;
  for (int method = MN_RESIZE_PILLOW_BILINEAR; method <= MN_RESIZE_OPENCV_LINEAR; method++) {
    mn_resize which = (mn_resize)method;
    refuse_each(resize, &which);
  }
}

/* ---- Labelled sets and scores --------------------------------------------------------------- */

static mn_status open_set(void *context, mn_error *err) {
  const mn_dataset_options options = {.struct_size = sizeof options, .task = MN_TASK_DETECT};
  mn_dataset *set = NULL;
  mn_status status = mn_dataset_open(&set, temp_path(context), &options, err);
  if (status) assert_null(set);
  if (!status) assert_int_equal(mn_dataset_count(set), 2);
  mn_dataset_free(set);
  return status;
}

static void test_sets(void **state) {
  assert_int_equal(temp_make(state), 0);
  temp_put("yolo/val/images/a.jpg", "");
  temp_put("yolo/val/images/b.jpg", "");
  temp_put("yolo/val/labels/a.txt", "0 .5 .5 .1 .1\n0 .5 .5 0 .1\n");
  temp_put("yolo/data.yaml", "names:\n- cat\n");
  temp_put("coco/images/a.jpg", "");
  temp_put("coco/instances.json",
           "{\"categories\":[{\"id\":1,\"name\":\"cat\"}],\"images\":[{\"id\":1,\"file_name\":"
           "\"a.jpg\"},{\"id\":2,\"file_name\":\"b.jpg\"}],\"annotations\":[{\"image_id\":1,"
           "\"category_id\":1,\"bbox\":[0,0,1,1]}]}");
  temp_put("voc/JPEGImages/a.jpg", "");
  temp_put("voc/Annotations/a.xml",
           "<annotation><filename>a.jpg</filename><object><name>cat</name>"
           "<bndbox><xmin>1</xmin><ymin>1</ymin><xmax>2</xmax><ymax>2</ymax>"
           "</bndbox></object></annotation>");
  temp_put("voc/Annotations/b.xml", "<annotation><filename>b.jpg</filename></annotation>");
  temp_put("voc/ImageSets/Main/test.txt", "a\nb\n");
  refuse_each(open_set, "yolo");
  refuse_each(open_set, "coco");
  refuse_each(open_set, "voc");
  assert_int_equal(temp_drop(state), 0);
}

static mn_status score_boxes(void *context, mn_error *err) {
  static const mn_box boxes[] = {{.box = {0, 0, 8, 8}, .area = 64}};
  static const mn_detection found[] = {{.score = 0.5f, .box = {0, 0, 8, 7}}};
  const mn_map_picture picture = {boxes, found, 1, 1};
  const mn_map_query query = {&picture, 1, 1};
  mn_map_scores scores;
  (void)context;
  return mn_map_score(&query, &scores, NULL, err);
}

static mn_status count_masks(void *context, mn_error *err) {
  mn_confusion *confusion;
  (void)context;
  mn_status status = mn_confusion_new(&confusion, 3, err);
  mn_confusion_free(confusion);
  return status;
}

static void test_scores(void **state) {
  (void)state;
  refuse_each(score_boxes, NULL);
  refuse_each(count_masks, NULL);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(test_native_f32), cmocka_unit_test(test_native_i8),
      cmocka_unit_test(test_tflite),     cmocka_unit_test(test_save),
      cmocka_unit_test(test_weights),    cmocka_unit_test(test_decode),
      cmocka_unit_test(test_resize),     cmocka_unit_test(test_sets),
      cmocka_unit_test(test_scores),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
