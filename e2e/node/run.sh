#!/usr/bin/env bash
# Tests operator and job on a cluster with real nodes: installs the chart, and trains a job in the pods of examples/restricted.yaml
# to completion while it evicts one pod and then drains the node; all under the restricted Pod Security Standard.
#   KUBECONFIG=FILE e2e/node/run.sh [--folder DIR] [--name JOB] [--keep]
# Needs kubectl, jq, helm (or this project built, for the tests' Helm), admin rights, and one node that has both images
# (./swav images --base ...; then for instance: ctr -n k8s.io images import FILE, or kind load image-archive FILE).
#   --folder DIR   folder of the node for images and checkpoints, writable by user 10001 (default: /var/lib/swav-test, created if
#                  this runs on the node as root)
#   --keep         keeps all objects afterwards
set -euo pipefail
cd "$(dirname "$0")/../.."
folder=/var/lib/swav-test; keep=false; job=pictures
while [ $# -gt 0 ]; do
  case $1 in
    --folder) folder=$2; shift 2 ;;
    --name) job=$2; shift 2 ;;
    --keep) keep=true; shift ;;
    *) sed -n '2,11s/^# //p' "$0"; [ "$1" = --help ] && exit 0 || exit 2 ;;
  esac
done
ns=swav-node-test; system=swav-system
say() { printf '%s %s\n' "$(date -u +%H:%M:%S)" "$*"; }
fail() { say "FAILED: $*" >&2; kubectl -n $ns get swavjobs,pods -o wide >&2 || true; kubectl -n $system get pods >&2 || true; exit 1; }
for tool in kubectl jq; do command -v $tool > /dev/null || fail "$tool is needed"; done
kubectl get nodes > /dev/null || fail "the cluster does not answer: check KUBECONFIG"
minor=$(kubectl version -o json 2> /dev/null | jq -r '.serverVersion.minor | sub("[^0-9].*"; "")')
say "API server 1.$minor, nodes: $(kubectl get nodes -o jsonpath='{.items[*].metadata.name}')"

until_true() { # until_true SECONDS WHAT COMMAND...
  local limit=$1 what=$2; local end=$((SECONDS + limit)); shift 2
  until "$@" > /dev/null 2>&1; do [ $SECONDS -lt $end ] || fail "$what: not within $limit s"; sleep 1; done
}
status() { kubectl -n $ns get swavjob "$job" -o json | jq -r "$1"; }
status_is() { [ "$(status "$1")" = "$2" ]; }
trainers() { kubectl -n $ns get pods -l swav.io/job="$job" -o json; }

# 1. Create two namespaces under the standard, and check that it is enforced.
for n in $ns $system; do
  kubectl create namespace $n --dry-run=client -o yaml | kubectl apply -f - > /dev/null
  kubectl label --overwrite namespace $n pod-security.kubernetes.io/enforce=restricted > /dev/null
done
[ "$minor" -ge 25 ] || kubectl apply -f e2e/node/psp.yaml > /dev/null
until_true 30 "the namespace's account" kubectl -n $ns get serviceaccount default
kubectl -n $ns delete pod as-root --ignore-not-found > /dev/null
asroot='{"apiVersion":"v1","kind":"Pod","metadata":{"name":"as-root"},"spec":{"containers":[{"name":"c","image":"none","securityContext":{"privileged":true}}]}}'
if kubectl -n $ns create -f - <<< "$asroot" --as=system:serviceaccount:$ns:default --as-group=system:serviceaccounts > /dev/null 2> /tmp/refused.$$; then
  kubectl -n $ns delete pod as-root --wait=false > /dev/null; enforced="not by this server; fields checked one by one"
elif grep -qE 'PodSecurity|pod security policy' /tmp/refused.$$; then
  enforced="by the API server's admission, and fields checked one by one"
else
  # the account may not create pods at all: try as an admin
  if kubectl -n $ns create --dry-run=server -f - <<< "$asroot" > /dev/null 2> /tmp/refused.$$; then
    enforced="not for admins by this server; fields checked one by one"
  else
    enforced="by the API server's admission, and fields checked one by one"
  fi
