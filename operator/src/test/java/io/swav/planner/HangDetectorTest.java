package io.swav.planner;

import static org.assertj.core.api.Assertions.assertThat;

import io.swav.api.ReachReport;
import io.swav.api.TrainerReport;
import io.swav.api.World;
import java.time.Duration;
import java.time.Instant;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.Test;

class HangDetectorTest {
    private static final Duration HUNG_AFTER = Duration.ofSeconds(60);
    private static final Duration OLD = Duration.ofHours(1);

    /** Checks all worlds of one, two and three members with every combination of these signals. */
    @Test
    void everyAccusationHasAWitnessThatIsNotAccused() {
        List<LivenessSignals> kinds = new ArrayList<>();
        for (Integer silence : new Integer[] {null, 1, 5, 61, 121}) {
            for (boolean awaiting : new boolean[] {false, true}) {
                for (Integer stalled : new Integer[] {null, 1, 61}) {
                    for (int lost = -1; lost < 3; lost++) {
                        kinds.add(signals(silence, awaiting, stalled, lost < 0 ? null : "uid-" + lost));
                    }
                }
            }
        }
        int accused = 0;
        for (LivenessSignals first : kinds) {
            accused += check(List.of(first));
            for (LivenessSignals second : kinds) {
                accused += check(List.of(first, second));
                for (int third = 0; third < kinds.size(); third += 7) { // every kind, and each pair in company
                    accused += check(List.of(first, second, kinds.get((third + kinds.indexOf(first)) % kinds.size())));
                }
            }
        }
        assertThat(accused).isPositive();
    }

    private static int check(List<LivenessSignals> all) {
        Map<String, Verdict> verdicts = verdicts(OLD, all);
        for (int i = 0; i < all.size(); i++) {
            LivenessSignals signals = all.get(i);
            Verdict verdict = verdicts.get("uid-" + i);
            List<LivenessSignals> others = new ArrayList<>(all);
            others.remove(i);
            boolean waitedFor =
                    others.stream().anyMatch(other -> other.isFresh() && other.awaiting() && stalled(other));
            String uid = "uid-" + i;
            boolean missed = others.stream()
                    .anyMatch(other -> other.isFresh() && other.lostPeer().equals(Optional.of(uid)));
            boolean quiet = signals.silence() != null && signals.silence().toSeconds() > 60;
            boolean stuck = !signals.awaiting() && stalled(signals);
            boolean lost = missed && signals.isSilent();
            boolean hung = others.isEmpty()
                    ? (signals.silence() != null && signals.silence().toSeconds() > 120) || (signals.isFresh() && stuck)
                    : waitedFor && (quiet || stuck);
            assertThat(verdict == null ? "well" : verdict.hung() ? "hung" : "lost")
                    .as("member %s of %s", i, all)
                    .isEqualTo(lost ? "lost" : hung ? "hung" : "well");
        }
        if (all.size() > 1) {
            assertThat(verdicts.size()).as("a member remains of %s", all).isLessThan(all.size());
            if (all.stream().noneMatch(LivenessSignals::isFresh)) {
                assertThat(verdicts)
                        .as("without reports there is no verdict: %s", all)
                        .isEmpty();
            }
        }
        return verdicts.size();
    }

    private static boolean stalled(LivenessSignals signals) {
        return signals.stalled().filter(stalled -> stalled.toSeconds() > 60).isPresent();
    }

    @Test
    void statesWhichPeerWaitedAndHowLong() {
        assertThat(verdicts(OLD, List.of(signals(1, true, 61, null), signals(62, false, 3, null))))
                .containsExactly(Map.entry(
                        "uid-1",
                        new Verdict(true, "hung: job-0 has waited for it for 61 s, and it has not reported for 62 s")));
        assertThat(verdicts(OLD, List.of(signals(1, true, 61, null), signals(1, false, 61, null)))
                        .get("uid-1"))
                .isEqualTo(new Verdict(true, "hung: job-0 has waited for it for 61 s, and it completes no step"));
        assertThat(verdicts(OLD, List.of(signals(1, true, 5, "uid-1"), signals(5, false, 5, null)))
                        .get("uid-1"))
                .isEqualTo(new Verdict(
                        false,
                        "not responding to its peers: job-0 lost its connection, and it has not reported for 5 s"));
    }

    /** {@link UnreachableMembers} decides about it. */
    @Test
    void aPartitionIsNoHang() {
        assertThat(verdicts(OLD, List.of(signals(1, true, 5, "uid-1"), signals(1, true, 5, "uid-0"))))
                .isEmpty();
    }

    @Test
    void timeBeforeThisWorldDoesNotCount() {
        List<LivenessSignals> afterAHold = List.of(signals(1, true, 600, null), signals(1, false, 600, null));
        assertThat(verdicts(Duration.ofSeconds(59), afterAHold)).isEmpty();
        assertThat(verdicts(Duration.ofSeconds(61), afterAHold)).containsOnlyKeys("uid-1");
    }

    @Test
    void aSlowStepIsNotAHang() {
        LivenessSignals waiting = signals(1, true, 350, null);
        TrainerReport.Regroup hundredASecond = new TrainerReport.Regroup(1, 1.0, 0, 2, 200);
        LivenessSignals slow = new LivenessSignals(
                Duration.ofSeconds(1),
                false,
                Optional.of(Duration.ofSeconds(350)),
                Optional.empty(),
                5,
                Optional.of(hundredASecond));
        assertThat(verdicts(OLD, List.of(waiting, slow)))
                .as("less than four of its own")
                .isEmpty();
        LivenessSignals first = new LivenessSignals(
                Duration.ofSeconds(1),
                false,
                Optional.of(Duration.ofSeconds(599)),
                Optional.empty(),
                0,
                Optional.of(new TrainerReport.Regroup(1, null, 0, 0, 0)));
        assertThat(verdicts(OLD, List.of(first)))
                .as("the first step, of unknown length")
                .isEmpty();
        assertThat(verdicts(OLD, List.of(waiting, signals(1, false, 350, null))))
                .containsOnlyKeys("uid-1");
    }

