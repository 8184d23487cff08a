#!/usr/bin/env bash
# Judges the CRD, the cases of its rules and every example with the code of a Kubernetes API server, 0.36 from Debian's packages.
#   crd-check.sh [--crd FILE] [MANIFEST ...]     without arguments: this project's CRD, cases and manifests
# The checker is built once, in ~/.cache/swav (XDG_CACHE_HOME), without installing anything: 140 MB are downloaded from the mirror that
# the machine's apt uses, and compiled in minutes. Exit codes: 0 all is as it should be, 1 something is not, 2 a file cannot be
# read, 3 the checker cannot be had here, and the last line says why.
set -euo pipefail
case ${1:-} in -h | --help) sed -n '2,/^set/{/^set/!s/^# \{0,1\}//p}' "$0"; exit ;; esac
HERE=$(cd "$(dirname "$0")" && pwd)
PROJECT=$(cd "$HERE/../.." && pwd)
VERSION=0.36 # of k8s.io/apiextensions-apiserver, as Kubernetes 1.36 has it
GO=1.26
DIR=${XDG_CACHE_HOME:-$HOME/.cache}/swav/crd-check-$VERSION
LOG=$DIR/build.log
# what main.go needs, found with: go list -deps, and dpkg-deb -c
needed=(golang-$GO-go golang-$GO-src golang-cel-cel-go-dev golang-cel-expr-dev golang-github-antlr4-go-antlr-dev
  golang-github-beorn7-perks-dev golang-github-blang-semver-dev golang-github-cenkalti-backoff-v5-dev
  golang-github-cespare-xxhash-v2-dev golang-github-davecgh-go-spew-dev golang-github-felixge-httpsnoop-dev
  golang-github-fxamacker-cbor-dev golang-github-go-logr-logr-dev golang-github-go-logr-stdr-dev
  golang-github-go-openapi-jsonpointer-dev golang-github-go-openapi-jsonreference-dev golang-github-go-openapi-swag-dev
  golang-github-golang-protobuf-1-5-dev golang-github-google-gnostic-models-dev golang-github-google-uuid-dev
  golang-github-grpc-ecosystem-grpc-gateway-dev golang-github-json-iterator-go-dev golang-github-modern-go-concurrent-dev
  golang-github-modern-go-reflect2-dev golang-github-munnerz-goautoneg-dev golang-github-prometheus-client-golang-dev
  golang-github-prometheus-client-model-dev golang-github-prometheus-common-dev golang-github-prometheus-procfs-dev
  golang-github-spf13-cobra-dev golang-github-spf13-pflag-dev golang-github-x448-float16-dev golang-golang-x-exp-dev
  golang-golang-x-net-dev golang-golang-x-oauth2-dev golang-golang-x-oauth2-google-dev golang-golang-x-sync-dev
  golang-golang-x-sys-dev golang-golang-x-term-dev golang-golang-x-text-dev golang-golang-x-time-dev golang-google-genproto-dev
  golang-google-grpc-dev golang-google-protobuf-dev golang-gopkg-inf.v0-dev golang-gopkg-yaml.v2-dev golang-gopkg-yaml.v3-dev
  golang-k8s-api-dev golang-k8s-apiextensions-apiserver-dev golang-k8s-apimachinery-dev golang-k8s-apiserver-dev
  golang-k8s-client-go-dev golang-k8s-component-base-dev golang-k8s-klog-dev golang-k8s-kube-openapi-dev
  golang-k8s-sigs-apiserver-network-proxy-dev golang-k8s-sigs-json-dev golang-k8s-sigs-randfill-dev
  golang-k8s-sigs-structured-merge-diff-v6-dev golang-k8s-sigs-yaml-dev golang-k8s-utils-dev golang-opentelemetry-contrib-dev
  golang-opentelemetry-otel-dev golang-opentelemetry-proto-dev)

say() { printf 'crd-check: %s\n' "$*" >&2; }
unavailable() { say "the check is skipped: $*"; exit 3; }

