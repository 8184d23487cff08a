package io.swav.collective;

import java.util.Collection;
import java.util.Iterator;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.function.Function;
import java.util.function.Predicate;
import java.util.stream.Collectors;

/**
 * The callers that have not yet identified themselves, oldest first, and which of them makes room when there are too
 * many. No newcomer is refused, because it may be a member: the pool and each address have a limit, and an earlier caller
 * goes.
 *
 * <p>A caller that may be a member by what is known of it is spared: it goes only if all others are spared, too. Among the
 * rest, the address with the most callers gives up its oldest.
 *
 * @param <C> a caller
 */
final class UnknownCallers<C> {
    /** Largest number of callers. */
    static final int PLACES = 256;
    /** Largest number from one address: all members of a world of 64 may share one, and call twice at once. */
    static final int PLACES_OF_ADDRESS = 128;

    private final Set<C> callers = new LinkedHashSet<>();
    private final Function<C, ?> addressOf;
    private final Predicate<C> spared;

    /**
     * @param addressOf where a caller calls from
     * @param spared whether a caller is spared now
     */
    UnknownCallers(Function<C, ?> addressOf, Predicate<C> spared) {
        this.addressOf = addressOf;
        this.spared = spared;
    }

    /** Adds a caller, and returns the one that has to make room for it, which is removed. */
    Optional<C> add(C caller) {
        Object address = addressOf.apply(caller);
        List<C> neighbours = callers.stream()
                .filter(other -> addressOf.apply(other).equals(address))
                .toList();
        Optional<C> leaving = Optional.empty();
        if (neighbours.size() >= PLACES_OF_ADDRESS) {
            leaving = leastLikelyMember(neighbours);
        } else if (callers.size() >= PLACES) {
            leaving = leastLikelyMember(callers);
        }
        leaving.ifPresent(callers::remove);
        callers.add(caller);
        return leaving;
    }

    void remove(C caller) {
        callers.remove(caller);
    }

    /** Removes and returns the caller that should make room for others at need; empty if there is none. */
    Optional<C> removeOne() {
        Optional<C> leaving = leastLikelyMember(callers);
        leaving.ifPresent(callers::remove);
        return leaving;
    }

    /** Removes and returns the oldest caller, if it is {@code due}. */
    Optional<C> removeOldest(Predicate<C> due) {
        Iterator<C> oldest = callers.iterator();
        if (!oldest.hasNext()) {
            return Optional.empty();
        }
        C caller = oldest.next();
        if (!due.test(caller)) {
            return Optional.empty();
        }
        oldest.remove();
        return Optional.of(caller);
    }

    boolean isEmpty() {
        return callers.isEmpty();
    }

    private Optional<C> leastLikelyMember(Collection<C> among) {
        List<C> strangers = among.stream().filter(spared.negate()).toList();
        Collection<C> candidates = strangers.isEmpty() ? among : strangers;
        Map<Object, Long> places = candidates.stream().collect(Collectors.groupingBy(addressOf, Collectors.counting()));
        long most = places.values().stream().mapToLong(Long::longValue).max().orElse(0);
        return candidates.stream()
                .filter(caller -> places.getOrDefault(addressOf.apply(caller), 0L) == most)
                .findFirst();
    }
}
