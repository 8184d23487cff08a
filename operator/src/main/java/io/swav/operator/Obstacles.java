package io.swav.operator;

import io.swav.api.ConditionReason;
import io.swav.api.SwavJobStatus.Phase;
import io.swav.api.TrainerReport;
import io.swav.api.TrainingSettings;
import io.swav.planner.Agreement;
import io.swav.planner.Hold;
import io.swav.planner.ObservedPod;
import io.swav.planner.PlannerState;
import io.swav.planner.ReconcilePlan;
import io.swav.planner.Reporting;
import io.swav.planner.RolloutReport;
import java.time.Duration;
import java.time.Instant;
import java.util.Comparator;
import java.util.List;
import java.util.Optional;
import java.util.stream.Collectors;
import java.util.stream.Stream;

/** What keeps a job from becoming as wanted, and whether a person has to act. */
final class Obstacles {
    /** Worlds usually form within seconds. */
    private static final Duration FORMING = Duration.ofSeconds(5);

    private static final int PODS_NAMED = 3;

    private final StatusFacts facts;
    private final JobSnapshot snapshot;
    private final Phase phase;
    private final CheckpointStatus checkpoints;

    Obstacles(StatusFacts facts, Phase phase, CheckpointStatus checkpoints) {
        this.facts = facts;
        this.snapshot = facts.snapshot();
        this.phase = phase;
        this.checkpoints = checkpoints;
    }

    /** Describes the state of the job: what was planned and why, or why nothing could be planned. */
    String reason() {
        return facts.plan()
                .map(plan -> HumanFormat.sentences(
                        HumanFormat.sentences(
                                HumanFormat.sentences(
                                        withDisagreement(withHolds(plan.world().why())), refusedWorld()),
                                slowForming()),
                        beside()))
                .orElseGet(this::problems);
    }

    /** Describes what concerns the job beside its world. */
    private String beside() {
        String pods =
                HumanFormat.sentences(rollout().map(RolloutReport::sentence).orElse(""), failedSidecars());
        return HumanFormat.sentences(
                HumanFormat.sentences(HumanFormat.sentences(pods, nodes()), noRoom().orElse("")), rejectedEdit());
    }

    /** Describes the nodes that may go or are avoided. */
    private String nodes() {
        boolean wanted = snapshot.mayRun() && !phase.isEnd();
        return wanted ? NodeSentences.of(livePods(), facts) : "";
    }

    private Optional<RolloutReport> rollout() {
        return facts.plan()
                .map(ReconcilePlan::rollout)
                .filter(report -> !report.sentence().isEmpty());
    }

    /** Whether running pods are being replaced after a change of the template. */
    boolean isRollingOut() {
        return rollout().filter(RolloutReport::active).isPresent();
    }

    /** Names the first pods whose trainers run while another of their containers has failed. */
    private String failedSidecars() {
        List<ObservedPod> failed = phase.isEnd()
                ? List.of()
                : livePods().stream()
                        .filter(pod -> pod.object().failedSidecars().isPresent())
                        .toList();
        return failed.isEmpty()
                ? ""
                : "Beside the trainers containers have failed in " + failed.size()
                        + (failed.size() == 1 ? " pod: " : " pods: ")
                        + failed.stream()
                                .limit(PODS_NAMED)
                                .map(pod -> pod.name() + ": "
                                        + pod.object().failedSidecars().orElse(""))
                                .collect(Collectors.joining("; "));
    }

    /** Returns why a pod cannot be created at the moment, if that ends by itself. */
    private Optional<String> noRoom() {
        return facts.result().rejection().filter(PodRejection::waits).map(PodRejection::why);
    }

    /** Adds what holds pods, if the sentence is about something else. */
    String withHolds(String why) {
        return holds().filter(sentence -> !why.contains(sentence))
                .map(sentence -> HumanFormat.sentences(why, sentence))
                .orElse(why);
    }

    private String withDisagreement(String why) {
        return disagreement()
                .map(sentence -> HumanFormat.sentences(why, sentence))
                .orElse(why);
    }

    /** Describes the pods that do not train with what the job does; empty for a job that has ended or is suspended. */
    private Optional<String> disagreement() {
        return snapshot.accepted()
                .filter(spec -> snapshot.mayRun() && !phase.isEnd())
                .map(spec -> spec.withEpochs(snapshot.firstEpochs(spec)))
                .flatMap(spec -> Agreement.of(facts.world(), livePods(), TrainingSettings.of(spec))
                        .sentence());
    }

    private List<ObservedPod> livePods() {
        return snapshot.pods().stream()
                .filter(pod -> pod.isAlive() && !facts.plannerState().pods().isOut(pod.uid()))
                .toList();
    }

    /** Describes why a trainer does not follow the world document, for the first one that reports this. */
    private String refusedWorld() {
        List<TrainerReport> refusing = snapshot.reports().values().stream()
                .filter(report -> report.worldProblem() != null && !phase.isEnd())
                .sorted(Comparator.comparing(TrainerReport::pod))
                .toList();
        return refusing.isEmpty()
                ? ""
                : refusing.size() + (refusing.size() == 1 ? " trainer does" : " trainers do")
                        + " not follow the world document; " + refusing.get(0).pod() + " reports: "
                        + refusing.get(0).worldProblem();
    }

