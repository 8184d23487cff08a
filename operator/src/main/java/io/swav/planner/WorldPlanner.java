package io.swav.planner;

import io.swav.api.World;
import io.swav.planner.LedgerState.Kind;
import io.swav.planner.PodState.Ended;
import io.swav.planner.PodState.Failing;
import io.swav.planner.PodState.Ready;
import io.swav.planner.PodState.Starting;
import io.swav.planner.PodState.Terminating;
import java.time.Duration;
import java.time.Instant;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.List;
import java.util.Objects;
import java.util.Optional;
import java.util.Set;
import java.util.TreeSet;
import java.util.stream.Collectors;
import java.util.stream.Stream;

/**
 * Decides the members of the world and the pods of a job, as a pure function of what was seen.
 *
 * <p>A pod that leaves, with or without notice, is put out of the world at once and replaced; newcomers enter when they
 * are Ready. Losing never waits; growing waits only while more pods are expected. Below the minimum a world is published
 * that holds: its members, the survivors, keep their state and wait for the next generation. Where all members leave with
 * notice that world is empty, and newcomers enter the next one when the leaving have saved the state. Survivors keep their
 * order, so that ranks are stable.
 */
public final class WorldPlanner {
    /** Ended pods that stay for their logs. */
    static final int ENDED_KEPT = 10;

    /** A leaving pod ends before by its grace period, mostly; autoscalers wait no longer for one. */
    static final Duration LONGEST_SAVE = Duration.ofMinutes(10);

    private static final Comparator<ObservedPod> BY_AGE =
            Comparator.comparing(ObservedPod::created).thenComparing(ObservedPod::name);

    private final JobPolicy bounds;
    private final PlannerInput seen;
    private final Instant now;
    private final IncidentRecorder books;
    private final LiveMembers liveMembers;
    private final List<Instant> again = new ArrayList<>();

    private WorldPlanner(JobPolicy bounds, PlannerInput seen, Instant now) {
        this.bounds = bounds;
        this.seen = seen;
        this.now = now;
        this.books = IncidentRecorder.of(bounds, seen, now);
        this.liveMembers = books.liveMembers();
    }

    /** The plan for one job at one time; planning again with its result done keeps everything. */
    public static ReconcilePlan plan(JobPolicy bounds, PlannerInput seen, Instant now) {
        return new WorldPlanner(bounds, seen, now).plan();
    }

    private ReconcilePlan plan() {
        PlannerState.End end = books.book().end();
        if (end != null) {
            return ended(end);
        }
        lookAtTheSilent(liveMembers.presentPods());
        lookAtTheFailing();
        Instant firstDone = books.book().firstDone();
        if (firstDone != null) {
            again.add(firstDone.plus(IncidentRecorder.FINISH));
            return plan(
                    new WorldDecision.Keep("training is done; the last trainers are finishing"),
                    List.of(),
                    List.of(),
                    "");
        }
        if (bounds.suspended()) {
            return suspended();
        }
        WorldDecision world = world();
        List<World.Member> members =
                world instanceof WorldDecision.Regroup regroup ? regroup.next().members() : liveMembers.present();
        if (world instanceof WorldDecision.Regroup regroup) {
            books.published(regroup, Kind.Resize);
        }
        List<String> create = create();
        List<ObservedPod> excess = excess(members);
        books.released(excess);
        List<ObservedPod> lingering =
                seen.pods().stream().filter(ObservedPod::lingers).toList();
        String why = excess.isEmpty() ? "" : podsThere();
        return plan(
                world,
                create,
                Stream.of(excess, lingering, longEnded())
                        .flatMap(List::stream)
                        .distinct()
                        .toList(),
                lingering.isEmpty() ? why : "the trainer has ended, the pod has not");
    }

    private ReconcilePlan plan(WorldDecision world, List<String> create, List<ObservedPod> delete, String deleteWhy) {
        return new ReconcilePlan(
                world,
                create,
                create.isEmpty() ? "" : podsThere(),
                delete,
                deleteWhy,
                kill(),
                books.book(),
                books.news(),
                books.resumed(),
                again.stream().min(Comparator.naturalOrder()));
    }

    /** Also when nobody reports any more: somebody has to look whether the API server answers. */
    private void lookAtTheSilent(Stream<ObservedPod> pods) {
        pods.map(pod -> pod.signs().silence()).filter(Objects::nonNull).forEach(silence -> {
            Duration left = LivenessSignals.SILENCE_LIMIT.minus(silence).plusMillis(1);
            again.add(now.plus(left.isNegative() ? LivenessSignals.SILENCE_LIMIT : left));
        });
    }

