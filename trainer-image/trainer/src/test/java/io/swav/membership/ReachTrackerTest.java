package io.swav.membership;

import static org.assertj.core.api.Assertions.assertThat;
import static org.awaitility.Awaitility.await;

import io.swav.api.ReachReport;
import io.swav.api.World;
import io.swav.collective.FrameProtection;
import io.swav.collective.PeerListener;
import java.io.IOException;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.net.ServerSocket;
import java.net.Socket;
import java.net.SocketTimeoutException;
import java.nio.charset.StandardCharsets;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.Set;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.function.Predicate;
import org.junit.jupiter.api.Test;

/** Calls real listeners. */
class ReachTrackerTest {
    private static final InetAddress LOOPBACK = InetAddress.getLoopbackAddress();
    private static final byte[] KEY = "a key for tests, 16 bytes or more".getBytes(StandardCharsets.UTF_8);
    private static final byte[] OTHER_KEY = "another key, 16 bytes or more too".getBytes(StandardCharsets.UTF_8);

    private final Worlds worlds = new Worlds();
    private final AtomicInteger urgent = new AtomicInteger();

    @Test
    void aNewcomerCallsTheMembersBeforeItIsOne() throws Exception {
        try (PeerListener a = listener("a", KEY);
                PeerListener b = listener("b", OTHER_KEY);
                PeerListener own = listener("own", KEY);
                ReachTracker tracker = new ReachTracker(own, worlds, urgent::incrementAndGet)) {
            assertThat(tracker.report()).isEqualTo(ReachReport.NONE);
            worlds.world = new World(7, "job", List.of(member(a), member(b)), "w");
            ReachReport report = reported(tracker, each -> each.generation() == 7);
            assertThat(report.failures()).singleElement().satisfies(failure -> {
                assertThat(failure.uid()).isEqualTo("b");
                assertThat(failure.why()).contains("handshake key");
            });
            double first = report.failures().get(0).seconds();
            reported(tracker, each -> each.failures().get(0).seconds() > first);
            await().until(() -> urgent.get() > 0);
        }
    }

    @Test
    void aMemberCallsNewcomersButNoMemberOfAWorldThatHasFormed() throws Exception {
        Set<String> called = ConcurrentHashMap.newKeySet();
        try (ReachTracker tracker = new ReachTracker(
                "own",
                worlds,
                peer -> {
                    called.add(peer.uid());
                    return Optional.empty();
                },
                urgent::incrementAndGet)) {
            World world = new World(3, "job", List.of(named("own"), named("a")), "w");
            worlds.world = world;
            tracker.forming(world);
            tracker.formed();
            worlds.newcomers = List.of(named("c"), named("own"), named("a"));
            ReachReport report = reported(tracker, each -> !each.newcomers().isEmpty());
            assertThat(report).isEqualTo(new ReachReport(0, List.of(), List.of("c")));
            assertThat(called).containsExactly("c");
            worlds.newcomers = List.of();
            reported(tracker, each -> each.newcomers().isEmpty());
        }
    }

    @Test
    void aWorldThatDoesNotFormIsCalledUntilItFormsOrANewerOneIsPublished() throws Exception {
        try (PeerListener own = listener("own", KEY);
                FullSocket blocked = new FullSocket();
                ReachTracker tracker = new ReachTracker(own, worlds, urgent::incrementAndGet)) {
            World.Member gone = new World.Member("job-1", "gone", "127.0.0.1:" + closedPort());
            World.Member firewalled = new World.Member("job-2", "firewalled", "127.0.0.1:" + blocked.port());
            World world = new World(4, "job", List.of(member(own), gone, firewalled), "w");
            worlds.world = world;
            tracker.forming(world);
            tracker.forming(world);
            ReachReport report = reported(
                    tracker, each -> each.generation() == 4 && each.failures().size() == 2);
            assertThat(report.failures()).anySatisfy(failure -> {
                assertThat(failure.uid()).isEqualTo("gone");
                assertThat(failure.why()).contains("refused");
            });
            assertThat(report.failures()).anySatisfy(failure -> {
                assertThat(failure.uid()).isEqualTo("firewalled");
                assertThat(failure.why()).contains("timed out");
            });
            tracker.formed();
            reported(tracker, ReachReport.NONE::equals);
            tracker.forming(world);
            reported(tracker, each -> each.generation() == 4);
            worlds.world = new World(5, "job", List.of(member(own)), "without them");
            reported(tracker, ReachReport.NONE::equals);
        }
    }

