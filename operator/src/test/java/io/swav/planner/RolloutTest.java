package io.swav.planner;

import static io.swav.planner.PlannerFixtures.DAY;
import static io.swav.planner.PlannerFixtures.T0;
import static org.assertj.core.api.Assertions.assertThat;

import io.swav.api.Fingerprints;
import io.swav.api.TrainerReport;
import io.swav.api.World;
import io.swav.planner.PodObject.Deletion;
import io.swav.planner.PodState.Cause;
import java.time.Duration;
import java.time.Instant;
import java.util.ArrayList;
import java.util.HashSet;
import java.util.List;
import java.util.Optional;
import java.util.Random;
import java.util.Set;
import java.util.TreeMap;
import java.util.stream.Collectors;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** A changed template reaches running pods without a lost step: the planner plans jobs of a small simulated cluster. */
class RolloutTest {
    private static final Hold NO_NODE = new Hold(Hold.Kind.WAITS, "Unschedulable", "0/3 nodes");
    private static final Hold NO_IMAGE = new Hold(Hold.Kind.NEEDS_ACTION, "ErrImagePull", "not found");

    @Test
    void replacesOneMemberAfterTheOtherFromTheHighestRank() {
        Cluster cluster = new Cluster(3, 1, 0, false);
        cluster.trainedWorld();
        cluster.change("r2", "build-1");
        List<List<String>> worlds = cluster.worldsUntilSettled(1);
        assertThat(worlds)
                .containsExactly(
                        List.of("job-0", "job-1"),
                        List.of("job-0", "job-1", "job-3"),
                        List.of("job-0", "job-3"),
                        List.of("job-0", "job-3", "job-4"),
                        List.of("job-3", "job-4"),
                        List.of("job-3", "job-4", "job-5"));
        assertThat(cluster.state.account().counts().preemptions())
                .as("the operator asked them to leave")
                .isZero();
        assertThat(cluster.events).containsExactly(RolloutReport.Event.STARTED, RolloutReport.Event.FINISHED);
    }

    @Test
    void aSuccessorComesFirstIfOneMorePodMayRun() {
        Cluster cluster = new Cluster(3, 3, 0, true);
        cluster.trainedWorld();
        cluster.change("r2", "build-1");
        List<List<String>> worlds = cluster.worldsUntilSettled(1);
        assertThat(worlds)
                .as("never on hold although all three are needed")
                .containsExactly(
                        List.of("job-0", "job-1", "job-3"),
                        List.of("job-0", "job-3", "job-4"),
                        List.of("job-3", "job-4", "job-5"));
        assertThat(cluster.pods).hasSize(3);
    }

    @Test
    void aSpareIsReplacedBeforeTheMembersAndThenTakesTheirPlaces() {
        Cluster cluster = new Cluster(2, 2, 1, false);
        cluster.trainedWorld();
        cluster.change("r2", "build-1");
        assertThat(cluster.worldsUntilSettled(1)).containsExactly(List.of("job-0", "job-3"), List.of("job-3", "job-4"));
        assertThat(cluster.pods).hasSize(3).allMatch(pod -> pod.revision.equals("r2"));
    }

    @Test
    void podsThatHaveNotStartedAreReplacedAtOnce() {
        for (boolean rolling : new boolean[] {true, false}) {
            Cluster cluster = new Cluster(3, 1, 0, false);
            cluster.held = pod -> Optional.of(NO_IMAGE);
            cluster.tick();
            cluster.tick();
            cluster.rolling = rolling;
            cluster.change("r2", "build-1");
            ReconcilePlan plan = cluster.tick();
            assertThat(plan.delete()).extracting(ObservedPod::name).containsExactly("job-0", "job-1", "job-2");
            cluster.held = pod -> Optional.empty();
            cluster.tick();
            assertThat(cluster.alive()).containsExactly("job-3", "job-4", "job-5");
            assertThat(cluster.state.backoff().retryAt()).as("no delay follows").isNull();
        }
    }

