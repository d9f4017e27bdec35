#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# `mobilenet train` on a folder as folders are: what is wrong in it is named, a run that is killed
# within an epoch goes on to the same bytes, Ctrl-C and divergence leave the last good checkpoint, a
# checkpoint of other classes is refused with both lists, and the page about the run is written.
# usage: train_folder.sh TOOL WORK_FOLDER PICTURES (tests/golden/pictures)
set -u
tool=$1
work=$2
pictures=$3
fail() {
  echo "train_folder: $*" >&2
  exit 1
}
rm -rf "$work"
mkdir -p "$work" && cd "$work" || exit 1

noise() { # noise FILE SEED BASE
  awk -v seed="$2" -v base="$3" 'BEGIN {
    srand(seed + base)
    print "P3\n24 24\n255"
    for (p = 0; p < 1728; p++) print base + int(rand() * 90)
  }' >"$1"
}
for i in 10 11 12 13 14 15 16 17 18 19; do
  mkdir -p set/dark set/bright
  noise set/dark/$i.ppm $i 40
  noise set/bright/$i.ppm $i 120
done
train() { # train DATA OUT OPTIONS...
  data=$1
  out=$2
  shift 2
  "$tool" train "$data" -a v1-0.25-32 --seed 3 --threads 1 --set batch=5 --set warmup_epochs=0 \
    -o "$out" "$@"
}
says() { # says FILE SENTENCE
  grep -qF -- "$2" "$1" || fail "not said: '$2', but: $(cat "$1")"
}

# A truncated JPEG, a text file, an empty class, CMYK, which is a picture as any other. 17 to train
# on: the last batch of an epoch would have two pictures of five.
cp -r set untidy
head -c 400 "$pictures/jpeg_420.jpg" >untidy/dark/cut.jpg
cp "$pictures/jpeg_cmyk.jpg" untidy/bright/cmyk.jpg
echo "do not forget the roses" >untidy/dark/notes.txt
mkdir untidy/void
train untidy untidy.safetensors --epochs 1 >untidy.out 2>untidy.err || fail "$(cat untidy.err)"
says untidy.err "untidy/dark/cut.jpg: the JPEG file is truncated: it ends after 400 bytes,\
 before the picture does"
says untidy.err "a file is left out, no picture by its name: dark/notes.txt"
says untidy.err "class 'void' has no pictures to train on"
grep -q "cmyk" untidy.err && fail "a CMYK photo is a picture: $(cat untidy.err)"
says untidy.out "untidy: 17 pictures to train on, 4 held back"

# The same photo on both sides of a split that the folder states.
mkdir -p split/train split/val/dark split/val/bright
cp -r set/dark set/bright split/train/
noise split/val/bright/90.ppm 90 120
cp set/dark/11.ppm split/val/dark/91.ppm
train split split.safetensors --epochs 1 >split.out 2>split.err || fail "$(cat split.err)"
says split.err "1 of 2 pictures held back looks like one that is trained on,\
 which flatters the\
 score: val/dark/91.ppm like train/dark/11.ppm"

# The page: curves, confusion, recipe, and what the file says of itself.
says split.report.html "<svg "
says split.report.html "What is taken for what"
says split.report.html "norm_momentum"
says split.report.html '&quot;seed&quot;:3'
grep -q 'mobilenet.training' split.safetensors || fail "the model file does not say how it was made"

# One picture more than a batch: the last batch of one is left out, and trains nothing.
train set one.safetensors --epochs 1 --set batch=15 >one.out 2>&1 || fail "$(cat one.out)"

# Decoded pictures in memory, all of them, some, or none: the same bytes.
train set all.safetensors --epochs 3 >all.out 2>&1 || fail "$(cat all.out)"
grep -q "decoded" all.out && fail "nothing is to be said where all fit: $(cat all.out)"
for size in 1M 12K 0; do
  train set $size.safetensors --epochs 3 --cache $size >$size.out 2>&1 || fail "$(cat $size.out)"
  cmp all.safetensors $size.safetensors || fail "--cache $size makes other bytes"
done
says 1M.out "20 pictures stay decoded in memory, 1 MB"
says 12K.out "6 of 20 pictures stay decoded in memory, 1 MB; --cache 1M would hold about all"
grep -q "decoded" 0.out && fail "nothing is kept with --cache 0: $(cat 0.out)"
train set size.safetensors --cache 4GB >size.out 2>&1 && fail "4GB is no size"
says size.out "--cache takes a number of bytes such as 512M or 4G, not '4GB'"

# Killed within an epoch, and gone on with.
wait_for() { # wait_for FILE
  tries=0
  until [ -e "$1" ] || [ $tries = 600 ]; do
    sleep 0.05
    tries=$((tries + 1))
  done
  [ -e "$1" ] || fail "$1 never came"
}
train set whole.safetensors --epochs 60 >whole.out 2>&1 || fail "$(cat whole.out)"
"$tool" train set -a v1-0.25-32 --seed 3 --threads 1 --set batch=5 --set warmup_epochs=0 \
  -o killed.safetensors --epochs 60 >killed.out 2>&1 &
run=$!
wait_for killed.run.safetensors
kill -9 $run 2>/dev/null || fail "it was over before it could be killed"
wait $run && fail "a killed run has succeeded"
train set killed.safetensors --epochs 60 >refused.out 2>&1 && fail "a stopped run was overwritten"
says refused.out "killed.run.safetensors is of a run that was stopped:\
 --resume goes on with it, or remove it"
train set killed.safetensors --epochs 60 --resume >resumed.out 2>&1 || fail "$(cat resumed.out)"
cmp whole.safetensors killed.safetensors || fail "going on has made other bytes"
points=$(sed -n 's/.*<path d="\(M[^"]*L[^"]*\)".*/\1/p' killed.report.html | head -1 |
  tr -cd L | wc -c)
[ "$points" = 59 ] || fail "the curve of a resumed run has $points of 59 lines"

# Ctrl-C.
"$tool" train set -a v1-0.25-32 --seed 3 --threads 1 --set batch=5 --set warmup_epochs=0 \
  -o stopped.safetensors --epochs 400 >stopped.out 2>&1 &
run=$!
wait_for stopped.run.safetensors
kill -INT $run
sleep 0.001
kill -INT $run 2>/dev/null # as timeout(1) does, to it and to its group
wait $run
[ $? = 130 ] || fail "Ctrl-C does not end a run with 130"
says stopped.out "stopped; --resume goes on after epoch"

# A checkpoint of other classes.
cp -r set three
cp -r set/dark three/grey
train three stopped.safetensors --epochs 400 --resume >three.out 2>&1 && fail "other classes passed"
says three.out "the checkpoint's are bright, dark, the data's are bright, dark, grey:\
 give the data that it began with"

# A rate that no network bears: the epochs before are kept, and can be gone on from.
set -- --set optimizer=sgd --set momentum=0 --set nesterov=false --set rate=100 --set clip=0 \
  --set weight_decay=1 --set decay_all=true --set schedule=one_cycle --set first_share=0 --epochs 30
train set far.safetensors "$@" >far.out 2>&1 && fail "a loss that is no number passed"
says far.out "a smaller rate (rate=33.3333) or clip=1 may help; the last checkpoint is from before"
"$tool" info far.safetensors >far.info 2>&1 || fail "the last good model: $(cat far.info)"
train set far.safetensors "$@" --resume >again.out 2>&1 && fail "the same steps end otherwise"
says again.out "far.run.safetensors: going on after epoch"
echo "passed"
