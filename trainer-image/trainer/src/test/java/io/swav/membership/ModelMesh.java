package io.swav.membership;

import io.swav.collective.FrameHeader;
import io.swav.collective.PendingConnections;
import io.swav.membership.ModelNetwork.Body;
import io.swav.membership.ModelNetwork.End;
import io.swav.membership.ModelNetwork.Kind;
import io.swav.membership.ModelNetwork.Message;
import io.swav.membership.ProtocolModel.Mutant;
import java.util.Arrays;
import java.util.Objects;
import java.util.Optional;

/**
 * A trainer's connections to the other ranks of its world. It calls the ranks below its own one after another; the calls
 * of the ranks above are parked in its {@link PendingConnections}.
 */
final class ModelMesh {
    private static final int CALL_TIMEOUT = 150;
    private static final int REFUSED = 30;

    private final ModelTrainer owner;
    private final ModelTime time;
    private final ModelNetwork network;
    private final PendingConnections<End> pending = new PendingConnections<>();
    private End[] links = {};
    private boolean forming;
    private int called;
    private long call;
    private boolean calling;

    ModelMesh(ModelTrainer owner, ModelTime time, ModelNetwork network) {
        this.owner = owner;
        this.time = time;
        this.network = network;
    }

    /** Starts connecting the owner's new world. */
    void begin() {
        links = new End[owner.world.size()];
        called = 0;
        calling = false;
        forming = true;
        pending.rejectBefore(generation()).forEach(End::close);
    }

    /** Connects as far as possible; returns whether every rank is connected. */
    boolean isComplete() {
        if (called < owner.rank) {
            if (!calling) {
                call(network.trainer(uid(called)));
            }
            return false;
        }
        for (int peer = owner.rank + 1; peer < links.length; peer++) {
            if (links[peer] == null) {
                Optional<End> end = pending.take(caller(peer));
                if (end.isEmpty()) {
                    return false;
                }
                links[peer] = end.get();
            }
        }
        forming = false;
        return true;
    }

    private PendingConnections.ConnectionKey caller(int rank) {
        return new PendingConnections.ConnectionKey(generation(), rank, uid(rank), 0);
    }

    private String uid(int rank) {
        return owner.world.members().get(rank).uid();
    }

    private long generation() {
        return owner.mutant == Mutant.ACCEPTS_ANY_GENERATION ? 0 : owner.world.generation();
    }

    /** Sends a hello and awaits the verdict; without an answer it calls again. */
    private void call(ModelTrainer peer) {
        calling = true;
        long mine = ++call;
        PendingConnections.ConnectionKey caller = caller(owner.rank);
        time.after(network.delay(), () -> {
            if (!network.areApart(owner, peer) && !peer.vanished && !peer.frozen) {
                peer.mesh.answer(this, caller, mine);
            }
        });
        time.after(CALL_TIMEOUT, () -> hangUp(mine));
    }

    private void hangUp(long mine) {
        if (call == mine && calling) {
            calling = false;
            owner.pollSoon();
        }
    }

    private void answer(ModelMesh from, PendingConnections.ConnectionKey caller, long number) {
        if (!owner.alive()) {
            time.after(REFUSED, () -> from.hangUp(number)); // refused by the kernel
            return;
        }
        boolean stale = pending.refuses(caller.generation());
        End mine = network.connect(owner, from.owner);
        time.after(network.delay(), () -> from.receiveVerdict(stale, mine.other, number));
        if (!stale) {
            time.after(network.delay(), () -> {
                if (owner.alive()) {
                    pending.park(caller, mine).ifPresent(End::close);
                    owner.pollSoon();
                }
            });
        }
    }

    private void receiveVerdict(boolean stale, End end, long number) {
        if (call != number || !calling || !forming) {
            end.close();
        } else if (stale) {
            owner.fail();
        } else {
            calling = false;
            links[called++] = end;
        }
        owner.pollSoon();
    }

    void send(int peer, Body body) {
        links[peer].send(body);
    }

    void sendAll(Body body) {
        for (int peer = 0; peer < links.length; peer++) {
            if (peer != owner.rank) {
                send(peer, body);
            }
        }
    }

    /**
     * Takes the next message from a peer. Empty while it is in flight, or if it is not the expected one; in the latter case
     * the owner fails.
     */
    Optional<Body> take(int peer, Kind kind) {
        End link = links[peer];
        if (link.inbox.isEmpty()) {
            return Optional.empty();
        }
        Optional<Message> head = link.inbox.remove();
        FrameHeader due = new FrameHeader(owner.world.generation(), link.received++, kind.bytes);
        boolean any = owner.mutant == Mutant.ACCEPTS_ANY_FRAME || owner.mutant == Mutant.ACCEPTS_ANY_GENERATION;
        if (head.isEmpty() || !(any || head.get().frame().is(due))) {
            owner.fail();
            return Optional.empty();
        }
        return Optional.of(head.get().body());
    }

    /** Whether a peer has hung up. */
    boolean isLeft() {
        return Arrays.stream(links).anyMatch(link -> link != null && link.isLeft());
    }

    /** Whether a peer has hung up without a goodbye. */
    boolean isLost() {
        return Arrays.stream(links).anyMatch(link -> link != null && link.isLost());
    }

    /** Says goodbye to all peers and closes the connections. */
    void leave() {
        Arrays.stream(links).filter(Objects::nonNull).forEach(End::leave);
        hangUpAll();
    }

    void hangUpAll() {
        Arrays.stream(links).filter(Objects::nonNull).forEach(End::close);
        links = new End[0];
        forming = false;
    }

    /** Closes all connections, and refuses all later callers. */
    void close() {
        hangUpAll();
        pending.rejectBefore(Long.MAX_VALUE).forEach(End::close);
    }
}
