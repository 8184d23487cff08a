package io.swav.planner;

import io.swav.api.World;
import java.time.Instant;
import java.util.List;
import org.jspecify.annotations.Nullable;

/**
 * A snapshot of one job.
 *
 * @param job its name, the beginning of its pods' names
 * @param world as published, generation 0 before the first
 * @param book kept beside the world
 * @param pods all pods of the job, ended ones included
 * @param step global steps applied by now, for the incidents
 * @param refusedUntil no pod is created before, because one like it has been refused; null for no refusal
 */
public record PlannerInput(
        String job,
        World world,
        PlannerState book,
        List<ObservedPod> pods,
        long step,
        @Nullable Instant refusedUntil) {

    public PlannerInput(String job, World world, PlannerState book, List<ObservedPod> pods, long step) {
        this(job, world, book, pods, step, null);
    }

    public PlannerInput {
        pods = List.copyOf(pods);
    }
}
