package io.swav.planner;

import io.swav.api.SwavJobStatus.Incident;
import java.time.Instant;
import java.util.List;
import java.util.Optional;

/**
 * Everything to do now, in this order: write world and planner state, create pods, delete pods, force-delete pods.
 *
 * @param create names of the pods to create
 * @param createWhy the reason, empty if none is created
 * @param delete pods to delete
 * @param deleteWhy the reason, empty if none is deleted
 * @param forceDelete pods to delete without a grace period
 * @param state what to remember
 * @param newIncidents incidents that were counted in this plan
 * @param resumeMessages a sentence for every change of the world whose cost was settled in this plan
 * @param replanAt when to plan again although nothing has changed
 */
public record ReconcilePlan(
        WorldDecision world,
        List<String> create,
        String createWhy,
        List<ObservedPod> delete,
        String deleteWhy,
        List<ObservedPod> forceDelete,
        PlannerState state,
        List<Incident> newIncidents,
        List<String> resumeMessages,
        Optional<Instant> replanAt) {
    public ReconcilePlan {
        create = List.copyOf(create);
        delete = List.copyOf(delete);
        forceDelete = List.copyOf(forceDelete);
        newIncidents = List.copyOf(newIncidents);
        resumeMessages = List.copyOf(resumeMessages);
    }
}