    @Test
    void deadPodsAreNotWitnesses() {
        List<ObservedPod> pods = List.of(
                pod(0, signals(1, true, 100, "uid-1"), new PodState.Ended(PodState.Cause.FAILED, "exit")),
                pod(1, signals(100, false, 100, null), new PodState.Ready("a:1")));
        assertThat(HangDetector.of(input(pods, Reporting.POSSIBLE), OLD, HUNG_AFTER))
                .isEmpty();
    }

    @Test
    void noSilenceIsAHangUnlessTrainersAreFoundToBeAbleToReport() {
        List<ObservedPod> alone = List.of(pod(0, signals(500, false, 500, null), new PodState.Ready("a:1")));
        assertThat(HangDetector.of(input(alone, Reporting.UNCHECKED), OLD, HUNG_AFTER))
                .isEmpty();
        assertThat(HangDetector.of(input(alone, new Reporting.Blocked("no role")), OLD, HUNG_AFTER))
                .isEmpty();
        assertThat(HangDetector.of(input(alone, Reporting.POSSIBLE), OLD, HUNG_AFTER))
                .containsKey("uid-0");
    }

    /** The newcomer waits in the new world for one that does not see it, because it has lost the API server. */
    @Test
    void theLastHolderIsNotHungAsLongAsACallReachesIt() {
        ObservedPod holder = pod(0, signals(100, false, 1, null), new PodState.Ready("a:1"));
        ObservedPod dead = pod(0, signals(601, false, 1, null), new PodState.Ready("a:1"));
        ReachReport reached = new ReachReport(4, List.of(), List.of());
        ReachReport notReached =
                new ReachReport(4, List.of(new ReachReport.Failure("uid-0", "refused", 30)), List.of());
        ReachReport nothingYet = new ReachReport(0, List.of(), List.of());
        assertThat(verdicts(holder, newcomer(reached))).isEmpty();
        assertThat(verdicts(holder, newcomer(notReached))).containsOnlyKeys("uid-0");
        assertThat(verdicts(holder, newcomer(nothingYet))).containsOnlyKeys("uid-0");
        assertThat(verdicts(dead, newcomer(reached)))
                .as("only its port answers")
                .containsOnlyKeys("uid-0");
    }

    @Test
    void aMemberThatReportsButNeverEntersIsHung() {
        ObservedPod waits = pod(0, signals(1, true, 61, null), new PodState.Ready("a:1"));
        LivenessSignals outside = new LivenessSignals(
                Duration.ofSeconds(1), false, Optional.empty(), Optional.empty(), 0, Optional.empty());
        ObservedPod stays = pod(1, outside, new PodState.Ready("a:1"));
        PlannerInput input = input(List.of(waits, stays), Reporting.UNCHECKED);
        assertThat(HangDetector.of(input, Duration.ofSeconds(59), HUNG_AFTER)).isEmpty();
        assertThat(HangDetector.of(input, Duration.ofSeconds(61), HUNG_AFTER)).containsOnlyKeys("uid-1");
    }

    private static Map<String, Verdict> verdicts(ObservedPod holder, ObservedPod newcomer) {
        return HangDetector.of(input(List.of(holder, newcomer), Reporting.POSSIBLE), OLD, HUNG_AFTER);
    }

    private static ObservedPod newcomer(ReachReport reach) {
        return pod(
                1,
                new LivenessSignals(
                        Duration.ofSeconds(1),
                        true,
                        Optional.of(Duration.ofSeconds(99)),
                        Optional.empty(),
                        0,
                        Optional.empty(),
                        Optional.of(reach)),
                new PodState.Ready("a:1"));
    }

    private static Map<String, Verdict> verdicts(Duration age, List<LivenessSignals> all) {
        List<ObservedPod> pods = new ArrayList<>();
        for (int i = 0; i < all.size(); i++) {
            pods.add(pod(i, all.get(i), new PodState.Ready("a:1")));
        }
        return HangDetector.of(input(pods, Reporting.POSSIBLE), age, HUNG_AFTER);
    }

    private static PlannerInput input(List<ObservedPod> pods, Reporting reporting) {
        return new PlannerInput("job", world(pods.size()), PlannerState.EMPTY, pods, 12, null, reporting, null);
    }

    private static World world(int size) {
        List<World.Member> members = new ArrayList<>();
        for (int i = 0; i < size; i++) {
            members.add(new World.Member("job-" + i, "uid-" + i, "a:1"));
        }
        return new World(4, "job-uid", members, "w");
    }

    private static ObservedPod pod(int number, LivenessSignals signals, PodState state) {
        return new ObservedPod("job-" + number, "uid-" + number, Instant.EPOCH, state, signals);
    }

    /** Signals of a trainer whose steps take a second. */
    private static LivenessSignals signals(
            @Nullable Integer silence, boolean awaiting, @Nullable Integer stalled, @Nullable String lostPeer) {
        return new LivenessSignals(
                silence == null ? null : Duration.ofSeconds(silence),
                awaiting,
                Optional.ofNullable(stalled).map(Duration::ofSeconds),
                Optional.ofNullable(lostPeer),
                12,
                Optional.of(new TrainerReport.Regroup(4, 1.0, 0, 10, 10)));
    }
}
