package io.swav.checkpoint;

import com.fasterxml.jackson.annotation.JsonIgnoreProperties;
import com.fasterxml.jackson.annotation.JsonInclude;
import com.fasterxml.jackson.core.JsonProcessingException;
import com.fasterxml.jackson.databind.ObjectMapper;
import io.swav.api.Shown;
import java.io.IOException;
import java.time.Instant;
import java.time.temporal.ChronoUnit;
import java.util.Optional;
import org.jspecify.annotations.Nullable;

/**
 * Represents the contents of {@code owner-N/OWNER.json}: which training a store belongs to.
 *
 * @param training {@link Training#id}
 * @param name {@link Training#name}
 * @param beat counts the owner's signs of life
 * @param released whether the owner has ended, and needs the store no more
 * @param time of the last sign of life, ISO-8601, for people: clocks differ
 */
@JsonIgnoreProperties(ignoreUnknown = true)
@JsonInclude(JsonInclude.Include.NON_NULL)
record OwnerFile(
        String training,
        String name,
        long beat,
        boolean released,
        String time,
        @Nullable LocalProcess process) {
    static final String NAME = "OWNER.json";
    private static final ObjectMapper JSON = new ObjectMapper();

    OwnerFile(
            @Nullable String training,
            @Nullable String name,
            long beat,
            boolean released,
            @Nullable String time,
            @Nullable LocalProcess process) {
        this.training = training == null ? "" : training;
        this.name = name == null ? "" : name;
        this.beat = beat;
        this.released = released;
        this.time = time == null ? "" : time;
        this.process = process;
    }

    static OwnerFile of(Training training, long beat, boolean released) {
        return new OwnerFile(
                training.id(),
                training.name(),
                beat,
                released,
                Instant.now().truncatedTo(ChronoUnit.SECONDS).toString(),
                training.process().orElse(null));
    }

    byte[] toJson() {
        try {
            return JSON.writerWithDefaultPrettyPrinter().writeValueAsBytes(this);
        } catch (JsonProcessingException e) {
            throw new IllegalStateException("a record of strings and numbers is JSON", e);
        }
    }

    /** Parses the file; empty if no trainer of this version wrote it. */
    static Optional<OwnerFile> parse(byte[] json) {
        try {
            return Optional.ofNullable(JSON.readValue(json, OwnerFile.class)).filter(file -> !file.training.isEmpty());
        } catch (IOException e) {
            return Optional.empty();
        }
    }

    boolean isOf(Training other) {
        return training.equals(other.id());
    }

    /** Returns whether its process has certainly ended. */
    boolean isDead() {
        return runs().filter(alive -> !alive).isPresent();
    }

    /** Returns whether its process certainly runs. */
    boolean isAlive() {
        return runs().filter(alive -> alive).isPresent();
    }

    private Optional<Boolean> runs() {
        return Optional.ofNullable(process).flatMap(LocalProcess::runs);
    }

    /** Returns the owner in words. */
    String describe() {
        return Shown.of(name) + " (" + Shown.of(training) + ")";
    }
}
