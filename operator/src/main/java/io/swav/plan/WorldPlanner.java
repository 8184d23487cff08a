package io.swav.plan;

import io.swav.api.SwavJobStatus.Incident;
import io.swav.api.World;
import io.swav.plan.Standing.Cause;
import io.swav.plan.Standing.Dead;
import io.swav.plan.Standing.Done;
import io.swav.plan.Standing.Leaving;
import io.swav.plan.Standing.Ready;
import io.swav.plan.Standing.Starting;
import java.time.Duration;
import java.time.Instant;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.HashMap;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.TreeSet;
import java.util.stream.Collectors;
import java.util.stream.Stream;
import org.jspecify.annotations.Nullable;

/**
 * Decides the members of the world and the pods of a job, as a pure function of what was seen.
 *
 * <p>A pod that leaves, with or without notice, is put out of the world at once and replaced; newcomers enter when they
 * are Ready. Losing never waits; growing waits only while more pods are expected. Below the minimum the world stays as it
 * is published: its survivors keep their state and wait for the next generation. Survivors keep their order, so that
 * ranks are stable.
 *
 * <p>Failures are counted apart from preemptions. One of a pod that had been in a world is replaced at once, one of a
 * pod that never got there after a delay that doubles each time.
 */
public final class WorldPlanner {
    static final Duration FIRST_BACKOFF = Duration.ofSeconds(1);
    static final Duration LONGEST_BACKOFF = Duration.ofMinutes(5);
    /** How long the other trainers may take to end after the first has finished. */
    static final Duration FINISH = Duration.ofMinutes(2);
    /** Ended pods that stay for their logs. */
    static final int ENDED_KEPT = 10;

    private static final Comparator<PodSeen> BY_AGE =
            Comparator.comparing(PodSeen::created).thenComparing(PodSeen::name);

    private final Bounds bounds;
    private final Observed seen;
    private final Instant now;
    private final Map<String, PodSeen> byUid = new HashMap<>();
    private final List<Incident> news = new ArrayList<>();
    private final List<Instant> again = new ArrayList<>();
    private Book book;

    private WorldPlanner(Bounds bounds, Observed seen, Instant now) {
        this.bounds = bounds;
        this.seen = seen;
        this.now = now;
        this.book = seen.book();
        seen.pods().forEach(pod -> byUid.put(pod.uid(), pod));
    }

    /** The plan for one job at one time; planning again with its result done keeps everything. */
    public static Plan plan(Bounds bounds, Observed seen, Instant now) {
        return new WorldPlanner(bounds, seen, now).plan();
    }

    private Plan plan() {
        if (book.end() == null) {
            account();
            decideEnd();
        }
        forget();
        if (book.end() != null) {
            return ended(book.end());
        }
        if (book.firstDone() != null) {
            again.add(book.firstDone().plus(FINISH));
            WorldPlan keep = new WorldPlan.Keep("training is done; the last trainers are finishing");
            return new Plan(keep, List.of(), "", List.of(), "", book, news, next());
        }
        if (bounds.suspended()) {
            return suspended();
        }
        WorldPlan world = world();
        List<World.Member> members =
                world instanceof WorldPlan.Regroup regroup ? regroup.next().members() : present();
        if (world instanceof WorldPlan.Regroup) {
            book = book.published(now, seen.world().generation() == 0).withRetry(0, null);
        }
        List<String> create = create();
        List<PodSeen> excess = excess(members);
        excess.forEach(pod -> book = book.accounting(pod.uid()));
        return new Plan(
                world,
                create,
                create.isEmpty() ? "" : "pods wanted: " + podsWanted() + ", there: " + alive(),
                Stream.concat(excess.stream(), longEnded().stream()).toList(),
                excess.isEmpty() ? "" : "pods wanted: " + podsWanted() + ", there: " + alive(),
                book,
                news,
                next());
    }

    // ---- what was lost ------------------------------------------------------------------------------------------

    /** Counts every pod that leaves or died since the last plan, and every member that vanished, once. */
    private void account() {
        for (PodSeen pod : seen.pods()) {
            if (pod.standing() instanceof Leaving leaving) {
                incident(pod.name(), pod.uid(), Cause.PREEMPTED, leaving.why());
            } else if (pod.standing() instanceof Dead dead) {
                incident(pod.name(), pod.uid(), dead.cause(), dead.why());
            }
        }
        for (World.Member member : seen.world().members()) {
            if (!byUid.containsKey(member.uid())) {
                incident(member.pod(), member.uid(), Cause.PREEMPTED, "the pod vanished without notice");
            }
        }
    }

