/* SPDX-License-Identifier: Apache-2.0
 * A detector and a segmenter from a folder of pictures of one bright square each: they learn where
 * it is; the same bits come of any number of threads and of a run that was stopped; the saved model
 * finds the square; and a head of another task stands on a classifier. */
#define _POSIX_C_SOURCE 200809L
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
/* after those three */
#include <cmocka.h>
#include <math.h>
#include <string.h>

#include "api/training.h"
#include "mobilenet/eval.h"
#include "mobilenet/io.h"
#include "mobilenet/zoo.h"
#include "training_run.h"

enum { SIDE = 64, PICTURES = 96 };

/* Sanitizers are slow: they see the same code, but not whether it has learned. */
#ifdef MN_TEST_SANITIZED
enum { LEARNS = 0, DETECTOR_EPOCHS = 2, SEGMENTER_EPOCHS = 1 };
#else
enum { LEARNS = 1, DETECTOR_EPOCHS = 40, SEGMENTER_EPOCHS = 6 };
#endif

typedef struct square {
  int x, y, side;
} square;

static square square_of(int i) {
  const int side = 28 + 4 * (i % 3);
  return (square){i * 7919 / 7 % (SIDE - side), i * 104729 / 13 % (SIDE - side), side};
}

static int inside(const square *s, int x, int y) {
  return x >= s->x && x < s->x + s->side && y >= s->y && y < s->y + s->side;
}

static void write_picture(const char *path, const square *s, unsigned seed) {
  FILE *file = fopen(path, "wb");
  assert_non_null(file);
  fprintf(file, "P6\n%d %d\n255\n", SIDE, SIDE);
  for (int i = 0; i < SIDE * SIDE; i++) {
    const int noise = (int)(((unsigned)i * 40503u + seed * 2654435761u) >> 9 & 31);
    const int level = inside(s, i % SIDE, i / SIDE) ? 200 : 40;
    for (int c = 0; c < 3; c++) fputc(level + noise, file);
  }
  fclose(file);
}

static unsigned crc_of(const unsigned char *bytes, size_t size) {
  unsigned crc = ~0u;
  for (size_t i = 0; i < size; i++) {
    crc ^= bytes[i];
    for (int k = 0; k < 8; k++) crc = crc & 1 ? crc >> 1 ^ 0xedb88320u : crc >> 1;
  }
  return ~crc;
}

static void put32(unsigned char *at, unsigned v) {
  for (int i = 0; i < 4; i++) at[i] = (unsigned char)(v >> (24 - 8 * i));
}

static void write_chunk(FILE *file, const char *name, const unsigned char *data, size_t size) {
  unsigned char *chunk = malloc(size + 12);
  assert_non_null(chunk);
  put32(chunk, (unsigned)size);
  memcpy(chunk + 4, name, 4);
  if (size) memcpy(chunk + 8, data, size);
  put32(chunk + 8 + size, crc_of(chunk + 4, size + 4));
  fwrite(chunk, 1, size + 12, file);
  free(chunk);
}

/* Gray, 8 bits, stored without compression: 0 and 1, and `rim` around the square. */
static void write_mask(const char *path, const square *s, int rim) {
  enum { ROW = SIDE + 1, RAW = ROW * SIDE, DATA = RAW + 11 };
  const square outer = {s->x - 1, s->y - 1, s->side + 2};
  unsigned char head[13] = {0}, data[DATA] = {0x78, 1, 1, RAW & 255, RAW >> 8};
  unsigned a = 1, b = 0;
  data[5] = (unsigned char)~data[3];
  data[6] = (unsigned char)~data[4];
  for (int i = 0; i < RAW; i++) {
    const int x = i % ROW - 1, y = i / ROW; /* each row begins with its filter, 0 */
    if (x >= 0 && inside(&outer, x, y)) data[7 + i] = (unsigned char)rim;
    if (x >= 0 && inside(s, x, y)) data[7 + i] = 1;
    a = (a + data[7 + i]) % 65521;
    b = (b + a) % 65521;
  }
  put32(data + 7 + RAW, b << 16 | a);
  put32(head, SIDE);
  put32(head + 4, SIDE);
  head[8] = 8;
  FILE *file = fopen(path, "wb");
  assert_non_null(file);
  fwrite("\x89PNG\r\n\x1a\n", 1, 8, file);
  write_chunk(file, "IHDR", head, sizeof head);
  write_chunk(file, "IDAT", data, sizeof data);
  write_chunk(file, "IEND", NULL, 0);
  fclose(file);
}

