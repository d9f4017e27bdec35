#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# What `make demo` shows: the models that ship with the source on the photos that ship with it. A
# flower is named; a cat is named, its head found and its pixels told apart, all in one picture.
set -eu
build=$1
tool=$build/mobilenet
drawn=$build/demo
photo=examples/pets/chelsea.jpg
mkdir -p "$drawn"
"$tool" classify examples/photos/sunflower.jpg
echo
"$tool" segment -m models/pets-masks-v1-0.25-224.safetensors -o "$drawn/mask" "$photo"
echo
"$tool" classify -m models/pets-kinds-v1-0.25-224.safetensors \
  -o "$drawn/label" --over "$drawn/mask" "$photo"
echo
"$tool" detect -m models/pets-heads-v1-0.25-224.safetensors \
  -o "$drawn" --over "$drawn/label" "$photo"
cat <<TEXT

Label, box and mask of one photo: $drawn/chelsea.png

Try next
  $tool classify YOUR_PHOTO.jpg           any JPEG, PNG, WebP, BMP or PPM; folders too
  $tool classify -m MODEL.tflite PHOTO    any MobileNet classifier of TensorFlow Lite
  $tool train PHOTOS/ -a v1-0.25-128 -o MY.safetensors    a folder with a folder a class
  $tool info                              its layers, cost, memory and contract
  $tool bench                             how fast it is here
  $tool help                              everything else
TEXT
