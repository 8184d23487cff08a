package io.swav.data;

import static java.util.Objects.requireNonNull;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.awaitility.Awaitility.await;

import com.fasterxml.jackson.databind.ObjectMapper;
import io.swav.api.SpecLoader;
import io.swav.api.SwavJobSpec;
import java.io.IOException;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.concurrent.BlockingQueue;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.LinkedBlockingQueue;
import java.util.concurrent.Semaphore;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.concurrent.atomic.AtomicInteger;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;

/** Tests reads of a source that answers when it is allowed to. */
class SampleReadsTest {
    private static final int LARGE = 8 << 20;

    private final Semaphore answers = new Semaphore(0);
    private final AtomicInteger begun = new AtomicInteger();
    private final AtomicInteger ended = new AtomicInteger();
    private final CountDownLatch closing = new CountDownLatch(1);
    private SampleReads reads;

    @BeforeEach
    void open() throws Exception {
        SwavJobSpec spec = SpecLoader.complete(
                "test", new ObjectMapper().readTree("{\"replicas\": 1, \"data\": {\"uri\": \"file:///none\"}}"));
        reads = new SampleReads(new Answering(), spec, closing);
    }

    @AfterEach
    void close() {
        closing.countDown();
        answers.release(1000);
        reads.close();
    }

    /** Samples below 1000 are small, others large; 13 is no image. */
    private final class Answering implements DataSet {
        @Override
        public long size() {
            return 2000;
        }

        @Override
        public byte[] read(long sample) throws IOException {
            begun.incrementAndGet();
            answers.acquireUninterruptibly();
            ended.incrementAndGet();
            if (sample == 13) {
                throw new BadImageException("unlucky");
            }
            return new byte[] {(byte) sample};
        }

        @Override
        public int label(long sample) {
            return UNLABELLED;
        }

        @Override
        public String name(long sample) {
            return "sample " + sample;
        }

        @Override
        public String place(long sample) {
            return name(sample);
        }

        @Override
        public long bytes(long sample) {
            return sample < 1000 ? 1000 : LARGE;
        }

        @Override
        public List<String> classNames() {
            return List.of();
        }

        @Override
        public Inventory inventory() {
            throw new UnsupportedOperationException();
        }

        @Override
        public DataFingerprint fingerprint() {
            throw new UnsupportedOperationException();
        }

        @Override
        public void close() {}
    }

    private CompletableFuture<Optional<SampleReads.Read>> begin(int sample) {
        return reads.read(() -> sample, () -> true);
    }

    @Test
    void manyReadsAreUnderWayAtATime() throws Exception {
        List<CompletableFuture<Optional<SampleReads.Read>>> all = new ArrayList<>();
        for (int i = 0; i < 100; i++) {
            all.add(begin(i));
        }
        await().atMost(Duration.ofSeconds(30)).until(() -> begun.get() == SampleReads.IN_FLIGHT);
        answers.release(100);
        for (int i = 0; i < 100; i++) {
            if (i != 13) {
                assertThat(all.get(i)
                                .get(30, TimeUnit.SECONDS)
                                .orElseThrow()
                                .encoded()
                                .bytes())
                        .containsExactly(i);
            }
        }
    }

    /** Samples are decoded in the order in which they arrive. */
    @Test
    void bytesThatNobodyHasDecodedAreBounded() throws Exception {
        answers.release(1000);
        BlockingQueue<SampleReads.Read> arrived = new LinkedBlockingQueue<>();
        for (int i = 0; i < 20; i++) {
            var unused = begin(1000 + i).thenAccept(read -> arrived.add(read.orElseThrow()));
        }
        for (int decoded = 0; decoded < 20; decoded++) {
            SampleReads.Read read = requireNonNull(arrived.poll(30, TimeUnit.SECONDS));
            assertThat(ended.get()).as("read after %d were decoded", decoded).isLessThanOrEqualTo(decoded + 4);
            read.close();
        }
        assertThat(ended).hasValue(20);
    }

    @Test
    void aSampleThatIsNotWantedAnyMoreIsNotRead() throws Exception {
        AtomicBoolean wanted = new AtomicBoolean(true);
        for (int i = 0; i < SampleReads.IN_FLIGHT; i++) {
            var unused = begin(i);
        }
        CompletableFuture<Optional<SampleReads.Read>> later = reads.read(() -> 99, wanted::get);
        await().atMost(Duration.ofSeconds(30)).until(() -> begun.get() == SampleReads.IN_FLIGHT);
        wanted.set(false);
        answers.release(1000);
        assertThat(later.get(30, TimeUnit.SECONDS)).isEmpty();
        assertThat(begun).hasValue(SampleReads.IN_FLIGHT);
    }

    @Test
    void whatIsNoImageIsSaidToItsDecoder() throws Exception {
        answers.release(1);
        SampleReads.Read read = begin(13).get(30, TimeUnit.SECONDS).orElseThrow();
        assertThatThrownBy(() -> read.encoded().bytes())
                .isInstanceOf(BadImageException.class)
                .hasMessage("unlucky");
        read.close();
    }

    @Test
    void closingDoesNotWaitForRoom() throws Exception {
        answers.release(1000);
        for (int i = 0; i < 20; i++) {
            var unused = begin(1000 + i);
        }
        await().atMost(Duration.ofSeconds(30)).until(() -> ended.get() == 4);
        closing.countDown();
        long start = System.nanoTime();
        reads.close();
        assertThat(Duration.ofNanos(System.nanoTime() - start)).isLessThan(Duration.ofSeconds(8));
    }
}
