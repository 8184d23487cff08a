package io.swav.planner;

import java.util.List;

/** Lists of names in sentences: a count and the first names, because a world may have a thousand members. */
public final class Names {
    /** Names that are listed, of more. */
    public static final int SHOWN = 8;

    private Names() {}

    /** Joins up to {@value #SHOWN} names; of more, the first and how many others there are. */
    public static String of(List<String> names) {
        return joined(names, ", ");
    }

    /** Joins parts of a sentence that each are about one pod, like {@link #of}. */
    static String parts(List<String> parts) {
        return joined(parts, "; ");
    }

    private static String joined(List<String> all, String separator) {
        return all.size() <= SHOWN
                ? String.join(separator, all)
                : String.join(separator, all.subList(0, SHOWN)) + " and " + (all.size() - SHOWN) + " more";
    }
}
