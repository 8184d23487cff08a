package io.swav.e2e;

import static org.assertj.core.api.Assertions.assertThat;
import static org.awaitility.Awaitility.await;

import com.fasterxml.jackson.databind.node.ArrayNode;
import com.fasterxml.jackson.databind.node.ObjectNode;
import io.fabric8.kubernetes.api.model.Pod;
import io.fabric8.kubernetes.client.KubernetesClient;
import io.fabric8.kubernetes.client.dsl.Resource;
import io.fabric8.kubernetes.client.dsl.base.PatchContext;
import io.fabric8.kubernetes.client.dsl.base.PatchType;
import io.fabric8.kubernetes.client.utils.Serialization;
import io.swav.api.ConditionType;
import io.swav.api.DataInventory;
import io.swav.api.DataLedger;
import io.swav.api.ResourceNames;
import io.swav.api.SwavJob;
import io.swav.api.SwavJobStatus;
import io.swav.api.SwavJobStatus.CheckpointEntry;
import io.swav.charts.Monitoring;
import io.swav.data.DataSynthCommand;
import io.swav.local.LocalDeployment;
import io.swav.trainer.Main;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.DirectoryStream;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.Optional;
import java.util.function.Predicate;
import java.util.jar.JarOutputStream;
import java.util.zip.ZipEntry;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** Runs SwavJobs on a deployment of its own: operator and nodes are processes, and real trainers train. */
class SwavJobIT {
    private static final Duration LIMIT = Duration.ofMinutes(5);
    private static final PatchContext MERGE = PatchContext.of(PatchType.JSON_MERGE);

    @TempDir
    static Path dir;

    private static LocalDeployment stack;
    private static KubernetesClient client;

    @BeforeAll
    static void up() throws Exception {
        DataSynthCommand.synthesize(dir.resolve("data"), 128, 4, 16, 31);
        stack = LocalDeployment.up(dir.resolve("stack"), 2, Map.of(), System.err::println);
        client = stack.client();
    }

    @AfterAll
    static void down() throws Exception {
        client.close();
        LocalDeployment.down(dir.resolve("stack"));
        assertThat(Files.exists(dir.resolve("stack/etcd"))).isFalse();
    }

    /** Its data grows meanwhile. */
    @Test
    void trainsToCompletionInTwoPodsAndLeavesNothingWhenDeleted() throws Exception {
        Path growing = Files.createDirectories(dir.resolve("growing"));
        addShards(dir.resolve("data/train"), growing, "b-");
        SwavJob job = growing(job("small", 2, 2, "epochs: 50", 1000, 0.1), growing);
        client.resource(job).create();
        statusOf(job, status -> !sets(status).isEmpty(), "trains");
        DataSynthCommand.synthesize(dir.resolve("more"), 64, 4, 16, 32);
        addShards(dir.resolve("more/train"), growing, "a-"); // sorts before what is there
        SwavJobStatus ended = statusOf(
                job, status -> status.isTrue(ConditionType.Complete) || status.isTrue(ConditionType.Failed), "ends");
        assertThat(ended.conditions())
                .as("conditions")
                .anyMatch(c -> c.type().equals("Complete") && c.status().equals("True"));
        assertThat(dir.resolve("small/export/backbone.safetensors")).isNotEmptyFile();
        assertThat(Objects.requireNonNull(ended.progress()).knnTop1())
                .as("kNN of the finished model, percent")
                .isBetween(0.0, 100.0);
        assertThat(sets(ended)).as("sets that epochs saw").hasSize(2);
        assertThat(sets(ended).get(0).samples()).isEqualTo(128);
        DataLedger.Entry grown = sets(ended).get(1);
        assertThat(Objects.requireNonNull(ended.progress()).data())
                .as("what lies at data.uri")
                .satisfies(data -> {
                    assertThat(data.images()).isEqualTo(grown.samples()).isEqualTo(192);
                    assertThat(data.ignored()).isZero();
                    assertThat(data.notUsed()).isNull();
                });
        assertThat(Objects.requireNonNull(ended.progress()).steps())
                .as("4 steps an epoch, then 6")
                .isEqualTo(4 * grown.epoch() + 6 * (50 - grown.epoch()));
        assertThat(client.v1().events().inNamespace("default").list().getItems())
                .filteredOn(event -> event.getReason().equals("DataGrown"))
                .singleElement()
                .satisfies(event -> assertThat(event.getMessage())
                        .startsWith("From epoch " + grown.epoch()
                                + " on, counted from 0, training sees 192 images instead of 128"));
        assertThat(metrics()).containsPattern("swav_job_images\\{job=\"small\",namespace=\"default\"} 192");
        assertThat(Monitoring.problems(metrics()))
                .as("metrics that alerts and dashboard query, after a real run")
                .isEmpty();

        client.resource(job).delete();
        await("the pods are collected").atMost(LIMIT).until(() -> pods("small").isEmpty());
    }

