package io.swav.membership;

import io.swav.api.World;
import io.swav.membership.ModelNetwork.Body;
import io.swav.membership.ModelNetwork.Kind;
import io.swav.membership.ModelNetwork.Message;
import io.swav.membership.ModelStates.History;
import io.swav.membership.ProtocolModel.Mutant;
import io.swav.membership.ProtocolModel.Violation;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.Random;
import org.jspecify.annotations.Nullable;

/**
 * A model of a trainer's loop around the real rules. It connects to the ranks of its world, exchanges offers with them,
 * sends its state to the outdated ones or receives one, and then makes steps of two collectives each, the first of which
 * carries the generation.
 */
final class ModelTrainer {
    private static final int FORMING = 600;
    private static final int RETRY = 30;
    private static final int PATIENCE = 250;
    /** Time for messages that are in flight when a peer leaves; longer than any delay. */
    private static final int GRACE = 100;
    /** Time between two checks of the watchdog. */
    private static final int WATCH = 20;

    private enum Phase {
        DECIDE,
        WAIT,
        CONNECT,
        RETRY,
        AGREE,
        RECEIVE,
        BARRIER,
        MINIMUM,
        COMPUTE,
        SUM,
        GONE
    }

    final String uid;
    final Mutant mutant;
    final ModelMesh mesh;
    final List<Message> sent = new ArrayList<>();
    final List<History> applied = new ArrayList<>();
    World world = World.none("job");
    int rank;

    @Nullable
    History state;

    boolean notice;
    boolean vanished;
    boolean frozen;
    boolean apiAway;
    long diedAt = -1;
    private final ModelTime time;
    private final Random random;
    private final ModelStates states;
    private final boolean faulty;
    private final LatestWorld seen = new LatestWorld("job");
    private World formed = world;
    private Phase phase = Phase.DECIDE;
    private Body[] got = {};
    private long timer;
    private long decidedOn;
    private long lastProgressAt;
    private long laterWorldSeenAt;
    private long nextCheck;
    private long peerGoneSince = -1;
    private long patience;
    private boolean secondRound;
    private int source;
    private boolean begun;
    private long agreed;
    private long lastAppliedIn;

    ModelTrainer(String uid, ModelTime time, ModelNetwork network, ModelStates states, boolean faulty, Mutant mutant) {
        this.uid = uid;
        this.time = time;
        this.random = time.random;
        this.states = states;
        this.faulty = faulty;
        this.mutant = mutant;
        this.mesh = new ModelMesh(this, time, network);
    }

    @Override
    public String toString() {
        return uid + " " + phase + (alive() ? " in " + world.generation() : " since " + diedAt);
    }

    boolean alive() {
        return phase != Phase.GONE;
    }

    /** Whether this trainer is in no world, and ready for one. */
    boolean isOutside() {
        return phase == Phase.WAIT && formed.generation() == 0;
    }

    boolean trainsIn(World newest) {
        return world.equals(newest) && phase.compareTo(Phase.BARRIER) >= 0;
    }

    /** Steps of its state; −1 without one. */
    long step() {
        return state == null ? -1 : state.step;
    }

    void pollSoon() {
        time.after(random.nextInt(3), this::poll);
    }

    private void pollSoon(long ticks) {
        time.after(ticks, this::poll);
    }

    void receiveWorld(World newest) {
        seen.offer(newest);
        pollSoon();
    }

    /** Advances as far as possible. */
    private void poll() {
        Phase before = null;
        while (alive() && !frozen && before != phase) {
            before = phase;
            if (abandons() || waitsForALostPeer()) {
                fail();
            }
            switch (phase) {
                case DECIDE -> decide();
                case WAIT, RETRY -> {
                    if (seen.get().generation() > decidedOn || (phase == Phase.RETRY && time.now() >= timer)) {
                        phase = Phase.DECIDE;
                    }
                }
                case CONNECT -> connect();
                case AGREE, BARRIER, MINIMUM, SUM -> gather();
                case RECEIVE -> receive();
                case COMPUTE -> {
                    if (time.now() >= timer) {
                        sendToAll(Kind.SUM, Phase.SUM);
                    }
                }
                case GONE -> {}
            }
        }
    }