static const char *part_of(int picture) { return picture % 4 ? "train" : "val"; }

static void write_set(void) {
  char name[64], text[96];
  temp_put("set/data.yaml", "names: [square]\n");
  for (int i = 0; i < PICTURES; i++) {
    const square s = square_of(i);
    snprintf(name, sizeof name, "set/images/%s/%02d.ppm", part_of(i), i);
    temp_put(name, "");
    write_picture(temp_path(name), &s, (unsigned)i);
    snprintf(name, sizeof name, "set/masks/%s/%02d.png", part_of(i), i);
    temp_put(name, "");
    write_mask(temp_path(name), &s, 2);
    snprintf(name, sizeof name, "set/labels/%s/%02d.txt", part_of(i), i);
    snprintf(text, sizeof text, "0 %g %g %g %g\n", (s.x + s.side / 2.0) / SIDE,
             (s.y + s.side / 2.0) / SIDE, (double)s.side / SIDE, (double)s.side / SIDE);
    temp_put(name, text);
  }
}

/* ---- Training -------------------------------------------------------------------------------- */

static void begin_as(run *r, const char *arch, const char *head, int threads, int int8) {
  mn_error err;
  static const char *const settings[] = {"epochs=40",         "batch=8",        "rate=0.01",
                                         "optimizer=adamw",   "average=0",      "warmup_epochs=1",
                                         "norm_momentum=0.2", "crop=none",      "flip=0.5",
                                         "qat_start=0.05",    "norm_freeze=0.5"};
  const int masks = strstr(head ? head : arch, "lraspp") != NULL;
  check(mn_model_from_zoo(&r->start, arch, NULL, &err), &err);
  check(mn_threads_new(&r->threads, threads, &err), &err);
  const mn_train_options options = {.struct_size = sizeof options,
                                    .settings = settings,
                                    .setting_count = sizeof settings / sizeof settings[0],
                                    .held_back = 0.25,
                                    .seed = 3,
                                    .head = head,
                                    .labels = masks ? "nothing\nsquare\n" : NULL,
                                    .ignore = masks ? 2 : 0,
                                    .int8 = int8,
                                    .threads = r->threads};
  check(mn_training_new(&r->training, r->start, temp_path("set"), &options, &err), &err);
}

static void begin(run *r, const char *arch, const char *head, int threads) {
  begin_as(r, arch, head, threads, 0);
}

/* Three epochs with one thread and two; one, then the others from a checkpoint. In int8 the last of
 * them is rounded. */
static void expect_same_bits(const char *arch, const char *head, int int8) {
  run one, two, stopped;
  mn_error err;
  int32_t done;
  begin_as(&one, arch, head, 1, int8);
  begin_as(&two, arch, head, 2, int8);
  const mn_trained_epoch a = epochs(&one, 3), b = epochs(&two, 3);
  assert_true(a.loss == b.loss && a.eval_map == b.eval_map && a.eval_miou == b.eval_miou);
  begin_as(&stopped, arch, head, 2, int8);
  epochs(&stopped, 1);
  check(mn_training_save(stopped.training, temp_path("run.safetensors"), &err), &err);
  end(&stopped);
  begin_as(&stopped, arch, head, 1, int8);
  check(mn_training_resume(stopped.training, temp_path("run.safetensors"), &done, &err), &err);
  assert_int_equal(done, 1);
  epochs(&stopped, 2);
  expect_same_files(&one, &two, &stopped);
}

static void test_same_bits(void **state) {
  (void)state;
  expect_same_bits("v1-0.1-64+ssdlite", NULL, 0);
  expect_same_bits("v2-0.1-64+lraspp", NULL, 0);
  expect_same_bits("v1-0.1-64", "lraspp", 0);
}

static void test_same_bits_int8(void **state) {
  (void)state;
  expect_same_bits("v1-0.1-64+ssdlite", NULL, 1);
  expect_same_bits("v2-0.1-64", "lraspp", 1);
  expect_same_bits("v1-0.1-64+deeplab", NULL, 1);
}

/* ---- Where it begins ------------------------------------------------------------------------- */

