package io.swav.api;

import com.fasterxml.jackson.annotation.JsonIgnoreProperties;
import com.fasterxml.jackson.annotation.JsonInclude;
import io.swav.api.EpochSchedule.Change;
import java.util.List;
import org.jspecify.annotations.Nullable;

/**
 * A trainer's report of its own state: the value of key {@code <pod>} in ConfigMap {@code <job>-progress}, applied
 * server-side with the pod's name as field manager.
 *
 * @param state the trainer's state
 * @param address host:port at which it listens for peers; null until it listens
 * @param generation of the world it is in, 0 for none
 * @param step global steps applied
 * @param steps global steps in the whole job
 * @param loss of the last applied step, mean over the global batch, nats
 * @param imagesPerSecond global images per second (images, not crops), over the last reporting interval
 * @param message for people: what failed, or what the trainer waits for
 * @param lostPeer uid of the member whose connection failed in the last attempt; null once a world has formed since
 * @param awaitingPeers whether training waits for other members now: for them to connect, or inside a collective
 * @param stalledSeconds since the last step was finished, or the first world was entered; while it does not wait, since
 *     it returned from its peers, if that is later; null outside a world
 * @param regroup how this trainer entered its present world; null before the first
 * @param checkpoints only of a trainer that writes them or found one that cannot be used
 * @param collective the transport of the collectives of its world: "TCP", "NCCL 2.27.3", or "none" for a single
 *     trainer; null before the first world
 * @param worldProblem why this trainer does not follow the present world document, and trains on in its world; null if it
 *     follows it
 * @param reach which other trainers it reaches; null from a version that does not call them
 * @param notFinite the last step that was NaN or infinite; null if there was none
 * @param fingerprints what this trainer trains with, with its settings while it is outside a world; null until it is
 *     known
 * @param diverged the last time that replicas of the state differed in a world of this trainer; null if they never did
 * @param epochs the epochs of the whole job and the step from which on they are in force; null from a version that
 *     cannot change settings while it runs
 * @param data what it found at data.uri; null in a world, except from rank 0, and from a version that does not report it
 * @param heardAll whether this trainer has just made a step with all members of its generation: they were alive then, and
 *     need not report that themselves
 * @param nextWithin seconds within which the next report of this trainer comes while no other member reports for it; null
 *     for 2
 * @param learning whether the network learns; null before the first step, and from a version that does not report it
 * @param diagnoses what keeps it from learning now; null while that is not known, so that what was said stays
 * @param time ISO-8601 instant of this report
 */
@JsonIgnoreProperties(ignoreUnknown = true)
@JsonInclude(JsonInclude.Include.NON_NULL)
public record TrainerReport(
        String pod,
        String uid,
        State state,
        @Nullable String address,
        long generation,
        long step,
        long steps,
        int epoch,
        @Nullable Double loss,
        @Nullable Double imagesPerSecond,
        @Nullable Double knnTop1,
        long skippedSamples,
        @Nullable String message,
        @Nullable String lostPeer,
        boolean awaitingPeers,
        @Nullable Double stalledSeconds,
        @Nullable Regroup regroup,
        @Nullable Checkpoints checkpoints,
        @Nullable String collective,
        @Nullable String worldProblem,
        @Nullable ReachReport reach,
        @Nullable NotFinite notFinite,
        @Nullable Fingerprints fingerprints,
        @Nullable Divergence diverged,
        @Nullable Change epochs,
        @Nullable DataInventory data,
        boolean heardAll,
        @Nullable Double nextWithin,
        @Nullable LearningFigures learning,
        @Nullable List<Diagnosed> diagnoses,
        String time) {

    /**
     * A diagnosis that holds.
     *
     * @param what its name, a {@link Diagnosis} or one of a later version
     * @param why the figures that show it, and the settings to change, in sentences
     */
    @JsonIgnoreProperties(ignoreUnknown = true)
    public record Diagnosed(String what, String why) {}

    /**
     * The last step that was not finite, in the world in which it was. All its ranks report the same.
     *
     * @param generation of that world
     * @param number of such steps in that world so far
     * @param step global steps applied when it was begun
     * @param resumedFrom step of the checkpoint that training was resumed from; null if it continued without one
     * @param pod whose part of the batch it was found in, or rank 0's if that is unknown
     * @param what what was found and done, in a sentence
     */
    @JsonIgnoreProperties(ignoreUnknown = true)
    @JsonInclude(JsonInclude.Include.NON_NULL)
    public record NotFinite(
            long generation,
            int number,
            long step,
            @Nullable Long resumedFrom,
            String pod,
            String what) {}

    /**
     * What the writer of checkpoints, rank 0, knows about them.
     *
     * @param newest the catalog, newest first, ten at most
     * @param problem why saving fails, or training cannot be resumed, at present; null while both work
     * @param cannotResume whether {@code problem} is that nothing can be resumed
     * @param saveSeconds 95th percentile of the last saves; null before the first
     * @param answered the last request (see {@link ResourceNames#CHECKPOINT_REQUEST_KEY}) whose checkpoint is committed
     */
    @JsonIgnoreProperties(ignoreUnknown = true)
    @JsonInclude(JsonInclude.Include.NON_NULL)
    public record Checkpoints(
            List<SwavJobStatus.CheckpointEntry> newest,
            @Nullable String problem,
            boolean cannotResume,
            @Nullable Double saveSeconds,
            @Nullable String answered) {}

    /**
     * One change of the world, as one of its members saw it.
     *
     * @param generation that was entered
     * @param pauseSeconds from the end of the last step before to the end of the first step after, less a normal step
     *     (the median of the last ones); null for a newcomer and before that first step
     * @param droppedSteps steps started in the world before and dropped, 0 or 1
     * @param keptSteps applied in this generation so far
     * @param keptSeconds spent in them
     */
    @JsonIgnoreProperties(ignoreUnknown = true)
    @JsonInclude(JsonInclude.Include.NON_NULL)
    public record Regroup(
            long generation, @Nullable Double pauseSeconds, long droppedSteps, long keptSteps, double keptSeconds) {}

    /**
     * Replicas of the state that differed although they had the same steps. All members of the world report it.
     *
     * @param step global steps in the state
     * @param pods whose state was replaced
     * @param source pod whose state they received
     * @param why the sentence that says which of them was believed
     * @param number how many times in a row the state of the same pods differed; 1 for the first time
     */
    @JsonIgnoreProperties(ignoreUnknown = true)
    public record Divergence(long step, List<String> pods, String source, String why, int number) {
        /** Divergences are in a row if there are at most so many steps between one and the next. */
        private static final long ROW_STEPS = 10;

        public Divergence {
            pods = pods == null ? List.of() : List.copyOf(pods);
            number = Math.max(1, number); // earlier trainers do not count
        }

        /** Returns the same event, counted after an earlier one; null if there was none. */
        public Divergence after(@Nullable Divergence earlier) {
            int before = earlier != null && earlier.pods.equals(pods) && step - earlier.step <= ROW_STEPS
                    ? earlier.number
                    : 0;
            return new Divergence(step, pods, source, why, before + 1);
        }
    }

    /** A trainer goes from Starting to Ready (it can enter a world) and Training, and ends in Done, Failed or Unfit. */
    public enum State {
        Starting,
        Ready,
        Training,
        /** It received SIGTERM; it still takes part until a world without it is published. */
        Leaving,
        Done,
        Failed,
        /**
         * It ended before it did anything, because its machine computes wrong results; on another machine it may train.
         */
        Unfit;

        /** Whether the trainer ended before the job was complete. */
        public boolean isFailure() {
            return this == Failed || this == Unfit;
        }
    }
}
