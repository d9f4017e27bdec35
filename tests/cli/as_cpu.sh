#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# bench/as_cpu.c: the tool chooses no kernel that the CPU named lacks, all as before when none is
# named, and a CPU that is none ends it.
# usage: as_cpu.sh TOOL LIBRARY; exit 77: CPUID cannot be trapped here
set -u
tool=$1
library=$2
fail() {
  echo "as_cpu: $*" >&2
  exit 1
}
as() { # as CPU: the instruction sets of the kernels that are chosen, or one sentence
  MOBILENET_AS_CPU=$1 LD_PRELOAD=$library "$tool" kernels --json 2>&1
}
sets() { sed 's/.*"isa":"//; s/".*//' | sort -u; }

plain=$("$tool" kernels --json) || fail "no kernels"
[ "$(LD_PRELOAD=$library "$tool" kernels --json)" = "$plain" ] || fail "other kernels unasked"

said=$(as zen9) && fail "zen9 is a CPU"
case $said in
  *"zen9: no such CPU"*) ;;
  *) fail "of zen9 it says: $said" ;;
esac

check() { # check CPU PATTERN SET: none of that pattern, and the set if it is here
  said=$(as "$1")
  if [ $? -ne 0 ]; then
    case $said in
      *"cannot trap CPUID"*) echo "SKIPPED: $said" && exit 77 ;;
      *) fail "$1: $said" ;;
    esac
  fi
  echo "$said" | grep -q "\"gemm_f32\"" || fail "$1: no kernels: $said"
  beyond=$(echo "$said" | sets | grep -E "^($2)")
  [ -z "$beyond" ] || fail "$1 has" $beyond
  if echo "$plain" | sets | grep -qx "$3" && ! echo "$said" | sets | grep -qx "$3"; then
    fail "$1 has no $3"
  fi
}
check avx2 'avx512|avxvnni|amx' avx2
check avxvnni 'avx512|amx' avx2
check avx512 'avxvnni|amx|avx512fp16' avx512
