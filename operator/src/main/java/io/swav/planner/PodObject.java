package io.swav.planner;

import java.util.Optional;

/**
 * Holds what a pod's object states beside what its state follows from.
 *
 * @param revision of the template from which the pod was made; empty if an earlier version of the operator made it
 * @param deletion whether its deletion was requested: a pod that a finalizer keeps is not deleted again
 * @param failedSidecars describes the containers beside the trainer that have failed; empty if none has
 */
public record PodObject(String revision, Deletion deletion, Optional<String> failedSidecars) {
    public static final PodObject NONE = new PodObject("", Deletion.NOT_REQUESTED, Optional.empty());

    /** How far the deletion of a pod has come. */
    public enum Deletion {
        NOT_REQUESTED,
        /** It has a grace period, which may have passed. */
        REQUESTED,
        /** It was deleted without a grace period, so only a finalizer keeps it. */
        FORCED
    }
}
