package io.swav.planner;

import io.swav.api.SwavJobStatus.Incident;
import java.time.Instant;
import java.util.List;
import java.util.Optional;

/**
 * Everything to do now, in this order: write world and book, create pods, delete pods, kill pods.
 *
 * @param create names of the pods to create
 * @param createWhy the sentence for it, empty when none is created
 * @param delete pods to delete
 * @param deleteWhy the sentence for it, empty when none is deleted
 * @param kill pods to remove without grace
 * @param book what to remember
 * @param news incidents that were counted in this plan
 * @param resumed a sentence for every change whose price was entered in this plan
 * @param again when to plan again although nothing has changed
 */
public record ReconcilePlan(
        WorldDecision world,
        List<String> create,
        String createWhy,
        List<ObservedPod> delete,
        String deleteWhy,
        List<ObservedPod> kill,
        PlannerState book,
        List<Incident> news,
        List<String> resumed,
        Optional<Instant> again) {
    public ReconcilePlan {
        create = List.copyOf(create);
        delete = List.copyOf(delete);
        kill = List.copyOf(kill);
        news = List.copyOf(news);
        resumed = List.copyOf(resumed);
    }
}
