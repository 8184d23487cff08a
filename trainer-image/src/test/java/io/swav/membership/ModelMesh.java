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
 * A trainer's connections to the other ranks of its world: it calls the ranks below, one after another, and those above
 * wait in its lobby.
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

    /** For the owner's new world. */
    void begin() {
        links = new End[owner.world.size()];
        called = 0;
        calling = false;
        forming = true;
        pending.rejectBefore(fence()).forEach(End::close);
    }

    /** Whether every rank is connected; goes on as far as it can. */
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
        return new PendingConnections.ConnectionKey(fence(), rank, uid(rank), 0);
    }

    private String uid(int rank) {
        return owner.world.members().get(rank).uid();
    }

    private long fence() {
        return owner.mutant == Mutant.NO_FENCE ? 0 : owner.world.generation();
    }

    /** Hello, and the verdict back; silence ends in another call. */
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
            owner.soon();
        }
    }

    private void answer(ModelMesh from, PendingConnections.ConnectionKey caller, long number) {
        if (!owner.alive()) {
            time.after(REFUSED, () -> from.hangUp(number)); // by the kernel
            return;
        }
        boolean stale = pending.refuses(caller.generation());
        End mine = network.connect(owner, from.owner);
        time.after(network.delay(), () -> from.hearsVerdict(stale, mine.other, number));
        if (!stale) {
            time.after(network.delay(), () -> {
                if (owner.alive()) {
                    pending.park(caller, mine).ifPresent(End::close);
                    owner.soon();
                }
            });
        }
    }

    private void hearsVerdict(boolean stale, End end, long number) {
        if (call != number || !calling || !forming) {
            end.close();
        } else if (stale) {
            owner.fail();
        } else {
            calling = false;
            links[called++] = end;
        }
        owner.soon();
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

    /** Empty while it is under way, and when another than the one that is due came, with which the owner fails. */
    Optional<Body> take(int peer, Kind kind) {
        End link = links[peer];
        if (link.inbox.isEmpty()) {
            return Optional.empty();
        }
        Optional<Message> head = link.inbox.remove();
        FrameHeader due = new FrameHeader(owner.world.generation(), link.received++, kind.bytes);
        boolean any = owner.mutant == Mutant.TAKES_ANY_FRAME || owner.mutant == Mutant.NO_FENCE;
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

    /** Whether one did without a goodbye. */
    boolean isLost() {
        return Arrays.stream(links).anyMatch(link -> link != null && link.isLost());
    }

    /** Done with this world. */
    void leave() {
        Arrays.stream(links).filter(Objects::nonNull).forEach(End::leave);
        hangUpAll();
    }

    void hangUpAll() {
        Arrays.stream(links).filter(Objects::nonNull).forEach(End::close);
        links = new End[0];
        forming = false;
    }

    /** Nobody waits here any more, and nobody will. */
    void close() {
        hangUpAll();
        pending.rejectBefore(Long.MAX_VALUE).forEach(End::close);
    }
}
