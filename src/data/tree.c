/* SPDX-License-Identifier: Apache-2.0
 * See tree.h. Folders of an archive are what its names say: an archive need not list them. */
#define _POSIX_C_SOURCE 200809L
#include "data/tree.h"

#include <dirent.h>
#include <errno.h>
#include <string.h>
#include <sys/stat.h>

/* ---- Opening -------------------------------------------------------------------------------- */

/* Compressed archives, and how to get at what is in them. */
typedef struct packed {
  const char *magic;
  size_t length;
  const char *kind, *unpack;
} packed;

static const packed kinds[] = {
    {"\xfd"
     "7zXZ\0",
     6, "compressed by xz", "xz -dk"},
    {"\x1f\x8b", 2, "compressed by gzip", "gunzip -k"},
    {"BZh", 3, "compressed by bzip2", "bunzip2 -k"},
    {"\x28\xb5\x2f\xfd", 4, "compressed by zstd", "zstd -d"},
    {"PK\3\4", 4, "a zip archive", "unzip"},
    {"7z\xbc\xaf\x27\x1c", 6, "a 7-Zip archive", "7z x"},
    {"Rar!\x1a\x07", 6, "a RAR archive", "unrar x"},
};

static mn_status refuse_packed(const mn_file *file, const char *path, mn_error *err) {
  for (size_t i = 0; i < sizeof kinds / sizeof *kinds; ++i) {
    const packed *kind = &kinds[i];
    if (file->size < kind->length || memcmp(file->bytes, kind->magic, kind->length) != 0) continue;
    return mn_fail(err, MN_ERR_UNSUPPORTED, path,
                   "is %s; folders and .tar are read as they are: unpack it first (%s %s)",
                   kind->kind, kind->unpack, path);
  }
  return MN_OK;
}

static mn_status open_bytes(mn_tree *tree, const char *path, mn_error *err) {
  tree->archive_length = strlen(path);
  tree->archive = mn_arena_string(&tree->arena, path, tree->archive_length);
  if (!tree->archive) return mn_fail_memory(err, tree->archive_length);
  return mn_tar_read(&tree->tar, &tree->arena, tree->file.bytes, tree->file.size, path, err);
}

mn_status mn_tree_open_memory(mn_tree *tree, const uint8_t *bytes, size_t size, const char *name,
                              mn_error *err) {
  tree->file = (mn_file){.bytes = bytes, .size = size};
  return open_bytes(tree, name, err);
}

/* The length of the part of a path that is a file, as in "pets.tar/images"; 0: there is none. */
static size_t file_in_path(mn_tree *tree, const char *path) {
  struct stat st;
  char *part = mn_arena_string(&tree->arena, path, strlen(path));
  while (part && part[0]) {
    char *slash = strrchr(part, '/');
    if (!slash) break;
    *slash = '\0';
    if (stat(part, &st) == 0) return S_ISREG(st.st_mode) ? strlen(part) : 0;
  }
  return 0;
}

static mn_status open_inside(mn_tree *tree, const char *path, mn_error *err) {
  const int why = errno;
  const size_t length = file_in_path(tree, path);
  const char *archive = length ? mn_arena_string(&tree->arena, path, length) : NULL;
  if (!archive) return mn_fail(err, MN_ERR_IO, path, "%s", strerror(why));
  mn_status status = mn_tree_open(tree, archive, err);
  if (status || !tree->archive) {
    return status ? status : mn_fail(err, MN_ERR_IO, path, "%s", strerror(why));
  }
  if (mn_tree_has_folder(tree, path) || mn_tree_has_file(tree, path)) return MN_OK;
  return mn_fail(err, MN_ERR_IO, path, "there is no such file in the archive");
}

mn_status mn_tree_open(mn_tree *tree, const char *path, mn_error *err) {
  struct stat st;
  if (stat(path, &st) != 0) return open_inside(tree, path, err);
  if (S_ISDIR(st.st_mode)) return MN_OK;
  mn_status status = mn_file_map(&tree->file, path, err);
  if (status) return status;
  if (mn_tar_is(tree->file.bytes, tree->file.size)) return open_bytes(tree, path, err);
  status = refuse_packed(&tree->file, path, err);
  mn_file_close(&tree->file);
  return status;
}

void mn_tree_close(mn_tree *tree) {
  mn_file_close(&tree->file);
  mn_arena_free(&tree->arena);
  memset(tree, 0, sizeof *tree);
}

/* ---- In an archive -------------------------------------------------------------------------- */

/* The name in the archive that a path stands for, "" for the archive itself; NULL: on disk. */
static const char *inner_name(const mn_tree *tree, const char *path) {
  if (!tree->archive || strncmp(path, tree->archive, tree->archive_length) != 0) return NULL;
  const char *rest = path + tree->archive_length;
  if (*rest && *rest != '/') return NULL;
  while (*rest == '/') rest++;
  return rest;
}

/* A folder's name without slashes at its end; entries below it go on with one. */
typedef struct inside {
  const char *name;
  size_t length;
} inside;

static inside inside_of(const char *name) {
  size_t length = strlen(name);
  while (length && name[length - 1] == '/') length--;
  return (inside){name, length};
}

static bool is_below(const char *name, inside folder) {
  return !folder.length ||
         (!strncmp(name, folder.name, folder.length) && name[folder.length] == '/');
}

static size_t first_below(const mn_tar *tar, inside folder) {
  return folder.length ? mn_tar_below(tar, folder.name, folder.length) : 0;
}

static bool tar_has_folder(const mn_tar *tar, const char *name) {
  const inside folder = inside_of(name);
  const size_t at = first_below(tar, folder);
  if (!folder.length || (at < tar->count && is_below(tar->list[at].name, folder))) return true;
  const mn_tar_entry *entry = mn_tar_find(tar, name);
  return entry && entry->is_folder;
}

