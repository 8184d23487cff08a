package io.swav.collective;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.channels.ByteChannel;
import java.nio.channels.GatheringByteChannel;
import java.nio.channels.ScatteringByteChannel;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Random;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

/**
 * Random damage to streams of frames and to handshakes, seeded. Run {@code -Dswav.fuzz=1000000} for a million streams of
 * each protection; the default is short.
 */
@Timeout(3600)
class FrameFuzzTest {
    private static final int STREAMS = Integer.getInteger("swav.fuzz", 10_000);
    private static final Duration STALL = Duration.ofDays(1);

    /** Accepts exactly the messages that arrived before the first changed byte, and nothing after it. */
    @ParameterizedTest
    @EnumSource
    void theReaderAcceptsOnlyWhatWasSent(FrameProtection protection) {
        FrameSeal.Scratch scratch = new FrameSeal.Scratch();
        FrameKeys keys = new FrameKeys(protection, new byte[16], new byte[16]);
        FrameSeal sealing = keys.sealing(scratch);
        FrameSeal opening = keys.opening(scratch);
        byte[] foreign = new byte[16];
        foreign[15] = 1;
        FrameSeal another = new FrameKeys(protection, foreign, foreign).sealing(scratch);
        long accepted = 0;
        for (int seed = 0; seed < STREAMS; seed++) {
            Random random = new Random(seed);
            List<byte[]> messages = messages(random);
            Sent sent = send(messages, sealing);
            byte[] damaged = damage(sent, messages, another, random);
            int same = Arrays.mismatch(sent.bytes, damaged);
            int intact = same < 0
                    ? messages.size()
                    : (int) sent.ends.stream().filter(end -> end <= same).count();
            int read = receive(damaged, messages, opening, random, seed);
            assertThat(read).as("messages accepted of seed %d", seed).isEqualTo(intact);
            accepted += read;
        }
        assertThat(accepted).isPositive();
    }

    private static List<byte[]> messages(Random random) {
        List<byte[]> messages = new ArrayList<>();
        int count = random.nextInt(2, 5);
        for (int nth = 0; nth < count; nth++) {
            byte[] message = new byte[random.nextInt(200) == 0 ? random.nextInt(150_000) : random.nextInt(80)];
            random.nextBytes(message);
            messages.add(message);
        }
        return messages;
    }

    private static final class Sent {
        final byte[] bytes;
        /** Where each message ends. */
        final List<Integer> ends;

        Sent(byte[] bytes, List<Integer> ends) {
            this.bytes = bytes;
            this.ends = ends;
        }
    }

    private static Sent send(List<byte[]> messages, FrameSeal seal) {
        Collected channel = new Collected();
        FrameWriter writer = new FrameWriter(4, channel, seal);
        List<Integer> ends = new ArrayList<>();
        try {
            for (byte[] message : messages) {
                assertThat(writer.write(ByteBuffer.wrap(message))).isTrue();
                ends.add(channel.bytes.size());
            }
        } catch (IOException e) {
            throw new AssertionError(e);
        }
        return new Sent(channel.bytes.toByteArray(), ends);
    }

    private static byte[] damage(Sent sent, List<byte[]> messages, FrameSeal another, Random random) {
        byte[] bytes = sent.bytes;
        int at = random.nextInt(bytes.length);
        int to = Math.min(bytes.length, at + 1 + random.nextInt(100));
        return switch (random.nextInt(9)) {
            case 0 -> bytes;
            case 1, 2 -> {
                byte[] flipped = bytes.clone();
                flipped[at] ^= (byte) (1 << random.nextInt(8));
                yield flipped;
            }
            case 3 -> Arrays.copyOf(bytes, at);
            case 4 -> joined(bytes, 0, at, bytes, to, bytes.length);
            case 5 -> { // a message again
                int nth = random.nextInt(messages.size());
                int from = nth == 0 ? 0 : sent.ends.get(nth - 1);
                yield joined(bytes, 0, sent.ends.get(nth), bytes, from, bytes.length);
            }
            case 6 -> { // two messages in the other order
                int middle = sent.ends.get(0);
                int end = sent.ends.get(1);
                byte[] first = joined(bytes, middle, end, bytes, 0, middle);
                yield joined(first, 0, end, bytes, end, bytes.length);
            }
            case 7 -> { // the same messages on another connection
                byte[] theirs = send(messages, another).bytes;
                yield joined(bytes, 0, at, theirs, at, theirs.length);
            }
            default -> {
                byte[] noise = new byte[to - at];
                random.nextBytes(noise);
                byte[] begun = joined(bytes, 0, at, noise, 0, noise.length);
                yield joined(begun, 0, begun.length, bytes, random.nextBoolean() ? at : to, bytes.length);
            }
        };
    }

