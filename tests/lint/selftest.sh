#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# Shows every rule of lint.sh passing on a small good tree and failing on that tree with one fault.
# usage: selftest.sh WORK_FOLDER
set -eu
lint="$(cd "$(dirname "$0")" && pwd)/lint.sh"
cc=${CC:-cc}
work=$(cd "$1" && pwd)/lint_selftest
rm -rf "$work"
failures=0

good_tree() {
  rm -rf "$work"
  mkdir -p "$work/src/base" "$work/src/graph" "$work/src/run" "$work/include/mobilenet" \
    "$work/build" "$work/tools/mobilenet"
  cd "$work"
  spdx='/* SPDX-License-Identifier: Apache-2.0 */'
  printf '%s\n' "$spdx" '#ifndef A_H' '#define A_H' '#include <stddef.h>' 'size_t mn_a(void);' \
    '#endif' >src/base/a.h
  printf '%s\n' "$spdx" '#include "base/a.h"' '' 'size_t mn_a(void) { return 0; }' >src/base/a.c
  printf '%s\n' "$spdx" '#include "base/a.h"' '' '/* malloc( and printf( in a comment */' \
    'size_t mn_b(void);' 'size_t mn_b(void) {' '  const char *text = "exit(1)";' \
    '  return text ? mn_a() : 0;' '}' >src/graph/b.c
  printf '%s\n' "$spdx" '#ifndef M_H' '#define M_H' 'int mn_m(void);' '#endif' \
    >include/mobilenet/m.h
  printf '%s\n' '# A' 'Say `a -b`, see [it](it.md).' '| x | y |' >README.md
  printf '%s\n' '# B' '[C](it.md): `a -b`' '| z | w |' >README.ko.md
  printf '%s\n' "$spdx" '#include "mobilenet/m.h"' '' 'int main(void) { return 0; }' \
    >tools/mobilenet/main.c
}

expect() { # expect STATUS RULE CASE
  status=0
  "$lint" "$2" "$work" build >"$work/out" 2>/dev/null || status=$?
  if [ "$status" = 77 ]; then
    echo "skip  $2: $(cat "$work/out")"
  elif [ "$status" != "$1" ]; then
    echo "FAIL  $2 ends with $status instead of $1: $3"
    cat "$work/out"
    failures=$((failures + 1))
  else
    echo "ok    $2: $3"
  fi
}

build_libraries() { # from src/base/a.c alone
  $cc -fPIC -fvisibility=default -Isrc -c -o build/a.o src/base/a.c
  $cc -shared -o build/libmobilenet.so build/a.o
  rm -f build/libmobilenet.a
  ar rc build/libmobilenet.a build/a.o
}

bad() { # bad RULE CASE FILE LINE...: the good tree with lines added at the end of a file
  good_tree
  rule=$1 name=$2 file=$3
  shift 3
  mkdir -p "$(dirname "$file")"
  [ -e "$file" ] || echo "$spdx" >"$file"
  printf '%s\n' "$@" >>"$file"
  case $rule in symbols | state) build_libraries ;; esac
  expect 1 "$rule" "$name"
}

good_tree
build_libraries
for rule in layers calls length functions spdx text names translation headers symbols state \
  format; do
  expect 0 "$rule" "a good tree"
done

bad layers "an upward include" src/base/a.c '#include "graph/b.h"'
bad layers "a path upwards" src/graph/b.c '#include "../base/a.h"'
bad layers "an unknown folder" src/misfit/c.c 'int mn_c;'
bad layers "a tool that includes src" tools/mobilenet/main.c '#include "base/a.h"'
bad layers "a codec outside io" src/graph/b.c '#include <png.h>'
bad layers "files on a level that has none" src/run/r.c '#include "mobilenet/io.h"'
bad calls "malloc" src/graph/b.c 'void *mn_x(void) { return malloc(1); }'
bad calls "exit" src/graph/b.c 'void mn_x(void) { exit(1); }'
bad calls "printing" src/graph/b.c 'void mn_x(void) { fprintf(stderr, "x"); }'
bad calls "assert" src/graph/b.c 'void mn_x(int i) { assert(i); }'
bad calls "strcpy" src/graph/b.c 'void mn_x(char *i) { strcpy(i, "x"); }'
# shellcheck disable=SC2046
bad length "601 lines" src/graph/b.c $(seq 601)
# shellcheck disable=SC2046
bad functions "121 lines" src/graph/b.c 'int mn_x(void) {' $(seq -f 'f(%g);' 120) '}'
bad text "101 columns" src/graph/b.c "/* $(printf '%095d' 0) */"
bad text "a tab" src/graph/b.c "$(printf 'int\tx;')"
bad text "white space at the end" src/graph/b.c 'int x; '
bad text "disabled code" src/graph/b.c '#if ''0' '#endif'
bad text "unfinished business" src/graph/b.c "/* TO""DO */"
bad names "one name twice" src/graph/a.c 'int mn_x;'
bad names "a name that says nothing" src/base/util.c 'int mn_x;'
bad translation "a heading that only one has" README.md '## D'
bad translation "a command that only one shows" README.ko.md '`a -c`'
bad translation "a link that only one has" README.ko.md '[E](e.md)'
bad headers "an incomplete header" src/base/c.h 'mn_unknown mn_x(void);'
bad headers "a header that C++ refuses" include/mobilenet/m.h 'int mn_x(int class);'
bad headers "a header that C99 refuses" include/mobilenet/m.h '_Static_assert(1, "x");'
bad symbols "a stray export" src/base/a.c 'int stray(void) { return 0; }'
bad state "a counter" src/base/a.c 'int mn_x(void);' 'int mn_x(void) { static int i; return i++; }'
bad format "bad layout" src/graph/b.c 'int   mn_x( void );'
good_tree
echo 'int mn_x;' >src/graph/x.c
expect 1 spdx "no licence line"

rm -rf "$work"
[ "$failures" = 0 ] || { echo "$failures failures"; exit 1; }