/* Of a layer's weights before the first step. */
static double first_deviation(const char *arch, const char *head, const char *layer) {
  run r;
  mn_error err;
  mn_graph graph;
  double squares = 0;
  size_t count = 0;
  begin(&r, arch, head, 1);
  check(mn_training_snapshot(r.training, &graph, &err), &err);
  for (int32_t n = 0; n < graph.node_count; n++) {
    if (strcmp(graph.nodes[n].name, layer) != 0) continue;
    const mn_value *weights = &graph.values[graph.nodes[n].in[1]];
    count = weights->bytes / sizeof(float);
    for (size_t i = 0; i < count; i++) {
      squares += pow((double)((const float *)weights->data)[i], 2);
    }
  }
  mn_graph_free(&graph);
  end(&r);
  assert_true(count >= 256); /* it is then known to 18 %, four times its deviation */
  return sqrt(squares / (double)count);
}

/* The scores of masks begin by their layer's inputs where all begins anew; those on a classifier
 * that may have learned, and those of boxes, with next to nothing. */
static void test_first_weights(void **state) {
  (void)state;
  static const struct {
    const char *arch, *head, *layer;
    double deviation;
  } cases[] = {
      {"v2-0.1-64+lraspp", NULL, "lraspp.high", 0.05103},    /* 128 inputs */
      {"v2-0.1-64+deeplab", NULL, "aspp.classify", 0.03608}, /* 256 */
      {"v2-0.1-64", "lraspp", "lraspp.high", 0.01},
      {"v1-0.1-64+ssdlite", NULL, "map3.class", 0.01},
  };
  for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
    const double expected = cases[i].deviation;
    const double found = first_deviation(cases[i].arch, cases[i].head, cases[i].layer);
    if (fabs(found - expected) < 0.18 * expected) continue;
    fail_msg("%s of %s: %g, not %g", cases[i].layer, cases[i].arch, found, expected);
  }
}

/* ---- What comes of it ------------------------------------------------------------------------ */

typedef struct use {
  mn_model *model;
  mn_plan *plan;
  mn_session *session;
} use;

static void open_use(use *u, const char *model_file) {
  mn_error err;
  check(mn_model_open(&u->model, temp_path(model_file), NULL, &err), &err);
  check(mn_plan_new(&u->plan, u->model, NULL, &err), &err);
  check(mn_session_new(&u->session, u->plan, NULL, &err), &err);
}

static void close_use(use *u) {
  mn_session_free(u->session);
  mn_plan_free(u->plan);
  mn_model_free(u->model);
}

static void show(use *u, int picture) {
  mn_error err;
  mn_picture *read;
  char name[64];
  snprintf(name, sizeof name, "set/images/%s/%02d.ppm", part_of(picture), picture);
  check(mn_picture_read(&read, temp_path(name), NULL, &err), &err);
  check(mn_session_set_image(u->session, 0, mn_picture_image(read), &err), &err);
  check(mn_session_run(u->session, &err), &err);
  mn_picture_free(read);
}

/* Intersection over union. */
static double overlap(const square *s, const float *box /* x0 y0 x1 y1 */) {
  const double y0 = fmax(s->y, (double)box[1]), y1 = fmin(s->y + s->side, (double)box[3]);
  const double x0 = fmax(s->x, (double)box[0]), x1 = fmin(s->x + s->side, (double)box[2]);
  const double both = y1 > y0 && x1 > x0 ? (y1 - y0) * (x1 - x0) : 0;
  const double found = ((double)box[2] - (double)box[0]) * ((double)box[3] - (double)box[1]);
  return both / (found + s->side * s->side - both);
}

/* ---- The scores are those of whoever uses the model ------------------------------------------ */

/* The saved model on the split val, picture by picture through the public functions, as mobilenet
 * eval does it. */
