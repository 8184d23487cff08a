package io.swav.membership;

import static java.nio.charset.StandardCharsets.UTF_8;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.swav.api.World;
import io.swav.collective.CollectiveException;
import io.swav.collective.FrameProtection;
import io.swav.collective.PeerListener;
import io.swav.collective.nccl.CollectiveFactory;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.time.Duration;
import java.util.List;
import java.util.Optional;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.TimeoutException;
import org.junit.jupiter.api.Test;

/** A peer that answers, and then leaves for a later world before it takes part. */
class CancelledFormationTest {
    private static final byte[] KEY = "a key for tests, 16 bytes or more".getBytes(UTF_8);

    /** The later world reaches this process last; its peer keeps the connection and never sends on it. */
    @Test
    void aMemberWhosePeerHasLeftWaitsOnlyUntilItSeesTheLaterWorld() throws Exception {
        InetSocketAddress any = new InetSocketAddress(InetAddress.getLoopbackAddress(), 0);
        try (PeerListener peer = PeerListener.open("a", KEY, FrameProtection.On, any);
                PeerListener own = PeerListener.open("b", KEY, FrameProtection.On, any);
                CollectiveFactory factory = new CollectiveFactory(Optional.empty());
                Worlds worlds = new Worlds();
                ReachTracker reach = new ReachTracker(own, worlds, () -> {})) {
            World world = new World(1, "job", List.of(member("a", peer), member("b", own)), "the first");
            worlds.newest.offer(world);
            WorldFormation forming = new WorldFormation(own, factory, worlds, reach, Duration.ofMinutes(1));
            CompletableFuture<Void> connecting = CompletableFuture.runAsync(
                    () -> forming.connect(world, 1, () -> false).close());
            assertThatThrownBy(() -> connecting.get(1, TimeUnit.SECONDS))
                    .as("the peer may still come")
                    .isInstanceOf(TimeoutException.class);
            worlds.newest.offer(new World(2, "job", List.of(member("b", own)), "without it"));
            assertThatThrownBy(() -> connecting.get(20, TimeUnit.SECONDS))
                    .hasCauseInstanceOf(CollectiveException.class);
        }
    }

    private static World.Member member(String uid, PeerListener listener) {
        return new World.Member(uid, uid, "127.0.0.1:" + listener.port());
    }

    private static final class Worlds implements WorldSource {
        private final LatestWorld newest = new LatestWorld("job");

        @Override
        public World newest() {
            return newest.get();
        }

        @Override
        public void awaitLater(long than, long millis) {
            newest.await(than, millis);
        }

        @Override
        public void close() {}
    }
}
