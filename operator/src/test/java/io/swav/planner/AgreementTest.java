package io.swav.planner;

import static io.swav.planner.PlannerFixtures.READY;
import static io.swav.planner.PlannerFixtures.T0;
import static io.swav.planner.PlannerFixtures.member;
import static io.swav.planner.PlannerFixtures.names;
import static io.swav.planner.PlannerFixtures.plan;
import static io.swav.planner.PlannerFixtures.policy;
import static io.swav.planner.PlannerFixtures.published;
import static org.assertj.core.api.Assertions.assertThat;

import io.swav.api.Fingerprints;
import io.swav.api.ReachReport;
import io.swav.api.TrainerReport;
import io.swav.api.World;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.TreeMap;
import java.util.stream.IntStream;
import org.junit.jupiter.api.Test;

/** Keeps pods out of the world that do not train with what the job does, and no others. */
class AgreementTest {
    private static final Fingerprints FORTY = images(40);
    private static final Fingerprints SIXTY_FOUR = images(64);
    private static final JobPolicy POLICY = policy(3, 1, 0);

    @Test
    void aNewcomerThatDiffersFromTheHoldersStaysOutAndIsNamed() {
        World world = world(0, 1);
        List<ObservedPod> pods = List.of(holder(0, FORTY), holder(1, FORTY), newcomer(2, SIXTY_FOUR));
        ReconcilePlan plan = plan(POLICY, world, published(T0.minusSeconds(99)), pods, T0);
        assertThat(plan.world()).isInstanceOf(WorldDecision.Keep.class);
        assertThat(plan.world().why()).contains("Kept out: job-2");
        assertThat(plan.create())
                .as("it may agree later, and another would be no better")
                .isEmpty();
        assertThat(Agreement.of(world, pods, new TreeMap<>()).sentence())
                .hasValue(
                        "1 pod is kept out of the world, and training goes without: pod job-2 on node n2 sees 64 images,"
                                + " the job 40. To change that: mount the same data on every node, then delete the pod");
    }

    @Test
    void newcomersThatAgreeEnterPastOneThatDoesNot() {
        List<ObservedPod> pods =
                List.of(holder(0, FORTY), newcomer(1, SIXTY_FOUR), newcomer(2, FORTY), newcomer(3, FORTY));
        ReconcilePlan plan = plan(POLICY, world(0), published(T0.minusSeconds(99)), pods, T0);
        assertThat(names(plan)).containsExactly("job-0", "job-2", "job-3");
    }

    @Test
    void oneHolderOutweighsAnyNumberOfNewcomers() {
        List<ObservedPod> pods = new ArrayList<>(List.of(holder(0, FORTY)));
        IntStream.range(1, 64).forEach(i -> pods.add(newcomer(i, SIXTY_FOUR)));
        ReconcilePlan plan = plan(policy(64, 1, 0), world(0), published(T0.minusSeconds(99)), pods, T0);
        assertThat(plan.world()).isInstanceOf(WorldDecision.Keep.class);
        assertThat(Agreement.of(world(0), pods, new TreeMap<>()).sentence().orElseThrow())
                .startsWith("63 pods are kept out")
                .contains("; and 60 more. To change that")
                .hasSizeLessThan(600);
    }

    @Test
    void theMajorityFormsTheFirstWorldAndTheOlderPodBreaksATie() {
        assertThat(firstWorld(SIXTY_FOUR, FORTY, FORTY)).containsExactly("job-1", "job-2");
        assertThat(firstWorld(SIXTY_FOUR, FORTY)).containsExactly("job-0");
        assertThat(firstWorld(Fingerprints.NONE, Fingerprints.NONE))
                .as("trainers of an earlier version report nothing")
                .containsExactly("job-0", "job-1");
    }

    /** After a change of image or data all pods differ from the old state; the checkpoint decides when they resume. */
    @Test
    void successorsThatAgreeFormAWorldWhenTheLastHolderHasGone() {
        World before = world(0);
        List<ObservedPod> last = List.of(holder(0, FORTY), newcomer(1, SIXTY_FOUR), newcomer(2, SIXTY_FOUR));
        assertThat(plan(POLICY, before, published(T0.minusSeconds(99)), last, T0)
                        .world())
                .isInstanceOf(WorldDecision.Keep.class);
        List<ObservedPod> successors = List.of(newcomer(1, SIXTY_FOUR), newcomer(2, SIXTY_FOUR));
        ReconcilePlan plan = plan(POLICY, before, published(T0.minusSeconds(99)), successors, T0);
        assertThat(names(plan)).containsExactly("job-1", "job-2");
    }

    /** An operator of an earlier version may have let it in, or its report came late. */
    @Test
    void aMemberThatDiffersIsPutOutOfTheWorld() {
        List<ObservedPod> pods = List.of(newcomer(0, SIXTY_FOUR), holder(1, FORTY), holder(2, FORTY));
        ReconcilePlan plan = plan(POLICY, world(0, 1, 2), published(T0.minusSeconds(99)), pods, T0);
        assertThat(names(plan)).containsExactly("job-1", "job-2");
        assertThat(plan.world().why()).contains("job-0 left (sees 64 images, the job 40)");
        assertThat(plan.newIncidents()).as("its pod has not failed").isEmpty();
        assertThat(plan.delete()).isEmpty();
    }

