/* SPDX-License-Identifier: Apache-2.0
 * Pascal VOC's annotation of one picture, XML read by expat: its file name, and of every object
 * name, box and whether it is difficult. Corners are taken as written, as pixels from 0. Objects'
 * parts have names and boxes of their own, so an element counts only in its place. */
#include <stdio.h>
#include <string.h>

#include <expat.h>

#include "base/alloc.h"
#include "data/decimal.h"
#include "data/label_files.h"

enum { MOST_TEXT = 1024, DEPTH = 4, CORNERS = 15 };

typedef enum place { OUTSIDE, FILE_NAME, NAME, DIFFICULT, BOX_CORNER } place;

typedef struct voc {
  mn_listing *listing;
  const mn_photos *photos;
  const mn_label_file *file;
  XML_Parser parser;
  mn_error *err;
  mn_status status;
  int depth;
  char path[DEPTH][16]; /* names of the open elements, from the root's children on */
  char text[MOST_TEXT];
  size_t length;
  char file_name[MOST_TEXT];
  size_t first_box; /* of this file in the listing */
  bool wanted;
  mn_box object; /* being read */
  int corners;   /* bits of those met */
} voc;

static void stop(voc *v, mn_status status) {
  v->status = status;
  XML_StopParser(v->parser, XML_FALSE);
}

static size_t line_of(const voc *v) { return (size_t)XML_GetCurrentLineNumber(v->parser); }

static void refuse(voc *v, const char *text) {
  stop(v, mn_fail(v->err, MN_ERR_FORMAT, v->file->name, "line %zu: %s", line_of(v), text));
}

/* ---- Where an element is -------------------------------------------------------------------- */

static bool is_at(const voc *v, int depth, const char *a, const char *b, const char *c) {
  if (v->depth != depth || strcmp(v->path[0], "annotation") != 0 || strcmp(v->path[1], a) != 0) {
    return false;
  }
  return depth < 3 || (!strcmp(v->path[2], b) && (depth < 4 || !strcmp(v->path[3], c)));
}

static int corner_of(const voc *v) {
  static const char *const names[] = {"xmin", "ymin", "xmax", "ymax"};
  for (int i = 0; i < 4; ++i) {
    if (is_at(v, 4, "object", "bndbox", names[i])) return i;
  }
  return -1;
}

static place place_of(const voc *v) {
  if (is_at(v, 2, "filename", NULL, NULL)) return FILE_NAME;
  if (is_at(v, 3, "object", "name", NULL)) return NAME;
  if (is_at(v, 3, "object", "difficult", NULL)) return DIFFICULT;
  return corner_of(v) >= 0 ? BOX_CORNER : OUTSIDE;
}

static void XMLCALL on_start(void *user, const XML_Char *name, const XML_Char **attributes) {
  voc *v = user;
  (void)attributes;
  if (v->depth < DEPTH) snprintf(v->path[v->depth], sizeof v->path[0], "%s", name);
  v->depth++;
  v->length = 0;
  if (v->depth == 1 && strcmp(name, "annotation") != 0) {
    refuse(v, "expected an <annotation> of Pascal VOC");
  }
  if (is_at(v, 2, "object", NULL, NULL)) {
    v->object = (mn_box){.class_index = -1, .area = -1};
    v->corners = 0;
  }
}

static void XMLCALL on_text(void *user, const XML_Char *text, int length) {
  voc *v = user;
  if (place_of(v) == OUTSIDE) return;
  if ((size_t)length >= MOST_TEXT - v->length) {
    refuse(v, "a text of more than 1023 bytes");
    return;
  }
  memcpy(v->text + v->length, text, (size_t)length);
  v->length += (size_t)length;
}

/* ---- What an element says ------------------------------------------------------------------- */

static bool is_space(char c) { return c == ' ' || c == '\t' || c == '\r' || c == '\n'; }

/* The element's text without white space around it, terminated. */
static const char *trimmed(voc *v) {
  char *begin = v->text;
  while (v->length && is_space(v->text[v->length - 1])) v->length--;
  v->text[v->length] = '\0';
  while (is_space(*begin)) begin++;
  return begin;
}

static void take_corner(voc *v, int corner, const char *text) {
  if (!mn_decimal_parse(text, strlen(text), &v->object.box[corner])) {
    refuse(v, "expected a number");
    return;
  }
  v->corners |= 1 << corner;
}

