package io.swav.learning;

import com.fasterxml.jackson.annotation.JsonIgnoreProperties;
import com.fasterxml.jackson.annotation.JsonInclude;
import org.jspecify.annotations.Nullable;

/**
 * The figures of one step, a line of the history. An unknown figure is null. See {@code LearningFigures} for their meaning.
 *
 * @param step global steps applied, this one included
 * @param loss of this step, nats
 * @param learningRate of this step
 * @param frozen whether prototypes took no gradient
 * @param deadPrototypes of the last complete window of steps, see {@link DeadPrototypes}
 * @param featureRank the last one since the record before
 * @param imagesPerSecond since the record before
 * @param dataWait share of the time since the record before that the recording rank waited for images
 * @param knnTop1 percent, if it was computed since the record before
 * @param world trainers
 * @param time milliseconds since 1970
 */
@JsonIgnoreProperties(ignoreUnknown = true)
@JsonInclude(JsonInclude.Include.NON_NULL)
public record HistoryRecord(
        long step,
        long epoch,
        double loss,
        double learningRate,
        boolean frozen,
        @Nullable Double embeddingSpread,
        @Nullable Double predictionPerplexity,
        @Nullable Double predictionEntropy,
        @Nullable Double deadPrototypes,
        @Nullable Double featureRank,
        @Nullable Double gradientNorm,
        @Nullable Double imagesPerSecond,
        @Nullable Double dataWait,
        @Nullable Double knnTop1,
        int world,
        long time) {

    /** Returns the mutual information of image and prototype, nats; null if it is unknown. */
    public @Nullable Double information() {
        return predictionPerplexity == null || predictionEntropy == null
                ? null
                : Math.max(0, Math.log(predictionPerplexity) - predictionEntropy);
    }
}