    /** Whether to abandon the peers, checked as often as the real watchdog does. */
    private boolean abandons() {
        boolean inside = switch (phase) {
            case AGREE, RECEIVE, BARRIER, MINIMUM, COMPUTE, SUM -> true;
            default -> false;
        };
        if (!inside || mutant == Mutant.NEVER_ABANDONS) {
            return false;
        }
        if (seen.get().generation() > world.generation()) {
            laterWorldSeenAt = laterWorldSeenAt < 0 ? time.now() : laterWorldSeenAt;
            if (time.now() >= nextCheck) {
                nextCheck = time.now() + WATCH;
                pollSoon(WATCH);
            }
        }
        long allowed = mutant == Mutant.ABANDONS_AT_ONCE ? 0 : patience;
        return Membership.abandons(world, seen.get(), time.now() - Math.max(laterWorldSeenAt, lastProgressAt), allowed);
    }

    /** Whether a peer is lost while this trainer waits for any, as an exchange checks all peers while it waits for some. */
    private boolean waitsForALostPeer() {
        boolean waits = switch (phase) {
            case AGREE, RECEIVE, BARRIER, MINIMUM, SUM -> true;
            default -> false;
        };
        if (!waits || mutant == Mutant.NEVER_CHECKS_OTHER_PEERS || !mesh.isLeft()) {
            peerGoneSince = -1;
            return false;
        }
        if (peerGoneSince < 0) {
            peerGoneSince = time.now();
            pollSoon(GRACE);
        }
        return mesh.isLost() || time.now() - peerGoneSince >= GRACE;
    }

    private void decide() {
        decidedOn = seen.get().generation();
        Membership next = Membership.next(seen.get(), formed, notice, uid);
        if (next instanceof Membership.Leave && mutant == Mutant.STAYS_WHEN_REMOVED && formed.generation() > 0) {
            next = new Membership.Form(world, world.rankOf(uid).orElseThrow());
        }
        if (next instanceof Membership.Form form) {
            world = form.world();
            rank = form.rank();
            timer = time.now() + FORMING;
            pollSoon(FORMING);
            mesh.begin();
            phase = Phase.CONNECT;
        } else if (next instanceof Membership.Hold) {
            phase = Phase.WAIT;
        } else if (next instanceof Membership.Wait) {
            phase = Phase.WAIT;
        } else {
            if (((Membership.Leave) next).allHoldersLeave()
                    && formed.rankOf(uid).orElse(-1) == 0) {
                commit();
            }
            die(false);
        }
    }

    private void connect() {
        if (time.now() >= timer
                || (seen.get().generation() > world.generation() && mutant != Mutant.STAYS_WHEN_REMOVED)) {
            fail();
        } else if (mesh.isComplete()) {
            laterWorldSeenAt = -1;
            patience = 0;
            secondRound = false;
            sendToAll(Kind.OFFER, Phase.AGREE);
        }
    }

    /** Sends one message to every peer, then waits for theirs. */
    private void sendToAll(Kind kind, Phase then) {
        got = new Body[world.size()];
        got[rank] = new Body(kind, world, state, seen.get().generation());
        mesh.sendAll(got[rank]);
        phase = then;
    }

    private void gather() {
        Kind kind = got[rank].kind();
        boolean whole = true;
        for (int peer = 0; peer < got.length; peer++) {
            if (got[peer] == null) {
                Optional<Body> body = mesh.take(peer, kind);
                if (phase == Phase.RETRY) {
                    return;
                }
                if (body.isPresent()) {
                    got[peer] = body.get();
                } else {
                    whole = false;
                }
            }
        }
        if (!whole) {
            return;
        }
        for (Body body : got) {
            boolean otherOperation = body.kind() != kind || body.world().generation() != world.generation();
            boolean otherState = kind != Kind.OFFER && body.state() != state;
            if (otherOperation || otherState) {
                throw new Violation(uid + " in " + world + " combines " + body + " with its " + got[rank]);
            }
        }
        switch (kind) {
            case OFFER -> agree();
            case BARRIER -> continueOrSwitch(smallest());
            case MINIMUM -> {
                agreed = mutant == Mutant.SWITCHES_ALONE ? got[rank].seen() : smallest();
                timer = time.now() + 1 + random.nextInt(10);
                phase = Phase.COMPUTE;
                pollSoon(timer - time.now());
            }
            default -> apply();
        }
    }

