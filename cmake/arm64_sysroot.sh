#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# Makes a folder of the arm64 libraries that the build and its tests link, from Debian's packages
# (6 MB to fetch). They are unpacked, not installed: this machine's own packages stay as they are,
# and it takes no root. Silent when the folder is there.
# usage: cmake/arm64_sysroot.sh [FOLDER]   (build-arm64/sysroot, where cmake/arm64.cmake looks)
set -eu
cd "$(dirname "$0")/.."
sysroot=${1:-build-arm64/sysroot}
[ -e "$sysroot/complete" ] && exit 0
packages="libc6 libgcc-s1 libcmocka0 libcmocka-dev libjpeg62-turbo libjpeg62-turbo-dev libpng16-16
  libpng-dev zlib1g zlib1g-dev libwebp7 libwebpdemux2 libwebp-dev libexpat1 libexpat1-dev"

echo "Fetching arm64 libraries into $sysroot"
rm -rf "$sysroot"
mkdir -p "$sysroot/apt/lists" "$sysroot/apt/cache/archives" "$sysroot/apt/debs"
apt=$(cd "$sysroot/apt" && pwd)
: >"$apt/status"
cat >"$apt/apt.conf" <<END
APT::Architecture "arm64";
APT::Architectures { "arm64"; };
APT::Sandbox::User "";
Acquire::Languages "none";
Dir::State "$apt";
Dir::State::status "$apt/status";
Dir::Cache "$apt/cache";
END
export APT_CONFIG="$apt/apt.conf"
apt-get -qq update
# shellcheck disable=SC2086 # the list of packages is meant to be split
(cd "$apt/debs" && apt-get -qq download $packages)
for deb in "$apt"/debs/*.deb; do dpkg-deb --extract "$deb" "$sysroot"; done
rm -rf "$apt"
# Links that mean the root of an arm64 system.
find "$sysroot" -type l -lname '/*' | while read -r link; do
  ln -sfn "$(cd "$sysroot" && pwd)$(readlink "$link")" "$link"
done
: >"$sysroot/complete"
