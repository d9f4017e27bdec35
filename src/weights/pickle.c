/* SPDX-License-Identifier: Apache-2.0
 * The stack machine of pickles, protocols 2 to 5, as far as data need it. Source: Python's
 * pickletools. Each instruction costs bounded memory, so that a pickle's cost is its length's. */
#include "weights/pickle.h"

#include <stdio.h>
#include <string.h>

#include "base/checked.h"

typedef struct machine {
  const mn_pickle_source *source;
  size_t at; /* of the next instruction */
  mn_arena *arena;
  mn_pickle **stack; /* [depth] */
  size_t depth, stack_capacity;
  mn_pickle **memo; /* [memo_capacity], NULL where nothing is kept */
  size_t memo_count, memo_capacity;
  bool stopped;
  mn_error *err;
} machine;

static mn_status broken(machine *m, const char *what) {
  return mn_fail(m->err, MN_ERR_FORMAT, m->source->name, "its pickle is broken at byte %zu: %s",
                 m->at, what);
}

static mn_status take(machine *m, size_t bytes, void **out) {
  size_t total;
  uint64_t cap = m->source->memory_cap;
  if (!mn_add_size(m->arena->used, bytes, &total) || (cap && total > cap)) {
    return mn_fail(m->err, MN_ERR_LIMIT, m->source->name,
                   "it needs more than the memory cap of %llu bytes", (unsigned long long)cap);
  }
  *out = mn_arena_take(m->arena, bytes);
  return *out ? MN_OK : mn_fail_memory(m->err, bytes);
}

/* Room for `wanted` pointers, the first `count` of which are kept. */
static mn_status grow(machine *m, mn_pickle ***array, size_t count, size_t *capacity,
                      size_t wanted) {
  if (wanted <= *capacity) return MN_OK;
  size_t room = *capacity ? *capacity : 4, bytes;
  while (room < wanted) {
    if (!mn_mul_size(room, 2, &room)) return mn_fail_memory(m->err, SIZE_MAX);
  }
  void *grown;
  if (!mn_mul_size(room, sizeof **array, &bytes)) return mn_fail_memory(m->err, SIZE_MAX);
  mn_status status = take(m, bytes, &grown);
  if (status) return status;
  if (count) memcpy(grown, *array, count * sizeof **array);
  *array = grown;
  *capacity = room;
  return MN_OK;
}

static mn_status push(machine *m, mn_pickle *value) {
  mn_status status = grow(m, &m->stack, m->depth, &m->stack_capacity, m->depth + 1);
  if (!status) m->stack[m->depth++] = value;
  return status;
}

static mn_status push_new(machine *m, mn_pickle value) {
  void *made;
  mn_status status = take(m, sizeof value, &made);
  if (status) return status;
  memcpy(made, &value, sizeof value);
  return push(m, made);
}

/* The topmost value, or NULL when there is none but a mark. */
static mn_pickle *top(const machine *m) {
  if (m->depth == 0 || m->stack[m->depth - 1]->kind == MN_PICKLE_MARK) return NULL;
  return m->stack[m->depth - 1];
}

static mn_pickle *pop(machine *m) {
  mn_pickle *value = top(m);
  if (value) m->depth--;
  return value;
}

/* Where the values after the last mark begin; false when there is no mark. */
static bool find_mark(const machine *m, size_t *first) {
  for (size_t i = m->depth; i-- > 0;) {
    if (m->stack[i]->kind != MN_PICKLE_MARK) continue;
    *first = i + 1;
    return true;
  }
  return false;
}

/* ---- Arguments that follow an instruction ---------------------------------------------------- */

static bool next_bytes(machine *m, size_t count, const uint8_t **bytes) {
  if (!mn_within(m->at, count, m->source->size)) return false;
  *bytes = m->source->bytes + m->at;
  m->at += count;
  return true;
}

/* A little-endian number of `count` <= 8 bytes. */
static bool next_number(machine *m, size_t count, uint64_t *number) {
  const uint8_t *bytes;
  if (!next_bytes(m, count, &bytes)) return false;
  *number = 0;
  for (size_t i = count; i-- > 0;) *number = *number << 8 | bytes[i];
  return true;
}

