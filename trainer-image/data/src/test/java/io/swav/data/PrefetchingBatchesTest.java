package io.swav.data;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.awaitility.Awaitility.await;

import ai.djl.ndarray.NDArray;
import ai.djl.ndarray.NDManager;
import ai.djl.ndarray.types.Shape;
import com.fasterxml.jackson.databind.ObjectMapper;
import io.swav.api.ExitCodes;
import io.swav.api.SpecLoader;
import io.swav.api.SwavJobSpec;
import io.swav.torch.AsOnDevice;
import io.swav.torch.CudaStub;
import io.swav.torch.TorchRuntime;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.Random;
import java.util.Set;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.function.LongPredicate;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

@SuppressWarnings("try") // AsOnDevice works by being open
class PrefetchingBatchesTest {
    private static final int GROUPS = 4;

    @TempDir
    private Path folder;

    @BeforeAll
    static void libtorch() {
        TorchRuntime.start();
    }

    @ParameterizedTest
    @ValueSource(strings = {"Host", "Device"})
    void cropsHaveTheSpecifiedShapes(String on) throws IOException {
        write(Set.of());
        try (PrefetchingBatches batches = PrefetchingBatches.open(spec(1, 0, on));
                NDManager manager = NDManager.newBaseManager()) {
            assertThat(batches.samples()).isEqualTo(40);
            assertThat(batches.ledger().stepsIn(0, 16)).isEqualTo(2);
            List<NDArray> crops = batches.group(manager, 0, 0);
            assertThat(crops.get(0).getShape()).isEqualTo(new Shape(8, 3, 16, 16));
            assertThat(crops.get(1).getShape()).isEqualTo(new Shape(12, 3, 8, 8));
            assertThat(crops.get(0).max().getFloat()).isLessThan(3);
            assertThat(crops.get(0).min().getFloat()).isGreaterThan(-3);
        }
    }

    @ParameterizedTest
    @ValueSource(strings = {"Host", "Device"})
    void deviceGetsTheSameCrops(String on) throws IOException {
        write(Set.of());
        List<float[]> host = crops(spec(1, 0, on), 0, GROUPS);
        try (AsOnDevice device = AsOnDevice.begin()) {
            assertThat(crops(spec(1, 0, on), 0, GROUPS))
                    .usingRecursiveComparison()
                    .isEqualTo(host);
        }
    }

    @ParameterizedTest
    @ValueSource(strings = {"Host", "Device"})
    void threadsWorldAndRequestOrderDoNotChangeCrops(String on) throws IOException {
        write(Set.of());
        List<float[]> alone = crops(spec(1, 0, on), 0, GROUPS);
        List<float[]> first = crops(spec(4, 0, on), 0, 2);
        List<float[]> second = crops(spec(3, 0, on), 2, GROUPS);

        for (int step = 0; step < 4; step++) {
            for (int group = 0; group < GROUPS; group++) {
                float[] other = group < 2 ? first.get(step * 2 + group) : second.get(step * 2 + group - 2);
                assertThat(other).isEqualTo(alone.get(step * GROUPS + group));
            }
        }
        try (PrefetchingBatches batches = PrefetchingBatches.open(spec(2, 0, on));
                NDManager manager = NDManager.newBaseManager()) {
            batches.expect(0, 0, GROUPS);
            for (int group = GROUPS - 1; group >= 0; group--) {
                for (int times = 0; times < 2; times++) {
                    assertThat(batches.group(manager, 3, group).get(1).toFloatArray())
                            .isEqualTo(alone.get(3 * GROUPS + group));
                }
            }
        }
    }

    @ParameterizedTest
    @ValueSource(strings = {"Host", "Device"})
    void doesNotDecodeADroppedStepAgain(String on) throws IOException {
        write(Set.of());
        try (PrefetchingBatches batches = PrefetchingBatches.open(spec(1, 0, on));
                NDManager manager = NDManager.newBaseManager()) {
            batches.expect(1, 0, 3);
            List<float[]> before = new ArrayList<>();
            for (int group = 0; group < 3; group++) {
                before.add(batches.group(manager, 1, group).get(1).toFloatArray());
            }
            Files.write(folder.resolve("s-000000.tar"), new byte[0]);
            batches.expect(1, 1, GROUPS); // another world: one group belongs to another rank now, one is new
            assertThat(batches.group(manager, 1, 1).get(1).toFloatArray()).isEqualTo(before.get(1));
            assertThat(batches.group(manager, 1, 2).get(1).toFloatArray()).isEqualTo(before.get(2));
            assertThatThrownBy(() -> batches.group(manager, 1, 3)).isInstanceOf(DataException.class);
        }
    }

