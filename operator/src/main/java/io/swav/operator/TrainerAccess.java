package io.swav.operator;

import io.fabric8.kubernetes.api.model.ConfigMap;
import io.fabric8.kubernetes.api.model.HasMetadata;
import io.fabric8.kubernetes.api.model.ServiceAccount;
import io.fabric8.kubernetes.api.model.rbac.PolicyRule;
import io.fabric8.kubernetes.api.model.rbac.Role;
import io.fabric8.kubernetes.api.model.rbac.RoleBinding;
import io.fabric8.kubernetes.client.KubernetesClient;
import io.fabric8.kubernetes.client.KubernetesClientException;
import io.fabric8.kubernetes.client.dsl.MixedOperation;
import io.fabric8.kubernetes.client.dsl.Resource;
import io.swav.api.ResourceNames;
import io.swav.api.SwavJob;
import io.swav.planner.Reporting;
import java.net.HttpURLConnection;
import java.nio.charset.StandardCharsets;
import java.time.Duration;
import java.time.Instant;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.Optional;

/**
 * Finds out whether the trainers of a job would be able to report: whether the objects exist that {@link TrainerRbac} and
 * {@link JobResources} make, and grant what a report needs. A trainer that is silent because it may not report is not hung.
 */
final class TrainerAccess {
    /**
     * A pod whose trainer is silent.
     *
     * @param account name of the service account as which it runs
     * @param lastReport no later than its last report, by any clock that is involved
     * @param map name of the ConfigMap into which it reports
     */
    record SilentPod(String name, String account, Instant created, Instant lastReport, String map) {}

    /**
     * The objects of a job that exist.
     *
     * @param progress by name
     * @param accounts by name
     */
    record Found(
            Map<String, ConfigMap> progress,
            Optional<Role> role,
            Optional<RoleBinding> binding,
            Map<String, ServiceAccount> accounts) {}

    /** What keeps trainers from reporting, and what to do. */
    private record Finding(String what, String remedy) {}

    private static final String PUT_BACK =
            "The operator puts it back at once; if it cannot, the status or the" + " operator's log has the reason";

    private static final String RESTORE = "Restore it: it is not one of the operator's objects";

    /** How long an API server may accept a token that it has accepted before: 10 s by default, and clocks differ. */
    private static final Duration TOKEN_CACHE = Duration.ofMinutes(1);

    /** A report has a few hundred bytes, with a checkpoint's catalog a few thousand. */
    private static final int REPORT_BYTES = 1 << 10;

    private TrainerAccess() {}

    /**
     * Asks the API server.
     *
     * @throws KubernetesClientException if the API server cannot be reached
     */
    static Reporting check(KubernetesClient client, SwavJob job, List<SilentPod> silent) {
        String namespace = job.getMetadata().getNamespace();
        String name = ResourceNames.trainerName(job.getMetadata().getName());
        try {
            Map<String, ServiceAccount> accounts = new HashMap<>();
            for (String account : accounts(silent)) {
                get(client.serviceAccounts(), namespace, account)
                        .filter(found -> found.getMetadata().getDeletionTimestamp() == null) // its tokens are invalid
                        .ifPresent(found -> accounts.put(account, found));
            }
            Map<String, ConfigMap> progress = new HashMap<>();
            for (String map : maps(silent)) {
                get(client.configMaps(), namespace, map).ifPresent(found -> progress.put(map, found));
            }
            Found found = new Found(
                    progress,
                    get(client.rbac().roles(), namespace, name),
                    get(client.rbac().roleBindings(), namespace, name),
                    accounts);
            return problem(job, silent, found)
                    .<Reporting>map(Reporting.Blocked::new)
                    .orElse(Reporting.POSSIBLE);
        } catch (KubernetesClientException e) {
            if (e.getCode() == HttpURLConnection.HTTP_FORBIDDEN) {
                return new Reporting.Blocked(sentence(new Finding(
                        "it is unknown whether trainers may report, because the operator may not look: "
                                + PlanExecutor.message(e),
                        "Install the RBAC of the operator's chart")));
            }
            throw e;
        }
    }

    /** Judges what was found; empty if the trainer of each of these pods can report. */
    static Optional<String> problem(SwavJob job, List<SilentPod> silent, Found found) {
        return finding(job, silent, found).map(TrainerAccess::sentence);
    }

    private static String sentence(Finding finding) {
        return "No trainer that holds the model reports: " + finding.what()
                + ". Trainers that run train on, but the operator neither"
                + " sees them nor removes any, and they follow no change of the world. " + finding.remedy() + ".";
    }

    private static Optional<Finding> finding(SwavJob job, List<SilentPod> silent, Found found) {
        return maps(silent).stream()
                .flatMap(map -> ofMap(map, Optional.ofNullable(found.progress().get(map))).stream())
                .findFirst()
                .or(() -> ofAccounts(ResourceNames.trainerName(job.getMetadata().getName()), silent, found.accounts()))
                .or(() -> ofRole(job, silent, found).map(what -> new Finding(what, PUT_BACK)));
    }

