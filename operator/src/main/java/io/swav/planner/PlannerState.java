package io.swav.planner;

import io.swav.api.ConditionReason;
import io.swav.api.SwavJobStatus.IncidentKind;
import io.swav.api.World;
import java.time.Duration;
import java.time.Instant;
import java.util.List;
import java.util.Optional;
import java.util.Set;
import java.util.TreeSet;
import org.jspecify.annotations.Nullable;

/**
 * Holds what the planner remembers from one plan to the next. It is written together with the world, in one object, so
 * that no incident is counted twice or forgotten if the operator dies in between.
 *
 * @param account the cost of everything that happened
 * @param failures what counts towards the limit of failures
 * @param nodes the failures for which nodes are blamed
 * @param settings that were changed while the job ran
 * @param rollout of a changed template
 */
public record PlannerState(
        Pods pods,
        Backoff backoff,
        Progress progress,
        LedgerState account,
        Failures failures,
        NodeFailures nodes,
        ChangedSettings settings,
        RolloutState rollout) {

    public static final PlannerState EMPTY =
            new PlannerState(Pods.NONE, Backoff.NONE, Progress.NONE, LedgerState.EMPTY, Failures.NONE);

    /** Creates a state in which no node is blamed, no setting was ever changed, and no template is rolled out. */
    public PlannerState(Pods pods, Backoff backoff, Progress progress, LedgerState account, Failures failures) {
        this(pods, backoff, progress, account, failures, NodeFailures.NONE, ChangedSettings.NONE, RolloutState.NONE);
    }

    /**
     * What is known about single pods; of pods that neither exist nor are members nothing is kept.
     *
     * @param next number of the next pod; numbers are never reused
     * @param accounted uids of present pods and members whose departure has been counted, or was caused by the operator
     * @param lost uids of pods that left the world because they did not respond; a pod that reports again is forgiven
     * @param hung uids of pods to be force-deleted
     * @param unreachable uids of pods to be deleted, because their peers do not reach them
     * @param trials of newcomers, by age
     * @param noticed uids of accounted pods that had notice to leave, which may be withdrawn
     */
    public record Pods(
            long next,
            Set<String> accounted,
            Set<String> lost,
            Set<String> hung,
            Set<String> unreachable,
            List<Trial> trials,
            Set<String> noticed) {
        static final Pods NONE = new Pods(0, Set.of(), Set.of(), Set.of());

        public Pods(long next, Set<String> accounted, Set<String> lost, Set<String> hung) {
            this(next, accounted, lost, hung, Set.of(), List.of());
        }

        public Pods(
                long next,
                Set<String> accounted,
                Set<String> lost,
                Set<String> hung,
                Set<String> unreachable,
                List<Trial> trials) {
            this(next, accounted, lost, hung, unreachable, trials, Set.of());
        }

        public Pods {
            accounted = new TreeSet<>(accounted);
            lost = new TreeSet<>(lost);
            hung = new TreeSet<>(hung);
            unreachable = new TreeSet<>(unreachable);
            trials = List.copyOf(trials);
            noticed = new TreeSet<>(noticed);
        }

        /** Whether this pod no longer counts, whatever its object says. */
        public boolean isOut(String uid) {
            return lost.contains(uid) || hung.contains(uid) || unreachable.contains(uid);
        }

        public Pods withNext(long number) {
            return new Pods(number, accounted, lost, hung, unreachable, trials, noticed);
        }

        Pods accounting(String uid) {
            return new Pods(next, plus(accounted, uid), lost, hung, unreachable, trials, noticed);
        }

        Pods excluding(String uid, Verdict.Fate fate) {
            return switch (fate) {
                case LOST -> new Pods(next, accounted, plus(lost, uid), hung, unreachable, trials, noticed);
                case HUNG, FAULTY -> new Pods(next, accounted, lost, plus(hung, uid), unreachable, trials, noticed);
                case UNREACHABLE -> new Pods(next, accounted, lost, hung, plus(unreachable, uid), trials, noticed);
            };
        }

        Pods trying(List<Trial> newTrials) {
            return new Pods(next, accounted, lost, hung, unreachable, newTrials, noticed);
        }

        /** Drops what was recorded about other pods than these, and that pods in {@code heard} were lost or counted. */
        Pods keeping(Set<String> uids, Set<String> heard) {
            Set<String> others = new TreeSet<>(uids);
            others.removeAll(heard);
            return new Pods(
                    next,
                    common(accounted, others),
                    common(lost, others),
                    common(hung, uids),
                    common(unreachable, uids),
                    trials.stream()
                            .filter(trial -> uids.contains(trial.newcomer().uid()))
                            .toList(),
                    common(noticed, others));
        }

        Pods noticing(String uid) {
            return new Pods(next, accounted, lost, hung, unreachable, trials, plus(noticed, uid));
        }

        /** Records that the notice of a pod is no longer the reason why it is accounted for. */
        Pods withoutNotice(String uid) {
            return new Pods(next, accounted, lost, hung, unreachable, trials, minus(noticed, uid));
        }

        /** Records that a pod does not leave after all. */
        Pods staying(String uid) {
            return new Pods(next, minus(accounted, uid), lost, hung, unreachable, trials, minus(noticed, uid));
        }

        private static Set<String> plus(Set<String> uids, String uid) {
            Set<String> more = new TreeSet<>(uids);
            more.add(uid);
            return more;
        }

        private static Set<String> minus(Set<String> uids, String uid) {
            Set<String> fewer = new TreeSet<>(uids);
            fewer.remove(uid);
            return fewer;
        }

        private static Set<String> common(Set<String> uids, Set<String> others) {
            Set<String> both = new TreeSet<>(uids);
            both.retainAll(others);
            return both;
        }
    }

    /**
     * A newcomer that the members of the world call before it may enter.
     *
     * @param newcomer with the address that they call
     * @param since when they were first asked to
     */
    public record Trial(World.Member newcomer, Instant since) {}

    /**
     * The delay before the next pod is created. It doubles with each pod in a row that leaves without having entered a
     * world.
     *
     * @param streak such pods since a world last made a step, or lost a member
     * @param retryAt no pod is created before this time; null for no delay
     */
    public record Backoff(int streak, @Nullable Instant retryAt) {
        static final Backoff NONE = new Backoff(0, null);

        private static final Duration FIRST = Duration.ofSeconds(1);
        private static final Duration LONGEST = Duration.ofMinutes(5);
        /**
         * The longest delay after preemptions. A delay is needed because pods would pile up if each new one were
         * evicted as soon as it was scheduled.
         */
        private static final Duration LONGEST_UNBLAMED = Duration.ofSeconds(30);

        Backoff after(IncidentKind kind, Instant now) {
            Duration longest = kind == IncidentKind.Preemption ? LONGEST_UNBLAMED : LONGEST;
            Duration delay = FIRST.multipliedBy(1L << Math.min(streak, 20));
            return new Backoff(streak + 1, now.plus(delay.compareTo(longest) < 0 ? delay : longest));
        }
    }

    /**
     * The stages that the job has reached.
     *
     * @param since when the present world was published; null before the first
     * @param firstDone when the first trainer was seen to have finished
     * @param end how the job ended; null before that
     * @param divergences that trainers report and that are recorded, "pod@step"
     * @param started when the job was started or last resumed; null while it is suspended
     */
    public record Progress(
            @Nullable Instant since,
            @Nullable Instant firstDone,
            @Nullable End end,
            Set<String> divergences,
            @Nullable Instant started) {
        static final Progress NONE = new Progress(null, null, null);

        public Progress {
            divergences = new TreeSet<>(divergences);
        }

        public Progress(@Nullable Instant since, @Nullable Instant firstDone, @Nullable End end) {
            this(since, firstDone, end, Set.of(), null);
        }

        Progress published(Instant now) {
            return new Progress(now, firstDone, end, divergences, started);
        }

        Progress finishing(Instant firstDone) {
            return new Progress(since, firstDone, end, divergences, started);
        }

        Progress ended(End how) {
            return new Progress(since, firstDone, how, divergences, started);
        }

        Progress withDivergences(Set<String> reported) {
            return new Progress(since, firstDone, end, reported, started);
        }

        /** Returns these stages with the clock of {@code activeDeadlineSeconds}: on while pods may run. */
        Progress clocked(boolean mayRun, Instant now) {
            Instant clock = started == null ? now : started;
            return end == null ? new Progress(since, firstDone, null, divergences, mayRun ? clock : null) : this;
        }
    }

    /**
     * The replacement of pods that were made from an earlier template.
     *
     * @param revision of the template that running pods are to get; empty if none is replaced
     * @param members of the world that had an earlier template when that began
     * @param unmarked revision that pods without one are taken to have: the template's when the first was seen; empty if
     *     there is no such pod
     */
    public record RolloutState(String revision, int members, String unmarked) {
        public static final RolloutState NONE = new RolloutState("", 0, "");
    }

    /** The end of a job, Complete or Failed, with its message (a sentence). */
    public record End(boolean complete, ConditionReason reason, String message, Instant time) {}

    public PlannerState with(Pods newPods) {
        return new PlannerState(newPods, backoff, progress, account, failures, nodes, settings, rollout);
    }

    PlannerState with(Backoff newBackoff) {
        return new PlannerState(pods, newBackoff, progress, account, failures, nodes, settings, rollout);
    }

    PlannerState with(Progress newProgress) {
        return new PlannerState(pods, backoff, newProgress, account, failures, nodes, settings, rollout);
    }

    PlannerState with(LedgerState newAccount) {
        return new PlannerState(pods, backoff, progress, newAccount, failures, nodes, settings, rollout);
    }

    PlannerState with(Failures newFailures) {
        return new PlannerState(pods, backoff, progress, account, newFailures, nodes, settings, rollout);
    }

    PlannerState with(NodeFailures newNodes) {
        return new PlannerState(pods, backoff, progress, account, failures, newNodes, settings, rollout);
    }

    PlannerState with(ChangedSettings newSettings) {
        return new PlannerState(pods, backoff, progress, account, failures, nodes, newSettings, rollout);
    }

    PlannerState with(RolloutState newRollout) {
        return new PlannerState(pods, backoff, progress, account, failures, nodes, settings, newRollout);
    }

    /** Returns when the next pod is created, if that is delayed because recent pods failed. */
    public Optional<Instant> nextPodAt(Instant now) {
        return Optional.ofNullable(backoff.retryAt()).filter(now::isBefore).or(() -> failures.nextReplacement(now));
    }
}