build() {
  local tool mirror keyring=/usr/share/keyrings/debian-archive-keyring.gpg suite kind apt found root=$DIR/root
  for tool in apt-get apt-cache dpkg-deb flock; do command -v $tool > /dev/null || unavailable "$tool is missing; it needs Debian or Ubuntu"; done
  [ "$(uname -m)" = x86_64 ] || unavailable "the checker is built on x86_64 only"
  [ -r $keyring ] || unavailable "$keyring is missing: apt-get install debian-archive-keyring"
  mirror=$(apt-get --print-uris update 2>> "$LOG" | sed -n "s#^'\(.*/debian/\)dists/.*#\1#p") && mirror=${mirror%%$'\n'*}
  [ -n "$mirror" ] || unavailable "this machine's apt has no Debian mirror"
  mkdir -p "$DIR/lists/partial" "$DIR/apt/archives/partial" "$DIR/deb"
  for suite in sid forky; do echo "deb [signed-by=$keyring] $mirror $suite main"; done > "$DIR/sources.list"
  apt=(-q -oDir::Etc::sourcelist="$DIR/sources.list" -oDir::Etc::sourceparts=/dev/null -oDir::State::Lists="$DIR/lists"
    -oDir::Cache="$DIR/apt" -oAPT::Sandbox::User="$(id -un)" -oAcquire::Retries=3)
  say "reading Debian's package lists"
  apt-get "${apt[@]}" update >> "$LOG" 2>&1 || unavailable "Debian's package lists cannot be read; see $LOG"
  found=$(apt-cache "${apt[@]}" policy golang-k8s-apiextensions-apiserver-dev | sed -n 's/^ *Candidate: //p')
  case $found in "$VERSION".*) ;; *) unavailable "Debian has golang-k8s-apiextensions-apiserver-dev ${found:-not at all}, not $VERSION" ;; esac
  say "downloading ${#needed[@]} packages"
  (cd "$DIR/deb" && apt-get "${apt[@]}" download "${needed[@]}") >> "$LOG" 2>&1 || unavailable "the packages cannot be downloaded; see $LOG"
  rm -rf "$root" && mkdir -p "$root" "$DIR/path/src/crdcheck"
  for kind in "$DIR"/deb/*.deb; do dpkg-deb -x "$kind" "$root"; done
  cp "$HERE/main.go" "$DIR/path/src/crdcheck/"
  say "compiling, some minutes"
  env GOROOT="$root/usr/lib/go-$GO" GO111MODULE=off GOPATH="$DIR/path:$root/usr/share/gocode" GOCACHE="$DIR/gocache" GOTOOLCHAIN=local \
    GOFLAGS= CGO_ENABLED=0 GOGC=400 "$root/usr/lib/go-$GO/bin/go" build -o "$DIR/crd-check.new" crdcheck >> "$LOG" 2>&1 \
    || { tail -n 5 "$LOG" >&2; unavailable "it does not compile against Debian's $found; see $LOG"; }
  sha256sum < "$HERE/main.go" > "$DIR/built-from"
  mv "$DIR/crd-check.new" "$DIR/crd-check"
  rm -rf "$DIR/deb" "$DIR/apt" "$DIR/lists" "$root" "$DIR/path" "$DIR/gocache" # a gigabyte
}

mkdir -p "$DIR"
exec 9> "$DIR/lock"
flock -n 9 || { say "another build runs, waiting for it"; flock 9; }
if [ ! -x "$DIR/crd-check" ] || [ "$(sha256sum < "$HERE/main.go")" != "$(cat "$DIR/built-from" 2> /dev/null)" ]; then build; fi
exec 9>&-

cd "$PROJECT"
crd=charts/swav-operator/files/swavjobs.swav.io-v1.yml
if [ "${1:-}" = --crd ]; then crd=$2; shift 2; fi
if [ $# -gt 0 ]; then
  exec "$DIR/crd-check" -crd "$crd" "$@"
fi
mapfile -t manifests < <(git ls-files 'examples/*.yaml' 'charts/argocd/*.yaml' 2> /dev/null | grep -v '/testdata/invalid.yaml$' || find examples -name '*.yaml')
exec "$DIR/crd-check" -crd "$crd" -cases tools/crd-check/cases.json "${manifests[@]}"
