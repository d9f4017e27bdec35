#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# `mpirun mobilenet train`: 1, 2 and 4 processes make the same file; one that is killed ends the run
# with the last checkpoint whole, from which another number of processes goes on to the same bits.
# usage: train_ranks.sh TOOL WORK_FOLDER; exit 77: Open MPI is not here, or not built in
set -u
tool=$1
work=$2
fail() {
  echo "train_ranks: $*" >&2
  exit 1
}
if ! command -v mpirun >/dev/null; then
  echo "SKIPPED: there is no mpirun"
  exit 77
fi
if [ ! -e "$(dirname "$tool")/mobilenet_mpi.so" ]; then
  echo "SKIPPED: mobilenet was built without Open MPI"
  exit 77
fi
rm -rf "$work"
mkdir -p "$work" && cd "$work" || exit 1

ranks() { # ranks COUNT COMMAND...
  count=$1
  shift
  OMPI_ALLOW_RUN_AS_ROOT=1 OMPI_ALLOW_RUN_AS_ROOT_CONFIRM=1 OMPI_MCA_btl=self,vader,tcp \
    OMPI_MCA_btl_vader_single_copy_mechanism=none OMPI_MCA_plm_rsh_agent=true \
    mpirun --oversubscribe -n "$count" sh -c 'echo $$ >pid.$OMPI_COMM_WORLD_RANK; exec "$@"' sh "$@"
}

# Two classes of 16 noisy pictures of 16 pixels each.
for class in dark bright; do
  mkdir -p set/$class
  for i in 10 11 12 13 14 15 16 17 18 19 20 21 22 23 24 25; do
    awk -v seed="$i" -v base=$([ $class = dark ] && echo 40 || echo 120) 'BEGIN {
      srand(seed + base)
      print "P3\n16 16\n255"
      for (p = 0; p < 768; p++) print base + int(rand() * 90)
    }' >set/$class/$i.ppm
  done
done
train() { # train COUNT OUT OPTIONS...
  count=$1
  out=$2
  shift 2
  set -- "$tool" train set -a v1-0.25-32 --seed 3 --threads 1 --set batch=4 --set accumulate=4 \
    --set warmup_epochs=0 -o "$out" "$@"
  if [ "$count" = 1 ]; then "$@"; else ranks "$count" "$@"; fi
}

for count in 1 2 4; do
  train $count $count.safetensors --epochs 3 >$count.out 2>$count.err ||
    fail "$count processes: $(cat $count.err)"
  [ "$(grep -c '^epoch' $count.out)" = 3 ] || fail "$count processes: more than one speaks"
  cmp 1.safetensors $count.safetensors || fail "$count processes make other bits"
done

# Products in bf16.
for count in 1 2; do
  train $count half$count.safetensors --epochs 3 --set precision=bf16 >half.out 2>&1 ||
    fail "$(cat half.out)"
  cmp half1.safetensors half$count.safetensors || fail "$count processes make other bits in bf16"
done
cmp -s 1.safetensors half1.safetensors && fail "precision changes nothing"

# The second process is killed once there is a checkpoint. Other numbers of processes go on from it,
# to the bits of a run that was not stopped.
train 2 killed.safetensors --epochs 150 >killed.out 2>killed.err &
run=$!
tries=0
until [ -e killed.run.safetensors ] || [ $tries = 300 ]; do
  sleep 0.1
  tries=$((tries + 1))
done
kill -9 "$(cat pid.1)"
wait $run && fail "a run that lost a process has succeeded"
grep -q "one of its processes has ended; --resume goes on after epoch" killed.err ||
  fail "nothing says what to do: $(cat killed.err)"
[ "$(grep -c '^mobilenet:' killed.err)" = 1 ] || fail "not one sentence: $(cat killed.err)"
train 4 killed.safetensors --epochs 150 --resume >resumed.out 2>&1 || fail "$(cat resumed.out)"
train 1 whole.safetensors --epochs 150 >whole.out 2>&1 || fail "$(cat whole.out)"
cmp whole.safetensors killed.safetensors || fail "going on has made other bits"

# Batch norms over all processes: as many as there are batches, no fewer.
train 4 sync.safetensors --epochs 3 --set sync_norm=true >sync.out 2>&1 || fail "$(cat sync.out)"
cmp -s 1.safetensors sync.safetensors && fail "sync_norm changes nothing"
train 2 fewer.safetensors --epochs 2 --set sync_norm=true >fewer.out 2>fewer.err &&
  fail "two processes synchronized four batches"
grep -q "over the 4 batches of a step need 4 processes, and there are 2" fewer.err ||
  fail "$(cat fewer.err)"

# Processes that do not fit a step.
train 3 odd.safetensors --epochs 1 >odd.out 2>odd.err && fail "three processes shared four batches"
grep -q "3 processes cannot share the 4 batches of a step" odd.err || fail "$(cat odd.err)"
echo "passed"
