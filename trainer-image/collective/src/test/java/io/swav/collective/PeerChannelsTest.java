package io.swav.collective;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.swav.collective.PeerChannels.Message;
import java.nio.ByteBuffer;
import java.nio.channels.SocketChannel;
import java.nio.charset.StandardCharsets;
import java.time.Duration;
import java.util.Arrays;
import java.util.List;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.Test;

/** Only the expected message of the current generation is accepted. */
class PeerChannelsTest {
    @Test
    void aMessageOfAnOlderGenerationEndsTheChannels() throws Exception {
        refuses(3, 16, "sent FrameHeader[generation=3,");
    }

    @Test
    void aMessageOfAnotherLengthEndsTheChannels() throws Exception {
        refuses(4, 24, "length=24], but FrameHeader[generation=4, number=0, length=16] was expected");
    }

    /** Invalid headers, another protocol or a truncated message: nothing is allocated, awaited or taken as a message. */
    @Test
    void invalidDataEndsTheChannelsAndNamesThePeer() throws Exception {
        byte[] due = frame(4, 0, 16);
        refusesRaw(frame(4, 0, Long.MAX_VALUE), "length=9223372036854775807");
        refusesRaw(frame(4, 0, -1), "length=-1");
        refusesRaw(frame(4, 1, 16), "number=1");
        refusesRaw(
                "GET / HTTP/1.1\r\nHost: a\r\n\r\n".getBytes(StandardCharsets.UTF_8), "sent FrameHeader[generation=");
        refusesRaw(new byte[0], "closed its connection");
        refusesRaw(Arrays.copyOf(due, 11), "closed its connection");
        refusesRaw(Arrays.copyOf(due, 24 + 15), "closed its connection in the middle of a frame");
        refusesRaw(Arrays.copyOf(due, 24 + 16 + 16), "frame 0 of generation 4 damaged"); // an encrypted body has a tag
    }

    /** Bytes were lost on the way, so that each end waits for the other. */
    @Test
    void aFrameThatStopsHalfwayEndsTheChannels() throws Exception {
        SecuredChannel[] pair = Ranked.secured(FrameProtection.On);
        try (PeerChannels receiver = new PeerChannels(
                4, new @Nullable SecuredChannel[] {null, pair[1]}, noLifeline(), Duration.ofMillis(100))) {
            pair[0].socket().write(ByteBuffer.wrap(frame(4, 0, 16)));
            List<Message> due = List.of(new Message(1, ByteBuffer.allocateDirect(16)));
            assertThatThrownBy(() -> receiver.exchange(List.of(), due))
                    .isInstanceOf(CollectiveException.class)
                    .hasMessageContaining("rank 1 sent a part of frame 0 of generation 4 and nothing more");
        } finally {
            pair[0].close();
        }
    }

    private static Lifeline noLifeline() throws Exception {
        return new Lifeline(new @Nullable SocketChannel[0]);
    }

    private static byte[] frame(long generation, long number, long length) {
        byte[] bytes = new byte[24];
        ByteBuffer.wrap(bytes).putLong(generation).putLong(number).putLong(length);
        return bytes;
    }

    /** Sends these bytes, closes the connection, and checks that the receiver fails with {@code message}. */
    private static void refusesRaw(byte[] bytes, String message) throws Exception {
        SecuredChannel[] pair = Ranked.secured(FrameProtection.On);
        try (PeerChannels receiver =
                new PeerChannels(4, new @Nullable SecuredChannel[] {null, pair[1]}, noLifeline())) {
            pair[0].socket().write(ByteBuffer.wrap(bytes));
            pair[0].close();
            List<Message> due = List.of(new Message(1, ByteBuffer.allocateDirect(16)));
            for (int call = 0; call < 2; call++) { // later calls report the same peer
                assertThatThrownBy(() -> receiver.exchange(List.of(), due))
                        .isInstanceOfSatisfying(
                                CollectiveException.class,
                                lost -> assertThat(lost.lostRank()).hasValue(1))
                        .hasMessageContaining(message);
            }
        }
    }

    private static void refuses(long sentGeneration, int sentBytes, String message) throws Exception {
        SecuredChannel[] pair = Ranked.secured(FrameProtection.On);
        try (PeerChannels sender =
                        new PeerChannels(sentGeneration, new @Nullable SecuredChannel[] {null, pair[0]}, noLifeline());
                PeerChannels receiver =
                        new PeerChannels(4, new @Nullable SecuredChannel[] {pair[1], null}, noLifeline())) {
            sender.exchange(List.of(new Message(1, ByteBuffer.allocateDirect(sentBytes))), List.of());
            List<Message> due = List.of(new Message(0, ByteBuffer.allocateDirect(16)));
            assertThatThrownBy(() -> receiver.exchange(List.of(), due))
                    .isInstanceOf(CollectiveException.class)
                    .hasMessageContaining(message);
            assertThatThrownBy(() -> receiver.exchange(List.of(), List.of())).isInstanceOf(CollectiveException.class);
        }
    }
}
