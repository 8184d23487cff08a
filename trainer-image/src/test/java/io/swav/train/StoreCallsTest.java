package io.swav.train;

import static org.assertj.core.api.Assertions.assertThat;
import static org.awaitility.Awaitility.await;

import ai.djl.ndarray.NDManager;
import com.fasterxml.jackson.databind.ObjectMapper;
import io.swav.api.PodReport;
import io.swav.api.PodReport.State;
import io.swav.api.SwavJobSpec;
import io.swav.api.SwavJobSpecs;
import io.swav.api.World;
import io.swav.checkpoint.Checkpoints;
import io.swav.checkpoint.FolderStore;
import io.swav.checkpoint.Store;
import io.swav.collective.PeerListener;
import io.swav.collective.nccl.Transport;
import io.swav.data.Batches;
import io.swav.elastic.Forming;
import io.swav.elastic.WorldSource;
import io.swav.tensor.Torch;
import java.io.IOException;
import java.lang.reflect.InvocationTargetException;
import java.lang.reflect.Proxy;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.net.ServerSocket;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.time.Duration;
import java.util.List;
import java.util.Optional;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.function.Predicate;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** A store may be slow or away: a trainer that has its state goes from world to world without asking it. */
class StoreCallsTest {
    private static final byte[] KEY = "a key for tests, 16 bytes or more".getBytes(StandardCharsets.UTF_8);
    private static final InetAddress LOOPBACK = InetAddress.getLoopbackAddress();
    private static final Duration LONG = Duration.ofSeconds(60);

    @TempDir
    Path folder;

    private final Worlds worlds = new Worlds();
    private final Progress progress = new Progress("a", "a");
    private final AtomicInteger saving = new AtomicInteger();
    private final AtomicInteger training = new AtomicInteger();
    private volatile @Nullable Thread trainingThread;

    @Test
    void neitherALostPeerNorHoldingMakesTrainingAskTheStore() throws Exception {
        Torch.start();
        try (PeerListener listener = PeerListener.open("a", KEY, new InetSocketAddress(LOOPBACK, 0));
                ServerSocket nobody = new ServerSocket(0, 1, LOOPBACK);
                Batches batches = new ToyWorkshop().batches(spec());
                NDManager root = Torch.root();
                Transport transport = new Transport(Optional.empty());
                ToyMachine machine = new ToyMachine(root, 1, 8);
                Trainer trainer = new Trainer(
                        new Trainer.Plan(
                                "a",
                                8,
                                8,
                                1_000_000,
                                1_000_000,
                                Optional.empty(),
                                1,
                                "cfg",
                                "job",
                                false,
                                Duration.ofMillis(20)),
                        new Trainer.Parts(
                                root,
                                machine,
                                batches,
                                worlds,
                                new Forming(listener, transport, worlds, Duration.ofMillis(300)),
                                Optional.of(new Checkpoints(counted(), new Checkpoints.Owner("job", "cfg"), 2)),
                                Optional.empty(),
                                progress,
                                Journal.none(),
                                new Notice()))) {
            World.Member a = new World.Member("a", "a", "127.0.0.1:" + listener.port());
            World.Member b = new World.Member("b", "b", "127.0.0.1:" + nobody.getLocalPort());
            worlds.publish(new World(1, "job", List.of(a), "alone"));
            CompletableFuture<Trainer.End> end = CompletableFuture.supplyAsync(() -> {
                trainingThread = Thread.currentThread();
                return trainer.run();
            });
            awaitReport(report -> report.step() >= 3);
            int begun = training.get();

            worlds.publish(new World(2, "job", List.of(a, b), "with one that never comes"));
            awaitReport(report -> report.message() != null && report.message().startsWith("forming generation 2: "));
            TimeUnit.SECONDS.sleep(2); // more attempts

            worlds.publish(new World(3, "job", List.of(a), "too few", true, List.of()));
            awaitReport(report -> report.state() == State.Ready);
            // told after the last call of a save
            awaitReport(report -> report.checkpoints() != null
                    && !report.checkpoints().newest().isEmpty());
            int saved = saving.get();
            TimeUnit.SECONDS.sleep(1);
            assertThat(saving.get()).as("calls while it only holds").isEqualTo(saved);
            assertThat(training.get()).as("calls by the training thread").isEqualTo(begun);

            worlds.publish(new World(4, "job", List.of(b), "without it"));
            assertThat(end.get(LONG.toSeconds(), TimeUnit.SECONDS)).isEqualTo(Trainer.End.Left);
        }
    }

    private static SwavJobSpec spec() throws IOException {
        return SwavJobSpecs.complete(
                "test", new ObjectMapper().readTree("{\"replicas\": 1, \"data\": {\"uri\": \"file:///none\"}}"));
    }

    private void awaitReport(Predicate<PodReport> what) {
        await().atMost(LONG).until(progress::report, what);
    }

    private Store counted() {
        Store store = FolderStore.open(folder);
        return (Store) Proxy.newProxyInstance(
                getClass().getClassLoader(), new Class<?>[] {Store.class}, (self, method, of) -> {
                    (Thread.currentThread() == trainingThread ? training : saving).incrementAndGet();
                    try {
                        return method.invoke(store, of);
                    } catch (InvocationTargetException e) {
                        throw e.getTargetException();
                    }
                });
    }

    private static final class Worlds implements WorldSource {
        private World newest = World.none("job");

        synchronized void publish(World world) {
            newest = world;
            notifyAll();
        }

        @Override
        public synchronized World newest() {
            return newest;
        }

        @Override
        public synchronized void awaitLater(long than, long millis) {
            long end = System.nanoTime() + TimeUnit.MILLISECONDS.toNanos(millis);
            try {
                for (long left = millis; newest.generation() <= than && left > 0; ) {
                    wait(left);
                    left = TimeUnit.NANOSECONDS.toMillis(end - System.nanoTime());
                }
            } catch (InterruptedException e) {
                Thread.currentThread().interrupt();
            }
        }

        @Override
        public void close() {}
    }
}
