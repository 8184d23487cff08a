#!/usr/bin/env bash
# Assembles a libtorch 2.7.1 for CUDA from Maven's repository, for machines that cannot download PyTorch's own:
#   tools/gpu/libtorch.sh FOLDER [maven's arguments]     downloads 3.5 GB, writes 2.7 GB to FOLDER; needs mvn, a JDK, gcc, binutils
# then PYTORCH_LIBRARY_PATH=FOLDER LD_LIBRARY_PATH=FOLDER PYTORCH_VERSION=2.7.1 PYTORCH_FLAVOR=cu128, or, for an image,
# TORCH=FOLDER tools/images/base.sh. libtorch is JavaCPP's build (CUDA 12.9, OpenBLAS); cuBLAS 12.4 and cuDNN 9.1 come with DJL's
# libtorch 2.5.1. It is incomplete: stubs, whose functions all return an error, replace cuSPARSE, cuFFT and cuRAND, and
# torch.linalg is left out. The trainer uses neither sparse arrays, nor FFT, nor torch.linalg, nor cuRAND's library.
set -euo pipefail
fail() { printf '%s\n' "libtorch.sh: $*" >&2; exit 1; }
case ${1:-} in
  -h | --help) sed -n '2,8s/^# \{0,1\}//p' "$0"; exit 0 ;;
  "" | -*) sed -n '2,8s/^# \{0,1\}//p' "$0" >&2; exit 2 ;;
esac
for tool in mvn gcc nm readelf; do command -v $tool > /dev/null || fail "$tool is needed"; done
mkdir -p "$1"
folder=$(cd "$1" && pwd); shift
[ -z "$(ls -A "$folder")" ] || fail "$folder is not empty; name an empty folder"
work=$(mktemp -d "$folder.XXXXXX"); trap 'rm -rf "$work"' EXIT
arguments=("$@")

unpack() { # unpack GROUP:NAME:VERSION:CLASSIFIER: extracts its libraries to $work
  rm -rf "${work:?}"/*
  (cd "$work" && mvn -B -q "${arguments[@]}" dependency:unpack "-Dartifact=${1%:*}:jar:${1##*:}" -DoutputDirectory=jar '-Dmdep.unpack.includes=**/lib*.so*')
  find "$work/jar" -type f -exec mv {} "$work/" \;
}
take() { mv "${@/#/$work/}" "$folder/"; }

unpack org.bytedeco:pytorch:2.7.1-1.5.12:linux-x86_64-gpu
take libc10.so libc10_cuda.so libtorch.so libtorch_cpu.so libtorch_cuda.so libgomp.so.1
unpack org.bytedeco:openblas:0.3.30-1.5.12:linux-x86_64
take libopenblas.so.0 libgfortran.so.5 libquadmath.so.0
unpack org.bytedeco:cuda-redist:12.9-9.10-1.5.12:linux-x86_64
take libcudart.so.12 libcupti.so.12 libcufile.so.0 libnvrtc.so.12 libnvrtc-builtins.so.12.9
unpack ai.djl.pytorch:pytorch-native-cu124:2.5.1:linux-x86_64
(cd "$work" && for library in libcudnn*.so.9 libcublas-*.so.12 libcublasLt-*.so.12; do mv "$library" "$folder/$(echo "$library" | sed 's/-[0-9a-f]*\.so/.so/')"; done)
# cuBLAS loads cuBLASLt by the name that PyTorch's packaging gave it
ln -s libcublasLt.so.12 "$folder/$(readelf -d "$folder/libcublas.so.12" | sed -n 's/.*NEEDED.*\[\(libcublasLt-.*\)\]/\1/p')"

stubbed=0
for stub in libcusparse.so.12 libcufft.so.11 libcurand.so.10; do
  nm -D --undefined-only "$folder/libtorch_cuda.so" | sed -n "s/.* U \(.*\)@$stub\$/int \1(void) { return 1; }/p" > "$work/stub.c"
  echo "$stub { *; };" > "$work/stub.map"
  gcc -shared -fPIC -nostdlib "-Wl,-soname,$stub" "-Wl,--version-script=$work/stub.map" -o "$folder/$stub" "$work/stub.c"
  stubbed=$((stubbed + $(wc -l < "$work/stub.c")))
done
echo "$folder: $(du -sm "$folder" | cut -f 1) MB; $stubbed functions of cuSPARSE and cuFFT are stubs that compute nothing"
