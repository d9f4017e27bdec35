/* SPDX-License-Identifier: Apache-2.0
 * Archives of the kinds that programs write and damaged ones (tests/oracle/tar_seeds.py made them),
 * and sets of every layout read from an archive. */
#define _POSIX_C_SOURCE 200809L
#include "../temp_folder.h"
#include "data/dataset.h"

static mn_error last;

/* "name=bytes" of files, "name/" of folders, names cut to 40 characters, sizes above 4 as a number;
 * or the sentence of a refusal without the archive's name. */
static const char *listed(const char *name) {
  static char text[1024];
  char path[512];
  mn_tree tree = {0};
  snprintf(path, sizeof path, "%s/fuzz/corpus/tar/%s.tar", MN_TEST_DIR, name);
  text[0] = '\0';
  mn_error_clear(&last);
  mn_status status = mn_tree_open(&tree, path, &last);
  if (status) {
    mn_tree_close(&tree);
    return last.text + strlen(last.where) + 2;
  }
  for (size_t i = 0; i < tree.tar.count; ++i) {
    const mn_tar_entry *entry = &tree.tar.list[i];
    const size_t used = strlen(text);
    char what[32] = "/";
    if (entry->size > 4) snprintf(what, sizeof what, "=%zu", entry->size);
    if (!entry->is_folder && entry->size <= 4) {
      snprintf(what, sizeof what, "=%.*s", (int)entry->size, tree.file.bytes + entry->offset);
    }
    snprintf(text + used, sizeof text - used, "%s%.40s%s", i ? " " : "", entry->name, what);
  }
  if (tree.tar.left_out) {
    snprintf(text + strlen(text), 40, " (%zu left out)", tree.tar.left_out);
  }
  mn_tree_close(&tree);
  return text;
}

static void what_programs_write(void **state) {
  (void)state;
  assert_string_equal(listed("ustar"),
                      "set/ set/aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa=long set/empty.jpg= "
                      "set/rose/1.jpg=one set/rose/2.jpg=513");
  const char *longer =
      "set/ set/bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb=long set/empty.jpg= "
      "set/rose/1.jpg=one set/rose/2.jpg=513";
  assert_string_equal(listed("pax"), longer);
  assert_string_equal(listed("gnu"), longer);
  assert_string_equal(listed("gnu_tar"), "set/ set/rose/ set/rose/1.jpg=one set/rose/2.jpg=one");
  assert_string_equal(listed("v7"), "a/ a/1.jpg=one");
  assert_string_equal(listed("base256"), "a/1.jpg=one");
  assert_string_equal(listed("pax_size"), "a/1.jpg=one");
  assert_string_equal(listed("unpadded"), "a/1.jpg=one");
  assert_string_equal(listed("links"), "a/1.jpg=one a/2.jpg=one a/3.jpg=one (4 left out)");
  assert_string_equal(listed("twice"), "a/1.jpg=5 b/1.jpg=b");
}

static void damage_is_named(void **state) {
  (void)state;
  assert_string_equal(listed("huge_size"), "the entry at byte 0 has a size that is no number");
  assert_string_equal(listed("most_size"),
                      "the archive is truncated: the entry at byte 0 has 8589934591 bytes, of "
                      "which 512 are there");
  assert_string_equal(listed("truncated"),
                      "the archive is truncated: the entry at byte 0 has 3 bytes, of which 2 are "
                      "there");
  assert_string_equal(listed("middle"),
                      "the archive is truncated: it ends in the middle of a header");
  assert_string_equal(listed("checksum"), "the entry at byte 1024 has a wrong checksum");
  assert_string_equal(listed("leads_out"),
                      "the entry at byte 1024 has a name that leads out of the archive");
  assert_string_equal(listed("letters"), "the entry at byte 1024 has a size that is no number");
  assert_string_equal(listed("sparse"),
                      "the entry at byte 1024 is a sparse file: pack it without --sparse");
  assert_string_equal(listed("pax_sparse"),
                      "the entry at byte 0 is a sparse file: pack it without --sparse");
  assert_string_equal(listed("pax_damaged"), "the entry at byte 0 is a pax header that is damaged");
  assert_string_equal(listed("pax_letters"), "the entry at byte 0 states a size that is no number");
  assert_string_equal(listed("long_name"),
                      "the entry at byte 0 names a file in 8192 bytes, more than 4096");
}

