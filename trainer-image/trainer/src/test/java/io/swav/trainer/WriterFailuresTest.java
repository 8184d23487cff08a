package io.swav.trainer;

import static org.assertj.core.api.Assertions.assertThat;
import static org.awaitility.Awaitility.await;

import ai.djl.ndarray.NDManager;
import io.swav.api.TrainerReport;
import io.swav.checkpoint.CheckpointCatalog;
import io.swav.checkpoint.CheckpointState;
import io.swav.checkpoint.FolderStore;
import io.swav.checkpoint.HostSnapshot;
import io.swav.checkpoint.Store;
import io.swav.checkpoint.StoreLease;
import io.swav.checkpoint.Training;
import io.swav.checkpoint.UploadShare;
import io.swav.torch.TorchRuntime;
import java.io.IOException;
import java.lang.reflect.InvocationTargetException;
import java.lang.reflect.Proxy;
import java.nio.file.Path;
import java.time.Duration;
import java.util.List;
import java.util.Optional;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.function.BooleanSupplier;
import java.util.function.Supplier;
import java.util.stream.Stream;
import org.awaitility.core.ConditionFactory;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.Arguments;
import org.junit.jupiter.params.provider.MethodSource;

/**
 * Throws whatever a library or the JVM may throw at every call of a store, one after another, and at the copy: training
 * goes on, the report has the reason, and the state is saved in the end.
 */
class WriterFailuresTest {
    private static final Duration LONG = Duration.ofMinutes(2);

    @TempDir
    Path folder;

    private final TrainerProgress progress = new TrainerProgress("a", "uid-a");

    /** Failures, and a part of the report about them. */
    static Stream<Arguments> failures() {
        return Stream.of(
                failure("disk", () -> new IOException("no space"), "no space"),
                failure("library", () -> new IllegalStateException("pool shut down"), "pool shut down"),
                failure("heap", () -> new OutOfMemoryError("Java heap space"), "resources.limits.memory"),
                failure(
                        "direct memory",
                        () -> new OutOfMemoryError("Cannot reserve 9 bytes of direct buffer memory"),
                        "-XX:MaxDirectMemorySize"),
                failure(
                        "threads",
                        () -> new OutOfMemoryError("unable to create native thread: possibly out of memory"),
                        "limit of processes"),
                failure("stack", StackOverflowError::new, "StackOverflowError"),
                failure("linkage", () -> new NoClassDefFoundError("io/swav/Missing"), "io/swav/Missing"));
    }

    private static Arguments failure(String name, Supplier<Throwable> failure, String reported) {
        return Arguments.of(name, failure, reported);
    }

    @ParameterizedTest(name = "{0}")
    @MethodSource("failures")
    @Timeout(600)
    void aStoreMayFailAtAnyCall(String name, Supplier<Throwable> failure, String reported) throws Exception {
        TorchRuntime.start();
        int calls = saveTwice(folder.resolve("count"), Integer.MAX_VALUE, failure, reported);
        assertThat(calls).as("calls of the store in two saves").isGreaterThan(30);
        // every call fails in one of the tests, and every failure comes at calls of all phases; 1 is the long form
        int stride = Integer.getInteger("swav.failures.stride", (int) failures().count());
        int first = failures().map(each -> each.get()[0]).toList().indexOf(name) % stride;
        for (int call = 1 + first; call <= calls; call += stride) {
            saveTwice(folder.resolve("call-" + call), call, failure, reported);
        }
    }

    /**
     * Scans, saves a step while training continues, and saves the last step. From one call on all calls fail, until the
     * report has the reason.
     *
     * @return the number of calls
     */
    private int saveTwice(Path at, int failing, Supplier<Throwable> failure, String reported) throws Exception {
        AtomicInteger calls = new AtomicInteger();
        AtomicBoolean healed = new AtomicBoolean();
        Store store = failing(
                Store.class, FolderStore.open(at), () -> calls.incrementAndGet() >= failing && !healed.get(), failure);
        TrainerProgress reports = new TrainerProgress("a", "uid-a");
        StoreLease lease = new StoreLease(store, Training.ofJob("job", "default", "demo"), StoreLease.Timing.STANDARD);
        CheckpointCatalog checkpoints =
                new CheckpointCatalog(store, new CheckpointCatalog.Owner("job", "cfg"), 2, lease);
        CompletableFuture<Void> healer = CompletableFuture.runAsync(() -> {
            await().forever()
                    .pollInterval(Duration.ofMillis(1))
                    .until(() -> problem(reports)
                                    .filter(why -> why.contains(reported))
                                    .isPresent()
                            || calls.get() < 0);
            healed.set(true);
        });
        int made;
        try (NDManager root = NDManager.newBaseManager("PyTorch");
                ToyMachine machine = new ToyMachine(root, 1, 1);
                CheckpointWriter writer =
                        new CheckpointWriter(checkpoints, new SaveBuffers(machine, HostSnapshot::copy), reports, 1)) {
            writer.setLeader(true);
            soon().until(() -> writer.state().free());
            soon().until(() -> writer.begin(state(1), "", UploadShare.ALONE));
            writer.beforeChange();
            soon().until(() ->
                    writer.status().committed() >= 1 && writer.state().free());
            assertThat(writer.saveNow(state(2), true, UploadShare.ALONE, () -> false))
                    .as("failing from call %d on", failing)
                    .isTrue();
            made = calls.get();
            if (made >= failing) {
                soon().alias("report of what failed from call " + failing + " on")
                        .until(healer::isDone);
            }
        } finally {
            calls.set(Integer.MIN_VALUE);
            healer.join();
        }
        CheckpointCatalog after =
                new CheckpointCatalog(FolderStore.open(at), new CheckpointCatalog.Owner("job", "cfg"), 2);
        assertThat(after.newest(false).orElseThrow().state().step()).isEqualTo(2);
        assertThat(at.resolve("export/backbone.safetensors")).exists();
        return made;
    }

