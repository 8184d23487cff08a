package io.swav.api;

import com.fasterxml.jackson.annotation.JsonIgnoreProperties;
import com.fasterxml.jackson.annotation.JsonInclude;
import com.fasterxml.jackson.annotation.JsonPropertyDescription;
import org.jspecify.annotations.Nullable;

/** What a trainer found at {@code data.uri}, in a few numbers. */
@JsonIgnoreProperties(ignoreUnknown = true)
@JsonInclude(JsonInclude.Include.NON_NULL)
public record DataInventory(
        @JsonPropertyDescription("Images that are trained on.") @Nullable
        Long images,

        @JsonPropertyDescription("How many of them have a label; training uses none.") @Nullable
        Long labelled,

        @JsonPropertyDescription("Classes of the labels.") @Nullable
        Integer classes,

        @JsonPropertyDescription("Files and entries that lie there but are not used.") @Nullable
        Long ignored,

        @JsonPropertyDescription(
                "The main reasons for that, each with a count and a name. `swav data stat URI` shows all.")
        @Nullable
        String ignoredReasons) {}
