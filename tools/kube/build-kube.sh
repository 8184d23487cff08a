#!/usr/bin/env bash
# Builds etcd, kube-apiserver and kube-controller-manager 1.20.2 from Debian bookworm's own packages into DIR/bin.
#   build-kube.sh DIR
# kube-controller-manager is this folder's controllers.go, linked with Kubernetes' own controllers. Nothing is installed
# on the machine, and root is not needed; apt-get and dpkg-dev are. The mirror is the one that the machine's apt uses.
# A second call waits for a running build, resumes an interrupted one, or returns at once if the build is complete.
# Every printed line is progress; on failure the last line is the reason. DIR/progress contains the newest line.
set -euo pipefail
[ "$(uname -s)-$(uname -m)" = Linux-x86_64 ] || { echo "the control plane can only be built on Linux x86_64; this machine is $(uname -sm)"; exit 1; }
# Runs in a process group of its own, which ends when the process that started this script ends, for any reason
read -r _ _ _ owner group _ < /proc/$$/stat
[ "$group" = $$ ] || exec setsid bash "$0" "$@" # exec keeps the process: neither its id nor its parent changes
{ while [ -d "/proc/$owner" ] && [ -d /proc/$$ ]; do sleep 1; done; kill -- -$$; } < /dev/null > /dev/null 2>&1 &
watch=$!
trap 'kill $watch 2> /dev/null || true' EXIT
trap 'trap - TERM; kill -- -$$' TERM # the compilers included

CONTROLLERS=$(cd "$(dirname "$0")" && pwd)/controllers.go
DIR=$(mkdir -p "$1" && cd "$1" && pwd)
VERSION=1.20.2
BIN=$DIR/bin SRC=$DIR/src ROOT=$DIR/root APT=$DIR/apt LOG=$DIR/build.log PROGRESS=$DIR/progress
programs=(kube-apiserver kube-controller-manager)
COMPILED=2100 # number of results in GOCACHE at the end, for the progress line
packages=(etcd-server golang-1.19-go golang-1.19-src golang-github-modern-go-reflect2-dev)

fail() { trap - ERR; echo "$*" | tee "$PROGRESS" || true; exit 1; }
started=$SECONDS
step() { printf '[%3d s] %s\n' $((SECONDS - started)) "$*" | tee "$PROGRESS" || true; }
trap 'fail "$STEP failed; the end of $LOG: $(tail -n 3 "$LOG" 2>/dev/null | tr "\n" " ")"' ERR
STEP=start

mkdir -p "$BIN" "$ROOT"
exec 9> "$DIR/lock"
until flock -w 10 9; do echo "waiting for the build in $DIR: $(cat "$PROGRESS" 2> /dev/null)"; done
complete() { for p in etcd "${programs[@]}"; do [ -x "$BIN/$p" ] || return 1; done; }
if complete; then exit 0; fi
: > "$LOG"

for tool in apt-get dpkg dpkg-source flock tar; do
  command -v $tool > /dev/null || fail "$tool is missing: apt-get install dpkg-dev util-linux tar (on Debian or Ubuntu)"
done
free=$(df -Pm "$DIR" | awk 'NR == 2 {print $4}')
[ "$free" -ge 3000 ] || fail "$DIR has $free MB free and the build needs 3000 MB; set XDG_CACHE_HOME to use another disk"

# 1. Unpack Debian's packages without installing them. Uses package lists of its own, because the machine's rarely include deb-src.
STEP="reading the machine's apt settings"
# takes the mirror from the URIs of an update, not from indextargets, which is empty before the first update
mirror=$(apt-get --print-uris update 2>> "$LOG" | sed -n "s#^'\(.*/debian/\)dists/.*#\1#p") && mirror=${mirror%%$'\n'*} && [ -n "$mirror" ] \
  || fail "this machine's apt has no Debian mirror, from which the control plane could be built"
keyring=/usr/share/keyrings/debian-archive-keyring.gpg
[ -r $keyring ] || fail "$keyring is missing: apt-get install debian-archive-keyring"
mkdir -p "$APT/lists/partial" "$APT/cache/archives/partial"
for kind in deb deb-src; do echo "$kind [signed-by=$keyring] $mirror bookworm main"; done > "$APT/sources.list"
apt=(-q -oDir::Etc::sourcelist="$APT/sources.list" -oDir::Etc::sourceparts=/dev/null -oDir::State::Lists="$APT/lists"
  -oDir::Cache="$APT/cache" -oAPT::Sandbox::User="$(id -un)" -oAcquire::Retries=3)
