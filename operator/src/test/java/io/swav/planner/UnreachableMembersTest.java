package io.swav.planner;

import static io.swav.planner.PlannerFixtures.READY;
import static io.swav.planner.PlannerFixtures.T0;
import static io.swav.planner.PlannerFixtures.after;
import static io.swav.planner.PlannerFixtures.names;
import static io.swav.planner.PlannerFixtures.plan;
import static io.swav.planner.PlannerFixtures.pod;
import static io.swav.planner.PlannerFixtures.policy;
import static io.swav.planner.PlannerFixtures.published;
import static org.assertj.core.api.Assertions.assertThat;

import io.swav.api.Fingerprints;
import io.swav.api.ReachReport;
import io.swav.api.SwavJobStatus.IncidentKind;
import io.swav.api.TrainerReport;
import io.swav.api.World;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Random;
import java.util.Set;
import java.util.stream.Collectors;
import java.util.stream.IntStream;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.Test;

/** Members that do not reach each other while their world forms. */
class UnreachableMembersTest {
    private static final JobPolicy POLICY = policy(64, 2, 0);

    /** What one member's report is like. */
    private enum Kind {
        FRESH,
        STALE,
        MISSING
    }

    /** Every world of up to three members: who reports, who holds the state, and which calls fail. */
    @Test
    void everySmallCaseKeepsThePromises() {
        int out = 0;
        for (int size = 1; size <= 3; size++) {
            for (int calls = 0; calls < 1 << (size * (size - 1)); calls++) {
                for (int kinds = 0; kinds < Math.pow(3, size); kinds++) {
                    for (int holders = 0; holders < 1 << size; holders++) {
                        out += check(size, calls, kinds(size, kinds), holders, Reporting.POSSIBLE);
                        out += check(size, calls, kinds(size, kinds), holders, new Reporting.Blocked("no role"));
                    }
                }
            }
        }
        assertThat(out).isPositive();
    }

    @Test
    void randomCasesOfFourAndFiveMembersKeepThePromises() {
        Random random = new Random(72);
        for (int i = 0; i < 5000; i++) {
            int size = 4 + i % 2;
            int calls = random.nextInt(1 << (size * (size - 1))) & random.nextInt();
            Reporting reporting = random.nextBoolean() ? Reporting.POSSIBLE : Reporting.UNCHECKED;
            check(size, calls, kinds(size, random.nextInt(243)), random.nextInt(1 << size), reporting);
        }
    }

    private static Kind[] kinds(int size, int code) {
        Kind[] kinds = new Kind[size];
        for (int i = 0, rest = code; i < size; i++, rest /= 3) {
            kinds[i] = Kind.values()[rest % 3];
        }
        return kinds;
    }

    /** @param calls has a bit for each pair of a caller and another, set if the calls fail */
    private static int check(int size, int calls, Kind[] kinds, int holders, Reporting reporting) {
        List<ObservedPod> pods = new ArrayList<>();
        for (int from = 0; from < size; from++) {
            List<ReachReport.Failure> failures = new ArrayList<>();
            for (int to = 0; to < size; to++) {
                if (from != to && fails(size, calls, from, to)) {
                    failures.add(new ReachReport.Failure("uid-" + to, "connect timed out", 12));
                }
            }
            LivenessSignals signals = kinds[from] == Kind.MISSING
                    ? LivenessSignals.NONE
                    : signals(
                            kinds[from] == Kind.FRESH ? 1 : 60,
                            (holders >> from & 1) == 1,
                            new ReachReport(5, failures, List.of()));
            pods.add(pod(from, READY, signals));
        }
        Map<String, Verdict> verdicts = UnreachableMembers.of(POLICY, input(size, pods, reporting), Set.of(), T0);
        String where = "calls " + Integer.toBinaryString(calls) + ", " + List.of(kinds) + ", holders " + holders;
        List<Integer> staying = IntStream.range(0, size)
                .filter(rank -> !verdicts.containsKey("uid-" + rank))
                .boxed()
                .toList();
        assertThat(staying).as("a member stays: " + where).isNotEmpty();
        for (int one = 0; one < size; one++) {
            int rank = one;
            boolean brokenWithStaying = staying.stream()
                    .filter(other -> other != rank)
                    .anyMatch(other -> (kinds[rank] == Kind.FRESH && fails(size, calls, rank, other))
                            || (kinds[other] == Kind.FRESH && fails(size, calls, other, rank)));
            assertThat(brokenWithStaying)
                    .as("out if and only if a fresh report says so of a pair with one that stays: %s, %s", rank, where)
                    .isEqualTo(!staying.contains(rank));
        }
        boolean possible = reporting instanceof Reporting.Possible;
        boolean heldNow = pods.stream()
                .anyMatch(each -> each.signals().holdsState()
                        && !(possible && each.signals().isSilent()));
        if (heldNow) {
            assertThat(staying.stream()
                            .anyMatch(rank -> pods.get(rank).signals().holdsState()))
                    .as("a holder that reports, or may only be cut off, stays: " + where)
                    .isTrue();
        }
        assertThat(verdicts.values()).allSatisfy(verdict -> {
            assertThat(verdict.fate()).isEqualTo(Verdict.Fate.UNREACHABLE);
            assertThat(verdict.why()).contains("connect timed out");
        });
        return verdicts.size();
    }

