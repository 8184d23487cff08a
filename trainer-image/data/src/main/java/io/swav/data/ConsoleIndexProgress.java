package io.swav.data;

import me.tongfei.progressbar.ProgressBar;
import org.jspecify.annotations.Nullable;

/** Shows how far an index is, as a bar; nothing if it was built before. */
final class ConsoleIndexProgress implements IndexProgress, AutoCloseable {
    private @Nullable ProgressBar bar;
    private boolean reading;

    @Override
    public void at(long files, long total, long samples) {
        if (bar == null || reading != total > 0) {
            close();
            reading = total > 0;
            bar = new ProgressBar(reading ? "indexing" : "listing", reading ? total : -1);
        }
        bar.stepTo(files);
        bar.setExtraMessage(reading ? samples + " images" : "");
    }

    @Override
    public void close() {
        if (bar != null) {
            bar.close();
            bar = null;
        }
    }
}
