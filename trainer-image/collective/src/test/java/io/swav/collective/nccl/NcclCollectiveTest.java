package io.swav.collective.nccl;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.awaitility.Awaitility.await;

import ai.djl.ndarray.NDArray;
import ai.djl.ndarray.NDManager;
import ai.djl.ndarray.types.Shape;
import io.swav.collective.Collective;
import io.swav.collective.Collective.Transfer;
import io.swav.collective.CollectiveException;
import io.swav.collective.GroupRange;
import io.swav.collective.Ranked;
import io.swav.collective.TreeSum;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.Arrays;
import java.util.List;
import java.util.Random;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.concurrent.atomic.AtomicLong;
import java.util.stream.IntStream;
import java.util.stream.Stream;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

/** Tests behaviour specific to NCCL, over the stub: failures at every call, and no leaks. */
class NcclCollectiveTest {
    /** Number of calls that {@link #work} makes on a communicator, including the first, which forms it. */
    private static final int CALLS = 12;
    /** Number of calls that close a communicator: finalize, destroy. */
    private static final int CLOSING = 2;

    private Path folder = Path.of("");

    @BeforeEach
    void stub() {
        folder = NcclStub.folder();
    }

    @AfterEach
    void checkNothingIsLeaked() throws IOException {
        Files.deleteIfExists(folder.resolve("fault"));
        Path misuse = folder.resolve("misuse");
        boolean misused = Files.deleteIfExists(misuse); // or every later case would fail too
        assertThat(misused).as("a call on a freed communicator").isFalse();
        await().atMost(Duration.ofSeconds(20)).until(NcclStub::threads, List::isEmpty);
    }

    /** Rank 1 fails in a call, or its communicator fails later: it reports NCCL's error, and the others that it is gone. */
    @ParameterizedTest
    @ValueSource(strings = {"error", "async"})
    void everyRankFailsWhenOneFailsAtAnyCall(String kind) throws Exception {
        for (int call = 0; call < CALLS; call++) {
            Files.writeString(folder.resolve("fault"), "1 " + call + " " + kind);
            List<String> ends = ends(3, collective -> {});
            assertThat(ends).as("%s at call %d", kind, call).doesNotContain("done");
            assertThat(ends.get(1)).as("%s at call %d", kind, call).startsWith("NCCL: ");
        }
    }

    /** A call of rank 1 does not return, or its data never moves; another thread aborts it. */
    @ParameterizedTest
    @ValueSource(strings = {"hang", "stall"})
    void abortReleasesEveryRankFromAHungOne(String kind) throws Exception {
        int first = kind.equals("hang") ? 1 : 2; // only what is launched can stall, and the first launch is call 2
        for (int call = first; call < CALLS; call = kind.equals("hang") ? call + 1 : call + CALLS) {
            Files.writeString(folder.resolve("fault"), "1 " + call + " " + kind);
            ExecutorService watchdog = Executors.newSingleThreadExecutor();
            AtomicLong aborted = new AtomicLong();
            AtomicLong free = new AtomicLong();
            try {
                List<String> ends = ends(3, new Watch() {
                    @Override
                    public void hung(Collective collective) {
                        watchdog.execute(() -> {
                            pause(300);
                            aborted.set(System.nanoTime());
                            collective.abort();
                        });
                    }

                    @Override
                    public void free() {
                        free.accumulateAndGet(System.nanoTime(), Math::max);
                    }
                });
                assertThat(ends).as("%s at call %d", kind, call).doesNotContain("done");
                assertThat(Duration.ofNanos(free.get() - aborted.get()))
                        .as("time from the abort until every rank is released, %s at call %d", kind, call)
                        .isBetween(Duration.ZERO, Duration.ofSeconds(10));
            } finally {
                watchdog.shutdown();
                assertThat(watchdog.awaitTermination(30, TimeUnit.SECONDS)).isTrue();
            }
        }
    }

    /** The call of rank 1 that forms the communicator does not return, and nothing could abort it. */
    @Test
    void cancellingEndsFormingWhenARankHangs() throws Exception {
        Files.writeString(folder.resolve("fault"), "1 0 hang");
        AtomicBoolean cancelled = new AtomicBoolean();
        ConnectTimeout timeout = new ConnectTimeout(Duration.ofSeconds(60), cancelled::get);
        Thread later = new Thread(() -> {
            pause(300);
            cancelled.set(true);
        });
        later.start();
        long start = System.nanoTime();
        assertThatThrownBy(() -> NcclStub.connect(3, timeout))
                .hasMessageContaining("the creation of the communicator was cancelled");
        assertThat(Duration.ofNanos(System.nanoTime() - start)).isLessThan(Duration.ofSeconds(20));
        later.join();
    }

