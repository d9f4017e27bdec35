/* SPDX-License-Identifier: Apache-2.0
 * State dictionaries of torch.save: a zip archive of stored files, one a storage, and data.pkl,
 * which says how tensors lie in them. Source: torch/serialization.py, torch/_utils.py (1.6 to 2).
 */
#include <stdlib.h>
#include <string.h>

#include "base/checked.h"
#include "weights/pickle.h"
#include "weights/state_file.h"
#include "wire/zip.h"

/* All that a state dictionary names. */
static const char ordered_dict[] = "collections OrderedDict";
static const char rebuild_tensor[] = "torch._utils _rebuild_tensor_v2";
static const char rebuild_parameter[] = "torch._utils _rebuild_parameter";
static const struct {
  const char *name;
  mn_type type;
} storages[] = {
    {"torch FloatStorage", MN_F32},     {"torch HalfStorage", MN_F16},
    {"torch BFloat16Storage", MN_BF16}, {"torch LongStorage", MN_I64},
    {"torch IntStorage", MN_I32},       {"torch ByteStorage", MN_U8},
    {"torch CharStorage", MN_I8},       {"torch BoolStorage", MN_BOOL},
};
static const char *const globals[] = {
    ordered_dict,        rebuild_tensor,          rebuild_parameter,   "torch FloatStorage",
    "torch HalfStorage", "torch BFloat16Storage", "torch LongStorage", "torch IntStorage",
    "torch ByteStorage", "torch CharStorage",     "torch BoolStorage", NULL};

typedef struct torch_file {
  mn_state *state;
  mn_zip_entry *entries; /* [entry_count], by name */
  size_t entry_count;
  const mn_zip_entry *pickle;
  const char *folder; /* of the archive, with its slash; not terminated */
  size_t folder_length;
  mn_error *err;
} torch_file;

/* ---- The archive ----------------------------------------------------------------------------- */

/* "data.pkl", alone or in a folder; the folder's length. */
static bool is_pickle(const mn_zip_entry *entry, size_t *folder_length) {
  static const char name[] = "data.pkl";
  size_t length = sizeof name - 1;
  if (entry->name_length < length) return false;
  *folder_length = entry->name_length - length;
  return memcmp(entry->name + *folder_length, name, length) == 0 &&
         (*folder_length == 0 || entry->name[*folder_length - 1] == '/');
}

bool mn_state_is_torch(const uint8_t *bytes, size_t size) {
  mn_zip zip;
  mn_zip_entry entry;
  size_t folder;
  if (size < 4 || memcmp(bytes, "PK\3\4", 4) != 0 || !mn_zip_open(&zip, bytes, size)) return false;
  while (mn_zip_next(&zip, &entry)) {
    if (is_pickle(&entry, &folder)) return true;
  }
  return false;
}

static int compare_names(const void *a, const void *b) {
  const mn_zip_entry *x = a, *y = b;
  size_t shared = x->name_length < y->name_length ? x->name_length : y->name_length;
  int order = memcmp(x->name, y->name, shared);
  return order ? order : (x->name_length > y->name_length) - (x->name_length < y->name_length);
}

static mn_status open_archive(torch_file *file) {
  const mn_load_request *request = file->state->request;
  mn_zip zip, counted;
  mn_zip_entry entry;
  if (!mn_zip_open(&zip, request->bytes, request->size)) {
    return mn_fail(file->err, MN_ERR_FORMAT, request->name, "it is no whole zip archive");
  }
  counted = zip;
  while (mn_zip_next(&counted, &entry)) file->entry_count++;
  size_t bytes = file->entry_count * sizeof entry; /* each took more bytes of the file */
  mn_status status = mn_state_spend(file->state, bytes, file->err);
  if (status) return status;
  file->entries = mn_arena_take(&file->state->arena, bytes);
  if (!file->entries) return mn_fail_memory(file->err, bytes);
  for (size_t i = 0; i < file->entry_count; i++) mn_zip_next(&zip, &file->entries[i]);
  qsort(file->entries, file->entry_count, sizeof entry, compare_names);
  for (size_t i = 0; i < file->entry_count && !file->pickle; i++) {
    if (is_pickle(&file->entries[i], &file->folder_length)) file->pickle = &file->entries[i];
  }
  if (!file->pickle || !file->pickle->data) {
    return mn_fail(file->err, MN_ERR_FORMAT, request->name,
                   "its data.pkl is missing, compressed or outside of the file");
  }
  file->folder = file->pickle->name;
  return MN_OK;
}

