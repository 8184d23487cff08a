package io.swav.chaos;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.swav.chaos.InjectedFault.Kind;
import io.swav.chaos.StormScript.FaultPlan;
import io.swav.chaos.StormScript.Planned;
import java.util.EnumMap;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.Test;

class StormScriptTest {
    private static final FaultPlan ISSUE = faultPlan(10, 10, 2, 6, 0);

    private static FaultPlan faultPlan(int kills, int notices, int hangs, int resizes, int nodeLosses) {
        return new FaultPlan(kills, notices, hangs, resizes, nodeLosses, 4, 2, 5, 3, 0, 0, 0, false, false);
    }

    @Test
    void containsEveryRequestedFaultInOrderAndInTime() {
        for (long seed = 0; seed < 500; seed++) {
            List<Planned> plan = StormScript.plan(ISSUE, 300, seed);
            assertThat(counts(plan))
                    .as("seed %d", seed)
                    .isEqualTo(Map.of(Kind.KILL, 10, Kind.NOTICE, 10, Kind.HANG, 2, Kind.RESIZE, 6));
            assertThat(plan).as("seed %d", seed).isSortedAccordingTo((a, b) -> Long.compare(a.step(), b.step()));
            assertThat(plan).as("seed %d", seed).allMatch(p -> p.step() >= 2 && p.step() < 290);
        }
    }

    @Test
    void resizesStayInBoundsAndAlwaysChangeSomething() {
        for (long seed = 0; seed < 500; seed++) {
            int replicas = 4;
            for (Planned planned : StormScript.plan(ISSUE, 300, seed)) {
                if (planned.kind() == Kind.RESIZE) {
                    assertThat(planned.replicas())
                            .as("seed %d", seed)
                            .isBetween(2, 5)
                            .isNotEqualTo(replicas);
                    replicas = planned.replicas();
                }
            }
        }
    }

    @Test
    void givesNoticeInEveryWayButTaintsOnlyIfOtherNodesSurvive() {
        assertThat(StormScript.plan(ISSUE, 300, 1).stream()
                        .filter(p -> p.kind() == Kind.NOTICE)
                        .map(Planned::notice)
                        .distinct())
                .containsExactly(StormScript.Notice.values());
        FaultPlan oneNode = new FaultPlan(0, 8, 0, 0, 0, 4, 2, 5, 1, 0, 0, 0, false, false);
        assertThat(StormScript.plan(oneNode, 300, 1)).noneMatch(p -> p.notice() == StormScript.Notice.TAINT);
    }

    @Test
    void dependsOnlyOnTheSeed() {
        assertThat(StormScript.plan(ISSUE, 300, 7)).isEqualTo(StormScript.plan(ISSUE, 300, 7));
        assertThat(StormScript.plan(ISSUE, 300, 7)).isNotEqualTo(StormScript.plan(ISSUE, 300, 8));
    }

    @Test
    void killsByTheClockAreDueByTheClock() {
        FaultPlan byClock = new FaultPlan(0, 0, 0, 0, 0, 4, 2, 5, 3, 60, 0, 0, false, false);
        Planned second = StormScript.killByClock(byClock, 2, 1);
        assertThat(second.due(50, 119)).isFalse();
        assertThat(second.due(50, 120)).isTrue();
        assertThat(StormScript.plan(byClock, 300, 1)).isEmpty();
    }

    @Test
    void rejectsEventsThatDoNotFit() {
        assertThatThrownBy(() -> StormScript.plan(ISSUE, 50, 1))
                .hasMessageContaining("28 events do not fit in 50 steps");
    }

    private static Map<Kind, Integer> counts(List<Planned> plan) {
        Map<Kind, Integer> counts = new EnumMap<>(Kind.class);
        plan.forEach(p -> counts.merge(p.kind(), 1, Integer::sum));
        return counts;
    }
}