    /**
     * Takes a checkpoint on demand, suspends the job, damages one checkpoint meanwhile and resumes with another world
     * size; then compares the weights with those of a job that trained undisturbed to the same step.
     */
    @Test
    void resumesFromWhereItWasSuspended() throws Exception {
        SwavJob paused = job("paused", 2, 2, "epochs: 5000", 100_000, 0.1);
        client.resource(paused).create();
        long onDemand = newest(onDemand(paused, "please")).step();

        Resource<SwavJob> resource = client.resource(paused);
        resource.patch(MERGE, "{\"spec\": {\"suspend\": true, \"replicas\": 1, \"elastic\": {\"minReplicas\": 1}}}");
        SwavJobStatus suspended = statusOf(
                paused,
                status -> status.isTrue(ConditionType.Suspended)
                        && newest(status).step() > onDemand
                        && pods("paused").isEmpty(),
                "saves and frees its nodes");
        long pausedAt = newest(suspended).step();
        assertThat(suspended.condition(ConditionType.Suspended).orElseThrow().message())
                .contains("It will resume from step " + pausedAt + " in file://");

        Path model = dir.resolve("paused/step-" + onDemand + "/model.safetensors");
        byte[] bytes = Files.readAllBytes(model);
        bytes[bytes.length / 2] ^= 1;
        Files.write(model, bytes);
        resource.patch(MERGE, "{\"spec\": {\"suspend\": false}}");
        SwavJobStatus resumed = statusOf(
                paused, status -> checkpoints(status).stream().anyMatch(c -> c.problem() != null), "names the damage");
        assertThat(checkpoints(resumed))
                .filteredOn(entry -> entry.step() == onDemand)
                .singleElement()
                .matches(entry -> String.valueOf(entry.problem()).contains("model.safetensors is damaged"));
        await("an Event names it, too")
                .atMost(LIMIT)
                .until(() -> client.v1().events().inNamespace("default").list().getItems().stream()
                        .anyMatch(event -> event.getReason().equals("CheckpointUnusable")
                                && event.getMessage().contains("step-" + onDemand)));

        CheckpointEntry end = newest(onDemand(paused, "again"));
        assertThat(end.step()).isGreaterThan(pausedAt);
        client.resource(paused).delete();
        assertThatAnUndisturbedJobHas(end, "quiet", 2);
    }

    /** Changes the template of three trainers while they train: all are replaced, and no step is computed twice. */
    @Test
    void aChangedTemplateReplacesAllTrainersWithoutLosingAStep() {
        SwavJob rolling = job("rolling", 3, 3, "epochs: 5000", 100_000, 0.1);
        client.resource(rolling).create();
        statusOf(rolling, status -> status.isTrue(ConditionType.Ready), "trains with three");
        List<String> first = names("rolling");
        client.resource(rolling)
                .patch(MERGE, "{\"spec\": {\"template\": {\"metadata\": {\"annotations\": {\"note\": \"b\"}}}}}");
        statusOf(rolling, status -> !status.isTrue(ConditionType.Ready), "replaces its pods");
        SwavJobStatus replaced = statusOf(rolling, status -> status.isTrue(ConditionType.Ready), "trains again");
        assertThat(names("rolling")).hasSize(3).doesNotContainAnyElementsOf(first);
        SwavJobStatus.Ledger ledger = Objects.requireNonNull(replaced.ledger());
        assertThat(ledger.stepsLost()).isZero();
        assertThat(ledger.preemptions()).isZero();
        assertThat(ledger.failures()).isZero();
        CheckpointEntry end = newest(onDemand(rolling, "after the rollout"));
        client.resource(rolling).delete();
        assertThatAnUndisturbedJobHas(end, "calm", 3);
    }