    private void incident(String pod, String uid, Cause cause, String why) {
        if (book.accounted().contains(uid)) {
            return;
        }
        boolean failure = cause != Cause.PREEMPTED;
        Incident incident =
                new Incident(now.toString(), failure ? "Failure" : "Preemption", pod, why, seen.step(), null);
        news.add(incident);
        book = book.withIncident(incident, uid, failure);
        if (cause == Cause.PERMANENT) {
            book = book.ended(new Book.End(false, "TrainerRefused", "Pod " + pod + " failed for good: " + why, now));
        } else if (failure) {
            boolean worked = seen.world().rankOf(uid).isPresent();
            int streak = worked ? 0 : book.streak() + 1;
            book = book.withRetry(streak, streak == 0 ? null : now.plus(backoff(streak)));
        }
    }

    private static Duration backoff(int streak) {
        Duration delay = FIRST_BACKOFF.multipliedBy(1L << Math.min(streak - 1, 20));
        return delay.compareTo(LONGEST_BACKOFF) < 0 ? delay : LONGEST_BACKOFF;
    }

    private void decideEnd() {
        if (book.end() != null) {
            return;
        }
        boolean done = seen.pods().stream().anyMatch(pod -> pod.standing() instanceof Done);
        if (done) {
            Instant first = book.firstDone() == null ? now : book.firstDone();
            book = book.withFirstDone(first);
            if (present().isEmpty() || !now.isBefore(first.plus(FINISH))) {
                book = book.ended(new Book.End(true, "Complete", "Training is complete", now));
            }
        } else if (book.failures() > bounds.maxFailures()) {
            Incident last = book.incidents().get(book.incidents().size() - 1);
            book = book.ended(new Book.End(
                    false,
                    "TooManyFailures",
                    book.failures() + " failures, recovery.maxFailures allows " + bounds.maxFailures() + "; the last: "
                            + last.pod() + ": " + last.reason(),
                    now));
        }
    }

    /** Keeps the accounts of pods that are still there or still named by the world. */
    private void forget() {
        Set<String> current = new HashSet<>(byUid.keySet());
        seen.world().members().forEach(member -> current.add(member.uid()));
        Set<String> kept = new TreeSet<>(book.accounted());
        kept.retainAll(current);
        book = book.withAccounted(kept);
    }

    // ---- the world ----------------------------------------------------------------------------------------------

    private WorldPlan world() {
        List<World.Member> members = seen.world().members();
        List<World.Member> survivors = present();
        List<World.Member> lost = new ArrayList<>(members);
        lost.removeAll(survivors);
        List<World.Member> next = new ArrayList<>(survivors.subList(0, Math.min(survivors.size(), bounds.target())));
        List<World.Member> joining =
                newcomers().stream().limit(bounds.target() - next.size()).toList();
        next.addAll(joining);

        boolean broken = members.isEmpty() || !lost.isEmpty();
        if (broken && next.size() < bounds.min()) {
            int missing = bounds.min() - next.size();
            return new WorldPlan.Wait(missing, waiting(members.isEmpty(), next.size()));
        }
        if (broken || survivors.size() > bounds.target()) {
            return regroup(next, members.isEmpty() ? first(next.size()) : change(lost, survivors, next, joining));
        }
        if (joining.isEmpty()) {
            return new WorldPlan.Keep(members.size() + " of " + bounds.target() + " wanted trainers are in the world"
                    + (members.size() < bounds.target() ? "; " + startingWhy() : ""));
        }
        if (next.size() < bounds.min()) {
            return new WorldPlan.Keep(names(joining) + " ready to join; the world grows when " + bounds.min()
                    + " are there, the minimum that was raised");
        }
        Instant since = book.since();
        Instant grow = since == null ? now : since.plus(bounds.growAfter());
        if (next.size() == bounds.target() || !now.isBefore(grow)) {
            return regroup(next, change(lost, survivors, next, joining));
        }
        again.add(grow);
        return new WorldPlan.Keep(
                names(joining) + " ready to join; the world grows at " + grow + ", or when all wanted pods are ready");
    }

    private WorldPlan.Regroup regroup(List<World.Member> next, String why) {
        World world = new World(seen.world().generation() + 1, seen.world().job(), next, why);
        return new WorldPlan.Regroup(world, why);
    }

    /** Members whose pod can go on, in the order of their ranks. */
    private List<World.Member> present() {
        return seen.world().members().stream()
                .filter(member -> {
                    PodSeen pod = byUid.get(member.uid());
                    return pod != null && pod.isAlive();
                })
                .toList();
    }

    /** Ready pods outside the world, the oldest first. */
    private List<World.Member> newcomers() {
        return seen.pods().stream()
                .filter(pod -> pod.standing() instanceof Ready
                        && seen.world().rankOf(pod.uid()).isEmpty())
                .sorted(BY_AGE)
                .map(pod -> new World.Member(pod.name(), pod.uid(), ((Ready) pod.standing()).address()))
                .toList();
    }

    private String first(int size) {
        return "the world forms: " + size + " of " + bounds.target() + " wanted pods are ready";
    }

