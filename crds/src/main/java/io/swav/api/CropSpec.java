package io.swav.api;

import com.fasterxml.jackson.annotation.JsonIgnoreProperties;
import com.fasterxml.jackson.annotation.JsonInclude;
import com.fasterxml.jackson.annotation.JsonPropertyDescription;
import io.fabric8.generator.annotation.Max;
import io.fabric8.generator.annotation.Min;
import io.fabric8.generator.annotation.Required;
import io.fabric8.generator.annotation.ValidationRule;

/** One resolution: {@code count} square crops of {@code size} pixels, area fraction in [minScale, maxScale]. */
@JsonIgnoreProperties(ignoreUnknown = true)
@JsonInclude(JsonInclude.Include.NON_NULL)
@ValidationRule(value = "self.minScale < self.maxScale", message = SpecValidator.SCALES, fieldPath = ".minScale")
public record CropSpec(
        @JsonPropertyDescription("Crops of this resolution per image.") @Required @Min(1) @Max(64)
        Integer count,

        @JsonPropertyDescription("Side of the square crop, pixels.") @Required @Min(8) @Max(1024)
        Integer size,

        @JsonPropertyDescription("Smallest share of the image's area, above 0.")
        @Required
        @Min(value = 0, inclusive = false)
        @Max(1)
        Double minScale,

        @JsonPropertyDescription("Largest share of the image's area, above minScale and at most 1.")
        @Required
        @Min(value = 0, inclusive = false)
        @Max(1)
        Double maxScale) {}
