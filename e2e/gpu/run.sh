#!/usr/bin/env bash
# Runs the checks that need a GPU and prints one line for each: PASS, FAIL or SKIP, the reason, and the seconds it took. Uses no
# network; build first (mvn -DskipTests package). For a machine without network or Java, or with little space: tools/gpu/pack.sh
# here, tools/gpu/join.sh there. The trainer's checks need a libtorch for CUDA (tools/gpu/libtorch.sh), those of NCCL do not.
# None of this has run on a GPU yet; all of it has run without one, on the CPU.
#   e2e/gpu/run.sh [RANKS ...]     numbers of ranks that share the card (default: 2 3 4)
#   SWAV_MINUTES=9 e2e/gpu/run.sh    time limit in minutes (default: 9): a check gets at most the rest, later ones are skipped
#   SWAV_REHEARSE=1 e2e/gpu/run.sh   without a GPU: runs smaller trainer checks on the CPU, to test this script
# Libraries are found as trainers find them: LD_LIBRARY_PATH, beside PYTORCH_LIBRARY_PATH, system folders. Exit codes: 0 all checks
# that ran passed, 1 a check failed, 2 the project is not built, 3 the time ran out, 77 no GPU (a stub replaces NCCL).
set -uo pipefail
HOME_DIR=$(cd "$(dirname "$(readlink -f "${BASH_SOURCE[0]}")")/../.." && pwd)
cd "$HOME_DIR" || exit 2
case ${1:-} in -h | --help) sed -n '2,11s/^# \{0,1\}//p' "${BASH_SOURCE[0]}"; exit 0 ;; esac
RANKS=${*:-2 3 4}
WORK=$(mktemp -d); trap 'rm -rf "$WORK"' EXIT
FAILED=0 LATE=0 MARK=$SECONDS END=$((SECONDS + 60 * ${SWAV_MINUTES:-9}))

line() { printf '%s\n' "$*"; }
pass() { line "PASS  $* [$((SECONDS - MARK)) s]"; MARK=$SECONDS; }
skip() { line "SKIP  $*"; }
fail() { line "FAIL  $* [$((SECONDS - MARK)) s]"; FAILED=1 MARK=$SECONDS; }
late() { # late WHAT: succeeds, and reports a skip, if no time is left for it
  [ $((END - SECONDS)) -lt 10 ] || return 1
  skip "$1: the time is up"; LATE=1
}
within() { timeout -k 5 "$((END > SECONDS ? END - SECONDS : 1))" "$@"; } # exit code 124 if the time runs out

