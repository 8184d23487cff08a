package io.swav.elastic;

import io.swav.api.World;
import io.swav.collective.Frame;
import io.swav.collective.Lobby;
import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.Deque;
import java.util.HashMap;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.PriorityQueue;
import java.util.Random;
import java.util.Set;
import org.jspecify.annotations.Nullable;

/**
 * A model of the regroup protocol: trainers, the network between them and an operator that may be wrong, in one thread,
 * every interleaving chosen by a seed. What the trainers decide they decide by the real code: {@link Membership},
 * {@link Agreement}, {@link NewestWorld}, {@link Lobby} and {@link Frame}. Around it the model imitates the trainer's loop:
 * calls to the ranks below, an exchange of offers, the state to those behind, then steps of two collectives each, the first
 * of which carries the generation.
 *
 * <p>The network delays, holds messages back while two trainers are apart, and in faulty runs repeats messages and brings up
 * those of earlier generations. Trainers die with their connections reset, vanish without a word, or freeze and wake up. A
 * tick is about a millisecond.
 */
final class ProtocolModel {
    /** One rule left out; the model has to notice. */
    enum Mutant {
        NONE,
        /** The state of the fewest steps goes on. */
        OLDEST_WINS,
        /** Ranks behind train on with what they have. */
        LAGGARDS_GO_ON,
        /** A receiver gives up its own state before it has the newer one whole. */
        RECEIVES_IN_PLACE,
        /** A rank leaves when it has seen a later world itself. */
        SWITCHES_ALONE,
        /** Ranks train as soon as they have the state. */
        NO_BARRIER,
        /** Peers that do not answer are waited for without end. */
        NEVER_ABANDONS,
        /** Peers are given up as soon as a later world is seen. */
        ABANDONS_AT_ONCE,
        /** Callers and messages of any generation are welcome. */
        NO_FENCE,
        /** Messages are taken in whatever order they come. */
        TAKES_ANY_FRAME,
        /** A trainer that the newest world does not name goes on in its last one. */
        STAYS_WHEN_PUT_OUT
    }

    /** A promise was broken. */
    @SuppressWarnings("serial")
    static final class Violation extends RuntimeException {
        Violation(String what) {
            super(what);
        }
    }

    private static final int FAULTS_END = 5000;
    private static final int OPERATOR_ENDS = 9000;
    private static final int END = 11_000;
    private static final int MOST_TRAINERS = 5;
    private static final int CALL_TIMEOUT = 150;
    private static final int FORMING = 600;
    private static final int RETRY = 30;
    private static final int PATIENCE = 250;

    /** What a trainer holds: a chain of steps. The same step of the same state in the same world is the same state. */
    private static final class History {
        final long id;
        final long step;
        final @Nullable History before;

        History(long id, long step, @Nullable History before) {
            this.id = id;
            this.step = step;
            this.before = before;
        }
    }

    private enum Kind {
        OFFER(40),
        STATE(1000),
        TOGETHER(8),
        MINIMUM(16),
        SUM(500);

        final long bytes;

        Kind(long bytes) {
            this.bytes = bytes;
        }
    }

    private record Body(Kind kind, World world, @Nullable History state, long seen) {}

    private record Message(Frame frame, Body body) {}

    private enum Phase {
        DECIDE,
        WAIT,
        CONNECT,
        RETRY,
        AGREE,
        RECEIVE,
        TOGETHER,
        MINIMUM,
        COMPUTE,
        SUM,
        GONE
    }

    /** One end of a connection. */
    private final class End {
        final Trainer owner;
        final Deque<Optional<Message>> inbox = new ArrayDeque<>();
        private final Deque<Optional<Message>> underWay = new ArrayDeque<>();
        private long lastArrival;

        @Nullable
        End other;

        boolean closed;
        long sent;
        long received;

        End(Trainer owner) {
            this.owner = owner;
        }

        void send(Body body) {
            Message message = new Message(new Frame(body.world().generation(), sent++, body.kind().bytes), body);
            if (lying() && !owner.said.isEmpty()) {
                Message late = owner.said.get(random.nextInt(owner.said.size()));
                if (late.frame().generation() < body.world().generation()) {
                    transmit(Optional.of(late));
                }
            }
            transmit(Optional.of(message));
            if (lying()) {
                transmit(Optional.of(message));
            }
            owner.said.add(message);
        }