    private void lookAtTheFailing() {
        seen.pods().stream()
                .map(ObservedPod::standing)
                .filter(Failing.class::isInstance)
                .forEach(failing -> again.add(now.plus(((Failing) failing).left())));
    }

    // ---- the world ----------------------------------------------------------------------------------------------

    private WorldDecision world() {
        List<World.Member> members = seen.world().members();
        List<ObservedPod> savers = savers();
        List<World.Member> survivors = savers.isEmpty() ? liveMembers.present() : List.of();
        List<World.Member> gone = new ArrayList<>(members);
        gone.removeAll(liveMembers.present());
        List<World.Member> next = new ArrayList<>(survivors.subList(0, Math.min(survivors.size(), bounds.target())));
        List<World.Member> joining = savers.isEmpty()
                ? newcomers().stream().limit(bounds.target() - next.size()).toList()
                : List.of();
        next.addAll(joining);
        boolean broken = members.isEmpty() || !gone.isEmpty() || seen.world().hold();
        if (broken && next.size() < bounds.min()) {
            String why = savers.isEmpty() ? waiting(members.isEmpty(), next.size()) : saving(savers);
            boolean told = members.isEmpty() || (seen.world().hold() && gone.isEmpty());
            return told
                    ? new WorldDecision.Wait(bounds.min() - next.size(), why)
                    : regroup(survivors, true, gone, change(gone, List.of(), List.of(), List.of()) + "; " + why);
        }
        if (broken || survivors.size() > bounds.target()) {
            String why = members.isEmpty() ? first(next.size()) : change(gone, survivors, next, joining);
            return regroup(next, false, gone, why.isEmpty() ? "enough trainers again" : why);
        }
        if (joining.isEmpty()) {
            return new WorldDecision.Keep(
                    members.size() + " of " + bounds.target() + " wanted trainers are in the world"
                            + (members.size() < bounds.target() ? "; " + startingWhy() : ""));
        }
        if (next.size() < bounds.min()) {
            return new WorldDecision.Keep(LiveMembers.names(joining) + " ready to join; the world grows when "
                    + bounds.min() + " are there, the minimum that was raised");
        }
        Optional<String> suspect = liveMembers.suspect();
        if (suspect.isPresent()) {
            return new WorldDecision.Keep(LiveMembers.names(joining) + " ready to join, when it is known whether "
                    + suspect.get() + ", which its peers wait for, hangs");
        }
        Instant since = books.book().since();
        Instant grow = since == null ? now : since.plus(bounds.growAfter());
        if (next.size() == bounds.target() || !now.isBefore(grow)) {
            return regroup(next, false, gone, change(gone, survivors, next, joining));
        }
        again.add(grow);
        return new WorldDecision.Keep(LiveMembers.names(joining) + " ready to join; the world grows at " + grow
                + ", or when all wanted pods are ready");
    }

    private WorldDecision.Regroup regroup(List<World.Member> next, boolean hold, List<World.Member> gone, String why) {
        World last = seen.world();
        Set<String> lost = gone.stream()
                .filter(member -> !liveMembers.canSpeak(member))
                .map(World.Member::uid)
                .collect(Collectors.toCollection(TreeSet::new));
        long settled = books.book().account().settled();
        if (settled < last.generation()) { // somebody may have missed that world, and read this one
            lost.addAll(last.lost());
        }
        next.forEach(member -> lost.remove(member.uid()));
        World world = new World(last.generation() + 1, last.job(), next, why, hold, List.copyOf(lost));
        return new WorldDecision.Regroup(world, why);
    }

    /** Who saves the state, that nobody else holds, and is to be waited for. */
    private List<ObservedPod> savers() {
        boolean held = Stream.concat(liveMembers.presentPods(), liveMembers.newcomers())
                .anyMatch(pod -> pod.signs().holdsState());
        List<ObservedPod> savers = held ? List.of() : liveMembers.savers();
        Instant since = books.book().since();
        if (savers.isEmpty() || !seen.world().members().isEmpty() || since == null) {
            return savers;
        }
        Instant end = since.plus(LONGEST_SAVE);
        again.add(end);
        lookAtTheSilent(savers.stream());
        return now.isBefore(end) ? savers : List.of();
    }

    private static String saving(List<ObservedPod> savers) {
        return "the world forms when "
                + savers.stream().map(ObservedPod::name).collect(Collectors.joining(", "))
                + (savers.size() == 1 ? " has" : " have") + " saved the state and gone";
    }

