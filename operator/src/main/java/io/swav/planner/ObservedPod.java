package io.swav.planner;

import java.time.Instant;
import java.util.Comparator;

/**
 * One pod of the job as the operator observed it.
 *
 * @param lingers whether the pod still runs although its trainer has ended, and it has not been deleted: a sidecar does
 *     not end by itself
 * @param facts what its trainer has reported
 * @param object what its object states beside that
 */
public record ObservedPod(
        String name,
        String uid,
        Instant created,
        PodState state,
        LivenessSignals signals,
        boolean lingers,
        ReportedFacts facts,
        PodObject object) {

    static final Comparator<ObservedPod> BY_AGE =
            Comparator.comparing(ObservedPod::created).thenComparing(ObservedPod::name);

    public ObservedPod(
            String name,
            String uid,
            Instant created,
            PodState state,
            LivenessSignals signals,
            boolean lingers,
            ReportedFacts facts) {
        this(name, uid, created, state, signals, lingers, facts, PodObject.NONE);
    }

    public ObservedPod(
            String name, String uid, Instant created, PodState state, LivenessSignals signals, boolean lingers) {
        this(name, uid, created, state, signals, lingers, ReportedFacts.NONE);
    }

    public ObservedPod(String name, String uid, Instant created, PodState state, LivenessSignals signals) {
        this(name, uid, created, state, signals, false);
    }

    /** Returns the name of its node, empty if it has none. */
    String node() {
        return facts.node();
    }

    /** Whether its node may go, though nobody has to leave it yet. */
    boolean hasHint() {
        return facts.placement().hint().isPresent();
    }

    /** Returns its name, and its node's if it has one. */
    String nameAndNode() {
        return node().isEmpty() ? name : name + " (node " + node() + ")";
    }

    /** Returns "pod job-3 on node n2". */
    String described() {
        return "pod " + name + (node().isEmpty() ? "" : " on node " + node());
    }

    /** Whether containers of it may run, and nothing has asked them to end. */
    public boolean isRunning() {
        return (isAlive() || lingers) && isDeletable();
    }

    /** Whether its deletion has not been requested yet. */
    boolean isDeletable() {
        return object.deletion() == PodObject.Deletion.NOT_REQUESTED;
    }

    /** Whether the pod's object says that it is alive, whatever its trainer does. */
    public boolean isAlive() {
        return state.isAlive();
    }
}
