package io.swav.trainer;

import static org.assertj.core.api.Assertions.assertThat;
import static org.awaitility.Awaitility.await;

import ai.djl.ndarray.NDManager;
import com.fasterxml.jackson.databind.ObjectMapper;
import io.swav.api.SpecLoader;
import io.swav.api.SwavJobSpec;
import io.swav.api.TrainerReport;
import io.swav.api.TrainerReport.State;
import io.swav.api.World;
import io.swav.checkpoint.CheckpointCatalog;
import io.swav.checkpoint.FolderStore;
import io.swav.checkpoint.Store;
import io.swav.collective.FrameProtection;
import io.swav.collective.PeerListener;
import io.swav.collective.nccl.CollectiveFactory;
import io.swav.common.Deadline;
import io.swav.data.CropBatches;
import io.swav.learning.LearningMonitor;
import io.swav.membership.ReachTracker;
import io.swav.membership.WorldFormation;
import io.swav.membership.WorldSource;
import io.swav.model.TrainStep;
import io.swav.torch.TorchRuntime;
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
import java.util.concurrent.Callable;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.function.Predicate;
import java.util.function.UnaryOperator;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** A store may be slow or unreachable: a trainer that holds its state moves from world to world without asking it. */
class StoreCallsTest {
    private static final byte[] KEY = "a key for tests, 16 bytes or more".getBytes(StandardCharsets.UTF_8);
    private static final InetAddress LOOPBACK = InetAddress.getLoopbackAddress();
    private static final Duration LONG = Duration.ofSeconds(60);

    @TempDir
    Path folder;

    private final Worlds worlds = new Worlds();
    private final TrainerProgress progress = new TrainerProgress("a", "a");
    private final AtomicInteger saving = new AtomicInteger();
    private final AtomicInteger training = new AtomicInteger();
    private final CountDownLatch released = new CountDownLatch(1);
    private volatile @Nullable Thread trainingThread;

    @Test
    void trainingNeverAsksTheStoreAfterALostPeerOrWhileHolding() throws Exception {
        Store counted = store((method, call) -> {
            (Thread.currentThread() == trainingThread ? training : saving).incrementAndGet();
            return call.call();
        });
        train(false, 1_000_000, counted, machine -> machine, (a, b) -> {
            awaitStep(3);
            int begun = training.get();

            worlds.publish(new World(2, "job", List.of(a, b), "with one that never comes"));
            awaitReport(report -> report.message() != null && report.message().startsWith("forming generation 2: "));
            TimeUnit.SECONDS.sleep(2); // more attempts

            worlds.publish(new World(3, "job", List.of(a), "too few", true, List.of()));
            awaitReport(report -> report.state() == State.Ready);
            await("the state is saved once").atMost(LONG).until(this::saved);
            int saved = saving.get();
            TimeUnit.SECONDS.sleep(1);
            assertThat(saving.get()).as("calls while it only holds").isEqualTo(saved);
            assertThat(training.get()).as("calls by the training thread").isEqualTo(begun);
        });
    }

    /** The writer was free to take another state when the step began, and retries the old one before the step ends. */
    @Test
    void retryOfASaveDuringAStepDoesNotBlockTraining() throws Exception {
        AtomicInteger attempts = new AtomicInteger();
        CountDownLatch second = new CountDownLatch(2);
        Store failing = store((method, call) -> {
            if (method.equals("draft") && attempts.get() < 2) {
                second.countDown();
                if (attempts.incrementAndGet() == 1) {
                    throw new IOException("the first attempt fails");
                }
                released.await();
            }
            return call.call();
        });
        train(
                false,
                1,
                failing,
                machine -> slow(machine, vote -> attempts.get() == 1 && vote.save(), second),
                (a, b) -> {
                    await().atMost(LONG).until(() -> attempts.get() == 2);
                    awaitStep(progress.report().step() + 3);
                    released.countDown();
                    await("it is still due").atMost(LONG).until(this::saved);
                });
    }

    @Test
    void scanningAStoreBlocksNeitherHoldingNorTraining() throws Exception {
        Store silent = store((method, call) -> {
            if (Thread.currentThread() != trainingThread) {
                released.await();
            }
            return call.call();
        });
        train(false, 1_000_000, silent, machine -> machine, (a, b) -> {
            awaitStep(3);
            worlds.publish(new World(2, "job", List.of(a), "too few", true, List.of()));
            awaitReport(report -> report.state() == State.Ready);
            worlds.publish(new World(3, "job", List.of(a), "enough"));
            awaitReport(report -> report.state() == State.Training && report.generation() == 3);
            awaitStep(progress.report().step() + 3);

            worlds.publish(new World(4, "job", List.of(a), "too few again", true, List.of()));
            awaitReport(report -> report.state() == State.Ready);
            released.countDown();
            await("the store answers at last").atMost(LONG).until(this::saved);
        });
    }

