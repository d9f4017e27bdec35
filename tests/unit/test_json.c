/* SPDX-License-Identifier: Apache-2.0
 * The JSON reader and writer: what is taken, what is refused, and that numbers come back. */
#include <locale.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "wire/json.h"

typedef struct parsed {
  mn_arena arena;
  const mn_json *root;
  mn_error err;
  mn_status status;
} parsed;

static parsed parse_bytes(const char *text, size_t length, size_t cap) {
  parsed out = {0};
  mn_json_source source = {text, length, "text", cap};
  out.status = mn_json_parse(&out.root, &source, &out.arena, &out.err);
  return out;
}

static void release(parsed *in) { mn_arena_free(&in->arena); }

static void expect_refused(const char *text, const char *reason) {
  parsed in = parse_bytes(text, strlen(text), 0);
  if (in.status != MN_ERR_FORMAT || !strstr(in.err.text, reason)) {
    print_error("%s: status %d, %s\n", text, in.status, in.err.text);
    fail();
  }
  assert_null(in.root);
  release(&in);
}

static double number_of(const char *text) {
  parsed in = parse_bytes(text, strlen(text), 0);
  assert_int_equal(in.status, MN_OK);
  assert_int_equal(in.root->kind, MN_JSON_NUMBER);
  double number = in.root->number;
  release(&in);
  return number;
}

static void test_tree(void **state) {
  (void)state;
  const char *text = " {\"b\" : [1, -2.5e1, true, false, null], \"a\":{\"x\":\"y\"}, \"\":[] } ";
  parsed in = parse_bytes(text, strlen(text), 0);
  assert_int_equal(in.status, MN_OK);
  assert_int_equal(in.root->kind, MN_JSON_OBJECT);
  assert_int_equal(in.root->count, 3);
  const mn_json *b = mn_json_get(in.root, "b"), *item = b->first;
  assert_ptr_equal(in.root->first, b); /* children keep the order of the text */
  assert_int_equal(b->count, 5);
  assert_true(item->number == 1);
  item = item->next;
  assert_true(item->number == -25);
  item = item->next;
  assert_true(item->kind == MN_JSON_BOOL && item->boolean);
  item = item->next;
  assert_true(item->kind == MN_JSON_BOOL && !item->boolean);
  assert_true(item->next->kind == MN_JSON_NULL && item->next->next == NULL);
  assert_true(mn_json_is(mn_json_get(mn_json_get(in.root, "a"), "x"), "y"));
  assert_int_equal(mn_json_get(in.root, "")->count, 0);
  assert_null(mn_json_get(in.root, "c"));
  assert_null(mn_json_get(b, "x"));
  assert_null(mn_json_get(NULL, "x"));
  release(&in);
}

static void test_strings(void **state) {
  (void)state;
  const char *text = "\"\\\"\\\\\\/\\b\\f\\n\\r\\t\\u0041\\u00e9\\u20ac\\ud83d\\ude00\xC3\xA9\"";
  const char *expected = "\"\\/\b\f\n\r\tA\xC3\xA9\xE2\x82\xAC\xF0\x9F\x98\x80\xC3\xA9";
  parsed in = parse_bytes(text, strlen(text), 0);
  assert_int_equal(in.status, MN_OK);
  assert_string_equal(in.root->text, expected);
  assert_int_equal(in.root->length, strlen(expected));
  release(&in);
  expect_refused("\"abc", "ends inside a string");
  expect_refused("\"abc\\\"", "ends inside a string");
  expect_refused("\"a\nb\"", "control character");
  expect_refused("\"\\x\"", "unknown escape");
  expect_refused("\"\\u12g4\"", "four hexadecimal digits");
  expect_refused("\"\\u0000\"", "\\u0000");
  expect_refused("\"\\ud800\"", "second half");
  expect_refused("\"\\ud800\\u0041\"", "second half");
  expect_refused("\"\\udc00\"", "without its first");
}

