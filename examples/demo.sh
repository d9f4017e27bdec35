#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# What `make demo` shows: the model that ships with the source on the photo that ships with it.
set -eu
build=$1
photo=$(find examples/photos -name '*.jpg' | sort | head -n 1)
"$build/mobilenet" classify "$photo"
cat <<TEXT

Try next
  $build/mobilenet classify YOUR_PHOTO.jpg           any JPEG, PNG, WebP, BMP or PPM; folders too
  $build/mobilenet classify -m MODEL.tflite PHOTO    any MobileNet classifier of TensorFlow Lite
  $build/mobilenet info                              its layers, cost, memory and contract
  $build/mobilenet bench                             how fast it is here
  $build/mobilenet help                              everything else
TEXT
