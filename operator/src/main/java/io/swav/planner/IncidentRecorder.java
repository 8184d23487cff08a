package io.swav.planner;

import io.swav.api.ConditionReason;
import io.swav.api.SwavJobStatus.Incident;
import io.swav.api.World;
import io.swav.planner.LedgerState.Kind;
import io.swav.planner.PodState.Cause;
import io.swav.planner.PodState.Done;
import io.swav.planner.PodState.Ended;
import io.swav.planner.PodState.Terminating;
import java.time.Duration;
import java.time.Instant;
import java.util.ArrayList;
import java.util.HashSet;
import java.util.List;
import java.util.Set;
import java.util.SortedMap;
import java.util.TreeMap;
import java.util.stream.Collectors;

/**
 * Enters in the book what has happened since the last plan: who left, failed, does not answer, or finished, what each
 * change of the world has cost, and how the job ended.
 *
 * <p>Failures and hangs are counted apart from preemptions. A pod that had been in a world is replaced at once, one that
 * never got there after a delay that doubles each time, until a new world has made a step. A permanent failure ends the
 * job, unless it has already made a step.
 */
final class IncidentRecorder {
    static final Duration FIRST_BACKOFF = Duration.ofSeconds(1);
    static final Duration LONGEST_BACKOFF = Duration.ofMinutes(5);
    /** Where new pods are taken away as soon as they are placed, they would otherwise pile up. */
    static final Duration LONGEST_BACKOFF_UNBLAMED = Duration.ofSeconds(30);
    /** How long the other trainers may take to end after the first has finished. */
    static final Duration FINISH = Duration.ofMinutes(2);

    private final JobPolicy bounds;
    private final PlannerInput seen;
    private final Instant now;
    private final LiveMembers liveMembers;
    private final List<Incident> news = new ArrayList<>();
    private final List<String> resumed = new ArrayList<>();
    private PlannerState book;

    private IncidentRecorder(JobPolicy bounds, PlannerInput seen, Instant now) {
        this.bounds = bounds;
        this.seen = seen;
        this.now = now;
        this.book = forgetful(seen);
        this.liveMembers = new LiveMembers(bounds, seen, book, now);
    }

    /** Has entered what happened. */
    static IncidentRecorder of(JobPolicy bounds, PlannerInput seen, Instant now) {
        IncidentRecorder keeper = new IncidentRecorder(bounds, seen, now);
        if (keeper.book.end() == null) {
            keeper.account();
            keeper.settle(false);
            keeper.decideEnd();
        }
        return keeper;
    }

    PlannerState book() {
        return book;
    }

    LiveMembers liveMembers() {
        return liveMembers;
    }

    /** Incidents that were entered. */
    List<Incident> news() {
        return news;
    }

    /** A sentence for every change whose price was entered. */
    List<String> resumed() {
        return resumed;
    }

    /** That these pods go is our own doing. */
    void released(List<ObservedPod> pods) {
        pods.forEach(pod -> book = book.accounting(pod.uid()));
    }

    void numbered(long nextPod) {
        book = book.withNextPod(nextPod);
    }

    /** Keeps notes of pods that are still there or still named by the world; lost pods that are heard are forgiven. */
    private static PlannerState forgetful(PlannerInput seen) {
        PlannerState book = seen.book();
        Set<String> current = new HashSet<>();
        seen.pods().forEach(pod -> current.add(pod.uid()));
        seen.world().members().forEach(member -> current.add(member.uid()));
        Set<String> heard = seen.pods().stream()
                .filter(pod -> book.lost().contains(pod.uid())
                        && pod.isAlive()
                        && pod.signs().isFresh())
                .map(ObservedPod::uid)
                .collect(Collectors.toSet());
        return book.keeping(current, heard);
    }

    /** Counts every pod that leaves, died, or does not answer since the last plan, and every member that vanished, once. */
    private void account() {
        for (ObservedPod pod : seen.pods()) {
            HangDetector.Verdict verdict = liveMembers.verdict(pod).orElse(null);
            if (verdict != null) {
                book = verdict.hung() ? book.killing(pod.uid()) : book.losing(pod.uid());
                incident(pod.name(), pod.uid(), verdict.hung() ? Kind.Hang : Kind.Preemption, verdict.why());
            } else if (pod.standing() instanceof Terminating leaving) {
                incident(pod.name(), pod.uid(), Kind.Preemption, leaving.why());
            } else if (pod.standing() instanceof Ended dead) {
                boolean failure = dead.cause() != Cause.PREEMPTED;
                boolean first = incident(pod.name(), pod.uid(), failure ? Kind.Failure : Kind.Preemption, dead.why());
                if (first && dead.cause().isPermanent() && !hasTrained()) {
                    String reason = dead.cause() == Cause.NO_DATA
                            ? PlannerState.End.NO_DATA
                            : ConditionReason.TrainerRefused.name();
                    String message = "Pod " + pod.name() + " failed for good: " + dead.why();
                    book = book.ended(new PlannerState.End(false, reason, message, now));
                }
            }
        }
        for (World.Member member : seen.world().members()) {
            if (liveMembers.pod(member).isEmpty()) {
                incident(member.pod(), member.uid(), Kind.Preemption, "the pod vanished without notice");
            }
        }
    }

    /** Whether the job has made a step: then its configuration and data are good, and what is bad is one pod's place. */
    private boolean hasTrained() {
        return book.account().pace() != null
                || seen.pods().stream().anyMatch(pod -> pod.signs().trainedIn() > 0);
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
        SortedMap<Long, List<LivenessSignals>> begun = new TreeMap<>();
        for (ObservedPod pod : seen.pods()) {
            long generation = pod.signs().trainedIn();
            if (generation > book.account().settled()
                    && generation <= seen.world().generation()) {
                begun.computeIfAbsent(generation, g -> new ArrayList<>()).add(pod.signs());
            }
        }
        begun.forEach((generation, reports) -> {
            boolean complete =
                    liveMembers.presentPods().allMatch(pod -> pod.signs().trainedIn() == generation);
            if (complete || changing || generation < seen.world().generation()) {
                LedgerState before = book.account();
                LedgerState after = before.settle(LedgerState.GenerationStart.of(generation, reports), now);
                book = book.with(after).withRetry(0, null);
                after.told(before).ifPresent(resumed::add);
            }
        });
    }

    /** Enters a new world, and who is to answer for it. */
    void published(WorldDecision.Regroup regroup, Kind otherwise) {
        settle(true);
        World next = regroup.next();
        List<LivenessSignals> last = seen.pods().stream()
                .map(ObservedPod::signs)
                .filter(signs -> signs.trainedIn() == book.account().settled() && signs.trainedIn() > 0)
                .toList();
        LedgerState account = book.account();
        if (!last.isEmpty()) {
            account = account.paced(
                    LedgerState.GenerationStart.of(account.settled(), last).stepSeconds());
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
        return LiveMembers.names(both);
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
            if (liveMembers.present().isEmpty() || !now.isBefore(first.plus(FINISH))) {
                book = book.ended(
                        new PlannerState.End(true, ConditionReason.Complete.name(), "Training is complete", now));
            }
        } else if (book.account().failed() > bounds.maxFailures()) {
            book = book.ended(new PlannerState.End(
                    false,
                    ConditionReason.TooManyFailures.name(),
                    book.account().failed() + " failures, recovery.maxFailures allows " + bounds.maxFailures()
                            + lastFailure(),
                    now));
        }
    }
}
