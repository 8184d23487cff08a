package io.swav.train;

import static org.assertj.core.api.Assertions.assertThat;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import java.util.stream.Stream;

/** Reads what trainers wrote of themselves and holds it against what was promised. */
final class Journals {
    private static final ObjectMapper JSON = new ObjectMapper();

    private Journals() {}

    /** Every step fed every sample of its batch once; a step that was done again counts as its last generation did it. */
    static void everyStepIsWhole(Path folder, int steps, int groups) throws IOException {
        Map<Long, Long> lastGeneration = new TreeMap<>();
        for (JsonNode line : steps(folder)) {
            lastGeneration.merge(
                    line.get("step").asLong(), line.get("generation").asLong(), Math::max);
        }
        Map<Long, List<Integer>> fed = new TreeMap<>();
        for (JsonNode line : steps(folder)) {
            long step = line.get("step").asLong();
            if (line.get("generation").asLong() == lastGeneration.getOrDefault(step, -1L)) {
                line.get("samples")
                        .forEach(sample -> fed.computeIfAbsent(step, key -> new ArrayList<>())
                                .add(sample.asInt()));
            }
        }
        assertThat(fed).hasSize(steps);
        fed.forEach((step, samples) -> {
            List<Integer> batch = Stream.iterate(0, group -> group + 1)
                    .limit(groups)
                    .map(group -> (int) (step % 10 * 100) + group)
                    .toList();
            assertThat(samples).as("samples of step %d", step).containsExactlyInAnyOrderElementsOf(batch);
        });
    }

    /** Of one pod: the names of its events, in order. */
    static List<String> events(Path folder, String pod) throws IOException {
        return lines(folder.resolve(pod + ".jsonl")).stream()
                .filter(line -> line.has("event"))
                .map(line -> line.get("event").asText())
                .toList();
    }

    private static List<JsonNode> steps(Path folder) throws IOException {
        List<JsonNode> all = new ArrayList<>();
        try (Stream<Path> files = Files.list(folder)) {
            for (Path file : files.toList()) {
                lines(file).stream().filter(line -> !line.has("event")).forEach(all::add);
            }
        }
        return all;
    }

    /** The last line may be cut off by a kill. */
    private static List<JsonNode> lines(Path file) throws IOException {
        String text = Files.readString(file);
        List<JsonNode> lines = new ArrayList<>();
        for (String line : text.substring(0, text.lastIndexOf('\n') + 1).lines().toList()) {
            lines.add(JSON.readTree(line));
        }
        return lines;
    }
}