    @Test
    void preparesTheGroupsThatAreDueWhenTrainingGoesBack() throws IOException {
        write(Set.of());
        try (PrefetchingBatches batches = PrefetchingBatches.open(spec(1, 0, "Host"));
                NDManager manager = NDManager.newBaseManager()) {
            batches.expect(5, 0, 1);
            for (int step = 5; step < 8; step++) {
                batches.group(manager, step, 0);
            }
            awaitDecoded(batches);
            batches.expect(2, 0, 1);
            awaitDecoded(batches);
            Files.write(folder.resolve("s-000000.tar"), new byte[0]);
            assertThat(batches.group(manager, 2, 0)).isNotEmpty();
        }
    }

    /** Uses a CUDA runtime that copies nothing until a thread waits for it. */
    @ParameterizedTest
    @ValueSource(strings = {"Host", "Device"})
    void prefetchedGroupsKeepTheirCropsWhenTheWorldChanges(String on) throws Exception {
        write(Set.of());
        List<float[]> alone = crops(spec(1, 0, on), 0, GROUPS);
        CudaStub.copies().close();
        long left = CudaStub.left();
        try (AsOnDevice device = AsOnDevice.begin();
                NDManager root = NDManager.newBaseManager();
                PrefetchingBatches batches = prefetching(on)) {
            Random random = new Random(7);
            long before = CudaStub.copied();
            for (int step = 0; step < 4; step++) {
                for (int world = 0; world < 6; world++) { // five dropped attempts, then a complete one
                    int from = random.nextInt(GROUPS);
                    int to = from + 1 + random.nextInt(GROUPS - from);
                    int last = world < 5 ? from + random.nextInt(to - from + 1) : to;
                    batches.expect(step, from, to);
                    try (NDManager manager = root.newSubManager()) {
                        for (int group = from; group < last; group++) {
                            assertThat(batches.group(manager, step, group)
                                            .get(1)
                                            .toFloatArray())
                                    .as("step %s, world %s, group %s", step, world, group)
                                    .isEqualTo(alone.get(step * GROUPS + group));
                            awaitDecoded(batches);
                        }
                    }
                }
            }
            assertThat(CudaStub.copied() - before).isGreaterThan(4);
        }
        assertThat(CudaStub.left()).isEqualTo(left);
    }

    /**
     * Uses one group per step, the minimum: when it is requested, the next one is already prepared and can be copied.
     */
    @ParameterizedTest
    @ValueSource(strings = {"Host", "Device"})
    void prefetchesEachGroupWhileThePreviousOneIsComputed(String on) throws Exception {
        write(Set.of());
        CudaStub.copies().close();
        try (AsOnDevice device = AsOnDevice.begin();
                NDManager manager = NDManager.newBaseManager();
                PrefetchingBatches batches = prefetching(on)) {
            batches.expect(0, 2, 3);
            long aGroup = on.equals("Host") ? 2 : 4; // number of resolutions, or of images
            long before = CudaStub.copied();
            for (int step = 0; step < 10; step++) {
                batches.group(manager, step, 2);
                awaitDecoded(batches);
            }
            assertThat(CudaStub.copied() - before)
                    .as("one copy after each of ten groups, except that the first two may not be decoded in time")
                    .isBetween(8 * aGroup, 10 * aGroup);
        }
    }

    private static void awaitDecoded(PrefetchingBatches batches) {
        await().pollDelay(Duration.ZERO)
                .pollInterval(Duration.ofMillis(1))
                .atMost(Duration.ofMinutes(1))
                .until(batches::idle);
    }

    private PrefetchingBatches prefetching(String on) throws IOException {
        SwavJobSpec spec = spec(2, 0, on);
        return new PrefetchingBatches(spec, DataSet.open(spec.data().uri()), Optional.of(CudaStub.copies()));
    }

    @ParameterizedTest
    @ValueSource(strings = {"Host", "Device"})
    void replacesUndecodableImagesTheSameWayInEveryWorld(String on) throws IOException {
        write(Set.of(3, 4, 17));
        List<float[]> alone = crops(spec(1, 3, on), 0, GROUPS);
        List<float[]> second = crops(spec(2, 3, on), 2, GROUPS);

        for (int step = 0; step < 4; step++) {
            assertThat(second.get(step * 2)).isEqualTo(alone.get(step * GROUPS + 2));
        }
        try (PrefetchingBatches batches = PrefetchingBatches.open(spec(1, 3, on));
                NDManager manager = NDManager.newBaseManager()) {
            for (int step = 0; step < 4; step++) {
                for (int group = 0; group < GROUPS; group++) {
                    batches.group(manager, step, group);
                }
            }
            assertThat(batches.skipped()).isEqualTo(3);
        }
    }

    @ParameterizedTest
    @ValueSource(strings = {"Host", "Device"})
    void failsAndNamesAnImageWhenTooManyAreUndecodable(String on) throws IOException {
        write(Set.of(3, 4, 17));
        assertThatThrownBy(() -> crops(spec(1, 2, on), 0, GROUPS))
                .isInstanceOf(DataException.class)
                .hasMessageContaining("data.maxBadSamples (2)")
                .hasMessageContaining("s-000000.tar:");
    }