if [ ! -e "$DIR/packages.done" ]; then
  STEP="reading Debian's package lists"; step "$STEP"
  apt-get "${apt[@]}" update >> "$LOG" 2>&1
  STEP="downloading Debian's etcd and Go"; step "$STEP"
  mkdir -p "$DIR/deb"
  (cd "$DIR/deb" && apt-get "${apt[@]}" download "${packages[@]}" >> "$LOG" 2>&1)
  for deb in "$DIR"/deb/*.deb; do dpkg -x "$deb" "$ROOT"; done
  STEP="downloading Debian's Kubernetes source"; step "$STEP"
  (cd "$DIR" && apt-get "${apt[@]}" source --download-only kubernetes >> "$LOG" 2>&1)
  rm -rf "$SRC"; mkdir "$SRC"
  tar xzf "$DIR"/kubernetes_1.20*.orig.tar.gz -C "$SRC" --strip-components=1
  touch "$DIR/packages.done"
fi

# 2. Set up Go outside module mode, because the vendored tree fails the checks that current Go versions apply to go.mod.
export GOROOT=$ROOT/usr/lib/go-1.19 GOPATH=$DIR/gopath GOCACHE=$DIR/gocache GO111MODULE=off CGO_ENABLED=0 GOFLAGS=
export PATH=$GOROOT/bin:$PATH GOTMPDIR=$DIR/tmp
export GOGC=400 # fewer garbage collections in the compilers: less time; the largest compiler takes 0.7 GB
# No -trimpath: with it Go recompiles the standard library, which Debian's package contains compiled
options=(-tags providerless -gcflags=k8s.io/kubernetes/...=-dwarf=false -gcflags=k8s.io/kubernetes/vendor/...=-dwarf=false)
rm -rf "$GOTMPDIR"; mkdir "$GOTMPDIR" # may be left by a build that was killed
for part in src test misc api; do # Debian's links are absolute
  if [ ! -d "$GOROOT/$part" ]; then ln -sfn "$ROOT/usr/share/go-1.19/$part" "$GOROOT/$part"; fi
done
mkdir -p "$GOPATH/src/k8s.io"
ln -sfn "$SRC" "$GOPATH/src/k8s.io/kubernetes"
cd "$GOPATH/src/k8s.io/kubernetes"

# 3. Replace the vendored modern-go/reflect2 by Debian's newer package: it predates Go 1.18's map iterator, and the server
#    would crash on its first custom resource.
STEP="replacing the vendored reflect2"
vendored=vendor/github.com/modern-go/reflect2
rm -rf $vendored; mkdir $vendored
find "$ROOT/usr/share/gocode/src/github.com/modern-go/reflect2" -maxdepth 1 -name '*.[gs]*' ! -name '*_test.go' -exec cp {} $vendored/ \;

# 4. Generate the one generated file that the source package lacks.
openapi=pkg/generated/openapi/zz_generated.openapi.go
if [ ! -s $openapi ]; then
  STEP="generating $openapi"; step "$STEP"
  go build "${options[@]}" -o "$DIR/openapi-gen" k8s.io/kubernetes/vendor/k8s.io/kube-openapi/cmd/openapi-gen >> "$LOG" 2>&1
  folders=$(grep -rl --include=*.go '+k8s:openapi-gen=' pkg cmd/cloud* cmd/kube* staging/src/k8s.io \
    | grep -vE '/code-generator/|/sample-apiserver/|_test.go|zz_generated' \
    | xargs -n1 dirname | LC_ALL=C sort -u | sed 's#^staging/src/#vendor/#; s#^#k8s.io/kubernetes/#' | paste -sd,)
  "$DIR/openapi-gen" --logtostderr -i "$folders" -p k8s.io/kubernetes/pkg/generated/openapi -O zz_generated.openapi \
    -h hack/boilerplate/boilerplate.generatego.txt -r "$DIR/openapi-violations.txt" >> "$LOG" 2>&1
fi

# 5. Compile both programs in one go, and move each into place when it is complete.
flags="-s -w"
for package in k8s.io/component-base/version k8s.io/client-go/pkg/version; do
  prefix="-X k8s.io/kubernetes/vendor/$package"
  flags="$flags $prefix.gitVersion=v$VERSION $prefix.gitMajor=1 $prefix.gitMinor=20 $prefix.gitTreeState=clean"
done
mkdir -p cmd/swav/kube-controller-manager "$DIR/new"
cp "$CONTROLLERS" cmd/swav/kube-controller-manager/main.go
STEP="compiling kube-apiserver and kube-controller-manager"; step "$STEP"
go build "${options[@]}" -o "$DIR/new/" -ldflags "$flags" \
  k8s.io/kubernetes/cmd/kube-apiserver k8s.io/kubernetes/cmd/swav/kube-controller-manager >> "$LOG" 2>&1 &
compiler=$!
while kill -0 $compiler 2> /dev/null; do
  for _ in {1..10}; do kill -0 $compiler 2> /dev/null || break; sleep 1; done
  if kill -0 $compiler 2> /dev/null; then
    percent=$(($(find "$GOCACHE" -name '*-d' | wc -l) * 100 / COMPILED))
    step "compiling, about $((percent < 99 ? percent : 99)) %"
  fi
done
wait $compiler
for program in "${programs[@]}"; do mv "$DIR/new/$program" "$BIN/"; done
cp "$ROOT/usr/bin/etcd" "$BIN/etcd.new"; mv "$BIN/etcd.new" "$BIN/etcd"
STEP="trying kube-apiserver"
"$BIN/kube-apiserver" --version
# more than half a gigabyte that is not needed any more
chmod -R u+w "$GOPATH" "$GOCACHE" 2> /dev/null || true
rm -rf "$GOCACHE" "$GOPATH" "$GOTMPDIR" "$SRC" "$ROOT" "$DIR/new" "$DIR/deb" "$APT" "$DIR"/kubernetes_* "$DIR/openapi-gen" \
  "$DIR/packages.done"
step "done"
