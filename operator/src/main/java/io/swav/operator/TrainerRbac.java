package io.swav.operator;

import com.fasterxml.jackson.databind.JsonNode;
import io.fabric8.kubernetes.api.model.Pod;
import io.fabric8.kubernetes.api.model.ServiceAccount;
import io.fabric8.kubernetes.api.model.ServiceAccountBuilder;
import io.fabric8.kubernetes.api.model.rbac.Role;
import io.fabric8.kubernetes.api.model.rbac.RoleBinding;
import io.fabric8.kubernetes.api.model.rbac.RoleBindingBuilder;
import io.fabric8.kubernetes.api.model.rbac.RoleBuilder;
import io.swav.api.ResourceNames;
import io.swav.api.SwavJob;
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

    static Role role(SwavJob job) {
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
                .withResourceNames(ResourceNames.progressName(jobName))
                .withVerbs("get", "patch")
                .endRule()
                .build();
    }

    /** Returns the account that the pods run as: the template's own, if it names one. */
    static String accountOf(SwavJob job, @Nullable JsonNode template) {
        String theirs =
                template == null ? "" : template.at("/spec/serviceAccountName").asText();
        return theirs.isEmpty() ? name(job) : theirs;
    }

    /** Returns the account that a pod runs as. */
    static String accountOf(Pod pod) {
        String account = pod.getSpec().getServiceAccountName();
        return account == null || account.isEmpty() ? "default" : account;
    }

    static RoleBinding binding(SwavJob job) {
        return new RoleBindingBuilder()
                .withMetadata(OwnerMetadata.meta(job, name(job)))
                .withNewRoleRef("rbac.authorization.k8s.io", "Role", name(job))
                .addNewSubject()
                .withKind("ServiceAccount")
                .withName(accountOf(job, job.getSpec().template()))
                .withNamespace(job.getMetadata().getNamespace())
                .endSubject()
                .build();
    }

    private static String name(SwavJob job) {
        return ResourceNames.trainerName(job.getMetadata().getName());
    }
}
