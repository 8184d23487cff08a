#!/usr/bin/env bash
# Makes a base image from Debian 12's own packages, for machines that cannot reach an image registry: a Java 17 runtime and only
# what the trainer and the operator need.
#   tools/images/base.sh OUT.tar [MIRROR]    then: ./swav images --base tar://$PWD/OUT.tar
#   TORCH=FOLDER tools/images/base.sh ...    adds a libtorch 2.7.1 for CUDA (from tools/gpu/libtorch.sh), for ./swav images --cuda
# Needs root, mmdebstrap (apt-get install mmdebstrap) and a Debian mirror, by default the one of this machine's apt.
set -euo pipefail
fail() { printf '%s\n' "base.sh: $*" >&2; exit 1; }
case ${1:-} in
  -h | --help) sed -n '2,7s/^# //p' "$0"; exit 0 ;;
  "" | -*) sed -n '2,7s/^# //p' "$0" >&2; exit 2 ;;
esac
command -v mmdebstrap > /dev/null || fail "mmdebstrap is needed: apt-get install mmdebstrap"
[ "$(id -u)" = 0 ] || fail "root is needed to set up packages in the new root file system"
out=$(mkdir -p "$(dirname "$1")" && cd "$(dirname "$1")" && pwd)/$(basename "$1")
mirror=${2:-$(apt-get --print-uris update 2> /dev/null | sed -n "s#^'\(.*/debian/\)dists/.*#\1#p" || true)}
mirror=${mirror%%$'\n'*}
work=$(mktemp -d "$out.XXXXXX")
trap 'rm -rf "$work"' EXIT
export SOURCE_DATE_EPOCH=${SOURCE_DATE_EPOCH:-1764000000}

echo "packages ..."
mmdebstrap --mode=root --variant=essential --include=openjdk-17-jre-headless,ca-certificates \
  --dpkgopt='path-exclude=/usr/share/doc/*' --dpkgopt='path-include=/usr/share/doc/*/copyright' \
  --dpkgopt='path-exclude=/usr/share/man/*' --dpkgopt='path-exclude=/usr/share/locale/*' --dpkgopt='path-exclude=/usr/share/info/*' \
  --dpkgopt=force-unsafe-io --essential-hook='mkdir -p "$1"/usr/share/man/man1' \
  --customize-hook='rm -rf "$1"/var/cache/* "$1"/var/log/* "$1"/var/lib/apt/* "$1"/tmp/* "$1"/etc/hostname "$1"/etc/resolv.conf' \
  --customize-hook='printf "swav:x:10001:10001::/tmp:/usr/sbin/nologin\nnonroot:x:65532:65532::/tmp:/usr/sbin/nologin\n" >> "$1"/etc/passwd' \
  bookworm "$work/layer.tar" ${mirror:+"$mirror"}

echo "image ..."
digest() { sha256sum "$1" | cut -c 1-64; }
created=$(date -u -d "@$SOURCE_DATE_EPOCH" +%Y-%m-%dT%H:%M:%SZ)
folders=() ids= layers= history= environment='"PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin","LANG=C.UTF-8"'
add() { # add FILE: adds it as the next layer
  local layer; layer=$(digest "$1")
  mkdir -p "$work/image/$layer"
  mv "$1" "$work/image/$layer/layer.tar"
  folders+=("$layer") ids+="${ids:+,}\"sha256:$layer\"" layers+="${layers:+,}\"$layer/layer.tar\""
  history+="${history:+,}{\"created\":\"$created\",\"created_by\":\"tools/images/base.sh\"}"
}
pack() { tar --sort=name --mtime="@$SOURCE_DATE_EPOCH" --owner=0 --group=0 --numeric-owner "$@"; }
add "$work/layer.tar"
if [ -n "${TORCH:-}" ]; then
  # the folder of PyTorch's own image: swav.torch.folder in trainer-image/image/pom.xml
  place=/opt/conda/lib/python3.11/site-packages/torch/lib
  pack --mode=go=rX --transform "s#^\.#.$place#" -C "$TORCH" -cf "$work/torch.tar" .
  add "$work/torch.tar"
  environment+=",\"LD_LIBRARY_PATH=$place\""
fi
cat > "$work/config.json" << JSON
{"architecture":"amd64","os":"linux","created":"$created","config":{"Env":[$environment]},"rootfs":{"type":"layers","diff_ids":[$ids]},"history":[$history]}
JSON
config=$(digest "$work/config.json").json
mv "$work/config.json" "$work/image/$config"
printf '[{"Config":"%s","RepoTags":["swav/base:bookworm"],"Layers":[%s]}]' "$config" "$layers" > "$work/image/manifest.json"
pack -C "$work/image" -cf "$out" manifest.json "$config" "${folders[@]}"
echo "$out: $(($(stat -c %s "$out") / 1000000)) MB"
