/* SPDX-License-Identifier: Apache-2.0
 * Any text as JSON, and as a contract, which must come back from its own canonical text. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "contract/contract.h"
#include "wire/json.h"

static void parse(const char *text, size_t size) {
  mn_arena arena = {0};
  mn_json_source source = {text, size, "input", 16 << 20};
  const mn_json *root;
  mn_error err = {0};
  mn_status status = mn_json_parse(&root, &source, &arena, &err);
  if ((status == MN_OK) != (root != NULL) || (status && !err.text[0])) abort();
  mn_arena_free(&arena);
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size) {
  mn_contract contract, back;
  mn_arena arena = {0};
  mn_error err = {0};
  parse((const char *)bytes, size);
  if (mn_contract_from_json(&contract, (const char *)bytes, size, &arena, &err) == MN_OK) {
    char *text = mn_contract_to_json(&contract, &arena);
    if (!text || mn_contract_from_json(&back, text, strlen(text), &arena, &err)) abort();
    char *again = mn_contract_to_json(&back, &arena);
    if (!again || strcmp(text, again) != 0) abort();
  }
  mn_arena_free(&arena);
  return 0;
}
