package io.swav.api;

import java.util.ArrayList;
import java.util.List;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

/**
 * Expands lists of names in braces as bash and WebDataset do: {@code s-{000..099}.tar}, {@code {train,extra}/*.tar}, several
 * in one name and one inside another. A number keeps its leading zeros. Braces with neither a comma nor a range stand for
 * themselves.
 *
 * @see <a href="https://www.gnu.org/software/bash/manual/html_node/Brace-Expansion.html">Brace expansion in bash</a>
 */
public final class BraceList {
    /** The most names that a list may have; more are a slip, such as a digit too many. */
    static final int MAX_NAMES = 1_000_000;

    /** Eighteen digits fit a long. */
    private static final Pattern RANGE = Pattern.compile("(\\d{1,18})\\.\\.(\\d{1,18})(?:\\.\\.(\\d{1,9}))?");

    private BraceList() {}

    /** Returns whether this stands for other names than itself; true too if its braces do not match. */
    public static boolean isPattern(String text) {
        try {
            return !text.equals(first(text));
        } catch (IllegalArgumentException e) {
            return true;
        }
    }

    /** Returns the first name of the list. */
    private static String first(String text) {
        StringBuilder name = new StringBuilder();
        int at = 0;
        while (at < text.length()) {
            if (text.charAt(at) == '{') {
                int end = end(text, at);
                List<String> choices = choices(text.substring(at + 1, end));
                name.append(choices.isEmpty() ? text.substring(at, end + 1) : first(choices.get(0)));
                at = end + 1;
            } else {
                name.append(text.charAt(at++));
            }
        }
        return name.toString();
    }

    /**
     * Returns the names that the text stands for, the last braces varying fastest.
     *
     * @throws IllegalArgumentException if a brace is not closed, or there are more than a million names; the message is for
     *     the user
     */
    public static List<String> expand(String text) {
        List<StringBuilder> names = new ArrayList<>(List.of(new StringBuilder()));
        int at = 0;
        while (at < text.length()) {
            int open = text.indexOf('{', at);
            append(names, text.substring(at, open < 0 ? text.length() : open));
            if (open < 0) {
                break;
            }
            int end = end(text, open);
            List<String> choices = choices(text.substring(open + 1, end));
            if (choices.isEmpty()) {
                append(names, text.substring(open, end + 1));
            } else {
                names = product(text, names, choices);
            }
            at = end + 1;
        }
        return names.stream().map(StringBuilder::toString).toList();
    }

    private static void append(List<StringBuilder> names, String text) {
        names.forEach(name -> name.append(text));
    }

    private static List<StringBuilder> product(String text, List<StringBuilder> names, List<String> choices) {
        List<String> inner = new ArrayList<>();
        for (String choice : choices) {
            inner.addAll(choice.indexOf('{') < 0 ? List.of(choice) : expand(choice));
        }
        if ((long) names.size() * inner.size() > MAX_NAMES) {
            throw tooMany(text);
        }
        List<StringBuilder> all = new ArrayList<>(names.size() * inner.size());
        for (StringBuilder name : names) {
            for (String choice : inner) {
                all.add(new StringBuilder(name).append(choice));
            }
        }
        return all;
    }

    private static int end(String text, int open) {
        int depth = 0;
        for (int at = open; at < text.length(); at++) {
            if (text.charAt(at) == '{') {
                depth++;
            } else if (text.charAt(at) == '}' && --depth == 0) {
                return at;
            }
        }
        throw new IllegalArgumentException("\"" + text + "\" has a { without a }");
    }

    /** Returns what is to be chosen from between two braces; empty if that is no list. */
    private static List<String> choices(String inside) {
        Matcher range = RANGE.matcher(inside);
        if (range.matches()) {
            return range(inside, range);
        }
        List<String> choices = new ArrayList<>();
        int depth = 0;
        int start = 0;
        for (int at = 0; at < inside.length(); at++) {
            char c = inside.charAt(at);
            if (c == '{') {
                depth++;
            } else if (c == '}') {
                depth--;
            } else if (c == ',' && depth == 0) {
                choices.add(inside.substring(start, at));
                start = at + 1;
            }
        }
        if (!choices.isEmpty()) {
            choices.add(inside.substring(start));
        }
        return choices;
    }

    private static List<String> range(String inside, Matcher range) {
        String from = range.group(1);
        String to = range.group(2);
        long first = Long.parseLong(from);
        long last = Long.parseLong(to);
        long step = range.group(3) == null ? 1 : Math.max(1, Long.parseLong(range.group(3)));
        if (Math.abs(last - first) / step >= MAX_NAMES) {
            throw tooMany("{" + inside + "}");
        }
        boolean padded = (from.length() > 1 && from.startsWith("0")) || (to.length() > 1 && to.startsWith("0"));
        int width = padded ? Math.max(from.length(), to.length()) : 1;
        List<String> numbers = new ArrayList<>();
        for (long n = first; first <= last ? n <= last : n >= last; n += first <= last ? step : -step) {
            numbers.add("0".repeat(Math.max(0, width - Long.toString(n).length())) + n);
        }
        return numbers;
    }

    private static IllegalArgumentException tooMany(String text) {
        return new IllegalArgumentException("\"" + text + "\" stands for more than " + MAX_NAMES + " names");
    }
}
