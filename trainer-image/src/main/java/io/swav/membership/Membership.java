package io.swav.membership;

import io.swav.api.World;
import java.util.OptionalInt;

/** What a trainer does next about the world: a pure function of what it has seen. */
public sealed interface Membership {
    /** Meet the other members of this world; also again, after an attempt that failed. */
    record Form(World world, int rank) implements Membership {}

    /**
     * Too few are left for training: keep the state and wait for the next world.
     *
     * @param leads this process is the one that saves the state
     */
    record Hold(World world, boolean leads) implements Membership {}

    /** Stay out for now. */
    record Wait(String why) implements Membership {}

    /**
     * Go, with the state in memory given up.
     *
     * @param nobodyStays of those that hold the state: they must save it first
     */
    record Leave(String why, boolean nobodyStays) implements Membership {}

    /**
     * @param newest world seen
     * @param formed the last world that this process formed with its members, who all hold the state since; generation 0
     *     for none
     * @param notice this process was told to go (SIGTERM)
     * @param uid this process's
     */
    static Membership next(World newest, World formed, boolean notice, String uid) {
        OptionalInt rank = newest.rankOf(uid);
        if (rank.isPresent() && newest.hold()) {
            return new Hold(newest, rank.getAsInt() == 0);
        }
        if (rank.isPresent()) {
            return new Form(newest, rank.getAsInt());
        }
        if (formed.generation() > 0) {
            boolean survivors = formed.members().stream()
                    .anyMatch(member -> newest.rankOf(member.uid()).isPresent());
            return new Leave(
                    "generation " + newest.generation() + " goes on without this pod: " + newest.why(), !survivors);
        }
        if (notice) {
            return new Leave("told to go before entering a world", false);
        }
        return new Wait(
                newest.generation() == 0
                        ? "waiting for the first world"
                        : "ready, not in generation " + newest.generation());
    }

    /** Whether all ranks leave the world they are in after the step just applied. */
    static boolean switches(World current, long agreedGeneration) {
        return agreedGeneration > current.generation();
    }

    /**
     * Whether to give up on the peers of the present world. While all of them answer a world changes between two steps,
     * and nothing is lost; so this waits, unless the operator says that nobody need.
     *
     * @param waitedNanos since the later world was seen and the last step finished, whichever came last
     */
    static boolean abandons(World current, World newest, long waitedNanos, long patienceNanos) {
        return newest.generation() > current.generation()
                && (waitedNanos >= patienceNanos
                        || current.members().stream()
                                .anyMatch(member -> newest.lost().contains(member.uid())));
    }
}