    @Test
    void aTemplateWhosePodsCannotStartCostsNoMemberIfOneMorePodMayRunAndElseOne() {
        for (boolean oneMore : new boolean[] {true, false}) {
            Cluster cluster = new Cluster(3, 1, 0, oneMore);
            cluster.trainedWorld();
            cluster.change("r2", "build-1");
            cluster.held = pod -> pod.revision.equals("r2") ? Optional.of(NO_IMAGE) : Optional.empty();
            for (int i = 0; i < 50; i++) {
                cluster.tick();
            }
            assertThat(cluster.world.size()).isEqualTo(oneMore ? 3 : 2);
            assertThat(cluster.report.needsAction()).isTrue();
            assertThat(cluster.report.sentence())
                    .contains("job-3 is ready (ErrImagePull: not found)")
                    .startsWith(oneMore ? "0 of 4 pods" : "0 of 3 pods");

            cluster.change("r1", "build-1");
            cluster.worldsUntilSettled(1);
            assertThat(cluster.world.size()).as("the template was restored").isEqualTo(3);
            assertThat(cluster.pods).hasSize(3).allMatch(pod -> pod.revision.equals("r1"));
        }
    }

    /** The job runs with two of three trainers; each one that leaves makes room for its successor. */
    @Test
    void goesOnWithoutRoomForAllWantedPods() {
        Cluster cluster = new Cluster(3, 1, 0, false);
        cluster.room = 2;
        cluster.trainedWorld();
        assertThat(cluster.world.size()).isEqualTo(2);
        cluster.change("r2", "build-1");
        for (int i = 0; i < 60; i++) {
            cluster.tick();
            assertThat(cluster.world.size()).isPositive();
        }
        assertThat(cluster.world.members())
                .hasSize(2)
                .allMatch(member -> cluster.pod(member).revision.equals("r2"));
    }

    @Test
    void successorsThatFitNowhereCostOneMember() {
        Cluster cluster = new Cluster(3, 1, 0, false);
        cluster.trainedWorld();
        cluster.change("r2", "build-1");
        cluster.held = pod -> pod.revision.equals("r2") ? Optional.of(NO_NODE) : Optional.empty();
        for (int i = 0; i < 50; i++) {
            cluster.tick();
        }
        assertThat(cluster.world.size()).isEqualTo(2);
    }

    @Test
    void anotherBuildReplacesAllTogetherAndTrainsOnFromWhatTheySaved() {
        for (boolean oneMore : new boolean[] {true, false}) {
            Cluster cluster = new Cluster(3, 1, 0, oneMore);
            cluster.trainedWorld();
            cluster.change("r2", "build-2");
            cluster.worldsUntilSettled(3);
            assertThat(cluster.mixed).as("worlds of two builds").isFalse();
            assertThat(cluster.savedBeforeLast)
                    .as("the last of the earlier build saved")
                    .isTrue();
            assertThat(cluster.pods).hasSize(3).allMatch(pod -> pod.revision.equals("r2"));
        }
    }

    @Test
    void anotherBuildWaitsIfNothingCouldBeSaved() {
        Cluster cluster = new Cluster(3, 1, 0, true);
        cluster.trainedWorld();
        cluster.resumable = false;
        cluster.change("r2", "build-2");
        for (int i = 0; i < 50; i++) {
            cluster.tick();
        }
        assertThat(cluster.world.members()).extracting(World.Member::pod).containsExactly("job-0", "job-1", "job-2");
        assertThat(cluster.report.needsAction()).isTrue();
        assertThat(cluster.report.sentence())
                .contains("cannot save a checkpoint")
                .contains("Restore the earlier image");
    }

    /** Its own successors would be kept out as well, so nothing is gained by replacing those that train. */
    @Test
    void successorsWithOtherDataStopTheRollout() {
        Cluster cluster = new Cluster(3, 1, 0, true);
        cluster.trainedWorld();
        cluster.change("r2", "build-2");
        cluster.samples = 64;
        for (int i = 0; i < 50; i++) {
            cluster.tick();
        }
        assertThat(cluster.world.members()).extracting(World.Member::pod).containsExactly("job-0", "job-1", "job-2");
        assertThat(cluster.report.needsAction()).isTrue();
        assertThat(cluster.report.sentence()).contains("sees 64 images, the job 40");
    }

