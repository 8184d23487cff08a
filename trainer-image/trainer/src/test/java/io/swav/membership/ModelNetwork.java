package io.swav.membership;

import io.swav.api.World;
import io.swav.collective.FrameHeader;
import io.swav.membership.ModelStates.History;
import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.Deque;
import java.util.HashSet;
import java.util.List;
import java.util.Optional;
import java.util.Random;
import java.util.Set;
import org.jspecify.annotations.Nullable;

/**
 * All trainers that were ever started, and the network between them. It delays messages, holds them back while two
 * trainers are partitioned, and in faulty runs repeats some and delivers some of earlier generations again.
 */
final class ModelNetwork {
    /** The kinds of messages, with their lengths. */
    enum Kind {
        OFFER(40),
        STATE(1000),
        BARRIER(8),
        MINIMUM(16),
        SUM(500);

        final long bytes;

        Kind(long bytes) {
            this.bytes = bytes;
        }
    }

    record Body(Kind kind, World world, @Nullable History state, long seen) {}

    record Message(FrameHeader frame, Body body) {}

    final List<ModelTrainer> trainers = new ArrayList<>();
    private final Set<String> apart = new HashSet<>();
    private final ModelTime time;
    private final Random random;
    private final boolean faulty;

    ModelNetwork(ModelTime time, boolean faulty) {
        this.time = time;
        this.random = time.random;
        this.faulty = faulty;
    }

    ModelTrainer trainer(String uid) {
        return trainers.stream()
                .filter(trainer -> trainer.uid.equals(uid))
                .findFirst()
                .orElseThrow();
    }

    long delay() {
        return 1L + (random.nextInt(10) == 0 ? random.nextInt(60) : random.nextInt(5));
    }

    void part(ModelTrainer a, ModelTrainer b) {
        apart.add(pair(a, b));
    }

    void rejoin(ModelTrainer a, ModelTrainer b) {
        apart.remove(pair(a, b));
    }

    void rejoinAll() {
        apart.clear();
    }

    boolean areApart(ModelTrainer a, ModelTrainer b) {
        return !apart.isEmpty() && apart.contains(pair(a, b));
    }

    private static String pair(ModelTrainer a, ModelTrainer b) {
        return a.uid.compareTo(b.uid) < 0 ? a.uid + b.uid : b.uid + a.uid;
    }

    /** Returns the first trainer's end of a new connection. */
    End connect(ModelTrainer first, ModelTrainer second) {
        return new End(first, second);
    }

    /** One end of a connection. */
    final class End {
        final End other;
        final Deque<Optional<Message>> inbox = new ArrayDeque<>();
        long received;
        private final ModelTrainer owner;
        private final Deque<Optional<Message>> inFlight = new ArrayDeque<>();
        private long lastArrival;
        private long sent;
        private boolean closed;
        private boolean goodbye;

        private End(ModelTrainer owner, ModelTrainer peer) {
            this.owner = owner;
            this.other = new End(peer, this);
        }

        private End(ModelTrainer owner, End other) {
            this.owner = owner;
            this.other = other;
        }

        void send(Body body) {
            Message message = new Message(new FrameHeader(body.world().generation(), sent++, body.kind().bytes), body);
            if (injectsFault() && !owner.sent.isEmpty()) {
                Message earlier = owner.sent.get(random.nextInt(owner.sent.size()));
                if (earlier.frame().generation() < body.world().generation()) {
                    transmit(Optional.of(earlier));
                }
            }
            transmit(Optional.of(message));
            if (injectsFault()) {
                transmit(Optional.of(message));
            }
            owner.sent.add(message);
        }

        /** Says goodbye, and hangs up. */
        void leave() {
            goodbye = !closed;
            close();
        }

        /** Whether the other end has hung up, even if messages are left to be read. */
        boolean isLeft() {
            return inbox.contains(Optional.<Message>empty());
        }

        /** Whether the other end has hung up without a goodbye. */
        boolean isLost() {
            return isLeft() && !other.goodbye;
        }

        /** Hangs up; the other end reads that after all messages sent before. */
        void close() {
            if (!closed) {
                closed = true;
                transmit(Optional.empty());
            }
        }

        private boolean injectsFault() {
            return faulty && time.now() < ModelFaults.END && random.nextInt(400) == 0;
        }

        /** Delivers messages in order, whatever the delay of each. */
        private void transmit(Optional<Message> message) {
            inFlight.add(message);
            lastArrival = Math.max(lastArrival + 1, time.now() + delay());
            time.at(lastArrival, this::arrive);
        }

        private void arrive() {
            if (owner.vanished) {
                return;
            }
            if (areApart(owner, other.owner)) {
                time.after(20, this::arrive);
                return;
            }
            Optional<Message> head = inFlight.remove();
            if (!other.closed) {
                other.inbox.add(head);
                other.owner.pollSoon();
            }
        }
    }
}