    private static boolean fails(int size, int calls, int from, int to) {
        return (calls >> (from * (size - 1) + (to > from ? to - 1 : to)) & 1) == 1;
    }

    @Test
    void ofAPartitionInTwoTheHalfWithRankZeroContinues() {
        List<ObservedPod> pods =
                List.of(failing(0, 10, 2, 3), failing(1, 10, 2, 3), failing(2, 10, 0, 1), failing(3, 10, 0, 1));
        assertThat(UnreachableMembers.of(POLICY, input(4, pods), Set.of(), T0).keySet())
                .containsExactly("uid-2", "uid-3");
        assertThat(UnreachableMembers.of(POLICY, input(2, List.of(failing(0, 10, 1), failing(1, 10, 0))), Set.of(), T0))
                .containsOnlyKeys("uid-1");
    }

    /** Most nodes are gone: those that are left hold the state, and report. */
    @Test
    void silentMembersNeverOutvoteThoseThatReport() {
        List<ObservedPod> pods = new ArrayList<>();
        for (int rank = 0; rank < 4; rank++) {
            pods.add(pod(rank, READY, signals(20, true, reach(0))));
        }
        pods.add(failing(4, 10, 0, 1, 2, 3));
        pods.add(failing(5, 10, 0, 1, 2, 3));
        assertThat(UnreachableMembers.of(POLICY, input(6, pods), Set.of(), T0).keySet())
                .containsExactly("uid-0", "uid-1", "uid-2", "uid-3");
    }

    @Test
    void failuresOfAMomentAndReportsOfLongAgoAreNoEvidence() {
        assertThat(UnreachableMembers.of(POLICY, input(2, List.of(failing(0, 9, 1), failing(1, 9, 0))), Set.of(), T0))
                .isEmpty();
        ObservedPod silent = pod(0, READY, signals(60, true, reach(30, 1)));
        assertThat(UnreachableMembers.of(POLICY, input(2, List.of(silent, failing(1, 0))), Set.of(), T0))
                .isEmpty();
    }

    /** Trainers of earlier versions report only to which member their last attempt failed. */
    @Test
    void aMemberThatTrainersOfAnEarlierVersionNameIsPutOutAfterTwentySeconds() {
        for (int seconds : new int[] {19, 20}) {
            List<ObservedPod> pods =
                    List.of(earlier(0, seconds, "uid-2"), earlier(1, seconds, "uid-2"), earlier(2, seconds, "uid-0"));
            assertThat(UnreachableMembers.of(POLICY, input(3, pods), Set.of(), T0)
                            .keySet())
                    .isEqualTo(seconds < 20 ? Set.of() : Set.of("uid-2"));
        }
    }

    private static ObservedPod earlier(int number, int seconds, String lost) {
        return pod(
                number,
                READY,
                new LivenessSignals(
                        Duration.ofSeconds(1),
                        true,
                        Optional.of(Duration.ofSeconds(seconds)),
                        Optional.of(lost),
                        0,
                        Optional.empty()));
    }

    @Test
    void sixtyFourMembersContinueWithoutTheOneThatNobodyReaches() {
        int size = 64;
        List<ObservedPod> pods = new ArrayList<>();
        for (int number = 0; number < size; number++) {
            List<Integer> targets = number == 9
                    ? IntStream.range(0, size).filter(n -> n != 9).boxed().toList()
                    : List.of(9);
            pods.add(onNode(number, reach(10, targets.stream().mapToInt(n -> n).toArray())));
        }
        World world = world(size);
        JobPolicy policy = policy(size, 2, 0);
        ReconcilePlan plan = plan(policy, world, published(T0.minusSeconds(14)), pods, T0);
        World next = after(plan, world);
        assertThat(next.size()).isEqualTo(63);
        assertThat(next.lost()).as("no member needs to wait for it").containsExactly("uid-9");
        assertThat(names(plan)).doesNotContain("job-9").startsWith("job-0", "job-1");
        assertThat(plan.delete()).extracting(ObservedPod::name).containsExactly("job-9");
        assertThat(plan.forceDelete()).isEmpty();
        assertThat(plan.create()).as("replaced after a delay").isEmpty();
        assertThat(plan.replanAt()).contains(T0.plusSeconds(1));
        assertThat(plan.newIncidents()).singleElement().satisfies(incident -> {
            assertThat(incident.kind()).isEqualTo(IncidentKind.Unreachable);
            assertThat(incident.pod()).isEqualTo("job-9");
            assertThat(incident.reason())
                    .isEqualTo("unreachable on node n9: job-0 (node n0) has not reached it for 10 s, connect timed out;"
                            + " job-1 (node n1) has not reached it for 10 s, connect timed out; job-2 (node n2) has not"
                            + " reached it for 10 s, connect timed out; and 60 more");
        });
        assertThat(plan.state().account().counts().failures()).isZero();
        assertThat(plan.world().why()).contains("job-9 left (unreachable on node n9");

        List<ObservedPod> rest =
                pods.stream().filter(pod -> !pod.name().equals("job-9")).collect(Collectors.toList());
        ReconcilePlan later = plan(policy, next, plan.state(), rest, T0.plusSeconds(1));
        assertThat(later.create()).hasSize(1);
        assertThat(later.newIncidents()).isEmpty();
    }

