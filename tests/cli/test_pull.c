/* SPDX-License-Identifier: Apache-2.0
 * `mobilenet pull` against servers that are slow, broken, wrong or away: what ends in the cache has
 * the right digest, or nothing does. usage: test_pull COMMAND FOLDER */
#include <fcntl.h>
#include <setjmp.h>
#include <spawn.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "loopback.h"
#include "sha256.h"

enum { SIZE = 300000 };

static const char *command;
static unsigned char content[SIZE];
static loopback server;
static char output[8192]; /* of the last command: standard output and error */

extern char **environ;

/* ---- Files ---------------------------------------------------------------------------------- */

static void write_file(const char *path, const void *bytes, size_t size) {
  FILE *file = fopen(path, "wb");
  assert_non_null(file);
  assert_int_equal(fwrite(bytes, 1, size, file), size);
  assert_int_equal(fclose(file), 0);
}

static bool holds_content(const char *path) {
  static unsigned char bytes[SIZE + 1];
  FILE *file = fopen(path, "rb");
  if (!file) return false;
  const size_t size = fread(bytes, 1, sizeof bytes, file);
  fclose(file);
  return size == SIZE && memcmp(bytes, content, SIZE) == 0;
}

static bool is_there(const char *path) { return access(path, F_OK) == 0; }

/* The list: model `net`, from a path of the server; `digits` of its digest are known. */
static void write_list(const char *path, int digits) {
  char hex[SHA256_HEX], line[512];
  assert_true(sha256_file("mirror/net.bin", hex));
  const int length = snprintf(line, sizeof line,
                              "# a comment\nnet\tnet.bin\t%d\t%.*s\tMIT\t-\t"
                              "http://127.0.0.1:%d/%s/net.bin\n",
                              SIZE, digits, hex, server.port, path);
  write_file("models/pull.tsv", line, (size_t)length);
}

/* ---- Running -------------------------------------------------------------------------------- */

static pid_t start(const char *verb, const char *argument, const char *name) {
  char *const arguments[] = {(char[]){"mobilenet"}, (char *)(uintptr_t)verb,
                             (char *)(uintptr_t)argument, (char *)(uintptr_t)name, NULL};
  posix_spawn_file_actions_t actions;
  pid_t child;
  assert_int_equal(posix_spawn_file_actions_init(&actions), 0);
  posix_spawn_file_actions_addopen(&actions, 1, "output", O_WRONLY | O_CREAT | O_APPEND, 0666);
  posix_spawn_file_actions_adddup2(&actions, 1, 2);
  assert_int_equal(posix_spawn(&child, command, &actions, NULL, arguments, environ), 0);
  posix_spawn_file_actions_destroy(&actions);
  return child;
}