        void close() {
            if (!closed) {
                closed = true;
                transmit(Optional.empty());
            }
        }

        private boolean lying() {
            return faulty && now < FAULTS_END && random.nextInt(400) == 0;
        }

        /** In order, however long each takes. */
        private void transmit(Optional<Message> message) {
            underWay.add(message);
            lastArrival = Math.max(lastArrival + 1, now + delay());
            at(lastArrival, this::arrive);
        }

        private void arrive() {
            End to = other;
            if (to == null || owner.vanished) {
                return;
            }
            if (!apart.isEmpty() && apart.contains(pair(owner, to.owner))) {
                at(now + 20, this::arrive);
                return;
            }
            Optional<Message> head = underWay.remove();
            if (!to.closed) {
                to.inbox.add(head);
                to.owner.soon();
            }
        }
    }

    /** A trainer process. */
    private final class Trainer {
        final String uid;
        final NewestWorld seen = new NewestWorld("job");
        final Lobby<End> lobby = new Lobby<>();
        final List<Message> said = new ArrayList<>();
        final List<History> applied = new ArrayList<>();
        World last = World.none("job");
        World world = last;
        Phase phase = Phase.DECIDE;

        @Nullable
        History state;

        boolean notice;
        boolean vanished;
        boolean frozen;
        boolean apiAway;
        long diedAt = -1;
        private int rank;
        private End[] links = {};
        private Body[] got = {};
        private int called;
        private long call;
        private boolean calling;
        private long timer;
        private long decidedOn;
        private long lastSign;
        private long laterSeen;
        private long patience;
        private boolean secondRound;
        private int source;
        private boolean begun;
        private long agreed;
        private long lastAppliedIn;

        Trainer(String uid) {
            this.uid = uid;
        }

        @Override
        public String toString() {
            return uid + " " + phase + (alive() ? " in " + world.generation() : " since " + diedAt);
        }

        boolean alive() {
            return phase != Phase.GONE;
        }

        void soon() {
            at(now + random.nextInt(3), this::poll);
        }

        private void soon(long ticks) {
            at(now + ticks, this::poll);
        }

        void hears(World newest) {
            seen.offer(newest);
            soon();
        }

        /** Goes on as far as it can. */
        private void poll() {
            Phase before = null;
            while (alive() && !frozen && before != phase) {
                before = phase;
                if (abandons()) {
                    fail();
                }
                switch (phase) {
                    case DECIDE -> decide();
                    case WAIT, RETRY -> {
                        if (seen.get().generation() > decidedOn || (phase == Phase.RETRY && now >= timer)) {
                            phase = Phase.DECIDE;
                        }
                    }
                    case CONNECT -> connect();
                    case AGREE, TOGETHER, MINIMUM, SUM -> gather();
                    case RECEIVE -> receive();
                    case COMPUTE -> {
                        if (now >= timer) {
                            tell(Kind.SUM, Phase.SUM);
                        }
                    }
                    case GONE -> {}
                }
            }
        }

        /** The watchman looks every 20 ticks, and so does this. */
        private boolean abandons() {
            boolean inside = switch (phase) {
                case AGREE, RECEIVE, TOGETHER, MINIMUM, COMPUTE, SUM -> true;
                default -> false;
            };
            if (!inside || mutant == Mutant.NEVER_ABANDONS) {
                return false;
            }
            if (seen.get().generation() > world.generation() && laterSeen < 0) {
                laterSeen = now;
                for (int look = 20; look <= 2 * PATIENCE; look += 20) {
                    soon(look);
                }
            }
            long allowed = mutant == Mutant.ABANDONS_AT_ONCE ? 0 : patience;
            return Membership.abandons(world, seen.get(), now - Math.max(laterSeen, lastSign), allowed);
        }