/* FOLDER/PART[KEY]; NULL when there is none that can be read. */
static const mn_zip_entry *find_entry(const torch_file *file, const char *part,
                                      const mn_pickle *key) {
  char name[256];
  size_t part_length = strlen(part), key_length = key ? key->length : 0;
  mn_zip_entry wanted = {.name = name};
  if (file->folder_length + part_length > 128 || key_length > 64) return NULL;
  wanted.name_length = file->folder_length + part_length + key_length;
  memcpy(name, file->folder, file->folder_length);
  memcpy(name + file->folder_length, part, part_length);
  if (key_length) memcpy(name + file->folder_length + part_length, key->text, key_length);
  const mn_zip_entry *found =
      bsearch(&wanted, file->entries, file->entry_count, sizeof wanted, compare_names);
  return found && found->data ? found : NULL;
}

/* ---- Tensors --------------------------------------------------------------------------------- */

static bool is_call(const mn_pickle *value, const char *callee) {
  return value->kind == MN_PICKLE_CALL && mn_pickle_is(value->callee, MN_PICKLE_GLOBAL, callee);
}

static bool is_dict(const mn_pickle *value) {
  return value->kind == MN_PICKLE_DICT || is_call(value, ordered_dict);
}

/* The call that makes a tensor, within that of a parameter too; NULL when there is none. */
static const mn_pickle *tensor_call(const mn_pickle *value) {
  if (is_call(value, rebuild_parameter) && value->argument->count)
    value = value->argument->items[0];
  return is_call(value, rebuild_tensor) && value->argument->count >= 4 ? value : NULL;
}

/* A tuple of at most MN_MAX_RANK numbers from `least` on. */
static bool read_sizes(const mn_pickle *tuple, mn_shape *shape, int64_t least) {
  if (tuple->kind != MN_PICKLE_TUPLE || tuple->count > MN_MAX_RANK) return false;
  *shape = (mn_shape){(int32_t)tuple->count, {0}};
  for (int32_t i = 0; i < shape->rank; i++) {
    const mn_pickle *item = tuple->items[i];
    if (item->kind != MN_PICKLE_INT || item->number < least || item->number > INT32_MAX) {
      return false;
    }
    shape->dim[i] = (int32_t)item->number;
  }
  return true;
}

static bool is_contiguous(const mn_shape *shape, const mn_shape *stride) {
  int64_t step = 1;
  if (shape->rank != stride->rank) return false;
  for (int32_t i = shape->rank - 1; i >= 0; i--) {
    if (shape->dim[i] != 1 && stride->dim[i] != step) return false;
    step *= shape->dim[i]; /* below 2^31: the elements were counted */
  }
  return true;
}

/* ('storage', type, key, location, elements) */
static const mn_zip_entry *read_storage(const torch_file *file, const mn_pickle *value,
                                        mn_type *type) {
  const mn_pickle *id = value->kind == MN_PICKLE_PERSISTENT ? value->argument : NULL;
  if (!id || id->kind != MN_PICKLE_TUPLE || id->count != 5 ||
      !mn_pickle_is(id->items[0], MN_PICKLE_TEXT, "storage") ||
      id->items[2]->kind != MN_PICKLE_TEXT) {
    return NULL;
  }
  for (size_t i = 0; i < sizeof storages / sizeof storages[0]; i++) {
    if (!mn_pickle_is(id->items[1], MN_PICKLE_GLOBAL, storages[i].name)) continue;
    *type = storages[i].type;
    return find_entry(file, "data/", id->items[2]);
  }
  return NULL;
}

static mn_status bad_tensor(const torch_file *file, const char *name, const char *what) {
  return mn_fail(file->err, MN_ERR_FORMAT, file->state->request->name, "tensor %.200s %s", name,
                 what);
}

