#!/usr/bin/env bash
# Packs everything that e2e/gpu/run.sh needs, including a Java runtime, into pieces for a machine with a GPU but without network,
# to which only a few files can be transferred at a time. Writes to tools/gpu/target:
#   tools/gpu/pack.sh                      trainer.1-of-3 ...: with libtorch for CPUs, for doctor and the cases of NCCL
#   tools/gpu/pack.sh FOLDER               cuda.1-of-9 ...: libtorch for CUDA from tools/gpu/libtorch.sh, for one architecture
#   MIB=30 ARCH=80 LEVEL=3 tools/gpu/pack.sh ...   pieces of at most 30 MiB (48), for compute capability 8.0 (90), xz level 3 (6)
# tools/gpu/join.sh unpacks them there. Needs mvn, a JDK, tar, xz; there: a glibc as new as this one's, tar, and xz or python3.
set -euo pipefail
home=$(cd "$(dirname "$(readlink -f "${BASH_SOURCE[0]}")")/../.." && pwd)
case ${1:-} in
  -h | --help) sed -n '2,7s/^# \{0,1\}//p' "${BASH_SOURCE[0]}"; exit 0 ;;
  -*) sed -n '2,7s/^# \{0,1\}//p' "${BASH_SOURCE[0]}" >&2; exit 2 ;;
esac
libtorch=${1:+$(cd "$1" && pwd)}
cd "$home"
out=$home/tools/gpu/target
work=$out/work
trap 'rm -rf "$work"' EXIT
mkdir -p "$work"

pieces() { # pieces NAME FOLDER: packs the content of FOLDER
  local name=$1 piece number=0 count
  tar --sort=name --owner=0 --group=0 -S -C "$2" -c . | xz -T0 -"${LEVEL:-6}" > "$work/$name"
  rm -f "$out/$name".*
  split -d -a 3 -b "${MIB:-48}M" "$work/$name" "$work/$name."
  count=$(find "$work" -name "$name.[0-9]*" | wc -l)
  for piece in "$work/$name".[0-9]*; do
    number=$((number + 1)); mv "$piece" "$out/$name.$number-of-$count"
  done
  echo "$name: $count pieces, $(($(stat -c %s "$work/$name") / 1048576)) MiB of $(du -sm "$2" | cut -f 1)"
}

library() { # library ARTIFACT NAME FOLDER: extracts one file of the artifact
  (cd "$work" && mvn -B -q dependency:unpack "-Dartifact=$1" "-Dmdep.unpack.includes=**/$2" -DoutputDirectory=jar)
  find "$work/jar" -name "$(basename "$2")" -exec mv {} "$3" \;
}

if [ -n "$libtorch" ]; then
  stage=$work/cuda.folder/cuda
  mkdir -p "$stage"
  library ai.djl.pytorch:pytorch-jni:2.7.1-0.36.0:jar cu128/libdjl_torch.so "$stage"
  for library in "$libtorch"/*; do
    case $(basename "$library") in
      libcudnn_adv.so.9) ;; # left out: recurrent networks and attention
      libtorch_cuda.so | libcublas* | libcudnn*)
        if [ -L "$library" ]; then cp -P "$library" "$stage"; else java tools/gpu/FatBinaries.java prune "${ARCH:-90}" "$library" "$stage/$(basename "$library")"; fi ;;
      *) cp -P "$library" "$stage" ;;
    esac
  done
  pieces cuda "$work/cuda.folder"
  exit 0
fi

mvn -B -q -Dquick -DskipTests -Pimages -Djib.skip -pl trainer-image/image,trainer-image/conformance,trainer-image/benchmarks -am package
tree=$home/trainer-image/image/target/image stage=$work/trainer.folder
mkdir -p "$stage"/{lib,e2e/gpu,e2e/cli/target/lib}
cp e2e/gpu/run.sh "$stage/e2e/gpu"
cp -r --parents trainer-image/{torch,collective,conformance}/target/test-classes trainer-image/torch/src/test/resources/nccl "$stage"
cp "$tree"/{libraries,swav}/opt/swav/lib/*.jar trainer-image/{multiprocess,conformance,benchmarks}/target/swav-*.jar "$stage/e2e/cli/target/lib"
cp -r "$tree/natives/opt/swav/jni" "$stage"
cp -r "$tree/libtorch/opt/swav/torch" "$stage"
cp "$tree"/natives/opt/swav/torch/* "$stage/torch"
jlink --add-modules java.se,jdk.crypto.ec,jdk.httpserver,jdk.management,jdk.net,jdk.unsupported,jdk.zipfs \
  --strip-debug --no-header-files --no-man-pages --output "$stage/jre"
# Debian's Java uses the system's zlib
libz=$(ldd "$stage/jre/lib/libzip.so" | sed -n 's/.*libz.so.1 => \([^ ]*\).*/\1/p'); [ -z "$libz" ] || cp -L "$libz" "$stage/lib"
library org.bytedeco:cuda-redist:12.9-9.10-1.5.12:jar:linux-x86_64 libcudart.so.12 "$stage/lib"
pieces trainer "$stage"
