package io.swav.membership;

import io.swav.api.ReachReport;
import io.swav.api.World;
import io.swav.collective.PeerListener;
import io.swav.collective.TcpMesh;
import io.swav.common.DaemonThreads;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Collection;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.concurrent.LinkedBlockingQueue;
import java.util.concurrent.ThreadPoolExecutor;
import java.util.concurrent.TimeUnit;
import java.util.function.Function;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Finds out which other trainers this one reaches, by calls beside training, for a {@link ReachReport}. It calls:
 *
 * <ul>
 *   <li>the members of a world that this trainer tries to form, if that takes longer than a second and a half;
 *   <li>the members of the newest world, if this trainer is not one of them;
 *   <li>newcomers, so that none enters the world that its members do not reach.
 * </ul>
 *
 * <p>A call costs its peer no step: {@link PeerListener} answers it on a thread of its own.
 */
public final class ReachTracker implements AutoCloseable {
    private static final Logger LOG = LoggerFactory.getLogger(ReachTracker.class);
    private static final long PERIOD_MILLIS = 100;
    /** Worlds usually form within a second, and then no call is needed. */
    private static final long PATIENCE_NANOS = Duration.ofMillis(1500).toNanos();
    /** How long after a call that failed the peer is called again. */
    private static final long RETRY_NANOS = Duration.ofSeconds(1).toNanos();
    /** How long after a call that succeeded the peer is called again while a world does not form. */
    private static final long AGAIN_NANOS = Duration.ofSeconds(3).toNanos();
    /** The same for newcomers, and for their own calls: a spare may wait for days. */
    private static final long SPARE_AGAIN_NANOS = Duration.ofSeconds(10).toNanos();
    /** Calls at a time. A peer that drops packets takes a second; one that accepts and is silent takes three. */
    private static final int CALLS_AT_ONCE = 16;

    /** What is known of one peer. Times are of {@link System#nanoTime}. */
    private static final class Target {
        final World.Member peer;
        final boolean newcomer;
        boolean calling;
        boolean called;
        long nextCall;
        /** When the first of the calls began that have failed in a row. */
        long failingSince;
        /** Why the last call failed; empty if it did not. */
        Optional<String> failure = Optional.empty();

        Target(World.Member peer, boolean newcomer, long now) {
            this.peer = peer;
            this.newcomer = newcomer;
            this.nextCall = now;
        }
    }

    private final String uid;
    private final WorldSource worlds;
    private final Function<World.Member, Optional<String>> call;
    private final Runnable changed;
    private final ThreadPoolExecutor calls;
    private final PeriodicTask task;
    private final Map<String, Target> targets = new LinkedHashMap<>();
    private World forming = World.none("");
    private long formingSince;
    private World calledWorld = World.none("");

    /**
     * Starts calling.
     *
     * @param listener of this process, with the job's key
     * @param changed called, from another thread, if the report has changed and is urgent
     */
    public ReachTracker(PeerListener listener, WorldSource worlds, Runnable changed) {
        this(listener.uid(), worlds, member -> TcpMesh.probe(listener, WorldFormation.peer(member)), changed);
    }

    /**
     * Starts calling.
     *
     * @param uid of this process
     * @param call calls a peer and returns why it was not reached; empty if it was
     */
    ReachTracker(String uid, WorldSource worlds, Function<World.Member, Optional<String>> call, Runnable changed) {
        this.uid = uid;
        this.worlds = worlds;
        this.call = call;
        this.changed = changed;
        this.calls = new ThreadPoolExecutor(
                CALLS_AT_ONCE,
                CALLS_AT_ONCE,
                10,
                TimeUnit.SECONDS,
                new LinkedBlockingQueue<>(),
                work -> DaemonThreads.create("reach", work),
                new ThreadPoolExecutor.DiscardPolicy()); // after the end
        calls.allowCoreThreadTimeOut(true);
        this.task = new PeriodicTask("reach-tracker", PERIOD_MILLIS, this::look);
    }

    /** Marks that this trainer tries to form a world, once or again. */
    synchronized void forming(World world) {
        if (world.generation() != forming.generation()) {
            forming = world;
            formingSince = System.nanoTime();
        }
    }

    /** Marks that the world has formed. */
    synchronized void formed() {
        forming = World.none("");
    }

