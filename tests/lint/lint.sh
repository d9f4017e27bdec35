#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# The rules of the house that a machine can check (CONTRIBUTING.md gives the reasons).
# usage: lint.sh RULE ROOT [BUILD]; prints each violation as file:line: what, exits 1 when there are
# any and 77 when a tool that the rule needs is not here. selftest.sh shows each rule failing.
set -eu
LC_ALL=C
export LC_ALL
rule=$1
here=$(cd "$(dirname "$0")" && pwd)
cd "$2"
build=${3-build}
cc=${CC:-cc}
warnings="-Wall -Wextra -Wpedantic -Wshadow -Wconversion -Wvla -Wstrict-prototypes"

sources() { # sources NAME_PATTERN FOLDER...: those that exist
  pattern=$1
  shift
  for folder in "$@"; do
    [ ! -d "$folder" ] || find "$folder" -type f -name "$pattern"
  done | sort
}
c_files() { sources '*.[ch]' "$@"; sources '*.def' "$@"; }
x86_flags="-mavx2 -mfma -mavx512f -mavx512bw -mavx512dq -mavx512vl -mavx512vnni -mavxvnni"
x86_flags="$x86_flags -mamx-tile"
ours="include src tools examples tests bench"
excepted() { awk -v rule="$rule" '$1 == rule { print $2 }' "$here/exceptions.txt"; }

awk_over() { # awk_over PROGRAM FILES: no files, no violations
  program=$1
  shift
  [ $# = 0 ] || awk "$(cat "$here/strip.awk") $program" "$@"
}

# What a README and its translation share: levels of headings, blocks of code, rows of tables with
# what they name in `code`, list items, and the targets of links in order.
skeleton() {
  awk '/^```/ { code = !code; print; next } code { print; next }
    /^#/ { print $1; next }
    /^\|/ { print "row " gsub(/\|/, "|"); next }
    /^\* / { print "item" }
    { rest = $0
      while (match(rest, /\]\([^)]*\)/)) {
        link = substr(rest, RSTART, RLENGTH)
        if (link !~ /README/) print link # each names the other
        rest = substr(rest, RSTART + RLENGTH)
      } }' "$1"
}
# The commands, options and files that a text shows in `code`, each once.
shown() { awk '/^```/ { code = !code } !code' "$1" | grep -o '`[^`]*`' | sort -u; }

