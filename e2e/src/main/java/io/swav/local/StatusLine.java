package io.swav.local;

import java.io.PrintStream;
import java.time.Duration;
import java.time.Instant;

/** A line that is rewritten in place on a terminal, and printed every few seconds elsewhere. */
public final class StatusLine {
    private static final Duration BETWEEN = Duration.ofSeconds(5);
    /** Returns to the line's start and clears it. */
    private static final String AGAIN = "\r\u001b[2K";

    private final PrintStream out;
    private final boolean terminal;
    private String shown = "";
    private Instant due = Instant.EPOCH;

    StatusLine(PrintStream out, boolean terminal) {
        this.out = out;
        this.terminal = terminal;
    }

    /** On this process's output; the launcher knows whether that is a terminal. */
    public static StatusLine standard() {
        return new StatusLine(System.out, Boolean.getBoolean("swav.terminal"));
    }

    /** As {@link #standard}, beside an output that is the command's result. */
    static StatusLine errors() {
        return new StatusLine(System.err, Boolean.getBoolean("swav.terminal"));
    }

    public void show(String line) {
        if (line.equals(shown)) {
            return;
        }
        if (terminal) {
            out.print(AGAIN + line);
            out.flush();
            shown = line;
        } else if (!Instant.now().isBefore(due)) {
            out.println(line);
            due = Instant.now().plus(BETWEEN);
            shown = line;
        }
    }

    /** Prints {@code line} for good. */
    public void say(String line) {
        out.println(terminal ? AGAIN + line : line);
        shown = "";
    }
}
