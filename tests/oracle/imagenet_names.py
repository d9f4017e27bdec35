# SPDX-License-Identifier: Apache-2.0
"""Prints src/contract/imagenet_names.c: the lines of tests/golden/imagenet_names.txt with the pairs
of bytes that occur most often replaced by bytes of their own, again and again.

usage: imagenet_names.py > src/contract/imagenet_names.c
"""
import collections
import os

HERE = os.path.dirname(os.path.abspath(__file__))
FIRST = 128
HEAD = """/* SPDX-License-Identifier: Apache-2.0
 * ImageNet-1k's classes in English, in the order that networks have them: by WordNet id. One short
 * name a class; the bird and the machine, and the two bathing suits, are told apart. Kept in 6 KB
 * and not in 10: a byte from 128 on stands for a pair of bytes, which may be such bytes again.
 * Made by tests/oracle/imagenet_names.py from tests/golden/imagenet_names.txt, to be read there. */
#include <string.h>

#include "base/alloc.h"
#include "contract/contract.h"

/* ISO C promises literals of 4095 characters; every compiler of ours takes more. */
#if defined(__GNUC__)
#pragma GCC diagnostic ignored "-Woverlength-strings"
#endif

enum {{ FIRST_PAIR = {first}, PAIRS = {pairs}, TEXT_BYTES = {size} }};

/* clang-format off */
static const char pairs[2 * PAIRS + 1] =
{table};
static const char names[] =
{text};
/* clang-format on */
"""
TAIL = """
/* Writes what a byte stands for; the end of it. Pairs are made of earlier ones. */
static char *expand(char *to, unsigned char byte) {
  if (byte < FIRST_PAIR) {
    *to = (char)byte;
    return to + 1;
  }
  const char *pair = &pairs[2 * (byte - FIRST_PAIR)];
  return expand(expand(to, (unsigned char)pair[0]), (unsigned char)pair[1]);
}

mn_status mn_contract_set_imagenet_labels(mn_contract *contract, bool background, mn_arena *arena,
                                          mn_error *err) {
  char *text = mn_alloc(TEXT_BYTES), *end = text;
  if (!text) return mn_fail_memory(err, TEXT_BYTES);
  for (size_t i = 0; i < sizeof names - 1; i++) end = expand(end, (unsigned char)names[i]);
  const char *from = background ? text : strchr(text, '\\n') + 1;
  mn_status status = mn_contract_set_labels(contract, from, (size_t)(end - from), arena, err);
  mn_free(text);
  return status;
}
"""


def compress(text):
    codes, pairs = list(text.encode("ascii")), []
    while len(pairs) < 256 - FIRST:
        counts = collections.Counter(zip(codes, codes[1:]))
        pair, count = max(counts.items(), key=lambda item: (item[1], item[0]))
        if count < 4:
            break
        joined, i = [], 0
        while i < len(codes):
            if tuple(codes[i:i + 2]) == pair:
                joined.append(FIRST + len(pairs))
                i += 2
            else:
                joined.append(codes[i])
                i += 1
        codes = joined
        pairs.append(pair)
    return codes, pairs


def literal(codes):
    lines, line = [], ""
    for code in codes:
        plain = 32 <= code < 127 and chr(code) not in '"\\?'
        part = chr(code) if plain else "\\n" if code == 10 else f"\\{code:03o}"
        if len(line) + len(part) > 92:
            lines.append(line)
            line = ""
        line += part
    return "\n".join(f'    "{line}"' for line in [*lines, line])


def main():
    with open(os.path.join(HERE, "..", "golden", "imagenet_names.txt"), encoding="ascii") as file:
        text = file.read()
    codes, pairs = compress(text)
    table = literal([code for pair in pairs for code in pair])
    print(HEAD.format(first=FIRST, pairs=len(pairs), size=len(text), table=table,
                      text=literal(codes)) + TAIL, end="")


if __name__ == "__main__":
    main()
