package io.swav.operator;

import static org.assertj.core.api.Assertions.assertThat;

import io.fabric8.kubernetes.api.model.ConfigMap;
import io.fabric8.kubernetes.api.model.ConfigMapBuilder;
import io.fabric8.kubernetes.api.model.ContainerBuilder;
import io.fabric8.kubernetes.api.model.Event;
import io.fabric8.kubernetes.api.model.EventBuilder;
import io.fabric8.kubernetes.api.model.NodeBuilder;
import io.fabric8.kubernetes.api.model.Pod;
import io.fabric8.kubernetes.api.model.PodStatus;
import io.fabric8.kubernetes.client.utils.Serialization;
import io.javaoperatorsdk.operator.processing.event.ResourceID;
import io.swav.api.ResourceNames;
import io.swav.api.SwavJob;
import io.swav.api.SwavJobStatus;
import io.swav.api.TrainerReport;
import io.swav.api.World;
import io.swav.planner.Hold;
import io.swav.planner.ObservedPod;
import io.swav.planner.PlannerState;
import io.swav.planner.PodState;
import io.swav.planner.Reporting;
import java.time.Duration;
import java.time.Instant;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import org.junit.jupiter.api.Test;

class SnapshotReaderTest {
    /** The pods are older than this by less than a start takes. */
    private static final Instant NOW = Instant.parse("2026-01-01T00:00:05Z");

    private final SwavJob job = Jobs.job("replicas: 2");
    private long seconds;
    private final List<String> asked = new ArrayList<>();
    private Optional<ConfigMap> cached = Optional.empty();
    private Optional<ConfigMap> liveReport = Optional.empty();
    private Optional<Pod> live = Optional.empty();
    private Reporting reporting = Reporting.POSSIBLE;
    private List<TrainerAccess.SilentPod> silent = List.of();
    private final Event mountFailure = new EventBuilder()
            .withNewMetadata()
            .endMetadata()
            .withType("Warning")
            .withReason("FailedMount")
            .withMessage("configmap \"x\" not found")
            .withLastTimestamp("2026-01-01T00:00:02Z")
            .build();

    /**
     * An API server may list pods of an earlier time from its cache, after a restart or if there are several servers.
     */
    @Test
    void aMemberMissingFromTheCacheIsGoneOnlyIfTheApiServerConfirmsIt() {
        assertThat(uids(List.of(pod("job-0", "uid-0")), Optional.of(pod("job-1", "uid-1"))))
                .containsExactly("uid-0", "uid-1");
        assertThat(uids(List.of(pod("job-0", "uid-0")), Optional.empty())).containsExactly("uid-0");
        assertThat(uids(List.of(pod("job-0", "uid-0")), Optional.of(pod("job-1", "another"))))
                .as("a later pod of that name is not the member")
                .containsExactly("uid-0");
        assertThat(asked).containsOnly("job-1");
    }

    @Test
    void doesNotAskTheApiServerIfAllMembersAreCached() {
        assertThat(uids(List.of(pod("job-0", "uid-0"), pod("job-1", "uid-1")), Optional.empty()))
                .containsExactly("uid-0", "uid-1");
        assertThat(asked).isEmpty();
    }

    @Test
    void readsTheReportFromTheApiServerIfATrainerSeemsSilent() {
        List<Pod> pods = List.of(pod("job-0", "uid-0"));
        cached = Optional.of(report("t1"));
        live = Optional.of(pod("job-1", "uid-1"));
        SnapshotReader reader = reader();
        assertThat(reader.read(job, pods, NOW).needsLiveReports()).isFalse();
        assertThat(asked).containsExactly("job-1");

        seconds = 60;
        liveReport = Optional.of(report("t2"));
        asked.clear();
        assertThat(reader.read(job, pods, NOW).needsLiveReports())
                .as("the cache is behind")
                .isFalse();
        assertThat(asked).as("each once").containsExactly("job-1", ResourceNames.progressName("job"));

        cached = liveReport;
        seconds = 120;
        assertThat(reader.read(job, pods, NOW).needsLiveReports()).isTrue();
    }

    /** The last report was written before the end of its pod, and may arrive after it. */
    @Test
    void anEndIsJudgedByTheLastReport() {
        cached = Optional.of(report("t1", "Training"));
        liveReport = Optional.of(report("t2", "Done"));
        Pod ended = pod("job-0", "uid-0");
        ended.getStatus().setPhase("Succeeded");
        live = Optional.of(pod("job-1", "uid-1"));
        assertThat(reader().read(job, List.of(ended), NOW).pods())
                .filteredOn(pod -> pod.name().equals("job-0"))
                .singleElement()
                .matches(pod -> pod.state() instanceof PodState.Done);
    }

