package io.swav.trainer;

import io.swav.api.LiveSettings;
import io.swav.api.World;
import io.swav.data.CropBatches;
import java.time.Duration;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/** The settings that change no bit: those of the configuration file, until a world document changes them. */
final class FollowedSettings {
    private static final Logger LOG = LoggerFactory.getLogger(FollowedSettings.class);
    private static final long LAST_SAVE_DEADLINE_MILLIS = 12_000;
    private static final long SAVE_DEADLINE_MILLIS_PER_NOTICE_SECOND = 800;

    private final CheckpointSession checkpoints;
    private final CropBatches batches;
    /** The watchdog's thread reads them, too. */
    private volatile LiveSettings current;

    FollowedSettings(LiveSettings first, CheckpointSession checkpoints, CropBatches batches) {
        this.current = first;
        this.checkpoints = checkpoints;
        this.batches = batches;
    }

    /** Takes over the settings of a world that has formed, from this step on. */
    void take(World world, long step) {
        LiveSettings published = world.settings();
        if (published != null && !published.equals(current)) {
            LOG.info("from step {} on: {}", step, String.join(", ", published.changesSince(current)));
            current = published;
            checkpoints.follow(published);
            batches.maxBadSamples(published.maxBadSamples());
        }
    }

    /**
     * Returns how long after SIGTERM a trainer saves and exits even if no world without it was published: early enough to
     * save before the pod is killed, even if its grace period is shorter than the cloud's notice.
     */
    Duration saveDeadline() {
        return Duration.ofMillis(
                Math.min(LAST_SAVE_DEADLINE_MILLIS, SAVE_DEADLINE_MILLIS_PER_NOTICE_SECOND * current.noticeSeconds()));
    }
}
