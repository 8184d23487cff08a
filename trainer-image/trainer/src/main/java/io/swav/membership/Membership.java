package io.swav.membership;

import io.swav.api.World;
import java.util.OptionalInt;

/** A trainer's next action about its world, as a pure function of what it has seen. */
public sealed interface Membership {
    /** Form this world with its other members, possibly again after a failed attempt. */
    record Form(World world, int rank) implements Membership {}

    /**
     * Keep the state and wait for the next world, because too few members are left for training.
     *
     * @param leads whether this process is the one that saves the state
     */
    record Hold(World world, boolean leads) implements Membership {}

    /** Stay outside for now, and wait to be named in a world. */
    record Wait(String why) implements Membership {}

    /**
     * Exit, and give up the state in memory.
     *
     * @param allHoldersLeave whether all processes that hold the state leave; they must save it first
     */
    record Leave(String why, boolean allHoldersLeave) implements Membership {}

    /**
     * Decides the next action.
     *
     * @param newest newest world seen
     * @param formed the last world that this process formed; all of its members have held the state since. Generation 0
     *     for none
     * @param notice whether this process has received SIGTERM
     * @param uid uid of this process
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
                    "generation " + newest.generation() + " continues without this pod: " + newest.why(), !survivors);
        }
        if (notice) {
            return new Leave("asked to stop (SIGTERM) before joining a world", false);
        }
        return new Wait(
                newest.generation() == 0
                        ? "waiting for the first world"
                        : "ready, not in generation " + newest.generation());
    }

    /** Whether all ranks leave their current world after the step just applied. */
    static boolean switches(World current, long agreedGeneration) {
        return agreedGeneration > current.generation();
    }

    /**
     * Whether to abandon the peers of the current world. While every peer responds, worlds change at a step boundary and
     * no work is lost, so this waits. It does not wait if the new world lists one of the current members as lost.
     *
     * @param waitedNanos time since the later world was seen or the last step finished, whichever is shorter
     * @param patienceNanos how long to wait before abandoning the peers
     */
    static boolean abandons(World current, World newest, long waitedNanos, long patienceNanos) {
        return newest.generation() > current.generation()
                && (waitedNanos >= patienceNanos
                        || current.members().stream()
                                .anyMatch(member -> newest.lost().contains(member.uid())));
    }
}
