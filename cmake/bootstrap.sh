#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# Installs what is missing, and only that, saying what and why. Silent when nothing is missing.
# usage: cmake/bootstrap.sh [build] [test] [clang] [arm64]
#   build: compiler, CMake, libraries;  test: what the tests need;  clang: second compiler, fuzzing;
#   arm64: compiler and emulator for 64-bit ARM (cmake/arm64_sysroot.sh fetches the libraries)
set -eu

missing=""
need() { # need PACKAGE REASON
  missing="$missing $1"
  reasons="${reasons-}  $1: $2
"
}

has() { command -v "$1" >/dev/null 2>&1; }

has_header() { # through the compiler where there is one, else by looking where Debian puts headers
  if has cc; then
    echo "#include <$1>" | cc -E -x c - >/dev/null 2>&1
  else
    for directory in /usr/include /usr/local/include "/usr/include/$(uname -m)-linux-gnu"; do
      [ -e "$directory/$1" ] && return 0
    done
    return 1
  fi
}

has_library() { # has_library PKG_CONFIG_NAME HEADER
  if has pkg-config; then pkg-config --exists "$1"; else has_header "$2"; fi
}

has_font() { # any face at all: labels on pictures are written with it
  for directory in /usr/share/fonts /usr/local/share/fonts "${HOME:-/root}/.fonts" \
    "${XDG_DATA_HOME:-${HOME:-/root}/.local/share}/fonts"; do
    [ -d "$directory" ] || continue
    [ -z "$(find "$directory" \( -name '*.ttf' -o -name '*.otf' -o -name '*.ttc' \) -print |
      head -n 1)" ] || return 0
  done
  return 1
}

cmake_is_old() {
  has cmake || return 0
  cmake --version | awk 'NR == 1 { split($3, v, "."); exit !(v[1] < 3 || v[1] == 3 && v[2] < 21) }'
}

check_build() {
  if ! has cc || ! has make || ! has_header stdio.h; then
    need build-essential "the C compiler, its headers and make"
  fi
  if cmake_is_old; then need cmake "configures the build (3.21 or later)"; fi
  has pkg-config || need pkg-config "finds libraries"
  has_library libjpeg jpeglib.h || need libjpeg-dev "reads JPEG pictures"
  has_library libpng png.h || need libpng-dev "reads PNG pictures"
  has_library expat expat.h || need libexpat1-dev "reads the XML of Pascal VOC data sets"
  has_library libwebpdemux webp/demux.h || need libwebp-dev "reads WebP pictures"
  has_library pangocairo pango-1.0/pango/pangocairo.h ||
    need libpango1.0-dev "writes labels on pictures (with cairo)"
  has_library libcurl curl/curl.h || need libcurl4-openssl-dev "fetches models, on request only"
  has_font || need fonts-dejavu-core "the letters of these labels"
}

check_test() {
  has_library cmocka cmocka.h || need libcmocka-dev "the tests' harness"
  has_library ompi-c mpi.h || need libopenmpi-dev "trains in several processes"
  has mpirun || need openmpi-bin "starts them"
  has_header simde/x86/avx512.h || need libsimde-dev "tests wide kernels on narrower machines"
}

# The runtime of sanitizers and libFuzzer is a package of its own, named after clang's version.
clang_runtime() {
  version=$(clang -dumpversion 2>/dev/null | cut -d. -f1)
  [ -n "$version" ] || version=$(apt-cache depends clang 2>/dev/null |
    sed -n 's/.*Depends: clang-\([0-9]*\).*/\1/p' | head -n 1)
  echo "libclang-rt-${version:-14}-dev"
}

check_clang() {
  has clang || need clang "the second compiler"
  has clang-format || need clang-format "checks the layout of the source"
  if ! has clang || ! echo 'int LLVMFuzzerTestOneInput(const char *b, unsigned long n);
      int LLVMFuzzerTestOneInput(const char *b, unsigned long n) { return b && !n; }' |
      clang -fsanitize=fuzzer,address -x c -o /dev/null - >/dev/null 2>&1; then
    need CLANG_RUNTIME "sanitizers and libFuzzer for clang"
  fi
}

check_arm64() {
  has aarch64-linux-gnu-gcc || need gcc-aarch64-linux-gnu "compiles for 64-bit ARM"
  [ -e /usr/aarch64-linux-gnu/include/stdio.h ] || need libc6-dev-arm64-cross "its C library"
  has qemu-aarch64 || need qemu-user "runs ARM programs here"
}

for part in "${@:-build}"; do
  case $part in
    build | test | clang | arm64) "check_$part" ;;
    *) echo "bootstrap: '$part' is none of build, test, clang, arm64" >&2; exit 2 ;;
  esac
done
[ -n "$missing" ] || exit 0

say_names() { printf '%s' "$reasons" | sed "s/CLANG_RUNTIME/$(clang_runtime)/"; }
if ! has apt-get; then
  echo "This machine has no apt-get. Please install these (Debian's names) by other means:" >&2
  say_names >&2
  exit 1
fi
as_root=""
if [ "$(id -u)" != 0 ]; then
  if ! has sudo; then
    echo "Installing needs root, and there is no sudo. Please install these as root:" >&2
    say_names >&2
    exit 1
  fi
  as_root="sudo"
  [ -t 0 ] || as_root="sudo -n" # nobody is there to type a password
fi

install() {
  # shellcheck disable=SC2086 # $as_root and the package list are meant to be split
  $as_root env DEBIAN_FRONTEND=noninteractive DEBCONF_NOWARNINGS=yes \
    apt-get -qq -y "$@" </dev/null
}
echo "Missing, to be installed with ${as_root:+$as_root }apt-get:"
say_names
if ! install update >/dev/null; then
  echo "bootstrap: '${as_root:+$as_root }apt-get update' failed; the reason stands above" >&2
  exit 1
fi
packages=$(echo "$missing" | sed "s/CLANG_RUNTIME/$(clang_runtime)/")
# shellcheck disable=SC2086
if ! install install --no-install-recommends --no-remove $packages >/dev/null; then
  echo "bootstrap: installing$packages failed; the reason stands above" >&2
  exit 1
fi
