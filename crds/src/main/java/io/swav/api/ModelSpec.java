package io.swav.api;

import com.fasterxml.jackson.annotation.JsonIgnoreProperties;
import com.fasterxml.jackson.annotation.JsonInclude;
import com.fasterxml.jackson.annotation.JsonPropertyDescription;
import io.fabric8.crd.generator.annotation.SchemaFrom;
import io.fabric8.generator.annotation.Max;
import io.fabric8.generator.annotation.Min;
import org.jspecify.annotations.Nullable;

/** The network. */
@JsonIgnoreProperties(ignoreUnknown = true)
@JsonInclude(JsonInclude.Include.NON_NULL)
public record ModelSpec(
        @JsonPropertyDescription("Backbone: resnet50 (default, the paper's); resnet50w2, w4 and w5, the paper's wide"
                + " networks, whose layers all have 2, 4 and 5 times the channels; resnet101, resnet34, resnet18; or"
                + " tiny, a small residual network for laptops and tests.")
        @SchemaFrom(type = Architecture.class)
        String architecture,

        @JsonPropertyDescription("First layers: imagenet (default: 7x7 convolution of stride 2 and max-pool) or"
                + " small (3x3 convolution of stride 1, no pool) for images of about 32 pixels.")
        @SchemaFrom(type = Stem.class)
        String stem,

        @JsonPropertyDescription("Prototypes K, 3000 by default. Fewer train more easily on small data sets;"
                + " ln K is the loss of a network that distinguishes nothing.")
        @Min(2)
        @Max(1_000_000)
        Integer prototypes,

        @JsonPropertyDescription(
                "Length of the normalized feature that is compared with the prototypes, 128 by default.")
        @Min(1)
        @Max(65_536)
        Integer featureDim,

        @JsonPropertyDescription("Width of the projection head's hidden layer, 2048 by default; 0 for a head of a"
                + " single linear layer.")
        @Min(0)
        @Max(65_536)
        Integer hiddenDim,

        @JsonPropertyDescription("Channels of the backbone's stem, to which all its layers are proportional; unset:"
                + " the architecture's own, 64, or 16 of tiny. For small budgets: resnet18 of width 32.")
        @Min(1)
        @Max(1024)
        @Nullable
        Integer width,

        @JsonPropertyDescription("Whether batch norm follows the head's hidden layer; unset: yes. VISSL's w5 has none.")
        @Nullable
        Boolean headNorm) {
    /**
     * Returns what a manifest sets over what its recipe sets. A head with batch norm is what unset means, also in the digest
     * of a configuration, unless the recipe is for one without.
     */
    static ModelSpec over(@Nullable ModelSpec own, ModelSpec recipe) {
        if (own == null) {
            return recipe;
        }
        Boolean norm = own.headNorm;
        return new ModelSpec(
                Recipe.either(own.architecture, recipe.architecture),
                Recipe.either(own.stem, recipe.stem),
                Recipe.either(own.prototypes, recipe.prototypes),
                Recipe.either(own.featureDim, recipe.featureDim),
                Recipe.either(own.hiddenDim, recipe.hiddenDim),
                own.width == null ? recipe.width : own.width,
                (norm == null || (norm && recipe.headNorm == null)) ? recipe.headNorm : norm);
    }

    /** The schema's values of {@link ModelSpec#architecture}. */
    enum Architecture {
        resnet50,
        resnet50w2,
        resnet50w4,
        resnet50w5,
        resnet101,
        resnet34,
        resnet18,
        tiny
    }

    /** The schema's values of {@link ModelSpec#stem}. */
    enum Stem {
        imagenet,
        small
    }
}
