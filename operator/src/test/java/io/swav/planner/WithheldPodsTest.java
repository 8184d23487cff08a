package io.swav.planner;

import static io.swav.planner.PlannerFixtures.member;
import static io.swav.planner.PlannerFixtures.plan;
import static io.swav.planner.PlannerFixtures.pod;
import static io.swav.planner.PlannerFixtures.policy;
import static org.assertj.core.api.Assertions.assertThat;

import io.swav.api.World;
import java.time.Instant;
import java.util.List;
import org.junit.jupiter.api.Test;

/** A queue limits the pods of a job, or lets none run. */
class WithheldPodsTest {
    private static final Instant NOW = Instant.parse("2026-01-01T00:00:00Z");
    private static final World WORLD = new World(3, "u", List.of(member(0), member(1)), "w");
    private static final List<ObservedPod> PODS =
            List.of(pod(0, new PodState.Ready("a:1")), pod(1, new PodState.Ready("a:1")));

    @Test
    void noPodRunsWhileTheQueueWithholdsThem() {
        JobPolicy queued = policy(2, 1, 0).withheld("Queued");
        ReconcilePlan first = plan(queued, World.none("u"), PlannerState.EMPTY, List.of(), NOW);
        assertThat(first.create()).isEmpty();
        assertThat(first.world().why()).isEqualTo("Queued");

        ReconcilePlan evicted = plan(queued, WORLD, PlannerState.EMPTY, PODS, NOW);
        assertThat(evicted.delete()).containsExactlyElementsOf(PODS);
        assertThat(evicted.deleteWhy()).containsValue("Queued");
        assertThat(((WorldDecision.Regroup) evicted.world()).next().members()).isEmpty();
        assertThat(evicted.newIncidents()).isEmpty();
    }

    @Test
    void sparesAreGivenUpBeforeTrainersAndTrainersBeforeTheJob() {
        for (int target = 1; target <= 4; target++) {
            for (int min = 1; min <= target; min++) {
                for (int spares = 0; spares <= 2; spares++) {
                    for (int most = 1; most <= 7; most++) {
                        JobPolicy limited = policy(target, min, spares).within(most);
                        assertThat(limited.pods()).isEqualTo(Math.min(target + spares, most));
                        assertThat(limited.target()).isEqualTo(Math.min(target, most));
                        assertThat(limited.min()).isEqualTo(Math.min(min, most));
                    }
                }
            }
        }
    }

    @Test
    void aSmallerAdmissionIsTheSizeOfTheWorld() {
        ReconcilePlan plan = plan(policy(4, 1, 0).within(2), World.none("u"), PlannerState.EMPTY, List.of(), NOW);
        assertThat(plan.create()).hasSize(2);
    }
}
