/* SPDX-License-Identifier: Apache-2.0
 * Runs one case file against the command: arguments in, exit code, standard output and standard
 * error out. No shell is involved. A case file is lines of
 *
 *   # a comment
 *   model NAME f32|i8         writes the tests' small model (16x16 RGB, five trees) as NAME;
 *                             nameless: f32 without labels
 *   network NAME ARCH N       writes an untrained network of the zoo with N outputs
 *   golden FILE NAME          copies a file of tests/golden
 *   picture NAME W H          writes a PPM picture
 *   text NAME WORDS           writes a text file of one line; \n and \xHH are understood
 *   npy NAME TYPE D0,D1,...   writes zeros as .npy (f4, u1 or i1)
 *   folder NAME               makes a folder
 *   default                   skips the rest when no default model is there
 *   env NAME=VALUE            for the commands that follow
 *   stdin FILE                for the next command
 *   stdout FILE               for the next command; it is not looked at then
 *   room BYTES                that a file may grow to, for the next command: a full disk
 *   link NAME TARGET          makes a symbolic link
 *   pipe NAME                 makes a pipe that nobody writes to
 *   $ ARGUMENTS               runs the command; "..." holds blanks together
 *   exit N                    what the last command must have ended with; never left out
 *   out REGEX, err REGEX      extended, must match standard output or error; `no` before: must not
 *   empty out|err             nothing was printed there
 *   lines N                   of standard output
 *   json KEYS                 every line of it is strict JSON, an object with these keys in order
 *   at PATH REGEX             the value at this path of its first line
 *   exists FILE, missing FILE, same A B     files that the commands wrote, or did not
 *
 * Everything happens in a folder of its own. usage: cli_runner COMMAND CASE FOLDER */
#include <errno.h>
#include <fcntl.h>
#include <regex.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/alloc.h"
#include "json_strict.h"
#include "mobilenet/convert.h"
#include "mobilenet/zoo.h"
#include "tiny_model.h"

enum { LINE = 2048, MOST_ARGUMENTS = 32, SKIPPED = 77 };

extern char **environ;

typedef struct test_case {
  const char *command, *file;
  int line_number, failures, runs;
  char input[LINE];  /* standard input of the next command; empty: none */
  char output[LINE]; /* where its standard output goes; empty: it is kept */
  rlim_t room;       /* that its files may grow to; 0: any */
  int code;          /* of the last command */
  bool code_checked, skip;
  char *out, *err;
} test_case;

static void fail(test_case *test, const char *what, const char *detail) {
  fprintf(stderr, "%s:%d: %s: %s\n", test->file, test->line_number, what, detail);
  test->failures++;
}

static void must(bool done, const char *what) {
  if (done) return;
  fprintf(stderr, "cli_runner: %s: %s\n", what, strerror(errno));
  exit(2);
}

static char *read_all(const char *path, size_t *length) {
  FILE *file = fopen(path, "rb");
  if (!file) return NULL;
  char *bytes = malloc(1 << 24);
  must(bytes != NULL, "memory");
  *length = fread(bytes, 1, (1 << 24) - 1, file);
  bytes[*length] = '\0';
  fclose(file);
  return bytes;
}

static void write_all(const char *path, const void *bytes, size_t size) {
  FILE *file = fopen(path, "wb");
  must(file && fwrite(bytes, 1, size, file) == size && fclose(file) == 0, path);
}

/* ---- Setting up ----------------------------------------------------------------------------- */

static void write_model(const char *name, const char *type) {
  uint8_t *bytes;
  size_t size;
  mn_graph graph;
  mn_error err = {MN_OK, "", ""};
  tiny_model(&graph, strcmp(type, "i8") == 0 ? MN_I8 : MN_F32);
  if (strcmp(type, "nameless") == 0) graph.contract.labels.count = 0;
  must(mn_safetensors_save(&graph, &bytes, &size, &err) == MN_OK, err.text);
  write_all(name, bytes, size);
  mn_graph_free(&graph);
  mn_free(bytes);
}

static void write_network(const char *name, const char *arch, int classes) {
  mn_model *model = NULL;
  mn_error err = {MN_OK, "", ""};
  const mn_zoo_options zoo = {.struct_size = sizeof zoo, .classes = classes, .seed = 1};
  must(mn_model_from_zoo(&model, arch, &zoo, &err) == MN_OK, err.text);
  must(mn_model_save(model, name, MN_FORMAT_BY_NAME, &err) == MN_OK, err.text);
  mn_model_free(model);
}