/* (storage, offset, size, stride, ...) */
static mn_status read_tensor(const torch_file *file, const mn_pickle *arguments,
                             mn_state_tensor *tensor) {
  mn_pickle *const *items = arguments->items;
  mn_shape stride;
  int32_t elements;
  const mn_zip_entry *entry = read_storage(file, items[0], &tensor->type);
  if (!entry) return bad_tensor(file, tensor->name, "has no storage in the file");
  if (!read_sizes(items[2], &tensor->shape, 1) || !mn_shape_elements(&tensor->shape, &elements)) {
    return bad_tensor(file, tensor->name,
                      "has no shape of at most 4 positive sizes, fewer than 2^31 elements");
  }
  if (!read_sizes(items[3], &stride, 0) || !is_contiguous(&tensor->shape, &stride)) {
    return bad_tensor(file, tensor->name, "is not contiguous: save it with .contiguous()");
  }
  size_t size = mn_type_bytes(tensor->type);
  uint64_t offset =
      items[1]->kind == MN_PICKLE_INT && items[1]->number >= 0 && items[1]->number <= INT32_MAX
          ? (uint64_t)items[1]->number
          : UINT64_MAX / 16;
  if (!mn_within(offset * size, (uint64_t)elements * size, entry->size)) {
    return bad_tensor(file, tensor->name, "reaches outside of its storage");
  }
  tensor->data = entry->data + offset * size;
  return MN_OK;
}

static mn_status add_entry(const torch_file *file, const mn_pickle *key, const mn_pickle *value) {
  enum { LONGEST_NAME = 512 };
  char name[LONGEST_NAME];
  mn_state_tensor tensor = {.name = name};
  if (key->kind != MN_PICKLE_TEXT || key->length >= LONGEST_NAME) {
    return mn_fail(file->err, MN_ERR_FORMAT, file->state->request->name,
                   "its dictionary has a key that is no name");
  }
  memcpy(name, key->text, key->length);
  name[key->length] = '\0';
  const mn_pickle *call = tensor_call(value);
  if (!call) {
    return mn_fail(file->err, MN_ERR_UNSUPPORTED, file->state->request->name,
                   "its entry %.200s is no tensor, expected a dictionary of tensors", name);
  }
  mn_status status = read_tensor(file, call->argument, &tensor);
  return status ? status : mn_state_add(file->state, &tensor, file->err);
}

/* ---- The dictionary -------------------------------------------------------------------------- */

/* A training checkpoint keeps the state dictionary beside other things. */
static const mn_pickle *inner_dict(const mn_pickle *dict) {
  static const char *const names[] = {"state_dict", "model_state_dict", "model"};
  for (size_t n = 0; n < sizeof names / sizeof names[0]; n++) {
    for (size_t i = 0; i + 1 < dict->count; i += 2) {
      if (mn_pickle_is(dict->items[i], MN_PICKLE_TEXT, names[n]) && is_dict(dict->items[i + 1])) {
        return dict->items[i + 1];
      }
    }
  }
  return dict;
}

static mn_status add_dict(const torch_file *file, const mn_pickle *root) {
  if (!is_dict(root)) {
    return mn_fail(file->err, MN_ERR_UNSUPPORTED, file->state->request->name,
                   "it holds no dictionary: expected what torch.save(model.state_dict(), FILE) "
                   "writes");
  }
  const mn_pickle *dict = inner_dict(root);
  mn_status status = MN_OK;
  for (size_t i = 0; i + 1 < dict->count && !status; i += 2) {
    status = add_entry(file, dict->items[i], dict->items[i + 1]);
  }
  return status;
}

mn_status mn_state_load_torch(mn_state *state, mn_error *err) {
  torch_file file = {.state = state, .err = err};
  const mn_pickle *root = NULL;
  mn_status status = open_archive(&file);
  if (status) return status;
  const mn_zip_entry *order = find_entry(&file, "byteorder", NULL);
  if (order && (order->size != 6 || memcmp(order->data, "little", 6) != 0)) {
    return mn_fail(err, MN_ERR_UNSUPPORTED, state->request->name,
                   "it was saved by a big-endian machine");
  }
  mn_pickle_source source = {file.pickle->data, file.pickle->size, state->request->name, globals,
                             state->request->memory_cap};
  status = mn_pickle_read(&root, &source, &state->arena, err);
  return status ? status : add_dict(&file, root);
}
