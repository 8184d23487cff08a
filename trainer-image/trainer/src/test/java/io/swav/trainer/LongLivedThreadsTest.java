package io.swav.trainer;

import static org.assertj.core.api.Assertions.assertThat;
import static org.awaitility.Awaitility.await;

import io.swav.api.TrainerReport.State;
import io.swav.membership.PeriodicTask;
import java.io.IOException;
import java.time.Duration;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.function.Supplier;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;

/** Tests that nothing that is thrown ends a thread whose work the job needs. */
@Timeout(300)
class LongLivedThreadsTest {
    private static final Duration LONG = Duration.ofMinutes(2);

    static Stream<Supplier<Throwable>> failures() {
        return Stream.of(
                () -> new IllegalStateException("a library's"),
                () -> new OutOfMemoryError("Java heap space"),
                StackOverflowError::new,
                () -> new NoClassDefFoundError("io/swav/Missing"));
    }

    @ParameterizedTest
    @MethodSource("failures")
    void aPeriodicTaskRunsAgainWhateverItThrows(Supplier<Throwable> failure) {
        AtomicInteger runs = new AtomicInteger();
        try (PeriodicTask task = new PeriodicTask("test", 1, () -> {
            runs.incrementAndGet();
            LongLivedThreadsTest.<RuntimeException>raise(failure.get());
        })) {
            await().atMost(LONG).until(() -> runs.get() > 3);
            assertThat(task).isNotNull();
        }
    }

    @ParameterizedTest
    @MethodSource("failures")
    void reportsAreSentAgainWhateverASinkThrows(Supplier<Throwable> failure) {
        AtomicInteger attempts = new AtomicInteger();
        CountDownLatch accepted = new CountDownLatch(1);
        TrainerProgress progress = new TrainerProgress("a", "uid-a");
        ReportSink sink = report -> {
            if (attempts.incrementAndGet() < 3) {
                LongLivedThreadsTest.<IOException>raise(failure.get());
            }
            accepted.countDown();
        };
        try (ProgressReporter reporter = new ProgressReporter(progress, sink, () -> {})) {
            progress.state(State.Ready, 0, "ready");
            await().atMost(LONG).until(() -> accepted.getCount() == 0);
            assertThat(reporter).isNotNull();
        }
    }

    /** The hook of the JVM waits for the trainer; if it ended, the JVM would exit with the state unsaved. */
    @ParameterizedTest
    @MethodSource("failures")
    void noticeIsGivenWhateverItsListenerThrows(Supplier<Throwable> failure) {
        TerminationNotice notice = new TerminationNotice();
        notice.onGiven(() -> LongLivedThreadsTest.<RuntimeException>raise(failure.get()));
        notice.give();
        assertThat(notice.given()).isTrue();
    }

    /** The handling of a failure may fail, too, for lack of memory; then nothing says that the task has ended. */
    @Test
    void aTaskThatFailsWithItsHandlerIsNoTaskAnyMore() {
        SaveThread thread = new SaveThread();
        thread.begin(
                () -> {
                    throw new OutOfMemoryError("Java heap space");
                },
                failure -> {
                    throw new OutOfMemoryError("Java heap space");
                });
        await().atMost(LONG).until(thread::isFree);
        CountDownLatch next = new CountDownLatch(1);
        thread.begin(next::countDown, failure -> {});
        await().atMost(LONG).until(() -> next.getCount() == 0);
        thread.shutDown();
        thread.awaitEnd();
    }

    @SuppressWarnings({"unchecked", "TypeParameterUnusedInFormals"})
    private static <T extends Throwable> void raise(Throwable failure) throws T {
        throw (T) failure;
    }
}