    /** Returns what is known now. */
    public synchronized ReachReport report() {
        long now = System.nanoTime();
        List<ReachReport.Failure> failures = new ArrayList<>();
        List<String> newcomers = new ArrayList<>();
        boolean complete = true;
        for (Target target : targets.values()) {
            complete &= target.called || target.newcomer;
            target.failure.ifPresent(why -> failures.add(new ReachReport.Failure(
                    target.peer.uid(), why, Math.round((now - target.failingSince) / 1e8) / 10.0)));
            if (target.newcomer && target.called && target.failure.isEmpty()) {
                newcomers.add(target.peer.uid());
            }
        }
        return new ReachReport(complete ? calledWorld.generation() : 0, failures, newcomers);
    }

    private void look() {
        for (Target target : due(System.nanoTime())) {
            try {
                calls.execute(() -> tryOut(target));
            } catch (RuntimeException | Error e) { // for example, no thread can be started
                postpone(target, e);
            }
        }
    }

    /** Calls this peer later. A failure of this process says nothing about the peer, so what is known of it stays. */
    private synchronized void postpone(Target target, Throwable why) {
        target.calling = false;
        target.nextCall = System.nanoTime() + RETRY_NANOS;
        if (!calls.isShutdown()) {
            LOG.warn("{} cannot be called now and is called again later", target.peer.pod(), why);
        }
    }

    private synchronized List<Target> due(long now) {
        calledWorld = worldToCall(now);
        retarget(now);
        List<Target> due = targets.values().stream()
                .filter(target -> !target.calling && now - target.nextCall >= 0)
                .toList();
        due.forEach(target -> target.calling = true);
        return due;
    }

    /** Returns the world whose members are to be called now; generation 0 for none. */
    private World worldToCall(long now) {
        World newest = worlds.newest();
        if (newest.rankOf(uid).isEmpty()) {
            return newest;
        }
        boolean late = forming.generation() == newest.generation() && now - formingSince >= PATIENCE_NANOS;
        return late ? forming : World.none("");
    }

    /** Brings the targets up to date; what is known of those that stay is kept. */
    private void retarget(long now) {
        Map<String, Target> before = new LinkedHashMap<>(targets);
        targets.clear();
        add(calledWorld.members(), false, before, now);
        List<World.Member> outside = worlds.newcomers().stream()
                .filter(newcomer -> worlds.newest().rankOf(newcomer.uid()).isEmpty())
                .toList();
        add(outside, true, before, now);
    }

    private void add(Collection<World.Member> peers, boolean newcomers, Map<String, Target> before, long now) {
        for (World.Member peer : peers) {
            if (peer.uid().equals(uid)) {
                continue;
            }
            Target known = before.get(peer.uid());
            boolean same = known != null && known.newcomer == newcomers && known.peer.equals(peer);
            targets.putIfAbsent(peer.uid(), same ? known : new Target(peer, newcomers, now));
        }
    }

    private void tryOut(Target target) {
        long began = System.nanoTime();
        Optional<String> failure;
        try {
            failure = call.apply(target.peer);
        } catch (RuntimeException e) { // of one peer, whose address may be anything; it must not end the calls
            failure = Optional.of(String.valueOf(e));
        } catch (Error e) {
            postpone(target, e);
            return;
        }
        if (!calls.isShutdown() && record(target, failure, began)) {
            changed.run();
        }
    }

    /** Records the result of a call that began then; returns whether it is urgent. */
    private synchronized boolean record(Target target, Optional<String> failure, long began) {
        boolean news = !target.called || target.failure.isPresent() != failure.isPresent();
        if (failure.isPresent() && target.failure.isEmpty()) {
            target.failingSince = began;
            LOG.warn("{} is not reached: {}", target.peer.pod(), failure.get());
        } else if (failure.isEmpty() && target.failure.isPresent()) {
            LOG.info("{} is reached again", target.peer.pod());
        }
        target.failure = failure;
        target.called = true;
        target.calling = false;
        long again = forming.generation() > 0 && !target.newcomer ? AGAIN_NANOS : SPARE_AGAIN_NANOS;
        target.nextCall = System.nanoTime() + (failure.isPresent() ? RETRY_NANOS : again);
        boolean whole = targets.values().stream().allMatch(each -> each.called || each.newcomer);
        return news && (target.newcomer || failure.isPresent() || whole);
    }

    @Override
    public void close() {
        task.close();
        calls.shutdownNow();
    }
}
