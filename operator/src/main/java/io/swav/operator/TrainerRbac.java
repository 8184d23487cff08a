package io.swav.operator;

import com.fasterxml.jackson.databind.JsonNode;
import io.fabric8.kubernetes.api.model.Pod;
import io.fabric8.kubernetes.api.model.ServiceAccount;
import io.fabric8.kubernetes.api.model.ServiceAccountBuilder;
import io.fabric8.kubernetes.api.model.rbac.Role;
import io.fabric8.kubernetes.api.model.rbac.RoleBinding;
import io.fabric8.kubernetes.api.model.rbac.RoleBindingBuilder;
import io.fabric8.kubernetes.api.model.rbac.RoleBuilder;
import io.fabric8.kubernetes.api.model.rbac.SubjectBuilder;
import io.swav.api.ResourceNames;
import io.swav.api.SwavJob;
import java.util.Collection;
import java.util.List;
import java.util.Optional;
import java.util.Set;
import java.util.TreeSet;
import java.util.stream.Stream;
import org.jspecify.annotations.Nullable;

/**
 * The permissions of a trainer at the API server: watch its world, patch its progress. Nothing else, and no other
 * job's.
 */
final class TrainerRbac {
    private TrainerRbac() {}

    static ServiceAccount account(SwavJob job) {
        return new ServiceAccountBuilder()
                .withMetadata(OwnerMetadata.meta(job, name(job)))
                .build();
    }

    /** @param progress names of the ConfigMaps into which the trainers report */
    static Role role(SwavJob job, List<String> progress) {
        String jobName = job.getMetadata().getName();
        return new RoleBuilder()
                .withMetadata(OwnerMetadata.meta(job, name(job)))
                .addNewRule()
                .withApiGroups("")
                .withResources("configmaps")
                .withResourceNames(ResourceNames.worldName(jobName))
                .withVerbs("get", "list", "watch")
                .endRule()
                .addNewRule()
                .withApiGroups("")
                .withResources("configmaps")
                .withResourceNames(progress)
                .withVerbs("get", "patch")
                .endRule()
                .build();
    }

    /** Returns the account that the pods run as: the template's own, if it names one. */
    static String accountOf(SwavJob job, @Nullable JsonNode template) {
        return named(template).orElse(name(job));
    }

    /** Whether the template names an account. */
    static boolean namesAccount(SwavJob job) {
        return named(job.getSpec().template()).isPresent();
    }

    /**
     * Returns the account that a template names. As in Kubernetes, null and "" mean none, and the deprecated
     * {@code serviceAccount} counts if {@code serviceAccountName} names none.
     */
    private static Optional<String> named(@Nullable JsonNode template) {
        return template == null
                ? Optional.empty()
                : Stream.of("serviceAccountName", "serviceAccount")
                        .map(field -> template.at("/spec").path(field))
                        .filter(account -> !account.isNull())
                        .map(JsonNode::asText)
                        .filter(account -> !account.isEmpty())
                        .findFirst();
    }

    /** Returns the account that a pod runs as. */
    static String accountOf(Pod pod) {
        String account = pod.getSpec().getServiceAccountName();
        return account == null || account.isEmpty() ? "default" : account;
    }

    /**
     * Binds the account of the template, and those of pods that run as another: they were created from an earlier template.
     */
    static RoleBinding binding(SwavJob job, Collection<Pod> pods) {
        Set<String> accounts = new TreeSet<>(Set.of(accountOf(job, job.getSpec().template())));
        pods.forEach(pod -> accounts.add(accountOf(pod)));
        String namespace = job.getMetadata().getNamespace();
        return new RoleBindingBuilder()
                .withMetadata(OwnerMetadata.meta(job, name(job)))
                .withNewRoleRef("rbac.authorization.k8s.io", "Role", name(job))
                .withSubjects(accounts.stream()
                        .map(account -> new SubjectBuilder()
                                .withKind("ServiceAccount")
                                .withName(account)
                                .withNamespace(namespace)
                                .build())
                        .toList())
                .build();
    }

    private static String name(SwavJob job) {
        return ResourceNames.trainerName(job.getMetadata().getName());
    }
}