    /** The newcomer asks whether the others have finished, because it joined too late or they have left. */
    @Test
    void newcomerMovesToTheNextWorldIfTheStoreDoesNotAnswer() throws Exception {
        AtomicInteger questions = new AtomicInteger();
        Store silentAtFirst = store((method, call) -> {
            if (questions.incrementAndGet() == 1) {
                released.await();
            }
            return call.call();
        });
        train(true, 1_000_000, silentAtFirst, machine -> machine, (a, b) -> {
            await().atMost(LONG).until(() -> questions.get() > 0);
            worlds.publish(new World(2, "job", List.of(a), "alone"));
            awaitStep(3);
        });
    }

    private interface Scene {
        void play(World.Member a, World.Member b) throws Exception;
    }

    /** Trains as a, at first alone or with a member that never comes, until a world without a is published. */
    private void train(boolean withB, long everySteps, Store store, UnaryOperator<TrainStep> around, Scene scene)
            throws Exception {
        TorchRuntime.start();
        try (PeerListener listener =
                        PeerListener.open("a", KEY, FrameProtection.On, new InetSocketAddress(LOOPBACK, 0));
                ServerSocket silent = new ServerSocket(0, 1, LOOPBACK);
                CropBatches batches = new ToyTrainingFactory().batches(spec(), List.of());
                NDManager root = TorchRuntime.root();
                CollectiveFactory transport = new CollectiveFactory(Optional.empty());
                ReachTracker reach = new ReachTracker(listener, worlds, () -> {});
                TrainStep machine = around.apply(new ToyMachine(root, 1, 8));
                Trainer trainer = new Trainer(
                        new TrainerConfig(
                                "a",
                                8,
                                8,
                                Trainers.settings(everySteps),
                                1,
                                "cfg",
                                "job",
                                false,
                                Duration.ofMillis(20)),
                        new TrainerComponents(
                                machine,
                                Trainers.schedule(1_000_000),
                                batches,
                                worlds,
                                new WorldFormation(listener, transport, worlds, reach, Duration.ofMillis(300)),
                                Optional.of(new CheckpointCatalog(store, new CheckpointCatalog.Owner("job", "cfg"), 2)),
                                Optional.empty(),
                                new LearningMonitor(Trainers::learning, 1_000_000),
                                progress,
                                TrainingJournal.none(),
                                new TerminationNotice(),
                                InjectedFaults.of("")))) {
            World.Member a = new World.Member("a", "a", "127.0.0.1:" + listener.port());
            World.Member b = new World.Member("b", "b", "127.0.0.1:" + silent.getLocalPort());
            worlds.publish(new World(1, "job", withB ? List.of(a, b) : List.of(a), "the first"));
            CompletableFuture<Trainer.TrainingEnd> end = CompletableFuture.supplyAsync(() -> {
                trainingThread = Thread.currentThread();
                return trainer.run();
            });
            try {
                scene.play(a, b);
            } finally {
                released.countDown();
                worlds.publish(new World(99, "job", List.of(b), "without it"));
                assertThat(end.get(LONG.toSeconds(), TimeUnit.SECONDS)).isEqualTo(Trainer.TrainingEnd.Left);
            }
        }
    }

    private static SwavJobSpec spec() throws IOException {
        return SpecLoader.complete(
                "test", new ObjectMapper().readTree("{\"replicas\": 1, \"data\": {\"uri\": \"file:///none\"}}"));
    }

    private void awaitStep(long atLeast) {
        awaitReport(report -> report.step() >= atLeast);
    }

    private void awaitReport(Predicate<TrainerReport> what) {
        await().atMost(LONG).until(progress::report, what);
    }

    /** Returns whether a checkpoint is reported; that happens after the last call of a save. */
    private boolean saved() {
        TrainerReport.Checkpoints reported = progress.report().checkpoints();
        return reported != null && !reported.newest().isEmpty();
    }

    private interface Around {
        @Nullable
        Object call(String method, Callable<@Nullable Object> call) throws Exception;
    }

    private Store store(Around around) {
        return proxy(Store.class, FolderStore.open(folder), (method, of, call) -> around.call(method, call));
    }

    /** Wraps a machine so that its steps last until the latch is open if the vote matches. */
    private static TrainStep slow(TrainStep machine, Predicate<StepVote> where, CountDownLatch until) {
        return proxy(TrainStep.class, machine, (method, of, call) -> {
            if (method.equals("lossAndGradients") && where.test(StepVote.of((long) of[of.length - 1]))) {
                until.await();
            }
            return call.call();
        });
    }

    private interface Handler {
        @Nullable
        Object handle(String method, Object[] of, Callable<@Nullable Object> call) throws Exception;
    }

    private static <T> T proxy(Class<T> type, T inner, Handler handler) {
        return type.cast(Proxy.newProxyInstance(
                StoreCallsTest.class.getClassLoader(),
                new Class<?>[] {type},
                (self, method, of) -> handler.handle(method.getName(), of, () -> {
                    try {
                        return method.invoke(inner, of);
                    } catch (InvocationTargetException e) {
                        throw e.getCause() instanceof Exception cause ? cause : e;
                    }
                })));
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
        public void awaitLater(long than, long millis) {
            try {
                Deadline.await(this, Duration.ofMillis(millis), () -> newest.generation() > than);
            } catch (InterruptedException e) {
                Thread.currentThread().interrupt();
            }
        }

        @Override
        public void close() {}
    }
}
