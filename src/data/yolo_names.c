/* SPDX-License-Identifier: Apache-2.0
 * The names of a YOLO set, from as much YAML as is written for them: under `names:`, which begins
 * its line, a list or a map from 0 on, in lines or within brackets. */
#include <string.h>

#include "base/alloc.h"
#include "data/decimal.h"
#include "data/label_files.h"

enum { MOST_NAMES = 65536 };

typedef struct span {
  const char *at, *end;
} span;

typedef struct names_reader {
  mn_listing *listing;
  const mn_label_file *file;
  mn_error *err;
} names_reader;

static mn_status refuse(const names_reader *in, const char *text) {
  return mn_fail(in->err, MN_ERR_FORMAT, in->file->name, "names: %s", text);
}

static bool is_space(char c) { return c == ' ' || c == '\t' || c == '\r' || c == '\n'; }

static span trim(span s) {
  while (s.at < s.end && is_space(*s.at)) s.at++;
  while (s.at < s.end && is_space(s.end[-1])) s.end--;
  return s;
}

/* Where the first of `wanted` stands outside quotes, or the end; a comment ends what is looked at
 * when `comments` are: they begin with # at the start or after a space. */
static const char *find_plain(span s, const char *wanted, bool comments) {
  char quote = 0;
  for (const char *p = s.at; p < s.end; ++p) {
    const bool starts = p == s.at || strchr(" \t\r\n,[{:-", p[-1]);
    if (quote) {
      if (quote == '"' && *p == '\\' && p + 1 < s.end) {
        p++;
      } else if (*p == quote) {
        quote = 0;
      }
    } else if (starts && (*p == '\'' || *p == '"')) {
      quote = *p;
    } else if (comments && *p == '#' && (p == s.at || is_space(p[-1]))) {
      return p;
    } else if (*p && strchr(wanted, *p)) {
      return p;
    }
  }
  return s.end;
}

static span next_line(span *rest) {
  const char *line_end = memchr(rest->at, '\n', (size_t)(rest->end - rest->at));
  const span line = {rest->at, line_end ? line_end : rest->end};
  rest->at = line_end ? line_end + 1 : rest->end;
  return line;
}

static span without_comment(span line) { return (span){line.at, find_plain(line, "", true)}; }

/* The name that a scalar states, without its quotes. */
static mn_status add_name(const names_reader *in, span s) {
  s = trim(s);
  const size_t length = (size_t)(s.end - s.at);
  if (!length || memchr(s.at, '\0', length)) return refuse(in, "an empty name");
  char *name = mn_arena_string(&in->listing->tree.arena, s.at, length);
  if (!name) return mn_fail_memory(in->err, length);
  const char quote = *name;
  if (quote == '\'' || quote == '"') {
    if (length < 3 || s.end[-1] != quote) return refuse(in, "a quote that is not closed");
    size_t used = 0;
    for (size_t i = 1; i + 1 < length; ++i) {
      const bool escape = quote == '"' ? name[i] == '\\' : name[i] == '\'';
      if (escape && i + 2 < length) i++;
      name[used++] = name[i];
    }
    name[used] = '\0';
  } else if (strchr("[{&*!|>%@`", quote)) {
    return refuse(in, "expected a list or map of plain names");
  }
  const size_t count = in->listing->class_count;
  if (count >= MOST_NAMES) return refuse(in, "more than 65536 of them");
  const int32_t class = mn_listing_class(in->listing, name);
  if (class < 0) return mn_fail_memory(in->err, length);
  if ((size_t) class < count) {
    return mn_fail(in->err, MN_ERR_FORMAT, in->file->name, "names: '%s' is there twice", name);
  }
  return MN_OK;
}

/* "7: name": keys count from 0 on, so that a position is an index. */
static mn_status add_pair(const names_reader *in, span s) {
  s = trim(s);
  const span key = {s.at, find_plain(s, ":", false)};
  double number;
  if (key.end == s.end || !mn_decimal_parse(key.at, (size_t)(key.end - key.at), &number)) {
    return refuse(in, "expected a class number, a colon and a name");
  }
  if (number != (double)in->listing->class_count) {
    return mn_fail(in->err, MN_ERR_FORMAT, in->file->name,
                   "names: class %.0f where %zu comes next: expected 0, 1, 2 and so on", number,
                   in->listing->class_count);
  }
  return add_name(in, (span){key.end + 1, s.end});
}

/* The lines below "names:": "- name" at any depth, or "  7: name". */
static mn_status read_lines(const names_reader *in, span rest) {
  mn_status status = MN_OK;
  while (!status && rest.at < rest.end) {
    const span line = without_comment(next_line(&rest)), text = trim(line);
    if (text.at == text.end) continue;
    const bool item = *text.at == '-' && (text.at + 1 == text.end || is_space(text.at[1]));
    if (text.at == line.at && !item) break; /* the next key of the file */
    status = item ? add_name(in, (span){text.at + 1, text.end}) : add_pair(in, text);
  }
  return status;
}

/* "[a, b]" or "{0: a, 1: b}", over any number of lines. */
static mn_status read_brackets(const names_reader *in, span rest) {
  const bool pairs = *rest.at == '{';
  const char *stop = pairs ? ",}" : ",]";
  rest.at++;
  for (;;) {
    const span one = {rest.at, find_plain(rest, stop, false)};
    if (one.end == rest.end) return refuse(in, "a bracket that is not closed");
    const span text = trim(one);
    const bool last = *one.end != ',';
    rest.at = one.end + 1;
    if (last && text.at == text.end) return MN_OK;
    mn_status status = pairs ? add_pair(in, text) : add_name(in, text);
    if (status || last) return status;
  }
}

mn_status mn_yolo_names_read(mn_listing *listing, const mn_label_file *file, mn_error *err) {
  static const char key[] = "names:";
  const names_reader in = {listing, file, err};
  span rest = {file->text, file->text + file->size};
  if (file->size >= 3 && !memcmp(rest.at, "\xef\xbb\xbf", 3)) rest.at += 3;
  while (rest.at < rest.end) {
    const span line = next_line(&rest);
    if ((size_t)(line.end - line.at) < sizeof key - 1 || memcmp(line.at, key, sizeof key - 1)) {
      continue;
    }
    const span value = trim(without_comment((span){line.at + sizeof key - 1, line.end}));
    mn_status status;
    if (value.at == value.end) {
      status = read_lines(&in, rest);
    } else if (*value.at == '[' || *value.at == '{') {
      status = read_brackets(&in, (span){value.at, rest.end});
    } else {
      return refuse(&in, "expected a list or a map");
    }
    if (status || listing->class_count) return status;
    return refuse(&in, "there are none");
  }
  return mn_fail(err, MN_ERR_FORMAT, file->name, "there is no line that begins with names:");
}
