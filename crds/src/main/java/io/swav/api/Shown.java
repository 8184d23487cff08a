package io.swav.api;

/** Shortens text that others wrote, for messages: it may be megabytes long, or contain line breaks. */
public final class Shown {
    private static final int MAX_LENGTH = 120;

    private Shown() {}

    /** Returns the beginning of a text, with control characters replaced. */
    public static String of(String text) {
        String begin = text.length() <= MAX_LENGTH ? text : text.substring(0, MAX_LENGTH) + "…";
        return begin.replaceAll("\\p{Cntrl}", "?");
    }
}