    /** A pod whose own readiness probe is early may be Ready before its trainer has reported what it trains with. */
    @Test
    void aPodThatHasNotReportedYetWaitsUnlessItIsAMember() {
        List<ObservedPod> early = List.of(newcomer(0, Fingerprints.NONE), newcomer(1, FORTY));
        assertThat(names(plan(POLICY, World.none("job-uid"), PlannerState.EMPTY, early, T0)))
                .containsExactly("job-1");
        assertThat(Agreement.of(World.none("job-uid"), early, new TreeMap<>()).sentence())
                .as("it will report in a moment")
                .isEmpty();
        assertThat(plan(policy(2, 1, 0), world(0, 1), published(T0.minusSeconds(9)), early, T0)
                        .world())
                .isInstanceOf(WorldDecision.Keep.class);
    }

    @Test
    void aTrainerOfALaterVersionDoesNotEnterAmongEarlierOnes() {
        List<ObservedPod> pods = List.of(holder(0, Fingerprints.NONE), newcomer(1, FORTY));
        assertThat(plan(POLICY, world(0), published(T0.minusSeconds(99)), pods, T0)
                        .world())
                .isInstanceOf(WorldDecision.Keep.class);
    }

    /** Its handshake is refused, so that it cannot reach the members; another pod of its image could not either. */
    @Test
    void aPodThatIsKeptOutStaysAlthoughItReachesNoMember() {
        Fingerprints later = new Fingerprints("c", 40, "d40", 6, "0.2.0", true, "n", "f40", new TreeMap<>());
        ReachReport.Failure failure = new ReachReport.Failure("uid-0", "another handshake version", 12);
        LivenessSignals signals = new LivenessSignals(
                Duration.ofSeconds(1),
                false,
                Optional.empty(),
                Optional.empty(),
                0,
                Optional.empty(),
                Optional.of(new ReachReport(4, List.of(failure), List.of())));
        List<ObservedPod> pods = List.of(holder(0, FORTY), observed(1, signals, later));
        ReconcilePlan plan = plan(policy(2, 1, 0), world(0), published(T0.minusSeconds(99)), pods, T0);
        assertThat(plan.delete()).isEmpty();
        assertThat(plan.newIncidents()).isEmpty();
        assertThat(plan.create()).isEmpty();
        assertThat(plan.world().why()).contains("Kept out: job-1");
    }

    /** Its data or configuration may be the same, and one that starts will report them. */
    @Test
    void onlyOneImageForAllPodsHelpsThoseThatReportNothing() {
        ObservedPod earlier = observed(1, newcomerSignals(), Fingerprints.NONE);
        List<ObservedPod> pods = List.of(holder(0, FORTY), earlier, newcomer(2, Fingerprints.NONE));
        assertThat(Agreement.of(world(0), pods, new TreeMap<>()).sentence())
                .hasValue("1 pod is kept out of the world, and training goes without: pod job-1 on node n1 does not"
                        + " report what it trains with, like a trainer of an earlier version. To change that:"
                        + " suspend the job and resume it, so that all pods run one image");
        assertThat(Agreement.of(world(0), List.of(holder(0, Fingerprints.NONE), newcomer(1, FORTY)), new TreeMap<>())
                        .sentence()
                        .orElseThrow())
                .endsWith("To change that: suspend the job and resume it, so that all pods run one image");
    }

    private static LivenessSignals newcomerSignals() {
        return new LivenessSignals(
                Duration.ofSeconds(1), false, Optional.empty(), Optional.empty(), 0, Optional.empty());
    }

    @Test
    void aSmallerJobGivesUpThePodThatIsKeptOut() {
        List<ObservedPod> pods = List.of(holder(0, FORTY), newcomer(1, SIXTY_FOUR), newcomer(2, FORTY));
        ReconcilePlan plan = plan(policy(2, 1, 0), world(0), published(T0.minusSeconds(99)), pods, T0);
        assertThat(names(plan)).containsExactly("job-0", "job-2");
        assertThat(plan.delete()).extracting(ObservedPod::name).containsExactly("job-1");
    }

    private static List<String> firstWorld(Fingerprints... each) {
        List<ObservedPod> pods = IntStream.range(0, each.length)
                .mapToObj(i -> newcomer(i, each[i]))
                .toList();
        return names(plan(POLICY, World.none("job-uid"), PlannerState.EMPTY, pods, T0));
    }

    private static World world(int... members) {
        return new World(
                4,
                "job-uid",
                IntStream.of(members).mapToObj(PlannerFixtures::member).toList(),
                "before");
    }

    private static ObservedPod newcomer(int number, Fingerprints fingerprints) {
        return observed(number, LivenessSignals.NONE, fingerprints);
    }

    private static ObservedPod holder(int number, Fingerprints fingerprints) {
        LivenessSignals signals = new LivenessSignals(
                Duration.ofSeconds(1),
                false,
                Optional.empty(),
                Optional.empty(),
                12,
                Optional.of(new TrainerReport.Regroup(4, 0.0, 0, 5, 5)));
        return observed(number, signals, fingerprints);
    }

    private static ObservedPod observed(int number, LivenessSignals signals, Fingerprints fingerprints) {
        return new ObservedPod(
                member(number).pod(),
                member(number).uid(),
                T0.minusSeconds(100 - number),
                READY,
                signals,
                false,
                new ReportedFacts("n" + number, fingerprints, Optional.empty()));
    }

    private static Fingerprints images(long samples) {
        return new Fingerprints("c", samples, "d" + samples, 5, "0.1.0", true, "n", "f" + samples, new TreeMap<>());
    }
}