/* The next entry after those of the same part of a name below a folder. */
static size_t skip_part(const mn_tar *tar, size_t at, size_t begin, size_t length) {
  const char *name = tar->list[at].name;
  do at++;
  while (at < tar->count && !strncmp(tar->list[at].name, name, begin + length) &&
         tar->list[at].name[begin + length] == '/');
  return at;
}

static mn_status list_tar(mn_tree *tree, const char *name, mn_names *names, mn_error *err) {
  const mn_tar *tar = &tree->tar;
  const inside folder = inside_of(name);
  const size_t begin = folder.length + (folder.length > 0);
  size_t at = first_below(tar, folder);
  while (at < tar->count && is_below(tar->list[at].name, folder)) {
    const char *part = tar->list[at].name + begin;
    const size_t length = strcspn(part, "/");
    if (part[0] != '.') {
      char *copy = mn_arena_string(&tree->arena, part, length);
      if (!copy || !mn_names_add(names, &tree->arena, copy)) return mn_fail_memory(err, length);
    }
    at = skip_part(tar, at, begin, length);
  }
  mn_names_sort(names);
  mn_names_once(names);
  return MN_OK;
}

static mn_status map_tar(const mn_tree *tree, const char *name, const char *path, mn_file *file,
                         mn_error *err) {
  const mn_tar_entry *entry = mn_tar_find(&tree->tar, name);
  if (!entry || entry->is_folder) {
    return mn_fail(err, MN_ERR_IO, path, "there is no such file in the archive");
  }
  if (!entry->size) return mn_fail(err, MN_ERR_FORMAT, path, "the file is empty");
  *file = (mn_file){.bytes = tree->file.bytes + entry->offset, .size = entry->size};
  return MN_OK;
}

/* ---- Either --------------------------------------------------------------------------------- */

static mn_status list_disk(mn_tree *tree, const char *path, mn_names *names, mn_error *err) {
  DIR *folder = opendir(path);
  if (!folder) return mn_fail(err, MN_ERR_IO, path, "%s", strerror(errno));
  bool fits = true;
  const struct dirent *entry;
  while (fits && (entry = readdir(folder))) {
    if (entry->d_name[0] != '.') fits = mn_names_add(names, &tree->arena, entry->d_name);
  }
  closedir(folder);
  if (!fits) return mn_fail_memory(err, names->capacity * sizeof *names->list);
  mn_names_sort(names);
  return MN_OK;
}

mn_status mn_tree_list(mn_tree *tree, const char *path, mn_names *names, mn_error *err) {
  const char *inner = inner_name(tree, path);
  return inner ? list_tar(tree, inner, names, err) : list_disk(tree, path, names, err);
}

bool mn_tree_has_folder(const mn_tree *tree, const char *path) {
  const char *inner = inner_name(tree, path);
  struct stat st;
  if (inner) return tar_has_folder(&tree->tar, inner);
  return stat(path, &st) == 0 && S_ISDIR(st.st_mode);
}

bool mn_tree_has_file(const mn_tree *tree, const char *path) {
  const char *inner = inner_name(tree, path);
  struct stat st;
  if (inner) {
    const mn_tar_entry *entry = mn_tar_find(&tree->tar, inner);
    return entry && !entry->is_folder;
  }
  return stat(path, &st) == 0 && S_ISREG(st.st_mode);
}

mn_status mn_tree_map(const mn_tree *tree, const char *path, mn_file *file, mn_error *err) {
  const char *inner = inner_name(tree, path);
  return inner ? map_tar(tree, inner, path, file, err) : mn_file_map(file, path, err);
}

/* ---- Where a set begins --------------------------------------------------------------------- */

/* Whether a folder of those names holds a folder or a table. */
static mn_status looks_like_a_set(mn_tree *tree, const char *path, const mn_names *names, bool *yes,
                                  mn_error *err) {
  *yes = false;
  for (size_t i = 0; i < names->count && !*yes; ++i) {
    const char *inner = mn_path_join(&tree->arena, path, strlen(path), names->list[i]);
    if (!inner) return mn_fail_memory(err, strlen(path));
    *yes = mn_tree_has_folder(tree, inner) || !strcmp(names->list[i], "labels.tsv") ||
           !strcmp(names->list[i], "labels.csv");
  }
  return MN_OK;
}

/* What is in the only folder that a folder holds, when it looks like a set; *inner stays NULL when
 * it does not, or there is more beside it. */
static mn_status look_into(mn_tree *tree, const char *path, const char *name, const char **inner,
                           mn_error *err) {
  mn_names names = {0};
  bool yes = false;
  const char *folder = mn_path_join(&tree->arena, path, strlen(path), name);
  mn_status status =
      folder ? mn_tree_list(tree, folder, &names, err) : mn_fail_memory(err, strlen(path));
  if (!status) status = looks_like_a_set(tree, folder, &names, &yes, err);
  if (yes) *inner = folder;
  mn_names_free(&names);
  return status;
}

mn_status mn_tree_root(mn_tree *tree, const char **path, mn_error *err) {
  for (int depth = 0; depth < MN_MOST_DEPTH; ++depth) {
    mn_names names = {0};
    const char *inner = NULL;
    mn_status status = mn_tree_list(tree, *path, &names, err);
    if (!status && names.count == 1 && !mn_name_is_split(names.list[0])) {
      status = look_into(tree, *path, names.list[0], &inner, err);
    }
    mn_names_free(&names);
    if (status || !inner) return status;
    *path = inner;
  }
  return MN_OK;
}
