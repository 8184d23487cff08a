package io.swav.operator;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;

import io.fabric8.kubernetes.api.model.ConfigMap;
import io.swav.api.SwavJob;
import io.swav.api.SwavJobStatus.Incident;
import io.swav.api.TrainerReport;
import io.swav.api.World;
import io.swav.planner.JobPolicy;
import io.swav.planner.LedgerState;
import io.swav.planner.LivenessSignals;
import io.swav.planner.ObservedPod;
import io.swav.planner.PlannerInput;
import io.swav.planner.PodState;
import io.swav.planner.PodState.Cause;
import io.swav.planner.ReconcilePlan;
import io.swav.planner.WorldDecision;
import io.swav.planner.WorldPlanner;
import java.time.Duration;
import java.time.Instant;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.Optional;
import java.util.Random;
import java.util.TreeMap;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/**
 * Simulates jobs whose pods are killed, removed, hung and lost at random, under an operator that dies at random between
 * planning, publishing and acting; everything it remembers goes through the ConfigMap. In the end its ledger must
 * contain each event exactly once.
 */
class LedgerSimulationTest {

    @ParameterizedTest
    @ValueSource(ints = {0, 1, 2, 3})
    void theLedgerContainsEveryEventOnce(int block) {
        Map<String, Integer> injected = new TreeMap<>();
        for (int seed = 50 * block; seed < 50 * (block + 1); seed++) {
            Simulation simulation = new Simulation(seed);
            simulation.run();
            simulation.injected.forEach((what, times) -> injected.merge(what, times, Integer::sum));
        }
        assertThat(injected)
                .containsOnlyKeys("kill", "notice", "hang", "loss")
                .allSatisfy((what, times) -> assertThat(times).as(what).isGreaterThan(100));
    }

    private static final class Pod {
        final String name;
        final Instant created;
        PodState state = new PodState.Starting("new");
        boolean frozen;
        boolean cut;
        Optional<TrainerReport.Regroup> regroup = Optional.empty();

        Pod(String name, Instant created) {
            this.name = name;
            this.created = created;
        }

        boolean works() {
            return state.isAlive() && !frozen && !cut;
        }
    }

    private static final class Simulation {
        private static final Duration TICK = Duration.ofSeconds(70);

        private final int seed;
        private final Random random;
        private final SwavJob job = Jobs.job("replicas: 4, elastic: {minReplicas: 2, spares: 1, growAfterSeconds: 30}");
        private final JobPolicy policy;
        private final Map<String, Pod> pods = new TreeMap<>();
        private Instant now = Instant.parse("2026-01-01T00:00:00Z");
        private Optional<ConfigMap> map = Optional.empty();
        private World trained = World.none("");
        private boolean unannounced;
        private long step;
        private final Map<String, Integer> injected = new TreeMap<>();
        private long stepsLost;
        private double secondsLost;

        Simulation(int seed) {
            this.seed = seed;
            this.random = new Random(seed);
            JobPolicy spec = JobPolicy.of(job.getSpec());
            this.policy = new JobPolicy(
                    spec.target(),
                    spec.min(),
                    spec.spares(),
                    spec.growAfter(),
                    spec.hungAfter(),
                    1_000_000,
                    Duration.ofDays(1),
                    false,
                    Optional.empty());
        }

        void run() {
            for (int tick = 0; tick < 60; tick++) {
                if (tick < 50) {
                    strike();
                }
                pods.values().stream()
                        .filter(pod -> pod.state instanceof PodState.Starting && random.nextInt(3) > 0)
                        .forEach(pod -> pod.state = new PodState.Ready("a:1"));
                reconcile();
                if (random.nextInt(4) > 0 || tick >= 50) {
                    train();
                }
                now = now.plus(TICK);
            }
            LedgerState account = read().state().account();
            String where = "seed " + seed + ": " + account;
            assertThat(account.counts().failures()).as(where).isEqualTo(count("kill"));
            assertThat(account.counts().preemptions()).as(where).isEqualTo(count("notice") + count("loss"));
            assertThat(account.counts().hangs()).as(where).isEqualTo(count("hang"));
            assertThat(account.stepsLost()).as(where).isEqualTo(stepsLost);
            double reported = account.secondsLost().values().stream()
                    .mapToDouble(Double::doubleValue)
                    .sum();
            assertThat(reported).as(where).isCloseTo(secondsLost, within(0.01));
            assertThat(account.incidents())
                    .as("all have a cost: " + where)
                    .filteredOn(incident -> incident.generation() != null)
                    .extracting(Incident::secondsPaused)
                    .doesNotContainNull();
        }

        private int count(String what) {
            return injected.getOrDefault(what, 0);
        }

