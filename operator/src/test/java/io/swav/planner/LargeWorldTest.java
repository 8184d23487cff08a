package io.swav.planner;

import static io.swav.planner.PlannerFixtures.EVICTED;
import static io.swav.planner.PlannerFixtures.READY;
import static io.swav.planner.PlannerFixtures.T0;
import static io.swav.planner.PlannerFixtures.member;
import static io.swav.planner.PlannerFixtures.plan;
import static io.swav.planner.PlannerFixtures.pod;
import static io.swav.planner.PlannerFixtures.policy;
import static io.swav.planner.PlannerFixtures.published;
import static org.assertj.core.api.Assertions.assertThat;

import io.swav.api.SwavJobStatus.Incident;
import io.swav.api.World;
import java.util.List;
import java.util.stream.IntStream;
import org.junit.jupiter.api.Test;

/** What is written for people about a world of a thousand stays a sentence. */
class LargeWorldTest {
    private static final int MEMBERS = 1000;
    private static final int LONGEST_SENTENCE = 600;

    private static List<ObservedPod> pods(int from, int to, PodState state) {
        return IntStream.range(from, to).mapToObj(i -> pod(i, state)).toList();
    }

    private static World world(int members) {
        return new World(
                1,
                "u",
                IntStream.range(0, members).mapToObj(PlannerFixtures::member).toList(),
                "first");
    }

    @Test
    void aThousandTrainersThatJoinAreCounted() {
        ReconcilePlan plan = plan(
                policy(MEMBERS, 1, 0),
                World.none("u"),
                PlannerState.EMPTY,
                pods(0, MEMBERS, READY),
                T0.plusSeconds(60));
        assertThat(PlannerFixtures.after(plan, World.none("u")).size()).isEqualTo(MEMBERS);
        assertThat(plan.world().why()).hasSizeLessThan(LONGEST_SENTENCE);

        ReconcilePlan grown =
                plan(policy(MEMBERS, 1, 0), world(1), published(T0), pods(0, MEMBERS, READY), T0.plusSeconds(3600));
        assertThat(PlannerFixtures.after(grown, world(1)).size()).isEqualTo(MEMBERS);
        assertThat(grown.world().why())
                .contains("job-1, job-2")
                .contains("991 more joined")
                .hasSizeLessThan(LONGEST_SENTENCE);
    }

    @Test
    void ninehundredTrainersThatLeaveAreCounted() {
        List<ObservedPod> pods = IntStream.range(0, MEMBERS)
                .mapToObj(i -> pod(i, i < 900 ? EVICTED : READY))
                .toList();
        ReconcilePlan plan = plan(policy(MEMBERS, 1, 0), world(MEMBERS), published(T0), pods, T0.plusSeconds(60));
        World next = PlannerFixtures.after(plan, world(MEMBERS));
        assertThat(next.size()).isEqualTo(100);
        assertThat(next.members().get(0)).isEqualTo(member(900));
        assertThat(next.why())
                .contains("job-0 left (evicted)")
                .contains("892 more")
                .hasSizeLessThan(LONGEST_SENTENCE);
        assertThat(plan.state().account().incidents())
                .extracting(Incident::reason)
                .allSatisfy(reason -> assertThat(reason).hasSizeLessThan(LONGEST_SENTENCE));
    }

    @Test
    void aFewNamesAreAllListed() {
        List<String> eight = IntStream.range(0, 8).mapToObj(i -> "job-" + i).toList();
        assertThat(Names.of(eight)).isEqualTo(String.join(", ", eight));
        assertThat(Names.of(List.of())).isEmpty();
    }
}
