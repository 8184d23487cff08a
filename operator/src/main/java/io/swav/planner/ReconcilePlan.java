package io.swav.planner;

import io.swav.api.SwavJobStatus.Incident;
import java.time.Instant;
import java.util.Collections;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;

/**
 * Everything to do now, in this order: write world and planner state, create pods, delete pods, force-delete pods.
 *
 * @param create names of the pods to create
 * @param createWhy the reason, empty if none is created
 * @param deleteWhy pods to delete, and why; no reason for one that has ended long ago
 * @param forceDelete pods to delete without a grace period
 * @param state what to remember
 * @param newIncidents incidents that were counted in this plan
 * @param resumeMessages a sentence for every change of the world whose cost was settled in this plan
 * @param nodes which nodes new pods are kept off
 * @param rollout of a changed template
 * @param replanAt when to plan again although nothing has changed
 */
public record ReconcilePlan(
        WorldDecision world,
        List<String> create,
        String createWhy,
        Map<ObservedPod, String> deleteWhy,
        List<ObservedPod> forceDelete,
        PlannerState state,
        List<Incident> newIncidents,
        List<String> resumeMessages,
        AvoidedNodesPlan nodes,
        RolloutReport rollout,
        Optional<Instant> replanAt) {

    /** Creates a plan for pods that may run on any node, without a rollout. */
    public ReconcilePlan(
            WorldDecision world,
            List<String> create,
            String createWhy,
            Map<ObservedPod, String> deleteWhy,
            List<ObservedPod> forceDelete,
            PlannerState state,
            List<Incident> newIncidents,
            List<String> resumeMessages,
            Optional<Instant> replanAt) {
        this(
                world,
                create,
                createWhy,
                deleteWhy,
                forceDelete,
                state,
                newIncidents,
                resumeMessages,
                AvoidedNodesPlan.NONE,
                RolloutReport.NONE,
                replanAt);
    }

    public ReconcilePlan {
        create = List.copyOf(create);
        deleteWhy = Collections.unmodifiableMap(new LinkedHashMap<>(deleteWhy));
        forceDelete = List.copyOf(forceDelete);
        newIncidents = List.copyOf(newIncidents);
        resumeMessages = List.copyOf(resumeMessages);
    }

    /** Returns the pods to delete. */
    public List<ObservedPod> delete() {
        return List.copyOf(deleteWhy.keySet());
    }
}
