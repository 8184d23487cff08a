#!/usr/bin/env bash
# Builds the container images of operator and trainer as tars that docker, containerd and kind load; needs no daemon.
#   ./swav images [--base REF] [--cuda] [maven's arguments]
#   --base REF  base image, any with Java 17 on glibc: a name in a registry (default eclipse-temurin:17-jre), or tar://FILE, which
#               tools/images/base.sh makes from Debian's packages if no registry can be reached
#   --cuda      builds the trainer for a base with PyTorch 2.7.1 for CUDA 12.8: trainer-image/image/cuda-base.Dockerfile
# To push instead: mvn -Pimages package jib:build -Dswav.image.repository=REGISTRY/PATH
set -euo pipefail
home=$(cd "$(dirname "$0")/../.." && pwd)
options=(); cuda=
while [ $# -gt 0 ]; do
  case $1 in
    --base) [ $# -ge 2 ] || { echo "swav: --base needs a name" >&2; exit 2; }; options+=("-Dswav.base.image=$2"); shift 2 ;;
    --cuda) cuda=-cuda; options+=(-Dswav.cuda); shift ;;
    --help | -h) sed -n '2,8s/^# \?//p' "$0"; exit 0 ;;
    -*) options+=("$1"); shift ;;
    *) echo "swav: images takes no argument $1; see ./swav images --help" >&2; exit 2 ;;
  esac
done
cd "$home"
revision=$(git rev-parse HEAD 2> /dev/null || echo unknown)
modules=trainer-image/image; [ -n "$cuda" ] || modules+=,operator/image
mvn -B -q -Dquick -DskipTests -Pimages "-Dswav.revision=$revision" "${options[@]}" -pl "$modules" -am package >&2
for tar in ${cuda:-images/operator/target/image.tar} "trainer-image/image/target/image$cuda.tar"; do
  [ ! -f "$tar" ] || echo "$home/$tar: $(($(stat -c %s "$tar") / 1000000)) MB, $(tar -xOf "$tar" manifest.json | sed 's/.*"RepoTags":\["\([^"]*\)".*/\1/')"
done