/* ---- Sets ----------------------------------------------------------------------------------- */

/* Appends a file to an archive in the temporary folder. */
static void tar_put(const char *archive, const char *name, const void *data, size_t size) {
  uint8_t block[512] = {0};
  unsigned sum = 8 * ' ';
  snprintf((char *)block, 100, "%s", name);
  snprintf((char *)block + 124, 12, "%011o", (unsigned)size);
  block[156] = '0';
  for (int i = 0; i < 512; ++i) sum += block[i];
  snprintf((char *)block + 148, 8, "%06o", sum);
  FILE *file = fopen(temp_path(archive), "ab");
  assert_non_null(file);
  assert_int_equal(fwrite(block, 1, sizeof block, file), sizeof block);
  memset(block, 0, sizeof block);
  if (size) assert_int_equal(fwrite(data, 1, size, file), size);
  if (size % 512) fwrite(block, 1, 512 - size % 512, file);
  fclose(file);
}

static void tar_put_text(const char *archive, const char *name, const char *text) {
  tar_put(archive, name, text, strlen(text));
}

static mn_dataset *open_set(const char *path, const char *split, mn_task task) {
  const mn_dataset_options options = {.struct_size = sizeof options, .split = split, .task = task};
  mn_dataset *set;
  mn_error_clear(&last);
  (void)mn_dataset_open(&set, temp_path(path), &options, &last);
  return set;
}

/* "path:class" of all pictures, paths after the temporary folder's. */
static const char *pictures(const char *path, const char *split, mn_task task) {
  static char text[1024];
  mn_dataset *set = open_set(path, split, task);
  if (!set) return last.text + strlen(temp_root) + 1;
  text[0] = '\0';
  for (int64_t i = 0; i < mn_dataset_count(set); ++i) {
    const size_t used = strlen(text);
    snprintf(text + used, sizeof text - used, "%s%s:%d", i ? " " : "",
             mn_dataset_path(set, i) + strlen(temp_root) + 1, mn_dataset_class(set, i));
  }
  mn_dataset_free(set);
  return text;
}

static void folders_of_classes(void **state) {
  (void)state;
  tar_put_text("top.tar", "flowers/rose/2.jpg", "r2");
  tar_put_text("top.tar", "flowers/rose-dog/1.jpg", "d1");
  tar_put_text("top.tar", "flowers/rose/more/1.JPG", "r1");
  tar_put_text("top.tar", "flowers/rose/.hidden.jpg", "h");
  tar_put_text("top.tar", "flowers/readme.txt", "text");
  assert_string_equal(pictures("top.tar", NULL, MN_TASK_NONE),
                      "top.tar/flowers/rose/2.jpg:0 top.tar/flowers/rose/more/1.JPG:0 "
                      "top.tar/flowers/rose-dog/1.jpg:1");
  tar_put_text("bare.tar", "./rose/2.jpg", "");
  tar_put_text("bare.tar", "./ant/2.jpg", "");
  assert_string_equal(pictures("bare.tar", NULL, MN_TASK_NONE),
                      "bare.tar/ant/2.jpg:0 bare.tar/rose/2.jpg:1");
  tar_put_text("one.tar", "rose/2.jpg", "");
  assert_string_equal(pictures("one.tar", NULL, MN_TASK_NONE), "one.tar/rose/2.jpg:0");
  tar_put_text("split.tar", "s/train/rose/2.jpg", "");
  tar_put_text("split.tar", "s/train/ant/1.jpg", "");
  tar_put_text("split.tar", "s/val/rose/1.jpg", "");
  assert_string_equal(pictures("split.tar", NULL, MN_TASK_NONE), "split.tar/s/val/rose/1.jpg:1");
  assert_string_equal(pictures("split.tar", "dev", MN_TASK_NONE),
                      "split.tar/s: there is no split dev; there are: val, train");
  assert_string_equal(pictures("split.tar/s/train", NULL, MN_TASK_NONE),
                      "split.tar/s/train/ant/1.jpg:0 split.tar/s/train/rose/2.jpg:1");
  assert_string_equal(pictures("split.tar/s/none", NULL, MN_TASK_NONE),
                      "split.tar/s/none: there is no such file in the archive");
  assert_string_equal(pictures("none.tar/s", NULL, MN_TASK_NONE),
                      "none.tar/s: No such file or directory");
  tar_put_text("train.tar", "train/rose/2.jpg", "");
  assert_string_equal(pictures("train.tar", "train", MN_TASK_NONE), "train.tar/train/rose/2.jpg:0");
}