        /** Injects a fault into a member, as long as another member remains that holds the state. */
        private void strike() {
            List<Pod> members = read().world().members().stream()
                    .map(member -> pods.get(member.pod()))
                    .filter(pod -> pod != null
                            && pod.works()
                            && trained.rankOf(pod.name).isPresent())
                    .toList();
            if (members.size() < 2 || random.nextInt(3) == 0) {
                return;
            }
            Pod victim = members.get(random.nextInt(members.size()));
            String what = List.of("kill", "notice", "hang", "loss").get(random.nextInt(4));
            injected.merge(what, 1, Integer::sum);
            unannounced |= !what.equals("notice");
            switch (what) {
                case "kill" -> victim.state = new PodState.Ended(Cause.FAILED, "exit code 137");
                case "notice" -> victim.state = new PodState.Terminating("spot");
                case "hang" -> victim.frozen = true;
                default -> victim.cut = true;
            }
        }

        /** Reconciles until one pass completes without the operator's death, and once more. */
        private void reconcile() {
            while (!reconcileOnce()) {}
            while (!reconcileOnce()) {} // now the effect of the first pass is visible
        }

        private boolean reconcileOnce() {
            WorldConfigMap before = read();
            PlannerInput seen = new PlannerInput("job", before.world(), before.state(), observed(before.world()), step);
            ReconcilePlan plan = WorldPlanner.plan(policy, seen, now);
            if (random.nextInt(4) == 0) {
                return false;
            }
            World world = plan.world() instanceof WorldDecision.Regroup regroup ? regroup.next() : before.world();
            map = Optional.of(WorldConfigMap.of(job, world, plan.state(), WorldConfigMap.Entries.NONE, "1"));
            if (random.nextInt(4) == 0) {
                return false;
            }
            plan.create().forEach(name -> pods.put(name, new Pod(name, now)));
            plan.delete().forEach(pod -> pods.remove(pod.name()));
            plan.forceDelete().forEach(pod -> pods.remove(pod.name()));
            pods.values().removeIf(pod -> pod.state instanceof PodState.Terminating && random.nextInt(3) == 0);
            pods.values().stream()
                    .filter(pod -> pod.cut && random.nextInt(3) == 0)
                    .forEach(this::heal);
            return true;
        }

        /** A disconnected pod reconnects after it has been removed from the world. */
        private void heal(Pod pod) {
            if (read().world().rankOf(pod.name).isEmpty()) {
                pod.cut = false;
            }
        }

        private List<ObservedPod> observed(World world) {
            boolean broken = world.members().stream()
                    .anyMatch(member -> pods.get(member.pod()) == null
                            || !pods.get(member.pod()).works());
            Optional<String> cut = world.members().stream()
                    .map(World.Member::pod)
                    .filter(name -> pods.get(name) != null && pods.get(name).cut)
                    .findFirst();
            List<ObservedPod> seen = new ArrayList<>();
            for (Pod pod : pods.values()) {
                boolean silent = pod.frozen || pod.cut || !pod.state.isAlive();
                LivenessSignals signals = new LivenessSignals(
                        Duration.ofSeconds(pod.frozen ? 65 : silent ? 10 : 1),
                        broken && pod.works(),
                        broken ? Optional.of(Duration.ofSeconds(65)) : Optional.empty(),
                        pod.works() ? cut : Optional.empty(),
                        step,
                        pod.regroup);
                seen.add(new ObservedPod(pod.name, pod.name, pod.created, pod.state, signals));
            }
            return seen;
        }

        /** All members form the world, if they can, and make some steps. */
        private void train() {
            World world = read().world();
            boolean ready = world.members().stream()
                    .allMatch(member -> pods.get(member.pod()) != null
                            && pods.get(member.pod()).works());
            if (world.hold() || world.members().isEmpty() || !ready || world.generation() == trained.generation()) {
                return;
            }
            boolean first = trained.generation() == 0;
            long dropped = unannounced && random.nextBoolean() ? 1 : 0;
            double pause = (1 + random.nextInt(3000)) / 1000.0;
            if (!first) {
                stepsLost += dropped;
                secondsLost += pause;
            }
            int steps = 1 + random.nextInt(5);
            step += steps;
            for (World.Member member : world.members()) {
                boolean survivor = trained.rankOf(member.uid()).isPresent();
                long own = survivor && !first ? dropped : 0;
                Objects.requireNonNull(pods.get(member.pod())).regroup = Optional.of(
                        new TrainerReport.Regroup(world.generation(), survivor ? pause : null, own, steps, steps));
            }
            trained = world;
            unannounced = false;
            reconcile();
        }

        private WorldConfigMap read() {
            return WorldConfigMap.read(job, map);
        }
    }
}
