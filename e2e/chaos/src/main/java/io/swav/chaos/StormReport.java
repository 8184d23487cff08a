package io.swav.chaos;

import com.fasterxml.jackson.annotation.JsonIgnore;
import com.fasterxml.jackson.annotation.JsonInclude;
import io.swav.api.TrainingSpec;
import java.util.List;
import java.util.Map;
import org.jspecify.annotations.Nullable;

/**
 * The report that {@code swav storm --json} writes.
 *
 * @param otherFaults number of faults of the kinds without a field of their own, e.g. {@code flips}; kinds that were not
 *     injected are absent
 * @param incidents number of incidents that the job's status had during the storm, by their kind
 * @param goodput time in steps that were kept, as a fraction of the time from the first step to the last
 * @param pauseSeconds pauses by cause: from the end of the last step before a change of the world to the end of the first
 *     step after it, less the duration of a normal step. A resize covers pods that join or are released, replacements
 *     included. Causes that never occurred are absent
 * @param changeSeconds where the members' changes of the world spent their time, by stage
 * @param samplesNotExactlyOnce samples of an epoch that were fed twice, or never although their step was made
 * @param weightsEqual whether model and optimizer equal the baseline's bit for bit; null without a baseline
 * @param lossEqual whether the loss of every step equals the baseline's bit for bit; null without a baseline
 * @param weightsRelativeL2 norm of the difference of the models' weights over the norm of the baseline's weights; null
 *     without a baseline
 * @param survivorsKeptProcess whether each pod ran a single process and no pod ended without a fault or the operator as
 *     the cause
 * @param stepsWithoutApi steps made while the API server was down; null if it never was
 * @param stepsWithoutOperator steps made while the operator was down; null if it never was
 * @param broken a description of every promise that was not kept
 */
@JsonInclude(JsonInclude.Include.NON_NULL)
record StormReport(
        int stepsLostWithNotice,
        int stepsLostWithoutNotice,
        int kills,
        int notices,
        int resizes,
        int hangs,
        int nodeLosses,
        Map<String, Integer> otherFaults,
        Map<String, Integer> incidents,
        double goodput,
        Map<String, Pause> pauseSeconds,
        Map<String, Stage> changeSeconds,
        int samplesNotExactlyOnce,
        @Nullable Boolean weightsEqual,
        @Nullable Double weightsRelativeL2,
        @Nullable Boolean lossEqual,
        boolean survivorsKeptProcess,
        double wallSeconds,
        @Nullable Long stepsWithoutApi,
        @Nullable Long stepsWithoutOperator,
        TrainingSpec.Reproducibility reproducibility,
        long seed,
        long steps,
        List<String> broken) {

    /** Percentiles in seconds over {@code count} changes of the world. */
    record Pause(
            double p50, double p95, double max, @JsonIgnore int count) {}

    /**
     * Percentiles in seconds of a stage of a change of the world in one trainer.
     *
     * @param processorP50 processor time of the trainer's whole process
     * @param count changes of the world, one for each member, that had this stage
     */
    record Stage(double p50, double p95, double processorP50, double processorP95, int count) {}
}
