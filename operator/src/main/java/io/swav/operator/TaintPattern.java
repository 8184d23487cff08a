package io.swav.operator;

import io.fabric8.kubernetes.api.model.Taint;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.Set;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import java.util.stream.Stream;

/**
 * Matches taints in the notation of {@code kubectl taint}: KEY, KEY=VALUE, KEY:EFFECT or KEY=VALUE:EFFECT. What is
 * absent matches everything.
 */
record TaintPattern(String key, Optional<String> value, Optional<String> effect) {
    private static final String NAME = "[A-Za-z0-9]([-A-Za-z0-9_.]{0,61}[A-Za-z0-9])?";
    private static final Pattern NOTATION = Pattern.compile("(?<key>([a-z0-9]([-a-z0-9.]{0,251}[a-z0-9])?/)?" + NAME
            + ")(=(?<value>(" + NAME + ")?))?(:(?<effect>[A-Za-z]*))?");
    private static final Set<String> EFFECTS = Set.of("NoSchedule", "PreferNoSchedule", "NoExecute");

    /** @throws IllegalArgumentException with the notation, if the text does not follow it */
    static TaintPattern parse(String text) {
        Matcher matcher = NOTATION.matcher(text);
        if (!matcher.matches()) {
            throw new IllegalArgumentException(
                    "\"" + text + "\" is not a taint: KEY, KEY=VALUE, KEY:EFFECT or KEY=VALUE:EFFECT");
        }
        Optional<String> effect = Optional.ofNullable(matcher.group("effect"));
        if (effect.filter(name -> !EFFECTS.contains(name)).isPresent()) {
            throw new IllegalArgumentException(
                    "\"" + text + "\" is not a taint: its effect is not NoSchedule, PreferNoSchedule or NoExecute");
        }
        return new TaintPattern(matcher.group("key"), Optional.ofNullable(matcher.group("value")), effect);
    }

    /**
     * Parses patterns that are separated by commas.
     *
     * @throws IllegalArgumentException naming every one that does not follow the notation
     */
    static List<TaintPattern> parseAll(String text) {
        List<TaintPattern> patterns = new ArrayList<>();
        List<String> problems = new ArrayList<>();
        Stream.of(text.split(","))
                .map(String::trim)
                .filter(one -> !one.isEmpty())
                .forEach(one -> {
                    try {
                        patterns.add(parse(one));
                    } catch (IllegalArgumentException e) {
                        problems.add(String.valueOf(e.getMessage()));
                    }
                });
        if (!problems.isEmpty()) {
            throw new IllegalArgumentException(String.join("; ", problems));
        }
        return List.copyOf(patterns);
    }

    boolean matches(Taint taint) {
        return key.equals(taint.getKey())
                && value.filter(wanted -> !wanted.equals(
                                Optional.ofNullable(taint.getValue()).orElse("")))
                        .isEmpty()
                && effect.filter(wanted -> !wanted.equals(taint.getEffect())).isEmpty();
    }

    @Override
    public String toString() {
        return key
                + value.map(text -> "=" + text).orElse("")
                + effect.map(text -> ":" + text).orElse("");
    }
}
