package io.swav.checkpoint;

import java.io.IOException;
import java.nio.channels.ReadableByteChannel;
import java.nio.channels.WritableByteChannel;
import java.util.List;
import java.util.function.Predicate;

/**
 * Where checkpoints lie: files by name, slashes between folders. A reader sees a file whole or not at all. Every method
 * throws an {@link IOException} whose message is for the user when the store cannot be reached or refuses.
 */
public interface Store extends AutoCloseable {
    /** For messages: {@code file:///folder} or {@code s3://bucket/prefix}. */
    String uri();

    /** Makes the place where files go, as far as that is possible before the first; whether it can be written shows then. */
    default void prepare() throws IOException {}

    /** Names of all files of checkpoints, those of unfinished drafts included. */
    List<String> names() throws IOException;

    /** @throws java.nio.file.NoSuchFileException when there is none */
    Source open(String name) throws IOException;

    /** A file of its own; replaces what was there when it is committed. */
    Sink create(String name) throws IOException;

    /** Whether several ranks save faster than one here; if not, there is only {@link UploadShare#ALONE}. */
    default boolean shares() {
        return false;
    }

    /**
     * A folder that appears by one last file.
     *
     * @param generation of the writer; see {@link #sweep}
     * @param share of this rank in its large files; only rank 0 commits
     */
    Draft draft(String folder, long generation, UploadShare share) throws IOException;

    /** Removes a folder, its last file first: half removed it is no checkpoint. */
    void remove(String folder, String lastFile) throws IOException;

    /**
     * Removes what writers left that died: drafts of this generation and earlier ones. There is one writer in a
     * generation, and it calls this when it writes nothing else.
     *
     * @param inUse whether a committed folder points at this one
     */
    void sweep(long generation, Predicate<String> inUse) throws IOException;

    @Override
    void close();

    /** A file being read, from its beginning. */
    interface Source extends ReadableByteChannel {
        /** Bytes of the whole file. */
        long size();
    }

    /** A file being written; closed without {@link #commit} it leaves nothing. */
    interface Sink extends WritableByteChannel {
        /** Returns when all bytes are where a crash does not lose them. */
        void commit() throws IOException;
    }

    /**
     * A folder being written; closed without {@link #commit} it leaves nothing, as far as the store can be reached. After
     * a commit that failed it leaves what a {@link #sweep} removes, as nobody knows yet whether it is there.
     */
    interface Draft extends AutoCloseable {
        /** One file after another. */
        Sink create(String file) throws IOException;

        /**
         * A file that all ranks write, each its share; several may be open. {@link Sink#commit} is done when this
         * rank's share is there, on rank 0 when all of it is.
         */
        default Sink createShared(String file) throws IOException {
            return create(file);
        }

        /** Where the files will be, seen from the folder: empty, or ends in a slash. */
        String location();

        /**
         * Writes the last file, and with it the folder is there. What was committed there before must have been
         * removed.
         *
         * @throws java.nio.file.FileAlreadyExistsException when another writer was first
         */
        void commit(String lastFile, byte[] content) throws IOException;

        @Override
        void close() throws IOException;
    }
}
