package io.swav.api;

import java.util.List;

/** A spec is invalid; {@link #problems} names every wrong field. A trainer exits with {@link ExitCodes#CONFIG}. */
public final class InvalidSpecException extends TrainerExitException {
    private static final long serialVersionUID = 1;

    private final transient List<String> problems;

    public InvalidSpecException(String source, List<String> problems) {
        super(ExitCodes.CONFIG, source + ": " + String.join("; ", problems));
        this.problems = List.copyOf(problems);
    }

    public List<String> problems() {
        return problems;
    }
}