    @Test
    void followsARaisedLimitOfUndecodableImages() throws IOException {
        write(Set.of(3, 4, 17));
        try (PrefetchingBatches batches = PrefetchingBatches.open(spec(1, 2, "Host"))) {
            batches.maxBadSamples(3);
            crops(batches, 0, GROUPS);
            assertThat(batches.skipped()).isEqualTo(3);
        }
    }

    @ParameterizedTest
    @ValueSource(strings = {"Host", "Device"})
    void aReadThatFailsOnceDoesNotChangeCrops(String on) throws IOException {
        write(Set.of());
        SwavJobSpec spec = spec(3, 0, on);
        List<float[]> withoutErrors = crops(spec, 0, GROUPS);
        Set<Long> failed = ConcurrentHashMap.newKeySet();
        try (PrefetchingBatches batches = over(spec, sample -> sample % 5 == 0 && failed.add(sample))) {
            assertThat(crops(batches, 0, GROUPS)).usingRecursiveComparison().isEqualTo(withoutErrors);
            assertThat(batches.skipped()).isZero();
        }
        assertThat(failed).isNotEmpty();
    }

    /** Even if more samples than data.maxBadSamples fail, the job must not be given up. */
    @Test
    void persistentReadErrorsEndTheProcessButNotTheJob() throws IOException {
        write(Set.of());
        try (PrefetchingBatches batches = over(spec(4, 0, "Host"), sample -> true);
                NDManager manager = NDManager.newBaseManager()) {
            assertThatThrownBy(() -> batches.group(manager, 0, 0))
                    .isInstanceOfSatisfying(
                            DataException.class,
                            e -> assertThat(ExitCodes.isPermanent(e.exitCode())).isFalse())
                    .hasMessageContaining("cannot read " + folder.resolve("s-000000.tar") + ":key")
                    .hasMessageContaining("Stale file handle");
        }
    }

    @Test
    void closesPromptlyWhileReadsAreRetried() throws Exception {
        write(Set.of());
        AtomicInteger tries = new AtomicInteger();
        PrefetchingBatches batches = over(spec(1, 0, "Host", 60), sample -> tries.incrementAndGet() > 0);
        batches.expect(0, 0, GROUPS);
        int reading = GROUPS * 4; // one step's samples
        await().until(() -> tries.get() >= 3 * reading);
        int before = tries.get();
        long start = System.nanoTime();
        batches.close();
        assertThat(tries.get() - before)
                .as("tries during close: none begins after it")
                .isLessThanOrEqualTo(reading);
        assertThat(Duration.ofNanos(System.nanoTime() - start)).isLessThan(Duration.ofSeconds(8));
    }

    private static PrefetchingBatches over(SwavJobSpec spec, LongPredicate fails) {
        return new PrefetchingBatches(
                spec, new FailingReads(DataSet.open(spec.data().uri()), fails));
    }

    private static List<float[]> crops(SwavJobSpec spec, int from, int to) {
        try (PrefetchingBatches batches = PrefetchingBatches.open(spec)) {
            return crops(batches, from, to);
        }
    }

    /** The crops of the second resolution, for groups [from, to) of four steps, prefetched. */
    private static List<float[]> crops(PrefetchingBatches batches, int from, int to) {
        List<float[]> all = new ArrayList<>();
        try (NDManager manager = NDManager.newBaseManager()) {
            batches.expect(0, from, to);
            for (int step = 0; step < 4; step++) {
                for (int group = from; group < to; group++) {
                    all.add(batches.group(manager, step, group).get(1).toFloatArray());
                }
            }
        }
        return all;
    }

    private void write(Set<Integer> broken) throws IOException {
        try (ShardWriter writer = new ShardWriter(folder, "s", 100)) {
            for (int i = 0; i < 40; i++) {
                byte[] image = broken.contains(i) ? "broken".getBytes(StandardCharsets.UTF_8) : DataSetTest.image(i);
                writer.add(String.format("key%03d", i), image, "jpg", i % 10);
            }
        }
    }

    private SwavJobSpec spec(int workers, int maxBad, String augmentOn) throws IOException {
        return spec(workers, maxBad, augmentOn, 4);
    }

    private SwavJobSpec spec(int workers, int maxBad, String augmentOn, int hungAfterSeconds) throws IOException {
        String json = """
                {"replicas": 1, "elastic": {"minReplicas": 1, "maxReplicas": 4},
                 "model": {"architecture": "tiny", "stem": "small"},
                 "data": {"uri": "%s", "workers": %d, "maxBadSamples": %d, "augmentOn": "%s"},
                 "crops": [{"count": 2, "size": 16, "minScale": 0.14, "maxScale": 1.0},
                           {"count": 3, "size": 8, "minScale": 0.05, "maxScale": 0.14}],
                 "training": {"globalBatch": 16, "groupSize": 4, "epochs": 10}, "recovery": {"hungAfterSeconds": %d}}
                """.formatted(folder.toUri(), workers, maxBad, augmentOn, hungAfterSeconds);
        return SpecLoader.complete("test", new ObjectMapper().readTree(json));
    }
}
