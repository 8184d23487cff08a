package io.swav.operator;

import io.fabric8.kubernetes.api.model.ConfigMap;
import io.fabric8.kubernetes.api.model.HasMetadata;
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
import java.util.ArrayList;
import java.util.List;
import java.util.Objects;
import java.util.Optional;
import java.util.Set;

/**
 * Finds out whether the trainers of a job would be able to report: whether the objects exist that {@link TrainerRbac} and
 * {@link JobResources} make, and grant what a report needs. A trainer that is silent because it may not report is not hung.
 */
final class TrainerAccess {
    /** What the objects of a job are found to be. Empty if there is none. */
    record Found(
            Optional<ConfigMap> progress,
            Optional<Role> role,
            Optional<RoleBinding> binding,
            List<String> missingAccounts) {}

    private TrainerAccess() {}

    /**
     * Asks the API server.
     *
     * @param accounts names of the service accounts as which trainers run; an empty name stands for "default"
     * @throws KubernetesClientException if the API server does not answer
     */
    static Reporting check(KubernetesClient client, SwavJob job, Set<String> accounts) {
        String namespace = job.getMetadata().getNamespace();
        String name = ResourceNames.trainerName(job.getMetadata().getName());
        try {
            List<String> missing = new ArrayList<>();
            for (String account : named(accounts)) {
                if (get(client.serviceAccounts(), namespace, account).isEmpty()) {
                    missing.add(account);
                }
            }
            Found found = new Found(
                    get(
                            client.configMaps(),
                            namespace,
                            ResourceNames.progressName(job.getMetadata().getName())),
                    get(client.rbac().roles(), namespace, name),
                    get(client.rbac().roleBindings(), namespace, name),
                    missing);
            return problem(job, accounts, found)
                    .<Reporting>map(Reporting.Blocked::new)
                    .orElse(Reporting.POSSIBLE);
        } catch (KubernetesClientException e) {
            if (e.getCode() == HttpURLConnection.HTTP_FORBIDDEN) {
                return new Reporting.Blocked(sentence(
                        "it is unknown whether trainers may report, because the operator may not look: "
                                + PlanExecutor.message(e),
                        "Install the RBAC of the operator's chart"));
            }
            throw e;
        }
    }

    /** Judges what was found; empty if a trainer of each of these accounts can report. */
    static Optional<String> problem(SwavJob job, Set<String> accounts, Found found) {
        return what(job, accounts, found)
                .map(what -> sentence(
                        what,
                        "Restore it. The operator writes its objects again when it starts, when it creates a pod, and"
                                + " when spec changes, for example spec.recovery.hungAfterSeconds"));
    }

    private static String sentence(String what, String remedy) {
        return "No trainer that holds the model reports: " + what
                + ". Trainers that run train on, but the operator neither"
                + " sees them nor removes any, and they follow no change of the world. " + remedy + ".";
    }

    private static Optional<String> what(SwavJob job, Set<String> accounts, Found found) {
        String jobName = job.getMetadata().getName();
        String progress = "ConfigMap " + ResourceNames.progressName(jobName) + ", into which they report,";
        String name = ResourceNames.trainerName(jobName);
        if (found.progress().isEmpty()) {
            return Optional.of(progress + " was deleted");
        }
        if (Boolean.TRUE.equals(found.progress().get().getImmutable())) {
            return Optional.of(progress + " is immutable: delete it");
        }
        if (!found.missingAccounts().isEmpty()) {
            return Optional.of("ServiceAccount " + String.join(", ", found.missingAccounts())
                    + ", as which they run, was deleted, and its tokens are no longer valid");
        }
        if (found.binding().isEmpty()) {
            return Optional.of("RoleBinding " + name + ", which lets them report, was deleted");
        }
        Optional<String> unbound = named(accounts).stream()
                .filter(account -> !binds(found.binding().get(), name, account))
                .findFirst();
        if (unbound.isPresent()) {
            return Optional.of(
                    "RoleBinding " + name + " does not bind ServiceAccount " + unbound.get() + " to Role " + name);
        }
        if (found.role().isEmpty()) {
            return Optional.of("Role " + name + ", which lets them report, was deleted");
        }
        return TrainerRbac.role(job).getRules().stream()
                .filter(needed -> !grants(found.role().get(), needed))
                .findFirst()
                .map(needed -> "Role " + name + " no longer grants " + String.join(", ", needed.getVerbs())
                        + " on ConfigMap " + String.join(", ", needed.getResourceNames()));
    }

    private static List<String> named(Set<String> accounts) {
        return accounts.stream()
                .map(account -> account.isEmpty() ? "default" : account)
                .sorted()
                .toList();
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
