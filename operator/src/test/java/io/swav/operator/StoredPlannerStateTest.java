package io.swav.operator;

import static org.assertj.core.api.Assertions.assertThat;

import io.fabric8.kubernetes.api.model.ConfigMap;
import io.swav.api.ConditionReason;
import io.swav.api.EpochSchedule;
import io.swav.api.LiveSettings;
import io.swav.api.SwavJob;
import io.swav.api.SwavJobStatus.Incident;
import io.swav.api.SwavJobStatus.IncidentKind;
import io.swav.api.World;
import io.swav.planner.ChangedSettings;
import io.swav.planner.FailureEvent;
import io.swav.planner.Failures;
import io.swav.planner.LedgerState;
import io.swav.planner.LedgerState.Counts;
import io.swav.planner.LedgerState.GenerationBaseline;
import io.swav.planner.NodeFailures;
import io.swav.planner.PlannerState;
import io.swav.planner.PlannerState.Backoff;
import io.swav.planner.PlannerState.End;
import io.swav.planner.PlannerState.Pods;
import io.swav.planner.PlannerState.Progress;
import io.swav.planner.PlannerState.Trial;
import java.time.Duration;
import java.time.Instant;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.TreeMap;
import org.junit.jupiter.api.Test;

/** Checks the names under which the planner's state is stored: running jobs, and later operators, depend on them. */
class StoredPlannerStateTest {
    private static final Instant T0 = Instant.parse("2026-01-01T00:00:00Z");

    private static final String STORED = "{\"nextPod\":7,\"since\":\"2026-01-01T00:00:00Z\",\"streak\":2,"
            + "\"retryAt\":\"2026-01-01T00:00:04.500Z\",\"accounted\":[\"uid-1\",\"uid-2\"],\"lost\":[\"uid-1\"],"
            + "\"hung\":[\"uid-3\"],\"account\":{\"counts\":{\"resizes\":1,\"preemptions\":2,\"failures\":3,\"hangs\":4},"
            + "\"stepsLost\":5,\"secondsLost\":{\"Failure\":1.25},\"incidents\":[{\"time\":\"t\",\"kind\":\"Hang\","
            + "\"pod\":\"job-3\",\"reason\":\"hung: no step\",\"step\":12,\"generation\":4}],\"pace\":{\"generation\":4,"
            + "\"start\":10,\"keptSeconds\":20.5,\"stepSeconds\":2.0,\"firstStep\":\"2026-01-01T00:00:00Z\"}},"
            + "\"firstDone\":\"2026-01-01T00:01:00Z\",\"end\":{\"complete\":false,\"reason\":\"TooManyFailures\","
            + "\"message\":\"7 failures\",\"time\":\"2026-01-01T00:02:00Z\"}}";

    private static final PlannerState STATE = new PlannerState(
            new Pods(7, Set.of("uid-1", "uid-2"), Set.of("uid-1"), Set.of("uid-3")),
            new Backoff(2, T0.plusMillis(4500)),
            new Progress(
                    T0,
                    T0.plusSeconds(60),
                    new End(false, ConditionReason.TooManyFailures, "7 failures", T0.plusSeconds(120))),
            new LedgerState(
                    new Counts(1, 2, 3, 4),
                    5,
                    new TreeMap<>(Map.of("Failure", 1.25)),
                    List.of(new Incident("t", IncidentKind.Hang, "job-3", "hung: no step", 12L, 4L, null, null)),
                    new GenerationBaseline(4, 10, 20.5, 2.0, T0)),
            Failures.NONE);

    private final SwavJob job = Jobs.job("replicas: 2");
    private final World world = new World(4, "uid-1", List.of(), "w");

    @Test
    void writesTheNamesOfEarlierVersions() {
        assertThat(WorldConfigMap.of(job, world, STATE, WorldConfigMap.Entries.NONE, "42")
                        .getData())
                .containsEntry("ledger.json", STORED);
    }

    @Test
    void readsTheStateOfEarlierVersions() {
        ConfigMap map = WorldConfigMap.of(job, world, PlannerState.EMPTY, WorldConfigMap.Entries.NONE, "42");
        map.getData().put("ledger.json", STORED);
        assertThat(WorldConfigMap.read(job, Optional.of(map)).state()).isEqualTo(STATE);
    }

    @Test
    void keepsUnreachablePodsAndTrialsAndPublishesTheNewcomers() {
        Trial trial = new Trial(new World.Member("job-8", "uid-8", "10.0.0.8:7000"), T0);
        PlannerState state =
                STATE.with(new Pods(7, Set.of("uid-1"), Set.of(), Set.of(), Set.of("uid-1"), List.of(trial)));
        ConfigMap map = WorldConfigMap.of(job, world, state, WorldConfigMap.Entries.NONE, "42");
        assertThat(map.getData().get("ledger.json"))
                .contains("\"unreachable\":[\"uid-1\"]")
                .contains("\"trials\":[{\"newcomer\":{\"pod\":\"job-8\",\"uid\":\"uid-8\","
                        + "\"address\":\"10.0.0.8:7000\"},\"since\":\"2026-01-01T00:00:00Z\"}]");
        assertThat(map.getData())
                .containsEntry(
                        "newcomers.json", "[{\"pod\":\"job-8\",\"uid\":\"uid-8\",\"address\":\"10.0.0.8:7000\"}]");
        assertThat(WorldConfigMap.read(job, Optional.of(map)).state()).isEqualTo(state);
    }

