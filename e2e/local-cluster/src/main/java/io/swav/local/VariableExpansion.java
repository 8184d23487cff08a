package io.swav.local;

import java.util.Comparator;
import java.util.Map;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import java.util.stream.Collectors;

/** Replaces variables and paths in a container's command, args and environment. */
final class VariableExpansion {
    private static final Pattern REFERENCE = Pattern.compile("\\$\\$|\\$\\(([-._a-zA-Z][-._a-zA-Z0-9]*)\\)");

    private VariableExpansion() {}

    /** Expands Kubernetes' {@code $(NAME)}; unknown names stay as they are, and {@code $$} is a dollar. */
    static String variables(String text, Map<String, String> env) {
        return REFERENCE.matcher(text).replaceAll(match -> {
            String name = match.group(1);
            String value = name == null ? "$" : env.getOrDefault(name, match.group());
            return Matcher.quoteReplacement(value);
        });
    }

    /**
     * Replaces container paths by host paths, because a process has no mount namespace of its own. Only whole path
     * elements are replaced: with /data at /host, {@code file:///data/x} becomes {@code file:///host/x}, and /database
     * stays.
     *
     * @param mounts container path to host path
     */
    static String paths(String text, Map<String, String> mounts) {
        if (mounts.isEmpty()) {
            return text;
        }
        String any = mounts.keySet().stream()
                .sorted(Comparator.comparingInt(String::length).reversed())
                .map(Pattern::quote)
                .collect(Collectors.joining("|", "(?<![\\w.-])(?:", ")(?![\\w.-])"));
        return Pattern.compile(any)
                .matcher(text)
                .replaceAll(match -> Matcher.quoteReplacement(mounts.getOrDefault(match.group(), match.group())));
    }
}