    /** Trainers ignore a generation that is older than theirs, and numbers of pods are never reused. */
    @Test
    void aLostWorldIsFollowedByALaterOne() {
        cached = Optional.of(report("t1"));
        List<Pod> pods = List.of(pod("job-0", "uid-0"), pod("job-7", "uid-7"));
        assertThat(lost(pods).world().generation()).as("as reported").isEqualTo(4);
        assertThat(lost(pods).world().members()).isEmpty();
        assertThat(lost(pods).state().pods().next()).isEqualTo(8);
        assertThat(lost(List.of(pod("job-0", "another"))).world())
                .as("the report of an earlier pod of that name")
                .isEqualTo(World.none("uid-1"));

        job.setStatus(status(6));
        assertThat(lost(pods).world().generation()).as("as published").isEqualTo(6);
        assertThat(lost(List.of()).world().generation())
                .as("after all pods are gone")
                .isEqualTo(6);
        assertThat(reader().read(job, pods, NOW).worldMap().world().generation())
                .as("the map's, while there is one")
                .isEqualTo(3);
    }

    @Test
    void statesForEachProblemOfTheSpecWhyItIsRejected() {
        SwavJob named = Jobs.job("replicas: 1");
        named.getMetadata().setName("n".repeat(53));
        assertThat(reader().read(named, List.of(), NOW).problems())
                .containsExactly(
                        Problem.invalid("metadata.name is longer than 52 characters: pods are named after it"));
    }

    @Test
    void readsEventsOfPodsThatHaveNotStartedForAWhileAndChecksAgain() {
        Pod created = pending("job-0", "uid-0");
        live = Optional.of(pod("job-1", "uid-1"));
        SnapshotReader reader = reader();
        JobSnapshot early = reader.read(job, List.of(created), NOW);
        assertThat(early.recheckAt()).contains(NOW.plusSeconds(5));
        assertThat(asked).containsExactly("job-1");

        Instant later = NOW.plusSeconds(5);
        JobSnapshot late = reader.read(job, List.of(created), later);
        assertThat(asked).contains("events of job-0").doesNotContain("events of job-1");
        assertThat(late.recheckAt()).contains(later.plus(PodHolds.RECHECK_EVERY));
        assertThat(late.pods().get(0).state())
                .isEqualTo(new PodState.Starting(
                        new Hold(Hold.Kind.NEEDS_ACTION, "FailedMount", "configmap \"x\" not found")));
    }

    private static Pod pending(String name, String uid) {
        Pod pod = pod(name, uid);
        pod.getSpec().setNodeName("n");
        pod.getSpec()
                .setContainers(
                        List.of(new ContainerBuilder().withName("trainer").build()));
        pod.setStatus(Serialization.unmarshal(
                "---\n{phase: Pending, containerStatuses: [{name: trainer, state: {waiting: {reason:"
                        + " ContainerCreating}}}]}",
                PodStatus.class));
        return pod;
    }

    private WorldConfigMap lost(List<Pod> pods) {
        return reader(Map.of()).read(job, pods, NOW).worldMap();
    }

    private static SwavJobStatus status(long generation) {
        SwavJobStatus.WorldStatus world = new SwavJobStatus.WorldStatus(generation, 0, List.of(), null, null);
        return new SwavJobStatus(null, null, null, null, null, world, null, null, null, null);
    }

    @Test
    void readsTheReportFromTheApiServerIfTheLastMemberLeaves() {
        List<Pod> pods = List.of(pod("job-0", "uid-0"));
        pods.get(0).getMetadata().setDeletionTimestamp("2026-01-01T00:00:00Z");
        for (World world : List.of(world("job-0"), world())) {
            cached = Optional.of(report("t1", "Training"));
            SnapshotReader reader = reader(world);
            reader.read(job, pods, NOW);
            liveReport = Optional.of(report("t2", "Training"));
            seconds += 60;
            assertThat(reader.read(job, pods, NOW).pods())
                    .as("the cache is behind: %s", world)
                    .noneMatch(pod -> pod.signals().isSilent());
        }
    }

    @Test
    void silenceCountsAgainFromTheMomentAtWhichTrainersMayReportAgain() {
        List<Pod> pods = List.of(pod("job-0", "uid-0"));
        cached = Optional.of(report("t1"));
        liveReport = cached;
        SnapshotReader reader = reader(world("job-0"));
        JobSnapshot reported = reader.read(job, pods, NOW);
        assertThat(reported.reporting()).isEqualTo(Reporting.UNCHECKED);
        assertThat(asked).isEmpty();

        seconds = 5;
        reporting = new Reporting.Blocked("no role");
        assertThat(reader.read(job, pods, NOW).reporting()).isEqualTo(reporting);
        assertThat(asked).containsExactly("job-progress", "reporting");

        seconds = 500;
        reporting = Reporting.POSSIBLE;
        JobSnapshot again = reader.read(job, pods, NOW);
        assertThat(again.reporting()).isEqualTo(Reporting.POSSIBLE);
        assertThat(again.pods().get(0).signals().silence()).isEqualTo(Duration.ZERO);
        seconds = 507;
        assertThat(reader.read(job, pods, NOW).pods().get(0).signals().silence())
                .isEqualTo(Duration.ofSeconds(7));
    }