    private static Optional<Finding> ofMap(String name, Optional<ConfigMap> map) {
        String progress = "ConfigMap " + name + ", into which they report,";
        if (map.isEmpty()) {
            return Optional.of(new Finding(progress + " was deleted", "The operator creates it again"));
        }
        if (Boolean.TRUE.equals(map.get().getImmutable())) {
            return Optional.of(new Finding(progress + " was made immutable", "The operator creates it again"));
        }
        return isFull(map.get())
                ? Optional.of(new Finding(
                        progress + " is full: it holds " + HumanFormat.bytes(dataBytes(map.get()))
                                + ", and the API server allows " + HumanFormat.bytes((long) ObjectSize.MAP_LIMIT),
                        "Remove what no trainer wrote into it"))
                : Optional.empty();
    }

    private static List<String> maps(List<SilentPod> silent) {
        return silent.stream().map(SilentPod::map).distinct().sorted().toList();
    }

    /** Whether another report would not fit. */
    private static boolean isFull(ConfigMap progress) {
        return dataBytes(progress) + REPORT_BYTES > ObjectSize.MAP_LIMIT;
    }

    private static long dataBytes(ConfigMap map) {
        return Optional.ofNullable(map.getData()).orElse(Map.of()).values().stream()
                .mapToLong(value -> value.getBytes(StandardCharsets.UTF_8).length)
                .sum();
    }

    private static Optional<Finding> ofAccounts(String own, List<SilentPod> silent, Map<String, ServiceAccount> found) {
        List<String> missing = accounts(silent).stream()
                .filter(account -> !found.containsKey(account))
                .toList();
        if (!missing.isEmpty()) {
            return Optional.of(new Finding(
                    "ServiceAccount " + String.join(", ", missing)
                            + ", as which they run, was deleted, and its tokens are no longer valid",
                    missing.equals(List.of(own)) ? PUT_BACK : RESTORE));
        }
        return silent.stream()
                .filter(pod -> holdsTokenOfEarlier(Objects.requireNonNull(found.get(pod.account())), pod))
                .findFirst()
                .map(pod -> new Finding(
                        "ServiceAccount " + pod.account() + " was made again after pod " + pod.name() + " started; "
                                + pod.name() + "'s token is invalid until kubelet renews it, within an hour",
                        "Wait, or suspend and resume the job to restart its pods at once from the last checkpoint"));
    }

    /** A token names the uid of its account. A report well after the account was made shows that the token was renewed. */
    private static boolean holdsTokenOfEarlier(ServiceAccount account, SilentPod pod) {
        String created = account.getMetadata().getCreationTimestamp();
        return created != null
                && Instant.parse(created).isAfter(pod.created())
                && !pod.lastReport().isAfter(Instant.parse(created).plus(TOKEN_CACHE));
    }

    private static Optional<String> ofRole(SwavJob job, List<SilentPod> silent, Found found) {
        String name = ResourceNames.trainerName(job.getMetadata().getName());
        if (found.binding().isEmpty()) {
            return Optional.of("RoleBinding " + name + ", which lets them report, was deleted");
        }
        Optional<String> unbound = accounts(silent).stream()
                .filter(account -> !binds(found.binding().get(), name, account))
                .findFirst();
        if (unbound.isPresent()) {
            return Optional.of(
                    "RoleBinding " + name + " does not bind ServiceAccount " + unbound.get() + " to Role " + name);
        }
        if (found.role().isEmpty()) {
            return Optional.of("Role " + name + ", which lets them report, was deleted");
        }
        return TrainerRbac.role(job, maps(silent)).getRules().stream()
                .filter(needed -> !grants(found.role().get(), needed))
                .findFirst()
                .map(needed -> "Role " + name + " no longer grants " + String.join(", ", needed.getVerbs())
                        + " on ConfigMap " + String.join(", ", needed.getResourceNames()));
    }

    private static List<String> accounts(List<SilentPod> silent) {
        return silent.stream().map(SilentPod::account).distinct().sorted().toList();
    }

    private static boolean binds(RoleBinding binding, String role, String account) {
        return binding.getRoleRef() != null
                && role.equals(binding.getRoleRef().getName())
                && binding.getSubjects().stream()
                        .anyMatch(subject -> "ServiceAccount".equals(subject.getKind())
                                && account.equals(subject.getName())
                                && (subject.getNamespace() == null
                                        || Objects.equals(
                                                subject.getNamespace(),
                                                binding.getMetadata().getNamespace())));
    }

    private static boolean grants(Role role, PolicyRule needed) {
        return needed.getVerbs().stream()
                .allMatch(verb -> role.getRules().stream()
                        .anyMatch(rule -> contains(rule.getApiGroups(), "")
                                && contains(
                                        rule.getResources(),
                                        needed.getResources().get(0))
                                && contains(rule.getVerbs(), verb)
                                && (rule.getResourceNames().isEmpty()
                                        || rule.getResourceNames().containsAll(needed.getResourceNames()))));
    }

    private static boolean contains(List<String> granted, String one) {
        return granted.contains(one) || granted.contains("*");
    }

    private static <T extends HasMetadata> Optional<T> get(
            MixedOperation<T, ?, ? extends Resource<T>> resources, String namespace, String name) {
        return Optional.ofNullable(
                resources.inNamespace(namespace).withName(name).get());
    }
}
