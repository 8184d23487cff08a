package io.swav.operator;

import io.fabric8.kubernetes.api.model.HasMetadata;
import io.fabric8.kubernetes.api.model.OwnerReference;
import io.fabric8.kubernetes.api.model.ServiceAccount;
import io.swav.api.ConditionReason;
import io.swav.api.SwavJob;
import java.time.Duration;
import java.time.Instant;
import java.util.ArrayList;
import java.util.List;
import java.util.function.Predicate;
import java.util.stream.Collectors;

/**
 * An object that the operator leaves as it is, although a job needs one of that kind and name.
 *
 * @param found the object
 * @param action why it is left: {@link DependentCheck.Leave} or {@link DependentCheck.Pinned}
 */
record NameConflict(HasMetadata found, DependentCheck.Action action) {
    /** Interval at which the objects are looked at again, because those of others are not watched. */
    static final Duration RECHECK_EVERY = Duration.ofSeconds(5);

    /** The garbage collector usually takes a second; it began no later than the job was created. */
    private static final Duration COLLECTION = Duration.ofMinutes(1);

    /** Returns why no pods are created, and what to do. */
    static PodRejection rejection(SwavJob job, List<NameConflict> conflicts, Instant now) {
        boolean overdue = now.isAfter(
                Instant.parse(job.getMetadata().getCreationTimestamp()).plus(COLLECTION));
        boolean waits = conflicts.stream().allMatch(NameConflict::isRemnant) && !overdue;
        List<String> sentences = new ArrayList<>();
        addForeign(conflicts.stream().filter(NameConflict::isForeign).toList(), sentences);
        addPinned(conflicts, sentences);
        addRemnants(conflicts.stream().filter(NameConflict::isRemnant).toList(), overdue, sentences);
        return new PodRejection(
                waits ? ConditionReason.Waiting : ConditionReason.NameTaken,
                String.join(" ", sentences),
                job.getMetadata().getGeneration(),
                now.plus(RECHECK_EVERY));
    }

    private static void addForeign(List<NameConflict> foreign, List<String> sentences) {
        if (foreign.isEmpty()) {
            return;
        }
        boolean one = foreign.size() == 1;
        sentences.add(described(foreign) + (one ? " has a name" : " have names") + " that this job needs, but "
                + (one ? "belongs" : "belong") + " to something else" + controllers(foreign)
                + ". The operator leaves " + (one ? "it as it is" : "them as they are")
                + ": no pods are created, and trainers that run train on.");
        boolean account = foreign.stream().anyMatch(conflict -> conflict.found() instanceof ServiceAccount);
        sentences.add("Delete or rename " + (one ? "it" : "them") + ", and the operator creates its own; or create the"
                + " job under another name"
                + (account ? "; or name the ServiceAccount in spec.template.spec.serviceAccountName" : "") + ".");
    }

    private static void addPinned(List<NameConflict> conflicts, List<String> sentences) {
        for (NameConflict conflict : conflicts) {
            if (conflict.action() instanceof DependentCheck.Pinned pinned) {
                sentences.add(conflict.name() + " was changed and has to be created again, but its finalizers ("
                        + String.join(", ", pinned.finalizers())
                        + ") keep it from being deleted: no pods are created. Remove them.");
            }
        }
    }

    private static void addRemnants(List<NameConflict> remnants, boolean overdue, List<String> sentences) {
        if (!remnants.isEmpty()) {
            sentences.add(described(remnants) + (remnants.size() == 1 ? " is" : " are")
                    + " left from a deleted job of the same name. No pods are created until the garbage collector has"
                    + " deleted " + (remnants.size() == 1 ? "it" : "them")
                    + (overdue ? ", which takes longer than usual. Look at their finalizers, or delete them." : "."));
        }
    }

    private static String described(List<NameConflict> conflicts) {
        return conflicts.stream().map(NameConflict::name).collect(Collectors.joining(", "));
    }

    private static String controllers(List<NameConflict> conflicts) {
        Predicate<OwnerReference> controls = owner -> Boolean.TRUE.equals(owner.getController());
        List<String> names = conflicts.stream()
                .flatMap(conflict -> conflict.found().getMetadata().getOwnerReferences().stream())
                .filter(controls)
                .map(owner -> owner.getKind() + " " + owner.getName())
                .distinct()
                .toList();
        return names.isEmpty() ? "" : " (" + String.join(", ", names) + ")";
    }

    private boolean isForeign() {
        return action instanceof DependentCheck.Leave leave && leave.owner() == Ownership.FOREIGN;
    }

    private boolean isRemnant() {
        return action instanceof DependentCheck.Leave leave && leave.owner() == Ownership.REMNANT;
    }

    private String name() {
        return found.getKind() + " " + found.getMetadata().getName();
    }
}