    /** Neither clock is trusted alone: a report counts as of the earlier of its two times. */
    @Test
    void aSilentPodIsDescribedByItsAccountItsAgeAndItsLastReport() {
        Pod pod = pod("job-0", "uid-0");
        pod.getSpec().setServiceAccountName("theirs");
        Instant created = Instant.parse("2026-01-01T00:00:00Z");
        for (String[] time : new String[][] {
            {"2026-01-01T00:00:07Z", "2026-01-01T00:00:07Z"},
            {"2030-01-01T00:00:00Z", "2026-01-01T00:00:15Z"},
            {"no time", "1970-01-01T00:00:00Z"}
        }) {
            cached = Optional.of(report(time[0]));
            liveReport = cached;
            SnapshotReader reader = reader(world("job-0"));
            reader.read(job, List.of(pod), NOW);
            seconds += 5;
            reader.read(job, List.of(pod), NOW.plusSeconds(15));
            assertThat(silent)
                    .containsExactly(new TrainerAccess.SilentPod(
                            "job-0", "theirs", created, Instant.parse(time[1]), "job-progress"));
        }
    }

    /**
     * The report may have arrived after its pod was deleted; another job's trainer may have written into a map of that
     * name.
     */
    @Test
    void keepsTheLastReportOfADeletedPod() {
        live = Optional.of(pod("job-1", "uid-1"));
        cached = Optional.of(report("t1"));
        SnapshotReader reader = reader();
        assertThat(reader.read(job, List.of(), NOW).allReports()).isEmpty();
        reader.read(job, List.of(pod("job-0", "uid-0")), NOW);
        cached = Optional.of(report("t2", "Leaving"));
        JobSnapshot gone = reader.read(job, List.of(), NOW);
        assertThat(gone.allReports()).extracting(TrainerReport::time).containsExactly("t2");
        assertThat(gone.reports()).isEmpty();
    }

    private List<String> uids(List<Pod> pods, Optional<Pod> asNow) {
        live = asNow;
        return reader().read(job, pods, NOW).pods().stream()
                .map(ObservedPod::uid)
                .toList();
    }

    private World world(String... members) {
        return new World(
                3,
                job.getMetadata().getUid(),
                Arrays.stream(members)
                        .map(pod -> new World.Member(pod, pod.replace("job", "uid"), "a:1"))
                        .toList(),
                "");
    }

    private SnapshotReader reader() {
        return reader(world("job-0", "job-1"));
    }

    private SnapshotReader reader(World world) {
        return reader(Map.of(
                ResourceNames.worldName("job"),
                WorldConfigMap.of(job, world, PlannerState.EMPTY, WorldConfigMap.Entries.NONE, "7")));
    }

    private SnapshotReader reader(Map<String, ConfigMap> maps) {
        return new SnapshotReader(
                Signals.BUILT_IN,
                id -> id.getName().equals(ResourceNames.progressName("job"))
                        ? cached
                        : Optional.ofNullable(maps.get(id.getName())),
                node -> Optional.of(new NodeBuilder()
                        .withNewMetadata()
                        .withName(node.getName())
                        .endMetadata()
                        .build()),
                new SnapshotReader.Live() {
                    @Override
                    public Optional<Pod> pod(ResourceID id) {
                        asked.add(id.getName());
                        return live;
                    }

                    @Override
                    public Optional<ConfigMap> map(ResourceID id) {
                        asked.add(id.getName());
                        return liveReport;
                    }

                    @Override
                    public PodHolds.Events events(Pod pod, Instant now) {
                        asked.add("events of " + pod.getMetadata().getName());
                        return new PodHolds.Events(List.of(mountFailure), Optional.empty());
                    }

                    @Override
                    public Reporting reporting(SwavJob of, List<TrainerAccess.SilentPod> pods) {
                        asked.add("reporting");
                        silent = pods;
                        return reporting;
                    }
                },
                new ReportSilenceTracker(() -> Duration.ofSeconds(seconds).toNanos()));
    }

    private static ConfigMap report(String time) {
        return report(time, "Training");
    }

    private static ConfigMap report(String time, String state) {
        return new ConfigMapBuilder()
                .addToData(
                        "job-0",
                        "{\"pod\": \"job-0\", \"uid\": \"uid-0\", \"state\": \"" + state + "\", \"generation\": 4,"
                                + " \"time\": \"" + time + "\"}")
                .build();
    }

    private static Pod pod(String name, String uid) {
        return Serialization.unmarshal(
                "---\n{metadata: {name: " + name + ", namespace: ns, uid: " + uid
                        + ", creationTimestamp: '2026-01-01T00:00:00Z', ownerReferences: [{uid: uid-1}]}, spec: {},"
                        + " status: {phase: Running}}",
                Pod.class);
    }
}
