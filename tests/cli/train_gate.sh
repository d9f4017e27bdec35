#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# `mobilenet train --qat --max-drop`: a good network is ruined by far too high a rate. Where no
# epoch comes near floats nothing is written and the exit code is 4; else the file is of the last
# that does.
# usage: train_gate.sh TOOL WORK_FOLDER
set -u
tool=$1
work=$2
fail() {
  echo "train_gate: $*" >&2
  exit 1
}
says() { # says FILE SENTENCE
  grep -qF -- "$2" "$1" || fail "not said: '$2', but: $(cat "$1")"
}
rm -rf "$work"
mkdir -p "$work/set/across" "$work/set/down" && cd "$work" || exit 1

stripes() { # stripes FILE SEED DOWN
  awk -v seed="$2" -v down="$3" 'BEGIN {
    srand(seed)
    print "P3\n24 24\n255"
    phase = int(rand() * 8)
    for (p = 0; p < 576; p++) {
      light = int(((down ? p % 24 : int(p / 24)) + phase) / 4) % 2
      for (c = 0; c < 3; c++) print 40 + 140 * light + int(rand() * 60)
    }
  }' >"$1"
}
i=10
while [ $i -lt 42 ]; do
  stripes set/across/$i.ppm $i 0
  stripes set/down/$i.ppm 1$i 1
  i=$((i + 1))
done
train() { # train OUT OPTIONS...
  out=$1
  shift
  "$tool" train set --seed 3 --threads 1 -o "$out" --set batch=8 --set warmup_epochs=0 \
    --set average=0 --set dropout=0 --set crop=none --set rand_ops=0 --set mixup=0 --set flip=0 \
    --set erase=0 --set norm_momentum=0.3 --set seen=0 "$@"
}
train float.safetensors -a v1-0.25-32 --set rate=0.1 --epochs 16 >float.out 2>&1 ||
  fail "$(cat float.out)"

train ruin.safetensors --from float.safetensors --qat --max-drop 60 --set rate=1 --epochs 2 \
  >ruin.out 2>ruin.err
[ $? = 4 ] || fail "a missed gate is exit code 4: $(cat ruin.out ruin.err)"
says ruin.out "points below floats, more than --max-drop 60: not written"
says ruin.err "ruin.safetensors is not written: no epoch came within --max-drop 60 of floats"
[ -e ruin.safetensors ] && fail "a model below the gate was written"
[ -e ruin.run.safetensors ] && fail "a finished run is left"
says ruin.report.html "no epoch came within --max-drop, and no model was written"

# Epoch by epoch a higher rate. The gate is no part of what is trained: an open one gives the same.
slowly() { # slowly OUT OPTIONS...
  to=$1
  shift
  train "$to" --from float.safetensors --qat --set rate=1 --set schedule=one_cycle \
    --set first_share=1e-8 --set rising=0.9 "$@"
}
slowly kept.safetensors --max-drop 60 --epochs 20 --json >kept.out 2>kept.err ||
  fail "$(cat kept.out kept.err)"
epoch=$(sed -n 's/.*kept.safetensors is of epoch \([0-9]*\), the last within.*/\1/p' kept.err)
[ -n "$epoch" ] || fail "it is not said which epoch was kept: $(cat kept.out kept.err)"
says kept.report.html "the model file is of epoch $epoch, the last within --max-drop"
grep -qF "epochs_done\\\":$epoch," kept.safetensors || fail "the file is not of epoch $epoch"
says kept.out '"drop_class":"'
grep -q "\"epoch\":20,.*\"drop\":0\.[6-9]\|\"epoch\":20,.*\"drop\":1" kept.out ||
  fail "the last epoch is no ruin: $(cat kept.out)"

slowly x.safetensors --max-drop 101 2>x.err
[ $? = 2 ] || fail "101 points"
says x.err "--max-drop takes percentage points from 0 to 100, not '101'"
train x.safetensors -a v1-0.25-32 --max-drop 2 2>x.err
[ $? = 2 ] || fail "--max-drop without --qat"
says x.err "it goes with --qat"
exit 0