static mn_status push_int(machine *m, size_t bytes, bool is_signed) {
  uint64_t number;
  if (bytes > 8) return broken(m, "a number of more than 64 bits");
  if (!next_number(m, bytes, &number)) return broken(m, "it ends within a number");
  unsigned shift = (unsigned)(64 - 8 * bytes);
  bool negative = is_signed && bytes && number >> (8 * bytes - 1) & 1;
  if (negative && shift) number |= UINT64_MAX << (64 - shift);
  int64_t value;
  memcpy(&value, &number, sizeof value);
  return push_new(m, (mn_pickle){.kind = MN_PICKLE_INT, .number = value});
}

/* LONG1: its length is a byte. */
static mn_status push_long(machine *m) {
  uint64_t bytes;
  if (!next_number(m, 1, &bytes)) return broken(m, "it ends within a number");
  return push_int(m, (size_t)bytes, true);
}

static mn_status push_text(machine *m, size_t length_bytes) {
  uint64_t length;
  const uint8_t *text;
  if (!next_number(m, length_bytes, &length) || length > SIZE_MAX ||
      !next_bytes(m, (size_t)length, &text)) {
    return broken(m, "it ends within a text");
  }
  return push_new(
      m, (mn_pickle){.kind = MN_PICKLE_TEXT, .text = (const char *)text, .length = (size_t)length});
}

static mn_status skip(machine *m, size_t count) {
  const uint8_t *bytes;
  return next_bytes(m, count, &bytes) ? MN_OK : broken(m, "it ends within an instruction");
}

static mn_status push_float(machine *m) {
  mn_status status = skip(m, 8);
  return status ? status : push_new(m, (mn_pickle){.kind = MN_PICKLE_FLOAT});
}

/* ---- Names ----------------------------------------------------------------------------------- */

typedef struct words {
  const char *text;
  size_t length;
} words;

/* Copies what can be printed, cut to fit. */
static void printable(char *out, size_t size, words name) {
  size_t i = 0;
  for (; i < name.length && i + 1 < size; i++) {
    out[i] = name.text[i] > ' ' && name.text[i] < 127 ? name.text[i] : '?';
  }
  out[i] = '\0';
}

static mn_status push_global(machine *m, words module, words name) {
  for (const char *const *global = m->source->globals; *global; global++) {
    size_t length = strlen(*global);
    if (length == module.length + 1 + name.length &&
        memcmp(*global, module.text, module.length) == 0 && (*global)[module.length] == ' ' &&
        memcmp(*global + module.length + 1, name.text, name.length) == 0) {
      return push_new(m, (mn_pickle){.kind = MN_PICKLE_GLOBAL, .text = *global, .length = length});
    }
  }
  char a[64], b[64];
  printable(a, sizeof a, module);
  printable(b, sizeof b, name);
  return mn_fail(m->err, MN_ERR_UNSUPPORTED, m->source->name,
                 "its pickle asks for %s.%s, which is code or a type that no state dictionary "
                 "needs: expected what torch.save(model.state_dict(), FILE) writes",
                 a, b);
}

static bool next_line(machine *m, words *line) {
  const char *from = (const char *)m->source->bytes + m->at;
  const char *end = memchr(from, '\n', m->source->size - m->at);
  if (!end) return false;
  *line = (words){from, (size_t)(end - from)};
  m->at += line->length + 1;
  return true;
}

static mn_status global_of_lines(machine *m) {
  words module, name;
  if (!next_line(m, &module) || !next_line(m, &name)) return broken(m, "it ends within a name");
  return push_global(m, module, name);
}

static mn_status global_of_stack(machine *m) {
  const mn_pickle *name = pop(m), *module = name ? pop(m) : NULL;
  if (!module || name->kind != MN_PICKLE_TEXT || module->kind != MN_PICKLE_TEXT) {
    return broken(m, "a name that is no text");
  }
  return push_global(m, (words){module->text, module->length}, (words){name->text, name->length});
}

/* ---- Containers and calls -------------------------------------------------------------------- */

static mn_status add_items(machine *m, mn_pickle *to, mn_pickle *const *items, size_t count) {
  size_t total;
  if (!mn_add_size(to->count, count, &total)) return mn_fail_memory(m->err, SIZE_MAX);
  mn_status status = grow(m, &to->items, to->count, &to->capacity, total);
  if (status) return status;
  if (count) memcpy(to->items + to->count, items, count * sizeof *items);
  to->count = total;
  return MN_OK;
}

