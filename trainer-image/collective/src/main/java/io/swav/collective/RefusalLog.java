package io.swav.collective;

import java.time.Duration;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.function.Consumer;

/** Logs refused connections: one line for each source and minute, with a count. Bounded, however many sources there are. */
final class RefusalLog {
    private static final long WINDOW_NANOS = Duration.ofMinutes(1).toNanos();
    private static final int MAX_SOURCES = 256;
    private static final String OTHERS = "other addresses";

    private static final class Window {
        long since;
        int counted;
        String last = "";

        Window(long since) {
            this.since = since;
        }
    }

    private final Consumer<String> log;
    private final Map<String, Window> windows = new LinkedHashMap<>();

    RefusalLog(Consumer<String> log) {
        this.log = log;
    }

    /** @param now in the time of {@link System#nanoTime} */
    void refused(String source, String why, long now) {
        flush(now);
        String name = windows.containsKey(source) || windows.size() < MAX_SOURCES ? source : OTHERS;
        Window window = windows.get(name);
        if (window == null) {
            windows.put(name, new Window(now));
            log.accept("refused a connection from " + source + ": " + why);
        } else {
            window.counted++;
            window.last = why;
        }
    }

    /** Logs the counts of the minutes that have ended. */
    void flush(long now) {
        List<String> quiet = new ArrayList<>();
        windows.forEach((source, window) -> {
            if (now - window.since < WINDOW_NANOS) {
                return;
            }
            if (window.counted == 0) {
                quiet.add(source);
                return;
            }
            log.accept("refused " + window.counted + " more connections from " + source + " within "
                    + Duration.ofNanos(now - window.since).toSeconds() + " s; the last: " + window.last);
            window.since = now;
            window.counted = 0;
        });
        quiet.forEach(windows::remove);
    }
}