    /**
     * Changes the trainers' image to one of another build, which the members do not let in: all leave after they have saved,
     * and the others resume there. Both trainers are needed, so the job pauses meanwhile.
     */
    @Test
    void anImageOfAnotherBuildReplacesAllTrainersWithoutLosingAStep() throws Exception {
        SwavJob rebuilt = job("rebuilt", 2, 2, "epochs: 5000", 100_000, 0.1);
        client.resource(rebuilt).create();
        statusOf(rebuilt, status -> status.isTrue(ConditionType.Ready), "trains with two");
        List<String> first = names("rebuilt");
        client.resource(rebuilt).edit(job -> withCommand(job, commandOfAnotherBuild()));
        statusOf(rebuilt, status -> !status.isTrue(ConditionType.Ready), "replaces its pods");
        SwavJobStatus replaced = statusOf(rebuilt, status -> status.isTrue(ConditionType.Ready), "trains again");
        assertThat(names("rebuilt")).hasSize(2).doesNotContainAnyElementsOf(first);
        assertThat(Objects.requireNonNull(replaced.ledger()).stepsLost()).isZero();
        assertThat(client.v1().events().inNamespace("default").list().getItems())
                .anyMatch(event -> event.getReason().equals("PodsDeleted")
                        && event.getMessage().contains("spec.template has another build"));
        CheckpointEntry end = newest(onDemand(rebuilt, "after the other build"));
        client.resource(rebuilt).delete();
        assertThatAnUndisturbedJobHas(end, "unchanged", 2);
    }