/* A tuple of the values from `first` on. */
static mn_status make_tuple(machine *m, size_t first) {
  mn_pickle tuple = {.kind = MN_PICKLE_TUPLE};
  for (size_t i = first; i < m->depth; i++) {
    if (m->stack[i]->kind == MN_PICKLE_MARK) return broken(m, "a mark within a tuple");
  }
  mn_status status = add_items(m, &tuple, m->stack + first, m->depth - first);
  m->depth = first;
  return status ? status : push_new(m, tuple);
}

static mn_status tuple_of(machine *m, size_t count) {
  if (m->depth < count) return broken(m, "a tuple of more than there is");
  return make_tuple(m, m->depth - count);
}

static mn_status tuple_since_mark(machine *m) {
  size_t first;
  if (!find_mark(m, &first)) return broken(m, "no mark");
  mn_status status = make_tuple(m, first);
  if (status) return status;
  m->stack[first - 1] = m->stack[m->depth - 1]; /* over the mark */
  m->depth = first;
  return MN_OK;
}

static bool takes_items(const mn_pickle *to, bool pairs) {
  if (!pairs) return to->kind == MN_PICKLE_LIST;
  return to->kind == MN_PICKLE_DICT || to->kind == MN_PICKLE_CALL;
}

/* Moves the values from `first` on into the container before them (and before their mark). */
static mn_status move_items(machine *m, size_t first, bool pairs, bool marked) {
  size_t below = marked ? 2 : 1, count = m->depth - first;
  if (first < below || m->stack[first - below]->kind == MN_PICKLE_MARK || (pairs && count % 2)) {
    return broken(m, "items without a place");
  }
  mn_pickle *to = m->stack[first - below];
  if (!takes_items(to, pairs)) return broken(m, "items of what is no container");
  mn_status status = add_items(m, to, m->stack + first, count);
  m->depth = first - (marked ? 1 : 0);
  return status;
}

static mn_status add_one(machine *m, bool pairs) {
  size_t count = pairs ? 2 : 1;
  if (m->depth < count) return broken(m, "no items");
  for (size_t i = m->depth - count; i < m->depth; i++) {
    if (m->stack[i]->kind == MN_PICKLE_MARK) return broken(m, "a mark among items");
  }
  return move_items(m, m->depth - count, pairs, false);
}

static mn_status add_marked(machine *m, bool pairs) {
  size_t first;
  if (!find_mark(m, &first)) return broken(m, "no mark");
  return move_items(m, first, pairs, true);
}

static mn_status call(machine *m) {
  const mn_pickle *argument = pop(m), *callee = argument ? pop(m) : NULL;
  if (!callee || callee->kind != MN_PICKLE_GLOBAL || argument->kind != MN_PICKLE_TUPLE) {
    return broken(m, "a call of what is no name");
  }
  return push_new(m, (mn_pickle){.kind = MN_PICKLE_CALL, .callee = callee, .argument = argument});
}

/* BUILD gives an object attributes: those of a dictionary (PyTorch's _metadata) are dropped. */
static mn_status drop_attributes(machine *m) {
  const mn_pickle *attributes = pop(m), *to = attributes ? top(m) : NULL;
  if (!to || !takes_items(to, true) || !takes_items(attributes, true)) {
    return broken(m, "attributes of what is no dictionary");
  }
  return MN_OK;
}

static mn_status persistent(machine *m) {
  const mn_pickle *id = pop(m);
  if (!id) return broken(m, "no id");
  return push_new(m, (mn_pickle){.kind = MN_PICKLE_PERSISTENT, .argument = id});
}

/* ---- The memo -------------------------------------------------------------------------------- */

/* Indices count up, so that one beyond the number of bytes is no honest one. */
static mn_status remember(machine *m, uint64_t index) {
  mn_pickle *value = top(m);
  if (!value || index >= m->source->size) return broken(m, "nothing to keep");
  size_t wanted = (size_t)index + 1;
  mn_status status = grow(m, &m->memo, m->memo_count, &m->memo_capacity, wanted);
  if (status) return status;
  if (wanted > m->memo_count) m->memo_count = wanted;
  m->memo[index] = value;
  return MN_OK;
}

