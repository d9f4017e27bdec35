/* SPDX-License-Identifier: Apache-2.0
 * YOLO's label files: a line a box, "class x y width height" with the centre, or a line a polygon,
 * "class x1 y1 x2 y2 ...", whose box is taken; all are fractions of the picture. */
#include <math.h>
#include <string.h>

#include "data/decimal.h"
#include "data/label_files.h"

/* Fractions written with few digits may end a little beyond the picture. */
#define MOST_FRACTION 1.5

typedef struct line_reader {
  const mn_label_file *file;
  const char *at, *end; /* of the line */
  size_t line;
} line_reader;

static mn_status fail_at(const line_reader *in, const char *text, mn_error *err) {
  return mn_fail(err, MN_ERR_FORMAT, in->file->name, "line %zu: %s", in->line, text);
}

static bool is_space(char c) { return c == ' ' || c == '\t' || c == '\r'; }

/* The next word of the line; false at its end. */
static bool next_word(line_reader *in, const char **word, size_t *length) {
  while (in->at < in->end && is_space(*in->at)) in->at++;
  *word = in->at;
  while (in->at < in->end && !is_space(*in->at)) in->at++;
  *length = (size_t)(in->at - *word);
  return *length > 0;
}

static bool next_number(line_reader *in, double *value, bool *ended) {
  const char *word;
  size_t length;
  *ended = !next_word(in, &word, &length);
  return !*ended && mn_decimal_parse(word, length, value);
}

static mn_status read_class(const mn_listing *listing, line_reader *in, int32_t *class,
                            mn_error *err) {
  double value;
  bool ended;
  if (!next_number(in, &value, &ended) || value < 0 || value != floor(value)) {
    return fail_at(in, "expected a class number first", err);
  }
  if (value >= (double)listing->class_count) {
    return mn_fail(err, MN_ERR_FORMAT, in->file->name,
                   "line %zu: class %.0f, but the names are those of classes 0 to %zu", in->line,
                   value, listing->class_count - 1);
  }
  *class = (int32_t)value;
  return MN_OK;
}

/* Numbers after the class; of a polygon `box` is the range of its points so far. */
static mn_status read_numbers(line_reader *in, double first[4], double range[4], size_t *count,
                              mn_error *err) {
  double value;
  bool ended;
  *count = 0;
  while (next_number(in, &value, &ended)) {
    if (value > MOST_FRACTION || value < 1 - MOST_FRACTION) {
      return fail_at(in, "a number beyond 0 to 1: expected fractions of the picture's size", err);
    }
    const size_t axis = *count % 2;
    if (*count < 4) first[*count] = value;
    range[axis] = *count < 2 ? value : fmin(range[axis], value);
    range[axis + 2] = *count < 2 ? value : fmax(range[axis + 2], value);
    ++*count;
  }
  return ended ? MN_OK : fail_at(in, "expected numbers", err);
}

static mn_status read_line(mn_listing *listing, line_reader *in, mn_error *err) {
  mn_listed_box found = {.item = listing->count - 1, .box = {.area = -1}};
  double first[4], *box = found.box.box;
  size_t count = 0;
  mn_status status = read_class(listing, in, &found.box.class_index, err);
  if (!status) status = read_numbers(in, first, box, &count, err);
  if (status) return status;
  if (count == 4) {
    for (int i = 0; i < 2; ++i) {
      box[i] = first[i] - first[i + 2] / 2;
      box[i + 2] = first[i] + first[i + 2] / 2;
    }
  } else if (count < 6 || count % 2) {
    return mn_fail(err, MN_ERR_FORMAT, in->file->name,
                   "line %zu: %zu numbers after the class, expected 4, or a polygon's pairs",
                   in->line, count);
  }
  const mn_box_place place = {in->file->name, "line", in->line};
  return mn_listing_add_box(listing, &found, &place, err);
}

mn_status mn_yolo_read(mn_listing *listing, const mn_label_file *file, mn_error *err) {
  const char *at = file->text, *end = file->text + file->size;
  line_reader in = {.file = file};
  while (at < end) {
    const char *line_end = memchr(at, '\n', (size_t)(end - at));
    in.at = at;
    in.end = line_end ? line_end : end;
    in.line++;
    at = in.end + 1;
    while (in.at < in.end && is_space(*in.at)) in.at++;
    if (in.at == in.end) continue;
    mn_status status = read_line(listing, &in, err);
    if (status) return status;
    if (!line_end) break;
  }
  return MN_OK;
}
