package io.swav.operator;

import io.fabric8.kubernetes.api.model.HasMetadata;
import io.fabric8.kubernetes.api.model.ObjectMeta;
import io.fabric8.kubernetes.api.model.ObjectMetaBuilder;
import io.fabric8.kubernetes.api.model.OwnerReference;
import io.fabric8.kubernetes.api.model.OwnerReferenceBuilder;
import io.swav.api.ResourceNames;
import io.swav.api.SwavJob;
import java.util.Map;
import java.util.TreeMap;

/** Metadata that all objects of a job have in common: labels, and the owner with which they are garbage-collected. */
final class OwnerMetadata {
    static final String FIELD_MANAGER = "swav-operator";

    private OwnerMetadata() {}

    static ObjectMeta meta(SwavJob job, String name) {
        return new ObjectMetaBuilder()
                .withName(name)
                .withNamespace(job.getMetadata().getNamespace())
                .withLabels(labels(job))
                .withOwnerReferences(owner(job))
                .build();
    }

    static Map<String, String> labels(SwavJob job) {
        return new TreeMap<>(Map.of(
                "app.kubernetes.io/managed-by",
                FIELD_MANAGER,
                ResourceNames.LABEL_JOB,
                job.getMetadata().getName()));
    }

    static String selector(SwavJob job) {
        return ResourceNames.LABEL_JOB + "=" + job.getMetadata().getName();
    }

    /** Whether this job, not an earlier one of the same name, owns the object. */
    static boolean isOwnedBy(HasMetadata object, SwavJob job) {
        String uid = job.getMetadata().getUid();
        return object.getMetadata().getOwnerReferences().stream()
                .anyMatch(owner -> owner.getUid().equals(uid));
    }

    static OwnerReference owner(SwavJob job) {
        return new OwnerReferenceBuilder()
                .withApiVersion(job.getApiVersion())
                .withKind(job.getKind())
                .withName(job.getMetadata().getName())
                .withUid(job.getMetadata().getUid())
                .withController(true)
                .withBlockOwnerDeletion(true)
                .build();
    }
}