    @Test
    void noneOfSixtyFourIsPutOutWhenTheApiServerOrTheirRightsAreAway() {
        List<ObservedPod> pods = IntStream.range(0, 64)
                .mapToObj(number -> pod(number, READY, signals(3600, true, reach(3600, (number + 1) % 64))))
                .toList();
        for (Reporting reporting : List.of(Reporting.UNCHECKED, new Reporting.Blocked("no role"))) {
            PlannerInput input = new PlannerInput(
                    "job", world(64), published(T0.minusSeconds(7200)), pods, 12, null, reporting, null);
            ReconcilePlan plan = WorldPlanner.plan(policy(64, 2, 0), input, T0);
            assertThat(plan.world()).isInstanceOf(WorldDecision.Keep.class);
            assertThat(plan.delete()).isEmpty();
            assertThat(plan.forceDelete()).isEmpty();
            assertThat(plan.newIncidents()).isEmpty();
        }
    }

    @Test
    void anotherPodThatLeavesAtTheSameTimeDoesNotEndTheDelay() {
        List<ObservedPod> pods =
                List.of(failing(0, 10, 1), failing(1, 10, 0), pod(2, new PodState.Terminating("spot")));
        ReconcilePlan plan = plan(policy(3, 1, 0), world(3), published(T0.minusSeconds(20)), pods, T0);
        assertThat(names(plan)).containsExactly("job-0");
        assertThat(plan.create()).isEmpty();
        assertThat(plan.state().backoff().retryAt()).isEqualTo(T0.plusSeconds(1));
    }

    @Test
    void oneSplitBeginsOneDelayHoweverManyPodsItSeparates() {
        int[] first = IntStream.range(0, 8).toArray();
        int[] second = IntStream.range(8, 16).toArray();
        List<ObservedPod> pods = IntStream.range(0, 16)
                .mapToObj(rank -> failing(rank, 10, rank < 8 ? second : first))
                .toList();
        ReconcilePlan plan = plan(policy(16, 12, 0), world(16), published(T0.minusSeconds(20)), pods, T0);
        assertThat(plan.delete()).hasSize(8);
        assertThat(plan.state().backoff().retryAt()).isEqualTo(T0.plusSeconds(1));
        assertThat(plan.state().backoff().streak()).isEqualTo(1);
    }

    /** Its last step may be long ago through no fault of the member: the world was published a second ago. */
    @Test
    void aTrainerOfAnEarlierVersionHasWaitedInThisWorldOnlySinceItWasPublished() {
        List<ObservedPod> pods = List.of(earlier(0, 30, "uid-2"), earlier(1, 30, "uid-2"), earlier(2, 30, "uid-0"));
        PlannerInput young = new PlannerInput(
                "job", world(3), published(T0.minusSeconds(1)), pods, 12, null, Reporting.POSSIBLE, null);
        assertThat(UnreachableMembers.of(POLICY, young, Set.of(), T0)).isEmpty();
    }

    private static World world(int size) {
        return new World(
                5,
                "u",
                IntStream.range(0, size).mapToObj(PlannerFixtures::member).toList(),
                "w");
    }

    private static PlannerInput input(int size, List<ObservedPod> pods) {
        return input(size, pods, Reporting.POSSIBLE);
    }

    private static PlannerInput input(int size, List<ObservedPod> pods, Reporting reporting) {
        return new PlannerInput("job", world(size), published(T0.minusSeconds(60)), pods, 12, null, reporting, null);
    }

    private static ObservedPod failing(int number, double seconds, int... targets) {
        return pod(number, READY, signals(1, true, reach(seconds, targets)));
    }

    private static ObservedPod onNode(int number, ReachReport reach) {
        ObservedPod pod = pod(number, READY, signals(1, true, reach));
        return new ObservedPod(
                pod.name(),
                pod.uid(),
                pod.created(),
                pod.state(),
                pod.signals(),
                false,
                new ReportedFacts("n" + number, Fingerprints.NONE, Optional.empty()));
    }

    private static ReachReport reach(double seconds, int... targets) {
        return new ReachReport(
                5,
                IntStream.of(targets)
                        .mapToObj(target -> new ReachReport.Failure("uid-" + target, "connect timed out", seconds))
                        .toList(),
                List.of());
    }

    private static LivenessSignals signals(int silence, boolean holder, @Nullable ReachReport reach) {
        return new LivenessSignals(
                Duration.ofSeconds(silence),
                true,
                Optional.of(Duration.ofSeconds(12)),
                Optional.empty(),
                12,
                holder ? Optional.of(new TrainerReport.Regroup(4, null, 0, 10, 10)) : Optional.empty(),
                Optional.ofNullable(reach));
    }
}