static double score(use *u, mn_task task) {
  mn_error err;
  mn_dataset *set;
  mn_confusion *confusion;
  mn_map_picture pictures[PICTURES];
  static mn_detection found[PICTURES][100];
  static mn_box boxes[PICTURES];
  const mn_dataset_options options = {
      .struct_size = sizeof options, .split = "val", .model = u->model};
  check(mn_dataset_open(&set, temp_path("set"), &options, &err), &err);
  assert_int_equal(mn_dataset_task(set), task);
  assert_int_equal(mn_dataset_count(set), PICTURES / 4);
  check(mn_confusion_new(&confusion, 2, &err), &err);
  for (int64_t i = 0; i < mn_dataset_count(set); i++) {
    mn_picture *picture;
    check(mn_dataset_read_picture(set, i, NULL, &picture, &err), &err);
    check(mn_session_set_image(u->session, 0, mn_picture_image(picture), &err), &err);
    mn_picture_free(picture);
    check(mn_session_run(u->session, &err), &err);
    if (task == MN_TASK_DETECT) {
      int count = 100;
      check(mn_session_detections(u->session, 0, found[i], &count, &err), &err);
      mn_dataset_boxes(set, i, SIDE, SIDE, &boxes[i]);
      pictures[i] = (mn_map_picture){&boxes[i], found[i], 1, count};
    } else {
      mn_mask_file *file;
      int32_t width, height;
      uint8_t answer[SIDE * SIDE], truth[SIDE * SIDE];
      const mn_mask mask = {answer, SIDE, SIDE, SIDE};
      check(mn_session_mask(u->session, 0, &mask, &err), &err);
      check(mn_dataset_read_mask(set, i, &file, &err), &err);
      memcpy(truth, mn_mask_file_classes(file, &width, &height), sizeof truth);
      for (int p = 0; p < SIDE * SIDE; p++) truth[p] = truth[p] == 2 ? 255 : truth[p];
      check(mn_confusion_add(confusion, truth, answer, sizeof truth, &err), &err);
      mn_mask_file_free(file);
    }
  }
  mn_map_scores map = {0};
  mn_miou_scores miou;
  const mn_map_query query = {pictures, mn_dataset_count(set), 1};
  if (task == MN_TASK_DETECT) check(mn_map_score(&query, &map, NULL, &err), &err);
  mn_confusion_score(confusion, &miou, NULL);
  mn_confusion_free(confusion);
  mn_dataset_free(set);
  return task == MN_TASK_DETECT ? map.map : miou.miou;
}

static void test_detector(void **state) {
  (void)state;
  enum { SHOWN = 32 };
  run r;
  use u;
  mn_error err;
  mn_detection found[100];
  int right = 0;
  size_t size;
  begin(&r, "v1-0.25-64+ssdlite", NULL, 2);
  assert_int_equal(mn_training_task(r.training), MN_TASK_DETECT);
  const mn_trained_epoch last = epochs(&r, DETECTOR_EPOCHS);
  printf("loss %.3f, mAP %.3f, mAP50 %.3f\n", last.loss, last.eval_map, last.eval_map50);
  assert_true(!LEARNS || last.eval_map50 > 0.6); /* the same seeds: 0.91 to 1.00 */
  assert_true(last.eval_miou < 0 && last.eval_top1 < 0 && last.top1 < 0);
  free(file_of(&r, "detector.safetensors", &size));
  open_use(&u, "detector.safetensors");
  assert_true(score(&u, MN_TASK_DETECT) == last.eval_map);
  for (int i = 0; i < SHOWN; i++) {
    const square s = square_of(i);
    int count = 100;
    show(&u, i);
    check(mn_session_detections(u.session, 0, found, &count, &err), &err);
    assert_true(!LEARNS || count > 0);
    if (count == 0) continue;
    assert_string_equal(found[0].label, "square");
    right += overlap(&s, found[0].box) > 0.5;
  }
  /* Where so short a run ends moves when a rounding changes: seeds 1 to 6 find 26 to 31 of the 32.
   * The best box that is the same for all finds 13. */
  assert_true(!LEARNS || right > SHOWN * 7 / 10);
  close_use(&u);
  end(&r);
}