    @Test
    void isPausedByTheAnnotationAndLeftOutByOnDelete() {
        for (boolean paused : new boolean[] {true, false}) {
            Cluster cluster = new Cluster(2, 1, 0, true);
            cluster.trainedWorld();
            cluster.paused = paused;
            cluster.rolling = paused;
            cluster.change("r2", "build-1");
            for (int i = 0; i < 30; i++) {
                assertThat(cluster.tick().delete()).isEmpty();
            }
            assertThat(cluster.report.active()).isFalse();
            assertThat(cluster.report.sentence())
                    .isEqualTo("0 of 2 pods run the present spec.template; "
                            + (paused
                                    ? "replacing the others is paused by the annotation swav.io/rollout-paused"
                                    : "the others get it when they are replaced (spec.rollout.type OnDelete)"));
            cluster.paused = false;
            cluster.rolling = true;
            cluster.worldsUntilSettled(1);
            assertThat(cluster.pods).hasSize(2).allMatch(pod -> pod.revision.equals("r2"));
        }
    }

    /** An upgrade of the operator must not restart every job; a change of the template after it counts. */
    @Test
    void podsOfAnEarlierOperatorHaveTheTemplateThatWasThereAtTheUpgrade() {
        Cluster cluster = new Cluster(2, 1, 0, true);
        cluster.trainedWorld();
        cluster.pods.forEach(pod -> pod.revision = "");
        for (int i = 0; i < 20; i++) {
            assertThat(cluster.tick().delete()).isEmpty();
        }
        assertThat(cluster.report).isEqualTo(RolloutReport.NONE);
        cluster.change("r2", "build-1");
        cluster.worldsUntilSettled(1);
        assertThat(cluster.pods).hasSize(2).allMatch(pod -> pod.revision.equals("r2"));
        assertThat(cluster.state.rollout()).isEqualTo(PlannerState.RolloutState.NONE);
    }

    /** As of a Deployment whose new image crashes: the pods that run stay, however often the successors fail. */
    @Test
    void failuresOfSuccessorsDoNotEndAJobThatTrains() {
        Cluster cluster = new Cluster(3, 1, 0, true);
        cluster.maxFailures = 2;
        cluster.trainedWorld();
        cluster.change("r2", "build-1");
        cluster.crashing = "r2";
        for (int i = 0; i < 400; i++) {
            ReconcilePlan plan = cluster.tick();
            assertThat(plan.world()).isNotInstanceOf(WorldDecision.JobEnded.class);
        }
        assertThat(cluster.world.size()).isEqualTo(3);
        assertThat(cluster.state.account().counts().failures()).isGreaterThan(3);
        assertThat(cluster.report.needsAction()).isTrue();
        assertThat(cluster.report.sentence()).contains("ended: exit code 70");
    }

    @ParameterizedTest
    @ValueSource(ints = {0, 1, 2, 3})
    void randomTroubleCostsNoStateAndEndsWithThePresentTemplate(int quarter) {
        for (int seed = 100 * quarter; seed < 100 * (quarter + 1); seed++) {
            Random random = new Random(seed);
            int target = 1 + random.nextInt(4);
            Cluster cluster = new Cluster(target, 1 + random.nextInt(target), random.nextInt(2), random.nextBoolean());
            cluster.random = random;
            cluster.trainedWorld();
            boolean otherBuild = random.nextInt(3) == 0;
            cluster.change("r2", otherBuild ? "build-2" : "build-1");
            cluster.trouble = random.nextInt(30);
            cluster.worldsUntilSettled(otherBuild ? target + 2 : 1);
            assertThat(cluster.mixed).as("seed " + seed).isFalse();
            assertThat(cluster.stateLost).as("seed " + seed).isFalse();
            assertThat(cluster.pods)
                    .as("seed " + seed)
                    .hasSize(target + cluster.policy().spares())
                    .allMatch(pod -> pod.revision.equals("r2"));
            assertThat(cluster.world.size()).as("seed " + seed).isEqualTo(target);
        }
    }

    /** A pod of the simulated cluster. */
    private static final class SimPod {
        final int number;
        final Instant created;
        final String build;
        final int samples;
        String revision;
        int startsIn;
        int endsIn = -1;
        boolean crashed;
        long trainedIn;
        boolean holdsState;

        SimPod(int number, Instant created, String revision, String build, int samples, int startsIn) {
            this.number = number;
            this.created = created;
            this.revision = revision;
            this.build = build;
            this.samples = samples;
            this.startsIn = startsIn;
        }

        String uid() {
            return "uid-" + number;
        }
    }

