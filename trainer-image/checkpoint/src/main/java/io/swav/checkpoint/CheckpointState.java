package io.swav.checkpoint;

import com.fasterxml.jackson.annotation.JsonIgnoreProperties;
import com.fasterxml.jackson.annotation.JsonInclude;
import com.fasterxml.jackson.core.JsonProcessingException;
import com.fasterxml.jackson.databind.ObjectMapper;
import io.swav.api.DataLedger;
import io.swav.api.EpochSchedule;
import io.swav.api.Fingerprints;
import io.swav.api.Shown;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Optional;
import java.util.stream.LongStream;
import java.util.stream.Stream;
import org.jspecify.annotations.Nullable;

/**
 * The contents of a checkpoint's state.json. The random streams need no entry: they are functions of seed and step.
 *
 * @param step global steps applied
 * @param samples global samples seen
 * @param configDigest of the configuration that decides the weights; another one's checkpoint is not resumed
 * @param worldSize number of ranks when it was saved; any number of ranks may resume it
 * @param job uid of the SwavJob, empty outside a cluster: generations of two jobs cannot be compared
 * @param generation of the world that wrote it
 * @param time ISO-8601
 * @param request the newest checkpoint request that this checkpoint or an earlier one answers, empty for none
 * @param fingerprints what it was trained with; null if an earlier version saved it
 * @param epochs of the job, with the steps from which on they were in force; null if they were never raised
 * @param data which epoch saw which set of images; null if the data does not grow
 */
@JsonIgnoreProperties(ignoreUnknown = true)
public record CheckpointState(
        long step,
        long samples,
        long seed,
        String configDigest,
        int worldSize,
        @JsonInclude(JsonInclude.Include.NON_EMPTY) String job,
        long generation,
        String time,
        @JsonInclude(JsonInclude.Include.NON_EMPTY) String request,
        @JsonInclude(JsonInclude.Include.NON_NULL) @Nullable Fingerprints fingerprints,
        @JsonInclude(JsonInclude.Include.NON_NULL) @Nullable EpochSchedule epochs,
        @JsonInclude(JsonInclude.Include.NON_NULL) @Nullable DataLedger data) {
    public CheckpointState(
            long step,
            long samples,
            long seed,
            @Nullable String configDigest,
            int worldSize,
            @Nullable String job,
            long generation,
            @Nullable String time,
            @Nullable String request,
            @Nullable Fingerprints fingerprints,
            @Nullable EpochSchedule epochs,
            @Nullable DataLedger data) {
        this.step = step;
        this.samples = samples;
        this.seed = seed;
        this.configDigest = configDigest == null ? "" : configDigest;
        this.worldSize = worldSize;
        this.job = job == null ? "" : job;
        this.generation = generation;
        this.time = time == null ? "" : time;
        this.request = request == null ? "" : request;
        this.fingerprints = fingerprints;
        this.epochs = epochs;
        this.data = data;
    }

    /** Creates the state of a job whose epochs were never raised. */
    public CheckpointState(
            long step,
            long samples,
            long seed,
            @Nullable String configDigest,
            int worldSize,
            @Nullable String job,
            long generation,
            @Nullable String time,
            @Nullable String request,
            @Nullable Fingerprints fingerprints) {
        this(step, samples, seed, configDigest, worldSize, job, generation, time, request, fingerprints, null, null);
    }

    public CheckpointState(
            long step,
            long samples,
            long seed,
            String configDigest,
            int worldSize,
            String job,
            long generation,
            String time) {
        this(step, samples, seed, configDigest, worldSize, job, generation, time, "", null);
    }

    /** Reads the state of the checkpoint in a folder; empty if there is none that a trainer can have written. */
    public static Optional<CheckpointState> read(Path folder) throws IOException {
        Path file = folder.resolve(CheckpointFiles.STATE);
        if (!Files.isRegularFile(file) || Files.size(file) > MAX_BYTES) {
            return Optional.empty();
        }
        try {
            return Optional.ofNullable(new ObjectMapper().readValue(file.toFile(), CheckpointState.class))
                    .filter(CheckpointState::isPlausible);
        } catch (JsonProcessingException e) {
            return Optional.empty();
        }
    }

    /** Returns what it was trained with; {@link Fingerprints#NONE} if it does not state that. */
    public Fingerprints trainedWith() {
        return fingerprints == null ? Fingerprints.NONE : fingerprints;
    }

    /** More than any training reaches: a generation a millisecond for 30,000 years, and sums of these fit a long. */
    private static final long MAX_COUNT = 1_000_000_000_000_000L;
    /** More bytes than any state has. */
    private static final int MAX_BYTES = 1 << 20;
    /** More characters than any text here has. */
    private static final int MAX_TEXT = 1024;

    /**
     * Returns whether a trainer can have written these values. Others would be computed with, and stand in logs, messages
     * and the status.
     */
    boolean isPlausible() {
        Fingerprints with = trainedWith();
        return LongStream.of(step, samples, generation, worldSize, with.samples())
                        .allMatch(count -> count >= 0 && count <= MAX_COUNT)
                && with.settings().size() <= MAX_TEXT
                && (epochs == null || epochs.changes().stream().allMatch(CheckpointState::isPlausible))
                && (data == null
                        || LongStream.of(data.through(), data.newest().samples())
                                .allMatch(count -> count <= MAX_COUNT))
                && Stream.of(
                                Stream.of(configDigest, job, time, request),
                                Stream.of(with.config(), with.data(), with.build(), with.numerics(), with.firstStep()),
                                with.settings().keySet().stream(),
                                with.settings().values().stream())
                        .flatMap(texts -> texts)
                        .allMatch(text -> text != null && text.length() <= MAX_TEXT && Shown.isPlain(text));
    }

    private static boolean isPlausible(EpochSchedule.Change change) {
        Long from = change.step();
        return from != null && from <= MAX_COUNT;
    }

    /** Returns the same state, which also answers this request. */
    public CheckpointState answering(String what) {
        return new CheckpointState(
                step, samples, seed, configDigest, worldSize, job, generation, time, what, fingerprints, epochs, data);
    }
}
