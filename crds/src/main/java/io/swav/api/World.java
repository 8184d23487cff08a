package io.swav.api;

import com.fasterxml.jackson.annotation.JsonIgnoreProperties;
import java.util.List;
import java.util.OptionalInt;

/**
 * The world document: key {@link Contract#WORLD_KEY} of ConfigMap {@code <job>-world}, written by the operator alone.
 * Rank is the position in {@code members}; survivors keep their order from one generation to the next.
 *
 * @param generation counts from 1; 0 is the empty world that no trainer acts on
 * @param job uid of the SwavJob, so that a trainer of an earlier job of the same name is a stranger
 * @param why the sentence that explains this generation
 */
@JsonIgnoreProperties(ignoreUnknown = true)
public record World(long generation, String job, List<Member> members, String why) {

    /** @param address host:port at which the trainer listens for its peers, as it reported it */
    @JsonIgnoreProperties(ignoreUnknown = true)
    public record Member(String pod, String uid, String address) {}

    public World {
        if (generation < 0) {
            throw new IllegalArgumentException("world generation is negative: " + generation);
        }
        members = List.copyOf(members);
    }

    public static World none(String job) {
        return new World(0, job, List.of(), "no world yet");
    }

    public int size() {
        return members.size();
    }

    /** Rank of the pod with this uid, empty when it is not a member. */
    public OptionalInt rankOf(String uid) {
        for (int rank = 0; rank < members.size(); rank++) {
            if (members.get(rank).uid().equals(uid)) {
                return OptionalInt.of(rank);
            }
        }
        return OptionalInt.empty();
    }
}
