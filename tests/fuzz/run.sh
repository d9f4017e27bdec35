#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# usage: run.sh BUILD SECONDS [NAME...]: runs each libFuzzer harness on a copy of its corpus, in
# BUILD/fuzz/NAME, where new inputs and crashers stay. Ends with the executions of each.
set -eu
here=$(cd "$(dirname "$0")" && pwd)
build=$1 seconds=$2
shift 2
[ $# -gt 0 ] || set -- $(find "$here" -name 'fuzz_*.c' | sed 's/.*fuzz_//; s/\.c$//' | sort)
failed=""
for name in "$@"; do
  work=$build/fuzz/$name
  mkdir -p "$work/corpus"
  [ ! -d "$here/corpus/$name" ] || cp -r "$here/corpus/$name/." "$work/corpus/"
  echo "fuzz $name: $seconds s"
  if ! "$build/tests/fuzz/fuzz_$name" -max_total_time="$seconds" -timeout=10 -rss_limit_mb=2048 \
      -max_len=65536 -print_final_stats=1 -artifact_prefix="$work/" "$work/corpus" \
      >"$work/log" 2>&1; then
    failed="$failed $name"
    tail -n 40 "$work/log"
  fi
  awk -v n="$name" '/number_of_executed_units/ { units = $2 } /cov:/ { cov = $0 }
    END { sub(/.*cov: /, "", cov); sub(/ .*/, "", cov)
      print "fuzz " n ": " units " executions, " cov " edges" }' "$work/log"
done
[ -z "$failed" ] || { echo "fuzz: failures in$failed (inputs in $build/fuzz/)"; exit 1; }
