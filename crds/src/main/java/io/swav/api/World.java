package io.swav.api;

import com.fasterxml.jackson.annotation.JsonIgnoreProperties;
import com.fasterxml.jackson.annotation.JsonInclude;
import io.swav.api.DataLedger.Entry;
import java.util.List;
import java.util.Objects;
import java.util.OptionalInt;
import org.jspecify.annotations.Nullable;

/**
 * The world document: key {@link ResourceNames#WORLD_KEY} of ConfigMap {@code <job>-world}, written by the operator
 * alone. Rank is the position in {@code members}; survivors keep their order from one generation to the next.
 *
 * @param generation counts from 1; 0 is the empty world that trainers ignore
 * @param job uid of the SwavJob, so that a trainer of an earlier job of the same name is a stranger
 * @param why the sentence that explains this generation
 * @param hold whether there are too few members to train: members keep their state and wait for the next generation,
 *     rank 0 saves it
 * @param lost uids of members that this generation dropped because they are dead or do not respond: no member needs to
 *     wait for them
 * @param epochs of the job; null if they were never raised
 * @param settings that members take over with this generation; null if they were never changed, so that those of each
 *     trainer's configuration file hold
 * @param data the newest set of images that trainers reported, and its first epoch; null if the data does not grow
 */
@JsonIgnoreProperties(ignoreUnknown = true)
@JsonInclude(JsonInclude.Include.NON_NULL)
public record World(
        long generation,
        String job,
        List<Member> members,
        String why,
        boolean hold,
        List<String> lost,
        @Nullable EpochSchedule epochs,
        @Nullable LiveSettings settings,
        @Nullable Entry data) {

    /**
     * One trainer of the world.
     * @param address host:port at which the trainer listens for its peers, as it reported it
     */
    @JsonIgnoreProperties(ignoreUnknown = true)
    public record Member(String pod, String uid, String address) {}

    public World {
        if (generation < 0) {
            throw new IllegalArgumentException("world generation is negative: " + generation);
        }
        if (members == null || members.stream().anyMatch(Objects::isNull)) {
            throw new IllegalArgumentException("a world needs a list of members");
        }
        job = Objects.requireNonNullElse(job, "");
        why = Objects.requireNonNullElse(why, "");
        members = List.copyOf(members);
        // absent from an earlier operator's document
        lost = Objects.requireNonNullElse(lost, List.<String>of()).stream()
                .filter(Objects::nonNull)
                .toList();
    }

    /** Creates a world of a job whose settings were never changed. */
    public World(long generation, String job, List<Member> members, String why, boolean hold, List<String> lost) {
        this(generation, job, members, why, hold, lost, null, null, null);
    }

    /** Creates a world that trains and that lost no member. */
    public World(long generation, String job, List<Member> members, String why) {
        this(generation, job, members, why, false, List.of());
    }

    /** Returns the same world with these settings. */
    public World with(@Nullable EpochSchedule newEpochs, @Nullable LiveSettings newSettings) {
        return new World(generation, job, members, why, hold, lost, newEpochs, newSettings, data);
    }

    /** Returns the same world with this set of images. */
    public World with(@Nullable Entry set) {
        return new World(generation, job, members, why, hold, lost, epochs, settings, set);
    }

    public static World none(String job) {
        return new World(0, job, List.of(), "no world yet");
    }

    public int size() {
        return members.size();
    }

    /** Returns the rank of the pod with this uid; empty if it is not a member. */
    public OptionalInt rankOf(String uid) {
        for (int rank = 0; rank < members.size(); rank++) {
            if (members.get(rank).uid().equals(uid)) {
                return OptionalInt.of(rank);
            }
        }
        return OptionalInt.empty();
    }
}
