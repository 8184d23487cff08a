package io.swav.data;

import io.swav.common.DaemonThreads;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.time.Duration;
import java.util.Optional;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.TimeUnit;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Keeps processes that start together from building the same index: one of them writes a file beside it, again and again
 * while it builds, and the others wait for the index. The file holds the builder's name and a number that grows, so that a
 * builder that has died is recognized by any clock: its number stays. This only saves work. If two build after all, the
 * later one replaces the index of the other by an equal one.
 */
final class BuildClaim implements AutoCloseable {
    private static final Logger LOG = LoggerFactory.getLogger(BuildClaim.class);

    /**
     * How often and how long.
     *
     * @param worth an index that took less time is neither kept nor waited for
     * @param beat between two signs of life, and before a claim counts as the only one
     * @param silence after which a builder counts as dead
     */
    record Timing(Duration worth, Duration beat, Duration silence) {
        static final Timing STANDARD = new Timing(Duration.ofSeconds(2), Duration.ofSeconds(2), Duration.ofSeconds(30));
    }

    private final IndexHome home;
    private final String file;
    private final String owner;
    private final Timing timing;
    private final CountDownLatch released = new CountDownLatch(1);

    private BuildClaim(IndexHome home, String file, String owner, Timing timing) {
        this.home = home;
        this.file = file;
        this.owner = owner;
        this.timing = timing;
    }

    private static String file(String index) {
        return index + ".building";
    }

    /**
     * Claims an index; empty if another process that lives builds it.
     *
     * @param owner a name that no other process has
     * @throws IOException if nothing can be written there
     */
    static Optional<BuildClaim> acquire(IndexHome home, String index, String owner, Timing timing) throws IOException {
        BuildClaim claim = new BuildClaim(home, file(index), owner, timing);
        String before = claim.content();
        if (!before.isEmpty() && !isSilent(home, index, before, timing)) {
            return Optional.empty();
        }
        claim.beat(0);
        pause(timing.beat()); // another process that saw no claim has written its own by then, and the last one stays
        if (!claim.content().startsWith(owner + " ")) {
            return Optional.empty();
        }
        DaemonThreads.start("index-claim", claim::keepBeating);
        return Optional.of(claim);
    }

    private static boolean isSilent(IndexHome home, String index, String content, Timing timing) throws IOException {
        BuildClaim other = new BuildClaim(home, file(index), "", timing);
        long end = System.nanoTime() + timing.silence().toNanos();
        while (System.nanoTime() < end) {
            pause(timing.beat());
            if (!other.content().equals(content)) {
                return false;
            }
        }
        return true;
    }

    /** Whether a process that lives builds the index now. It takes a while to see that one has died. */
    static boolean isHeld(IndexHome home, String index, Timing timing) throws IOException {
        String content = new BuildClaim(home, file(index), "", timing).content();
        return !content.isEmpty() && !isSilent(home, index, content, timing);
    }

    private static void pause(Duration time) throws IOException {
        try {
            TimeUnit.NANOSECONDS.sleep(time.toNanos());
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
            throw new IOException("interrupted while another process builds the index", e);
        }
    }

    private String content() throws IOException {
        return new String(home.read(file).orElse(new byte[0]), StandardCharsets.UTF_8);
    }

    private void beat(long number) throws IOException {
        home.write(file, (owner + " " + number).getBytes(StandardCharsets.UTF_8));
    }

    private void keepBeating() {
        try {
            for (long number = 1; !released.await(timing.beat().toNanos(), TimeUnit.NANOSECONDS); number++) {
                beat(number);
            }
        } catch (IOException e) {
            LOG.warn("{} cannot be written: other trainers may build the index too: {}", home.uri(), e.toString());
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
        }
    }

    @Override
    public void close() {
        released.countDown();
        try {
            if (content().startsWith(owner + " ")) {
                home.remove(file);
            }
        } catch (IOException e) {
            LOG.debug("others see that it stays", e);
        }
    }
}
