package io.swav.local;

import java.io.PrintStream;
import java.time.Duration;
import java.time.Instant;

/** A status line that is rewritten in place on a terminal, and otherwise printed every few seconds. */
public final class StatusLine {
    private static final Duration BETWEEN = Duration.ofSeconds(5);
    /** Returns the cursor to the start of the line and clears it. */
    private static final String CLEAR_LINE = "\r\u001b[2K";

    private final PrintStream out;
    private final boolean terminal;
    private String shown = "";
    private Instant due = Instant.EPOCH;

    StatusLine(PrintStream out, boolean terminal) {
        this.out = out;
        this.terminal = terminal;
    }

    /** A status line on standard output; the launcher passes whether that is a terminal. */
    public static StatusLine standard() {
        return new StatusLine(System.out, Boolean.getBoolean("swav.terminal"));
    }

    /** A status line on standard error, for commands whose standard output is their result. */
    public static StatusLine errors() {
        return new StatusLine(System.err, Boolean.getBoolean("swav.terminal"));
    }

    public void show(String line) {
        if (line.equals(shown)) {
            return;
        }
        if (terminal) {
            out.print(CLEAR_LINE + line);
            out.flush();
            shown = line;
        } else if (!Instant.now().isBefore(due)) {
            out.println(line);
            due = Instant.now().plus(BETWEEN);
            shown = line;
        }
    }

    /** Prints {@code line} permanently. */
    public void say(String line) {
        out.println(terminal ? CLEAR_LINE + line : line);
        shown = "";
    }
}
