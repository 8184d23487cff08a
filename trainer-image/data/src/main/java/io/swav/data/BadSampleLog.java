package io.swav.data;

import io.swav.api.ExitCodes;
import io.swav.api.Shown;
import java.io.PrintWriter;
import java.util.ArrayList;
import java.util.Collections;
import java.util.List;

/** The samples that a command leaves out because they can never be decoded. Safe for use by several threads. */
public final class BadSampleLog {
    /** The samples that are named for people; a program finds all of them in a report. */
    private static final int NAMED = 20;

    /** A sample that is left out, and why. */
    public record BadSample(String name, String reason) {}

    private final DataSet data;
    private final PrintWriter out;
    private final List<BadSample> samples = Collections.synchronizedList(new ArrayList<>());

    /** @param out names the first samples */
    public BadSampleLog(DataSet data, PrintWriter out) {
        this.data = data;
        this.out = out;
    }

    /** Adds a sample, and names it if it is one of the first. */
    public synchronized void add(int sample, BadImageException why) {
        add(sample(data, sample, why));
    }

    static BadSample sample(DataSet data, int sample, BadImageException why) {
        return new BadSample(Shown.of(data.place(sample)), String.valueOf(why.getMessage()));
    }

    synchronized void add(BadSample sample) {
        samples.add(sample);
        if (samples.size() <= NAMED) {
            out.println("left out: " + sample.name() + ": " + sample.reason());
            out.flush();
        }
    }

    public int count() {
        return samples.size();
    }

    List<BadSample> samples() {
        return List.copyOf(samples);
    }

    /**
     * Reports how many samples were left out, and returns the exit code that follows from it.
     *
     * @param allowed samples that may be left out
     * @param total samples of the data set
     * @param where what they are missing in, "left out of FILE"
     */
    public int exitCode(int allowed, long total, String where) {
        int bad = count();
        if (bad > 0) {
            out.println(bad + " of " + total + " images cannot be decoded and were " + where
                    + (bad > allowed
                            ? "; repair or remove them and run the command again, or accept that with --max-bad-samples "
                                    + bad
                            : ""));
            out.flush();
        }
        return bad > allowed ? ExitCodes.BAD_DATA : ExitCodes.OK;
    }
}
