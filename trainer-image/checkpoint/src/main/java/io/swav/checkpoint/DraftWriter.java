package io.swav.checkpoint;

import java.nio.charset.StandardCharsets;
import java.security.MessageDigest;
import java.security.NoSuchAlgorithmException;
import java.util.HexFormat;

/**
 * Identifies the writer of unfinished files, whose names begin with its generation and its tag: two trainings in one place
 * never write the same draft, and each can tell its own from the other's.
 *
 * @param training identity of the training, the same for all of its processes
 * @param generation of the world that writes
 */
public record DraftWriter(String training, long generation) {
    /** Matches a tag. */
    static final String TAG = "[0-9a-f]{8}";

    private static final int TAG_BYTES = 4;

    /** Returns a short name of the training. */
    String tag() {
        try {
            byte[] digest = MessageDigest.getInstance("SHA-256").digest(training.getBytes(StandardCharsets.UTF_8));
            return HexFormat.of().formatHex(digest, 0, TAG_BYTES);
        } catch (NoSuchAlgorithmException e) {
            throw new IllegalStateException("every JDK has SHA-256", e);
        }
    }

    /** Returns the beginning of a draft's name, {@code <generation>-<tag>}. */
    String prefix() {
        return generation + "-" + tag();
    }

    /**
     * Returns whether a draft may be removed by this writer: it is its training's own, of this generation or an earlier
     * one, or any other training's.
     *
     * @param others whether the place belongs to this writer's training, so that other writers are dead
     */
    boolean mayRemove(long draftGeneration, String draftTag, boolean others) {
        return draftTag.equals(tag()) ? draftGeneration <= generation : others;
    }
}