static void a_table(void **state) {
  (void)state;
  tar_put_text("table.tar", "t/labels.tsv", "1.jpg\t1\nmore/2.jpg\t0\n");
  tar_put_text("table.tar", "t/1.jpg", "x");
  assert_string_equal(pictures("table.tar", NULL, MN_TASK_NONE),
                      "table.tar/t/1.jpg:1 table.tar/t/more/2.jpg:0");
}

static void boxes_of_every_kind(void **state) {
  (void)state;
  tar_put_text("voc.tar", "v/JPEGImages/a.jpg", "x");
  tar_put_text(
      "voc.tar", "v/Annotations/a.xml",
      "<annotation><filename>a.jpg</filename><object><name>cat</name><bndbox><xmin>1</xmin>"
      "<ymin>2</ymin><xmax>3</xmax><ymax>4</ymax></bndbox></object></annotation>");
  mn_dataset *set = open_set("voc.tar", NULL, MN_TASK_DETECT);
  if (!set) fail_msg("%s", last.text);
  assert_int_equal(mn_dataset_box_count(set, 0), 1);
  mn_dataset_free(set);
  tar_put_text("coco.tar", "images/a.jpg", "x");
  tar_put_text(
      "coco.tar", "instances.json",
      "{\"images\":[{\"id\":1,\"file_name\":\"a.jpg\"}],\"categories\":[{\"id\":3,\"name\":"
      "\"cat\"}],\"annotations\":[{\"image_id\":1,\"category_id\":3,\"bbox\":[1,2,3,4]}]}");
  set = open_set("coco.tar", NULL, MN_TASK_DETECT);
  if (!set) fail_msg("%s", last.text);
  assert_int_equal(mn_dataset_box_count(set, 0), 1);
  mn_dataset_free(set);
  tar_put_text("yolo.tar", "y/images/val/a.jpg", "x");
  tar_put_text("yolo.tar", "y/labels/val/a.txt", "0 0.5 0.5 0.25 0.25\n");
  tar_put_text("yolo.tar", "y/names.yaml", "names: [cat]\n");
  set = open_set("yolo.tar", NULL, MN_TASK_DETECT);
  if (!set) fail_msg("%s", last.text);
  assert_int_equal(mn_dataset_box_count(set, 0), 1);
  mn_dataset_free(set);
}

static void masks(void **state) {
  (void)state;
  tar_put_text("masks.tar", "m/images/a.jpg", "x");
  tar_put_text("masks.tar", "m/images/b.jpg", "x");
  tar_put_text("masks.tar", "m/masks/a.png", "no mask");
  mn_dataset *set = open_set("masks.tar", NULL, MN_TASK_SEGMENT);
  if (!set) fail_msg("%s", last.text);
  assert_int_equal(mn_dataset_count(set), 1);
  assert_non_null(strstr(mn_dataset_mask_path(set, 0), "masks.tar/m/masks/a.png"));
  mn_mask_file *mask;
  assert_int_equal(mn_dataset_read_mask(set, 0, &mask, &last), MN_ERR_FORMAT);
  assert_non_null(strstr(last.text, "masks.tar/m/masks/a.png: is not a PNG file"));
  mn_dataset_free(set);
}