        private void decide() {
            decidedOn = seen.get().generation();
            Membership next = Membership.next(seen.get(), last, notice, uid);
            if (next instanceof Membership.Leave && mutant == Mutant.STAYS_WHEN_PUT_OUT && last.generation() > 0) {
                next = new Membership.Form(last, last.rankOf(uid).orElseThrow());
            }
            if (next instanceof Membership.Form form) {
                last = form.world();
                world = form.world();
                rank = form.rank();
                links = new End[world.size()];
                called = 0;
                calling = false;
                timer = now + FORMING;
                soon(FORMING);
                lobby.fence(mutant == Mutant.NO_FENCE ? 0 : world.generation()).forEach(End::close);
                phase = Phase.CONNECT;
            } else if (next instanceof Membership.Hold hold) {
                last = hold.world();
                phase = Phase.WAIT;
            } else if (next instanceof Membership.Wait) {
                phase = Phase.WAIT;
            } else {
                if (((Membership.Leave) next).nobodyStays() && last.rankOf(uid).orElse(-1) == 0) {
                    commit();
                }
                die(false);
            }
        }

        private void connect() {
            if (now >= timer || (seen.get().generation() > world.generation() && mutant != Mutant.STAYS_WHEN_PUT_OUT)) {
                fail();
            } else if (called < rank) {
                if (!calling) {
                    call(find(world.members().get(called).uid()));
                }
            } else {
                for (int peer = rank + 1; peer < world.size(); peer++) {
                    if (links[peer] == null) {
                        Optional<End> end = lobby.take(
                                caller(world, peer, world.members().get(peer).uid()));
                        if (end.isEmpty()) {
                            return;
                        }
                        links[peer] = end.get();
                    }
                }
                laterSeen = -1;
                patience = 0;
                secondRound = false;
                tell(Kind.OFFER, Phase.AGREE);
            }
        }

        private Lobby.Caller caller(World in, int ofRank, String ofUid) {
            return new Lobby.Caller(mutant == Mutant.NO_FENCE ? 0 : in.generation(), ofRank, ofUid, 0);
        }

        /** Hello, and the verdict back; silence ends in another call. */
        private void call(Trainer peer) {
            calling = true;
            long mine = ++call;
            World in = world;
            int as = rank;
            at(now + delay(), () -> {
                if (!apart.contains(pair(this, peer)) && !peer.vanished && !peer.frozen) {
                    peer.answer(this, caller(in, as, uid), mine);
                }
            });
            at(now + CALL_TIMEOUT, () -> hangUp(mine));
        }

        private void hangUp(long mine) {
            if (call == mine && calling) {
                calling = false;
                soon();
            }
        }

        private void answer(Trainer from, Lobby.Caller caller, long number) {
            if (!alive()) {
                at(now + RETRY, () -> from.hangUp(number)); // refused by the kernel
                return;
            }
            boolean stale = lobby.refuses(caller.generation());
            End mine = new End(this);
            End theirs = new End(from);
            mine.other = theirs;
            theirs.other = mine;
            at(now + delay(), () -> from.hearsVerdict(stale, theirs, number));
            if (!stale) {
                at(now + delay(), () -> {
                    if (alive()) {
                        lobby.park(caller, mine).ifPresent(End::close);
                        soon();
                    }
                });
            }
        }

        private void hearsVerdict(boolean stale, End end, long number) {
            if (call != number || !calling || phase != Phase.CONNECT) {
                end.close();
            } else if (stale) {
                fail();
            } else {
                calling = false;
                links[called++] = end;
            }
            soon();
        }

        /** Sends one message to every peer, then waits for theirs. */
        private void tell(Kind kind, Phase then) {
            got = new Body[world.size()];
            got[rank] = new Body(kind, world, state, seen.get().generation());
            for (int peer = 0; peer < links.length; peer++) {
                if (peer != rank) {
                    links[peer].send(got[rank]);
                }
            }
            phase = then;
        }

