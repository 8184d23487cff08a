package io.swav.api;

import java.util.regex.Pattern;

/** Shortens text that others wrote, for messages: it may be megabytes long, or contain line breaks. */
public final class Shown {
    private static final int MAX_LENGTH = 120;
    /** Control characters, line breaks of all kinds, and those that change the direction or the place of other characters. */
    private static final Pattern CONTROLS = Pattern.compile("[\\p{Cc}\\p{Cf}\\p{Zl}\\p{Zp}]");

    private Shown() {}

    /** Returns the beginning of a text, with control characters replaced. */
    public static String of(String text) {
        return plain(text.length() <= MAX_LENGTH ? text : text.substring(0, MAX_LENGTH) + "…");
    }

    /** Returns a text with control characters replaced. */
    public static String plain(String text) {
        return CONTROLS.matcher(text).replaceAll("?");
    }

    /** Returns whether a text has no control characters, so that it can stand in a line of a log. */
    public static boolean isPlain(String text) {
        return !CONTROLS.matcher(text).find();
    }
}