    private static byte[] joined(byte[] a, int fromA, int toA, byte[] b, int fromB, int toB) {
        return ByteBuffer.allocate(toA - fromA + toB - fromB)
                .put(a, fromA, toA - fromA)
                .put(b, fromB, toB - fromB)
                .array();
    }

    /** Returns the number of messages that the reader accepted, all of which must be as they were sent. */
    private static int receive(byte[] bytes, List<byte[]> messages, FrameSeal seal, Random random, int seed) {
        FrameReader reader = new FrameReader(1, 4, new Pieces(bytes, random), seal, STALL);
        int accepted = 0;
        try {
            for (byte[] message : messages) {
                ByteBuffer body = ByteBuffer.allocate(message.length);
                while (!reader.read(body)) {
                    // more pieces follow, or the end
                }
                assertThat(body.array())
                        .as("a message accepted of seed %d", seed)
                        .isEqualTo(message);
                accepted++;
            }
        } catch (LostPeerException refused) {
            assertThat(refused.rank()).isEqualTo(1);
        } catch (IOException e) {
            throw new AssertionError("seed " + seed, e);
        }
        return accepted;
    }

    /** Whatever is sent instead of a handshake is refused or waited for, and only the key's holder is let in. */
    @Test
    void noDamagedHandshakeIsAccepted() {
        Handshake handshake = new Handshake(Ranked.KEY, FrameProtection.On);
        for (int seed = 0; seed < STREAMS; seed++) {
            Random random = new Random(seed);
            byte[] nonce = new byte[Handshake.NONCE];
            random.nextBytes(nonce);
            byte[] hello = new Handshake.Hello(seed, 1, "b", 0, "a", 0).encode(FrameProtection.On, nonce);
            byte[] all = new byte[hello.length + Handshake.MAC];
            random.nextBytes(all);
            System.arraycopy(hello, 0, all, 0, hello.length);
            for (int changes = random.nextInt(4); changes > 0; changes--) {
                all[random.nextInt(hello.length)] = (byte) random.nextInt();
            }
            Answer answer = new Answer(handshake, "a", caller -> Handshake.HandshakeVerdict.Welcome);
            try {
                Pieces channel = new Pieces(Arrays.copyOf(all, random.nextInt(all.length + 1)), random);
                while (true) {
                    assertThat(answer.advance(channel)).as("seed %d", seed).isEmpty();
                }
            } catch (Handshake.Refused refused) {
                // as it should be
            } catch (IOException e) {
                throw new AssertionError("seed " + seed, e);
            }
        }
    }

    private static final class Collected implements GatheringByteChannel {
        private final ByteArrayOutputStream bytes = new ByteArrayOutputStream();

        @Override
        public long write(ByteBuffer[] sources) {
            return write(sources, 0, sources.length);
        }

        @Override
        public long write(ByteBuffer[] sources, int offset, int length) {
            long written = 0;
            for (int nth = offset; nth < offset + length; nth++) {
                written += write(sources[nth]);
            }
            return written;
        }

        @Override
        public int write(ByteBuffer source) {
            byte[] copy = new byte[source.remaining()];
            source.get(copy);
            bytes.writeBytes(copy);
            return copy.length;
        }

        @Override
        public boolean isOpen() {
            return true;
        }

        @Override
        public void close() {}
    }

    /** Bytes that arrive in random pieces, then the end; what is written is lost. */
    private static final class Pieces implements ScatteringByteChannel, ByteChannel {
        private final ByteBuffer bytes;
        private final Random random;

        Pieces(byte[] bytes, Random random) {
            this.bytes = ByteBuffer.wrap(bytes);
            this.random = random;
        }

        @Override
        public int read(ByteBuffer target) {
            if (!bytes.hasRemaining()) {
                return -1;
            }
            int now = Math.min(bytes.remaining(), target.remaining());
            int count = random.nextInt(4) == 0 ? random.nextInt(now + 1) : now;
            target.put(bytes.slice(bytes.position(), count));
            bytes.position(bytes.position() + count);
            return count;
        }

        @Override
        public long read(ByteBuffer[] targets, int offset, int length) {
            for (int nth = offset; nth < offset + length; nth++) {
                if (targets[nth].hasRemaining()) {
                    return read(targets[nth]);
                }
            }
            return 0;
        }

        @Override
        public long read(ByteBuffer[] targets) {
            return read(targets, 0, targets.length);
        }

        @Override
        public int write(ByteBuffer source) {
            int count = source.remaining();
            source.position(source.limit());
            return count;
        }

        @Override
        public boolean isOpen() {
            return true;
        }

        @Override
        public void close() {}
    }
}
