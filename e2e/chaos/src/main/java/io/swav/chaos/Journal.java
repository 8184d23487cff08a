package io.swav.chaos;

import com.fasterxml.jackson.annotation.JsonIgnoreProperties;
import com.fasterxml.jackson.databind.DeserializationFeature;
import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.json.JsonMapper;
import io.swav.api.JournalEvent;
import io.swav.api.StageTime;
import io.swav.local.LocalClusterException;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import java.util.stream.Stream;
import org.jspecify.annotations.Nullable;

/** Holds one trainer's own record of its steps and events, in the order in which they happened. */
record Journal(List<Step> steps, List<Event> events) {
    private static final JsonMapper JSON = JsonMapper.builder()
            .enable(DeserializationFeature.READ_UNKNOWN_ENUM_VALUES_USING_DEFAULT_VALUE)
            .build();

    /**
     * A training step that this trainer applied.
     *
     * @param step 0-based
     * @param size number of ranks in the world
     * @param start epoch microseconds
     * @param end epoch microseconds
     * @param loss mean over the global batch, nats
     * @param samples indices of the samples that this rank fed
     */
    @JsonIgnoreProperties(ignoreUnknown = true)
    record Step(long step, long generation, int rank, int size, long start, long end, double loss, List<Long> samples) {
        boolean sameLoss(Step other) {
            return Double.doubleToLongBits(loss) == Double.doubleToLongBits(other.loss);
        }
    }

    /**
     * A change in the trainer's life.
     *
     * @param at epoch microseconds
     * @param step number of steps applied so far; for {@link JournalEvent#DROPPED}, the 0-based step that was in progress
     * @param stages of {@link JournalEvent#REGROUPED}, in their order
     */
    @JsonIgnoreProperties(ignoreUnknown = true)
    record Event(
            JournalEvent event,
            long at,
            long generation,
            long step,
            long pid,
            @Nullable String why,
            Map<String, StageTime> stages) {
        Event {
            stages = stages == null ? Map.of() : new LinkedHashMap<>(stages);
        }

        Event(JournalEvent event, long at, long generation, long step, long pid, @Nullable String why) {
            this(event, at, generation, step, pid, why, Map.of());
        }

        /** Whether a step was dropped, or a world formed, as after a broken connection. */
        boolean isBreak() {
            return event == JournalEvent.DROPPED || event == JournalEvent.FORMED;
        }
    }

    static Journal empty() {
        return new Journal(new ArrayList<>(), new ArrayList<>());
    }

    /** Whether the trainer ended in an orderly way. */
    boolean ended() {
        return has(JournalEvent.LEFT) || has(JournalEvent.DONE);
    }

    boolean has(JournalEvent event) {
        return events.stream().anyMatch(e -> e.event() == event);
    }

    /** Adds a line, which must be a step or an event. */
    void add(String line) {
        try {
            JsonNode node = JSON.readTree(line);
            if (node.has("event")) {
                events.add(JSON.treeToValue(node, Event.class));
            } else {
                steps.add(JSON.treeToValue(node, Step.class));
            }
        } catch (IOException e) {
            throw new LocalClusterException(
                    "a journal contains a line that is neither a step nor an event: " + line, e);
        }
    }

    /**
     * Reads the journal of each pod in {@code folder}. Skips an incomplete last line, whose writer was killed.
     */
    static Map<String, Journal> readAll(Path folder) {
        Map<String, Journal> journals = new TreeMap<>();
        for (Path file : files(folder)) {
            Journal journal = empty();
            String text;
            try {
                text = Files.readString(file);
            } catch (IOException e) {
                throw new LocalClusterException("cannot read " + file, e);
            }
            text.substring(0, text.lastIndexOf('\n') + 1).lines().forEach(journal::add);
            journals.put(pod(file), journal);
        }
        return journals;
    }

    static List<Path> files(Path folder) {
        if (!Files.isDirectory(folder)) {
            return List.of();
        }
        try (Stream<Path> files = Files.list(folder)) {
            return files.filter(file -> file.toString().endsWith(".jsonl")).toList();
        } catch (IOException e) {
            throw new LocalClusterException("cannot read " + folder, e);
        }
    }

    static String pod(Path file) {
        return String.valueOf(file.getFileName()).replaceFirst("\\.jsonl$", "");
    }
}
