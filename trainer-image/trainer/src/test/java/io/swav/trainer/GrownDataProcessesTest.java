package io.swav.trainer;

import static org.assertj.core.api.Assertions.assertThat;
import static org.awaitility.Awaitility.await;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import io.swav.api.DataLedger;
import io.swav.api.TrainerEnv;
import io.swav.api.TrainerReport;
import io.swav.collective.GroupRange;
import io.swav.data.DataSynthCommand;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.HashMap;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/**
 * Trains SwAV in real processes on data that grows from 4 to 6 shards meanwhile; the weights must equal those of one process
 * that nothing disturbs and whose data grows at the same epoch.
 */
class GrownDataProcessesTest {
    private static final ObjectMapper JSON = new ObjectMapper();
    private static final int BATCH = 24;
    private static final int EPOCHS = 30;

    @TempDir
    Path folder;

    @Test
    void aKillAResizeAndARestartChangeNothing() throws Exception {
        Path data = Files.createDirectories(folder.resolve("data"));
        for (int shard = 0; shard < 4; shard++) {
            addShard(data, "s-" + shard, shard);
        }
        Path spec = Files.writeString(folder.resolve("job.json"), """
                {"replicas": 1,
                 "model": {"architecture": "tiny", "stem": "small", "prototypes": 8, "featureDim": 8, "hiddenDim": 16},
                 "data": {"uri": "%s", "grow": true, "growCheckSeconds": 1, "workers": 1},
                 "crops": [{"count": 2, "size": 16, "minScale": 0.14, "maxScale": 1.0}],
                 "checkpoint": {"uri": "%s", "everySteps": 4},
                 "training": {"globalBatch": %d, "groupSize": 8, "epochs": %d, "optimizer": {"warmupEpochs": 1}}}
                """.formatted(
                        data.toUri(), folder.resolve("unused").toUri(), BATCH, EPOCHS));
        Path out = folder.resolve("out");
        try (Trainers trainers = new Trainers(folder, spec, out, true).trainingSwav()) {
            trainers.variable(TrainerEnv.STEP_SECONDS, "0.5");
            Process a = trainers.start("a");
            Process b = trainers.start("b");
            Process c = trainers.start("c");
            trainers.publish("a", "b", "c");
            trainers.awaitStep("a", 2);
            for (int shard = 4; shard < 6; shard++) { // their names sort before those that are there
                addShard(data, "a-" + shard, shard);
            }
            c.destroyForcibly();
            trainers.awaitReport("a", report -> report.lostPeer() != null);
            trainers.publish("a", "b");
            trainers.awaitGeneration("b");
            await().atMost(Duration.ofMinutes(3))
                    .until(() -> Journals.events(trainers.journals(), "a").contains("grown"));
            long grown = trainers.awaitReport("a", report -> true).step();
            trainers.start("d");
            trainers.awaitReport("d", report -> report.state() == TrainerReport.State.Ready);
            trainers.publish("a", "b", "d");
            trainers.awaitGeneration("d");
            trainers.awaitStep("a", grown + 3);
            a.destroyForcibly();
            b.destroyForcibly();
            trainers.process("d").destroyForcibly(); // all who hold the state: the next one resumes from a checkpoint
            trainers.variable(TrainerEnv.STEP_SECONDS, "");
            trainers.start("e");
            trainers.publish(false, List.of("a", "b", "d"), "e");
            assertThat(trainers.exitCode("e")).as(trainers.tail("e")).isZero();
            assertThat(Journals.events(trainers.journals(), "e")).contains("resumed", "done");
            assertThat(Journals.events(trainers.journals(), "a")).contains("grown");
        }
        DataLedger ledger = ledger(out);
        assertThat(ledger.sets()).as("a look may come between the two shards").hasSizeBetween(2, 3);
        assertThat(ledger.newest().samples()).isEqualTo(72);

        Path quiet = Files.createDirectories(folder.resolve("quiet"));
        copyLedger(out, quiet.resolve("out"));
        try (Trainers trainers = new Trainers(quiet, spec, quiet.resolve("out"), false).trainingSwav()) {
            trainers.start("r");
            assertThat(trainers.exitCode("r")).as(trainers.tail("r")).isZero();
        }
        long steps = ledger.firstStep(EPOCHS, BATCH);
        String last = "step-" + steps + "/model.safetensors";
        assertThat(Files.readAllBytes(out.resolve(last)))
                .isEqualTo(Files.readAllBytes(quiet.resolve("out").resolve(last)));
        Map<Long, List<Long>> fed = everySampleOnceAnEpoch(quiet.resolve("journal"), ledger);
        assertThat(fed).hasSize((int) steps);
        everyShareIsThatOfTheQuietRun(folder.resolve("journal"), fed);
    }

    /** Adds a shard of 12 images. */
    private void addShard(Path data, String name, int seed) throws IOException {
        Path made = folder.resolve("made-" + seed);
        DataSynthCommand.synthesize(made, 12, 2, 24, seed);
        try (Stream<Path> all = Files.list(made.resolve("train"))) {
            Files.copy(all.findFirst().orElseThrow(), data.resolve(name + ".tar"));
        }
    }

    private static DataLedger ledger(Path out) throws IOException {
        try (Stream<Path> all = Files.list(out.resolve("data-index"))) {
            Path file = all.filter(path -> path.toString().endsWith(".sets.json"))
                    .findFirst()
                    .orElseThrow();
            return JSON.readValue(file.toFile(), DataLedger.class);
        }
    }

    private static void copyLedger(Path from, Path to) throws IOException {
        Path index = Files.createDirectories(to.resolve("data-index"));
        try (Stream<Path> all = Files.list(from.resolve("data-index"))) {
            for (Path file : all.toList()) {
                Files.copy(file, index.resolve(file.getFileName()));
            }
        }
    }

    /** Returns the samples of each step of a run in one process. */
    private static Map<Long, List<Long>> everySampleOnceAnEpoch(Path journals, DataLedger ledger) throws IOException {
        Map<Long, List<Long>> fed = new HashMap<>();
        Map<Long, Set<Long>> epochs = new HashMap<>();
        for (JsonNode line : Journals.steps(journals)) {
            long step = line.get("step").asLong();
            List<Long> samples = samples(line);
            assertThat(fed.put(step, samples)).as("step %d", step).isNull();
            long epoch = ledger.epochOf(step, BATCH);
            samples.forEach(sample -> assertThat(
                            epochs.computeIfAbsent(epoch, e -> new HashSet<>()).add(sample))
                    .as("sample %d of epoch %d", sample, epoch)
                    .isTrue());
        }
        assertThat(epochs).hasSize(EPOCHS);
        epochs.forEach(
                (epoch, samples) -> assertThat(samples).as("epoch %d", epoch).hasSize((int)
                        ledger.setOf(epoch).samples()));
        return fed;
    }

    private static void everyShareIsThatOfTheQuietRun(Path journals, Map<Long, List<Long>> fed) throws IOException {
        for (JsonNode line : Journals.steps(journals)) {
            GroupRange own = GroupRange.of(
                    BATCH / 8, line.get("rank").asInt(), line.get("size").asInt());
            assertThat(samples(line))
                    .as("%s", line)
                    .isEqualTo(fed.getOrDefault(line.get("step").asLong(), List.of())
                            .subList(8 * own.from(), 8 * own.to()));
        }
    }

    private static List<Long> samples(JsonNode line) {
        return JSON.convertValue(
                line.get("samples"), JSON.getTypeFactory().constructCollectionType(List.class, Long.class));
    }
}
