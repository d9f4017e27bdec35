#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# Makes the virtual environment of the comparison, outside the source, and prints its Python. A
# package that does not install is said and left out: peers.py then prints why that peer is missing.
# usage: environment.sh [torch]: PyTorch and what needs it
set -eu
here=$(cd "$(dirname "$0")" && pwd)
folder=${XDG_CACHE_HOME:-$HOME/.cache}/mobilenet-bench/venv${1:+-$1}
list=$here/requirements${1:+-$1}.txt
wanted=$(sed '/^#/d' "$list")
if [ ! -e "$folder/complete" ] || ! cmp -s "$list" "$folder/complete"; then
  python3 -m venv "$folder" >&2
  for package in $wanted; do
    # pnnx's own requirements are for converting from PyTorch.
    case $package in pnnx*) alone=--no-deps ;; *) alone= ;; esac
    "$folder/bin/python" -m pip install --quiet --disable-pip-version-check $alone "$package" >&2 ||
      echo "bench: $package cannot be installed here" >&2
  done
  cp "$list" "$folder/complete"
fi
echo "$folder/bin/python"
