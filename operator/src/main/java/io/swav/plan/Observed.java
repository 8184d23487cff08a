package io.swav.plan;

import io.swav.api.World;
import java.util.List;

/**
 * A snapshot of one job.
 *
 * @param job its name, the beginning of its pods' names
 * @param world as published, generation 0 before the first
 * @param book kept beside the world
 * @param pods all pods of the job, ended ones included
 * @param step global steps applied by now, for the incidents
 */
public record Observed(String job, World world, Book book, List<PodSeen> pods, long step) {
    public Observed {
        pods = List.copyOf(pods);
    }
}
