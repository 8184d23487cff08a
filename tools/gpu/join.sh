#!/usr/bin/env bash
# Runs on the machine with the GPU: collects the pieces that tools/gpu/pack.sh made, and runs the e2e/gpu/run.sh that they contain.
#   tools/gpu/join.sh FOLDER                     copies the pieces of tools/gpu/target to FOLDER, and lists the missing ones
#   tools/gpu/join.sh FOLDER run [ARGUMENTS]     then unpacks the complete sets, and runs run.sh with ARGUMENTS; returns its exit code
# Pieces may arrive in any order and over several calls, each with some of them in tools/gpu/target; NCCL needs only the trainer's.
set -euo pipefail
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
case ${1:-} in
  -h | --help) sed -n '2,5s/^# \{0,1\}//p' "${BASH_SOURCE[0]}"; exit 0 ;;
  "" | -*) sed -n '2,5s/^# \{0,1\}//p' "${BASH_SOURCE[0]}" >&2; exit 2 ;;
esac
mkdir -p "$1/pieces"
folder=$(cd "$1" && pwd); shift
for piece in "$here"/target/*-of-*; do
  [ -f "$piece" ] || continue
  name=$(basename "$piece")
  find "$folder/pieces" -name "${name%%.*}.*" ! -name "*-of-${name##*-}" -delete # left from an earlier build
  cp "$piece" "$folder/pieces/"
done

decompress() {
  if command -v xz > /dev/null; then xz -dc
  else python3 -c 'import lzma, shutil, sys; shutil.copyfileobj(lzma.open(sys.stdin.buffer), sys.stdout.buffer, 1 << 20)'; fi
}

join() { # join NAME unpack|look: fails if pieces are missing
  local name=$1 count number parts=() missing=""
  count=$(find "$folder/pieces" -name "$name.*-of-*" | sed -n '1s/.*-of-//p')
  [ -n "$count" ] || { echo "$name: no pieces found"; return 1; }
  for ((number = 1; number <= count; number++)); do
    parts+=("$folder/pieces/$name.$number-of-$count")
    [ -f "$folder/pieces/$name.$number-of-$count" ] || missing+=" $number"
  done
  [ -z "$missing" ] || { echo "$name: missing pieces (of $count):$missing"; return 1; }
  echo "$name: all $count pieces"
  [ "$2" = unpack ] || return 0
  if [ -f "$folder/$name" ] && [ -z "$(find "${parts[@]}" -newer "$folder/$name")" ]; then return 0; fi
  mkdir -p "$folder/home"
  cat "${parts[@]}" | decompress | tar -x -C "$folder/home" || { echo "$name: the pieces cannot be unpacked; they may be of different builds"; return 1; }
  touch "$folder/$name" # marks it as unpacked
}

if [ "${1:-}" != run ]; then
  join trainer look || true; join cuda look || true
  exit 0
fi
shift
home=$folder/home
join trainer unpack || exit 2
export PYTORCH_LIBRARY_PATH=$home/torch PYTORCH_FLAVOR=cpu PYTORCH_VERSION=2.7.1
if join cuda unpack; then export PYTORCH_LIBRARY_PATH=$home/cuda PYTORCH_FLAVOR=cu128; fi
# this machine's PyTorch or CUDA provides NCCL
nccl=$(find / -name libnccl.so.2 -size +1M -not -path '/proc/*' 2> /dev/null | head -n 1) || true
export LD_LIBRARY_PATH=$home/lib:$PYTORCH_LIBRARY_PATH${nccl:+:$(dirname "$nccl")}${LD_LIBRARY_PATH:+:$LD_LIBRARY_PATH}
export JAVA_HOME=$home/jre HOME=${HOME:-$folder}
export JDK_JAVA_OPTIONS="-Dswav.natives=$home/jni -Djna.boot.library.path=$home/jni -Duser.home=$folder"
exec "$home/e2e/gpu/run.sh" "$@"
