/* SPDX-License-Identifier: Apache-2.0
 * Recipes: those with a name can be trained with, are printed in full, and come back from JSON. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
/* after those three */
#include <cmocka.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "train/recipe.h"

static mn_recipe named(const char *name) {
  mn_recipe recipe;
  assert_int_equal(mn_recipe_find(&recipe, name, NULL), MN_OK);
  return recipe;
}

/* What a field of the JSON object is. */
static const mn_json *field(const mn_json *object, const char *key) {
  const mn_json *value = mn_json_get(object, key);
  if (!value) fail_msg("no field %s", key);
  return value;
}

static const mn_json *as_json(const mn_recipe *recipe, mn_arena *arena) {
  mn_json_writer writer = {0};
  const mn_json *object;
  mn_recipe_write(recipe, &writer);
  assert_false(writer.failed);
  const mn_json_source source = {.text = writer.text, .length = writer.used};
  assert_int_equal(mn_json_parse(&object, &source, arena, NULL), MN_OK);
  mn_json_writer_free(&writer);
  return object;
}

static void test_named(void **state) {
  (void)state;
  int count = 0;
  for (; mn_recipe_name(count); count++) {
    mn_recipe recipe = named(mn_recipe_name(count));
    mn_error err;
    assert_non_null(mn_recipe_purpose(count));
    if (mn_recipe_check(&recipe, &err)) fail_msg("%s: %s", err.where, err.text);
    for (int task = MN_TASK_NONE; task <= MN_TASK_SEGMENT; task++) {
      mn_recipe_adapt(&recipe, (mn_task)task);
      if (mn_recipe_check(&recipe, &err)) fail_msg("%s: %s", err.where, err.text);
    }
  }
  assert_int_equal(count, 6);
  assert_null(mn_recipe_purpose(count));
  mn_error err;
  mn_recipe recipe;
  assert_int_equal(mn_recipe_find(&recipe, "best", &err), MN_ERR_ARGUMENT);
  assert_non_null(strstr(err.text, "slim, torchvision, small-data, finetune, qat, cifar"));
}

/* Keys in bytewise order; every field in the text too; read into another recipe it is the same. */
static void test_written_and_read(void **state) {
  (void)state;
  for (int i = 0; mn_recipe_name(i); i++) {
    const mn_recipe recipe = named(mn_recipe_name(i));
    mn_recipe other = named(i ? "slim" : "cifar");
    mn_arena arena = {0};
    const mn_json *object = as_json(&recipe, &arena);
    const char *text = mn_recipe_text(&recipe, &arena);
    int fields = 0;
    for (const mn_json *at = object->first; at; at = at->next, fields++) {
      char line[64];
      snprintf(line, sizeof line, "\n  %s ", at->key);
      if (!strstr(text, line)) fail_msg("%s is not printed", at->key);
      if (at->next) assert_true(strcmp(at->key, at->next->key) < 0);
    }
    assert_int_equal(fields, 67);
    assert_int_equal(mn_recipe_read(&other, object, NULL), MN_OK);
    assert_string_equal(mn_recipe_text(&other, &arena), text);
    assert_null(strstr(text, " \n"));
    mn_arena_free(&arena);
  }
}

static void test_slim(void **state) {
  (void)state;
  const mn_recipe recipe = named("slim");
  mn_arena arena = {0};
  const mn_json *object = as_json(&recipe, &arena);
  assert_true(mn_json_is(field(object, "optimizer"), "rmsprop_tf"));
  assert_true(mn_json_is(field(object, "schedule"), "step"));
  assert_true(field(object, "epsilon")->number == 1);
  assert_true(field(object, "average")->number == 0.9999);
  assert_true(field(object, "label_smoothing")->number == 0.1);
  assert_false(field(object, "decay_all")->boolean);
  const char *text = mn_recipe_text(&recipe, &arena);
  assert_non_null(
      strstr(text, "\n  optimizer          rmsprop_tf          how gradients change weights\n"));
  assert_non_null(
      strstr(text, "\n  rate               0.045               the highest learning rate\n"));
  mn_arena_free(&arena);
}

static void expect_refused(const char *key, const char *text, const char *sentence) {
  const mn_recipe before = named("slim");
  mn_recipe recipe = before;
  mn_error err;
  assert_int_equal(mn_recipe_set(&recipe, key, text, &err), MN_ERR_ARGUMENT);
  assert_string_equal(err.where, key);
  if (!strstr(err.text, sentence)) fail_msg("%s, expected %s", err.text, sentence);
  assert_memory_equal(&recipe, &before, sizeof recipe);
}