    /** Ready pods outside the world, the oldest first. */
    private List<World.Member> newcomers() {
        return liveMembers
                .newcomers()
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

    /** What holds pods, or else what the first that is not ready waits for: they mostly wait for the same thing. */
    private String startingWhy() {
        Instant retry = books.book().retryAt();
        Optional<String> first = seen.pods().stream()
                .filter(pod -> pod.standing() instanceof Starting)
                .min(BY_AGE)
                .map(pod -> pod.name() + ": " + ((Starting) pod.standing()).why());
        return Hold.sentence(seen.pods())
                .or(() -> first)
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
        gone.forEach(member -> parts.add(member.pod() + " left (" + liveMembers.whyGone(member) + ")"));
        List<World.Member> dropped = new ArrayList<>(survivors);
        dropped.removeAll(next);
        if (!dropped.isEmpty()) {
            parts.add(LiveMembers.names(dropped) + " released, " + bounds.target() + " wanted");
        }
        if (!joining.isEmpty()) {
            parts.add(LiveMembers.names(joining) + " joined");
        }
        return String.join("; ", parts);
    }

    // ---- the pods -----------------------------------------------------------------------------------------------

    private int podsWanted() {
        return bounds.target() + bounds.spares();
    }

    private String podsThere() {
        return "pods wanted: " + podsWanted() + ", there: " + liveMembers.alive();
    }

    private List<String> create() {
        int missing = podsWanted() - liveMembers.alive();
        Optional<Instant> later = Stream.of(
                        Optional.ofNullable(books.book().retryAt()), Optional.ofNullable(seen.refusedUntil()))
                .flatMap(Optional::stream)
                .filter(now::isBefore)
                .max(Comparator.naturalOrder());
        if (missing > 0 && later.isPresent()) {
            again.add(later.get());
            return List.of();
        }
        List<String> names = new ArrayList<>();
        long next = books.book().nextPod();
        for (; names.size() < missing; next++) {
            names.add(seen.job() + "-" + next);
        }
        books.numbered(next);
        return names;
    }

    /** Pods beyond the wanted ones: those that are not ready first, then the newest; never a member of the world. */
    private List<ObservedPod> excess(List<World.Member> members) {
        Set<String> needed = members.stream().map(World.Member::uid).collect(Collectors.toSet());
        return seen.pods().stream()
                .filter(pod -> liveMembers.counts(pod) && !needed.contains(pod.uid()))
                .sorted(Comparator.comparing((ObservedPod pod) -> pod.standing() instanceof Ready)
                        .thenComparing(BY_AGE.reversed()))
                .limit(Math.max(0, liveMembers.alive() - podsWanted()))
                .toList();
    }

    private List<ObservedPod> longEnded() {
        return seen.pods().stream()
                .filter(pod -> pod.standing() instanceof Ended)
                .sorted(BY_AGE.reversed())
                .skip(ENDED_KEPT)
                .toList();
    }

    private List<ObservedPod> running() {
        return seen.pods().stream()
                .filter(pod -> pod.isAlive() || pod.lingers())
                .toList();
    }

    /** Pods that nobody else will remove: hung ones, and leaving ones on nodes that do not answer. */
    private List<ObservedPod> kill() {
        List<ObservedPod> kill = new ArrayList<>();
        for (ObservedPod pod : seen.pods()) {
            Optional<Instant> overdue =
                    pod.standing() instanceof Terminating leaving ? leaving.overdue() : Optional.empty();
            if (overdue.isPresent() && now.isBefore(overdue.get())) {
                again.add(overdue.get());
            } else if (overdue.isPresent() || (books.book().hung().contains(pod.uid()) && pod.isAlive())) {
                kill.add(pod);
            }
        }
        return kill;
    }

    private ReconcilePlan suspended() {
        List<World.Member> members = seen.world().members();
        WorldDecision world = members.isEmpty()
                ? new WorldDecision.Keep("suspended")
                : regroup(List.of(), false, List.of(), "suspended: all pods are taken away");
        if (world instanceof WorldDecision.Regroup regroup) {
            books.published(regroup, Kind.Suspension);
        }
        books.released(running());
        return plan(world, List.of(), running(), "the job is suspended");
    }

    private ReconcilePlan ended(PlannerState.End end) {
        Optional<Instant> expiry = bounds.ttl().map(end.time()::plus);
        boolean expired = expiry.isPresent() && !now.isBefore(expiry.get());
        expiry.filter(at -> !expired).ifPresent(again::add);
        List<ObservedPod> delete = expired
                ? seen.pods().stream()
                        .filter(pod -> !(pod.standing() instanceof Terminating))
                        .toList()
                : running();
        String why = expired ? "ttlSecondsAfterFinished has passed" : "the job has ended";
        return plan(new WorldDecision.Ended(end), List.of(), delete, why);
    }
}