    private long smallest() {
        long least = Long.MAX_VALUE;
        for (Body body : got) {
            least = Math.min(least, body.seen());
        }
        return least;
    }

    private void agree() {
        List<StateElection.Offer> offers = new ArrayList<>();
        for (Body body : got) {
            History of = body.state();
            offers.add(
                    of == null
                            ? new StateElection.Offer(StateElection.NOTHING, List.of(0L))
                            : new StateElection.Offer(of.step, List.of(of.id)));
        }
        StateElection election = mutant == Mutant.OLDEST_WINS ? oldest(offers) : StateElection.of(offers);
        if (election.step() == StateElection.NOTHING && !secondRound) {
            secondRound = true;
            if (rank == 0) {
                state = states.stored();
            }
            sendToAll(Kind.OFFER, Phase.AGREE);
            pollSoon();
            return;
        }
        source = election.source();
        if (mutant == Mutant.OUTDATED_RANKS_CONTINUE && state != null) {
            barrier();
        } else if (election.outdatedRanks().contains(rank)) {
            if (mutant == Mutant.RECEIVES_IN_PLACE) {
                replaceState(null);
            }
            phase = Phase.RECEIVE;
        } else {
            if (source == rank) {
                election.outdatedRanks().forEach(peer -> mesh.send(peer, new Body(Kind.STATE, world, state, 0)));
            }
            barrier();
        }
    }

    private StateElection oldest(List<StateElection.Offer> offers) {
        List<StateElection.Offer> reversed = offers.stream()
                .map(offer -> new StateElection.Offer(-offer.step(), offer.digest()))
                .toList();
        StateElection election = StateElection.of(reversed);
        return new StateElection(
                election.source(),
                -election.step(),
                election.outdatedRanks(),
                election.divergedRanks(),
                election.basis());
    }

    private void receive() {
        mesh.take(source, Kind.STATE).ifPresent(body -> {
            replaceState(body.state());
            barrier();
        });
    }

    private void replaceState(@Nullable History next) {
        if (next == null || next.step < step()) {
            throw new Violation(uid + " goes back from step " + step() + " to "
                    + (next == null ? "nothing" : "step " + next.step) + " in " + world);
        }
        state = next;
    }

    /** A rank that has reported itself ready to train is patient; before that no rank trains. */
    private void barrier() {
        if (mutant == Mutant.NO_BARRIER) {
            train();
            return;
        }
        patience = PATIENCE;
        lastProgressAt = time.now();
        sendToAll(Kind.BARRIER, Phase.BARRIER);
        pollSoon();
    }

    private void train() {
        patience = PATIENCE;
        lastProgressAt = time.now();
        begun = true;
        sendToAll(Kind.MINIMUM, Phase.MINIMUM);
        pollSoon();
    }

    private void apply() {
        if (state == null || world.generation() < lastAppliedIn) {
            throw new Violation(uid + " steps in generation " + world.generation() + " after " + lastAppliedIn);
        }
        lastAppliedIn = world.generation();
        History next = states.after(state, world.generation());
        replaceState(next);
        applied.add(next);
        begun = false;
        if (rank == 0 && next.step % 7 == 0) {
            commit();
        }
        continueOrSwitch(agreed);
    }

    /** Trains on in this world, unless all ranks have seen a later one. */
    private void continueOrSwitch(long seenByAll) {
        formed = world;
        if (Membership.switches(world, seenByAll)) {
            mesh.leave();
            phase = Phase.DECIDE;
        } else {
            train();
        }
    }

    private void commit() {
        if (state != null) {
            states.store(state, world.generation());
        }
    }

    void fail() {
        if (begun && !faulty) {
            throw new Violation(uid + " drops a step of " + world + " although nothing failed");
        }
        begun = false;
        mesh.hangUpAll();
        timer = time.now() + RETRY;
        phase = Phase.RETRY;
        pollSoon(RETRY);
    }

    void die(boolean vanish) {
        diedAt = time.now();
        vanished = vanish;
        phase = Phase.GONE;
        mesh.close();
    }
}
