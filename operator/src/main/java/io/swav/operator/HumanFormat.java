package io.swav.operator;

import java.time.Duration;
import java.time.Instant;
import java.time.format.DateTimeParseException;
import java.util.Locale;
import org.jspecify.annotations.Nullable;

/** Formats numbers, times and sentences for people; a dash stands for a missing value. */
final class HumanFormat {
    static final String NONE = "–";
    private static final int KILO = 1000;

    private HumanFormat() {}

    /** Formats whole numbers with separators, others with at most two digits after the point. */
    static String number(@Nullable Number value) {
        if (value == null) {
            return NONE;
        }
        double number = value.doubleValue();
        return number == Math.rint(number)
                ? String.format(Locale.ROOT, "%,d", (long) number)
                : String.format(Locale.ROOT, "%,.2f", number);
    }

    static String percent(@Nullable Double share) {
        return share == null ? NONE : String.format(Locale.ROOT, "%.1f %%", 100 * share);
    }

    static String bytes(@Nullable Long bytes) {
        if (bytes == null) {
            return NONE;
        }
        String[] units = {"B", "kB", "MB", "GB", "TB"};
        double size = bytes;
        int unit = 0;
        for (; size >= KILO && unit < units.length - 1; unit++) {
            size /= KILO;
        }
        return String.format(Locale.ROOT, unit == 0 ? "%.0f %s" : "%.1f %s", size, units[unit]);
    }

    /** Formats a duration in its two largest units: "3 h 20 min", "45 s". */
    static String duration(Duration time) {
        long seconds = Math.max(0, time.toSeconds());
        if (seconds < 60) {
            return seconds + " s";
        }
        if (seconds < 3600) {
            return two(seconds / 60, "min", seconds % 60, "s");
        }
        if (seconds < 86_400) {
            return two(seconds / 3600, "h", seconds % 3600 / 60, "min");
        }
        return two(seconds / 86_400, "d", seconds % 86_400 / 3600, "h");
    }

    /** Joins two sentences, each of which may be empty; messages of Kubernetes may already end with a period. */
    static String sentences(String first, String second) {
        if (first.isEmpty() || second.isEmpty()) {
            return first + second;
        }
        return first + (first.endsWith(".") ? " " : ". ") + second;
    }

    private static String two(long large, String unit, long small, String smaller) {
        return large + " " + unit + (small == 0 ? "" : " " + small + " " + smaller);
    }

    /** Formats a time as "5 min ago"; a text that is not a time stays as it is. */
    static String ago(@Nullable String time, Instant now) {
        if (time == null) {
            return NONE;
        }
        try {
            return duration(Duration.between(Instant.parse(time), now)) + " ago";
        } catch (DateTimeParseException e) {
            return time;
        }
    }
}