static void write_picture(const char *name, int width, int height) {
  FILE *file = fopen(name, "wb");
  must(file && width > 0 && height > 0, name);
  fprintf(file, "P6\n%d %d\n255\n", width, height);
  for (int i = 0; i < width * height; i++) {
    const unsigned char pixel[3] = {(unsigned char)(i * 7), (unsigned char)(i / width * 5), 90};
    fwrite(pixel, 1, 3, file);
  }
  must(fclose(file) == 0, name);
}

/* Replaces \n and \xHH in place; returns the length. */
static size_t unescape(char *text) {
  char *to = text;
  for (const char *from = text; *from; from++) {
    if (from[0] == '\\' && from[1] == 'n') {
      *to++ = '\n';
      from++;
    } else if (from[0] == '\\' && from[1] == 'x') {
      *to++ = (char)strtol((const char[]){from[2], from[3], '\0'}, NULL, 16);
      from += 3;
    } else {
      *to++ = *from;
    }
  }
  return (size_t)(to - text);
}

static void write_npy(const char *name, const char *type, const char *dims) {
  char header[119];
  size_t count = (size_t)(type[1] - '0');
  for (const char *d = dims; d; d = strchr(d, ',') ? strchr(d, ',') + 1 : NULL) {
    count *= (size_t)strtol(d, NULL, 10);
  }
  FILE *file = fopen(name, "wb");
  must(file != NULL, name);
  snprintf(header, sizeof header, "{'descr': '%s%s', 'fortran_order': False, 'shape': (%s,), }",
           type[1] == '1' ? "|" : "<", type, dims);
  fwrite("\x93NUMPY\x01\x00\x76\x00", 1, 10, file);
  fprintf(file, "%-117s\n", header);
  for (size_t i = 0; i < count; i++) fputc(0, file);
  must(fclose(file) == 0, name);
}

/* ---- Running -------------------------------------------------------------------------------- */

/* Splits at blanks outside "..."; returns how many arguments there are. */
static int split(char *line, char **arguments) {
  int count = 0;
  for (char *s = line; *s && count < MOST_ARGUMENTS;) {
    s += strspn(s, " ");
    if (*s == '\0') break;
    char *to = s;
    arguments[count++] = to;
    bool quoted = false;
    for (; *s && (quoted || *s != ' '); s++) {
      if (*s == '"') {
        quoted = !quoted;
      } else {
        *to++ = *s;
      }
    }
    const bool more = *s == ' ';
    *to = '\0';
    s += more;
  }
  return count;
}

/* What a file may grow to in commands that are run from now on; 0: any size. */
static void set_room(rlim_t bytes) {
  struct rlimit limit;
  must(getrlimit(RLIMIT_FSIZE, &limit) == 0, "limit");
  limit.rlim_cur = bytes ? bytes : limit.rlim_max;
  must(setrlimit(RLIMIT_FSIZE, &limit) == 0, "limit");
}

static int spawn_and_wait(test_case *test, char *const *arguments) {
  posix_spawn_file_actions_t actions;
  pid_t child;
  int status = 0;
  const int create = O_WRONLY | O_CREAT | O_TRUNC;
  must(posix_spawn_file_actions_init(&actions) == 0, "spawn");
  const char *input = test->input[0] ? test->input : "/dev/null";
  const char *output = test->output[0] ? test->output : ".stdout";
  posix_spawn_file_actions_addopen(&actions, 0, input, O_RDONLY, 0);
  posix_spawn_file_actions_addopen(&actions, 1, output, create, 0666);
  posix_spawn_file_actions_addopen(&actions, 2, ".stderr", create, 0666);
  set_room(test->room);
  must(posix_spawn(&child, test->command, &actions, NULL, arguments, environ) == 0, test->command);
  set_room(test->room = 0);
  posix_spawn_file_actions_destroy(&actions);
  must(waitpid(child, &status, 0) == child, "wait");
  test->input[0] = test->output[0] = '\0';
  return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}

static void check_exit_was_checked(test_case *test) {
  if (test->runs > 0 && !test->code_checked) fail(test, "the command before", "no exit code given");
}

static void run(test_case *test, char *line) {
  char *arguments[MOST_ARGUMENTS + 2] = {NULL};
  size_t length;
  check_exit_was_checked(test);
  arguments[0] = (char[]){"mobilenet"};
  split(line, arguments + 1);
  test->code = spawn_and_wait(test, arguments);
  test->runs++;
  test->code_checked = false;
  free(test->out);
  free(test->err);
  test->out = read_all(".stdout", &length);
  test->err = read_all(".stderr", &length);
}

