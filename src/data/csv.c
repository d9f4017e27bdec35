/* SPDX-License-Identifier: Apache-2.0
 * A table of path and class: CSV with RFC 4180 quotes, or TSV. A first line that names its columns
 * chooses them; otherwise path is the first and class the second. Paths are relative to the
 * file. */
#include <string.h>
#include <strings.h>

#include "data/dataset.h"

enum { MOST_FIELDS = 32 };

typedef struct table {
  const char *at, *end;
  const char *name;
  char separator;
  int32_t line;      /* of the record last read */
  int32_t next_line; /* of what comes next */
  int field_count;
  char *fields[MOST_FIELDS]; /* in the arena */
} table;

static mn_status fail_at(const table *t, mn_error *err, const char *text) {
  return mn_fail(err, MN_ERR_FORMAT, t->name, "line %d: %s", (int)t->line, text);
}

/* A quoted field, the first quote already taken, unescaped into `to`; false: no closing quote. */
static bool read_quoted(table *t, char *to, size_t *length) {
  while (t->at < t->end) {
    char c = *t->at++;
    if (c == '\n') t->next_line++;
    if (c == '"') {
      if (t->at == t->end || *t->at != '"') return true;
      t->at++;
    }
    to[(*length)++] = c;
  }
  return false;
}

static size_t field_bound(const table *t) {
  /* Enough for a field without quotes; a quoted one may reach further. */
  if (t->at < t->end && *t->at == '"') {
    const char *p = t->at + 1;
    while (p < t->end && !(*p == '"' && (p + 1 == t->end || p[1] != '"'))) p += *p == '"' ? 2 : 1;
    return p < t->end ? (size_t)(p - t->at) : (size_t)(t->end - t->at);
  }
  const char *p = t->at;
  while (p < t->end && *p != '\n' && *p != t->separator) p++;
  return (size_t)(p - t->at);
}

static mn_status read_field(table *t, mn_arena *arena, mn_error *err) {
  if (t->field_count == MOST_FIELDS) return fail_at(t, err, "more than 32 fields");
  size_t bound = field_bound(t), length = 0;
  char *field = mn_arena_take(arena, bound + 1);
  if (!field) return mn_fail_memory(err, bound + 1);
  if (t->at < t->end && *t->at == '"') {
    t->at++;
    if (!read_quoted(t, field, &length)) return fail_at(t, err, "a quote that is not closed");
    bool ends = t->at == t->end || *t->at == t->separator || *t->at == '\n' || *t->at == '\r';
    if (!ends) return fail_at(t, err, "text after a closing quote");
  } else {
    memcpy(field, t->at, bound);
    t->at += bound;
    length = bound;
    bool last = t->at == t->end || *t->at == '\n';
    if (last && length && field[length - 1] == '\r') length--;
  }
  if (memchr(field, '\0', length)) return fail_at(t, err, "a zero byte: this is not a text file");
  field[length] = '\0';
  t->fields[t->field_count++] = field;
  return MN_OK;
}

static mn_status read_record(table *t, mn_arena *arena, mn_error *err) {
  t->line = t->next_line;
  t->field_count = 0;
  for (;;) {
    mn_status status = read_field(t, arena, err);
    if (status) return status;
    if (t->at < t->end && *t->at == '\r') t->at++;
    if (t->at == t->end) return MN_OK;
    char c = *t->at++;
    if (c == '\n') {
      t->next_line++;
      return MN_OK;
    }
    if (c != t->separator) return fail_at(t, err, "a carriage return within a line");
  }
}

static bool is_one_of(const char *text, const char *const *list) {
  for (; *list; ++list) {
    if (!strcasecmp(text, *list)) return true;
  }
  return false;
}

/* Which columns a header names; false when the record is no header. */
static bool read_header(const table *t, int columns[2]) {
  static const char *const paths[] = {"path",  "file",       "filename", "file_name",
                                      "image", "image_path", "picture",  NULL};
  static const char *const classes[] = {"class",    "label",    "target",     "category",
                                        "class_id", "label_id", "class_name", NULL};
  int found[2] = {-1, -1};
  for (int i = t->field_count - 1; i >= 0; --i) {
    if (is_one_of(t->fields[i], paths)) found[0] = i;
    if (is_one_of(t->fields[i], classes)) found[1] = i;
  }
  if (found[0] < 0 || found[1] < 0) return false;
  memcpy(columns, found, sizeof found);
  return true;
}

static mn_status add_record(mn_listing *listing, const table *t, const int columns[2],
                            mn_error *err) {
  if (columns[0] >= t->field_count || columns[1] >= t->field_count) {
    return mn_fail(err, MN_ERR_FORMAT, t->name, "line %d: %d field%s, expected a path and a class",
                   (int)t->line, t->field_count, t->field_count == 1 ? "" : "s");
  }
  const char *path = t->fields[columns[0]], *text = t->fields[columns[1]];
  if (!path[0]) return fail_at(t, err, "the path is empty");
  if (!text[0]) return fail_at(t, err, "the class is empty");
  const char *slash = strrchr(t->name, '/');
  if (path[0] != '/' && slash) {
    path = mn_path_join(&listing->tree.arena, t->name, (size_t)(slash - t->name) + 1, path);
    if (!path) return mn_fail_memory(err, strlen(t->name));
  }
  mn_listed item = {.path = path, .text = text, .line = t->line};
  return mn_listing_add(listing, item, err);
}

static table open_table(const char *text, size_t size, const char *name) {
  table t = {.at = text, .end = text + size, .name = name, .separator = ',', .next_line = 1};
  if (size >= 3 && !memcmp(text, "\xef\xbb\xbf", 3)) t.at += 3;
  const char *line_end = memchr(t.at, '\n', (size_t)(t.end - t.at));
  size_t first = (size_t)((line_end ? line_end : t.end) - t.at);
  if (memchr(t.at, '\t', first)) t.separator = '\t';
  return t;
}

mn_status mn_csv_list(mn_listing *listing, const char *text, size_t size, const char *name,
                      mn_error *err) {
  table t = open_table(text, size, name);
  int columns[2] = {0, 1};
  bool first = true;
  while (t.at < t.end) {
    mn_status status = read_record(&t, &listing->tree.arena, err);
    if (status) return status;
    if (t.field_count == 1 && !t.fields[0][0]) continue; /* an empty line */
    bool header = first && read_header(&t, columns);
    first = false;
    if (header) continue;
    status = add_record(listing, &t, columns, err);
    if (status) return status;
  }
  return MN_OK;
}
