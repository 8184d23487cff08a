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
 * @param state kept beside the world
 * @param pods all pods of the job, ended ones included
 * @param step global steps applied by now, for the incidents
 * @param rejectedUntil no pod is created before, because one like it has been refused; null for no refusal
 */
public record PlannerInput(
        String job,
        World world,
        PlannerState state,
        List<ObservedPod> pods,
        long step,
        @Nullable Instant rejectedUntil) {

    public PlannerInput(String job, World world, PlannerState state, List<ObservedPod> pods, long step) {
        this(job, world, state, pods, step, null);
    }

    public PlannerInput {
        pods = List.copyOf(pods);
    }
}
