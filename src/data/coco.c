/* SPDX-License-Identifier: Apache-2.0
 * COCO's instances.json. Such files reach half a gigabyte, most of it outlines that are of no use
 * here, so the text is walked one element of an array at a time: brackets and strings delimit it,
 * the strict reader then parses it alone, in memory that is given back. */
#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"
#include "data/label_files.h"
#include "wire/json.h"

enum { ELEMENT_MEMORY = 64 << 20 };

typedef struct known_image {
  uint64_t id;
  size_t item; /* of the listing; NOT_WANTED: of another split */
} known_image;

typedef struct known_category {
  uint64_t id;
  const char *name;
  int32_t class;
} known_category;

#define NOT_WANTED SIZE_MAX

typedef struct coco {
  mn_listing *listing;
  const mn_photos *photos;
  const mn_label_file *file;
  size_t at;
  known_image *images; /* [image_count], by id once all are read */
  size_t image_count, image_capacity;
  known_category *categories; /* [category_count], by id */
  size_t category_count, category_capacity;
  mn_error *err;
} coco;

typedef struct element {
  const mn_json *json;
  size_t number; /* from 0, in its array */
} element;

typedef mn_status (*element_reader)(coco *c, const element *e);

static mn_status refuse(const coco *c, const char *what) {
  return mn_fail(c->err, MN_ERR_FORMAT, c->file->name, "at byte %zu: %s", c->at, what);
}

static mn_status refuse_element(const coco *c, const char *array, const element *e,
                                const char *what) {
  return mn_fail(c->err, MN_ERR_FORMAT, c->file->name, "%s[%zu]: %s", array, e->number, what);
}

/* ---- Walking -------------------------------------------------------------------------------- */

static int peek(const coco *c) {
  return c->at < c->file->size ? (unsigned char)c->file->text[c->at] : -1;
}

static bool accept(coco *c, char wanted) {
  for (int p = peek(c); p == ' ' || p == '\t' || p == '\n' || p == '\r'; p = peek(c)) c->at++;
  if (peek(c) != wanted) return false;
  c->at++;
  return true;
}

/* Behind the string that begins at `at`; its end is not there: false. */
static bool skip_string(coco *c) {
  for (c->at++; c->at < c->file->size; c->at++) {
    const char here = c->file->text[c->at];
    if (here == '\\') {
      c->at++;
    } else if (here == '"') {
      c->at++;
      return true;
    }
  }
  c->at = c->file->size;
  return false;
}

/* Behind the value that begins at `at`, as far as brackets and strings tell. */
static bool skip_value(coco *c) {
  size_t depth = 0;
  for (int p = peek(c); p >= 0; p = peek(c)) {
    const bool closes = p == ']' || p == '}';
    if (depth == 0 && (closes || p == ',')) return true;
    if (p == '"') {
      if (!skip_string(c)) return false;
      continue;
    }
    depth += p == '[' || p == '{';
    depth -= closes;
    c->at++;
  }
  return depth == 0;
}

static mn_status read_element(coco *c, element_reader read, size_t number) {
  mn_arena arena = {0};
  element e = {.number = number};
  const size_t begin = c->at;
  if (!skip_value(c)) return refuse(c, "the file ends within an array");
  const mn_json_source source = {c->file->text + begin, c->at - begin, c->file->name,
                                 ELEMENT_MEMORY};
  mn_status status = mn_json_parse(&e.json, &source, &arena, c->err);
  if (!status) status = read(c, &e);
  mn_arena_free(&arena);
  return status;
}

static mn_status read_array(coco *c, element_reader read) {
  if (!accept(c, '[')) return refuse(c, "expected an array");
  if (accept(c, ']')) return MN_OK;
  for (size_t number = 0;; ++number) {
    mn_status status = read_element(c, read, number);
    if (status) return status;
    if (accept(c, ']')) return MN_OK;
    if (!accept(c, ',')) return refuse(c, "expected a comma or the end of the array");
  }
}

