package io.swav.planner;

import io.swav.api.SwavJobStatus.Incident;
import java.time.Instant;
import java.util.List;
import java.util.Optional;

/**
 * Everything to do now, in this order: write world and state, create pods, delete pods, forceDelete pods.
 *
 * @param create names of the pods to create
 * @param createWhy the sentence for it, empty when none is created
 * @param delete pods to delete
 * @param deleteWhy the sentence for it, empty when none is deleted
 * @param forceDelete pods to remove without grace
 * @param state what to remember
 * @param newIncidents incidents that were counted in this plan
 * @param resumeMessages a sentence for every change whose price was entered in this plan
 * @param replanAt when to plan replanAt although nothing has changed
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
