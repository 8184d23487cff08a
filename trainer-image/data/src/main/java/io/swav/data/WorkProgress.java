package io.swav.data;

import java.io.PrintStream;
import java.util.Locale;
import java.util.function.LongSupplier;
import me.tongfei.progressbar.ProgressBar;
import me.tongfei.progressbar.ProgressBarBuilder;

/** Follows a long work and shows how far it is. Safe for use by several threads. */
@FunctionalInterface
public interface WorkProgress extends AutoCloseable {
    /** Begins to follow works. */
    @FunctionalInterface
    interface Follower {
        /** Shows nothing and ends nothing. */
        Follower NONE = (what, total, unit) -> units -> {};

        /**
         * Follows one work.
         *
         * @param what the work, for people
         * @param total its units
         * @param unit plural noun
         */
        WorkProgress begin(String what, long total, String unit);
    }

    /**
     * Counts units that are done.
     *
     * @throws java.util.concurrent.CancellationException if the work is to end now
     */
    void advance(long units);

    @Override
    default void close() {}

    /**
     * Shows a bar if there is a terminal, otherwise a line on the standard error every ten seconds. Newer JDKs have a
     * console object without a terminal; a bar does no harm there.
     */
    @SuppressWarnings("SystemConsoleNull")
    static WorkProgress console(String what, long total, String unit) {
        return System.console() != null
                ? new TerminalBar(what, total, unit)
                : new ProgressLines(what, total, unit, System.err, System::nanoTime);
    }

    /** A progress bar. */
    final class TerminalBar implements WorkProgress {
        private final ProgressBar bar;

        private TerminalBar(String what, long total, String unit) {
            bar = new ProgressBarBuilder()
                    .setTaskName(what)
                    .setInitialMax(total)
                    .setUnit(" " + unit, 1)
                    .build();
        }

        @Override
        public void advance(long units) {
            bar.stepBy(units);
        }

        @Override
        public void close() {
            bar.close();
        }
    }

    /** A line now and then. */
    final class ProgressLines implements WorkProgress {
        private static final long EVERY_NANOS = 10_000_000_000L;

        private final String what;
        private final long total;
        private final String unit;
        private final PrintStream out;
        private final LongSupplier nanos;
        private final long began;
        private long printed;
        private long done;

        ProgressLines(String what, long total, String unit, PrintStream out, LongSupplier nanos) {
            this.what = what;
            this.total = total;
            this.unit = unit;
            this.out = out;
            this.nanos = nanos;
            this.began = nanos.getAsLong();
            this.printed = began;
        }

        @Override
        public synchronized void advance(long units) {
            done += units;
            long now = nanos.getAsLong();
            if (now - printed >= EVERY_NANOS && done < total) {
                printed = now;
                double seconds = (now - began) / 1e9;
                out.printf(
                        Locale.ROOT,
                        "%s: %,d of %,d %s, %,.1f/s, %s left%n",
                        what,
                        done,
                        total,
                        unit,
                        done / seconds,
                        left(seconds / Math.max(1, done) * (total - done)));
            }
        }

        private static String left(double seconds) {
            return seconds < 120
                    ? Math.round(seconds) + " s"
                    : seconds < 7200 ? Math.round(seconds / 60) + " min" : Math.round(seconds / 3600) + " h";
        }
    }
}