/* Every element of the array that the top object holds under `key`. */
static mn_status walk(coco *c, const char *key, element_reader read) {
  bool found = false;
  c->at = 0;
  if (!accept(c, '{')) return refuse(c, "expected a JSON object");
  do {
    accept(c, ' '); /* white space */
    const size_t begin = c->at;
    if (peek(c) != '"' || !skip_string(c)) return refuse(c, "expected a key");
    const size_t length = c->at - begin - 2;
    const bool wanted = length == strlen(key) && !memcmp(c->file->text + begin + 1, key, length);
    if (!accept(c, ':')) return refuse(c, "expected a colon");
    accept(c, ' ');
    if (wanted) {
      mn_status status = read_array(c, read);
      if (status) return status;
      found = true;
    } else if (!skip_value(c)) {
      return refuse(c, "the file ends within a value");
    }
  } while (accept(c, ','));
  if (!accept(c, '}')) return refuse(c, "expected a comma or the end of the object");
  if (found) return MN_OK;
  return mn_fail(c->err, MN_ERR_FORMAT, c->file->name, "there is no array \"%s\" in it", key);
}

/* ---- Categories ----------------------------------------------------------------------------- */

static bool grow(void **list, size_t count, size_t *capacity, size_t size) {
  if (count < *capacity) return true;
  const size_t more = *capacity ? *capacity * 2 : 128;
  void *grown = mn_realloc(*list, more * size);
  if (!grown) return false;
  *list = grown;
  *capacity = more;
  return true;
}

static mn_status read_category(coco *c, const element *e) {
  known_category one = {0};
  const mn_json *name = mn_json_get(e->json, "name");
  if (!mn_json_u64(mn_json_get(e->json, "id"), &one.id) || !name || name->kind != MN_JSON_STRING) {
    return refuse_element(c, "categories", e, "expected a number id and a name");
  }
  one.name = mn_arena_string(&c->listing->tree.arena, name->text, name->length);
  void *list = c->categories;
  if (!one.name || !grow(&list, c->category_count, &c->category_capacity, sizeof one)) {
    return mn_fail_memory(c->err, sizeof one);
  }
  c->categories = list;
  c->categories[c->category_count++] = one;
  return MN_OK;
}

/* known_image and known_category both begin with their id. */
static int by_id(const void *a, const void *b) {
  const uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;
  return (x > y) - (x < y);
}

static mn_status add_categories(coco *c) {
  if (c->category_count) {
    qsort(c->categories, c->category_count, sizeof *c->categories, by_id);
  }
  for (size_t i = 0; i < c->category_count; ++i) {
    if (i && c->categories[i].id == c->categories[i - 1].id) {
      return mn_fail(c->err, MN_ERR_FORMAT, c->file->name, "two categories have the id %llu",
                     (unsigned long long)c->categories[i].id);
    }
    c->categories[i].class = mn_listing_class(c->listing, c->categories[i].name);
    if (c->categories[i].class < 0) return mn_fail_memory(c->err, sizeof *c->categories);
  }
  return MN_OK;
}

/* ---- Images --------------------------------------------------------------------------------- */

static mn_status list_photo(coco *c, const char *file_name, size_t *item) {
  const char *slash = strrchr(file_name, '/'), *name = slash ? slash + 1 : file_name;
  const mn_photo *photo = mn_photos_find(c->photos, name);
  *item = NOT_WANTED;
  if (photo && !photo->wanted) return MN_OK;
  mn_listed listed = {.path = photo ? photo->path : NULL};
  if (!photo) { /* whoever opens it finds out, and says so */
    const char *folder = c->photos->folder;
    listed.path = mn_path_join(&c->listing->tree.arena, folder, strlen(folder), name);
    if (!listed.path) return mn_fail_memory(c->err, strlen(folder));
  }
  *item = c->listing->count;
  return mn_listing_add(c->listing, listed, c->err);
}

