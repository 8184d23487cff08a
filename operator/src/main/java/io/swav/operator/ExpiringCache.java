package io.swav.operator;

import java.time.Duration;
import java.util.LinkedHashMap;
import java.util.Map;
import java.util.function.LongSupplier;
import java.util.function.Supplier;
import org.jspecify.annotations.Nullable;

/** Remembers values for a short time, and only so many: the least recently used one makes room. */
final class ExpiringCache<K, V> {
    private record Entry<V>(V value, long until) {}

    private final long nanos;
    private final LongSupplier clock;
    private final Map<K, Entry<V>> entries;

    /**
     * @param most entries
     * @param life of an entry
     * @param clock in nanoseconds, such as {@link System#nanoTime}
     */
    ExpiringCache(int most, Duration life, LongSupplier clock) {
        this.nanos = life.toNanos();
        this.clock = clock;
        this.entries = new LinkedHashMap<>(16, 0.75f, true) {
            private static final long serialVersionUID = 1;

            @Override
            protected boolean removeEldestEntry(Map.Entry<K, Entry<V>> eldest) {
                return size() > most;
            }
        };
    }

    /**
     * Returns the value that is remembered, or the one that {@code load} finds out. Several threads may find out the same one
     * at once; nothing is remembered if {@code load} throws.
     */
    V get(K key, Supplier<V> load) {
        long now = clock.getAsLong();
        synchronized (entries) {
            @Nullable Entry<V> known = entries.get(key);
            if (known != null && now - known.until() < 0) {
                return known.value();
            }
        }
        V value = load.get();
        synchronized (entries) {
            entries.put(key, new Entry<>(value, now + nanos));
        }
        return value;
    }
}
