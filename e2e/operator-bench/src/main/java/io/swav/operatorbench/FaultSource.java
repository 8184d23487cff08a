package io.swav.operatorbench;

import java.util.EnumMap;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.Optional;
import java.util.Random;
import java.util.TreeMap;

/** Draws faults from a seed. The n-th request of a kind meets the same fault in every run. */
final class FaultSource {
    /** The kinds of requests, which meet different faults. */
    enum RequestKind {
        READ,
        WRITE,
        WATCH;

        private List<Fault> faults() {
            return switch (this) {
                case READ ->
                    List.of(
                            Fault.TOO_MANY_REQUESTS,
                            Fault.SERVER_ERROR,
                            Fault.GATEWAY_TIMEOUT,
                            Fault.RESET,
                            Fault.HANG,
                            Fault.ANSWER_LOST);
                case WRITE ->
                    List.of(
                            Fault.CONFLICT,
                            Fault.TOO_MANY_REQUESTS,
                            Fault.SERVER_ERROR,
                            Fault.GATEWAY_TIMEOUT,
                            Fault.RESET,
                            Fault.HANG,
                            Fault.ANSWER_LOST);
                case WATCH ->
                    List.of(
                            Fault.GONE,
                            Fault.TOO_MANY_REQUESTS,
                            Fault.SERVER_ERROR,
                            Fault.RESET,
                            Fault.CUT,
                            Fault.FROZEN);
            };
        }
    }

    private static final int ALL = 100;

    private final int percent;
    private final Map<RequestKind, Random> random = new EnumMap<>(RequestKind.class);
    private final Map<Fault, Long> drawn = new EnumMap<>(Fault.class);

    /** @param percent of the requests that meet a fault */
    FaultSource(long seed, int percent) {
        this.percent = percent;
        for (RequestKind kind : RequestKind.values()) {
            random.put(kind, new Random(31 * seed + kind.name().hashCode()));
        }
    }

    /** Returns what happens to the next request of this kind. */
    synchronized Optional<Fault> next(RequestKind kind) {
        Random source = Objects.requireNonNull(random.get(kind));
        boolean fails = source.nextInt(ALL) < percent;
        Fault fault = kind.faults().get(source.nextInt(kind.faults().size()));
        if (fails) {
            drawn.merge(fault, 1L, Long::sum);
        }
        return fails ? Optional.of(fault) : Optional.empty();
    }

    /** Counts a fault that was not drawn. */
    synchronized void count(Fault fault) {
        drawn.merge(fault, 1L, Long::sum);
    }

    /** Returns how often each fault occurred. */
    synchronized Map<String, Long> drawn() {
        Map<String, Long> counts = new TreeMap<>();
        drawn.forEach((fault, count) -> counts.put(fault.name(), count));
        return counts;
    }
}