static void test_segmenter(void **state) {
  (void)state;
  run r;
  use u;
  mn_error err;
  size_t size, right = 0;
  uint8_t classes[SIDE * SIDE];
  begin(&r, "v2-0.25-64+lraspp", NULL, 2);
  assert_int_equal(mn_training_task(r.training), MN_TASK_SEGMENT);
  const mn_trained_epoch last = epochs(&r, SEGMENTER_EPOCHS);
  printf("loss %.3f, mIoU %.3f, pixels trained on %.3f\n", last.loss, last.eval_miou, last.top1);
  assert_true(!LEARNS || last.eval_miou > 0.7); /* seeds 1 to 6: 0.92 to 0.95 */
  assert_true(last.eval_map < 0 && last.eval_top1 < 0);
  free(file_of(&r, "segmenter.safetensors", &size));
  open_use(&u, "segmenter.safetensors");
  assert_true(score(&u, MN_TASK_SEGMENT) == last.eval_miou);
  show(&u, 5);
  const mn_mask mask = {classes, SIDE, SIDE, SIDE};
  check(mn_session_mask(u.session, 0, &mask, &err), &err);
  const square s = square_of(5);
  for (int i = 0; i < SIDE * SIDE; i++) right += classes[i] == inside(&s, i % SIDE, i / SIDE);
  assert_true(!LEARNS || right > SIDE * SIDE * 8 / 10);
  assert_string_equal(mn_model_label(u.model, 1), "square");
  assert_int_equal(mn_model_ignored_class(u.model), 2);
  close_use(&u);
  end(&r);
}

/* ---- In 8 bits ------------------------------------------------------------------------------- */

/* What is scored and written is the integers' own, and its input a picture's bytes. */
static void expect_int8(const char *arch, int count) {
  run r;
  use u;
  size_t size;
  mn_tensor_info input;
  begin_as(&r, arch, NULL, 2, 1);
  const mn_trained_epoch last = epochs(&r, count);
  const int boxes = mn_training_task(r.training) == MN_TASK_DETECT;
  const double int8 = boxes ? last.eval_map : last.eval_miou;
  const double floats = boxes ? last.eval_map_float : last.eval_miou_float;
  printf("int8 %.3f, floats %.3f, %.2f %% of codes differ, %.2f %% of %s\n", int8, floats,
         100 * last.codes_differ, 100 * last.layer_differs, last.layer);
  assert_true(!LEARNS || (boxes ? last.eval_map50 > 0.6 && last.eval_map50_float > 0.6
                                : int8 > 0.7 && floats > 0.7));
  assert_true(last.codes_differ >= 0 && last.codes_differ < 0.7 && last.layer[0]);
  assert_true((last.eval_map50_float < 0) == !boxes && (last.eval_miou_float < 0) == boxes);
  assert_true(last.eval_top1_float < 0);
  free(file_of(&r, "int8.safetensors", &size));
  open_use(&u, "int8.safetensors");
  mn_plan_input_info(u.plan, 0, &input);
  assert_int_equal(input.type, MN_I8);
  assert_true(score(&u, mn_training_task(r.training)) == int8);
  close_use(&u);
  end(&r);
}

static void test_int8(void **state) {
  (void)state;
  expect_int8("v1-0.25-64+ssdlite", DETECTOR_EPOCHS);
  expect_int8("v2-0.25-64+lraspp", SEGMENTER_EPOCHS);
}

/* ---- What cannot be trained ------------------------------------------------------------------ */

static void expect_refusal(const char *arch, const mn_train_options *options, const char *why) {
  mn_error err;
  mn_model *start;
  mn_training *training;
  check(mn_model_from_zoo(&start, arch, NULL, &err), &err);
  assert_int_not_equal(mn_training_new(&training, start, temp_path("set"), options, &err), MN_OK);
  if (!strstr(err.text, why)) fail_msg("'%s' does not say '%s'", err.text, why);
  assert_null(training);
  mn_model_free(start);
}

static void test_refusals(void **state) {
  (void)state;
  mn_train_options options = {.struct_size = sizeof options, .head = "hat"};
  expect_refusal("v1-0.25-64", &options, "expected ssd, ssdlite, lraspp");
  options.head = "ssdlite";
  expect_refusal("v1-0.25-32", &options, "its input is smaller than 33 pixels");
  options.head = NULL;
  options.labels = "nothing\nsquare\n";
  expect_refusal("v2-0.25-64+lraspp", &options, "pixels are of class 2");
  expect_refusal("v1-0.25-64+ssdlite", &options, "the data names its classes");
}

static int prepare(void **state) {
  if (temp_make(state)) return 1;
  write_set();
  return 0;
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(test_first_weights),  cmocka_unit_test(test_same_bits),
      cmocka_unit_test(test_detector),       cmocka_unit_test(test_segmenter),
      cmocka_unit_test(test_same_bits_int8), cmocka_unit_test(test_int8),
      cmocka_unit_test(test_refusals)};
  return cmocka_run_group_tests(tests, prepare, temp_drop);
}