static void take_class(voc *v, const char *text) {
  if (!text[0]) {
    refuse(v, "an object's name is empty");
    return;
  }
  v->object.class_index = mn_listing_class(v->listing, text);
  if (v->object.class_index < 0) stop(v, mn_fail_memory(v->err, strlen(text)));
}

static void take_object(voc *v) {
  if (v->object.class_index < 0 || v->corners != CORNERS) {
    refuse(v, "an object without a name, or without xmin, ymin, xmax and ymax");
    return;
  }
  const mn_listed_box found = {.item = v->listing->count, .box = v->object};
  const mn_box_place at = {v->file->name, "line", line_of(v)};
  if (!v->wanted) return;
  mn_status status = mn_listing_add_box(v->listing, &found, &at, v->err);
  if (status) stop(v, status);
}

static void XMLCALL on_end(void *user, const XML_Char *name) {
  voc *v = user;
  (void)name;
  if (v->status) return;
  const char *text = trimmed(v);
  switch (place_of(v)) {
    case FILE_NAME: snprintf(v->file_name, sizeof v->file_name, "%s", text); break;
    case NAME: take_class(v, text); break;
    case DIFFICULT: v->object.difficult = strcmp(text, "0") != 0 && text[0]; break;
    case BOX_CORNER: take_corner(v, corner_of(v), text); break;
    case OUTSIDE:
      if (is_at(v, 2, "object", NULL, NULL)) take_object(v);
      break;
  }
  v->depth--;
  v->length = 0;
}

/* ---- The picture ---------------------------------------------------------------------------- */

/* The picture of these boxes; they go when it is of another split. */
static mn_status list_photo(voc *v) {
  if (!v->wanted) return MN_OK;
  if (!v->file_name[0]) {
    return mn_fail(v->err, MN_ERR_FORMAT, v->file->name, "there is no <filename> in it");
  }
  const char *slash = strrchr(v->file_name, '/'), *name = slash ? slash + 1 : v->file_name;
  const mn_photo *photo = mn_photos_find(v->photos, name);
  if (photo && !photo->wanted) {
    v->listing->found_count = v->first_box;
    return MN_OK;
  }
  mn_listed listed = {.path = photo ? photo->path : NULL};
  if (!photo) { /* whoever opens it finds out, and says so */
    const char *folder = v->photos->folder;
    listed.path = mn_path_join(&v->listing->tree.arena, folder, strlen(folder), name);
    if (!listed.path) return mn_fail_memory(v->err, strlen(folder));
  }
  return mn_listing_add(v->listing, listed, v->err);
}

static mn_status parse(voc *v) {
  XML_SetUserData(v->parser, v);
  XML_SetElementHandler(v->parser, on_start, on_end);
  XML_SetCharacterDataHandler(v->parser, on_text);
  if (v->file->size > 16 << 20) {
    return mn_fail(v->err, MN_ERR_LIMIT, v->file->name, "%zu bytes, expected at most 16 MiB",
                   v->file->size);
  }
  const enum XML_Status met = XML_Parse(v->parser, v->file->text, (int)v->file->size, 1);
  if (v->status) return v->status;
  if (met == XML_STATUS_OK) return MN_OK;
  const enum XML_Error code = XML_GetErrorCode(v->parser);
  if (code == XML_ERROR_NO_MEMORY) return mn_fail_memory(v->err, v->file->size);
  return mn_fail(v->err, MN_ERR_FORMAT, v->file->name, "XML line %zu: %s", line_of(v),
                 XML_ErrorString(code));
}

mn_status mn_voc_read(mn_listing *listing, const mn_photos *photos, const mn_label_file *file,
                      bool wanted, mn_error *err) {
  static const XML_Memory_Handling_Suite memory = {mn_alloc, mn_realloc, mn_free};
  voc v = {.listing = listing, .photos = photos, .file = file, .err = err, .wanted = wanted};
  v.first_box = listing->found_count;
  v.parser = XML_ParserCreate_MM(NULL, &memory, NULL);
  if (!v.parser) return mn_fail_memory(err, sizeof v);
  mn_status status = parse(&v);
  XML_ParserFree(v.parser);
  return status ? status : list_photo(&v);
}
