package io.swav.api;

/**
 * Judges the text of a world document, as a pure function. The operator writes it, but a person can edit a ConfigMap, a
 * script can write half a file, and a reader must survive any text: it follows a world only if every member can be
 * called, and only if a later world can still follow it.
 */
public sealed interface WorldDocument {
    /**
     * The largest generation. The operator counts from 1, so it would reach this one after 30 years of one world a
     * second. After {@link Long#MAX_VALUE} no generation could be newer, and a reader that accepted it would follow no
     * world any more.
     */
    long MAX_GENERATION = 1_000_000_000;

    /**
     * How far a generation may be ahead of the newest one known: a reader may have missed many worlds, but not so many
     * that it would still be alive. A larger number was not counted, and the operator's next world would look old.
     */
    long MAX_AHEAD = 1_000_000;

    /** The document is a world that its members can form. */
    record Usable(World world) implements WorldDocument {}

    /** The document is the world of another job. */
    record Foreign(String job) implements WorldDocument {}

    /**
     * The document cannot be followed.
     *
     * @param why one short line for people, which begins after "the world document"
     */
    record Unusable(String why) implements WorldDocument {}

    /**
     * Judges a document. Unknown fields are accepted, because a later operator may write them.
     *
     * @param text the document, of any content
     * @param job uid of the SwavJob that it must name; empty accepts any
     * @param newest the newest generation that the reader knows, 0 for none
     * @param maxMembers the number of members that the job can occupy
     */
    static WorldDocument read(String text, String job, long newest, int maxMembers) {
        return WorldDocumentReader.read(text, job, newest, maxMembers);
    }
}