static void test_utf8(void **state) {
  (void)state;
  static const char *const bad[] = {"\x80",
                                    "\xC0\x80",
                                    "\xC1\xBF",
                                    "\xE0\x80\x80",
                                    "\xED\xA0\x80",
                                    "\xF0\x80\x80\x80",
                                    "\xF4\x90\x80\x80",
                                    "\xF5\x80\x80\x80",
                                    "\xE2\x82",
                                    "\xFF"};
  for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
    char text[16];
    snprintf(text, sizeof text, "\"%s\"", bad[i]);
    expect_refused(text, "not UTF-8");
    assert_false(mn_utf8_valid(bad[i], strlen(bad[i])));
  }
  assert_true(mn_utf8_valid("d\xC3\xA9j\xC3\xA0 \xF4\x8F\xBF\xBF", 11));
  assert_false(mn_utf8_valid("a\0b", 3));
}

static void test_refusals(void **state) {
  (void)state;
  expect_refused("", "ends where a value is expected");
  expect_refused("[1,]", "expected a value");
  expect_refused("[1 2]", "expected ','");
  expect_refused("[1}", "expected ','");
  expect_refused("{\"a\":1,}", "expected a key");
  expect_refused("{a:1}", "expected a key");
  expect_refused("{\"a\" 1}", "expected ':'");
  expect_refused("{\"a\":1,\"b\":2,\"a\":3}", "same key twice");
  expect_refused("[1", "expected ','");
  expect_refused("[", "ends where a value");
  expect_refused("1 1", "after the end");
  expect_refused("tru", "expected a value");
  expect_refused("nul", "expected a value");
  expect_refused("NaN", "expected a value");
  expect_refused("01", "leading zero");
  expect_refused("-", "expected a value");
  expect_refused("+1", "expected a value");
  expect_refused(".5", "expected a value");
  expect_refused("1.", "after the decimal point");
  expect_refused("1e", "in an exponent");
  expect_refused("1e999", "beyond the range");
  expect_refused("-1e999999999999", "beyond the range");
  expect_refused("[1,\n  x]", "line 2, column 3");
}

static void test_depth(void **state) {
  (void)state;
  char text[2 * (MN_JSON_MAX_DEPTH + 1) + 1];
  memset(text, '[', MN_JSON_MAX_DEPTH);
  memset(text + MN_JSON_MAX_DEPTH, ']', MN_JSON_MAX_DEPTH);
  parsed in = parse_bytes(text, 2 * MN_JSON_MAX_DEPTH, 0);
  assert_int_equal(in.status, MN_OK);
  release(&in);
  memset(text, '[', MN_JSON_MAX_DEPTH + 1);
  text[MN_JSON_MAX_DEPTH + 1] = '\0';
  expect_refused(text, "deeper than 64");
}

static void test_memory_cap(void **state) {
  (void)state;
  char text[4001];
  for (size_t i = 0; i < 4000; i += 2) memcpy(text + i, "0,", 2);
  text[0] = '[';
  text[1] = ' ';
  text[3999] = ']';
  parsed in = parse_bytes(text, 4000, 4096);
  assert_int_equal(in.status, MN_ERR_LIMIT);
  assert_true(in.arena.used <= 4096);
  release(&in);
}

static void test_numbers_read(void **state) {
  (void)state;
  static const char *const texts[] = {"0",
                                      "-0",
                                      "1",
                                      "0.1",
                                      "123456789012345678",
                                      "1e22",
                                      "1E+2",
                                      "0.30000000000000004",
                                      "2.2250738585072014e-308",
                                      "1.7976931348623157e308",
                                      "4.9e-324",
                                      "1e-999",
                                      "12.5e-1"};
  for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++) {
    assert_true(number_of(texts[i]) == strtod(texts[i], NULL));
  }
}

static void test_integers(void **state) {
  (void)state;
  static const struct {
    const char *text;
    bool i32, u64;
  } cases[] = {{"2147483647", true, true},           {"-2147483648", true, false},
               {"2147483648", false, true},          {"1.5", false, false},
               {"9007199254740993e3", false, false}, {"\"1\"", false, false}};
  for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
    parsed in = parse_bytes(cases[i].text, strlen(cases[i].text), 0);
    int32_t a;
    uint64_t b;
    assert_int_equal(mn_json_i32(in.root, &a), cases[i].i32);
    assert_int_equal(mn_json_u64(in.root, &b), cases[i].u64);
    release(&in);
  }
  int32_t none;
  assert_false(mn_json_i32(NULL, &none));
}

