package io.swav.chaos;

import com.fasterxml.jackson.annotation.JsonIgnore;
import com.fasterxml.jackson.annotation.JsonInclude;
import java.util.List;
import java.util.Map;
import org.jspecify.annotations.Nullable;

/**
 * What {@code swav storm --json} writes.
 *
 * @param goodput seconds in steps that were kept, as a share of the seconds from the first step to the last
 * @param pauseSeconds by what caused them: from the end of the last step before to the end of the first step after,
 *     less a normal step. A resize is pods that join or are released, replacements as well. Of what never happened
 *     there is nothing
 * @param samplesNotExactlyOnce samples of an epoch that were fed twice, or never though their step was made
 * @param weightsEqual model and optimizer, bit for bit, against the quiet run; null without one
 * @param lossEqual of every step, bit for bit, against the quiet run; null without one
 * @param weightsRelativeL2 norm of the difference of the models' weights over the norm of the quiet one's
 * @param survivorsKeptProcess each pod was one process, and none ended that the storm or the operator did not end
 * @param stepsWithoutApi made while the API server was away; null when it never was
 * @param broken every promise that was not kept, in words
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
        double goodput,
        Map<String, Pause> pauseSeconds,
        int samplesNotExactlyOnce,
        @Nullable Boolean weightsEqual,
        @Nullable Double weightsRelativeL2,
        @Nullable Boolean lossEqual,
        boolean survivorsKeptProcess,
        double wallSeconds,
        @Nullable Long stepsWithoutApi,
        @Nullable Long stepsWithoutOperator,
        String reproducibility,
        long seed,
        long steps,
        List<String> broken) {

    /** Seconds; {@code count} is over how many changes of the world. */
    record Pause(
            double p50, double p95, double max, @JsonIgnore int count) {}
}
