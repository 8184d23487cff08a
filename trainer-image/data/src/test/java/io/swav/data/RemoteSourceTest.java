package io.swav.data;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.swav.data.FileSource.SourceFile;
import java.io.IOException;
import java.net.SocketTimeoutException;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.SplittableRandom;
import java.util.concurrent.atomic.AtomicLong;
import org.junit.jupiter.api.Test;

/** Tests what is done about a source that is slow, by a clock that the source moves. */
class RemoteSourceTest {
    private static final byte[] CONTENT = new byte[3_000];
    private static final SourceFile FILE = new SourceFile("s.tar", CONTENT.length, "one");
    private static final long SECOND = 1_000_000_000L;

    static {
        new SplittableRandom(3).nextBytes(CONTENT);
    }

    /** A server that gives so many bytes at a time, and takes so many seconds for them. */
    private static final class SlowFiles implements RemoteFiles {
        final AtomicLong clock = new AtomicLong();
        final List<Long> requested = new ArrayList<>();
        int bytesAtATime = 100;
        long secondsForThem = 4;
        boolean silent;
        /** After so many bytes a body ends as if it were whole, as a chunked one may. */
        int bytesOfABody = Integer.MAX_VALUE;

        @Override
        public String address(String name) {
            return "slow://" + name;
        }

        @Override
        public SourceFile describe(String name) throws IOException {
            requested.add(-1L);
            beSilent();
            return FILE;
        }

        @Override
        public void list(String start, FileSource.Visitor visitor) {
            throw new UnsupportedOperationException();
        }

        @Override
        public Body get(SourceFile file, long from, long to) throws IOException {
            requested.add(from);
            beSilent();
            return new Body() {
                private int at = (int) from;

                @Override
                public int read(byte[] into, int offset, int length) {
                    clock.addAndGet(secondsForThem * SECOND);
                    int left = (int) from + Math.min(bytesOfABody, CONTENT.length) - at;
                    if (left <= 0) {
                        return -1;
                    }
                    int count = Math.min(left, Math.min(bytesAtATime, length));
                    System.arraycopy(CONTENT, at, into, offset, count);
                    at += count;
                    return count;
                }

                @Override
                public void close() {}
            };
        }

        private void beSilent() throws IOException {
            if (silent) {
                clock.addAndGet(20 * SECOND);
                throw new SocketTimeoutException("Read timed out");
            }
        }

        @Override
        public void close() {}
    }

    private final SlowFiles files = new SlowFiles();
    private final RemoteSource source =
            new RemoteSource("slow://s.tar", files, RemoteNames.of("s.tar"), files.clock::get);

    /** After ten seconds, 300 bytes are too few, and the rest is requested over another connection. */
    @Test
    void aSlowConnectionIsReplacedAndNothingIsReadTwice() throws Exception {
        assertThat(source.read(FILE, 0, 1_000)).isEqualTo(Arrays.copyOf(CONTENT, 1_000));
        assertThat(files.requested).containsExactly(0L, 300L, 600L, 900L);
        assertThat(source.traffic().bytes()).isEqualTo(1_000);
        assertThat(source.traffic().failed()).isEqualTo(3);
    }

    @Test
    void aSourceThatIsSlowOverEveryConnectionIsNamed() {
        files.bytesAtATime = 10;
        files.secondsForThem = 11;
        assertThatThrownBy(() -> source.read(FILE, 0, 1_000))
                .isInstanceOf(IOException.class)
                .hasMessageContaining("slow://s.tar")
                .hasMessageContaining("too slow");
        assertThat(files.requested).hasSize(17);
    }

    @Test
    void aConnectionThatIsFastEnoughStays() throws Exception {
        files.bytesAtATime = 1_000;
        files.secondsForThem = 0;
        assertThat(source.read(FILE, 0, 3_000)).isEqualTo(CONTENT);
        assertThat(files.requested).containsExactly(0L);
    }

    /** No client notices: the body has neither a length nor an error. */
    @Test
    void theRestOfABodyThatEndsEarlyIsRequestedAgain() throws Exception {
        files.secondsForThem = 0;
        files.bytesOfABody = 1_100;
        assertThat(source.read(FILE, 0, 3_000)).isEqualTo(CONTENT);
        assertThat(files.requested).containsExactly(0L, 1_100L, 2_200L);
        assertThat(source.traffic().bytes()).isEqualTo(3_000);
        assertThat(source.traffic().failed()).isEqualTo(2);
    }

    @Test
    void aBodyThatIsAlwaysEmptyIsNamed() {
        files.secondsForThem = 0;
        files.bytesOfABody = 0;
        assertThatThrownBy(() -> source.read(FILE, 0, 1_000))
                .isInstanceOf(IOException.class)
                .hasMessageContaining("cannot read slow://s.tar: the body ends at byte 0 instead of 1000");
    }

    /** Four silent requests would take 80 s, in which the others would take this trainer for hung. */
    @Test
    void aSilentSourceIsReportedAfterOneTimeout() {
        files.silent = true;
        assertThatThrownBy(() -> source.read(FILE, 0, 1_000))
                .isInstanceOf(IOException.class)
                .hasMessageContaining("cannot read slow://s.tar")
                .hasMessageContaining("timed out");
        assertThatThrownBy(() -> source.find("s.tar")).isInstanceOf(SocketTimeoutException.class);
        assertThat(files.requested).containsExactly(0L, -1L);
    }
}
