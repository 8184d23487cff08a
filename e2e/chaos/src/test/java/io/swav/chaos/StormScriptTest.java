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
        return faultPlan(
                Map.of(
                        Kind.KILL, kills,
                        Kind.NOTICE, notices,
                        Kind.HANG, hangs,
                        Kind.RESIZE, resizes,
                        Kind.NODE, nodeLosses),
                3,
                0);
    }

    private static FaultPlan faultPlan(Map<Kind, Integer> counts, int nodes, double killEvery) {
        return new FaultPlan(counts, 4, 2, 5, nodes, killEvery, 0, 0);
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
        FaultPlan oneNode = faultPlan(Map.of(Kind.NOTICE, 8), 1, 0);
        assertThat(StormScript.plan(oneNode, 300, 1)).noneMatch(p -> p.notice() == StormScript.Notice.TAINT);
    }

    @Test
    void dependsOnlyOnTheSeed() {
        assertThat(StormScript.plan(ISSUE, 300, 7)).isEqualTo(StormScript.plan(ISSUE, 300, 7));
        assertThat(StormScript.plan(ISSUE, 300, 7)).isNotEqualTo(StormScript.plan(ISSUE, 300, 8));
    }

    @Test
    void killsByTheClockAreDueByTheClock() {
        FaultPlan byClock = faultPlan(Map.of(), 3, 60);
        Planned second = StormScript.killByClock(byClock, 2, 1);
        assertThat(second.due(50, 119)).isFalse();
        assertThat(second.due(50, 120)).isTrue();
        assertThat(StormScript.plan(byClock, 300, 1)).isEmpty();
    }

    @Test
    void plansEveryKindAndADriftBeforeAllOthers() {
        Map<Kind, Integer> each = new EnumMap<>(Kind.class);
        for (Kind kind : Kind.values()) {
            each.put(kind, 1);
        }
        for (long seed = 0; seed < 100; seed++) {
            List<Planned> plan = StormScript.plan(faultPlan(each, 3, 0), 300, seed);
            assertThat(counts(plan)).as("seed %d", seed).isEqualTo(each);
            assertThat(plan.get(0).kind()).as("seed %d", seed).isEqualTo(Kind.DRIFT);
            assertThat(plan.get(0).step()).as("seed %d", seed).isGreaterThanOrEqualTo(36);
        }
    }

    /** One that came in the last steps would not be named before the job ends. */
    @Test
    void newcomersWithTroubleComeWhileTheJobHasTimeToNameThem() {
        FaultPlan plan = faultPlan(
                Map.of(Kind.KILL, 4, Kind.NOTICE, 4, Kind.DRIFT, 1, Kind.UNREACHABLE, 2, Kind.OTHER_DATA, 1), 3, 0);
        for (long seed = 0; seed < 500; seed++) {
            assertThat(StormScript.plan(plan, 300, seed))
                    .as("seed %d", seed)
                    .filteredOn(planned -> planned.kind().isNewcomer())
                    .hasSize(3)
                    .allMatch(planned -> planned.step() < 200);
        }
    }

    @Test
    void onlyFaultsOnTheWayBetweenTrainersNeedProxies() {
        for (Kind kind : Kind.values()) {
            boolean onTheWay = List.of(Kind.FLIP, Kind.REPEAT, Kind.CUT, Kind.DELAY, Kind.UNREACHABLE)
                    .contains(kind);
            assertThat(faultPlan(Map.of(kind, 1), 3, 0).needsLines())
                    .as("%s", kind)
                    .isEqualTo(onTheWay);
            assertThat(faultPlan(Map.of(kind, 0), 3, 0).needsLines())
                    .as("%s", kind)
                    .isFalse();
        }
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