fi
rm -f /tmp/refused.$$
say "restricted standard enforced: $enforced"

# 2. Install the chart.
if command -v helm > /dev/null; then
  helm upgrade --install swav-operator charts/swav-operator --namespace $system --disable-openapi-validation
else
  libraries=$(find "${HOME}/.m2/repository/com/marcnuri/helm-java" "${HOME}/.m2/repository/net/java/dev/jna" -name '*.jar' | sort -r | paste -sd:)
  [ -n "$libraries" ] || fail "helm is needed; or run ./swav test, which downloads the tests' Helm"
  java -cp "$libraries" e2e/node/HelmInstall.java swav-operator charts/swav-operator $system "$KUBECONFIG"
fi
kubectl -n $system rollout status deployment/swav-operator --timeout=300s

# 3. Create a claim that every pod of the node can mount, and let the trainer's own image generate images in it.
[ "$(id -u)" != 0 ] || install -d -o 10001 -g 10001 "$folder"
image=$(sed -n 's/^ *image: *//p' examples/restricted.yaml)
kubectl apply -f - > /dev/null << YAML
apiVersion: v1
kind: PersistentVolume
metadata: {name: swav-node-test}
spec:
  capacity: {storage: 1Gi}
  accessModes: [ReadWriteMany]
  storageClassName: ""
  persistentVolumeReclaimPolicy: Retain
  claimRef: {namespace: $ns, name: swav}
  hostPath: {path: $folder}
---
apiVersion: v1
kind: PersistentVolumeClaim
metadata: {name: swav, namespace: $ns}
spec:
  accessModes: [ReadWriteMany]
  storageClassName: ""
  volumeName: swav-node-test
  resources: {requests: {storage: 1Gi}}
---
apiVersion: v1
kind: Pod
metadata: {name: pictures-drawn, namespace: $ns}
spec:
  restartPolicy: Never
  securityContext: {runAsNonRoot: true, runAsUser: 10001, runAsGroup: 10001, fsGroup: 10001, seccompProfile: {type: RuntimeDefault}}
  containers:
    - name: draw
      image: $image
      args: [data, synth, --out, /data, --samples, "${SWAV_SAMPLES:-2048}"]
      securityContext: {allowPrivilegeEscalation: false, readOnlyRootFilesystem: true, capabilities: {drop: [ALL]}}
      volumeMounts: [{name: swav, mountPath: /data}, {name: tmp, mountPath: /tmp}]
  volumes: [{name: swav, persistentVolumeClaim: {claimName: swav}}, {name: tmp, emptyDir: {}}]
YAML
until_true 300 "images generated" sh -c "[ \"\$(kubectl -n $ns get pod pictures-drawn -o jsonpath='{.status.phase}')\" = Succeeded ]"

