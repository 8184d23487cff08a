#!/bin/sh
# Builds the stubs of NCCL, the CUDA runtime and the driver into FOLDER: sh build.sh FOLDER
set -eu
here=$(cd "$(dirname "$0")" && pwd)
build() { # build LIBRARY gcc's arguments
  library=$1; shift
  gcc -O1 -Wall -Werror -fPIC -shared "-Wl,-soname,$library" -o "$FOLDER/$library" "$@"
}
FOLDER=$1
mkdir -p "$FOLDER"
build libcuda.so.1 -x c /dev/null
build libcudart.so.12 -pthread "$here/cudart.c"
build libnccl.so.2 -pthread "$here/nccl.c"