    @Test
    void aPeerThatIsReachedAgainIsNoFailure() {
        Set<String> down = ConcurrentHashMap.newKeySet();
        down.add("a");
        try (ReachTracker tracker = new ReachTracker(
                "own",
                worlds,
                peer -> down.contains(peer.uid()) ? Optional.of("down") : Optional.empty(),
                urgent::incrementAndGet)) {
            worlds.world = new World(2, "job", List.of(named("a")), "w");
            reported(tracker, each -> each.failures().size() == 1);
            down.clear();
            assertThat(reported(tracker, each -> each.failures().isEmpty()).generation())
                    .isEqualTo(2);
        }
    }

    @Test
    void aCallThatEndsWithAnErrorOfThisProcessIsMadeAgain() {
        AtomicBoolean failed = new AtomicBoolean();
        try (ReachTracker tracker = new ReachTracker(
                "own",
                worlds,
                peer -> {
                    if (failed.compareAndSet(false, true)) {
                        throw new OutOfMemoryError("unable to create native thread");
                    }
                    return Optional.empty();
                },
                urgent::incrementAndGet)) {
            worlds.world = new World(2, "job", List.of(named("a")), "w");
            assertThat(reported(tracker, each -> each.generation() == 2).failures())
                    .isEmpty();
        }
    }

    private static ReachReport reported(ReachTracker tracker, Predicate<ReachReport> what) {
        return await().atMost(Duration.ofMinutes(2)).until(tracker::report, what);
    }

    private static PeerListener listener(String uid, byte[] key) throws IOException {
        return PeerListener.open(uid, key, FrameProtection.On, new InetSocketAddress(LOOPBACK, 0));
    }

    private static World.Member member(PeerListener listener) {
        return new World.Member("pod-" + listener.uid(), listener.uid(), "127.0.0.1:" + listener.port());
    }

    private static World.Member named(String uid) {
        return new World.Member("pod-" + uid, uid, "127.0.0.1:1");
    }

    private static int closedPort() throws IOException {
        try (ServerSocket socket = new ServerSocket(0, 1, LOOPBACK)) {
            return socket.getLocalPort();
        }
    }

    /** A port at which connections time out, as behind a firewall that drops packets: no program accepts, and it is full. */
    private static final class FullSocket implements AutoCloseable {
        private final ServerSocket socket = new ServerSocket(0, 1, LOOPBACK);
        private final List<Socket> waiting = new ArrayList<>();

        FullSocket() throws IOException {
            try {
                while (waiting.size() < 100) {
                    Socket next = new Socket();
                    waiting.add(next);
                    next.connect(socket.getLocalSocketAddress(), 300);
                }
            } catch (SocketTimeoutException full) {
                assertThat(waiting).isNotEmpty();
            }
        }

        int port() {
            return socket.getLocalPort();
        }

        @Override
        public void close() throws IOException {
            for (Socket each : waiting) {
                each.close();
            }
            socket.close();
        }
    }

    private static final class Worlds implements WorldSource {
        volatile World world = World.none("job");
        volatile List<World.Member> newcomers = List.of();

        @Override
        public World newest() {
            return world;
        }

        @Override
        public List<World.Member> newcomers() {
            return newcomers;
        }

        @Override
        public void awaitLater(long than, long millis) {}

        @Override
        public void close() {}
    }
}
