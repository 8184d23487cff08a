package io.swav.operator;

import io.swav.api.ConditionReason;
import io.swav.api.ConditionType;
import io.swav.api.SwavJobSpec;
import io.swav.api.SwavJobStatus.JobCondition;
import io.swav.api.SwavJobStatus.Phase;
import io.swav.planner.PlannerState;
import java.util.List;
import java.util.Optional;

/** The conditions of a job: those of kstatus, one for each phase that lasts, and those of data and checkpoints. */
final class ConditionStatus {
    private final StatusFacts facts;
    private final Phase phase;
    private final CheckpointStatus checkpoints;
    private final Obstacles obstacles;
    private final Conditions conditions;
    private final String why;
    private final ConditionReason ofPhase;
    private final ConditionReason ofEnd;

    private ConditionStatus(StatusFacts facts, Phase phase, CheckpointStatus checkpoints) {
        this.facts = facts;
        this.phase = phase;
        this.checkpoints = checkpoints;
        this.obstacles = new Obstacles(facts, phase, checkpoints);
        this.conditions = new Conditions(
                facts.before(),
                facts.now(),
                facts.snapshot().job().getMetadata().getGeneration());
        this.why = obstacles.reason();
        this.ofPhase = ConditionReason.valueOf(phase.name());
        this.ofEnd = facts.end().map(PlannerState.End::reason).orElse(ofPhase);
    }

    static List<JobCondition> of(StatusFacts facts, Phase phase, CheckpointStatus checkpoints) {
        ConditionStatus status = new ConditionStatus(facts, phase, checkpoints);
        status.addKstatus();
        status.addPhases();
        status.addQueue();
        DataStatus.addTo(status.conditions, facts);
        status.addEnds();
        facts.snapshot().accepted().ifPresent(spec -> checkpoints.addTo(status.conditions, spec));
        LearningStatus.addTo(status.conditions, facts);
        return status.conditions.list();
    }

    private void addKstatus() {
        Optional<String> apiError = facts.result().apiError();
        boolean rollingOut = obstacles.isRollingOut();
        boolean asWanted = phase == Phase.Complete
                || phase == Phase.Suspended
                || (phase == Phase.Running && facts.isFull() && !rollingOut);
        boolean current = asWanted && apiError.isEmpty();
        ConditionReason moving = phase == Phase.Running && rollingOut
                ? ConditionReason.RollingOut
                : ofQueue().orElse(ofPhase);
        ConditionReason state = apiError.isPresent() ? ConditionReason.ApiError : moving;
        String sentence = apiError.map(
                        error -> HumanFormat.sentences("The API server returned an error, retrying: " + error, why))
                .orElse(why);
        Optional<String> stall = obstacles.stall();
        boolean stalled = stall.isPresent();
        ConditionReason ready = current ? ofEnd : state;
        conditions
                .add(
                        ConditionType.Ready,
                        current && !stalled,
                        stalled ? ConditionReason.Stalled : ready,
                        stall.orElse(sentence))
                .add(ConditionType.Reconciling, !current && !stalled, state, sentence);
        addStalled(stall);
    }

    private void addStalled(Optional<String> stall) {
        Optional<String> waiting = obstacles.waiting();
        ConditionReason moves = waiting.isPresent() ? ConditionReason.Waiting : ConditionReason.Moving;
        conditions.add(
                ConditionType.Stalled,
                stall.isPresent(),
                stall.isPresent() ? obstacles.stallReason() : moves,
                stall.or(() -> waiting).orElse("Nothing blocks the job"));
    }

    private void addPhases() {
        conditions
                .add(ConditionType.Running, phase == Phase.Running, ofPhase, why)
                .add(
                        ConditionType.Resizing,
                        phase == Phase.Resizing,
                        ofPhase,
                        phase == Phase.Resizing
                                ? obstacles.withHolds(facts.world().why())
                                : why)
                .add(
                        ConditionType.Suspended,
                        phase == Phase.Suspended,
                        ofPhase,
                        phase == Phase.Suspended ? HumanFormat.sentences(why, resumesFrom()) : why);
    }

    /** Returns why no pod runs, if a queue is the reason. */
    private Optional<ConditionReason> ofQueue() {
        boolean withheld =
                facts.snapshot().queue() instanceof QueueState.Withheld && phase != Phase.Suspended && !phase.isEnd();
        return withheld ? Optional.of(ConditionReason.Queued) : Optional.empty();
    }

    /** Adds what a queue says to a job that is in one. */
    private void addQueue() {
        QueueState queue = facts.snapshot().queue();
        if (queue instanceof QueueState.Admitted admitted) {
            conditions.add(
                    ConditionType.Admitted,
                    true,
                    ConditionReason.Admitted,
                    HumanFormat.sentences(admitted.why(), secondQueue()));
        } else if (queue instanceof QueueState.Withheld withheld) {
            conditions.add(
                    ConditionType.Admitted,
                    false,
                    withheld.reason(),
                    HumanFormat.sentences(withheld.why(), secondQueue()));
        } else if (queue instanceof QueueState.Unavailable unavailable) {
            conditions.add(
                    ConditionType.Admitted,
                    "Unknown",
                    unavailable.rejection().reason(),
                    unavailable.rejection().why());
        }
    }

    /** Says that pods lack a label of their template, by which Kueue would queue each of them beside the job. */
    private String secondQueue() {
        boolean labelled = Optional.ofNullable(facts.snapshot().job().getSpec())
                .map(SwavJobSpec::template)
                .filter(template -> template.path("metadata").path("labels").has(KueueWorkload.QUEUE_LABEL))
                .isPresent();
        return labelled
                ? "The label " + KueueWorkload.QUEUE_LABEL + " of spec.template is left out of pods, because the job is"
                        + " queued as a whole: remove it from the template, or from the job to queue each pod by itself"
                : "";
    }

    private String resumesFrom() {
        return checkpoints
                .usable()
                .map(entry -> "It will resume from step " + entry.step() + " in " + entry.uri())
                .orElse("There is no checkpoint to resume from");
    }

    private void addEnds() {
        boolean invalid = phase == Phase.Invalid;
        boolean failed = phase == Phase.Failed || invalid;
        conditions
                .add(
                        ConditionType.Complete,
                        phase == Phase.Complete,
                        phase.isEnd() ? ofEnd : ConditionReason.NotYet,
                        phase.isEnd() ? HumanFormat.sentences(why, raisedTooLate()) : "Not all steps are done")
                .add(ConditionType.Failed, failed, failedReason(), failed ? why : "The job has not failed");
    }

    /** Returns that the spec wants more epochs than a complete job has trained; empty if it does not. */
    private String raisedTooLate() {
        return facts.snapshot()
                .accepted()
                .filter(spec -> phase == Phase.Complete
                        && spec.training().epochs() > facts.snapshot().epochsInForce(spec))
                .map(spec -> "training.epochs " + spec.training().epochs() + " came after the last of "
                        + facts.snapshot().epochsInForce(spec)
                        + " epochs and has no effect: a complete job trains no further. To go on from its weights, import"
                        + " them into a new SwavJob (swav import)")
                .orElse("");
    }

    private ConditionReason failedReason() {
        if (phase == Phase.Invalid) {
            return obstacles.stallReason();
        }
        return phase.isEnd() ? ofEnd : ConditionReason.NotFailed;
    }
}