# 4. Train the quickstart's job in the pods of the restricted example, with a new checkpoint folder: old checkpoints would end it at once.
json() { kubectl create --dry-run=client -o json -f "$1"; }
jq -n --argjson restricted "$(json examples/restricted.yaml)" --argjson quickstart "$(json examples/quickstart.yaml)" --arg job "$job" \
  --arg time "$(date +%s)" \
  '$restricted | .metadata = {name: $job} | .spec += ($quickstart.spec | {model, crops, training})
    | .spec.elastic = {minReplicas: 1, maxReplicas: 2, growAfterSeconds: 1}
    | .spec.template.spec.containers[0].resources = {requests: {cpu: "200m", memory: "512Mi"}, limits: {memory: "4Gi"}}
    | .spec.checkpoint = {uri: ("file:///data/checkpoints-" + $job + "-" + $time), everySteps: 50}
    | .spec.training.epochs = (env.SWAV_EPOCHS // "100" | tonumber)' \
  | kubectl -n $ns apply -f -
applied=$SECONDS
until_true 300 "two trainers" status_is .status.world.size 2
say "two trainers at step $(status .status.progress.step), $((SECONDS - applied)) s after apply"
trainers | jq -r '.items[] | select(.status.containerStatuses[0].state.running) | "\(.metadata.name): container started \(.status.containerStatuses[0].state.running.startedAt), Ready \(.status.conditions[] | select(.type == "Ready") | .lastTransitionTime), "
  + "\((.status.conditions[] | select(.type == "Ready") | .lastTransitionTime | fromdate) - (.status.containerStatuses[0].state.running.startedAt | fromdate)) s"'

# 5. Evict one pod, as kubectl drain does it.
step_past() { [ "$(status '.status.progress.step // 0')" -gt "$1" ]; }
until_true 300 "ten steps" step_past 10
victim=$(trainers | jq -r '[.items[] | select(.status.phase == "Running")][0].metadata.name')
policy=v1; [ "$minor" -ge 22 ] || policy=v1beta1
leaves() { [ -n "$(kubectl -n $ns get pod "$victim" -o jsonpath='{.metadata.deletionTimestamp}')" ]; }
evict() { # the answer may be lost, or request a retry
  printf '{"apiVersion":"policy/%s","kind":"Eviction","metadata":{"name":"%s","namespace":"%s"}}' $policy "$victim" $ns \
    | kubectl create --raw "/api/v1/namespaces/$ns/pods/$victim/eviction" -f - || leaves
}
until_true 120 "eviction of $victim" evict
say "evicted $victim at step $(status .status.progress.step)"
evicted() { [ "$(status .status.ledger.preemptions)" -ge 1 ] && status_is .status.world.size 2 && ! status '.status.world.members[].pod' | grep -qx "$victim"; }
until_true 300 "a world of two without $victim" evicted
say "two trainers again, without it, at step $(status .status.progress.step)"

# 6. Drain the whole node: all trainers leave on notice, the last one saves, and training continues when the node is back.
node=$(trainers | jq -r '[.items[] | select(.status.phase == "Running")][0].spec.nodeName // empty')
if [ -n "$node" ]; then
  kubectl drain "$node" --pod-selector swav.io/job="$job" --force --delete-emptydir-data --timeout=120s > /dev/null 2>&1 || fail "drain of $node"
  say "drained $node at step $(status .status.progress.step)"
  kubectl uncordon "$node" > /dev/null
else
  until_true 60 "the end of a job without trainers" status_is .status.phase Complete
fi

# 7. Wait for completion, and check that every pod complies with the standard.
broken=""
check() { broken+=$(kubectl get pods -A -o json | jq -r --arg a $ns --arg b $system '.items[] | select(.metadata.namespace == $a or .metadata.namespace == $b)' | jq -rf e2e/node/restricted.jq); }
check
end=$((SECONDS + 900))
until status_is .status.phase Complete; do
  [ "$(status .status.phase)" != Failed ] || fail "the job failed"
  [ $SECONDS -lt $end ] || fail "not complete"
  sleep 2
done
check
[ -z "$broken" ] || fail "not restricted: $broken"
status '{phase: .status.phase, step: .status.progress.step, steps: .status.progress.steps, loss: .status.progress.loss, ledger: (.status.ledger | {stepsLost, preemptions, failures, hangs, resizes, goodput}), checkpoints: [.status.checkpoints[]? | {step, verified}]}'
[ "$(status .status.progress.step)" = "$(status .status.progress.steps)" ] || fail "not all steps"
[ "$(status .status.ledger.stepsLost)" = 0 ] || fail "steps were lost, although all trainers had notice"
[ "$(status .status.ledger.failures)" = 0 ] || fail "failures were counted, although there were only evictions"
say "passed: trained to completion in $((SECONDS - applied)) s; restricted standard enforced $enforced"
if ! $keep; then
  kubectl delete namespace $ns --wait=false > /dev/null; kubectl delete pv swav-node-test --wait=false > /dev/null
fi
