package io.swav.api;

import com.fasterxml.jackson.annotation.JsonIgnoreProperties;
import com.fasterxml.jackson.core.JsonProcessingException;
import com.fasterxml.jackson.databind.json.JsonMapper;
import java.util.Objects;
import java.util.Optional;
import org.jspecify.annotations.Nullable;

/**
 * The value of key {@link ResourceNames#REPORT_RULES_KEY}: what trainers may leave out of their reports. An operator that
 * writes it takes one member's report ({@link TrainerReport#heardAll}) as a sign of life of all members of its world, and
 * waits for {@link TrainerReport#nextWithin} before it calls a trainer silent. Trainers report every two seconds, and
 * everything, if it is absent or cannot be read.
 *
 * @param config digest of the job's settings ({@link TrainingSettings}): a trainer that has the same leaves its settings out
 */
@JsonIgnoreProperties(ignoreUnknown = true)
public record ReportRules(String config) {
    private static final JsonMapper JSON = JsonMapper.builder().build();

    public ReportRules {
        config = Objects.requireNonNullElse(config, "");
    }

    public String write() {
        try {
            return JSON.writeValueAsString(this);
        } catch (JsonProcessingException e) {
            throw new IllegalStateException(toString(), e);
        }
    }

    /** Reads rules of any content; empty if there are none. */
    public static Optional<ReportRules> read(@Nullable String text) {
        if (text == null || text.isBlank()) {
            return Optional.empty();
        }
        try {
            @Nullable ReportRules rules = JSON.readValue(text, ReportRules.class);
            return Optional.ofNullable(rules);
        } catch (JsonProcessingException e) {
            return Optional.empty();
        }
    }
}