    private String waiting(boolean noWorld, int ready) {
        return (noWorld ? "waiting for pods: " : "holding, the survivors keep their state: ") + ready + " ready, "
                + bounds.min() + " needed; " + startingWhy();
    }

    /** What the first pod that is not ready waits for; they mostly wait for the same thing. */
    private String startingWhy() {
        Instant retry = book.retryAt();
        return seen.pods().stream()
                .filter(pod -> pod.standing() instanceof Starting)
                .min(BY_AGE)
                .map(pod -> pod.name() + ": " + ((Starting) pod.standing()).why())
                .orElse(
                        retry != null && now.isBefore(retry)
                                ? "the next pod is created at " + retry + " because the last ones failed"
                                : "new pods are being created");
    }

    private String change(
            List<World.Member> lost,
            List<World.Member> survivors,
            List<World.Member> next,
            List<World.Member> joining) {
        List<String> parts = new ArrayList<>();
        lost.forEach(member -> parts.add(member.pod() + " left (" + whyGone(member) + ")"));
        List<World.Member> dropped = new ArrayList<>(survivors);
        dropped.removeAll(next);
        if (!dropped.isEmpty()) {
            parts.add(names(dropped) + " released, " + bounds.target() + " wanted");
        }
        if (!joining.isEmpty()) {
            parts.add(names(joining) + " joined");
        }
        return String.join("; ", parts);
    }

    private String whyGone(World.Member member) {
        PodSeen pod = byUid.get(member.uid());
        if (pod == null) {
            return "vanished";
        }
        if (pod.standing() instanceof Leaving leaving) {
            return leaving.why();
        }
        return pod.standing() instanceof Dead dead ? dead.why() : "done";
    }

    private static String names(List<World.Member> members) {
        return members.stream().map(World.Member::pod).collect(Collectors.joining(", "));
    }

    // ---- the pods -----------------------------------------------------------------------------------------------

    private int podsWanted() {
        return bounds.target() + bounds.spares();
    }

    private int alive() {
        return (int) seen.pods().stream().filter(PodSeen::isAlive).count();
    }

    private List<String> create() {
        int missing = podsWanted() - alive();
        Instant retry = book.retryAt();
        if (missing > 0 && retry != null && now.isBefore(retry)) {
            again.add(retry);
            return List.of();
        }
        List<String> names = new ArrayList<>();
        long next = book.nextPod();
        for (; names.size() < missing; next++) {
            names.add(seen.job() + "-" + next);
        }
        book = book.withNextPod(next);
        return names;
    }

    /** Pods beyond the wanted ones: those that are not ready first, then the newest; never a member of the world. */
    private List<PodSeen> excess(List<World.Member> members) {
        Set<String> needed = members.stream().map(World.Member::uid).collect(Collectors.toSet());
        return seen.pods().stream()
                .filter(pod -> pod.isAlive() && !needed.contains(pod.uid()))
                .sorted(Comparator.comparing((PodSeen pod) -> pod.standing() instanceof Ready)
                        .thenComparing(BY_AGE.reversed()))
                .limit(Math.max(0, alive() - podsWanted()))
                .toList();
    }

    private List<PodSeen> longEnded() {
        return seen.pods().stream()
                .filter(pod -> pod.standing() instanceof Dead)
                .sorted(BY_AGE.reversed())
                .skip(ENDED_KEPT)
                .toList();
    }

    private List<PodSeen> living() {
        return seen.pods().stream().filter(PodSeen::isAlive).toList();
    }

    private Plan suspended() {
        WorldPlan world = seen.world().members().isEmpty()
                ? new WorldPlan.Keep("suspended")
                : regroup(List.of(), "suspended: all pods are taken away");
        if (world instanceof WorldPlan.Regroup) {
            book = book.published(now, false);
        }
        living().forEach(pod -> book = book.accounting(pod.uid()));
        return new Plan(world, List.of(), "", living(), "the job is suspended", book, news, next());
    }

    private Plan ended(Book.End end) {
        Optional<Instant> expiry = bounds.ttl().map(end.time()::plus);
        boolean expired = expiry.isPresent() && !now.isBefore(expiry.get());
        expiry.filter(at -> !expired).ifPresent(again::add);
        List<PodSeen> delete = expired
                ? seen.pods().stream()
                        .filter(pod -> !(pod.standing() instanceof Leaving))
                        .toList()
                : living();
        String why = expired ? "ttlSecondsAfterFinished has passed" : "the job has ended";
        return new Plan(new WorldPlan.Ended(end), List.of(), "", delete, why, book, news, next());
    }

    private Optional<Instant> next() {
        @Nullable
        Instant soonest = again.stream().min(Comparator.naturalOrder()).orElse(null);
        return Optional.ofNullable(soonest);
    }
}