static mn_status read_image(coco *c, const element *e) {
  known_image one = {0};
  const mn_json *name = mn_json_get(e->json, "file_name");
  if (!mn_json_u64(mn_json_get(e->json, "id"), &one.id) || !name || name->kind != MN_JSON_STRING) {
    return refuse_element(c, "images", e, "expected a number id and a file_name");
  }
  void *list = c->images;
  if (!grow(&list, c->image_count, &c->image_capacity, sizeof one)) {
    return mn_fail_memory(c->err, sizeof one);
  }
  c->images = list;
  mn_status status = list_photo(c, name->text, &one.item);
  if (!status) c->images[c->image_count++] = one;
  return status;
}

static mn_status sort_images(coco *c) {
  if (c->image_count) qsort(c->images, c->image_count, sizeof *c->images, by_id);
  for (size_t i = 1; i < c->image_count; ++i) {
    if (c->images[i].id != c->images[i - 1].id) continue;
    return mn_fail(c->err, MN_ERR_FORMAT, c->file->name, "two images have the id %llu",
                   (unsigned long long)c->images[i].id);
  }
  return MN_OK;
}

/* ---- Annotations ---------------------------------------------------------------------------- */

static bool read_bbox(const mn_json *bbox, double box[4]) {
  if (!bbox || bbox->kind != MN_JSON_ARRAY || bbox->count != 4) return false;
  const mn_json *one = bbox->first;
  for (int i = 0; i < 4; ++i, one = one->next) {
    if (one->kind != MN_JSON_NUMBER) return false;
    box[i] = one->number;
  }
  box[2] += box[0];
  box[3] += box[1];
  return true;
}

static bool is_crowd(const mn_json *value) {
  if (!value) return false;
  return value->kind == MN_JSON_BOOL ? value->boolean : value->number != 0;
}

static const void *find_id(const void *list, size_t count, size_t size, const mn_json *json) {
  uint64_t id;
  if (!count || !mn_json_u64(json, &id)) return NULL;
  return bsearch(&id, list, count, size, by_id);
}

static mn_status read_annotation(coco *c, const element *e) {
  const known_image *image =
      find_id(c->images, c->image_count, sizeof *image, mn_json_get(e->json, "image_id"));
  const known_category *category = find_id(c->categories, c->category_count, sizeof *category,
                                           mn_json_get(e->json, "category_id"));
  if (!image) return refuse_element(c, "annotations", e, "its image_id is that of no image");
  if (!category) {
    return refuse_element(c, "annotations", e, "its category_id is that of no category");
  }
  const mn_json *area = mn_json_get(e->json, "area");
  mn_listed_box found = {.item = image->item, .box = {.class_index = category->class, .area = -1}};
  if (!read_bbox(mn_json_get(e->json, "bbox"), found.box.box)) {
    return refuse_element(c, "annotations", e, "expected a bbox of four numbers");
  }
  found.box.crowd = is_crowd(mn_json_get(e->json, "iscrowd"));
  if (area && area->kind == MN_JSON_NUMBER) found.box.area = area->number;
  const mn_box_place place = {c->file->name, "annotation", e->number};
  if (image->item == NOT_WANTED) return MN_OK;
  return mn_listing_add_box(c->listing, &found, &place, c->err);
}

mn_status mn_coco_read(mn_listing *listing, const mn_photos *photos, const mn_label_file *file,
                       mn_error *err) {
  coco c = {.listing = listing, .photos = photos, .file = file, .err = err};
  listing->declares_classes = true;
  mn_status status = walk(&c, "categories", read_category);
  if (!status) status = add_categories(&c);
  if (!status) status = walk(&c, "images", read_image);
  if (!status) status = sort_images(&c);
  if (!status) status = walk(&c, "annotations", read_annotation);
  mn_free(c.images);
  mn_free(c.categories);
  return status;
}
