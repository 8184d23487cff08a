package io.swav.trainer;

import static org.assertj.core.api.Assertions.assertThat;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import io.swav.collective.GroupRange;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Set;
import java.util.TreeSet;
import java.util.stream.IntStream;
import java.util.stream.Stream;

/** Reads the trainers' journals and checks them against what was promised. */
final class Journals {
    private static final ObjectMapper JSON = new ObjectMapper();

    private Journals() {}

    /**
     * Checks that every step was applied, and that every rank that applied it fed its share of the batch, which with
     * the other ranks' shares is the whole. (A rank killed right after its part of a step's collectives leaves no line
     * of its own.)
     */
    static void everyStepIsWhole(Path folder, int steps, int groups) throws IOException {
        Set<Long> applied = new TreeSet<>();
        for (JsonNode line : steps(folder)) {
            long step = line.get("step").asLong();
            GroupRange own = GroupRange.of(
                    groups, line.get("rank").asInt(), line.get("size").asInt());
            List<Integer> share = IntStream.range(own.from(), own.to())
                    .mapToObj(group -> (int) (step % 10 * 100) + group)
                    .toList();
            List<Integer> fed = new ArrayList<>();
            line.get("samples").forEach(sample -> fed.add(sample.asInt()));
            assertThat(fed).as("%s", line).isEqualTo(share);
            applied.add(step);
        }
        assertThat(applied).hasSize(steps).allMatch(step -> step >= 0 && step < steps);
    }

    /** Returns the names of one pod's events, in order, without the durations of changes. */
    static List<String> events(Path folder, String pod) throws IOException {
        return lines(folder.resolve(pod + ".jsonl")).stream()
                .filter(line -> line.has("event"))
                .map(line -> line.get("event").asText())
                .filter(event -> !event.equals("regrouped"))
                .toList();
    }

    static List<JsonNode> steps(Path folder) throws IOException {
        List<JsonNode> all = new ArrayList<>();
        try (Stream<Path> files = Files.list(folder)) {
            for (Path file : files.toList()) {
                lines(file).stream().filter(line -> !line.has("event")).forEach(all::add);
            }
        }
        return all;
    }

    /** Parses the lines of a journal, whose last line may be cut off by a kill. */
    private static List<JsonNode> lines(Path file) throws IOException {
        String text = Files.readString(file);
        List<JsonNode> lines = new ArrayList<>();
        for (String line : text.substring(0, text.lastIndexOf('\n') + 1).lines().toList()) {
            lines.add(JSON.readTree(line));
        }
        return lines;
    }
}