JAVA=${JAVA_HOME:+$JAVA_HOME/bin/}java
"$JAVA" -version > /dev/null 2>&1 || { line "java was not found: set JAVA_HOME to a JDK 17"; exit 2; }
LIBRARIES=$HOME_DIR/e2e/cli/target/lib CLASS_PATH=
for module in torch collective conformance; do CLASS_PATH+=$HOME_DIR/trainer-image/$module/target/test-classes:; done
for needed in ${CLASS_PATH//:/ } "$LIBRARIES"; do
  [ -d "$needed" ] || { line "$needed is missing: build with mvn -DskipTests package"; exit 2; }
done
CLASS_PATH+=$(find "$LIBRARIES" -name '*.jar' | LC_ALL=C sort | tr '\n' ':')
export OMP_WAIT_POLICY=PASSIVE OMP_NUM_THREADS=1

run() { within "$JAVA" -XX:+UseSerialGC -cp "$CLASS_PATH" "$@"; }
trainer() { run io.swav.trainer.Main "$@"; }
card() { # card LIBRARIES RANKS...: runs the cases of CardRank
  local code=0
  run io.swav.conformance.CardRun "$@" 2> "$WORK/card.err" || code=$?
  if [ $code = 0 ]; then pass "NCCL, all cases"; else fail "NCCL, a case above failed, or their runner did: exit code $code"; fi
  grep -E 'Exception|Error' "$WORK/card.err" | head -n 5
}

if trainer doctor --json "$WORK/doctor.json" > "$WORK/doctor" 2>&1; then pass "doctor: training can run here"; else fail "doctor: training cannot run here"; fi
sed 's/^/      /' "$WORK/doctor"

if ! { command -v nvidia-smi > /dev/null && nvidia-smi -L 2> /dev/null | grep -q GPU; }; then
  skip "real NCCL: nvidia-smi lists no GPU"
  skip "trainer on the GPU: nvidia-smi lists no GPU"
  if command -v gcc > /dev/null && sh trainer-image/torch/src/test/resources/nccl/build.sh "$WORK/stub" > "$WORK/gcc" 2>&1; then
    line "      with the stub of NCCL instead:"
    card "$WORK/stub" $RANKS
  else
    skip "stub of NCCL: no gcc, or it failed: $(tail -n 1 "$WORK/gcc" 2> /dev/null)"
  fi
  [ -n "${SWAV_REHEARSE:-}" ] || { [ $FAILED = 0 ] || exit 1; exit 77; }
  line "      trainer checks on the CPU, which prove nothing about a GPU:"
else
  nvidia-smi -L | sed 's/^/      /'
fi

# several ranks on one card: to NCCL each is a host of its own (NCCL_HOSTID, set by rank), and they communicate over sockets
export NCCL_P2P_DISABLE=1 NCCL_SHM_DISABLE=1 NCCL_SOCKET_IFNAME=${NCCL_SOCKET_IFNAME:-lo} NCCL_IB_DISABLE=1
if [ -n "${SWAV_REHEARSE:-}" ]; then
  :
elif grep -q '"not found: [^"]*lib' "$WORK/doctor.json"; then
  skip "real NCCL: $(sed -n 's/.*"\(not found: [^"]*\)".*/\1/p' "$WORK/doctor.json"); add their folders to LD_LIBRARY_PATH"
else
  card real $RANKS
fi

train() { # train NAME RANKS CONFIG: runs trainers that share the card; weights go to $WORK/NAME, resuming from those there
  local name=$1 ranks=$2 config=$3 rank members="" pids=() base=$((20000 + RANDOM % 20000))
  for ((rank = 0; rank < ranks; rank++)); do
    members="$members${members:+,}{\"pod\": \"t$rank\", \"uid\": \"t$rank\", \"address\": \"127.0.0.1:$((base + rank))\"}"
  done
  printf '{"generation": 1, "job": "gpu", "members": [%s], "why": "on one card"}' "$members" > "$WORK/$name.world"
  for ((rank = 0; rank < ranks; rank++)); do
    SWAV_POD=t$rank SWAV_POD_UID=t$rank SWAV_JOB_UID=gpu SWAV_PORT=$((base + rank)) NCCL_HOSTID=card-of-rank-$rank \
      SWAV_HANDSHAKE_KEY="one card, sixteen bytes" \
      trainer train --config "$config" --world "$WORK/$name.world" --out "$WORK/$name" > "$WORK/$name.$rank.log" 2>&1 &
    pids+=($!)
  done
  local code=0 pid
  for pid in "${pids[@]}"; do wait "$pid" || code=$?; done
  return $code
}

job() { # job NAME STEPS MODEL [MORE [AUGMENT_ON]]: writes $WORK/NAME.json
  cat > "$WORK/$1.json" <<JSON
{"replicas": 2, "data": {"uri": "file://$WORK/data/train", "augmentOn": "${5:-Host}"}, "model": {$3, "prototypes": 100},
 "crops": [{"count": 2, "size": 32, "minScale": 0.3, "maxScale": 1}], "checkpoint": {"everySteps": 20},
 "training": {"globalBatch": 128, "groupSize": 32, "maxSteps": $2, "seed": 3${4:+, $4}}}
JSON
}

case_of() { # case_of NAME RANKS CONFIG WHAT: trains, and reports the result as WHAT
  late "$4" && return
  if train "$1" "$2" "$WORK/$3.json"; then
    pass "$4: $(grep -h ' formed, ' "$WORK/$1.0.log" | head -n 1)"
  else
    fail "$4: $(tail -n 3 "$WORK/$1.0.log" | tr '\n' ' ')"
  fi
}

same() { # same NAME NAME STEP WHAT: compares the weights of two runs at a step
  if ! [ -f "$WORK/$1/step-$3/model.safetensors" ] || ! [ -f "$WORK/$2/step-$3/model.safetensors" ]; then
    skip "$4: one of the runs did not reach step $3"
  elif cmp -s "$WORK/$1/step-$3/model.safetensors" "$WORK/$2/step-$3/model.safetensors"; then pass "$4: the same bits"; else fail "$4: different bits"; fi
}

if [ -n "${SWAV_REHEARSE:-}" ] || grep -q '"2\.7\.1[^"]* on gpu' "$WORK/doctor.json"; then
  stem=20 bench=(--case resnet50 --steps 20); [ -z "${SWAV_REHEARSE:-}" ] || stem=4 bench=(--case resnet18 --steps 4)
  if trainer data synth --out "$WORK/data" > "$WORK/synth" 2>&1; then pass "synthetic images"; else fail "synthetic images: $(tail -n 3 "$WORK/synth" | tr '\n' ' ')"; fi
  job tiny 20 '"architecture": "tiny"'
  job longer 40 '"architecture": "tiny"'
  job half 20 '"architecture": "tiny"' '"precision": "bf16"'
  job device 20 '"architecture": "tiny"' "" Device
  job stem $stem '"architecture": "resnet18", "stem": "imagenet"'
  case_of of1 1 tiny "trainer, 1 rank on the card"
  case_of of2 2 tiny "trainer, 2 ranks on the card"
  same of1 of2 20 "weights of 1 and 2 ranks"
  for on in Host Device; do
    if late "bench step, crops by the $on"; then :
    elif run io.swav.benchmark.BenchCommand step "${bench[@]}" --augment-on $on > "$WORK/bench" 2>&1
    then pass "bench step, crops by the $on (CPU seconds: work of the host)"; sed 's/^/      /' "$WORK/bench"; else fail "bench step, crops by the $on: $(tail -n 1 "$WORK/bench")"; fi
  done
  case_of of1 1 longer "trainer, 20 more steps from its checkpoint"
  case_of straight 1 longer "trainer, 40 steps"
  same of1 straight 40 "weights of 40 steps and of 20 + 20"
  case_of bf16 1 half "trainer, bf16"
  case_of device1 1 device "trainer, crops made on the card, 1 rank"
  case_of device2 2 device "trainer, crops made on the card, 2 ranks"
  same device1 device2 20 "weights of 1 and 2 ranks, crops made on the card"
  # on a GPU, libtorch's gradient of max pooling adds with atomics: these weights may differ (decision 041)
  case_of stem1 1 stem "trainer, resnet18 with the ImageNet stem, 1 rank"
  case_of stem2 2 stem "trainer, resnet18 with the ImageNet stem, 2 ranks"
  same stem1 stem2 $stem "weights of 1 and 2 ranks, with max pooling"
  if late kNN; then :
  elif trainer eval knn --config "$WORK/tiny.json" --weights "$WORK/of1/step-40" --train "$WORK/data/train" --test "$WORK/data/test" > "$WORK/knn" 2>&1
  then pass "$(tail -n 1 "$WORK/knn")"; else fail "kNN: $(tail -n 3 "$WORK/knn" | tr '\n' ' ')"; fi
else
  skip "trainer on the GPU: this libtorch computes on the CPU; set PYTORCH_LIBRARY_PATH, PYTORCH_VERSION=2.7.1 and PYTORCH_FLAVOR=cu128"
fi
line "      $SECONDS s in all"
[ $FAILED = 0 ] || exit 1
[ $LATE = 0 ] || exit 3
