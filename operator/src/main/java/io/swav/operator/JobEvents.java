package io.swav.operator;

import io.fabric8.kubernetes.client.KubernetesClient;
import io.swav.api.ConditionReason;
import io.swav.api.ConditionType;
import io.swav.api.DataLedger;
import io.swav.api.SwavJob;
import io.swav.api.SwavJobStatus;
import io.swav.api.SwavJobStatus.AvoidedNode;
import io.swav.api.SwavJobStatus.Incident;
import io.swav.api.SwavJobStatus.IncidentKind;
import io.swav.api.SwavJobStatus.JobCondition;
import io.swav.api.SwavJobStatus.Progress;
import io.swav.api.World;
import io.swav.operator.Outbox.Note;
import io.swav.operator.Outbox.Outcome;
import io.swav.operator.Outbox.Sight;
import io.swav.planner.ObservedPod;
import io.swav.planner.ReconcilePlan;
import io.swav.planner.RolloutReport;
import io.swav.planner.WorldDecision;
import java.time.Duration;
import java.time.Instant;
import java.util.ArrayList;
import java.util.Collection;
import java.util.HashMap;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.Optional;
import java.util.Set;
import java.util.concurrent.ConcurrentHashMap;
import java.util.stream.Collectors;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Records in Events, shown by {@code kubectl describe swj}, what was done and why, and what came of it. What an operator
 * had published when it ended, and may not have recorded, its successor records ({@link Outbox}, {@link #recall}).
 */
final class JobEvents {
    private static final Logger LOG = LoggerFactory.getLogger(JobEvents.class);
    /** Conditions that are recorded when they become true. */
    private static final List<ConditionType> RECORDED = List.of(
            ConditionType.Complete,
            ConditionType.Failed,
            ConditionType.Stalled,
            ConditionType.Suspended,
            ConditionType.Admitted,
            ConditionType.CheckpointExceedsNotice,
            ConditionType.WeightsNotKept,
            ConditionType.DoubtfulSettings,
            ConditionType.NothingLearned,
            ConditionType.Collapsed,
            ConditionType.DeadPrototypes,
            ConditionType.Diverging,
            ConditionType.FrozenTooLong,
            ConditionType.TooManyPrototypes,
            ConditionType.StarvedByData);

    private static final Set<String> AS_WANTED =
            Set.of(ConditionType.Complete.name(), ConditionType.Suspended.name(), ConditionType.Admitted.name());

    private static final String DELETING = "Deleting";

    /** When to try again to list what an earlier operator told. */
    private static final Duration UNLISTED = Duration.ofSeconds(1);

    private final EventWriter writer;
    private final EarlierEvents earlier;
    /** By uid of the job, the status whose conditions were recorded but could not be stored yet. */
    private final Map<String, SwavJobStatus> recorded = new ConcurrentHashMap<>();
    /** By uid of the job, the notes of its outbox that were told, and their time. A job is reconciled by one thread at a time. */
    private final Map<String, Map<String, Instant>> told = new ConcurrentHashMap<>();
    /** By uid of the job, when this process first looked at it, and recorded what an earlier one may have left out. */
    private final Map<String, Instant> looked = new ConcurrentHashMap<>();

    JobEvents(KubernetesClient client, EarlierEvents earlier) {
        this.writer = new EventWriter(client, earlier);
        this.earlier = earlier;
    }

    /**
     * Tells what is due.
     *
     * @param stored the Events that are owed
     * @param pods of the job
     * @param created names of the pods whose creation the API server has just confirmed
     * @return what is still owed: what is not true yet, and what the API server did not take
     */
    Owed tell(SwavJob job, Outbox stored, Collection<ObservedPod> pods, Set<String> created, Instant now) {
        writer.retry(job);
        Sight sight = new Sight(pods, created, looked.getOrDefault(uid(job), now), now);
        if (stored.isInherited(sight) && !earlier.isListed(job)) {
            return new Owed(stored, Optional.of(now.plus(UNLISTED)));
        }
        Outbox outbox = stored.without((reason, pod) -> earlier.tells(job, reason, pod), sight);
        Map<String, Instant> known = told.computeIfAbsent(uid(job), uid -> new HashMap<>());
        known.values().removeIf(at -> Outbox.isOver(at, now));
        List<Note> due = outbox.due(sight);
        due.stream()
                .filter(note -> known.putIfAbsent(note.identity(), note.at()) == null)
                .forEach(note -> writer.write(job, note));
        Outbox open = outbox.open(sight);
        return new Owed(writer.isDone(job) ? open : open.plus(due), open.recheckAt(sight));
    }

    /**
     * What is still owed.
     *
     * @param recheckAt when to look again at pods whose outcome has not been seen
     */
    record Owed(Outbox outbox, Optional<Instant> recheckAt) {}

    /**
     * Returns what a plan owes to people.
     *
     * @param changes settings of the accepted spec that running trainers do not follow, "data.workers 4 instead of 2"
     */
    static List<Note> notes(SwavJob job, ReconcilePlan plan, List<String> changes, Instant now) {
        List<Note> notes = new ArrayList<>();
        plan.newIncidents().forEach(incident -> notes.add(note(incident, now)));
        for (String sentence : plan.resumeMessages()) {
            String about = plan.state().account().settled() + sentence;
            notes.add(new Note(now, false, "TrainingResumed", sentence, about));
        }
        for (AvoidedNode node : plan.nodes().begun()) {
            String message = "node " + node.node() + ": " + node.reason() + ". New pods of this job avoid it until "
                    + node.until() + ": they run there only if no other node takes them. Other jobs still use it;"
                    + " cordon it if it is faulty";
            notes.add(new Note(now, true, "NodeAvoided", message, node.node() + " " + node.until()));
        }
        if (plan.world() instanceof WorldDecision.Regroup regroup) {
            World world = regroup.next();
            String message = "World generation " + world.generation() + " with " + world.size()
                    + (world.size() == 1 ? " trainer: " : " trainers: ") + world.why();
            notes.add(new Note(now, false, "WorldPublished", message, Long.toString(world.generation())));
        }
        RolloutReport rollout = plan.rollout();
        String generation = String.valueOf(job.getMetadata().getGeneration());
        if (rollout.event() == RolloutReport.Event.STARTED) {
            String message = "spec.template has changed: " + rollout.sentence();
            notes.add(new Note(now, false, "RolloutStarted", message, generation));
        } else if (rollout.event() == RolloutReport.Event.FINISHED) {
            notes.add(new Note(now, false, "RolloutFinished", "All pods run the present spec.template", generation));
        }
        if (!changes.isEmpty()) {
            String message =
                    String.join(", ", changes) + ": pods created from now on have it, running ones keep theirs";
            notes.add(new Note(now, false, "SettingsChanged", message, generation + " " + message));
        }
        addPods(notes, plan, now);
        return notes;
    }

    private static void addPods(List<Note> notes, ReconcilePlan plan, Instant now) {
        if (!plan.create().isEmpty()) {
            notes.add(Note.ofPods(
                    now, false, "PodsCreated", plan.create(), "(" + plan.createWhy() + ")", Outcome.CREATED));
        }
        Map<String, List<String>> deleted = plan.deleteWhy().entrySet().stream()
                .filter(entry -> !entry.getValue().isEmpty())
                .collect(Collectors.groupingBy(
                        Map.Entry::getValue,
                        LinkedHashMap::new,
                        Collectors.mapping(entry -> entry.getKey().name(), Collectors.toList())));
        deleted.forEach((why, pods) ->
                notes.add(Note.ofPods(now, false, "PodsDeleted", pods, "(" + why + ")", Outcome.DELETED)));
        for (ObservedPod pod : plan.forceDelete()) {
            notes.add(Note.ofPods(
                    now,
                    true,
                    "PodKilled",
                    List.of(pod.name()),
                    "(deleted without a grace period: the pod or its node does not respond, or the pod"
                            + " computes wrong)",
                    Outcome.KILLED));
        }
    }

    private static Note note(Incident incident, Instant now) {
        boolean warning = incident.kind() != IncidentKind.Preemption;
        String first = incident.pod().split(",", 2)[0]; // more may join it
        String message = incident.pod() + ": " + incident.reason();
        return new Note(now, warning, reason(incident.kind()), message, incident.time() + first);
    }

    /**
     * Records once a process which conditions have lately become true: an operator that ended after it had stored them may
     * not have come to record them. Nothing is written for a job that has not changed for a while.
     */
    void recall(SwavJob job, Instant now) {
        if (looked.putIfAbsent(uid(job), now) != null) {
            return;
        }
        Instant since = now.minus(Outbox.KEPT);
        SwavJobStatus status = Optional.ofNullable(job.getStatus()).orElse(SwavJobStatus.EMPTY);
        RECORDED.stream()
                .filter(type -> isRecorded(status, type))
                .flatMap(type -> status.condition(type).stream())
                .filter(condition -> condition.lastTransitionTime() != null
                        && !Instant.parse(condition.lastTransitionTime()).isBefore(since))
                .forEach(condition -> record(job, condition, now));
    }

    /** Records that an object of the job was put back, which somebody had deleted or changed. */
    void recordRestored(SwavJob job, String message, Instant now) {
        LOG.warn("{}", message);
        writer.write(job, true, "ObjectRestored", message, now + " " + message, now);
    }

    private static String reason(IncidentKind kind) {
        return switch (kind) {
            case Preemption -> "PodPreempted";
            case Hang -> "PodHung";
            case Unreachable -> "PodUnreachable";
            case NotFinite -> "StepNotFinite";
            case Diverged -> "TrainerDiverged";
            default -> "PodFailed";
        };
    }

    /**
     * Records ends and obstacles, which the status shows, when their condition becomes true. The status may not be stored
     * yet, and storing it may fail: {@link #statusStored} tells.
     */
    void recordConditions(SwavJob job, SwavJobStatus now, Instant at) {
        SwavJobStatus stored = Optional.ofNullable(job.getStatus()).orElse(SwavJobStatus.EMPTY);
        SwavJobStatus before = Optional.ofNullable(recorded.put(uid(job), now)).orElse(stored);
        for (ConditionType type : RECORDED) {
            if (isRecorded(now, type) && !before.isTrue(type)) {
                now.condition(type).ifPresent(condition -> record(job, condition, at));
            }
        }
        recordSaves(job, before, now, at);
        recordEpochs(job, before.progress(), now.progress(), at);
        recordGrowth(job, before.progress(), now.progress(), at);
    }

    /** Records each set of images that training has come to see since, except the one with which it began. */
    private void recordGrowth(SwavJob job, @Nullable Progress before, @Nullable Progress now, Instant at) {
        List<DataLedger.Entry> known = sets(before);
        List<DataLedger.Entry> sets = sets(now);
        for (int i = 1; i < sets.size(); i++) {
            DataLedger.Entry set = sets.get(i);
            if (!known.contains(set)) {
                String message = "From epoch " + set.epoch() + " on, counted from 0, training sees " + set.samples()
                        + " images instead of " + sets.get(i - 1).samples()
                        + ", because files were added at data.uri. The set's fingerprint is " + set.digest();
                writer.write(job, false, "DataGrown", message, set.epoch() + " " + set.digest(), at);
            }
        }
    }

    private static List<DataLedger.Entry> sets(@Nullable Progress progress) {
        return progress == null || progress.data() == null
                ? List.of()
                : progress.data().seenSets();
    }

    private void recordEpochs(SwavJob job, @Nullable Progress before, @Nullable Progress now, Instant at) {
        if (now == null || now.epochsSince() == null) {
            return;
        }
        boolean known = before != null
                && Objects.equals(now.epochs(), before.epochs())
                && now.epochsSince().equals(before.epochsSince());
        if (!known) {
            String epochs = "training.epochs " + now.epochs() + " is in force from step " + now.epochsSince() + " on";
            String message = epochs + ": the job trains " + now.steps() + " steps";
            writer.write(job, false, "SettingsChanged", message, epochs, at);
        }
    }

    private static boolean isRecorded(SwavJobStatus status, ConditionType type) {
        boolean alreadyRecorded = type == ConditionType.Stalled && status.isTrue(ConditionType.Failed);
        return status.isTrue(type) && !alreadyRecorded;
    }

    private void record(SwavJob job, JobCondition condition, Instant at) {
        boolean warning = !AS_WANTED.contains(condition.type());
        writer.write(
                job,
                warning,
                condition.type(),
                condition.message(),
                String.valueOf(condition.lastTransitionTime()),
                at);
    }

    /** Notes that the status that was recorded last is stored. */
    void statusStored(SwavJob job) {
        recorded.remove(uid(job));
    }

    /** Records once that a job which is being deleted is kept by a finalizer. */
    void recordDeletion(SwavJob job, String message, Instant now) {
        writer.retry(job);
        String since = job.getMetadata().getDeletionTimestamp();
        boolean isNew = told.computeIfAbsent(uid(job), uid -> new HashMap<>()).putIfAbsent(DELETING, now) == null;
        if (isNew && !(isDeleting(job.getStatus()) && Outbox.isOver(Instant.parse(since), now))) {
            writer.write(job, false, DELETING, message, since, now);
        }
    }

    /** Whether the status shows the deletion: it is stored after the Event was written. */
    private static boolean isDeleting(@Nullable SwavJobStatus status) {
        return status != null
                && status.condition(ConditionType.Ready)
                        .filter(ready -> ready.reason().equals(ConditionReason.Deleting.name()))
                        .isPresent();
    }

    void forget(SwavJob job) {
        writer.forget(uid(job));
        recorded.remove(uid(job));
        looked.remove(uid(job));
        told.remove(uid(job));
    }

    private void recordSaves(SwavJob job, SwavJobStatus before, SwavJobStatus now, Instant at) {
        now.condition(ConditionType.CheckpointsSaved).ifPresent(saved -> {
            boolean failed = saved.status().equals("False");
            boolean wasFailing = before.condition(ConditionType.CheckpointsSaved)
                    .filter(old -> old.status().equals("False"))
                    .isPresent();
            if (failed != wasFailing) {
                writer.write(
                        job,
                        failed,
                        failed ? saved.reason() : "SaveRecovered",
                        saved.message(),
                        String.valueOf(saved.lastTransitionTime()),
                        at);
            }
        });
        Set<String> known = problems(before);
        problems(now).stream()
                .filter(problem -> !known.contains(problem))
                .forEach(problem -> writer.write(job, true, "CheckpointUnusable", problem, problem, at));
    }

    private static Set<String> problems(SwavJobStatus status) {
        return Optional.ofNullable(status.checkpoints()).orElse(List.of()).stream()
                .filter(entry -> entry.problem() != null)
                .map(entry -> entry.uri() + " cannot be resumed from and is skipped: " + entry.problem())
                .collect(Collectors.toSet());
    }

    private static String uid(SwavJob job) {
        return job.getMetadata().getUid();
    }
}
