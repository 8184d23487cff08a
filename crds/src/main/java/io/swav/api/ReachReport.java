package io.swav.api;

import com.fasterxml.jackson.annotation.JsonIgnoreProperties;
import java.util.List;
import java.util.Objects;

/**
 * Which other trainers a trainer reaches, by calls with the handshake that connects the members of a world: same key, same
 * version of the protocol, same protection of frames. A trainer calls the members of a world that does not form, the
 * newcomers that the operator lists, and, as long as it is a newcomer itself, the members of the newest world.
 *
 * @param generation of the world whose other members have all been called at least once; 0 for none
 * @param failures the trainers that its last call did not reach
 * @param newcomers uids of listed newcomers that its last call reached
 */
@JsonIgnoreProperties(ignoreUnknown = true)
public record ReachReport(long generation, List<Failure> failures, List<String> newcomers) {

    /**
     * A trainer that is not reached.
     *
     * @param uid of the trainer that was called
     * @param why for people: what happened to the last call
     * @param seconds for which no call has reached it
     */
    @JsonIgnoreProperties(ignoreUnknown = true)
    public record Failure(String uid, String why, double seconds) {
        public Failure {
            uid = Objects.requireNonNullElse(uid, "");
            why = Objects.requireNonNullElse(why, "no reason given");
        }
    }

    /** The report of a trainer that has called no other one. */
    public static final ReachReport NONE = new ReachReport(0, List.of(), List.of());

    public ReachReport {
        failures = Objects.requireNonNullElse(failures, List.<Failure>of()).stream()
                .filter(Objects::nonNull)
                .toList();
        newcomers = Objects.requireNonNullElse(newcomers, List.<String>of()).stream()
                .filter(Objects::nonNull)
                .toList();
    }
}