static void expect_double(double number, const char *text) {
  mn_json_writer out = {0};
  mn_json_double(&out, number);
  assert_false(out.failed);
  assert_int_equal(out.used, strlen(text));
  assert_memory_equal(out.text, text, out.used);
  mn_json_writer_free(&out);
}

static void test_numbers_written(void **state) {
  (void)state;
  expect_double(0, "0");
  expect_double(1, "1");
  expect_double(-1, "-1");
  expect_double(0.875, "0.875");
  expect_double(127.5, "127.5");
  expect_double(100, "100");
  expect_double(1 / 127.5, "0.00784313725490196");
  expect_double(0.1 + 0.2, "0.30000000000000004");
  expect_double(1e-5, "0.00001");
  expect_double(1.5e-7, "1.5e-7");
  expect_double(1e300, "1e300");
  expect_double(4.9e-324, "4.94065645841247e-324");
}

static uint64_t next_random(uint64_t *seed) {
  *seed = *seed * 6364136223846793005u + 1442695040888963407u;
  return *seed ^ *seed >> 29;
}

/* Every finite double and float comes back as itself, in a locale with a decimal comma too. */
static void test_round_trip(void **state) {
  (void)state;
  setlocale(LC_NUMERIC, "de_DE.UTF-8");
  uint64_t seed = 1;
  for (int i = 0; i < 20000; i++) {
    uint64_t bits = next_random(&seed);
    uint32_t float_bits = (uint32_t)(bits >> 7);
    double number;
    float single;
    memcpy(&number, &bits, sizeof number);
    memcpy(&single, &float_bits, sizeof single);
    if (number - number != 0 || single - single != 0) continue;
    mn_json_writer out = {0};
    mn_json_begin(&out, '[');
    mn_json_double(&out, number);
    mn_json_float(&out, single);
    mn_json_end(&out, ']');
    parsed in = parse_bytes(out.text, out.used, 0);
    assert_int_equal(in.status, MN_OK);
    assert_true(in.root->first->number == number);
    assert_true((float)in.root->first->next->number == single);
    release(&in);
    mn_json_writer_free(&out);
  }
  setlocale(LC_NUMERIC, "C");
}

static void test_writer(void **state) {
  (void)state;
  mn_json_writer out = {0};
  mn_json_begin(&out, '{');
  mn_json_key(&out, "a");
  mn_json_begin(&out, '[');
  mn_json_int(&out, -3);
  mn_json_null(&out);
  mn_json_bool(&out, true);
  mn_json_begin(&out, '[');
  mn_json_end(&out, ']');
  mn_json_end(&out, ']');
  mn_json_key(&out, "b\"");
  mn_json_string(&out, "x\n\x01\\\xC3\xA9", 6);
  mn_json_end(&out, '}');
  const char *expected = "{\"a\":[-3,null,true,[]],\"b\\\"\":\"x\\n\\u0001\\\\\xC3\xA9\"}";
  assert_int_equal(out.used, strlen(expected));
  assert_memory_equal(out.text, expected, out.used);
  parsed in = parse_bytes(out.text, out.used, 0);
  assert_true(mn_json_is(mn_json_get(in.root, "b\""), "x\n\x01\\\xC3\xA9"));
  release(&in);
  mn_json_writer_free(&out);
  mn_json_double(&out, strtod("inf", NULL));
  assert_true(out.failed);
  mn_json_writer_free(&out);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(test_tree),
      cmocka_unit_test(test_strings),
      cmocka_unit_test(test_utf8),
      cmocka_unit_test(test_refusals),
      cmocka_unit_test(test_depth),
      cmocka_unit_test(test_memory_cap),
      cmocka_unit_test(test_numbers_read),
      cmocka_unit_test(test_integers),
      cmocka_unit_test(test_numbers_written),
      cmocka_unit_test(test_round_trip),
      cmocka_unit_test(test_writer),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