/* ---- Checking ------------------------------------------------------------------------------- */

static bool matches(test_case *test, const char *pattern, const char *text) {
  regex_t regex;
  if (regcomp(&regex, pattern, REG_EXTENDED | REG_NOSUB | REG_NEWLINE) != 0) {
    fail(test, "no regular expression", pattern);
    return true;
  }
  const bool found = regexec(&regex, text, 0, NULL, 0) == 0;
  regfree(&regex);
  return found;
}

static void check_exit(test_case *test, int expected) {
  char text[64];
  test->code_checked = true;
  if (test->code == expected) return;
  snprintf(text, sizeof text, "%d, expected %d", test->code, expected);
  fail(test, "exit code", text);
  fprintf(stderr, "%s%s", test->out, test->err);
}

static void check_match(test_case *test, const char *text, const char *pattern, bool wanted) {
  if (matches(test, pattern, text) == wanted) return;
  fail(test, wanted ? "not found" : "found", pattern);
  fprintf(stderr, "in: %s\n", text);
}

static void check_lines(test_case *test, int expected) {
  char text[64];
  int count = 0;
  for (const char *s = test->out; *s; s++) count += *s == '\n';
  if (count == expected) return;
  snprintf(text, sizeof text, "%d, expected %d", count, expected);
  fail(test, "lines", text);
}

static void check_json(test_case *test, const char *expected) {
  char *copy = strdup(test->out), *next = copy, keys[LINE];
  if (!copy || !*copy) fail(test, "no JSON", "nothing was printed");
  while (next && *next) {
    char *line = next, *end = strchr(next, '\n');
    next = end ? end + 1 : NULL;
    if (end) *end = '\0';
    if (!end) fail(test, "no line end after", line);
    const char *fault = json_fault(line);
    if (fault) {
      fail(test, "no strict JSON from here", fault);
    } else if (!json_keys(line, keys, sizeof keys) || strcmp(keys, expected) != 0) {
      fail(test, "keys differ", line);
    }
  }
  free(copy);
}

static void check_at(test_case *test, char *text) {
  char value[LINE], line[1 << 16];
  char *pattern = strchr(text, ' ');
  must(pattern != NULL, "at PATH REGEX");
  *pattern++ = '\0';
  snprintf(line, sizeof line, "%.*s", (int)strcspn(test->out, "\n"), test->out);
  if (json_fault(line) || !json_at(line, text, value, sizeof value)) {
    fail(test, "no value at", text);
  } else {
    check_match(test, value, pattern, true);
  }
}

static void check_same(test_case *test, const char *a, const char *b) {
  size_t la = 0, lb = 0;
  char *x = read_all(a, &la), *y = read_all(b, &lb);
  if (!x || !y || la != lb || memcmp(x, y, la) != 0) fail(test, "differs from the other file", a);
  free(x);
  free(y);
}

/* ---- Lines ---------------------------------------------------------------------------------- */

static bool default_model_is_there(void) {
  const char *folder = getenv("MOBILENET_MODELS");
  char path[LINE];
  snprintf(path, sizeof path, "%s/flowers-v1-0.25-128.safetensors", folder ? folder : "");
  return folder && access(path, R_OK) == 0;
}

static void copy_golden(const char *file, const char *name) {
  char path[LINE];
  size_t length = 0;
  snprintf(path, sizeof path, "%s/golden/%s", MN_TEST_DIR, file);
  char *bytes = read_all(path, &length);
  must(bytes != NULL, path);
  write_all(name, bytes, length);
  free(bytes);
}

