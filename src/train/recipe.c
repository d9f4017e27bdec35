/* SPDX-License-Identifier: Apache-2.0
 * See recipe.h. All that knows fields one by one is the table made of recipe.def. */
#include "train/recipe.h"

#include <math.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

static const char *const optimizers[] = {"sgd", "rmsprop_tf", "rmsprop_torch", "adamw", NULL};
static const char *const schedules[] = {"constant",    "cosine",    "step",
                                        "exponential", "one_cycle", NULL};
static const char *const precisions[] = {"f32", "bf16", NULL};
static const char *const crops[] = {"none", "inception", "padded", "jitter", "ssd", NULL};

typedef enum field_kind { GROUP, WHOLE, REAL, BYTE, YES, WORD } field_kind;

typedef struct field {
  field_kind kind;
  const char *key;
  size_t offset;
  double low, high;
  const char *const *words;
  const char *what;
} field;

#define AT(member) offsetof(mn_recipe, member)
#define MN_RECIPE_GROUP(title) {GROUP, title, 0, 0, 0, NULL, ""},
#define MN_RECIPE_WHOLE(key, member, low, high, what) \
  {WHOLE, #key, AT(member), low, high, NULL, what},
#define MN_RECIPE_REAL(key, member, low, high, what) \
  {REAL, #key, AT(member), low, high, NULL, what},
#define MN_RECIPE_BYTE(key, member, what) {BYTE, #key, AT(member), 0, 255, NULL, what},
#define MN_RECIPE_YES(key, member, what) {YES, #key, AT(member), 0, 1, NULL, what},
#define MN_RECIPE_WORD(key, member, list, what) {WORD, #key, AT(member), 0, 0, list, what},
static const field fields[] = {
#include "train/recipe.def"
};
enum { FIELDS = sizeof fields / sizeof *fields };

/* Words are stored as enumerations, whole numbers as int32_t or int. */
_Static_assert(sizeof(mn_crop_kind) == sizeof(int32_t), "enumerations have four bytes");
_Static_assert(sizeof(int) == sizeof(int32_t), "int has four bytes");

static double get(const mn_recipe *recipe, const field *f) {
  const unsigned char *at = (const unsigned char *)recipe + f->offset;
  int32_t whole;
  double real;
  bool yes;
  switch (f->kind) {
    case REAL: memcpy(&real, at, sizeof real); return real;
    case BYTE: return *at;
    case YES: memcpy(&yes, at, sizeof yes); return yes;
    default: memcpy(&whole, at, sizeof whole); return whole;
  }
}

static void put(mn_recipe *recipe, const field *f, double value) {
  unsigned char *at = (unsigned char *)recipe + f->offset;
  const int32_t whole = f->kind == REAL ? 0 : (int32_t)value;
  const bool yes = value != 0;
  switch (f->kind) {
    case REAL: memcpy(at, &value, sizeof value); break;
    case BYTE: *at = (unsigned char)whole; break;
    case YES: memcpy(at, &yes, sizeof yes); break;
    default: memcpy(at, &whole, sizeof whole); break;
  }
}

/* ---- Setting --------------------------------------------------------------------------------- */

/* "a, b, c" */
static void list_words(const char *const *words, char *text, size_t size) {
  size_t used = 0;
  text[0] = 0;
  for (; *words && used < size; words++) {
    used += (size_t)snprintf(text + used, size - used, "%s%s", used ? ", " : "", *words);
  }
}

static mn_status find_field(const field **out, const char *key, mn_error *err) {
  for (int i = 0; i < FIELDS; i++) {
    *out = &fields[i];
    if (fields[i].kind != GROUP && strcmp(fields[i].key, key) == 0) return MN_OK;
  }
  return mn_fail(err, MN_ERR_ARGUMENT, key,
                 "is no field of a recipe; a recipe that is printed shows all of them");
}

static mn_status check_range(const field *f, double value, mn_error *err) {
  if (value >= f->low && value <= f->high) return MN_OK;
  return mn_fail(err, MN_ERR_ARGUMENT, f->key, "%.9g, expected %.9g to %.9g", value, f->low,
                 f->high);
}

static mn_status word_value(const field *f, const char *word, double *value, mn_error *err) {
  char words[160];
  for (int i = 0; f->words[i]; i++) {
    *value = i;
    if (strcmp(f->words[i], word) == 0) return MN_OK;
  }
  list_words(f->words, words, sizeof words);
  return mn_fail(err, MN_ERR_ARGUMENT, f->key, "\"%.40s\", expected one of %s", word, words);
}

static mn_status value_of(const field *f, const mn_json *json, double *value, mn_error *err) {
  int32_t whole = 0;
  if (f->kind == WORD && json->kind == MN_JSON_STRING) return word_value(f, json->text, value, err);
  if (f->kind == YES && json->kind == MN_JSON_BOOL) {
    *value = json->boolean;
    return MN_OK;
  }
  const bool number = json->kind == MN_JSON_NUMBER;
  if (f->kind == REAL && number) {
    *value = json->number;
    return check_range(f, *value, err);
  }
  if ((f->kind == WHOLE || f->kind == BYTE) && mn_json_i32(json, &whole)) {
    *value = whole;
    return check_range(f, *value, err);
  }
  static const char *const expected[] = {[WHOLE] = "a whole number",
                                         [REAL] = "a number",
                                         [BYTE] = "a whole number",
                                         [YES] = "true or false",
                                         [WORD] = "a word"};
  return mn_fail(err, MN_ERR_ARGUMENT, f->key, "expected %s", expected[f->kind]);
}

static mn_status set_field(mn_recipe *recipe, const char *key, const mn_json *json, mn_error *err) {
  const field *f;
  double value = 0;
  mn_status status = find_field(&f, key, err);
  if (!status) status = value_of(f, json, &value, err);
  if (!status) put(recipe, f, value);
  return status;
}

mn_status mn_recipe_set(mn_recipe *recipe, const char *key, const char *text, mn_error *err) {
  const mn_json word = {.kind = MN_JSON_STRING, .text = text, .length = strlen(text)};
  const mn_json_source source = {.text = text, .length = strlen(text), .name = key};
  const mn_json *parsed;
  mn_arena arena = {0};
  mn_error unread;
  mn_status status = mn_json_parse(&parsed, &source, &arena, &unread);
  if (status == MN_ERR_MEMORY) {
    if (err) *err = unread;
  } else {
    status = set_field(recipe, key, status ? &word : parsed, err);
  }
  mn_arena_free(&arena);
  return status;
}

mn_status mn_recipe_read(mn_recipe *recipe, const mn_json *object, mn_error *err) {
  mn_recipe read = *recipe;
  if (!object || object->kind != MN_JSON_OBJECT) {
    return mn_fail(err, MN_ERR_ARGUMENT, "recipe", "expected an object");
  }
  for (const mn_json *member = object->first; member; member = member->next) {
    const mn_status status = set_field(&read, member->key, member, err);
    if (status) return status;
  }
  const mn_status status = mn_recipe_check(&read, err);
  if (!status) *recipe = read;
  return status;
}

/* ---- Checking -------------------------------------------------------------------------------- */

static mn_status check_together(const mn_recipe *r, mn_error *err) {
  const bool sgd = r->optimizer.kind == MN_SGD;
  const bool decays = r->schedule == MN_SCHEDULE_STEP || r->schedule == MN_SCHEDULE_EXPONENTIAL;
  const struct {
    bool refused;
    const char *key, *why;
  } rules[] = {
      {sgd && r->optimizer.nesterov && r->optimizer.momentum == 0, "nesterov",
       "true, but there is no momentum"},
      {!sgd && r->optimizer.epsilon == 0, "epsilon",
       "0, but this optimizer divides by it where gradients are 0"},
      {decays && r->every_epochs == 0, "every_epochs", "0, but the schedule has this rhythm"},
      {decays && r->factor == 0, "factor", "0, but the schedule multiplies the rate by it"},
      {r->warmup_epochs >= r->epochs, "warmup_epochs",
       "as many as there are epochs, or more: give it fewer (warmup_epochs=0), or more epochs"},
  };
  for (size_t i = 0; i < sizeof rules / sizeof *rules; i++) {
    if (rules[i].refused) return mn_fail(err, MN_ERR_ARGUMENT, rules[i].key, "%s", rules[i].why);
  }
  return MN_OK;
}

mn_status mn_recipe_check(const mn_recipe *recipe, mn_error *err) {
  for (int i = 0; i < FIELDS; i++) {
    const field *f = &fields[i];
    if (f->kind == GROUP || f->kind == WORD) continue;
    const mn_status status = check_range(f, get(recipe, f), err);
    if (status) return status;
  }
  const mn_status status = check_together(recipe, err);
  return status ? status : mn_augment_check(&recipe->augment, err);
}

/* ---- Writing --------------------------------------------------------------------------------- */

static void write_value(const mn_recipe *recipe, const field *f, mn_json_writer *writer) {
  const double value = get(recipe, f);
  const char *word;
  switch (f->kind) {
    case REAL: mn_json_double(writer, value); break;
    case YES: mn_json_bool(writer, value != 0); break;
    case WORD:
      word = f->words[(int)value];
      mn_json_string(writer, word, strlen(word));
      break;
    default: mn_json_int(writer, (int64_t)value); break;
  }
}

/* The first key behind `key` in bytewise order; NULL: of all. */
static const field *key_after(const char *key) {
  const field *next = NULL;
  for (int i = 0; i < FIELDS; i++) {
    const field *f = &fields[i];
    if (f->kind == GROUP || (key && strcmp(f->key, key) <= 0)) continue;
    if (!next || strcmp(f->key, next->key) < 0) next = f;
  }
  return next;
}

void mn_recipe_write(const mn_recipe *recipe, mn_json_writer *writer) {
  mn_json_begin(writer, '{');
  for (const field *f = key_after(NULL); f; f = key_after(f->key)) {
    mn_json_key(writer, f->key);
    write_value(recipe, f, writer);
  }
  mn_json_end(writer, '}');
}

enum { LINE = 128 };

/* Of at most LINE bytes with its end; words without quotes. */
static int put_line(const mn_recipe *recipe, const field *f, char *line) {
  if (f->kind == GROUP) return snprintf(line, LINE, "%s\n", f->key);
  mn_json_writer value = {0};
  write_value(recipe, f, &value);
  const int quotes = f->kind == WORD, length = (int)value.used - 2 * quotes;
  const int written = value.failed ? -1
                                   : snprintf(line, LINE, "  %-18s %-19.*s %s\n", f->key, length,
                                              value.text + quotes, f->what);
  mn_json_writer_free(&value);
  return written;
}

const char *mn_recipe_text(const mn_recipe *recipe, mn_arena *arena) {
  char *text = mn_arena_take(arena, (size_t)FIELDS * LINE);
  size_t used = 0;
  for (int i = 0; i < FIELDS && text; i++) {
    const int length = put_line(recipe, &fields[i], text + used);
    if (length < 0) return NULL;
    used += (size_t)length;
  }
  return text;
}

/* ---- What a recipe becomes ------------------------------------------------------------------- */

void mn_recipe_set_batch(mn_recipe *recipe, int32_t batch) {
  recipe->rate *= (double)batch / recipe->batch;
  recipe->batch = batch;
}

mn_schedule mn_recipe_schedule(const mn_recipe *r, int64_t steps_per_epoch) {
  const double steps = (double)steps_per_epoch;
  return (mn_schedule){.kind = r->schedule,
                       .rate = r->rate,
                       .first = r->rate * r->first_share,
                       .last = r->rate * r->last_share,
                       .rising = r->rising,
                       /* TensorFlow counts whole steps */
                       .every = fmax(1, floor(r->every_epochs * steps)),
                       .factor = r->factor,
                       .warmup_first = r->rate * r->warmup_share,
                       .warmup = (int64_t)floor(r->warmup_epochs * steps),
                       .steps = r->epochs * steps_per_epoch};
}
