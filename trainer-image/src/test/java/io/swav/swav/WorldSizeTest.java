package io.swav.swav;

import static org.assertj.core.api.Assertions.assertThat;

import io.swav.golden.RankProcesses;
import java.nio.file.Path;
import java.time.Duration;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.TreeMap;
import java.util.concurrent.ConcurrentSkipListSet;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** The world size is not in the maths: real processes over sockets, 8 groups dealt to 1, 2, 3 and 5 of them. */
class WorldSizeTest {
    @TempDir
    private Path temp = Path.of(".");

    private Set<String> train(int size, int steps, String mode, int normGroup) throws Exception {
        Set<String> said = new ConcurrentSkipListSet<>();
        assertThat(RankProcesses.run(
                        WorldSizeRank.class,
                        size,
                        Duration.ofMinutes(5),
                        List.of(
                                String.valueOf(steps),
                                mode,
                                String.valueOf(normGroup),
                                weights(size).toString()),
                        (rank, line) -> said.add(line)))
                .isEmpty();
        return said;
    }

    private Path weights(int size) {
        return temp.resolve("weights-" + size);
    }

    @Test
    void bitwiseGivesTheSameBitsAtEveryWorldSize() throws Exception {
        Map<Integer, Set<String>> bySize = new TreeMap<>();
        for (int size : new int[] {1, 2, 3, 5}) {
            bySize.put(size, train(size, 50, "Bitwise", 4));
        }
        Set<String> alone = Set.copyOf(bySize.getOrDefault(1, Set.of()));
        assertThat(alone).hasSize(2); // one digest and one loss
        assertThat(bySize).allSatisfy((size, said) -> assertThat(said).containsExactlyInAnyOrderElementsOf(alone));
    }
}