# shellcheck disable=SC2046,SC2086 # file lists are split on purpose; no name here has spaces
violations() {
  case $rule in
    layers)
      awk -f "$here/layers.awk" "$here/layers.txt" $(c_files src tools examples bench)
      if [ -f docs/architecture.md ]; then
        awk '/^```layers/ { on = 1; next } /^```/ { on = 0 } on' docs/architecture.md |
          diff - "$here/layers.txt" >/dev/null ||
          echo "docs/architecture.md:1: its layers block differs from tests/lint/layers.txt"
      fi
      ;;
    calls)
      awk_over 'function calls(names) { return code ~ ("(^|[^a-zA-Z0-9_.>])(" names ") *\\(") }
      {
        code = strip($0)
        where = FILENAME ":" FNR ": "
        if (FILENAME != "src/base/alloc.c" && calls("malloc|calloc|realloc|free|aligned_alloc|" \
            "posix_memalign|memalign|strdup|strndup|asprintf"))
          print where "memory comes from base/alloc.h: " code
        if (calls("printf|vprintf|puts|putchar|perror|exit|_exit|_Exit|quick_exit|abort|assert|" \
            "system|raise|signal") || code ~ /(^|[^a-zA-Z0-9_])(stdout|stderr)([^a-zA-Z0-9_]|$)/)
          print where "a library neither prints nor ends the process: " code
        if (calls("strcpy|strcat|sprintf|gets|strtok|alloca|rand|srand|setlocale|atoi|atof"))
          print where "unbounded, stateful or silent on errors: " code
      }' $(c_files src)
      ;;
    length)
      for file in $(c_files $ours); do
        lines=$(wc -l <"$file")
        [ "$lines" -le 600 ] || excepted | grep -qx "$file" ||
          echo "$file:1: $lines lines, at most 600: is it one idea?"
      done
      ;;
    functions)
      awk_over "$(cat "$here/functions.awk")" $(sources '*.c' $ours) | sort -rn |
        awk -v kernels='^src/kernels/' '
          $1 > 60 { print "note: " $1 " lines: " $3 " (" $2 ")" | "cat 1>&2" }
          $1 > ($2 ~ kernels ? 200 : 120) { print $2 ": " $3 " has " $1 " lines" }
          { all[NR] = $1 }
          END { if (NR) print "note: " NR " functions, median " all[int((NR + 1) / 2)] \
                  " lines, longest " all[1] | "cat 1>&2" }'
      ;;
    spdx)
      for file in $(c_files $ours) $(sources '*.sh' $ours cmake) $(sources '*.cmake' cmake); do
        head -n 2 "$file" | grep -q 'SPDX-License-Identifier: Apache-2.0' ||
          echo "$file:1: no SPDX line at the top"
      done
      ;;
    text)
      awk '{
        plain = $0
        gsub(/[\200-\277]/, "", plain) # a UTF-8 character counts once
        if (length(plain) > 100) print FILENAME ":" FNR ": " length(plain) " columns, at most 100"
        if ($0 ~ /[ \t]$/) print FILENAME ":" FNR ": white space at the end of the line"
        if ($0 ~ /\t/) print FILENAME ":" FNR ": a tab"
        if ($0 ~ /^ *#if [0]|(^|[^A-Za-z])(TO[D]O|FIXM[E]|XX[X])([^A-Za-z]|$)/)
          print FILENAME ":" FNR ": unfinished business"
      }' $(c_files $ours) $(sources '*.sh' $ours cmake) $(sources CMakeLists.txt tests)
      ;;
    names)
      c_files src tools | awk -F/ '$NF in seen { print $0 ":1: the same name as " seen[$NF] }
        { seen[$NF] = $0 }
        $0 ~ /(^|\/)(util|utils|common|core|misc|helper|helpers)(\/|\.[ch]$)/ {
          print $0 ":1: a name that does not say what belongs here" }'
      ;;
    translation)
      work=$(mktemp -d)
      for file in README.*.md; do
        [ -f "$file" ] || continue
        for part in skeleton shown; do
          "$part" README.md >"$work/one"
          "$part" "$file" >"$work/other"
          diff "$work/one" "$work/other" >"$work/differences" ||
            sed -n "s/^[<>]/$file:1: its $part is not README.md's: &/p" "$work/differences"
        done
      done
      rm -r "$work"
      ;;
    headers)
      for header in $(sources '*.h' src); do
        isa=""
        compiler=$cc
        case $header in
          src/kernels/x86/* | src/kernels/*_tile.h) isa=$x86_flags ;;
          src/kernels/arm/*)
            compiler=aarch64-linux-gnu-gcc
            command -v $compiler >/dev/null || continue
            ;;
        esac
        echo "#include \"${header#src/}\"" | $compiler -std=c11 $warnings -Werror $isa -Iinclude \
          -Isrc -fsyntax-only -x c - >/dev/null 2>&1 ||
          echo "$header:1: does not compile alone as C11"
      done
      for header in $(sources '*.h' include); do
        echo "#include <${header#include/}>" >"$build/lint_header.c"
        $cc -std=c99 $warnings -Werror -Iinclude -fsyntax-only -x c "$build/lint_header.c" ||
          echo "$header:1: does not compile alone as C99"
        if command -v "${CXX:-c++}" >/dev/null; then
          "${CXX:-c++}" -std=c++17 -Wall -Wextra -pedantic -Werror -Iinclude -fsyntax-only -x c++ \
            "$build/lint_header.c" || echo "$header:1: does not compile alone as C++17"
        fi
      done
      ;;
    symbols)
      nm -D --defined-only "$build/libmobilenet.so" | awk '$NF !~ /^mn_/ {
        print "libmobilenet.so: exports " $NF }'
      for library in "$build"/libmobilenet*.a; do
        nm -g --defined-only "$library" | awk -v l="${library##*/}" 'NF == 3 && $NF !~ /^mn_/ {
          print l ": defines " $NF ", which could clash with a user'\''s own" }'
      done
      ;;
    state)
      for library in "$build"/libmobilenet*.a; do
        objdump -t "$library" | awk -v l="${library##*/}" '
          /file format/ { object = $1; sub(/:$/, "", object) }
          / O \.(data|bss|tdata|tbss)/ && !/ O \.data\.rel\.ro/ {
            print object, $NF, l }'
      done | awk 'NR == FNR { if ($1 == "state") allowed[$2] = 1; next }
        !($2 in allowed) { print $3 ": " $1 " keeps mutable global state: " $2 }' \
        "$here/exceptions.txt" -
      ;;
    format)
      clang-format --dry-run -Werror $(sources '*.[ch]' $ours) 2>&1 | grep -E ': error' |
        cut -d: -f1 | uniq -c | awk '{ print $2 ": " $1 " places differ from clang-format" }'
      ;;
    *) echo "lint: no rule '$rule'" >&2; exit 2 ;;
  esac
}

if [ "$rule" = format ]; then
  case $(clang-format --version 2>/dev/null) in
    *"version 14."*) ;;
    *) echo "skipped: clang-format 14 is not here (others lay out differently)"; exit 77 ;;
  esac
fi
found=$(violations)
[ -z "$found" ] || { printf '%s\n' "$found"; exit 1; }
