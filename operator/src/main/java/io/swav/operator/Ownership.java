package io.swav.operator;

import io.fabric8.kubernetes.api.model.HasMetadata;
import io.fabric8.kubernetes.api.model.OwnerReference;
import io.swav.api.ResourceNames;
import io.swav.api.SwavJob;
import java.util.List;

/** Tells whose an object is that has the name of one of a job's objects, by its metadata alone. */
enum Ownership {
    /** The job's: it names the job as its owner, or the operator wrote it and somebody removed the owner. */
    OURS,
    /** An earlier job's of the same name, which exists no more: the garbage collector deletes it. */
    REMNANT,
    /** Somebody else's. */
    FOREIGN;

    /**
     * Judges an object. Without an owner, the server's own record of who wrote the object decides (managedFields, which
     * an edit keeps): labels could be copied. Two jobs of one name never exist at once, so another uid is an earlier job's.
     */
    static Ownership of(HasMetadata object, SwavJob job) {
        List<OwnerReference> owners = object.getMetadata().getOwnerReferences();
        if (owners.stream().anyMatch(owner -> isEarlierJob(owner, job))) {
            return REMNANT;
        }
        if (owners.stream().anyMatch(owner -> isController(owner) && !isJob(owner, job))) {
            return FOREIGN;
        }
        boolean named = owners.stream().anyMatch(owner -> isJob(owner, job));
        return named || wasWrittenByOperator(object) ? OURS : FOREIGN;
    }

    private static boolean isJob(OwnerReference owner, SwavJob job) {
        return job.getMetadata().getUid().equals(owner.getUid());
    }

    private static boolean isController(OwnerReference owner) {
        return Boolean.TRUE.equals(owner.getController());
    }

    private static boolean isEarlierJob(OwnerReference owner, SwavJob job) {
        return job.getKind().equals(owner.getKind())
                && owner.getApiVersion() != null
                && owner.getApiVersion().startsWith(ResourceNames.GROUP + "/")
                && job.getMetadata().getName().equals(owner.getName())
                && !isJob(owner, job);
    }

    private static boolean wasWrittenByOperator(HasMetadata object) {
        return object.getMetadata().getManagedFields().stream()
                .anyMatch(entry -> OwnerMetadata.FIELD_MANAGER.equals(entry.getManager()));
    }
}
