package io.swav.api;

import com.fasterxml.jackson.annotation.JsonIgnoreProperties;
import com.fasterxml.jackson.annotation.JsonInclude;
import com.fasterxml.jackson.annotation.JsonPropertyDescription;
import org.jspecify.annotations.Nullable;

/** Figures that tell whether a network learns; an unknown one is absent. All but the last two do not depend on the world. */
@JsonIgnoreProperties(ignoreUnknown = true)
@JsonInclude(JsonInclude.Include.NON_NULL)
public record LearningFigures(
        @JsonPropertyDescription("ln K, nats: the loss of a network that tells no images apart.") @Nullable
        Double lossOfChance,

        @JsonPropertyDescription(
                "Standard deviation of an embedding's dimensions times the root of their number: about 1"
                        + " if embeddings are spread, 0 if all are equal.")
        @Nullable
        Double embeddingSpread,

        @JsonPropertyDescription("exp of the entropy of the mean prediction over the global batch, from 1 to K.")
        @Nullable
        Double predictionPerplexity,

        @JsonPropertyDescription("Mean entropy of a prediction, nats, from 0 to ln K.") @Nullable
        Double predictionEntropy,

        @JsonPropertyDescription("Mutual information of image and prototype, nats: ln predictionPerplexity -"
                + " predictionEntropy; 0 if all images get the same prediction.")
        @Nullable
        Double information,

        @JsonPropertyDescription(
                "Share of prototypes that were no image's best in the last steps, which have ten crops for"
                        + " each prototype.")
        @Nullable
        Double deadPrototypes,

        @JsonPropertyDescription("Euclidean norm of the gradients of all parameters that the step changes.") @Nullable
        Double gradientNorm,

        @JsonPropertyDescription(
                "RankMe of the backbone's features of up to 128 crops of the first group, every 50 steps;"
                        + " 1 if all are alike.")
        @Nullable
        Double featureRank,

        @JsonPropertyDescription("Share of the time that rank 0 waits for images.") @Nullable
        Double dataWait) {}
