package io.swav.planner;

import io.swav.api.DataLedger.Entry;
import io.swav.api.EpochSchedule.Change;
import io.swav.api.TrainerReport.NotFinite;
import io.swav.api.World;
import java.time.Duration;
import java.time.Instant;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.stream.Collectors;
import org.jspecify.annotations.Nullable;

/**
 * Describes what the planner knows: a snapshot of one job.
 *
 * @param job its name, with which the names of its pods begin
 * @param world as published, generation 0 before the first
 * @param state kept beside the world
 * @param pods all pods of the job, ended ones included
 * @param step global steps applied so far, for the incidents
 * @param rejectedUntil no pod is created before this time, because the API server rejected one like it; null if none
 *     was rejected
 * @param reporting whether trainers that are silent would be able to report
 * @param notFinite the last step that trainers report as not finite; null if there was none
 * @param configured the settings that running trainers have been given; null while there are none
 * @param epochs the epochs in force, as the most advanced trainer reports them; null if it does not
 * @param data the largest set of images that a trainer reports as decided on; null if the data does not grow
 * @param template from which pods are made
 */
public record PlannerInput(
        String job,
        World world,
        PlannerState state,
        List<ObservedPod> pods,
        long step,
        @Nullable Instant rejectedUntil,
        Reporting reporting,
        @Nullable NotFinite notFinite,
        @Nullable WantedSettings configured,
        @Nullable Change epochs,
        @Nullable Entry data,
        WantedTemplate template) {

    /** Creates the input of a job whose pods can be created and whose trainers can report. */
    public PlannerInput(String job, World world, PlannerState state, List<ObservedPod> pods, long step) {
        this(job, world, state, pods, step, null);
    }

    public PlannerInput(
            String job,
            World world,
            PlannerState state,
            List<ObservedPod> pods,
            long step,
            @Nullable Instant rejectedUntil) {
        this(job, world, state, pods, step, rejectedUntil, Reporting.POSSIBLE, null);
    }

    public PlannerInput(
            String job,
            World world,
            PlannerState state,
            List<ObservedPod> pods,
            long step,
            @Nullable Instant rejectedUntil,
            Reporting reporting,
            @Nullable NotFinite notFinite) {
        this(job, world, state, pods, step, rejectedUntil, reporting, notFinite, null, null, null, WantedTemplate.NONE);
    }

    public PlannerInput {
        pods = List.copyOf(pods);
    }

    /** Returns the set of images that the next world document names: what was published or reported last. */
    @Nullable
    Entry newestData() {
        Entry published = world.data();
        boolean isNews = data != null && (published == null || data.samples() > published.samples());
        return isNews ? data : published;
    }

    Map<String, ObservedPod> podsByUid() {
        return pods.stream().collect(Collectors.toMap(ObservedPod::uid, pod -> pod));
    }

    /** Returns the members of the world whose pods are alive, in the order of ranks. */
    List<ObservedPod> members() {
        Map<String, ObservedPod> byUid = podsByUid();
        return world.members().stream()
                .flatMap(member -> Optional.ofNullable(byUid.get(member.uid())).stream())
                .filter(ObservedPod::isAlive)
                .toList();
    }

    /** Whether a pod is alive and has not left the world as lost, hung or unreachable in an earlier plan. */
    boolean counts(ObservedPod pod) {
        return pod.isAlive() && !state.pods().isOut(pod.uid());
    }

    /** Whether no pod of this job has been created yet. */
    public boolean neverRan() {
        return world.generation() == 0 && state.pods().next() == 0;
    }

    /** Returns the time since the present world was published, zero before the first. */
    Duration worldAge(Instant now) {
        Instant since = state.progress().since();
        return since == null ? Duration.ZERO : Duration.between(since, now);
    }
}
