package io.swav.chaos;

import static org.assertj.core.api.Assertions.assertThat;

import java.net.InetAddress;
import java.net.ServerSocket;
import java.net.Socket;
import java.time.Duration;
import java.util.Random;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

@Timeout(120)
class StrangerTest {
    private static Stranger call(int port, Stranger.Manner manner, Duration patience) {
        return Stranger.call(port, manner, new Random(1), patience).orElseThrow();
    }

    @ParameterizedTest
    @EnumSource(Stranger.Manner.class)
    void seesThatItIsRefused(Stranger.Manner manner) throws Exception {
        try (ServerSocket trainer = new ServerSocket(0, 50, InetAddress.getLoopbackAddress())) {
            Stranger stranger = call(trainer.getLocalPort(), manner, Duration.ofMinutes(1));
            try (Socket connection = trainer.accept()) {
                if (manner == Stranger.Manner.RUBBISH) {
                    assertThat(connection.getInputStream().readNBytes(100)).hasSize(100);
                }
            }
            assertThat(stranger.awaitRefusal()).isTrue();
        }
    }

    @ParameterizedTest
    @EnumSource(Stranger.Manner.class)
    void seesThatItIsNotRefused(Stranger.Manner manner) throws Exception {
        try (ServerSocket trainer = new ServerSocket(0, 50, InetAddress.getLoopbackAddress())) {
            Stranger stranger = call(trainer.getLocalPort(), manner, Duration.ofMillis(200));
            try (Socket connection = trainer.accept()) {
                assertThat(stranger.awaitRefusal()).isFalse();
                assertThat(connection.isConnected()).isTrue();
            }
        }
    }

    @Test
    void isNoneIfNobodyListens() throws Exception {
        int port;
        try (ServerSocket gone = new ServerSocket(0, 50, InetAddress.getLoopbackAddress())) {
            port = gone.getLocalPort();
        }
        assertThat(Stranger.call(port, Stranger.Manner.NOTHING, new Random(1), Duration.ofSeconds(1)))
                .isEmpty();
    }
}