    @ParameterizedTest(name = "{0}")
    @MethodSource("failures")
    @Timeout(600)
    void aCopyThatFailsEndsAndTheNewestStateIsSaved(String name, Supplier<Throwable> failure, String reported)
            throws Exception {
        TorchRuntime.start();
        AtomicInteger attempts = new AtomicInteger();
        CheckpointCatalog checkpoints =
                new CheckpointCatalog(FolderStore.open(folder), new CheckpointCatalog.Owner("job", "cfg"), 2);
        try (NDManager root = NDManager.newBaseManager("PyTorch");
                ToyMachine machine = new ToyMachine(root, 1, 1);
                CheckpointWriter writer = new CheckpointWriter(
                        checkpoints,
                        new SaveBuffers(machine, snapshot -> {
                            if (attempts.incrementAndGet() % 3 != 0) {
                                throw WriterFailuresTest.<RuntimeException>sneaky(failure.get());
                            }
                            snapshot.copy();
                        }),
                        progress,
                        1)) {
            writer.setLeader(true);
            soon().until(() -> writer.state().free());
            assertThat(writer.begin(state(1), "", UploadShare.ALONE)).isTrue();
            writer.beforeChange();
            soon().until(() -> problem().isPresent());
            assertThat(problem().orElseThrow())
                    .contains("step 1")
                    .contains(reported)
                    .contains("training continues");
            soon().alias("a newer state is due").until(() -> writer.state().missed(System.nanoTime()));
            assertThat(writer.saveNow(state(5), true, UploadShare.ALONE, () -> false))
                    .isTrue();
            assertThat(problem()).isEmpty();
            assertThat(attempts).hasValue(3);
        }
        assertThat(checkpoints.newest(false).orElseThrow().state().step()).isEqualTo(5);
    }

    private static ConditionFactory soon() {
        return await().atMost(LONG).pollInterval(Duration.ofMillis(2));
    }

    private Optional<String> problem() {
        return problem(progress);
    }

    private static Optional<String> problem(TrainerProgress of) {
        return Optional.ofNullable(of.report().checkpoints()).map(TrainerReport.Checkpoints::problem);
    }

    private static CheckpointState state(long step) {
        return new CheckpointState(step, step, 1, "cfg", 1, "job", 1, "");
    }

    /** Throws what the compiler would not allow, as libraries of other languages do. */
    @SuppressWarnings({"unchecked", "TypeParameterUnusedInFormals"})
    private static <T extends Throwable> T sneaky(Throwable failure) throws T {
        throw (T) failure;
    }

    /** Wraps a store, its drafts, sinks and sources, so that one call of them fails. */
    private static <T> T failing(Class<T> type, T inner, BooleanSupplier fails, Supplier<Throwable> failure) {
        return type.cast(Proxy.newProxyInstance(
                WriterFailuresTest.class.getClassLoader(), new Class<?>[] {type}, (self, method, of) -> {
                    boolean silent = List.of("uri", "shares", "heapBytes", "isOpen", "location")
                            .contains(method.getName());
                    if (!silent && fails.getAsBoolean()) {
                        throw failure.get();
                    }
                    Object result;
                    try {
                        result = method.invoke(inner, of);
                    } catch (InvocationTargetException e) {
                        throw e.getCause();
                    }
                    for (Class<?> part : List.of(Store.Draft.class, Store.Sink.class, Store.Source.class)) {
                        if (part.isInstance(result)) {
                            return failingPart(part, result, fails, failure);
                        }
                    }
                    return result;
                }));
    }

    private static <T> Object failingPart(
            Class<T> type, Object inner, BooleanSupplier fails, Supplier<Throwable> failure) {
        return failing(type, type.cast(inner), fails, failure);
    }
}