    /** Repeats what the first member reports that has tried to form the present world for longer than that takes. */
    private String slowForming() {
        Instant since = facts.plannerState().progress().since();
        boolean slow = phase == Phase.Resizing && since != null && !facts.now().isBefore(since.plus(FORMING));
        return facts.world().members().stream()
                .filter(member -> slow)
                .map(member -> snapshot.reports().get(member.pod()))
                .filter(report -> report != null
                        && report.message() != null
                        && report.generation() < facts.world().generation())
                .findFirst()
                .map(report -> "The world has not formed yet; " + report.pod() + " reports: " + report.message())
                .orElse("");
    }

    // ---- what a person has to do --------------------------------------------------------------------------------

    /** Describes what a person has to do before the job can become as wanted; empty if nothing, as far as is known. */
    Optional<String> stall() {
        if (phase == Phase.Complete) {
            return Optional.empty();
        }
        if (phase == Phase.Failed) {
            return facts.end().map(end -> HumanFormat.sentences(end.message(), rejectedEdit()));
        }
        if (!snapshot.problems().isEmpty()) {
            return Optional.of(phase == Phase.Invalid ? problems() : HumanFormat.sentences(problems(), specInForce()));
        }
        return stalledQueue()
                .or(() -> rejection()
                        .map(rejection -> HumanFormat.sentences(
                                rejection.why(), blockedReports().orElse(""))))
                .or(this::blockedReports)
                .or(this::stalledByHold)
                .or(this::stalledByRollout)
                .or(this::stalledByDisagreement);
    }

    /** Returns why the job is not admitted, if a person has to act. */
    private Optional<String> stalledQueue() {
        return snapshot.queue() instanceof QueueState.Withheld withheld && withheld.needsAction()
                ? Optional.of(withheld.why())
                : Optional.empty();
    }

    /** Returns the rejection that a person has to end. */
    private Optional<PodRejection> rejection() {
        return facts.result().rejection().filter(rejection -> !rejection.waits());
    }

    private Optional<String> stalledByRollout() {
        return rollout().filter(RolloutReport::needsAction).map(report -> reason());
    }

    private Optional<String> blockedReports() {
        return snapshot.reporting() instanceof Reporting.Blocked blocked
                ? Optional.of(blocked.why())
                : Optional.empty();
    }

    ConditionReason stallReason() {
        if (phase == Phase.Failed) {
            return facts.end().map(PlannerState.End::reason).orElse(ConditionReason.Failed);
        }
        if (snapshot.problems().isEmpty()) {
            ConditionReason ofRollout =
                    stalledByRollout().isPresent() ? ConditionReason.RolloutStalled : ConditionReason.TrainersDisagree;
            ConditionReason ofPods = stalledByHold().isPresent() ? ConditionReason.PodCannotStart : ofRollout;
            return stalledQueue()
                    .map(why -> ConditionReason.QueueUnavailable)
                    .or(() -> rejection().map(PodRejection::reason))
                    .or(() -> blockedReports().map(why -> ConditionReason.ReportsBlocked))
                    .orElse(ofPods);
        }
        return snapshot.problems().get(0).reason();
    }

    private String problems() {
        return snapshot.problems().stream().map(Problem::message).collect(Collectors.joining("; "));
    }

    /** The addition to the message of an ended job, which no edit changes. */
    private String rejectedEdit() {
        return phase.isEnd() && !snapshot.problems().isEmpty() ? "An edit was rejected: " + problems() : "";
    }

    private String specInForce() {
        boolean noPod = TrainerPod.problem(snapshot.job().getSpec().template()).isPresent();
        return (phase == Phase.Suspended ? "The job stays suspended" : "The job continues")
                + " with its previous spec"
                + (noPod ? ", and no pod can be created until spec.template is corrected" : "");
    }

    /**
     * Stalls only if the world should have more trainers: spares that cannot start do not keep the job from being as
     * wanted.
     */
    private Optional<String> stalledByHold() {
        return holds().filter(sentence -> !facts.isFull() && Hold.needsAction(snapshot.pods()))
                .map(sentence -> reason());
    }

    /** As with holds: a spare that is kept out does not keep the job from being as wanted. */
    private Optional<String> stalledByDisagreement() {
        return disagreement().filter(sentence -> !facts.isFull()).map(sentence -> reason());
    }

    // ---- what ends by itself ------------------------------------------------------------------------------------

    /** Describes what blocks the job although no person has to act, as far as is known. */
    Optional<String> waiting() {
        Stream<Optional<String>> ofPods =
                phase.isEnd() ? Stream.of() : Stream.of(holds(), retry(), noRoom(), checkpoints.unreadable());
        List<String> causes = Stream.concat(
                        Stream.of(facts.result().apiError().map(error -> "the API server returned an error: " + error)),
                        ofPods)
                .flatMap(Optional::stream)
                .toList();
        return causes.isEmpty() ? Optional.empty() : Optional.of("Waiting: " + String.join("; ", causes));
    }

    /** Describes held pods; empty for a job that has ended or is suspended, because its pods are being deleted. */
    private Optional<String> holds() {
        boolean wanted = snapshot.mayRun() && !phase.isEnd();
        return wanted ? Hold.sentence(snapshot.pods()) : Optional.empty();
    }

    private Optional<String> retry() {
        return facts.plannerState()
                .nextPodAt(facts.now())
                .map(at -> "the next pod is created at " + at + " because recent pods failed");
    }
}
