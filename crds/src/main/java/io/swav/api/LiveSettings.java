package io.swav.api;

import com.fasterxml.jackson.annotation.JsonIgnoreProperties;
import com.fasterxml.jackson.annotation.JsonInclude;
import java.util.ArrayList;
import java.util.List;
import java.util.Objects;
import org.jspecify.annotations.Nullable;

/**
 * Settings of a spec that change no bit and that running trainers take over from the world document, in the first step
 * of its generation.
 *
 * @param maxBadSamples {@code data.maxBadSamples}
 * @param everySteps {@code checkpoint.everySteps}
 * @param everySeconds {@code checkpoint.everySeconds}; null for steps alone
 * @param keep {@code checkpoint.keep}
 * @param noticeSeconds {@code recovery.noticeSeconds}
 */
@JsonIgnoreProperties(ignoreUnknown = true)
@JsonInclude(JsonInclude.Include.NON_NULL)
public record LiveSettings(
        int maxBadSamples, long everySteps, @Nullable Integer everySeconds, int keep, int noticeSeconds) {

    public LiveSettings {
        if (maxBadSamples < 0
                || everySteps < 1
                || (everySeconds != null && everySeconds < 1)
                || keep < 1
                || noticeSeconds < 1) {
            throw new IllegalArgumentException("settings are out of range: maxBadSamples " + maxBadSamples
                    + ", everySteps " + everySteps + ", everySeconds " + everySeconds + ", keep " + keep
                    + ", noticeSeconds " + noticeSeconds);
        }
    }

    public static LiveSettings of(SwavJobSpec spec) {
        return new LiveSettings(
                spec.data().maxBadSamples(),
                spec.checkpoint().everySteps(),
                spec.checkpoint().everySeconds(),
                spec.checkpoint().keep(),
                spec.recovery().noticeSeconds());
    }

    /** Returns what differs, "checkpoint.everySteps 100 instead of 500". */
    public List<String> changesSince(LiveSettings before) {
        List<String> changes = new ArrayList<>();
        add(changes, "data.maxBadSamples", maxBadSamples, before.maxBadSamples);
        add(changes, "checkpoint.everySteps", everySteps, before.everySteps);
        add(changes, "checkpoint.everySeconds", everySeconds, before.everySeconds);
        add(changes, "checkpoint.keep", keep, before.keep);
        add(changes, "recovery.noticeSeconds", noticeSeconds, before.noticeSeconds);
        return changes;
    }

    static void add(List<String> changes, String setting, @Nullable Object now, @Nullable Object before) {
        if (!Objects.equals(now, before)) {
            changes.add(setting + " " + shown(now) + " instead of " + shown(before));
        }
    }

    private static Object shown(@Nullable Object value) {
        return value == null ? "unset" : value;
    }
}
