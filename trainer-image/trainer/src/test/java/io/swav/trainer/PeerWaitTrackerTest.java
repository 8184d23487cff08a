package io.swav.trainer;

import static org.assertj.core.api.Assertions.assertThat;

import io.swav.collective.Collective;
import io.swav.collective.SoloCollective;
import java.lang.reflect.Proxy;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.OptionalLong;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.atomic.AtomicReference;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.Test;

class PeerWaitTrackerTest {
    private final PeerWaitTracker awaiting = new PeerWaitTracker();
    /** The collective's answer about its device. */
    private final AtomicReference<Optional<Boolean>> device = new AtomicReference<>(Optional.empty());

    private final Collective collective = awaiting.around((Collective) Proxy.newProxyInstance(
            PeerWaitTrackerTest.class.getClassLoader(),
            new Class<?>[] {Collective.class},
            (proxy, method, arguments) -> {
                if (method.getName().equals("isWaitingForPeers")) {
                    return device.get();
                }
                return method.invoke(new SoloCollective(), arguments);
            }));

    @Test
    void aWaitingDeviceCountsAsWaiting() {
        long before = System.nanoTime();
        device.set(Optional.of(true));
        assertThat(awaiting.backSince()).isEmpty();
        device.set(Optional.of(false));
        assertThat(awaiting.backSince().orElseThrow()).isBetween(before, System.nanoTime());
    }

    /** Otherwise a hung GPU would never be detected: the thread waits for it at the end of every step. */
    @Test
    void waitingForTheOwnDeviceIsNotWaitingForPeers() {
        device.set(Optional.of(false));
        assertThat(whileAwaiting()).isPresent();
        device.set(Optional.of(true));
        assertThat(whileAwaiting()).isEmpty();
    }

    @Test
    void hostCallsCountAsWaitingWithoutADevice() {
        assertThat(whileAwaiting()).isEmpty();
        assertThat(awaiting.backSince()).isPresent();
    }

    private OptionalLong whileAwaiting() {
        List<OptionalLong> seen = new ArrayList<>();
        collective.await(new CompletableFuture<Void>() {
            @Override
            public @Nullable Void join() {
                seen.add(awaiting.backSince());
                return null;
            }
        });
        return seen.get(0);
    }
}