static mn_status remember_at(machine *m, size_t bytes) {
  uint64_t index;
  return next_number(m, bytes, &index) ? remember(m, index) : broken(m, "it ends within an index");
}

static mn_status recall(machine *m, size_t bytes) {
  uint64_t index;
  if (!next_number(m, bytes, &index) || index >= m->memo_count || !m->memo[index]) {
    return broken(m, "what was never kept");
  }
  return push(m, m->memo[index]);
}

/* ---- Instructions ---------------------------------------------------------------------------- */

static mn_status step(machine *m, uint8_t instruction) {
  switch (instruction) {
    case 0x80: return skip(m, 1);              /* PROTO */
    case 0x95: return skip(m, 8);              /* FRAME */
    case '.': m->stopped = true; return MN_OK; /* STOP */
    case '(': return push_new(m, (mn_pickle){.kind = MN_PICKLE_MARK});
    case 'N': return push_new(m, (mn_pickle){.kind = MN_PICKLE_NONE});
    case 0x88: return push_new(m, (mn_pickle){.kind = MN_PICKLE_BOOL, .number = 1});
    case 0x89: return push_new(m, (mn_pickle){.kind = MN_PICKLE_BOOL});
    case 'J': return push_int(m, 4, true);  /* BININT */
    case 'K': return push_int(m, 1, false); /* BININT1 */
    case 'M': return push_int(m, 2, false); /* BININT2 */
    case 0x8a: return push_long(m);         /* LONG1 */
    case 'G': return push_float(m);         /* BINFLOAT */
    case 0x8c: return push_text(m, 1);      /* SHORT_BINUNICODE */
    case 'X': return push_text(m, 4);       /* BINUNICODE */
    case ')': return push_new(m, (mn_pickle){.kind = MN_PICKLE_TUPLE});
    case ']': return push_new(m, (mn_pickle){.kind = MN_PICKLE_LIST});
    case '}': return push_new(m, (mn_pickle){.kind = MN_PICKLE_DICT});
    case 0x85: /* TUPLE1 to TUPLE3 */
    case 0x86:
    case 0x87: return tuple_of(m, (size_t)(instruction - 0x84));
    case 't': return tuple_since_mark(m);         /* TUPLE */
    case 'a': return add_one(m, false);           /* APPEND */
    case 'e': return add_marked(m, false);        /* APPENDS */
    case 's': return add_one(m, true);            /* SETITEM */
    case 'u': return add_marked(m, true);         /* SETITEMS */
    case 'c': return global_of_lines(m);          /* GLOBAL */
    case 0x93: return global_of_stack(m);         /* STACK_GLOBAL */
    case 'R': return call(m);                     /* REDUCE */
    case 'b': return drop_attributes(m);          /* BUILD */
    case 'Q': return persistent(m);               /* BINPERSID */
    case 'q': return remember_at(m, 1);           /* BINPUT */
    case 'r': return remember_at(m, 4);           /* LONG_BINPUT */
    case 0x94: return remember(m, m->memo_count); /* MEMOIZE */
    case 'h': return recall(m, 1);                /* BINGET */
    case 'j': return recall(m, 4);                /* LONG_BINGET */
    default:
      return mn_fail(m->err, MN_ERR_UNSUPPORTED, m->source->name,
                     "its pickle has the instruction 0x%02x at byte %zu, which no state dictionary "
                     "needs",
                     instruction, m->at - 1);
  }
}

mn_status mn_pickle_read(const mn_pickle **out, const mn_pickle_source *source, mn_arena *arena,
                         mn_error *err) {
  machine m = {.source = source, .arena = arena, .err = err};
  mn_status status = MN_OK;
  while (!status && !m.stopped) {
    if (m.at >= source->size) return broken(&m, "it ends without a stop");
    uint8_t instruction = source->bytes[m.at++];
    status = step(&m, instruction);
  }
  if (status) return status;
  *out = top(&m);
  return *out ? MN_OK : broken(&m, "it stops with nothing");
}

bool mn_pickle_is(const mn_pickle *value, mn_pickle_kind kind, const char *text) {
  return value->kind == kind && value->length == strlen(text) &&
         memcmp(value->text, text, value->length) == 0;
}
