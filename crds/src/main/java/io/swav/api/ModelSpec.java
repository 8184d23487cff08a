package io.swav.api;

import com.fasterxml.jackson.annotation.JsonIgnoreProperties;
import com.fasterxml.jackson.annotation.JsonInclude;
import com.fasterxml.jackson.annotation.JsonPropertyDescription;
import io.fabric8.crd.generator.annotation.SchemaFrom;
import io.fabric8.generator.annotation.Default;
import io.fabric8.generator.annotation.Max;
import io.fabric8.generator.annotation.Min;

/** The network. */
@JsonIgnoreProperties(ignoreUnknown = true)
@JsonInclude(JsonInclude.Include.NON_NULL)
public record ModelSpec(
        @JsonPropertyDescription("Backbone: resnet50 (default, the paper's), resnet18, or tiny, a small residual"
                + " network for laptops and tests.")
        @Default("resnet50")
        @SchemaFrom(type = Architecture.class)
        String architecture,

        @JsonPropertyDescription("First layers: imagenet (default: 7x7 convolution of stride 2 and max-pool) or"
                + " small (3x3 convolution of stride 1, no pool) for images of about 32 pixels.")
        @Default("imagenet")
        @SchemaFrom(type = Stem.class)
        String stem,

        @JsonPropertyDescription("Prototypes K, 3000 by default. Fewer train more easily on small data sets;"
                + " ln K is the loss of a network that distinguishes nothing.")
        @Default("3000")
        @Min(2)
        @Max(1_000_000)
        Integer prototypes,

        @JsonPropertyDescription(
                "Length of the normalized feature that is compared with the prototypes, 128 by default.")
        @Default("128")
        @Min(1)
        @Max(65_536)
        Integer featureDim,

        @JsonPropertyDescription("Width of the projection head's hidden layer, 2048 by default.")
        @Default("2048")
        @Min(1)
        @Max(65_536)
        Integer hiddenDim) {
    /** The schema's values of {@link ModelSpec#architecture}. */
    enum Architecture {
        resnet50,
        resnet18,
        tiny
    }

    /** The schema's values of {@link ModelSpec#stem}. */
    enum Stem {
        imagenet,
        small
    }
}
