package io.swav.data;

import java.util.concurrent.TimeUnit;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/** Logs how far an index is, now and then, and what was found in the end. */
final class LoggedProgress implements IndexProgress {
    private static final Logger LOG = LoggerFactory.getLogger(LoggedProgress.class);
    private static final long PAUSE = TimeUnit.SECONDS.toNanos(10);

    private final String uri;
    private long last = System.nanoTime();

    LoggedProgress(String uri) {
        this.uri = uri;
    }

    @Override
    public void at(long files, long total, long samples) {
        if (System.nanoTime() - last < PAUSE) {
            return;
        }
        last = System.nanoTime();
        if (total == 0) {
            LOG.info("listing {}: {} files so far", uri, files);
        } else {
            LOG.info("indexing {}: {} of {} files, {} images so far", uri, files, total, samples);
        }
    }

    /** Logs what an open data set holds. */
    static void found(DataSet data) {
        LOG.info("{}: {}", data, data.inventory().summary());
        data.inventory().notes().forEach(note -> LOG.warn("{}: {}", data, note));
    }
}
