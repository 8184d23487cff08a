package io.swav.operator;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.time.Duration;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.concurrent.atomic.AtomicLong;
import org.junit.jupiter.api.Test;

class ExpiringCacheTest {
    private final AtomicLong now = new AtomicLong(Long.MAX_VALUE - 5_000_000_000L); // nanoTime may overflow
    private final AtomicInteger loads = new AtomicInteger();
    private final ExpiringCache<String, Integer> cache = new ExpiringCache<>(2, Duration.ofSeconds(10), now::get);

    @Test
    void asksAgainWhenAnAnswerIsOld() {
        assertThat(get("a")).isEqualTo(1);
        now.addAndGet(9_999_999_999L);
        assertThat(get("a")).isEqualTo(1);
        now.addAndGet(1);
        assertThat(get("a")).isEqualTo(2);
    }

    @Test
    void theLeastRecentlyUsedEntryMakesRoom() {
        get("a");
        get("b");
        get("a");
        get("c");
        assertThat(get("a")).isEqualTo(1);
        assertThat(get("b")).isEqualTo(4);
    }

    @Test
    void remembersNoFailure() {
        assertThatThrownBy(() -> cache.get("a", () -> {
                    throw new IllegalStateException("no answer");
                }))
                .hasMessage("no answer");
        assertThat(get("a")).isEqualTo(1);
    }

    private int get(String key) {
        return cache.get(key, loads::incrementAndGet);
    }
}
