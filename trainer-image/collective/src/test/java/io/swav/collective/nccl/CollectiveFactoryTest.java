package io.swav.collective.nccl;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.awaitility.Awaitility.await;

import ai.djl.ndarray.NDArray;
import ai.djl.ndarray.NDManager;
import ai.djl.ndarray.types.Shape;
import io.swav.collective.Collective;
import io.swav.collective.CollectiveException;
import io.swav.collective.Ranked;
import io.swav.torch.CudaStub;
import io.swav.torch.CudaStub.Held;
import io.swav.torch.TorchRuntime;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicBoolean;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** Forms one world after another, over the stub. */
class CollectiveFactoryTest {
    private static final Duration LONG = Duration.ofSeconds(20);

    private final Map<String, CollectiveFactory> factories = new ConcurrentHashMap<>();
    private Path folder = Path.of("");

    @BeforeEach
    void stub() throws IOException {
        folder = NcclStub.folder();
        Files.writeString(folder.resolve("made"), "");
    }

    @AfterEach
    void checkNothingIsLeaked() throws IOException {
        for (String name : List.of("fault", "made", "version")) {
            Files.deleteIfExists(folder.resolve(name));
        }
        factories.values().forEach(CollectiveFactory::close);
        assertThat(folder.resolve("misuse")).doesNotExist();
        await().atMost(LONG).until(NcclStub::threads, List::isEmpty);
    }

    @Test
    void shrinksTheCommunicatorWhenMembersOnlyLeave() throws Exception {
        sum("a", "b", "c", "d");
        sum("a", "c", "d");
        sum("c", "d");
        sum("c", "e", "d");
        sum("d", "c");
        assertThat(made())
                .containsExactlyInAnyOrder(
                        "fresh 0 of 4",
                        "fresh 1 of 4",
                        "fresh 2 of 4",
                        "fresh 3 of 4", //
                        "shrunk 0 of 3",
                        "shrunk 1 of 3",
                        "shrunk 2 of 3", //
                        "shrunk 0 of 2",
                        "shrunk 1 of 2", //
                        "fresh 0 of 3",
                        "fresh 1 of 3",
                        "fresh 2 of 3", //
                        "fresh 0 of 2",
                        "fresh 1 of 2");
    }

    @Test
    void doesNotShrinkAFailedCommunicator() throws Exception {
        List<Collective> world = world("a", "b", "c");
        Ranked.run(world, (collective, manager) -> {
            if (collective.rank() == 2) {
                collective.abort();
            }
            assertThatThrownBy(() -> {
                        while (true) {
                            collective.allReduceSum(manager.ones(new Shape(10)));
                        }
                    })
                    .isInstanceOf(CollectiveException.class);
            return true;
        });
        sum("a", "b");
        assertThat(made()).noneMatch(line -> line.startsWith("shrunk")).contains("fresh 1 of 2");
    }

    @Test
    void aSingleRankNeedsNoCommunicator() throws Exception {
        sum("a", "b");
        assertThat(world("b").get(0).name()).isEqualTo("none");
        sum("a", "b");
        assertThat(made()).hasSize(4).noneMatch(line -> line.startsWith("shrunk"));
    }

    @Test
    void usesTcpUnlessAllMembersHaveTheSameNccl() throws Exception {
        factories.put("b", new CollectiveFactory(Optional.empty()));
        factories.put("c", new CollectiveFactory(Optional.of(new NcclLibrary.Versions(1, 12090, 12090, 22603))));
        assertThat(sum("a", "b")).isEqualTo("TCP");
        assertThat(sum("a", "c")).isEqualTo("TCP");
        assertThat(sum("a", "d")).startsWith("NCCL 2.27.3");
    }

    @Test
    void doesNotShrinkWithAnOlderLibrary() throws Exception {
        for (String uid : new String[] {"a", "b", "c"}) {
            factories.put(uid, new CollectiveFactory(Optional.of(new NcclLibrary.Versions(1, 12090, 12090, 22603))));
        }
        sum("a", "b", "c");
        sum("a", "b");
        assertThat(made()).noneMatch(line -> line.startsWith("shrunk"));
    }