static bool set_up(test_case *test, const char *verb, char *rest) {
  char text[LINE], *words[MOST_ARGUMENTS] = {NULL};
  snprintf(text, sizeof text, "%s", rest);
  const int count = split(text, words);
  if (strcmp(verb, "model") == 0 && count == 2) {
    write_model(words[0], words[1]);
  } else if (strcmp(verb, "network") == 0 && count == 3) {
    write_network(words[0], words[1], atoi(words[2]));
  } else if (strcmp(verb, "golden") == 0 && count == 2) {
    copy_golden(words[0], words[1]);
  } else if (strcmp(verb, "picture") == 0 && count == 3) {
    write_picture(words[0], atoi(words[1]), atoi(words[2]));
  } else if (strcmp(verb, "text") == 0 && count >= 1) {
    char *content = rest + strcspn(rest, " ");
    content += *content == ' ';
    write_all(words[0], content, unescape(content));
  } else if (strcmp(verb, "npy") == 0 && count == 3) {
    write_npy(words[0], words[1], words[2]);
  } else if (strcmp(verb, "folder") == 0 && count == 1) {
    must(mkdir(words[0], 0777) == 0, words[0]);
  } else if (strcmp(verb, "default") == 0) {
    test->skip = !default_model_is_there();
  } else if (strcmp(verb, "env") == 0) {
    char *equals = strchr(rest, '=');
    must(equals != NULL, "env NAME=VALUE");
    *equals = '\0';
    setenv(rest, equals + 1, 1);
  } else if (strcmp(verb, "stdin") == 0) {
    snprintf(test->input, sizeof test->input, "%s", rest);
  } else if (strcmp(verb, "stdout") == 0) {
    snprintf(test->output, sizeof test->output, "%s", rest);
  } else if (strcmp(verb, "room") == 0 && count == 1) {
    test->room = (rlim_t)atol(words[0]);
  } else if (strcmp(verb, "link") == 0 && count == 2) {
    must(symlink(words[1], words[0]) == 0, words[0]);
  } else if (strcmp(verb, "pipe") == 0 && count == 1) {
    must(mkfifo(words[0], 0666) == 0, words[0]);
  } else {
    return false;
  }
  return true;
}

static bool check(test_case *test, const char *verb, char *rest) {
  const bool wanted = strncmp(verb, "no", 2) != 0;
  const char *where = wanted ? verb : verb + 2;
  if (strcmp(verb, "exit") == 0) {
    check_exit(test, atoi(rest));
  } else if (strcmp(where, "out") == 0) {
    check_match(test, test->out, rest, wanted);
  } else if (strcmp(where, "err") == 0) {
    check_match(test, test->err, rest, wanted);
  } else if (strcmp(verb, "empty") == 0) {
    const char *text = strcmp(rest, "out") == 0 ? test->out : test->err;
    if (text[0]) fail(test, "not empty", text);
  } else if (strcmp(verb, "lines") == 0) {
    check_lines(test, atoi(rest));
  } else if (strcmp(verb, "json") == 0) {
    check_json(test, rest);
  } else if (strcmp(verb, "at") == 0) {
    check_at(test, rest);
  } else if (strcmp(verb, "exists") == 0) {
    if (access(rest, R_OK) != 0) fail(test, "is not there", rest);
  } else if (strcmp(verb, "missing") == 0) {
    if (access(rest, F_OK) == 0) fail(test, "is there", rest);
  } else if (strcmp(verb, "same") == 0) {
    char *words[MOST_ARGUMENTS] = {NULL};
    must(split(rest, words) == 2, "same A B");
    check_same(test, words[0], words[1]);
  } else {
    return false;
  }
  return true;
}

static void do_line(test_case *test, char *line) {
  line[strcspn(line, "\n")] = '\0';
  if (line[0] == '\0' || line[0] == '#') return;
  char *rest = line + strcspn(line, " ");
  if (*rest) *rest++ = '\0';
  if (strcmp(line, "$") == 0) {
    run(test, rest);
  } else if (!set_up(test, line, rest)) {
    if (test->runs == 0 || !check(test, line, rest)) fail(test, "not understood", line);
  }
}

static void enter_empty_folder(const char *folder) {
  char *const arguments[] = {(char[]){"rm"}, (char[]){"-rf"}, (char *)folder, NULL};
  pid_t child;
  int status;
  must(posix_spawnp(&child, "rm", NULL, NULL, arguments, environ) == 0, "rm");
  must(waitpid(child, &status, 0) == child && status == 0, "rm");
  must(mkdir(folder, 0777) == 0 && chdir(folder) == 0, folder);
}

int main(int argc, char **argv) {
  must(argc == 4, "usage: cli_runner COMMAND CASE FOLDER");
  test_case test = {.command = argv[1], .file = argv[2]};
  char line[LINE];
  FILE *file = fopen(argv[2], "r");
  must(file != NULL, argv[2]);
  enter_empty_folder(argv[3]);
  setenv("COLUMNS", "80", 1);
  setenv("LC_ALL", "C.UTF-8", 1);
  while (!test.skip && fgets(line, sizeof line, file)) {
    test.line_number++;
    do_line(&test, line);
  }
  fclose(file);
  check_exit_was_checked(&test);
  free(test.out);
  free(test.err);
  printf("%d commands, %d failures%s\n", test.runs, test.failures, test.skip ? ", skipped" : "");
  if (test.failures > 0) return 1;
  return test.skip ? SKIPPED : 0;
}