    /** A trainer's build is the classes in its jars, so one more jar makes another. */
    private static List<String> commandOfAnotherBuild() {
        Path jar = dir.resolve("swav-other.jar");
        try (JarOutputStream out = new JarOutputStream(Files.newOutputStream(jar))) {
            out.putNextEntry(new ZipEntry("io/swav/Other.class"));
            out.write(1);
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
        List<String> command = new ArrayList<>(
                List.of(Path.of(System.getProperty("java.home"), "bin", "java").toString()));
        command.addAll(Main.JVM_OPTIONS);
        command.addAll(List.of(
                "-cp",
                Path.of(System.getProperty("swav.jar")).toAbsolutePath().normalize() + ":" + jar,
                Main.class.getName(),
                "train"));
        return command;
    }

    private static SwavJob withCommand(SwavJob job, List<String> command) {
        ObjectNode container =
                (ObjectNode) Objects.requireNonNull(job.getSpec().template()).at("/spec/containers/0");
        ArrayNode words = container.putArray("command");
        command.forEach(words::add);
        return job;
    }

    private static void assertThatAnUndisturbedJobHas(CheckpointEntry end, String name, int groups) {
        SwavJob quiet = job(name, 1, groups, "epochs: 5000, maxSteps: " + end.step(), 100_000, 0);
        client.resource(quiet).create();
        CheckpointEntry other = newest(statusOf(quiet, status -> status.isTrue(ConditionType.Complete), "ends"));
        assertThat(other.step()).isEqualTo(end.step());
        assertThat(other.digest()).as("weights of an undisturbed job").isEqualTo(end.digest());
    }

    private static void addShards(Path from, Path to, String prefix) throws IOException {
        try (DirectoryStream<Path> shards = Files.newDirectoryStream(from, "*.tar")) {
            for (Path shard : shards) {
                Files.copy(shard, to.resolve(prefix + shard.getFileName()));
            }
        }
    }

    private static SwavJob growing(SwavJob job, Path data) {
        ObjectNode json = Serialization.unmarshal(Serialization.asYaml(job), ObjectNode.class);
        json.withObject("/spec/data")
                .put("uri", data.toUri().toString())
                .put("grow", true)
                .put("growCheckSeconds", 1);
        return Serialization.unmarshal(json.toString(), SwavJob.class);
    }

    private static List<DataLedger.Entry> sets(SwavJobStatus status) {
        return Optional.ofNullable(status.progress())
                .map(SwavJobStatus.Progress::data)
                .map(DataInventory::seenSets)
                .orElse(List.of());
    }

    private static List<String> names(String job) {
        return pods(job).stream()
                .filter(pod -> !"Failed".equals(pod.getStatus().getPhase()))
                .map(pod -> pod.getMetadata().getName())
                .toList();
    }

    private static SwavJobStatus onDemand(SwavJob job, String request) {
        client.resource(job)
                .patch(MERGE, "{\"metadata\": {\"annotations\": {\"swav.io/checkpoint\": \"" + request + "\"}}}");
        return statusOf(
                job,
                status -> status.condition(ConditionType.CheckpointsSaved)
                        .filter(saved -> saved.message().contains("swav.io/checkpoint=" + request + " is fulfilled"))
                        .isPresent(),
                "saves on demand");
    }

    /**
     * @param groups of 16 images in a batch, and most trainers
     * @param stepSeconds that a step takes at least: a quiet job repeats the steps of one that waited for other things
     */
    private static SwavJob job(
            String name, int replicas, int groups, String length, int everySteps, double stepSeconds) {
        return Serialization.unmarshal(
                """
                apiVersion: swav.io/v1alpha1
                kind: SwavJob
                metadata: {name: %2$s, namespace: default}
                spec:
                  replicas: %3$d
                  elastic: {minReplicas: %8$d, maxReplicas: %7$d}
                  template:
                    spec:
                      containers:
                      - name: trainer
                        image: swav-trainer
                        env:
                        - {name: JDK_JAVA_OPTIONS, value: "-XX:TieredStopAtLevel=1"}
                        - {name: SWAV_STEP_SECONDS, value: "%6$s"}
                  model: {architecture: tiny, stem: small, prototypes: 10, featureDim: 8, hiddenDim: 16}
                  data: {uri: file://%1$s/data/train, evalUri: file://%1$s/data/test}
                  crops: [{count: 2, size: 16, minScale: 0.3, maxScale: 1}]
                  training: {globalBatch: %9$d, groupSize: 16, %4$s, prototypesFrozenSteps: 1, threads: 1,
                    optimizer: {warmupEpochs: 0.5}}
                  checkpoint: {uri: file://%1$s/%2$s, everySteps: %5$d}
                """.formatted(
                                dir,
                                name,
                                replicas,
                                length,
                                everySteps,
                                stepSeconds,
                                groups,
                                Math.min(replicas, 2),
                                16 * groups),
                SwavJob.class);
    }

    private static SwavJobStatus statusOf(SwavJob job, Predicate<SwavJobStatus> until, String what) {
        return await("job " + job.getMetadata().getName() + " " + what)
                .atMost(LIMIT)
                .until(
                        () -> Objects.requireNonNullElse(
                                client.resource(job).get().getStatus(), SwavJobStatus.EMPTY),
                        until);
    }

    private static List<CheckpointEntry> checkpoints(SwavJobStatus status) {
        return Objects.requireNonNullElse(status.checkpoints(), List.of());
    }

    private static CheckpointEntry newest(SwavJobStatus status) {
        return checkpoints(status).get(0);
    }

    private static String metrics() throws Exception {
        return Http.get(stack.awaitPage().resolve("metrics")).body();
    }

    private static List<Pod> pods(String job) {
        return client.pods()
                .inNamespace("default")
                .withLabel(ResourceNames.LABEL_JOB, job)
                .list()
                .getItems();
    }
}