        private void gather() {
            Kind kind = got[rank].kind();
            for (int peer = 0; peer < links.length; peer++) {
                if (got[peer] == null) {
                    Optional<Body> body = take(links[peer], kind);
                    if (body.isEmpty()) {
                        return; // not there yet, or failed
                    }
                    got[peer] = body.get();
                }
            }
            for (Body body : got) {
                boolean mixed = body.kind() != kind || body.world().generation() != world.generation();
                boolean apart = kind != Kind.OFFER && body.state() != state;
                if (mixed || apart) {
                    throw new Violation(uid + " in " + world + " takes " + body + " into its " + got[rank]);
                }
            }
            switch (kind) {
                case OFFER -> agree();
                case TOGETHER -> goOn(smallest());
                case MINIMUM -> {
                    agreed = mutant == Mutant.SWITCHES_ALONE ? got[rank].seen() : smallest();
                    timer = now + 1 + random.nextInt(10);
                    phase = Phase.COMPUTE;
                    soon(timer - now);
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

        private Optional<Body> take(End link, Kind kind) {
            if (link.inbox.isEmpty()) {
                return Optional.empty();
            }
            Optional<Message> head = link.inbox.remove();
            Frame due = new Frame(world.generation(), link.received++, kind.bytes);
            boolean any = mutant == Mutant.TAKES_ANY_FRAME || mutant == Mutant.NO_FENCE;
            if (head.isEmpty() || !(any || head.get().frame().is(due))) {
                fail();
                return Optional.empty();
            }
            return Optional.of(head.get().body());
        }

        private void agree() {
            List<Agreement.Offer> offers = new ArrayList<>();
            for (Body body : got) {
                History of = body.state();
                offers.add(
                        of == null
                                ? new Agreement.Offer(Agreement.NOTHING, List.of(0L))
                                : new Agreement.Offer(of.step, List.of(of.id)));
            }
            Agreement agreement = mutant == Mutant.OLDEST_WINS ? oldest(offers) : Agreement.of(offers);
            if (agreement.step() == Agreement.NOTHING && !secondRound) {
                secondRound = true;
                if (rank == 0) {
                    state = stored;
                }
                tell(Kind.OFFER, Phase.AGREE);
                soon();
                return;
            }
            source = agreement.source();
            if (mutant == Mutant.LAGGARDS_GO_ON && state != null) {
                together();
            } else if (agreement.behind().contains(rank)) {
                if (mutant == Mutant.RECEIVES_IN_PLACE) {
                    become(null);
                }
                phase = Phase.RECEIVE;
            } else {
                if (source == rank) {
                    agreement.behind().forEach(peer -> links[peer].send(new Body(Kind.STATE, world, state, 0)));
                }
                together();
            }
        }

        private Agreement oldest(List<Agreement.Offer> offers) {
            List<Agreement.Offer> reversed = offers.stream()
                    .map(offer -> new Agreement.Offer(-offer.step(), offer.digest()))
                    .toList();
            Agreement agreement = Agreement.of(reversed);
            return new Agreement(agreement.source(), -agreement.step(), agreement.behind());
        }

        private void receive() {
            take(links[source], Kind.STATE).ifPresent(body -> {
                become(body.state());
                together();
            });
        }

        private void become(@Nullable History next) {
            long before = state == null ? -1 : state.step;
            if (next == null || next.step < before) {
                throw new Violation(uid + " goes back from step " + before + " to "
                        + (next == null ? "nothing" : "step " + next.step) + " in " + world);
            }
            state = next;
        }

        /** Who has said that it is ready to train is patient; before that nobody trains. */
        private void together() {
            if (mutant == Mutant.NO_BARRIER) {
                train();
                return;
            }
            patience = PATIENCE;
            lastSign = now;
            tell(Kind.TOGETHER, Phase.TOGETHER);
            soon();
        }

        private void train() {
            patience = PATIENCE;
            lastSign = now;
            begun = true;
            tell(Kind.MINIMUM, Phase.MINIMUM);
            soon();
        }

        private void apply() {
            if (state == null || world.generation() < lastAppliedIn) {
                throw new Violation(uid + " steps in generation " + world.generation() + " after " + lastAppliedIn);
            }
            lastAppliedIn = world.generation();
            become(child(state, world.generation()));
            applied.add(state);
            begun = false;
            if (rank == 0 && state.step % 7 == 0) {
                commit();
            }
            goOn(agreed);
        }

        /** In this world, unless all have seen a later one. */
        private void goOn(long seenByAll) {
            if (Membership.switches(world, seenByAll)) {
                hangUpAll();
                phase = Phase.DECIDE;
            } else {
                train();
            }
        }

        private void commit() {
            if (state != null && world.generation() >= storedIn) {
                storedIn = world.generation();
                stored = state;
            }
        }

        private void fail() {
            if (begun && !faulty) {
                throw new Violation(uid + " drops a step of " + world + " though nothing failed");
            }
            begun = false;
            hangUpAll();
            timer = now + RETRY;
            phase = Phase.RETRY;
            soon(RETRY);
        }

        private void hangUpAll() {
            for (End end : links) {
                if (end != null) {
                    end.close();
                }
            }
            links = new End[0];
        }

        void die(boolean vanish) {
            diedAt = now;
            vanished = vanish;
            phase = Phase.GONE;
            hangUpAll();
            lobby.fence(Long.MAX_VALUE).forEach(End::close);
        }
    }

    private record Event(long time, long number, Runnable what) implements Comparable<Event> {
        @Override
        public int compareTo(Event other) {
            return time != other.time ? Long.compare(time, other.time) : Long.compare(number, other.number);
        }
    }

    private final Random random;
    private final boolean faulty;
    private final Mutant mutant;
    private final PriorityQueue<Event> events = new PriorityQueue<>();
    private final List<Trainer> trainers = new ArrayList<>();
    private final Set<String> apart = new HashSet<>();
    private final Map<String, History> children = new HashMap<>();
    private World current = World.none("job");
    private History stored = new History(0, 0, null);
    private long storedIn;
    private long now;
    private long number;

    private ProtocolModel(long seed, boolean faulty, Mutant mutant) {
        this.random = new Random(seed);
        this.faulty = faulty;
        this.mutant = mutant;
    }

    /**
     * One run.
     *
     * @param faulty whether anything fails, or pods only come and go on notice
     * @return steps in the history that survived
     * @throws Violation when a promise is broken
     */
    static long run(long seed, boolean faulty, Mutant mutant) {
        ProtocolModel model = new ProtocolModel(seed, faulty, mutant);
        model.at(0, model::operate);
        if (faulty) {
            model.at(200, model::harm);
        }
        model.at(FAULTS_END, model::heal);
        return model.finish();
    }

    private long finish() {
        long before = -1;
        while (!events.isEmpty() && now < END) {
            Event next = events.remove();
            now = next.time();
            next.what().run();
            if (before < 0 && now > END - 1000) {
                before = newestStep();
            }
        }
        check(before);
        return newestStep();
    }

    private void at(long time, Runnable what) {
        events.add(new Event(time, number++, what));
    }

    private long delay() {
        return 1L + (random.nextInt(10) == 0 ? random.nextInt(60) : random.nextInt(5));
    }

    private static String pair(Trainer a, Trainer b) {
        return a.uid.compareTo(b.uid) < 0 ? a.uid + b.uid : b.uid + a.uid;
    }

    private History child(History of, long generation) {
        return children.computeIfAbsent(
                of.id + "/" + generation, key -> new History(children.size() + 1, of.step + 1, of));
    }

    private Trainer find(String uid) {
        return trainers.stream()
                .filter(trainer -> trainer.uid.equals(uid))
                .findFirst()
                .orElseThrow();
    }

    // ---- the operator: sees trainers late, and is sometimes wrong -------------------------------------------------

    private void operate() {
        boolean honest = now >= FAULTS_END;
        if (trainers.stream().filter(Trainer::alive).count() < (honest ? 2 : MOST_TRAINERS) && random.nextInt(2) == 0) {
            Trainer fresh =
                    new Trainer("t" + (char) ('a' + trainers.size() / 26) + (char) ('a' + trainers.size() % 26));
            trainers.add(fresh);
            deliver(fresh, current);
        }
        List<World.Member> next = new ArrayList<>();
        List<String> lost = new ArrayList<>();
        boolean everyoneOut = !honest && random.nextInt(40) == 0;
        for (World.Member member : current.members()) {
            Trainer trainer = find(member.uid());
            boolean known = !trainer.alive() && now - trainer.diedAt > (trainer.vanished ? 300 : 40);
            boolean hung = trainer.frozen && random.nextInt(4) == 0;
            boolean leaves = !honest && random.nextInt(12) == 0;
            if (known || hung || leaves || everyoneOut) {
                if ((known || hung) && random.nextBoolean()) {
                    lost.add(member.uid());
                }
                trainer.notice |= leaves && random.nextBoolean();
            } else {
                next.add(member);
            }
        }
        for (Trainer trainer : trainers) {
            boolean ready = trainer.alive() && trainer.phase == Phase.WAIT && trainer.last.generation() == 0;
            if (ready
                    && !trainer.frozen
                    && current.rankOf(trainer.uid).isEmpty()
                    && (honest || random.nextInt(3) > 0)) {
                next.add(new World.Member(trainer.uid, trainer.uid, trainer.uid));
            }
        }
        if (!next.equals(current.members()) || current.hold() || (!honest && random.nextInt(30) == 0)) {
            boolean hold = !honest && next.size() < 2 && random.nextBoolean();
            current = new World(current.generation() + 1, "job", next, "model", hold, lost);
            trainers.forEach(trainer -> deliver(trainer, current));
        }
        if (now < OPERATOR_ENDS) {
            at(now + 50L + random.nextInt(300), this::operate);
        }
    }

    /** The document or, as watches do, a later one. */
    private void deliver(Trainer to, World document) {
        at(now + delay(), () -> {
            if (to.frozen || to.apiAway) {
                at(now + 10, () -> deliver(to, document));
            } else {
                to.hears(random.nextBoolean() ? document : current);
            }
        });
    }

    // ---- what goes wrong ------------------------------------------------------------------------------------------

    private void harm() {
        List<Trainer> living = trainers.stream().filter(Trainer::alive).toList();
        if (!living.isEmpty()) {
            Trainer victim = living.get(random.nextInt(living.size()));
            Trainer other = living.get(random.nextInt(living.size()));
            long until = now + 50 + random.nextInt(1200);
            switch (random.nextInt(6)) {
                case 0 -> victim.die(false);
                case 1 -> victim.die(true);
                case 2 -> {
                    victim.frozen = true;
                    at(until, () -> wake(victim));
                }
                case 3 -> {
                    victim.apiAway = true;
                    at(until, () -> victim.apiAway = false);
                }
                default -> {
                    apart.add(pair(victim, other));
                    at(until, () -> apart.remove(pair(victim, other)));
                }
            }
        }
        if (now < FAULTS_END - 300) {
            at(now + 20 + random.nextInt(600), this::harm);
        }
    }

    private void wake(Trainer trainer) {
        trainer.frozen = false;
        trainer.soon();
    }

    private void heal() {
        apart.clear();
        trainers.forEach(trainer -> {
            trainer.apiAway = false;
            wake(trainer);
        });
    }

    // ---- the promises ---------------------------------------------------------------------------------------------

    private long newestStep() {
        return current.members().stream()
                .map(member -> find(member.uid()).state)
                .mapToLong(state -> state == null ? -1 : state.step)
                .max()
                .orElse(-1);
    }

    /** Everyone alive is in the newest world or out of it; there is one history, and it goes on. */
    private void check(long stepBefore) {
        if (newestStep() <= stepBefore) {
            throw new Violation("training stopped at step " + stepBefore + " in " + current + "; all: " + trainers);
        }
        Map<Long, History> surviving = new HashMap<>();
        for (Trainer trainer : trainers) {
            boolean member = current.rankOf(trainer.uid).isPresent();
            boolean training = trainer.world.equals(current) && trainer.phase.compareTo(Phase.TOGETHER) >= 0;
            boolean out = trainer.phase == Phase.WAIT && trainer.last.generation() == 0;
            if (trainer.alive() && (member ? !training : !out)) {
                throw new Violation(trainer + " where " + current + " is the newest; all: " + trainers);
            }
            if (member) {
                for (History at = trainer.state; at != null; at = at.before) {
                    History same = surviving.putIfAbsent(at.step, at);
                    if (same != null && same != at) {
                        throw new Violation("two histories of step " + at.step + " survive");
                    }
                }
            }
        }
        for (Trainer trainer : trainers) {
            long before = -1;
            for (History step : trainer.applied) {
                if (surviving.get(step.step) == step) {
                    if (step.step <= before) {
                        throw new Violation(trainer.uid + " applied step " + step.step + " twice");
                    }
                    before = step.step;
                }
            }
        }
    }
}
