package io.swav.api;

import static com.fasterxml.jackson.annotation.JsonFormat.Feature.READ_UNKNOWN_ENUM_VALUES_AS_NULL;
import static com.fasterxml.jackson.annotation.JsonFormat.Feature.READ_UNKNOWN_ENUM_VALUES_USING_DEFAULT_VALUE;

import com.fasterxml.jackson.annotation.JsonEnumDefaultValue;
import com.fasterxml.jackson.annotation.JsonFormat;
import com.fasterxml.jackson.annotation.JsonIgnoreProperties;
import com.fasterxml.jackson.annotation.JsonInclude;
import com.fasterxml.jackson.annotation.JsonPropertyDescription;
import io.fabric8.crd.generator.annotation.SchemaFrom;
import io.fabric8.generator.annotation.Required;
import io.fabric8.kubernetes.model.annotation.LabelSelector;
import io.fabric8.kubernetes.model.annotation.StatusReplicas;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import org.jspecify.annotations.Nullable;

/** The state of the job as the operator last saw it; the operator writes no other part of the object. */
@JsonIgnoreProperties(ignoreUnknown = true)
@JsonInclude(JsonInclude.Include.NON_NULL)
public record SwavJobStatus(
        @JsonPropertyDescription("metadata.generation to which this status refers.") @Nullable
        Long observedGeneration,

        @JsonPropertyDescription("Summary for people: Pending, Running, Resizing, Holding (fewer trainers than"
                + " elastic.minReplicas), Suspended, Complete, Failed or Invalid. Programs read the conditions.")
        @SchemaFrom(type = String.class)
        @JsonFormat(with = READ_UNKNOWN_ENUM_VALUES_AS_NULL)
        @Nullable
        Phase phase,

        @JsonPropertyDescription("When the job was started or last resumed, RFC 3339; absent while it is suspended."
                + " spec.activeDeadlineSeconds counts from here.")
        @Nullable
        String startTime,

        @JsonPropertyDescription("Trainer pods that exist and have not ended, spares included.")
        @StatusReplicas
        @Nullable
        Integer replicas,

        @JsonPropertyDescription("Trainer pods that are Ready.") @Nullable
        Integer readyReplicas,

        @JsonPropertyDescription("Label selector of the trainer pods, for the scale subresource.")
        @LabelSelector
        @Nullable
        String selector,

        @JsonPropertyDescription("The current world, a summary of ConfigMap <job>-world.") @Nullable
        WorldStatus world,

        @JsonPropertyDescription("Progress of training, as the trainers report it.") @Nullable
        Progress progress,

        @JsonPropertyDescription("Checkpoints that can be resumed from, newest first.") @Nullable
        List<CheckpointEntry> checkpoints,

        @JsonPropertyDescription("What was lost, and why.") @Nullable
        Ledger ledger,

        @JsonPropertyDescription("Nodes that new pods of this job avoid, because pods failed on them; see"
                + " recovery.avoidNodeAfterFailures. Absent if there are none.")
        @Nullable
        List<AvoidedNode> avoidedNodes,

        @JsonPropertyDescription(
                "Ready, Reconciling, Stalled (kstatus), Running, Resizing, Suspended, Complete, Failed,"
                        + " Admitted (of a job in a queue), DataReady, CheckpointsSaved, CheckpointExceedsNotice, WeightsNotKept, each with a reason"
                        + " and a message.")
        @Nullable
        List<JobCondition> conditions) {

    public static final SwavJobStatus EMPTY =
            new SwavJobStatus(null, null, null, null, null, null, null, null, null, null, null, null);

    /** Creates a status without a start time and avoided nodes. */
    public SwavJobStatus(
            @Nullable Long observedGeneration,
            @Nullable Phase phase,
            @Nullable Integer replicas,
            @Nullable Integer readyReplicas,
            @Nullable String selector,
            @Nullable WorldStatus world,
            @Nullable Progress progress,
            @Nullable List<CheckpointEntry> checkpoints,
            @Nullable Ledger ledger,
            @Nullable List<JobCondition> conditions) {
        this(
                observedGeneration,
                phase,
                null,
                replicas,
                readyReplicas,
                selector,
                world,
                progress,
                checkpoints,
                ledger,
                null,
                conditions);
    }

    public Optional<JobCondition> condition(ConditionType type) {
        return conditions == null
                ? Optional.empty()
                : conditions.stream().filter(c -> c.type().equals(type.name())).findFirst();
    }

    public boolean isTrue(ConditionType type) {
        return condition(type).filter(c -> c.status().equals("True")).isPresent();
    }

    /**
     * A summary of the job's state. The schema does not enumerate the phases, so that a later version may add one; a
     * phase that this version does not know is read as null.
     */
    public enum Phase {
        /** No spec has been accepted yet. */
        Invalid,
        Pending,
        Running,
        Resizing,
        Holding,
        Suspended,
        Complete,
        Failed;

        /** Whether the job has ended, so that its world never changes again. */
        public boolean isEnd() {
            return this == Complete || this == Failed;
        }
    }

    /**
     * Why the world changed, or a pod left. If several incidents share a pause, its cost is attributed to the one whose
     * kind comes last here.
     */
    public enum IncidentKind {
        /** A kind that only a later version knows. */
        @JsonEnumDefaultValue
        Unknown,
        /** Trainers took over changed settings; no pod joined or left. */
        Settings,
        Resize,
        Suspension,
        /** A step was not finite, and was tried again or resumed from a checkpoint; no pod left. */
        NotFinite,
        Preemption,
        /** Its peers did not reach it, or it did not reach them, while they reached each other. */
        Unreachable,
        /** Replicas of the state differed at the same step. */
        Diverged,
        Hang,
        Failure
    }

    /** A Kubernetes condition, with descriptions in the schema. */
    @JsonIgnoreProperties(ignoreUnknown = true)
    @JsonInclude(JsonInclude.Include.NON_NULL)
    public record JobCondition(
            @JsonPropertyDescription("Type of the condition.") @Required
            String type,

            @JsonPropertyDescription("True, False or Unknown.") @Required
            String status,

            @JsonPropertyDescription("One CamelCase word for programs: why.") @Required
            String reason,

            @JsonPropertyDescription("A sentence for people: why, and what to do.") @Required
            String message,

            @JsonPropertyDescription("When status last changed, RFC 3339.") @Required
            String lastTransitionTime,

            @JsonPropertyDescription("metadata.generation that it speaks of.") @Nullable
            Long observedGeneration) {}

    /** A summary of the world. */
    @JsonIgnoreProperties(ignoreUnknown = true)
    @JsonInclude(JsonInclude.Include.NON_NULL)
    public record WorldStatus(
            @JsonPropertyDescription("Number of the world, counted from 1 within the job.")
            Long generation,

            @JsonPropertyDescription("Trainers in the world.")
            Integer size,

            @JsonPropertyDescription(
                    "The first 16 pods in the order of their ranks; size counts all, and ConfigMap <job>-world lists them.")
            List<String> members,

            @JsonPropertyDescription("When this generation was published, RFC 3339.") @Nullable
            String since,

            @JsonPropertyDescription(
                    "How gradients are summed between its trainers, as rank 0 reports it: TCP, NCCL with its"
                            + " version, or none for a single trainer.")
            @Nullable
            String collective) {}

    /** Progress of training, as the trainers report it. */
    @JsonIgnoreProperties(ignoreUnknown = true)
    @JsonInclude(JsonInclude.Include.NON_NULL)
    public record Progress(
            @JsonPropertyDescription("Global steps applied.") @Nullable
            Long step,

            @JsonPropertyDescription("Global steps of the whole job.") @Nullable
            Long steps,

            @JsonPropertyDescription("Epoch of that step, from 0.") @Nullable
            Integer epoch,

            @JsonPropertyDescription("Epochs of the whole job that are in force; unknown from trainers of a version in"
                    + " which they cannot change.")
            @Nullable
            Integer epochs,

            @JsonPropertyDescription("Global step from which on they are in force, if training.epochs was raised.")
            @Nullable
            Long epochsSince,

            @JsonPropertyDescription("Loss of that step, mean over the global batch, nats; it starts near ln K.")
            @Nullable
            Double loss,

            @JsonPropertyDescription("Images per second over all trainers (images, not crops).") @Nullable
            Double imagesPerSecond,

            @JsonPropertyDescription("kNN top-1 of the finished model on data.evalUri, percent.") @Nullable
            Double knnTop1,

            @JsonPropertyDescription("Seconds until the last step at the present rate.") @Nullable
            Long etaSeconds,

            @JsonPropertyDescription("Undecodable images skipped so far; see data.maxBadSamples.") @Nullable
            Long skippedSamples,

            @JsonPropertyDescription("What the trainers found at data.uri.") @Nullable
            DataInventory data,

            @JsonPropertyDescription("Whether the network learns, by the last step.") @Nullable
            LearningFigures learning) {}

    /** One complete checkpoint. */
    @JsonIgnoreProperties(ignoreUnknown = true)
    @JsonInclude(JsonInclude.Include.NON_NULL)
    public record CheckpointEntry(
            @JsonPropertyDescription("Global steps that it contains.")
            Long step,

            @JsonPropertyDescription("Images seen up to it.")
            Long samples,

            @JsonPropertyDescription("Trainers that wrote it; any number can resume it.")
            Integer worldSize,

            @JsonPropertyDescription("Location of the checkpoint.")
            String uri,

            @JsonPropertyDescription("SHA-256 of model.safetensors.")
            String digest,

            @JsonPropertyDescription("Size of all its files.") @Nullable
            Long bytes,

            @JsonPropertyDescription("Seconds that saving took; unknown after the trainer that saved it has exited.")
            @Nullable
            Double seconds,

            @JsonPropertyDescription("Whether its files match its manifest.")
            Boolean verified,

            @JsonPropertyDescription("Why it cannot be resumed from.") @Nullable
            String problem,

            @JsonPropertyDescription("When it was written, RFC 3339.")
            String time) {}

    /** What was lost, and why. */
    @JsonIgnoreProperties(ignoreUnknown = true)
    @JsonInclude(JsonInclude.Include.NON_NULL)
    public record Ledger(
            @JsonPropertyDescription("Share of the time since the first step that went into steps that were kept.")
            @Nullable
            Double goodput,

            @JsonPropertyDescription("Steps that were started and dropped.") @Nullable
            Long stepsLost,

            @JsonPropertyDescription(
                    "Pods removed from outside: evicted, deleted, preempted, lost with their node, or put"
                            + " out because their peers did not reach them.")
            @Nullable
            Long preemptions,

            @JsonPropertyDescription("Failures of pods by themselves; pods that fail together, in one world and in the"
                    + " same way, are one failure. See recovery.maxFailures.")
            @Nullable
            Long failures,

            @JsonPropertyDescription(
                    "Times that pods stopped responding or completed no step, and were force-deleted; they also"
                            + " count towards recovery.maxFailures. Pods of one world that hang together are one.")
            @Nullable
            Long hangs,

            @JsonPropertyDescription("Failures and hangs of the last recovery.failureWindowSeconds: if they are more"
                    + " than recovery.maxFailures, the job is Failed.")
            @Nullable
            Long recentFailures,

            @JsonPropertyDescription(
                    "Steps that were NaN or infinite and were dropped: tried again, or resumed from a" + " checkpoint.")
            @Nullable
            Long notFinite,

            @JsonPropertyDescription(
                    "Trainers whose copy of the state differed from the others' at the same step, and was"
                            + " replaced.")
            @Nullable
            Long divergences,

            @JsonPropertyDescription("Worlds formed after the first.") @Nullable
            Long resizes,

            @JsonPropertyDescription("Seconds without training, by kind of incident.") @Nullable
            Map<String, Double> secondsLostByCause,

            @JsonPropertyDescription("The last 20 incidents, newest last.") @Nullable
            List<Incident> incidents) {}

    /** A node that the job avoids. */
    @JsonIgnoreProperties(ignoreUnknown = true)
    @JsonInclude(JsonInclude.Include.NON_NULL)
    public record AvoidedNode(
            @JsonPropertyDescription("Name of the node.") String node,

            @JsonPropertyDescription("When it may be used again, RFC 3339.")
            String until,

            @JsonPropertyDescription("The failures on it, in a sentence.")
            String reason) {}

    /** One event that changed the world, or a pod that left. */
    @JsonIgnoreProperties(ignoreUnknown = true)
    @JsonInclude(JsonInclude.Include.NON_NULL)
    public record Incident(
            @JsonPropertyDescription("When the operator saw it, RFC 3339.")
            String time,

            @JsonPropertyDescription(
                    "Preemption (removed, or not responding), Unreachable (its peers did not reach it),"
                            + " Failure, Hang, NotFinite (a step was NaN or infinite), Diverged (its copy of the state differed and"
                            + " was replaced), Resize (pods joined or were released), Settings (changed settings were"
                            + " taken over) or Suspension.")
            @SchemaFrom(type = String.class)
            @JsonFormat(with = READ_UNKNOWN_ENUM_VALUES_USING_DEFAULT_VALUE)
            IncidentKind kind,

            @JsonPropertyDescription("The pod, or several: separated by commas, or the first of those that failed"
                    + " together and how many more there were.")
            String pod,

            @JsonPropertyDescription("What happened, in a sentence.")
            String reason,

            @JsonPropertyDescription("Global steps applied at that time.") @Nullable
            Long step,

            @JsonPropertyDescription("The world that was published because of it; unset for a pod outside the world.")
            @Nullable
            Long generation,

            @JsonPropertyDescription("Steps that were started and lost; known once training continues.") @Nullable
            Long stepsLost,

            @JsonPropertyDescription("Seconds without training; known once training continues. Incidents that share a"
                    + " pause each show all of it.")
            @Nullable
            Double secondsPaused) {

        /** Returns an incident that turned out to be a change of the world alone: the pod did not leave. */
        public Incident withdrawn() {
            return new Incident(
                    time,
                    IncidentKind.Resize,
                    pod,
                    "the notice was withdrawn, and the pod stays: " + reason,
                    step,
                    generation,
                    stepsLost,
                    secondsPaused);
        }

        /** Returns the same incident of these pods. */
        public Incident withPod(String pods) {
            return new Incident(time, kind, pods, reason, step, generation, stepsLost, secondsPaused);
        }
    }
}
