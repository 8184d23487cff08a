# Prints one line for each rule of the restricted Pod Security Standard that a pod violates, nothing if it complies.
# https://kubernetes.io/docs/concepts/security/pod-security-standards/
. as $pod | .spec as $spec | ($spec.securityContext // {}) as $all
| def broken($what): "\($pod.metadata.namespace)/\($pod.metadata.name): \($what)";
  (["hostNetwork", "hostPID", "hostIPC"][] | select($spec[.] == true) | broken(.)),
  ($all.sysctls // [] | select(length > 0) | broken("sysctls")),
  ($spec.volumes // [] | .[] | select((keys - ["name"])[0] as $kind
      | ["configMap", "csi", "downwardAPI", "emptyDir", "ephemeral", "persistentVolumeClaim", "projected", "secret"] | index($kind) | not)
    | broken("volume \(.name)")),
  (($spec.containers + ($spec.initContainers // []))[] | (.securityContext // {}) as $own | .name as $name
    | (select($own.privileged == true) | broken("\($name): privileged")),
      (select($own.allowPrivilegeEscalation != false) | broken("\($name): allowPrivilegeEscalation is not false")),
      (select(($own.capabilities.drop // []) | index("ALL") | not) | broken("\($name): capabilities are not dropped")),
      (select((($own.capabilities.add // []) - ["NET_BIND_SERVICE"]) | length > 0) | broken("\($name): capabilities added")),
      (select(($own.runAsNonRoot // $all.runAsNonRoot) != true) | broken("\($name): runAsNonRoot is not true")),
      (select(($own.runAsUser // $all.runAsUser // 1) == 0) | broken("\($name): runAsUser is 0")),
      (select(($own.seccompProfile.type // $all.seccompProfile.type // "") | IN("RuntimeDefault", "Localhost") | not)
        | broken("\($name): no seccompProfile")),
      (select(($own.procMount // "Default") != "Default") | broken("\($name): procMount")),
      (select((.ports // [])[] | (.hostPort // 0) != 0) | broken("\($name): hostPort")),
      # not part of the standard, but promised by this project
      (select($own.readOnlyRootFilesystem != true) | broken("\($name): the root file system can be written to")))
