package io.swav.plan;

import io.swav.api.ConditionReason;
import io.swav.api.PodReport;
import io.swav.api.SwavJobStatus.Incident;
import io.swav.api.World;
import io.swav.plan.Account.Kind;
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
import java.util.Objects;
import java.util.Optional;
import java.util.Set;
import java.util.SortedMap;
import java.util.TreeMap;
import java.util.TreeSet;
import java.util.stream.Collectors;
import java.util.stream.Stream;
import org.jspecify.annotations.Nullable;

/**
 * Decides the members of the world and the pods of a job, as a pure function of what was seen.
 *
 * <p>A pod that leaves, with or without notice, is put out of the world at once and replaced; newcomers enter when they
 * are Ready. Losing never waits; growing waits only while more pods are expected. Below the minimum a world is published
 * that holds: its members, the survivors, keep their state and wait for the next generation. Survivors keep their order,
 * so that ranks are stable.
 *
 * <p>Failures and hangs are counted apart from preemptions. A pod that had been in a world is replaced at once, one that
 * never got there after a delay that doubles each time, until a new world has made a step. A permanent failure ends the
 * job, unless it has already made a step.
 */
public final class WorldPlanner {
    static final Duration FIRST_BACKOFF = Duration.ofSeconds(1);
    static final Duration LONGEST_BACKOFF = Duration.ofMinutes(5);
    /** Where new pods are taken away as soon as they are placed, they would otherwise pile up. */
    static final Duration LONGEST_BACKOFF_UNBLAMED = Duration.ofSeconds(30);
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
    private final Map<String, RollCall.Verdict> verdicts = new HashMap<>();
    private final List<Incident> news = new ArrayList<>();
    private final List<String> resumed = new ArrayList<>();
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
        forget();
        if (book.end() == null) {
            callTheRoll();
            account();
            settle(false);
            decideEnd();
        }
        if (book.end() != null) {
            return ended(book.end());
        }
        if (book.firstDone() != null) {
            again.add(book.firstDone().plus(FINISH));
            return plan(
                    new WorldPlan.Keep("training is done; the last trainers are finishing"), List.of(), List.of(), "");
        }
        if (bounds.suspended()) {
            return suspended();
        }
        WorldPlan world = world();
        List<World.Member> members =
                world instanceof WorldPlan.Regroup regroup ? regroup.next().members() : present();
        if (world instanceof WorldPlan.Regroup regroup) {
            publish(regroup, Kind.Resize);
        }
        List<String> create = create();
        List<PodSeen> excess = excess(members);
        excess.forEach(pod -> book = book.accounting(pod.uid()));
        return plan(
                world,
                create,
                Stream.concat(excess.stream(), longEnded().stream()).toList(),
                excess.isEmpty() ? "" : podsThere());
    }

    private Plan plan(WorldPlan world, List<String> create, List<PodSeen> delete, String deleteWhy) {
        return new Plan(
                world,
                create,
                create.isEmpty() ? "" : podsThere(),
                delete,
                deleteWhy,
                kill(),
                book,
                news,
                resumed,
                again.stream().min(Comparator.naturalOrder()));
    }

    // ---- what was lost ------------------------------------------------------------------------------------------

    /** Keeps notes of pods that are still there or still named by the world; lost pods that are heard are forgiven. */
    private void forget() {
        Set<String> current = new HashSet<>(byUid.keySet());
        seen.world().members().forEach(member -> current.add(member.uid()));
        Set<String> heard = seen.pods().stream()
                .filter(pod -> book.lost().contains(pod.uid())
                        && pod.isAlive()
                        && pod.signs().isFresh())
                .map(PodSeen::uid)
                .collect(Collectors.toSet());
        book = book.keeping(current, heard);
    }

    private void callTheRoll() {
        verdicts.putAll(RollCall.of(seen.world(), age(), byUid, bounds.hungAfter()));
        presentPods().map(pod -> pod.signs().silence()).filter(Objects::nonNull).forEach(silence -> {
            // also when nobody reports any more: somebody has to look whether the API server answers
            Duration left = Signs.UNHEARD.minus(silence).plusMillis(1);
            again.add(now.plus(left.isNegative() ? Signs.UNHEARD : left));
        });
    }

    /** Of the world. */
    private Duration age() {
        return book.since() == null ? Duration.ZERO : Duration.between(book.since(), now);
    }

    /** Counts every pod that leaves, died, or does not answer since the last plan, and every member that vanished, once. */
    private void account() {
        for (PodSeen pod : seen.pods()) {
            RollCall.Verdict verdict = verdicts.get(pod.uid());
            if (verdict != null) {
                book = verdict.hung() ? book.killing(pod.uid()) : book.losing(pod.uid());
                incident(pod.name(), pod.uid(), verdict.hung() ? Kind.Hang : Kind.Preemption, verdict.why());
            } else if (pod.standing() instanceof Leaving leaving) {
                incident(pod.name(), pod.uid(), Kind.Preemption, leaving.why());
            } else if (pod.standing() instanceof Dead dead) {
                boolean failure = dead.cause() != Cause.PREEMPTED;
                boolean first = incident(pod.name(), pod.uid(), failure ? Kind.Failure : Kind.Preemption, dead.why());
                if (first && dead.cause().isPermanent() && !hasTrained()) {
                    String reason =
                            dead.cause() == Cause.NO_DATA ? Book.End.NO_DATA : ConditionReason.TrainerRefused.name();
                    String message = "Pod " + pod.name() + " failed for good: " + dead.why();
                    book = book.ended(new Book.End(false, reason, message, now));
                }
            }
        }
        for (World.Member member : seen.world().members()) {
            if (!byUid.containsKey(member.uid())) {
                incident(member.pod(), member.uid(), Kind.Preemption, "the pod vanished without notice");
            }
        }
    }

    /** Whether the job has made a step: then its configuration and data are good, and what is bad is one pod's place. */
    private boolean hasTrained() {
        return book.account().pace() != null || seen.pods().stream().anyMatch(pod -> trained(pod.signs()) > 0);
    }

    /** Whether this was not known yet. */
    private boolean incident(String pod, String uid, Kind kind, String why) {
        if (book.accounted().contains(uid)) {
            return false;
        }
        Incident incident = new Incident(now.toString(), kind.name(), pod, why, seen.step(), null, null, null);
        news.add(incident);
        book = book.with(book.account().with(incident)).accounting(uid);
        if (seen.world().rankOf(uid).isPresent()) {
            book = book.withRetry(0, null);
        } else {
            int streak = book.streak() + 1;
            Duration longest = kind == Kind.Preemption ? LONGEST_BACKOFF_UNBLAMED : LONGEST_BACKOFF;
            book = book.withRetry(streak, now.plus(backoff(streak, longest)));
        }
        return true;
    }

    /**
     * Enters the prices of generations that have made steps since the last plan.
     *
     * @param changing whether the world is about to change, so that nothing more is heard of the present one
     */
    private void settle(boolean changing) {
        SortedMap<Long, List<Signs>> begun = new TreeMap<>();
        for (PodSeen pod : seen.pods()) {
            long generation = trained(pod.signs());
            if (generation > book.account().settled()
                    && generation <= seen.world().generation()) {
                begun.computeIfAbsent(generation, g -> new ArrayList<>()).add(pod.signs());
            }
        }
        begun.forEach((generation, reports) -> {
            boolean complete = presentPods().allMatch(pod -> trained(pod.signs()) == generation);
            if (complete || changing || generation < seen.world().generation()) {
                Account before = book.account();
                Account after = before.settle(begun(generation, reports), now);
                book = book.with(after).withRetry(0, null);
                after.told(before).ifPresent(resumed::add);
            }
        });
    }

    /** The generation in which this trainer has made a step; 0 for none. */
    private static long trained(Signs signs) {
        return signs.regroup()
                .filter(regroup -> regroup.keptSteps() > 0)
                .map(PodReport.Regroup::generation)
                .orElse(0L);
    }

    private static Account.Begun begun(long generation, List<Signs> reports) {
        long start = 0;
        Optional<Double> pause = Optional.empty();
        long dropped = Long.MAX_VALUE;
        long steps = 0;
        double seconds = 0;
        for (Signs signs : reports) {
            PodReport.Regroup regroup = signs.regroup().orElseThrow();
            start = Math.max(start, signs.step() - regroup.keptSteps());
            Double own = regroup.pauseSeconds();
            if (own != null) {
                pause = Optional.of(Math.max(own, pause.orElse(0.0)));
                dropped = Math.min(dropped, regroup.droppedSteps()); // what one has finished is not lost
            }
            if (regroup.keptSteps() > steps) {
                steps = regroup.keptSteps();
                seconds = regroup.keptSeconds();
            }
        }
        return new Account.Begun(generation, start, pause, pause.isEmpty() ? 0 : dropped, steps, seconds);
    }

    /** Enters a new world, and who is to answer for it. */
    private void publish(WorldPlan.Regroup regroup, Kind otherwise) {
        settle(true);
        World next = regroup.next();
        List<Signs> last = seen.pods().stream()
                .map(PodSeen::signs)
                .filter(signs -> trained(signs) == book.account().settled() && trained(signs) > 0)
                .toList();
        Account account = book.account();
        if (!last.isEmpty()) {
            account = account.paced(begun(account.settled(), last).stepSeconds());
        }
        Set<String> members =
                seen.world().members().stream().map(World.Member::pod).collect(Collectors.toSet());
        List<Incident> because = news.stream()
                .filter(incident -> members.contains(incident.pod()))
                .toList();
        account = account.followedBy(next.generation(), because);
        if (because.isEmpty() && seen.world().generation() > 0) {
            account = account.with(new Incident(
                    now.toString(),
                    otherwise.name(),
                    changed(next),
                    regroup.why(),
                    seen.step(),
                    next.generation(),
                    null,
                    null));
        }
        if (seen.world().generation() > 0 && !next.hold() && next.size() > 0) {
            account = account.resized();
        }
        book = book.with(account).published(now);
    }

    /** Names of the pods that are in one of the two worlds alone. */
    private String changed(World next) {
        List<World.Member> both = new ArrayList<>(next.members());
        seen.world().members().stream().filter(member -> !both.remove(member)).forEach(both::add);
        return names(both);
    }

    private static Duration backoff(int streak, Duration longest) {
        Duration delay = FIRST_BACKOFF.multipliedBy(1L << Math.min(streak - 1, 20));
        return delay.compareTo(longest) < 0 ? delay : longest;
    }

    private String lastFailure() {
        return book.account().incidents().stream()
                .filter(incident -> incident.kind().equals(Kind.Failure.name())
                        || incident.kind().equals(Kind.Hang.name()))
                .reduce((first, second) -> second)
                .map(last -> "; the last: " + last.pod() + ": " + last.reason())
                .orElse("");
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
                book = book.ended(new Book.End(true, ConditionReason.Complete.name(), "Training is complete", now));
            }
        } else if (book.account().failed() > bounds.maxFailures()) {
            book = book.ended(new Book.End(
                    false,
                    ConditionReason.TooManyFailures.name(),
                    book.account().failed() + " failures, recovery.maxFailures allows " + bounds.maxFailures()
                            + lastFailure(),
                    now));
        }
    }

    // ---- the world ----------------------------------------------------------------------------------------------

    private WorldPlan world() {
        List<World.Member> members = seen.world().members();
        List<World.Member> survivors = present();
        List<World.Member> gone = new ArrayList<>(members);
        gone.removeAll(survivors);
        List<World.Member> next = new ArrayList<>(survivors.subList(0, Math.min(survivors.size(), bounds.target())));
        List<World.Member> joining =
                newcomers().stream().limit(bounds.target() - next.size()).toList();
        next.addAll(joining);
        boolean broken = members.isEmpty() || !gone.isEmpty() || seen.world().hold();
        if (broken && next.size() < bounds.min()) {
            String why = waiting(members.isEmpty(), next.size());
            boolean told = members.isEmpty() || (seen.world().hold() && gone.isEmpty());
            return told
                    ? new WorldPlan.Wait(bounds.min() - next.size(), why)
                    : regroup(survivors, true, gone, change(gone, List.of(), List.of(), List.of()) + "; " + why);
        }
        if (broken || survivors.size() > bounds.target()) {
            String why = members.isEmpty() ? first(next.size()) : change(gone, survivors, next, joining);
            return regroup(next, false, gone, why.isEmpty() ? "enough trainers again" : why);
        }
        if (joining.isEmpty()) {
            return new WorldPlan.Keep(members.size() + " of " + bounds.target() + " wanted trainers are in the world"
                    + (members.size() < bounds.target() ? "; " + startingWhy() : ""));
        }
        if (next.size() < bounds.min()) {
            return new WorldPlan.Keep(names(joining) + " ready to join; the world grows when " + bounds.min()
                    + " are there, the minimum that was raised");
        }
        Optional<String> suspect = RollCall.suspect(seen.world(), age(), byUid, bounds.hungAfter());
        if (suspect.isPresent()) {
            return new WorldPlan.Keep(names(joining) + " ready to join, when it is known whether " + suspect.get()
                    + ", which its peers wait for, hangs");
        }
        Instant since = book.since();
        Instant grow = since == null ? now : since.plus(bounds.growAfter());
        if (next.size() == bounds.target() || !now.isBefore(grow)) {
            return regroup(next, false, gone, change(gone, survivors, next, joining));
        }
        again.add(grow);
        return new WorldPlan.Keep(
                names(joining) + " ready to join; the world grows at " + grow + ", or when all wanted pods are ready");
    }

    private WorldPlan.Regroup regroup(List<World.Member> next, boolean hold, List<World.Member> gone, String why) {
        World last = seen.world();
        Set<String> lost = gone.stream()
                .map(World.Member::uid)
                .filter(uid -> !canSpeak(byUid.get(uid)))
                .collect(Collectors.toCollection(TreeSet::new));
        if (book.account().settled() < last.generation()) { // somebody may have missed that world, and read this one
            lost.addAll(last.lost());
        }
        next.forEach(member -> lost.remove(member.uid()));
        World world = new World(last.generation() + 1, last.job(), next, why, hold, List.copyOf(lost));
        return new WorldPlan.Regroup(world, why);
    }

    /** Whether this pod, which is out of the world, still works with its peers until they switch. */
    private boolean canSpeak(@Nullable PodSeen pod) {
        return pod != null
                && !(pod.standing() instanceof Dead)
                && !verdicts.containsKey(pod.uid())
                && !pod.signs().isSilent();
    }

    /** Members whose pod can go on, in the order of their ranks. */
    private List<World.Member> present() {
        return seen.world().members().stream()
                .filter(member -> {
                    PodSeen pod = byUid.get(member.uid());
                    return pod != null && counts(pod);
                })
                .toList();
    }

    private Stream<PodSeen> presentPods() {
        return present().stream()
                .map(member -> Optional.ofNullable(byUid.get(member.uid())))
                .flatMap(Optional::stream);
    }

    /** Ready pods outside the world, the oldest first. */
    private List<World.Member> newcomers() {
        return seen.pods().stream()
                .filter(pod -> pod.standing() instanceof Ready
                        && counts(pod)
                        && !pod.signs().isSilent()
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
            List<World.Member> gone,
            List<World.Member> survivors,
            List<World.Member> next,
            List<World.Member> joining) {
        List<String> parts = new ArrayList<>();
        gone.forEach(member -> parts.add(member.pod() + " left (" + whyGone(member) + ")"));
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
        RollCall.Verdict verdict = verdicts.get(member.uid());
        if (verdict != null) {
            return verdict.why();
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
        return (int) seen.pods().stream().filter(this::counts).count();
    }

    /** Whether it can do its part, as far as anybody knows. */
    private boolean counts(PodSeen pod) {
        return pod.isAlive() && !book.isOut(pod.uid()) && !verdicts.containsKey(pod.uid());
    }

    private String podsThere() {
        return "pods wanted: " + podsWanted() + ", there: " + alive();
    }

    private List<String> create() {
        int missing = podsWanted() - alive();
        Optional<Instant> later = Stream.of(
                        Optional.ofNullable(book.retryAt()), Optional.ofNullable(seen.refusedUntil()))
                .flatMap(Optional::stream)
                .filter(now::isBefore)
                .max(Comparator.naturalOrder());
        if (missing > 0 && later.isPresent()) {
            again.add(later.get());
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
                .filter(pod -> counts(pod) && !needed.contains(pod.uid()))
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

    /** Pods that nobody else will remove: hung ones, and leaving ones on nodes that do not answer. */
    private List<PodSeen> kill() {
        List<PodSeen> kill = new ArrayList<>();
        for (PodSeen pod : seen.pods()) {
            Optional<Instant> overdue =
                    pod.standing() instanceof Leaving leaving ? leaving.overdue() : Optional.empty();
            if (overdue.isPresent() && now.isBefore(overdue.get())) {
                again.add(overdue.get());
            } else if (overdue.isPresent() || (book.hung().contains(pod.uid()) && pod.isAlive())) {
                kill.add(pod);
            }
        }
        return kill;
    }

    private Plan suspended() {
        List<World.Member> members = seen.world().members();
        WorldPlan world = members.isEmpty()
                ? new WorldPlan.Keep("suspended")
                : regroup(List.of(), false, List.of(), "suspended: all pods are taken away");
        if (world instanceof WorldPlan.Regroup regroup) {
            publish(regroup, Kind.Suspension);
        }
        living().forEach(pod -> book = book.accounting(pod.uid()));
        return plan(world, List.of(), living(), "the job is suspended");
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
        return plan(new WorldPlan.Ended(end), List.of(), delete, why);
    }
}
