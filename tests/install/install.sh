#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# usage: install.sh BUILD CASE. Installs BUILD under DESTDIR, moves the tree (it must not know where
# it stands), and uses it as a stranger would. CASE: files, cmake, pkgconfig, dependencies.
set -eu
here=$(cd "$(dirname "$0")" && pwd)
build=$1 case=$2
cc=${CC:-cc}
work=$build/install_$case
fail() { echo "install: $*"; exit 1; }

rm -rf "$work"
mkdir -p "$work"
DESTDIR=$work/staged cmake --install "$build" --prefix /opt/mobilenet >"$work/log"
mv "$work/staged/opt/mobilenet" "$work/moved"
prefix=$work/moved
library=$(dirname "$(find "$prefix" -name libmobilenet.so)")

needed() { objdump -p "$1" | awk '$1 == "NEEDED" { print $2 }'; }

check_files() {
  for file in bin/mobilenet include/mobilenet/mobilenet.h include/mobilenet/image.h \
      include/mobilenet/io.h include/mobilenet/convert.h; do
    [ -s "$prefix/$file" ] || fail "$file is missing"
  done
  for file in libmobilenet.a libmobilenet_io.a libmobilenet_train.a libmobilenet.so.0 \
      pkgconfig/mobilenet.pc cmake/mobilenet/mobilenet-config.cmake; do
    [ -s "$library/$file" ] || fail "$file is missing"
  done
  for part in mobilenet_draw mobilenet_fetch; do # parts of the command, each with one public name
    names=$(objdump -T "$library/mobilenet/$part.so" | awk '/ Base / && !/UND/ { print $NF }')
    [ "$names" = "$part" ] || fail "$part.so shows '$names'"
  done
  # A mirror with a wrong file: the command has found its part, and fetched.
  first=$("$prefix/bin/mobilenet" pull --list --json | head -n 1)
  name=${first#*\"name\":\"}
  source=${first#*\"source\":\"}
  file=$(basename "${source%%\"*}")
  mkdir "$work/mirror"
  echo wrong >"$work/mirror/$file"
  http_proxy=http://127.0.0.1:1 https_proxy=http://127.0.0.1:1 MOBILENET_HOME=$work/home \
    MOBILENET_MIRROR=$work/mirror "$prefix/bin/mobilenet" pull "${name%%\"*}" 2>"$work/said" &&
    fail "a wrong file was taken"
  grep -q "$file: its SHA-256 is" "$work/said" || { cat "$work/said"; fail "nothing was fetched"; }
  soname=$(objdump -p "$library/libmobilenet.so" | awk '$1 == "SONAME" { print $2 }')
  [ "$soname" = libmobilenet.so.0 ] || fail "the SONAME is $soname, not libmobilenet.so.0"
  leaks=$(find "$prefix" -name '*.pc' -o -name '*.cmake' | xargs grep -l "$build" || true)
  [ -z "$leaks" ] || fail "build paths in $leaks"
  "$prefix/bin/mobilenet" version | grep -q "$("$build/mobilenet" version | head -n 1)" ||
    fail "the installed command does not run"
}

check_cmake() {
  command -v "${CXX:-c++}" >/dev/null || { echo "skipped: no C++ compiler"; exit 77; }
  cmake -S "$here/cmake" -B "$work/consumer" -DCMAKE_PREFIX_PATH="$prefix" >"$work/log" ||
    { cat "$work/log"; fail "find_package(mobilenet) failed"; }
  cmake --build "$work/consumer" >"$work/log" 2>&1 ||
    { cat "$work/log"; fail "the CMake consumer does not build"; }
  (cd "$work/consumer" && ctest --output-on-failure)
}

# shellcheck disable=SC2046 # flags are split on purpose
check_pkgconfig() {
  PKG_CONFIG_PATH=$library/pkgconfig
  export PKG_CONFIG_PATH
  $cc -o "$work/shared" "$here/consumer.c" $(pkg-config --cflags --libs mobilenet)
  LD_LIBRARY_PATH=$library "$work/shared"
  $cc -DMN_CONSUMER_IO -DMN_CONSUMER_TRAIN -o "$work/all" "$here/consumer.c" \
    $(pkg-config --cflags --libs mobilenet_train)
  "$work/all"
}

# shellcheck disable=SC2086
check_dependencies() {
  mapped=$(needed "$library/libmobilenet.so" | tr '\n' ' ')
  echo "libmobilenet.so needs: $mapped"
  for name in $mapped; do
    case $name in
      libc.so.6 | libm.so.6 | libpthread.so.0 | ld-linux*) ;;
      *) fail "libmobilenet.so needs $name" ;;
    esac
  done
  # Each static library alone: whole archive, so that every undefined name must be met by the
  # libraries it may depend on.
  codecs=$(pkg-config --libs libjpeg libpng libwebp libwebpdemux expat)
  printf 'int main(void) { return 0; }\n' >"$work/main.c"
  whole() { # whole NAME LIBRARIES
    name=$1
    shift
    $cc -o "$work/$name" "$work/main.c" -Wl,--whole-archive "$library/lib$name.a" \
      -Wl,--no-whole-archive "$@" || fail "lib$name.a does not link alone"
    echo "lib$name.a needs: $(needed "$work/$name" | tr '\n' ' ')"
  }
  whole mobilenet -lpthread -lm
  whole mobilenet_io "$library/libmobilenet.a" $codecs -lpthread -lm
  whole mobilenet_train "$library/libmobilenet_io.a" "$library/libmobilenet.a" $codecs -lpthread -lm
  # Its code with the kernels of every instruction set; names, tables and what the linker adds are
  # said beside it. The limit is for what gcc makes of it for x86-64: clang's code is a fifth
  # larger, 64-bit ARM's a seventh, and stacks that a distribution's compiler guards cost a tenth.
  limit=300
  if printf '' | $cc -O2 -dM -E - | grep -Eq '__clang__|__SSP_|__aarch64__'; then limit=375; fi
  bytes=$(size -A "$library/libmobilenet.so" | awk '$1 == ".text" { print $2 }')
  whole=$(size "$library/libmobilenet.so" | awk 'NR == 2 { print $1 }')
  echo "libmobilenet.so: $bytes bytes of code, $whole with constants"
  [ "$bytes" -le $((limit * 1024)) ] || fail "the code of libmobilenet.so is over $limit KiB"
}

"check_$case"
rm -rf "$work"
