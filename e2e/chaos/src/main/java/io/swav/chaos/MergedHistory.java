package io.swav.chaos;

import java.util.ArrayList;
import java.util.HashSet;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.NavigableMap;
import java.util.Optional;
import java.util.Set;
import java.util.TreeMap;
import java.util.TreeSet;

/**
 * The steps that are part of the final model, merged from all journals. If a step was made more than once, in worlds of
 * several generations, the one of the newest generation counts, because the state of the older world was discarded.
 */
final class MergedHistory {
    /** A step made in one generation, as its pods recorded it. */
    static final class Made {
        final long generation;
        final int size;
        final Map<String, Journal.Step> byPod = new TreeMap<>();

        private Made(long generation, int size) {
            this.generation = generation;
            this.size = size;
        }

        /** Epoch microseconds at which the first rank began. */
        long start() {
            return byPod.values().stream().mapToLong(Journal.Step::start).min().orElseThrow();
        }

        /** Epoch microseconds at which the last rank had applied it. */
        long end() {
            return byPod.values().stream().mapToLong(Journal.Step::end).max().orElseThrow();
        }

        /** The record of any one rank, if the losses of all ranks that recorded the step are equal bit for bit. */
        Optional<Journal.Step> agreed() {
            Journal.Step one = byPod.values().iterator().next();
            return byPod.values().stream().allMatch(one::sameLoss) ? Optional.of(one) : Optional.empty();
        }
    }

    /**
     * A step of one generation that is not part of the final model.
     *
     * @param at when it was dropped or last applied, epoch microseconds
     */
    record Lost(long generation, long step, long at) {}

    private final NavigableMap<Long, Made> kept = new TreeMap<>();
    private final List<Lost> lost = new ArrayList<>();
    private final NavigableMap<Long, Set<String>> members = new TreeMap<>();
    private final NavigableMap<Long, Long> formed = new TreeMap<>();

    static MergedHistory of(Map<String, Journal> journals) {
        MergedHistory history = new MergedHistory();
        NavigableMap<Long, NavigableMap<Long, Made>> all = new TreeMap<>();
        journals.forEach((pod, journal) -> {
            for (Journal.Step step : journal.steps()) {
                all.computeIfAbsent(step.step(), s -> new TreeMap<>())
                        .computeIfAbsent(step.generation(), g -> new Made(g, step.size()))
                        .byPod
                        .put(pod, step);
                history.member(step.generation(), pod);
            }
            for (Journal.Event event : journal.events()) {
                if (event.event().equals("formed")) {
                    history.member(event.generation(), pod);
                    history.formed.merge(event.generation(), event.at(), Math::min);
                }
            }
        });
        all.forEach((step, generations) ->
                history.kept.put(step, generations.lastEntry().getValue()));
        history.findLost(journals, all);
        return history;
    }

    private void member(long generation, String pod) {
        members.computeIfAbsent(generation, g -> new TreeSet<>()).add(pod);
    }

    /** Finds the steps that were begun and dropped, or applied by some ranks and then made again by others. */
    private void findLost(Map<String, Journal> journals, NavigableMap<Long, NavigableMap<Long, Made>> all) {
        Map<List<Long>, Long> times = new LinkedHashMap<>(); // of (generation, step)
        for (Journal journal : journals.values()) {
            for (Journal.Event event : journal.events()) {
                boolean madeAllTheSame =
                        kept.containsKey(event.step()) && kept.get(event.step()).generation == event.generation();
                if (event.event().equals("dropped") && !madeAllTheSame) {
                    times.merge(List.of(event.generation(), event.step()), event.at(), Math::min);
                }
            }
        }
        all.forEach((step, generations) -> generations
                .headMap(generations.lastKey(), false)
                .forEach((generation, made) -> times.merge(List.of(generation, step), made.end(), Math::min)));
        times.forEach((key, at) -> lost.add(new Lost(key.get(0), key.get(1), at)));
    }

    /** The steps of the final model by their 0-based number. */
    NavigableMap<Long, Made> kept() {
        return kept;
    }

    List<Lost> lost() {
        return lost;
    }

    /**
     * When the first member recorded that the world of this generation formed, epoch microseconds; {@code
     * Long.MAX_VALUE} if none did.
     */
    long formed(long generation) {
        return formed.getOrDefault(generation, Long.MAX_VALUE);
    }

    /** Every pod that was a member of a world of generation {@code from} to {@code to}, both inclusive. */
    Set<String> members(long from, long to) {
        Set<String> pods = new HashSet<>();
        members.subMap(from, true, to, true).values().forEach(pods::addAll);
        return pods;
    }
}