    @Test
    void formingEndsAtItsDeadline() throws Exception {
        Files.writeString(folder.resolve("fault"), "1 0 hang");
        ConnectTimeout timeout = new ConnectTimeout(Duration.ofSeconds(1), () -> false);
        assertThatThrownBy(() -> NcclStub.connect(3, timeout))
                // the first rank that gives up closes its connections to the others
                .hasMessageMatching("(?s).*(did not complete within 1 s|rank \\d).*");
    }

    /** Once the work is done, a failure to close the communicator affects no rank and delays none for long. */
    @ParameterizedTest
    @ValueSource(strings = {"error", "async", "hang"})
    void aFaultWhileClosingDoesNotFailTheWork(String kind) throws Exception {
        for (int call = CALLS; call < CALLS + CLOSING; call++) {
            Files.writeString(folder.resolve("fault"), "1 " + call + " " + kind);
            assertThat(ends(3, collective -> {}))
                    .as("%s at call %d", kind, call)
                    .containsOnly("done");
            Files.delete(folder.resolve("fault"));
        }
    }

    @Test
    void fiftyWorldsLeakNothing() throws Exception {
        long before = NcclStub.sockets();
        for (int world = 0; world < 50; world++) {
            boolean aborts = world % 2 == 1;
            Ranked.run(NcclStub.connect(3), (collective, manager) -> {
                try {
                    collective.allReduceSum(manager.ones(new Shape(1000)));
                } catch (CollectiveException e) {
                    assertThat(aborts).as("%s", e).isTrue(); // rank 0 has aborted before this rank finished
                }
                if (aborts && collective.rank() == 0) {
                    collective.abort();
                }
                return true;
            });
        }
        await().atMost(Duration.ofSeconds(20))
                .until(() -> NcclStub.threads().isEmpty() && NcclStub.sockets() <= before);
    }

    @ParameterizedTest
    @CsvSource({"8,10,4", "7,300001,3", "13,3000000,2"})
    void treeSumsHaveTheSameBitsAsOverTcp(int groups, int length, int size) throws Exception {
        Ranked.Body<float[]> body = (collective, manager) -> {
            GroupRange[] runs = IntStream.range(0, size)
                    .mapToObj(rank -> GroupRange.of(groups, rank, size))
                    .toArray(GroupRange[]::new);
            GroupRange run = runs[collective.rank()];
            TreeSum.Accumulator local = new TreeSum.Accumulator(groups, run);
            for (int group = run.from(); group < run.to(); group++) {
                local.add(group, manager.create(values(length, group)));
            }
            return local.reduce(collective, runs).toFloatArray();
        };
        float[] tcp = Ranked.run(size, body).get(0);
        for (float[] sum : Ranked.run(NcclStub.connect(size), body)) {
            assertThat(Arrays.mismatch(sum, tcp)).isEqualTo(-1);
        }
    }

    private interface Watch {
        /** Called when rank 1 begins its work. */
        void hung(Collective collective);

        /** Called when the work of a rank has failed, before the rank closes its world. */
        default void free() {}
    }

    /** Returns the outcome of each rank's work: "done", or the message of its failure. */
    private static List<String> ends(int size, Watch watch) throws Exception {
        List<? extends Collective> world;
        try {
            world = NcclStub.connect(size);
        } catch (ExecutionException e) {
            // the fault occurred while forming: every rank's attempt has ended, or this would not have returned
            List<String> messages = Stream.concat(Stream.of(e), Arrays.stream(e.getSuppressed()))
                    .map(each -> String.valueOf(each.getMessage()).replaceFirst("^.*Exception: ", ""))
                    .toList();
            // the other ranks may notice that rank 1 is gone before it has reported its reason
            return List.of(
                    "",
                    messages.stream()
                            .filter(each -> each.startsWith("NCCL: "))
                            .findFirst()
                            .orElse(messages.get(0)),
                    "");
        }
        return Ranked.run(world, (collective, manager) -> {
            if (collective.rank() == 1) {
                watch.hung(collective);
            }
            try {
                work(collective, manager);
                return "done";
            } catch (CollectiveException e) {
                watch.free();
                collective.abort();
                return String.valueOf(e.getMessage());
            }
        });
    }

    private static void work(Collective collective, NDManager manager) {
        NDArray values = manager.ones(new Shape(1000));
        collective.allReduceSum(values);
        collective.broadcast(values, 0);
        int next = (collective.rank() + 1) % collective.size();
        int previous = (collective.rank() + collective.size() - 1) % collective.size();
        collective.exchange(
                List.of(new Transfer(next, values)), List.of(new Transfer(previous, manager.zeros(new Shape(1000)))));
        collective.allGather(values, manager.zeros(new Shape(1000L * collective.size())));
        collective.allReduceMin(values);
    }

    private static void pause(long millis) {
        try {
            TimeUnit.MILLISECONDS.sleep(millis);
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
        }
    }

    private static float[] values(int length, int seed) {
        Random random = new Random(seed);
        float[] values = new float[length];
        for (int i = 0; i < length; i++) {
            values[i] = (float) (random.nextGaussian() * Math.exp(random.nextGaussian()));
        }
        return values;
    }
}