    private interface Holds {
        Optional<Hold> of(SimPod pod);
    }

    /** Pods start, train, save and end as a real cluster's; a tick is a second. */
    private static final class Cluster {
        private final int target;
        private final int min;
        private final int spares;
        private final boolean oneMore;
        final List<SimPod> pods = new ArrayList<>();
        final List<RolloutReport.Event> events = new ArrayList<>();
        World world = World.none("job-uid");
        PlannerState state = PlannerState.EMPTY;
        RolloutReport report = RolloutReport.NONE;
        Holds held = pod -> Optional.empty();
        Random random = new Random(1);
        Instant now = T0;
        String revision = "r1";
        String build = "build-1";
        String crashing = "";
        int samples = 40;
        int room = 100;
        int maxFailures = 10;
        int trouble;
        boolean rolling = true;
        boolean paused;
        boolean resumable = true;
        boolean saved;
        boolean mixed;
        boolean stateLost;
        boolean savedBeforeLast;

        Cluster(int target, int min, int spares, boolean oneMore) {
            this.target = target;
            this.min = min;
            this.spares = spares;
            this.oneMore = oneMore;
        }

        JobPolicy policy() {
            return new JobPolicy(
                    target,
                    min,
                    spares,
                    Duration.ZERO,
                    Duration.ofSeconds(60),
                    maxFailures,
                    DAY,
                    false,
                    Optional.empty());
        }

        void trainedWorld() {
            for (int i = 0; i < 10; i++) {
                tick();
            }
            assertThat(world.size()).isEqualTo(Math.min(target, room));
            events.clear();
        }

        void change(String newRevision, String newBuild) {
            revision = newRevision;
            build = newBuild;
        }

        /** @param mostLeaving members that one generation may remove */
        List<List<String>> worldsUntilSettled(int mostLeaving) {
            List<List<String>> worlds = new ArrayList<>();
            int quiet = 0;
            for (int i = 0; quiet < 8; i++) {
                assertThat(i).as("still not settled: " + report + " " + world).isLessThan(1500);
                World before = world;
                ReconcilePlan plan = tick();
                boolean changed = world.generation() != before.generation();
                if (changed) {
                    worlds.add(world.members().stream().map(World.Member::pod).toList());
                    Set<String> left = before.members().stream()
                            .map(World.Member::uid)
                            .filter(uid -> world.rankOf(uid).isEmpty() && !troubled.contains(uid))
                            .collect(Collectors.toSet());
                    assertThat(left.size()).as("left at once, " + world).isLessThanOrEqualTo(mostLeaving);
                }
                boolean settled = !changed
                        && plan.create().isEmpty()
                        && plan.delete().isEmpty()
                        && !plan.rollout().active()
                        && pods.stream().allMatch(pod -> pod.endsIn < 0 && pod.startsIn <= 0);
                quiet = settled ? quiet + 1 : 0;
            }
            return worlds;
        }

        private final Set<String> troubled = new HashSet<>();

        ReconcilePlan tick() {
            now = now.plusSeconds(1);
            advance();
            PlannerInput input = new PlannerInput(
                    "job",
                    world,
                    state,
                    pods.stream().map(this::observed).toList(),
                    7,
                    null,
                    Reporting.POSSIBLE,
                    null,
                    null,
                    null,
                    null,
                    new WantedTemplate(revision, rolling, paused, oneMore, false, resumable));
            ReconcilePlan plan = WorldPlanner.plan(policy(), input, now);
            carryOut(plan);
            return plan;
        }

        private void advance() {
            if (trouble > 0 && random.nextInt(8) == 0) {
                trouble--;
                List<SimPod> alive = pods.stream().filter(pod -> pod.endsIn < 0).toList();
                if (!alive.isEmpty()) {
                    SimPod pod = alive.get(random.nextInt(alive.size()));
                    pod.endsIn = 3; // a notice
                    troubled.add(pod.uid());
                }
            }
            for (SimPod pod : List.copyOf(pods)) {
                if (pod.endsIn == 0) {
                    end(pod);
                } else if (pod.endsIn > 0) {
                    pod.endsIn--;
                } else if (pod.startsIn > 0 && held(pod).isEmpty()) {
                    pod.startsIn--;
                    if (pod.startsIn == 0 && pod.revision.equals(crashing)) {
                        pod.crashed = true;
                    }
                }
            }
            boolean formed = !world.hold() && world.size() > 0;
            if (formed) {
                boolean anyHolds = world.members().stream().anyMatch(member -> pod(member).holdsState);
                stateLost |= everTrained && !anyHolds && !saved;
                everTrained = true;
                world.members().forEach(member -> {
                    pod(member).trainedIn = world.generation();
                    pod(member).holdsState = true;
                });
                saved = false;
            }
            pods.removeIf(pod ->
                    pod.crashed && pods.stream().filter(other -> other.crashed).count() > 3);
        }

