#!/usr/bin/env bash
# Builds all artifacts of a release from the committed sources: jars, image tars, the chart, the definition, bills of materials
# (CycloneDX) and checksums. The same commit on the same base image gives the same bytes.
#   ./swav release --dry-run [--out DIR] [--base REF]
#   --out DIR   output folder (default: .swav/release); an earlier release there is replaced, other files stay
#   --base REF  base image; see ./swav images --help
# Publishes nothing: docs/release.md describes how to publish the content of DIR.
set -euo pipefail
home=$(cd "$(dirname "$0")/../.." && pwd)
out=$home/.swav/release; base=(); dry=false
fail() { echo "swav: $*" >&2; exit 2; }
while [ $# -gt 0 ]; do
  case $1 in
    --dry-run) dry=true; shift ;;
    --out) [ $# -ge 2 ] || fail "--out needs a folder"; out=$(mkdir -p "$2" && cd "$2" && pwd); shift 2 ;;
    --base) [ $# -ge 2 ] || fail "--base needs a name"; base=("-Dswav.base.image=$2"); shift 2 ;;
    --help | -h) sed -n '2,7s/^# \?//p' "$0"; exit 0 ;;
    *) fail "release: unknown option $1; see ./swav release --help" ;;
  esac
done
$dry || fail "only --dry-run is supported: it builds all artifacts, and docs/release.md describes how to publish them"
sums=$out/SHA256SUMS
[ -f "$sums" ] || [ -z "$(ls -A "$out" 2> /dev/null)" ] || fail "$out contains files that are not of a release; choose an empty folder"
cd "$home"
revision=$(git rev-parse HEAD) || fail "a release is built from a commit, but this folder is not a Git checkout"
[ -z "$(git status --porcelain)" ] || echo "swav: warning: the release does not contain uncommitted changes" >&2
version=$(sed -n 's/^appVersion: *//p' charts/swav-operator/Chart.yaml)

work=$(mktemp -d "${TMPDIR:-/tmp}/swav-release.XXXXXX")
trap 'rm -rf "$work"' EXIT
git archive "$revision" | tar -x -C "$work"
cd "$work"
echo "swav: building $version from ${revision:0:12} ..." >&2
mvn -B -q -Dquick -DskipTests -Pimages "-Dswav.revision=$revision" "-Dswav.image.tag=$version" "${base[@]}" \
  -pl trainer-image/image,operator/image,e2e/cli -am package >&2

release=$work/release; mkdir -p "$release"
for jar in {crds,operator,trainer-image/{torch,collective,data,checkpoint,model,trainer}}/target/swav-*-SNAPSHOT.jar; do
  cp "$jar" "$release/$(basename "${jar%-*-SNAPSHOT.jar}")-$version.jar"
done
cp e2e/cli/target/swav.jar "$release/swav-cli-$version.jar"
for folder in operator trainer-image; do
  image=swav-${folder%-image}-$version
  cp "$folder/image/target/image.tar" "$release/$image-image.tar"
  cp "$folder/image/target/image/swav/opt/swav/sbom.cdx.json" "$release/$image.cdx.json"
done
cp charts/swav-operator/files/swavjobs.swav.io-v1.yml "$release/"
# as helm package does it, but with a fixed order and fixed times
tar --sort=name --mtime="@$(git -C "$home" log -1 --format=%ct "$revision")" --owner=0 --group=0 --numeric-owner --mode=u=rwX,go=rX \
  --exclude-from=charts/swav-operator/.helmignore -C charts -cf - swav-operator | gzip -n -9 > "$release/swav-operator-$version.tgz"
(cd "$release" && LC_ALL=C sha256sum -- * > SHA256SUMS)
mkdir -p "$out"
[ ! -f "$sums" ] || (cd "$out" && cut -c 67- SHA256SUMS | xargs -r -d '\n' rm -f -- SHA256SUMS)
mv "$release"/* "$out/"
(cd "$out" && sha256sum --check --quiet SHA256SUMS)
ls -l "$out" | awk 'NR > 1 {printf "%12d  %s\n", $5, $9}'
