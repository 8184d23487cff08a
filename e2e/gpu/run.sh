#!/usr/bin/env bash
# What only a machine with a GPU can show, a line each: PASS, FAIL or SKIP, and why. Brings nothing from the network; build
# before (./swav --help builds all but the tests: mvn -DskipTests package), here or on another machine of the same kind.
#   e2e/gpu/run.sh [RANKS ...]     numbers of ranks that share the card (default: 2 3 4)
# Libraries are looked for as trainers do: LD_LIBRARY_PATH, beside PYTORCH_LIBRARY_PATH, the system's folders. Exit codes: 0 all that
# could run passed, 1 something failed, 2 there is nothing built, 77 no GPU (then a stub stands in for NCCL).
set -uo pipefail
HOME_DIR=$(cd "$(dirname "$(readlink -f "${BASH_SOURCE[0]}")")/../.." && pwd)
cd "$HOME_DIR" || exit 2
case ${1:-} in -h | --help) sed -n '2,7s/^# \{0,1\}//p' "${BASH_SOURCE[0]}"; exit 0 ;; esac
RANKS=${*:-2 3 4}
WORK=$(mktemp -d); trap 'rm -rf "$WORK"' EXIT
FAILED=0

line() { printf '%s\n' "$*"; }
pass() { line "PASS  $*"; }
skip() { line "SKIP  $*"; }
fail() { line "FAIL  $*"; FAILED=1; }

JAVA=${JAVA_HOME:+$JAVA_HOME/bin/}java
"$JAVA" -version > /dev/null 2>&1 || { line "there is no java: set JAVA_HOME to a JDK 17"; exit 2; }
CLASSES=$HOME_DIR/trainer-image/target
for needed in "$CLASSES/classes" "$CLASSES/test-classes/io/swav/collective/nccl" "$HOME_DIR/crds/target/classes" "$HOME_DIR/e2e/target/lib"; do
  [ -d "$needed" ] || { line "$needed is missing: build with mvn -DskipTests package"; exit 2; }
done
LIBRARIES=$(find "$HOME_DIR/e2e/target/lib" -name '*.jar' ! -name 'swav-*' | LC_ALL=C sort | tr '\n' ':')
CLASS_PATH=$CLASSES/test-classes:$CLASSES/classes:$HOME_DIR/crds/target/classes:$LIBRARIES
export OMP_WAIT_POLICY=PASSIVE OMP_NUM_THREADS=1

trainer() { "$JAVA" -XX:+UseSerialGC -cp "$CLASS_PATH" io.swav.train.Main "$@"; }
card() { # card LIBRARIES RANKS...: the cases of CardRank
  "$JAVA" -XX:+UseSerialGC -cp "$CLASS_PATH" io.swav.collective.nccl.CardRun "$@" 2> "$WORK/card.err" || FAILED=1
  grep -E 'Exception|Error' "$WORK/card.err" | head -n 5
}

if trainer doctor --json "$WORK/doctor.json" > "$WORK/doctor" 2>&1; then pass "doctor: training can run here"; else fail "doctor: training cannot run here"; fi
sed 's/^/      /' "$WORK/doctor"

if ! { command -v nvidia-smi > /dev/null && nvidia-smi -L 2> /dev/null | grep -q GPU; }; then
  skip "real NCCL: nvidia-smi lists no GPU"
  skip "trainer on the GPU: nvidia-smi lists no GPU"
  if command -v gcc > /dev/null && sh trainer-image/src/test/resources/nccl/build.sh "$WORK/stub" > "$WORK/gcc" 2>&1; then
    line "      the stub of NCCL instead:"
    card "$WORK/stub" $RANKS
  else
    skip "stub of NCCL: no gcc, or it failed: $(tail -n 1 "$WORK/gcc" 2> /dev/null)"
  fi
  [ $FAILED = 0 ] || exit 1
  exit 77
fi
nvidia-smi -L | sed 's/^/      /'

# several ranks on one card: each is a host of its own to NCCL (NCCL_HOSTID, set by rank), and they meet over sockets
export NCCL_P2P_DISABLE=1 NCCL_SHM_DISABLE=1 NCCL_SOCKET_IFNAME=${NCCL_SOCKET_IFNAME:-lo} NCCL_IB_DISABLE=1
if grep -q '"not found: [^"]*lib' "$WORK/doctor.json"; then
  skip "real NCCL: $(sed -n 's/.*"\(not found: [^"]*\)".*/\1/p' "$WORK/doctor.json"); add their folders to LD_LIBRARY_PATH"
else
  card real $RANKS
fi

train() { # train NAME RANKS: a tiny job by trainers that share the card; weights in $WORK/NAME
  local name=$1 ranks=$2 rank members="" pids=() base=$((20000 + RANDOM % 20000))
  for ((rank = 0; rank < ranks; rank++)); do
    members="$members${members:+,}{\"pod\": \"t$rank\", \"uid\": \"t$rank\", \"address\": \"127.0.0.1:$((base + rank))\"}"
  done
  printf '{"generation": 1, "job": "gpu", "members": [%s], "why": "on one card"}' "$members" > "$WORK/$name.world"
  for ((rank = 0; rank < ranks; rank++)); do
    SWAV_POD=t$rank SWAV_POD_UID=t$rank SWAV_JOB_UID=gpu SWAV_PORT=$((base + rank)) NCCL_HOSTID=card-of-rank-$rank \
      SWAV_HANDSHAKE_KEY="one card, sixteen bytes" \
      trainer train --config "$WORK/job.json" --world "$WORK/$name.world" --out "$WORK/$name" > "$WORK/$name.$rank.log" 2>&1 &
    pids+=($!)
  done
  local code=0 pid
  for pid in "${pids[@]}"; do wait "$pid" || code=$?; done
  return $code
}

if grep -q '"2\.7\.1[^"]* on gpu' "$WORK/doctor.json"; then
  trainer data synth --out "$WORK/data" > /dev/null 2>&1
  cat > "$WORK/job.json" <<JSON
{"replicas": 2, "data": {"uri": "file://$WORK/data/train"}, "model": {"architecture": "tiny", "prototypes": 100},
 "crops": [{"count": 2, "size": 32, "minScale": 0.3, "maxScale": 1}], "checkpoint": {"everySteps": 20},
 "training": {"globalBatch": 128, "groupSize": 32, "maxSteps": 20, "seed": 3}}
JSON
  for ranks in 1 2; do
    started=$SECONDS
    if train "of$ranks" $ranks; then
      pass "trainer, $ranks ranks on the card ($((SECONDS - started)) s): $(grep -h ' formed, ' "$WORK/of$ranks.0.log" | head -n 1)"
    else
      fail "trainer, $ranks ranks on the card: $(tail -n 3 "$WORK/of$ranks.0.log" | tr '\n' ' ')"
    fi
  done
  if cmp -s "$WORK/of1/step-20/model.safetensors" "$WORK/of2/step-20/model.safetensors"; then
    pass "the weights of 1 and 2 ranks are the same bits"
  else
    fail "the weights of 1 and 2 ranks differ"
  fi
else
  skip "trainer on the GPU: this libtorch computes on the CPU; set PYTORCH_LIBRARY_PATH, PYTORCH_VERSION=2.7.1 and PYTORCH_FLAVOR=cu128"
fi
exit $FAILED