        private boolean everTrained;

        /** A trainer saves on leaving if no other has the state. */
        private void end(SimPod pod) {
            boolean last = pod.holdsState
                    && pods.stream().noneMatch(other -> other != pod && other.holdsState && other.endsIn != 0);
            if (last) {
                saved = true;
                savedBeforeLast = true;
            }
            pods.remove(pod);
        }

        private Optional<Hold> held(SimPod pod) {
            long older = pods.stream()
                    .filter(other -> !other.crashed && (other.startsIn <= 0 || other.number < pod.number))
                    .count();
            return pod.startsIn > 0 && older >= room ? Optional.of(NO_NODE) : held.of(pod);
        }

        private ObservedPod observed(SimPod pod) {
            boolean reports = pod.startsIn <= 0 && !pod.crashed;
            Optional<TrainerReport.Regroup> regroup = pod.holdsState
                    ? Optional.of(new TrainerReport.Regroup(pod.trainedIn, null, 0, 7, 3.5))
                    : Optional.empty();
            LivenessSignals signals = reports
                    ? new LivenessSignals(
                            Duration.ofMillis(500), false, Optional.of(Duration.ZERO), Optional.empty(), 7, regroup)
                    : LivenessSignals.NONE;
            Fingerprints prints = new Fingerprints(
                    "c", pod.samples, "d" + pod.samples, 5, pod.build, true, "n", "f", new TreeMap<>());
            return new ObservedPod(
                    "job-" + pod.number,
                    pod.uid(),
                    pod.created,
                    state(pod),
                    signals,
                    false,
                    new ReportedFacts("n", reports ? prints : Fingerprints.NONE, Optional.empty()),
                    new PodObject(
                            pod.revision,
                            pod.endsIn < 0 ? Deletion.NOT_REQUESTED : Deletion.REQUESTED,
                            Optional.empty()));
        }

        private PodState state(SimPod pod) {
            if (pod.crashed) {
                return new PodState.Ended(Cause.FAILED, "exit code 70");
            }
            if (pod.endsIn >= 0) {
                return new PodState.Terminating("the pod was deleted");
            }
            if (pod.startsIn <= 0) {
                return new PodState.Ready("a:1");
            }
            return held(pod).map(PodState.Starting::new).orElseGet(() -> new PodState.Starting("pulling"));
        }

        private void carryOut(ReconcilePlan plan) {
            state = plan.state();
            report = plan.rollout();
            if (report.event() != RolloutReport.Event.NONE) {
                events.add(report.event());
            }
            if (plan.world() instanceof WorldDecision.Regroup regroup) {
                world = regroup.next();
                mixed |= world.members().stream()
                                .map(member -> pod(member).build)
                                .distinct()
                                .count()
                        > 1;
            }
            for (String name : plan.create()) {
                int number = Integer.parseInt(name.replace("job-", ""));
                pods.add(new SimPod(number, now, revision, build, samples, 1 + random.nextInt(3)));
            }
            plan.delete()
                    .forEach(gone -> pods.stream()
                            .filter(pod -> pod.uid().equals(gone.uid()) && pod.endsIn < 0)
                            .forEach(pod -> pod.endsIn = pod.startsIn > 0 ? 0 : 2));
        }

        SimPod pod(World.Member member) {
            return pods.stream()
                    .filter(pod -> pod.uid().equals(member.uid()))
                    .findFirst()
                    .orElseGet(() -> new SimPod(-1, now, "gone", build, samples, 0));
        }

        List<String> alive() {
            return pods.stream()
                    .filter(pod -> pod.endsIn < 0)
                    .map(pod -> "job-" + pod.number)
                    .toList();
        }
    }
}