static void test_set(void **state) {
  (void)state;
  mn_recipe recipe = named("slim");
  assert_int_equal(mn_recipe_set(&recipe, "rate", "0.1", NULL), MN_OK);
  assert_int_equal(mn_recipe_set(&recipe, "epochs", "7", NULL), MN_OK);
  assert_int_equal(mn_recipe_set(&recipe, "optimizer", "adamw", NULL), MN_OK);
  assert_int_equal(mn_recipe_set(&recipe, "crop", "padded", NULL), MN_OK);
  assert_int_equal(mn_recipe_set(&recipe, "decay_all", "true", NULL), MN_OK);
  assert_int_equal(mn_recipe_set(&recipe, "fill_blue", "255", NULL), MN_OK);
  assert_true(recipe.rate == 0.1 && recipe.epochs == 7 && recipe.decay_all);
  assert_true(recipe.optimizer.kind == MN_ADAMW && recipe.augment.crop == MN_CROP_PADDED);
  assert_int_equal(recipe.augment.fill[2], 255);
  expect_refused("rate", "fast", "expected a number");
  expect_refused("rate", "-1", "-1, expected 1e-09 to 100");
  expect_refused("rate", "1e999", "expected a number");
  expect_refused("epochs", "1.5", "expected a whole number");
  expect_refused("batch", "0", "0, expected 1 to 65536");
  expect_refused("optimizer", "adam", "\"adam\", expected one of sgd, rmsprop_tf");
  expect_refused("optimizer", "1", "expected a word");
  expect_refused("nesterov", "1", "expected true or false");
  expect_refused("fill_red", "256", "256, expected 0 to 255");
  expect_refused("learning_rate", "1", "is no field of a recipe; a recipe");
  expect_refused("optimizer ", "sgd", "is no field");
}

static void expect_unfit(const mn_recipe *recipe, const char *key) {
  mn_error err;
  assert_int_equal(mn_recipe_check(recipe, &err), MN_ERR_ARGUMENT);
  assert_string_equal(err.where, key);
}

static void test_check(void **state) {
  (void)state;
  mn_recipe recipe = named("small-data");
  recipe.optimizer.momentum = 0;
  expect_unfit(&recipe, "nesterov");
  recipe = named("small-data"); /* one field makes it another optimizer's */
  assert_int_equal(mn_recipe_set(&recipe, "optimizer", "adamw", NULL), MN_OK);
  assert_int_equal(mn_recipe_check(&recipe, NULL), MN_OK);
  recipe = named("finetune");
  recipe.optimizer.epsilon = 0;
  expect_unfit(&recipe, "epsilon");
  recipe.epochs = 1;
  recipe.optimizer.epsilon = 1;
  expect_unfit(&recipe, "warmup_epochs");
  recipe = named("slim");
  recipe.every_epochs = 0;
  expect_unfit(&recipe, "every_epochs");
  recipe = named("slim");
  recipe.rate = NAN;
  expect_unfit(&recipe, "rate");
  recipe = named("slim");
  recipe.augment.area.low = 0;
  assert_int_equal(mn_recipe_check(&recipe, NULL), MN_ERR_ARGUMENT);
  mn_arena arena = {0};
  recipe = named("cifar");
  const mn_json *object;
  const mn_json_source source = {.text = "{\"rate\":1,\"warmup_epochs\":50}", .length = 29};
  assert_int_equal(mn_json_parse(&object, &source, &arena, NULL), MN_OK);
  assert_int_equal(mn_recipe_read(&recipe, object, NULL), MN_ERR_ARGUMENT);
  assert_true(recipe.rate == 0.1); /* all or nothing */
  mn_arena_free(&arena);
}

static void test_schedule(void **state) {
  (void)state;
  mn_recipe recipe = named("slim");
  mn_schedule s = mn_recipe_schedule(&recipe, 101);
  assert_true(s.every == 252); /* as int(2.5 * 101) */
  assert_true(mn_schedule_rate(&s, 251) == 0.045);
  assert_true(fabs(mn_schedule_rate(&s, 252) - 0.045 * 0.98) < 1e-15);
  recipe = named("cifar");
  s = mn_recipe_schedule(&recipe, 391);
  assert_true(s.steps == 35 * 391);
  assert_true(fabs(mn_schedule_rate(&s, 0) * 25 / 0.1 - 1) < 1e-15);
  assert_true(fabs(mn_schedule_rate(&s, s.steps - 1) / (0.1 / 25 / 1e4) - 1) < 1e-9);
  recipe = named("small-data");
  mn_recipe_set_batch(&recipe, 64);
  s = mn_recipe_schedule(&recipe, 10);
  assert_true(mn_schedule_rate(&s, 0) == 0);
  assert_true(mn_schedule_rate(&s, 25) == 0.05 && mn_schedule_rate(&s, 50) == 0.1);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(test_named), cmocka_unit_test(test_written_and_read),
      cmocka_unit_test(test_slim),  cmocka_unit_test(test_set),
      cmocka_unit_test(test_check), cmocka_unit_test(test_schedule)};
  return cmocka_run_group_tests(tests, NULL, NULL);
}