    /** Rank 1 fails while the others shrink: no rank gets a world, and the next attempt creates a new communicator. */
    @ParameterizedTest
    @ValueSource(strings = {"error", "hang"})
    void aFaultWhileShrinkingFailsTheAttemptOnEveryRank(String kind) throws Exception {
        sum("a", "b", "c");
        Files.writeString(folder.resolve("fault"), "1 3 " + kind); // init, all-reduce, its group, shrink
        AtomicBoolean cancelled = new AtomicBoolean();
        CompletableFuture<Void> attempt = CompletableFuture.runAsync(
                () -> assertThatThrownBy(() -> connect(cancelled, "a", "b")).isInstanceOf(ExecutionException.class));
        if (kind.equals("hang")) {
            await().atMost(LONG)
                    .during(Duration.ofMillis(300))
                    .until(() -> NcclStub.threads().contains("nccl-init"));
            cancelled.set(true);
        }
        attempt.get(LONG.toSeconds(), TimeUnit.SECONDS);
        Files.delete(folder.resolve("fault"));
        sum("a", "b");
        assertThat(made())
                .contains("fresh 1 of 2")
                .filteredOn("fresh 0 of 2"::equals)
                .hasSize(1);
    }

    /** The host runs ahead of its device, which has not even begun: close() says goodbye only when the device is done. */
    @Test
    void closeWaitsForTheDevice() throws Exception {
        List<Collective> world = world("a", "b");
        try (NDManager manager = TorchRuntime.host()) {
            NDArray sum = manager.ones(new Shape(10));
            CudaStub.hold(Held.LIBTORCH);
            world.get(0).allReduceSum(sum);
            CompletableFuture<Void> closing = CompletableFuture.runAsync(world.get(0)::close);
            await().during(Duration.ofSeconds(1)).until(() -> !closing.isDone());
            CudaStub.hold(Held.NONE);
            CompletableFuture.runAsync(
                            () -> { // on another thread, because each rank's libtorch has its own stream
                                world.get(1).allReduceSum(manager.ones(new Shape(10)));
                                world.get(1).synchronize();
                            })
                    .join();
            closing.join();
            assertThat(sum.getFloat(9)).isEqualTo(2);
        } finally {
            CudaStub.hold(Held.NONE);
            world.forEach(Collective::close);
        }
    }

    @Test
    void fiftyWorldsLeakNoThreadSocketOrCommunicator() throws Exception {
        sum("a", "b", "c");
        long sockets = NcclStub.sockets();
        for (int round = 0; round < 10; round++) {
            sum("a", "b", "c", "d");
            sum("a", "b", "c");
            List<Collective> broken = world("a", "c", "b");
            broken.get(round % 3).abort();
            broken.forEach(Collective::close);
            sum("a", "b");
            sum("a", "b", "c");
        }
        factories.values().forEach(CollectiveFactory::close);
        await().atMost(LONG).until(NcclStub::threads, List::isEmpty);
        await().atMost(LONG).until(() -> NcclStub.sockets() <= sockets);
    }

    /** Forms a world, checks a sum in it, and closes it; returns the name of the backend. */
    private String sum(String... uids) throws Exception {
        return Ranked.run(world(uids), (collective, manager) -> {
                    NDArray one = manager.create(new float[] {1 << collective.rank()});
                    collective.allReduceSum(one);
                    assertThat(one.getFloat(0)).isEqualTo((1 << uids.length) - 1);
                    return collective.name();
                })
                .get(0);
    }

    private List<Collective> world(String... uids) throws Exception {
        return connect(new AtomicBoolean(), uids);
    }

    private List<Collective> connect(AtomicBoolean cancelled, String... uids) throws Exception {
        return Ranked.each(Ranked.world(uids.length), one -> {
            CollectiveFactory factory = factories.computeIfAbsent(
                    uids[one.rank()], uid -> new CollectiveFactory(Optional.of(NcclStub.versions())));
            return factory.over(one, List.of(uids), cancelled::get);
        });
    }

    private List<String> made() throws IOException {
        return Files.readAllLines(folder.resolve("made"));
    }
}