    @Test
    void keepsChangedSettings() {
        EpochSchedule epochs = EpochSchedule.of(100)
                .raisedTo(150)
                .agreed(new EpochSchedule.Change(40L, 150))
                .raisedTo(200);
        PlannerState state = new PlannerState(
                STATE.pods(),
                STATE.backoff(),
                STATE.progress(),
                STATE.account(),
                STATE.failures(),
                STATE.nodes(),
                new ChangedSettings(epochs, new LiveSettings(100, 50, null, 3, 15)),
                STATE.rollout());
        ConfigMap map = WorldConfigMap.of(job, world.with(epochs, null), state, WorldConfigMap.Entries.NONE, "42");
        assertThat(map.getData().get("ledger.json"))
                .endsWith(",\"epochs\":[{\"step\":0,\"epochs\":100},{\"step\":40,\"epochs\":150},{\"epochs\":200}],"
                        + "\"settings\":{\"maxBadSamples\":100,\"everySteps\":50,\"keep\":3,\"noticeSeconds\":15}}");
        WorldConfigMap read = WorldConfigMap.read(job, Optional.of(map));
        assertThat(read.state()).isEqualTo(state);
        assertThat(read.world().epochs()).isEqualTo(epochs);
    }

    @Test
    void readsTheStateOfALaterVersion() {
        ConfigMap map = WorldConfigMap.of(job, world, PlannerState.EMPTY, WorldConfigMap.Entries.NONE, "42");
        map.getData()
                .put(
                        "ledger.json",
                        STORED.replace("\"streak\"", "\"mood\":{\"good\":true},\"streak\"")
                                .replace("\"kind\":\"Hang\"", "\"kind\":\"Fire\",\"where\":\"kitchen\""));
        PlannerState read = WorldConfigMap.read(job, Optional.of(map)).state();
        assertThat(read.pods()).isEqualTo(STATE.pods());
        assertThat(read.account().incidents()).extracting(Incident::kind).containsExactly(IncidentKind.Unknown);
    }

    @Test
    void writesAndReadsWhatCountsTowardsTheLimit() {
        FailureEvent event = new FailureEvent(4, "exit code 70", T0, T0.plusSeconds(1), "job-3", 64);
        Failures failures =
                new Failures(List.of(new Failures.Counted(T0, 1)), List.of(event), 2, new Failures.NotFiniteStep(4, 2));
        PlannerState state =
                new PlannerState(STATE.pods(), STATE.backoff(), STATE.progress(), STATE.account(), failures);
        ConfigMap map = WorldConfigMap.of(job, world, state, WorldConfigMap.Entries.NONE, "42");
        assertThat(map.getData().get("ledger.json"))
                .endsWith(",\"failures\":{\"counted\":[{\"time\":\"2026-01-01T00:00:00Z\",\"count\":1}],"
                        + "\"events\":[{\"generation\":4,\"how\":\"exit code 70\",\"first\":\"2026-01-01T00:00:00Z\","
                        + "\"last\":\"2026-01-01T00:00:01Z\",\"pod\":\"job-3\",\"pods\":64,\"number\":1}],\"notFinite\":2,"
                        + "\"lastNotFinite\":{\"generation\":4,\"number\":2}}}");
        assertThat(WorldConfigMap.read(job, Optional.of(map)).state()).isEqualTo(state);
    }

    /** An earlier version stored no times of failures; its last incidents have them. */
    @Test
    void countsTheFailuresAmongTheIncidentsOfAnEarlierVersion() {
        ConfigMap map = WorldConfigMap.of(job, world, PlannerState.EMPTY, WorldConfigMap.Entries.NONE, "42");
        map.getData().put("ledger.json", STORED.replace("\"time\":\"t\"", "\"time\":\"2026-01-01T00:00:00Z\""));
        Failures failures = WorldConfigMap.read(job, Optional.of(map)).state().failures();
        assertThat(failures.within(Duration.ofDays(1), T0.plusSeconds(3600))).isEqualTo(1);
        assertThat(failures.within(Duration.ofDays(1), T0.plus(Duration.ofDays(2))))
                .isZero();
    }

    @Test
    void keepsNoticesAndTheFailuresOfNodes() {
        NodeFailures nodes =
                new NodeFailures(List.of(new NodeFailures.Blame("n1", T0, "job-3", "exit code 70", 2)), true);
        PlannerState state = new PlannerState(
                new Pods(7, Set.of("uid-1"), Set.of(), Set.of(), Set.of(), List.of(), Set.of("uid-1")),
                STATE.backoff(),
                STATE.progress(),
                STATE.account(),
                Failures.NONE,
                nodes,
                ChangedSettings.NONE,
                PlannerState.RolloutState.NONE);
        ConfigMap map = WorldConfigMap.of(job, world, state, WorldConfigMap.Entries.NONE, "42");
        assertThat(map.getData().get("ledger.json"))
                .endsWith(",\"noticed\":[\"uid-1\"],\"nodes\":{\"blames\":[{\"node\":\"n1\","
                        + "\"time\":\"2026-01-01T00:00:00Z\",\"pod\":\"job-3\",\"why\":\"exit code 70\",\"of\":2}],"
                        + "\"yielded\":true}}");
        assertThat(WorldConfigMap.read(job, Optional.of(map)).state()).isEqualTo(state);
    }
}