static int wait_for(pid_t child) {
  int status;
  assert_int_equal(waitpid(child, &status, 0), child);
  FILE *file = fopen("output", "rb");
  assert_non_null(file);
  output[fread(output, 1, sizeof output - 1, file)] = '\0';
  fclose(file);
  return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

static int pull(void) {
  unlink("output");
  return wait_for(start("pull", "--json", "net"));
}

/* A server at work, an empty cache, no mirror. */
static int set_up(void **state) {
  (void)state;
  server = (loopback){.bytes = content, .size = SIZE};
  unlink("home/net.bin");
  unlink("home/net.bin.part");
  unsetenv("MOBILENET_MIRROR");
  return loopback_start(&server) ? 0 : -1;
}

static int tear_down(void **state) {
  (void)state;
  loopback_stop(&server);
  return 0;
}

static void check_pulled(void) {
  const int code = pull();
  if (code != 0) fail_msg("exit %d: %s", code, output);
  assert_true(holds_content("home/net.bin"));
  assert_false(is_there("home/net.bin.part"));
  assert_non_null(strstr(output, "\"name\":\"net\",\"file\":\"home/net.bin\",\"sha256\":\""));
  assert_non_null(strstr(output, "\"bytes\":300000}"));
}

/* ---- Tests ---------------------------------------------------------------------------------- */

static void check_digest(const void *bytes, size_t size, const char *expected) {
  char hex[SHA256_HEX];
  write_file("message", bytes, size);
  assert_true(sha256_file("message", hex));
  assert_string_equal(hex, expected);
}

/* The examples of FIPS 180-2, and the empty message. */
static void digests_are_the_standards(void **state) {
  (void)state;
  static char as[1000000];
  memset(as, 'a', sizeof as);
  const char *two = "abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq";
  check_digest("", 0, "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
  check_digest("abc", 3, "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
  check_digest(two, 56, "248d6a61d20638b8e5c026930c3e6039a33ce45964ff2167f6ecedd419db06c1");
  check_digest(as, sizeof as, "cdc76e5c9914fb9281a1c7e284d73e67f1809a48a497200e046d39ccc7112cd0");
}

static void good_and_slow_servers(void **state) {
  (void)state;
  static const char *const paths[] = {"ok", "slow", "redirect"};
  for (int i = 0; i < 3; i++) {
    unlink("home/net.bin");
    write_list(paths[i], i == 0 ? 8 : 64);
    check_pulled();
  }
}

static void what_is_cut_off_is_continued(void **state) {
  (void)state;
  write_list("broken", 64);
  check_pulled();
  assert_int_equal(server.requests, 3);
  assert_int_equal(server.ranges, 2);
}

static void a_server_without_ranges_starts_over(void **state) {
  (void)state;
  write_list("norange", 64);
  check_pulled();
  assert_int_equal(server.requests, 3);
}

static void a_busy_server_is_asked_again(void **state) {
  (void)state;
  write_list("flaky", 64);
  check_pulled();
  assert_int_equal(server.requests, 3);
}

static void a_wrong_digest_leaves_nothing(void **state) {
  (void)state;
  for (int digits = 8; digits <= 64; digits += 56) {
    write_list("wrong", digits);
    assert_int_equal(pull(), 1);
    assert_non_null(strstr(output, "/wrong/net.bin: its SHA-256 is "));
    assert_false(is_there("home/net.bin"));
    assert_false(is_there("home/net.bin.part"));
  }
  assert_int_equal(server.requests, 2);
}

static void what_is_not_there_is_asked_for_once(void **state) {
  (void)state;
  write_list("missing", 64);
  assert_int_equal(pull(), 1);
  assert_non_null(strstr(output, "/missing/net.bin: the server answers 404"));
  assert_int_equal(server.requests, 1);
}

static void a_server_that_is_away_is_given_up(void **state) {
  (void)state;
  write_list("ok", 64);
  loopback_stop(&server);
  assert_int_equal(pull(), 1);
  assert_non_null(strstr(output, "mobilenet: net: could not be fetched"));
  assert_true(loopback_start(&server));
}

static void set_mirror(const char *path) {
  char url[128];
  snprintf(url, sizeof url, "http://127.0.0.1:%d/%s/", server.port, path);
  setenv("MOBILENET_MIRROR", url, 1);
}

static void a_mirror_comes_first(void **state) {
  (void)state;
  write_list("missing", 64);
  set_mirror("ok");
  check_pulled();
  assert_int_equal(server.requests, 1);
}

static void without_the_mirrors_copy_the_source_is_asked(void **state) {
  (void)state;
  static const char *const mirrors[] = {"missing", "wrong"};
  for (int i = 0; i < 2; i++) {
    unlink("home/net.bin");
    write_list("ok", 64);
    set_mirror(mirrors[i]);
    check_pulled();
    assert_int_equal(server.requests, 2 * (i + 1));
  }
}

static void a_folder_is_a_mirror(void **state) {
  (void)state;
  write_list("missing", 64);
  setenv("MOBILENET_MIRROR", "mirror", 1);
  check_pulled();
  assert_int_equal(server.requests, 0);
  unlink("home/net.bin");
  setenv("MOBILENET_MIRROR", "mirror/with a blank", 1);
  check_pulled();
  unlink("home/net.bin");
  setenv("MOBILENET_MIRROR", "no/such/folder", 1);
  write_list("ok", 64);
  check_pulled();
}

static void an_earlier_part_is_continued(void **state) {
  (void)state;
  write_list("ok", 64);
  write_file("home/net.bin.part", content, SIZE / 2);
  check_pulled();
  assert_int_equal(server.requests, 1);
  assert_int_equal(server.ranges, 1);
}

/* Of another file, or longer than this one. */
static void a_part_that_does_not_fit_is_dropped(void **state) {
  (void)state;
  static unsigned char other[SIZE + 1];
  write_list("ok", 64);
  write_file("home/net.bin.part", other, SIZE / 2);
  check_pulled();
  assert_int_equal(server.requests, 2);
  unlink("home/net.bin");
  write_file("home/net.bin.part", other, sizeof other);
  check_pulled();
  assert_int_equal(server.requests, 4);
}

static void what_is_there_is_not_fetched(void **state) {
  (void)state;
  write_list("ok", 64);
  check_pulled();
  check_pulled();
  assert_int_equal(server.requests, 1);
  write_file("home/net.bin", content, SIZE - 1);
  assert_int_equal(pull(), 0);
  assert_non_null(strstr(output, "home/net.bin is damaged"));
  assert_true(holds_content("home/net.bin"));
}

static void two_pulls_fetch_once(void **state) {
  (void)state;
  write_list("slow", 64);
  unlink("output");
  const pid_t first = start("pull", "--json", "net"), second = start("pull", "--json", "net");
  assert_int_equal(wait_for(first), 0);
  assert_int_equal(wait_for(second), 0);
  assert_true(holds_content("home/net.bin"));
  assert_int_equal(server.requests, 1);
  assert_non_null(strstr(output, "another pull is fetching it"));
}

static void what_cannot_be_written_is_said(void **state) {
  (void)state;
  write_list("ok", 64);
  assert_int_equal(mkdir("home/net.bin.part", 0777), 0);
  assert_int_equal(pull(), 1);
  assert_int_equal(rmdir("home/net.bin.part"), 0);
  assert_non_null(strstr(output, "net.bin.part cannot be written: Is a directory"));
}

static void names_are_those_of_the_list(void **state) {
  (void)state;
  write_list("ok", 64);
  unlink("output");
  assert_int_equal(wait_for(start("pull", "--json", "nett")), 2);
  assert_non_null(strstr(output, "'nett' is not on the list of models; the nearest is 'net'"));
  unlink("output");
  assert_int_equal(wait_for(start("info", "-m", "net")), 3);
  assert_non_null(strstr(output, "not fetched yet: mobilenet pull net"));
  unlink("output");
  assert_int_equal(wait_for(start("pull", "--list", "--json")), 0);
  assert_non_null(strstr(output, "{\"name\":\"net\",\"file\":null,\"sha256\":\""));
}

/* What was fetched is opened by its name: the bytes are no model, and it is this file that says
 * so. */
static void a_fetched_model_is_opened_by_name(void **state) {
  (void)state;
  write_list("ok", 64);
  check_pulled();
  unlink("output");
  assert_int_equal(wait_for(start("info", "-m", "net")), 3);
  assert_non_null(strstr(output, "home/net.bin"));
}

static void a_damaged_list_is_refused(void **state) {
  (void)state;
  static const char *const lists[] = {
      "net\tnet.bin\t1\n", "net\t../net.bin\t1\t01234567\ta\tb\tc\n",
      "net\tnet.bin\t1\t0123\ta\tb\tc\n", "net\tnet.bin\tx\t01234567\ta\tb\tc\n"};
  for (int i = 0; i < 4; i++) {
    write_file("models/pull.tsv", lists[i], strlen(lists[i]));
    assert_int_equal(pull(), 3);
    assert_non_null(strstr(output, "models/pull.tsv: line 1 is no name, file"));
  }
}

static void prepare(const char *folder) {
  char *const arguments[] = {(char[]){"rm"}, (char[]){"-rf"}, (char *)(uintptr_t)folder, NULL};
  pid_t child;
  int status;
  assert_int_equal(posix_spawnp(&child, "rm", NULL, NULL, arguments, environ), 0);
  assert_int_equal(waitpid(child, &status, 0), child);
  assert_int_equal(mkdir(folder, 0777), 0);
  assert_int_equal(chdir(folder), 0);
  assert_int_equal(mkdir("home", 0777) | mkdir("models", 0777) | mkdir("mirror", 0777), 0);
  assert_int_equal(mkdir("mirror/with a blank", 0777), 0);
  for (uint32_t i = 0, x = 1; i < SIZE; i++) {
    x = x * 1664525u + 1013904223u;
    content[i] = (unsigned char)(x >> 24);
  }
  write_file("mirror/net.bin", content, SIZE);
  write_file("mirror/with a blank/net.bin", content, SIZE);
  setenv("MOBILENET_HOME", "home", 1);
  setenv("MOBILENET_MODELS", "models", 1);
  setenv("no_proxy", "127.0.0.1", 1);
}

#define WITH_SERVER(test) cmocka_unit_test_setup_teardown(test, set_up, tear_down)

int main(int argc, char **argv) {
  if (argc != 3) return 2;
  command = argv[1];
  prepare(argv[2]);
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(digests_are_the_standards),
      WITH_SERVER(good_and_slow_servers),
      WITH_SERVER(what_is_cut_off_is_continued),
      WITH_SERVER(a_server_without_ranges_starts_over),
      WITH_SERVER(a_busy_server_is_asked_again),
      WITH_SERVER(a_wrong_digest_leaves_nothing),
      WITH_SERVER(what_is_not_there_is_asked_for_once),
      WITH_SERVER(a_server_that_is_away_is_given_up),
      WITH_SERVER(a_mirror_comes_first),
      WITH_SERVER(without_the_mirrors_copy_the_source_is_asked),
      WITH_SERVER(a_folder_is_a_mirror),
      WITH_SERVER(an_earlier_part_is_continued),
      WITH_SERVER(a_part_that_does_not_fit_is_dropped),
      WITH_SERVER(what_is_there_is_not_fetched),
      WITH_SERVER(two_pulls_fetch_once),
      WITH_SERVER(what_cannot_be_written_is_said),
      WITH_SERVER(names_are_those_of_the_list),
      WITH_SERVER(a_fetched_model_is_opened_by_name),
      WITH_SERVER(a_damaged_list_is_refused),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
