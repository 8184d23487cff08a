package io.swav.data;

import java.util.ArrayList;
import java.util.List;
import java.util.SortedMap;
import java.util.TreeMap;

/** Counts what is not part of a data set, by reason, and remembers the first names. */
final class IgnoredCounts {
    private static final int NAMED = 5;

    private final SortedMap<String, Long> counts = new TreeMap<>();
    private final SortedMap<String, List<String>> names = new TreeMap<>();

    void add(String reason, String name) {
        add(reason, 1, List.of(name));
    }

    private void add(String reason, long count, List<String> first) {
        counts.merge(reason, count, Long::sum);
        List<String> named = names.computeIfAbsent(reason, r -> new ArrayList<>());
        first.stream().limit(NAMED - (long) named.size()).forEach(named::add);
    }

    /** @param prefix of the names, for example that of the shard that they are in */
    void addAll(IgnoredCounts other, String prefix) {
        other.counts.forEach((reason, count) -> add(
                reason,
                count,
                other.names.getOrDefault(reason, List.of()).stream()
                        .map(name -> prefix + name)
                        .toList()));
    }

    /** Adds what an earlier count found. */
    void addAll(Inventory.Ignored earlier) {
        add(earlier.reason(), earlier.count(), earlier.first());
    }

    /** Returns the counts, the largest first. */
    List<Inventory.Ignored> toList() {
        return counts.entrySet().stream()
                .sorted((a, b) -> Long.compare(b.getValue(), a.getValue()))
                .map(entry -> new Inventory.Ignored(
                        entry.getKey(), entry.getValue(), List.copyOf(names.getOrDefault(entry.getKey(), List.of()))))
                .toList();
    }
}