static void masks_beside_their_split(void **state) {
  (void)state;
  tar_put_text("camvid.tar", "c/train/a.jpg", "x");
  tar_put_text("camvid.tar", "c/trainannot/a.png", "mask");
  tar_put_text("camvid.tar", "c/val/b.jpg", "x");
  tar_put_text("camvid.tar", "c/val/c.jpg", "x");
  tar_put_text("camvid.tar", "c/valannot/c.png", "mask");
  assert_string_equal(pictures("camvid.tar", "train", MN_TASK_SEGMENT),
                      "camvid.tar/c/train/a.jpg:0");
  mn_dataset *set = open_set("camvid.tar", NULL, MN_TASK_SEGMENT);
  if (!set) fail_msg("%s", last.text);
  assert_int_equal(mn_dataset_count(set), 1);
  assert_non_null(strstr(mn_dataset_mask_path(set, 0), "camvid.tar/c/valannot/c.png"));
  mn_dataset_free(set);
}

static void pictures_are_read_where_they_are(void **state) {
  (void)state;
  static const char pgm[] = "P5 2 1 255\n\x10\x20";
  tar_put("read.tar", "a/1.pgm", pgm, sizeof pgm - 1);
  tar_put("read.tar", "a/2.pgm", "", 0);
  temp_put("read/a/1.pgm", pgm);
  for (int archive = 0; archive < 2; ++archive) {
    mn_dataset *set = open_set(archive ? "read.tar" : "read", NULL, MN_TASK_NONE);
    mn_picture *picture;
    assert_non_null(set);
    assert_int_equal(mn_dataset_read_picture(set, 0, NULL, &picture, &last), MN_OK);
    assert_int_equal(mn_picture_image(picture)->pixels[3], 0x20);
    mn_picture_free(picture);
    assert_int_equal(mn_dataset_read_picture(set, 9, NULL, &picture, &last), MN_ERR_ARGUMENT);
    if (archive) {
      assert_int_equal(mn_dataset_read_picture(set, 1, NULL, &picture, &last), MN_ERR_FORMAT);
      assert_non_null(strstr(last.text, "read.tar/a/2.pgm: the file is empty"));
    }
    mn_dataset_free(set);
  }
}

static void compressed_archives_are_told_apart(void **state) {
  (void)state;
  FILE *file = fopen(temp_path("set.tar.xz"), "wb");
  fwrite(
      "\xfd"
      "7zXZ\0 and more",
      1, 15, file);
  fclose(file);
  const char *said = pictures("set.tar.xz", NULL, MN_TASK_NONE);
  assert_non_null(strstr(said,
                         "set.tar.xz: is compressed by xz; folders and .tar are read as they "
                         "are: unpack it first (xz -dk "));
  temp_put("set.zip", "PK\3\4 and more");
  said = pictures("set.zip", NULL, MN_TASK_NONE);
  assert_non_null(strstr(said, "set.zip: is a zip archive"));
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(what_programs_write),
      cmocka_unit_test(damage_is_named),
      cmocka_unit_test(folders_of_classes),
      cmocka_unit_test(a_table),
      cmocka_unit_test(boxes_of_every_kind),
      cmocka_unit_test(masks),
      cmocka_unit_test(masks_beside_their_split),
      cmocka_unit_test(pictures_are_read_where_they_are),
      cmocka_unit_test(compressed_archives_are_told_apart),
  };
  return cmocka_run_group_tests(tests, temp_make, temp_drop);
}
