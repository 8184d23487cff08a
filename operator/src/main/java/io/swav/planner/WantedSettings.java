package io.swav.planner;

import io.swav.api.LiveSettings;
import io.swav.api.SwavJobSpec;

/**
 * The settings of a spec that may change while its trainers run.
 *
 * @param epochs of the whole job
 * @param live those that change no bit
 */
public record WantedSettings(int epochs, LiveSettings live) {
    /** The settings of a spec that sets none. */
    public static final WantedSettings DEFAULT = new WantedSettings(100, new LiveSettings(100, 500, null, 3, 15));

    public static WantedSettings of(SwavJobSpec spec) {
        return new WantedSettings(spec.training().epochs(), LiveSettings.of(spec));
    }
}
